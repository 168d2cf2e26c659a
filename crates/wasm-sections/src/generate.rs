//! Man pages and shell completions, for packages. `ci/release archives` puts them into the archives.

use clap::Command;
use clap_complete::Shell;
use std::fs;
use std::path::Path;
use wasm_section_ld::error::{Error, Result, os_message};

/// The shells that have files of completions.
const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Fish, Shell::PowerShell, Shell::Zsh];

/// Writes `man/*.1` and `completions/*` in this directory.
pub fn generate(command: &Command, directory: &Path) -> Result<()> {
    let written = || -> std::io::Result<()> {
        let [man, completions] = ["man", "completions"].map(|name| directory.join(name));
        fs::create_dir_all(&man)?;
        fs::create_dir_all(&completions)?;
        clap_mangen::generate_to(command.clone(), &man)?;
        let name = command.get_name();
        for shell in SHELLS {
            clap_complete::generate_to(shell, &mut command.clone(), name, &completions)?;
        }
        Ok(())
    };
    written().map_err(|error| {
        Error::new(format!(
            "cannot write to {}: {}",
            directory.display(),
            os_message(&error)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arguments;
    use clap::CommandFactory;

    #[test]
    fn each_command_has_a_page_and_is_completed() {
        let directory = tempfile::tempdir().expect("a directory");
        let command = Arguments::command();
        generate(&command, directory.path()).expect("files");
        let read = |name: String| fs::read_to_string(directory.path().join(name)).expect("a file");
        let completions = SHELLS.map(|shell| {
            use clap_complete::Generator;
            read(format!("completions/{}", shell.file_name("wasm-sections")))
        });
        let shown = command
            .get_subcommands()
            .filter(|command| !command.is_hide_set());
        for name in shown.map(Command::get_name) {
            let page = read(format!("man/wasm-sections-{name}.1"));
            assert!(page.contains(".SH OPTIONS"), "{page}");
            assert!(
                completions.iter().all(|script| script.contains(name)),
                "{name}"
            );
        }
        let hidden = directory.path().join("man/wasm-sections-generate.1");
        assert!(!hidden.exists());
        assert!(read("man/wasm-sections.1".to_owned()).contains("doctor"));
    }
}
