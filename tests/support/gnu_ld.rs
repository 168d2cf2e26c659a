//! GNU ld as the reference for scripts: the same C sources compiled for x86-64 and for wasm, linked
//! by the same script, and what each has in an output section.

use super::{Instance, Work, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An input section: its name, its alignment in bytes, and the number that it holds.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// In bytes, 4 or more.
    pub alignment: u32,
    /// What tells it from all others.
    pub number: u32,
}

/// Objects of both kinds, under the same names in two directories.
pub struct Both {
    work: Work,
}

impl Both {
    /// Compiles each object, which is its name and its sections, and makes the archives, which are
    /// a name and members.
    pub fn new(objects: &[(&str, Vec<Section>)], archives: &[(&str, &[&str])]) -> Self {
        let work = Work::new();
        for (directory, target) in [
            ("elf", "x86_64-linux-gnu"),
            ("wasm", "wasm32-unknown-unknown"),
        ] {
            fs::create_dir(work.file(directory)).expect("a directory");
            for (name, sections) in objects {
                let source = work.write("source.c", source(sections));
                let object = work.file(directory).join(name);
                let target = format!("--target={target}");
                let words = [target.as_str(), "-O1", "-c", "-o"].map(PathBuf::from);
                work.run(tool("WSL_CLANG"), words.into_iter().chain([object, source]));
            }
            for (archive, members) in archives {
                let mut command = Command::new(tool("WSL_AR"));
                command.arg("rcs").arg(archive).args(*members);
                let status = command.current_dir(work.file(directory)).status();
                assert!(status.expect("ar").success());
            }
        }
        Self { work }
    }

    /// Links by GNU ld. The bytes of an output section, or the message.
    pub fn gnu(&self, script: &str, inputs: &[&str], section: &str) -> Result<Vec<u8>, String> {
        self.gnu_takes(script, inputs)?;
        let directory = self.work.file("elf");
        let only = format!("--only-section={section}");
        let binary = ["-O", "binary", &only, "out", "out.bin"];
        let copied = run(Command::new("objcopy").args(binary), &directory);
        assert!(copied.status.success(), "objcopy: {copied:?}");
        Ok(fs::read(directory.join("out.bin")).unwrap_or_default())
    }

    /// Links by GNU ld. The message, if it does not.
    pub fn gnu_takes(&self, script: &str, inputs: &[&str]) -> Result<(), String> {
        let directory = self.work.file("elf");
        fs::write(directory.join("script.ld"), script).expect("a script");
        let output = run(
            Command::new("ld")
                .args(["-e", "0", "-z", "noexecstack", "--no-warn-rwx-segments"])
                .args(["-o", "out", "--whole-archive"])
                .args(inputs)
                // After the inputs: a file that the script names would be linked where the script
                // stands.
                .args(["-T", "script.ld"]),
            &directory,
        );
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Links by us. The bytes between the symbols, or the message.
    pub fn ours(&self, script: &str, inputs: &[&str], section: &str) -> Result<Vec<u8>, String> {
        let directory = self.work.file("wasm");
        fs::write(directory.join("script.ld"), script).expect("a script");
        let bound = |which: &str| format!("--export-if-defined=__{which}_{section}");
        let output = run(
            Command::new(super::linker())
                .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
                .args(["--no-entry", "-T", "script.ld", "-o", "out.wasm"])
                .args([bound("start"), bound("stop")])
                .args(inputs),
            &directory,
        );
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let module = fs::read(directory.join("out.wasm")).expect("a module");
        let instance = Instance::new(&module);
        if instance
            .exports()
            .iter()
            .any(|name| *name == format!("__start_{section}"))
        {
            Ok(instance.section(section).to_vec())
        } else {
            Ok(Vec::new())
        }
    }
}

fn run(command: &mut Command, directory: &Path) -> Output {
    command
        .current_dir(directory)
        .output()
        .expect("a tool that runs")
}

fn source(sections: &[Section]) -> String {
    let variable = |section: &Section| {
        let Section {
            name,
            alignment,
            number,
        } = section;
        format!(
            "__attribute__((section(\"{name}\"), used, aligned({alignment}))) \
             static const int v{number} = {number};\n"
        )
    };
    sections.iter().map(variable).collect()
}
