//! Which data a link leaves undefined, where undefined symbols are allowed.

use super::command::Job;
use super::invocation::Call;
use super::locate::Backend;
use super::process::run_aside;
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
    call: &Call<'_>,
    job: &mut Job<'_>,
) -> Result<Vec<u8>> {
    let edits = job.edits.clone();
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
        job.edits.replace.insert(index, instead);
    }
    let output = job.directory().join("undefined.wasm");
    let last = ["-o".into(), output.into(), "--error-limit=0".into()];
    job.edits.last.extend(last);
    let words = job.words(line)?;
    let (_, messages) = run_aside(backend, &call.with_flavor(words), Some(job.names()))?;
    job.edits = edits;
    Ok(messages)
}
