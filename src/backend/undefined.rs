//! Finds undefined data that a link with `--allow-undefined` does not report.

use super::command::LinkCommand;
use super::invocation::Invocation;
use super::locate::Backend;
use super::process::capture;
use crate::args::{CommandLine, Id, Meaning};
use crate::error::Result;

/// The messages of a link that allows undefined functions but not undefined data. Only the backend knows
/// the references of live code. The output is temporary.
///
/// # Errors
/// The backend cannot be run.
pub fn undefined_data(
    backend: &Backend,
    line: &CommandLine,
    invocation: &Invocation<'_>,
    command: &mut LinkCommand<'_>,
) -> Result<Vec<u8>> {
    let edits = command.edits.clone();
    for (index, argument) in line.arguments() {
        let Meaning::Option(id, _) = argument.meaning else {
            continue;
        };
        let replacement = match id {
            // Allows only undefined functions.
            Id::AllowUndefined => vec!["--import-undefined".into()],
            Id::Map | Id::WhyExtract | Id::SaveTemps => Vec::new(),
            _ => continue,
        };
        command.edits.replace.insert(index, replacement);
    }
    let output = command.directory().join("undefined.wasm");
    let last = ["-o".into(), output.into(), "--error-limit=0".into()];
    command.edits.last.extend(last);
    let arguments = command.arguments(line)?;
    let (_, messages) = capture(
        backend,
        &invocation.with_flavor(arguments),
        Some(command.names()),
    )?;
    command.edits = edits;
    Ok(messages)
}
