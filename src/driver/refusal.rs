//! Rejects invalid options and inputs, and reports their errors.

use super::diagnostics::Diagnostics;
use crate::args::{self, CommandLine, Id};
use crate::backend::{ExitStatus, Invocation};
use crate::error::{Error, Result};
use crate::input::Files;
use std::io::Write;

/// Rejects unknown options that begin with `--section-`.
///
/// # Errors
/// The first such option.
pub fn reject_reserved(line: &CommandLine) -> Result<()> {
    let reserved = line
        .arguments()
        .find(|(_, argument)| matches!(argument.meaning, args::Meaning::Option(Id::Reserved, _)));
    let Some((_, argument)) = reserved else {
        return Ok(());
    };
    let option = argument.spelling.first().map(|word| word.to_string_lossy());
    Err(
        Error::new(format!("{}: no such option", option.unwrap_or_default()))
            .note("options that begin with `--section-` belong to wasm-section-ld; see --help"),
    )
}

/// Rejects an option of ours without its value. The backend rejects its own options.
///
/// # Errors
/// Such an option.
pub fn reject_missing_value(line: &CommandLine) -> Result<()> {
    match line.missing_value() {
        None | Some((_, false)) => Ok(()),
        Some((option, true)) => Err(Error::new(format!(
            "{}: this option needs a value",
            option.to_string_lossy()
        ))
        .note("give it as the next argument, or after `=`; see --help")),
    }
}

/// Reports `error` in the inputs, and the errors that the backend reports for the same command line. Build
/// systems probe for libraries and options with these messages.
///
/// # Errors
/// The backend cannot be run.
pub fn report_errors(
    diagnostics: &Diagnostics,
    line: &CommandLine,
    invocation: &Invocation<'_>,
    error: &Error,
) -> Result<ExitStatus> {
    let (status, messages) = invocation.capture_messages()?;
    let mut ours: Vec<&Error> = error.all().collect();
    for line in messages.split_inclusive(|&byte| byte == b'\n') {
        // Our message replaces the same message of the backend, because ours says what to do. On Windows, LLVM
        // may begin the reason with a small letter.
        let is_same = |error: &&Error| {
            let (line, what) = (line.trim_ascii_end(), error.what().as_bytes());
            let end = line.len().checked_sub(what.len());
            end.is_some_and(|end| line[end..].eq_ignore_ascii_case(what))
        };
        match ours.iter().position(is_same) {
            Some(position) => diagnostics.error(ours.remove(position)),
            None => _ = std::io::stderr().write_all(line),
        }
    }
    for error in ours {
        diagnostics.error(error);
    }
    if status == ExitStatus::Code(0) {
        remove_output(line);
    }
    Ok(ExitStatus::Code(1))
}

fn remove_output(line: &CommandLine) {
    if line.output().is_file() {
        let _ = std::fs::remove_file(line.output());
    }
}

/// Checks that the inputs have not changed during the link. Otherwise removes the output.
///
/// # Errors
/// The first input that has changed.
pub fn verify_inputs_unchanged(line: &CommandLine, files: &Files) -> Result<()> {
    let checked = files.check_unchanged(line.output());
    if checked.is_err() {
        remove_output(line);
    }
    checked
}
