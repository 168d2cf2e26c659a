//! wild as the backend. Before 0.11, it rejects options that rustc passes. What such an option asks for is done
//! without it where that has the same meaning. Any other option that it does not know is an error of ours.

use super::answers;
use super::command::LinkCommand;
use crate::args::{Argument, ArgumentIndex, CommandLine, Id, Meaning};
use crate::error::{Error, Result};
use crate::wasm::address_exports;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The options of wild 0.10 for wasm that take their value in the same argument, or are followed by it.
const PREFIXES: [&str; 5] = ["-L", "-l", "-m", "-z", "-O"];
/// Its other options.
const OPTIONS: [&str; 24] = [
    "o",
    "output",
    "e",
    "entry",
    "no-entry",
    "export",
    "gc-sections",
    "no-gc-sections",
    "stack-first",
    "no-stack-first",
    "initial-memory",
    "no-demangle",
    "write-layout",
    "write-trace",
    "sym-info",
    "validate-output",
    "update-in-place",
    "time",
    "mmap-output-file",
    "no-mmap-output-file",
    "threads",
    "no-threads",
    "fork",
    "no-fork",
];
/// The symbols that it defines itself and does not export by `--export`.
const ADDRESSES: [&str; 3] = ["__data_end", "__heap_base", "__heap_end"];

/// What is done with an argument for wild 0.10.
enum Carried<'a> {
    /// It is passed on.
    Passed,
    /// wild does without it what it asks for.
    Dropped,
    /// The symbol is exported by an object of ours.
    Exported(&'a str),
    /// wild does not know it.
    Unknown,
}

/// Whether this wild is one before 0.11, which does not know `--version` either.
pub fn is_old(path: &Path) -> bool {
    let Ok(path) = fs::canonicalize(path) else {
        return false;
    };
    let metadata = fs::metadata(&path).ok();
    let written = metadata.map(|metadata| (metadata.len(), metadata.modified().ok()));
    let ask = || {
        let mut command = Command::new(&path);
        // It is the linker for wasm by this name.
        set_name(&mut command, "wasm-ld");
        command.arg("--version").stdin(Stdio::null());
        let output = command.stderr(Stdio::null()).output().ok()?;
        Some(output.status.success().to_string())
    };
    let knows_version = answers::answer(&("--version", &path, written), |_| true, ask);
    knows_version.is_some_and(|knows| knows == "false")
}

#[cfg(unix)]
fn set_name(command: &mut Command, name: &str) {
    std::os::unix::process::CommandExt::arg0(command, name);
}

#[cfg(not(unix))]
fn set_name(_: &mut Command, _: &str) {}

/// Whether the command line needs [`carry`] for an old wild.
pub fn must_carry(line: &CommandLine) -> bool {
    line.arguments()
        .any(|(_, argument)| !matches!(carried(argument), Carried::Passed))
}

/// Changes the command for an old wild.
///
/// # Errors
/// Options that cannot be carried; a temporary file that cannot be written.
pub fn carry(command: &mut LinkCommand<'_>, line: &CommandLine) -> Result<()> {
    let mut dropped: Vec<ArgumentIndex> = Vec::new();
    let mut exported: Vec<&str> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for (index, argument) in line.arguments() {
        match carried(argument) {
            Carried::Passed => {}
            Carried::Dropped => dropped.push(index),
            Carried::Exported(symbol) => {
                dropped.push(index);
                exported.push(symbol);
            }
            Carried::Unknown => unknown.extend(shown(argument)),
        }
    }
    if !unknown.is_empty() {
        return Err(Error::new(format!("this wild does not know {}", unknown.join(", "))).note(
            "leave it out, or link with wild 0.11 or later, or with lld (--section-linker=PATH or \
             WASM_SECTION_LD_LINKER)",
        ));
    }
    command.drop_arguments(dropped);
    exported.sort_unstable();
    exported.dedup();
    if !exported.is_empty() {
        let object = command.write(&address_exports(&exported), None)?;
        command.append_argument(object);
    }
    Ok(())
}

fn carried(argument: &Argument) -> Carried<'_> {
    let Some(text) = argument.spelling.first().and_then(|first| first.to_str()) else {
        return Carried::Passed;
    };
    if matches!(&argument.meaning, Meaning::Option(id, _) if id.is_own()) {
        return Carried::Passed;
    }
    if let Meaning::Option(Id::Export, symbol) = &argument.meaning {
        let symbol = ADDRESSES
            .into_iter()
            .find(|name| symbol == OsStr::new(name));
        return symbol.map_or(Carried::Passed, Carried::Exported);
    }
    let is_file = matches!(argument.meaning, Meaning::Input(_) | Meaning::Ambiguous(_));
    if is_file || PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return Carried::Passed;
    }
    let name = text.strip_prefix("--").or_else(|| text.strip_prefix('-'));
    let name = name.unwrap_or(text).split('=').next().unwrap_or_default();
    match name {
        // It reports no undefined symbol: functions become imports, and data is null.
        "allow-undefined" => Carried::Dropped,
        // It keeps no debug information.
        "strip-debug" | "S" => Carried::Dropped,
        _ if OPTIONS.contains(&name) => Carried::Passed,
        _ => Carried::Unknown,
    }
}

fn shown(argument: &Argument) -> Option<String> {
    Some(argument.spelling.first()?.to_string_lossy().into_owned())
}
