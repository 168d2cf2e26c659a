//! Bitcode with entries that is not linked, as an archive member that nothing refers to: it is compiled alone, and
//! is then like any other object that may be extracted.

use super::call::Call;
use super::compile::{Output, drop_reports};
use super::find::Backend;
use super::job::Job;
use super::run::{Ended, run_aside};
use crate::args::{CommandLine, Id, Meaning};
use crate::error::Result;
use crate::input::Module;
use crate::wasm::has_symbols;
use std::io::Write;

/// What has become of a file.
pub enum Alone {
    /// The object that was made of it.
    Object(Vec<u8>),
    /// The backend has said what is wrong.
    Failed(Ended),
}

/// Compiles a file as it would be in this link if others could refer to all that it defines.
///
/// # Errors
/// A temporary file that cannot be written, or a backend that cannot be run.
pub fn compile_alone(backend: &Backend, line: &CommandLine, module: &Module<'_>) -> Result<Alone> {
    let mut job = Job::new()?;
    let output = Output::new(line, &job)?;
    drop_reports(&mut job, line);
    for (index, argument) in line.arguments() {
        let is_input = match &argument.meaning {
            Meaning::Input(_) | Meaning::Option(Id::Library, _) => true,
            Meaning::Ambiguous(path) => std::path::Path::new(path).is_file(),
            _ => false,
        };
        if is_input {
            job.edits.replace.insert(index, Vec::new());
        }
    }
    let file = job.write(&module.load()?, Some(module.name.to_string()))?;
    job.edits.first.push(file.into());
    job.edits.last.extend(output.words(line));
    let options = ["--no-entry", "--export-all", "--lto-partitions=1"];
    job.edits.last.extend(options.map(Into::into));
    job.edits.last.push(output.option());
    let words = job.words(line)?;
    let call = Call::new(line, backend);
    let (ended, messages) = run_aside(backend, &call.piped(words), Some(job.names()))?;
    // The objects are written before the rest is linked, which may lack what only others have.
    let objects = output.objects()?.into_iter().map(|(_, bytes)| bytes);
    let mut objects: Vec<_> = objects.filter(|bytes| has_symbols(bytes)).collect();
    if let (1, Some(object)) = (objects.len(), objects.pop()) {
        return Ok(Alone::Object(object));
    }
    let _ = std::io::stderr().write_all(&messages);
    Ok(Alone::Failed(ended))
}
