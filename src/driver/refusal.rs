//! Checks of options and inputs.

use super::diagnostics::Diagnostics;
use crate::args::{self, CommandLine, Id};
use crate::backend::{ExitStatus, Invocation};
use crate::error::{Error, Result};
use crate::input::Files;
use std::io::Write;

/// Rejects unknown options that begin with `--section-`.
///
/// # Errors
/// There is such an option.
pub fn refuse_reserved(line: &CommandLine) -> Result<()> {
    let reserved = line
        .arguments()
        .find(|(_, argument)| matches!(argument.meaning, args::Meaning::Option(Id::Reserved, _)));
    let Some((_, argument)) = reserved else {
        return Ok(());
    };
    let option = argument.spelling.first().map(|word| word.to_string_lossy());
    Err(
        Error::new(format!("{}: no such option", option.unwrap_or_default()))
            .note("options that begin with `--section-` are those of wasm-section-ld; see --help"),
    )
}

/// Rejects options of ours without a value. The backend rejects its own.
///
/// # Errors
/// There is such an option.
pub fn refuse_missing_value(line: &CommandLine) -> Result<()> {
    match line.missing_value() {
        None | Some((_, false)) => Ok(()),
        Some((option, true)) => Err(Error::new(format!(
            "{}: this option needs a value",
            option.to_string_lossy()
        ))
        .note("give it as the next argument, or after `=`; see --help")),
    }
}

/// Reports `error` in the inputs, and what the backend reports of the same command line. Build systems
/// probe for libraries and options by such messages.
///
/// # Errors
/// The backend cannot be run.
pub fn report_errors(
    diagnostics: &Diagnostics,
    line: &CommandLine,
    invocation: &Invocation<'_>,
    error: &Error,
) -> Result<ExitStatus> {
    let (status, said) = invocation.capture_messages()?;
    let mut ours: Vec<&Error> = error.all().collect();
    for said in said.split_inclusive(|&byte| byte == b'\n') {
        // Print ours in place of the backend's: it says what to do.
        let is_said = |error: &&Error| said.trim_ascii_end().ends_with(error.what().as_bytes());
        match ours.iter().position(is_said) {
            Some(position) => diagnostics.error(ours.remove(position)),
            None => _ = std::io::stderr().write_all(said),
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

/// Removes the output file.
fn remove_output(line: &CommandLine) {
    if line.output().is_file() {
        let _ = std::fs::remove_file(line.output());
    }
}

/// Rejects an output whose inputs have changed during the link.
///
/// # Errors
/// There is such an input.
pub fn verify_inputs_unchanged(line: &CommandLine, files: &Files) -> Result<()> {
    let checked = files.check_unchanged(line.output());
    if checked.is_err() {
        remove_output(line);
    }
    checked
}
