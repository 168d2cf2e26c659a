//! `cargo wasm-sections`: builds with a manifest, and shows, opens or compares the modules.

use super::cargo_build::{Build, Linked, Outcome};
use super::cargo_options::CargoOptions;
use super::{Answer, Show, diff, html, inspect, progress, show};
use clap::{Args, CommandFactory, Parser, Subcommand};
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use wasm_section_ld::error::{Error, Result, os_message};

/// The name by which cargo calls a subcommand.
const NAME: &str = "wasm-sections";

#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo")]
enum Cargo {
    #[command(name = NAME, version)]
    WasmSections(Arguments),
}

/// The command `cargo-wasm-sections`, for its man page and completions.
pub fn command() -> clap::Command {
    let command = Cargo::command();
    let command = command.find_subcommand(NAME).cloned().unwrap_or(command);
    command.name("cargo-wasm-sections")
}

/// Builds a package and shows the link sections of the modules.
///
/// Runs `cargo build` with the manifest of wasm-section-ld switched on. A module keeps its manifest until cargo links it
/// again.
#[derive(Args)]
#[command(after_help = HELP)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON: an array with one element for each module
    #[arg(long, global = true)]
    json: bool,
    /// Show only this section
    #[arg(long, global = true, value_name = "NAME")]
    section: Option<String>,
    #[command(flatten)]
    cargo: CargoOptions,
}

const HELP: &str = "\
Examples:
  cargo wasm-sections --release
  cargo wasm-sections open -p app
  cargo wasm-sections diff
  cargo wasm-sections diff released.wasm --release

Exit status:
  0  success
  1  diff: the modules differ
  2  an error: nothing is linked, a file cannot be read, or the command line is wrong
  If cargo fails, its exit status.";

#[derive(Subcommand)]
enum Action {
    /// Show the sections as `wasm-sections inspect` does (default)
    Show,
    /// Open a page with the sections in the browser: $BROWSER, or else the default one
    Open,
    /// Compare with an older module: `wasm-sections diff`
    Diff {
        /// The old module (default: the module as it was when this command last built it)
        old: Option<PathBuf>,
    },
}

/// Several results.
#[derive(Serialize)]
#[serde(transparent)]
struct All<T: Show>(Vec<T>);

impl<T: Show> Show for All<T> {
    fn text(&self) -> String {
        let texts: Vec<_> = self.0.iter().map(Show::text).collect();
        texts.join("\n")
    }
}

/// A difference, with the name of the module if there are several.
#[derive(Serialize)]
struct Named {
    #[serde(flatten)]
    difference: diff::Difference,
    #[serde(skip)]
    module: Option<String>,
}

impl Show for Named {
    fn text(&self) -> String {
        let text = self.difference.text();
        match &self.module {
            Some(module) => format!("{}{module}{:#}\n{text}", super::BOLD, super::BOLD),
            None => text,
        }
    }
}

/// Runs the command with these arguments, and returns the exit status.
///
/// # Errors
/// See [`HELP`].
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8> {
    let Cargo::WasmSections(arguments) = Cargo::parse_from(with_name(arguments));
    let modules = match Build::new(&arguments.cargo)?.run()? {
        Outcome::Linked(modules) => modules,
        Outcome::Failed(status) => return Ok(exit_status(status)),
    };
    let good = match &arguments.action {
        None | Some(Action::Show) => show_all(&modules, &arguments)?,
        Some(Action::Open) => open_all(&modules, &arguments)?,
        Some(Action::Diff { old }) => compare_all(&modules, old.as_deref(), &arguments)?,
    };
    for module in &modules {
        module.keep()?;
    }
    Ok(u8::from(!good))
}

/// The arguments as cargo passes them: the first is the name of the subcommand.
fn with_name(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    if arguments.get(1).is_none_or(|first| first != NAME) {
        arguments.insert(arguments.len().min(1), NAME.into());
    }
    arguments
}

fn show_all(modules: &[Linked], arguments: &Arguments) -> Result<bool> {
    let mut reports = Vec::new();
    for module in modules {
        reports.push(inspected(&module.path, arguments)?);
    }
    show(&All(reports), arguments.json)?;
    Ok(true)
}

fn inspected(module: &Path, arguments: &Arguments) -> Result<super::report::Report> {
    let section = arguments.section.as_deref();
    let reading = format!("reading {}", module.display());
    Ok(progress::during(reading, || inspect::inspect(module, section))?.shown)
}

fn open_all(modules: &[Linked], arguments: &Arguments) -> Result<bool> {
    for module in modules {
        let report = inspected(&module.path, arguments)?;
        let page = module.page();
        if let Some(directory) = page.parent() {
            std::fs::create_dir_all(directory).map_err(|error| {
                Error::new(format!(
                    "cannot create {}: {}",
                    directory.display(),
                    os_message(&error)
                ))
            })?;
        }
        html::write(&report, &page)?;
        anstream::println!("{}", super::for_terminal(&page.display().to_string()));
        open(&page)?;
    }
    Ok(true)
}

/// Opens a page in the browser, as `cargo doc --open` does.
fn open(page: &Path) -> Result<()> {
    let browser = std::env::var_os("BROWSER").filter(|browser| !browser.is_empty());
    let opened = match &browser {
        Some(browser) => Command::new(browser).arg(page).status().map(|_| ()),
        None => open::that_detached(page),
    };
    opened.map_err(|error| {
        let with = browser.map_or_else(String::new, |it| format!(" with {}", it.to_string_lossy()));
        Error::new(format!(
            "cannot open {}{with}: {}",
            page.display(),
            os_message(&error)
        ))
        .note("open the page by hand, or set BROWSER to the program of a browser")
    })
}

fn compare_all(modules: &[Linked], old: Option<&Path>, arguments: &Arguments) -> Result<bool> {
    if let (Some(_), [_, _, ..]) = (old, modules) {
        let paths = modules
            .iter()
            .map(|module| module.path.display().to_string());
        return Err(
            Error::new("cargo has linked several modules, and one is to be compared")
                .note("choose one with -p, --lib, --bin or --example")
                .note(format!(
                    "the modules are {}",
                    paths.collect::<Vec<_>>().join(", ")
                )),
        );
    }
    let mut differences = Vec::new();
    let mut good = true;
    for module in modules {
        let Answer { shown, good: same } = compared(module, old)?;
        good &= same;
        differences.push(Named {
            difference: shown,
            module: (modules.len() > 1).then(|| module.path.display().to_string()),
        });
    }
    show(&All(differences), arguments.json)?;
    Ok(good)
}

fn compared(module: &Linked, old: Option<&Path>) -> Result<Answer<diff::Difference>> {
    let last = match (old, &module.last) {
        (Some(_), _) => None,
        (None, Some(last)) => Some(last),
        (None, None) => {
            // Kept now, for the next time.
            module.keep()?;
            return Err(Error::new("there is no older module to compare with")
                .note("this one is kept: change the program, and run the command again")
                .note("or pass the old module: cargo wasm-sections diff OLD")
                .in_file(module.path.display()));
        }
    };
    let reading = format!("comparing {}", module.path.display());
    progress::during(reading, || match (old, last) {
        (Some(old), _) => diff::diff(old, &module.path),
        (None, last) => {
            let kept = kept_file(last.map_or(&[][..], Vec::as_slice))?;
            diff::diff(kept.path(), &module.path)
        }
    })
}

/// The older module as a file.
fn kept_file(bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let written = tempfile::Builder::new()
        .prefix("last-")
        .suffix(".wasm")
        .tempfile();
    let written = written.and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        Ok(file)
    });
    written.map_err(|error| {
        Error::new(format!(
            "cannot write a temporary file: {}",
            os_message(&error)
        ))
    })
}

/// The exit status of cargo.
fn exit_status(status: ExitStatus) -> u8 {
    let code = status.code();
    #[cfg(unix)]
    let code = code.or_else(|| {
        // As shells do.
        std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal)
    });
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Arguments {
        let words = words.iter().map(OsString::from);
        let Cargo::WasmSections(arguments) = Cargo::try_parse_from(with_name(words)).unwrap();
        arguments
    }

    fn cargo(words: &[&str]) -> Vec<String> {
        let arguments = parsed(words).cargo;
        let arguments = arguments.arguments();
        arguments
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_command_line_is_valid() {
        use clap::CommandFactory;
        Cargo::command().debug_assert();
    }

    #[test]
    fn options_are_passed_on_wherever_they_stand() {
        let expected = [
            "--package=a",
            "--package=b",
            "--features=x,y",
            "--release",
            "--target=wasm32-wasip1",
            "-Zz",
        ];
        let spelled = [
            "-r --target=wasm32-wasip1 -Zz -pa -p b -F x,y",
            "-r -pa -p b -Fx,y --target wasm32-wasip1 -Zz",
        ];
        for before in ["x", "x wasm-sections", "x wasm-sections diff old"] {
            for options in spelled {
                let words: Vec<_> = before.split(' ').chain(options.split(' ')).collect();
                assert_eq!(cargo(&words), expected, "{words:?}");
            }
        }
        assert_eq!(cargo(&["x", "-vv"]), ["--verbose", "--verbose"]);
    }

    #[test]
    fn a_value_is_no_action() {
        let arguments = parsed(&["x", "--bin", "diff", "--json"]);
        assert!(arguments.action.is_none() && arguments.json);
        let arguments = parsed(&["x", "diff", "--bin", "open", "old.wasm"]);
        assert!(matches!(
            arguments.action,
            Some(Action::Diff { old: Some(_) })
        ));
    }
}
