//! Which data a link leaves undefined, where undefined symbols are allowed.

use super::command::LinkCommand;
use super::invocation::Invocation;
use super::locate::Backend;
use super::process::capture;
use crate::args::{CommandLine, Id, Meaning};
use crate::error::Result;

/// What the backend says of a link in which functions may be undefined and data may not. Only it knows what
/// live code refers to. The link goes to a file that nobody sees.
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
        let instead = match id {
            // The half of it that is about functions.
            Id::AllowUndefined => vec!["--import-undefined".into()],
            Id::Map | Id::WhyExtract | Id::SaveTemps => Vec::new(),
            _ => continue,
        };
        command.edits.replace.insert(index, instead);
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
