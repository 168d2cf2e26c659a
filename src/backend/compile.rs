//! Bitcode that has entries is compiled before anything can be gathered.
//!
//! Only the backend can do that as it should be done: which members of archives are linked, and which
//! symbols are seen from outside the bitcode, is for it to resolve, or whole-program optimization would
//! have nothing to go by. So it links once as it was asked to, to a file that nobody sees, and hands out
//! the objects that it made of the bitcode (`--lto-obj-path`, which `wasm-ld` has since LLVM 20).

use super::alone::{Alone, compile_alone};
use super::call::Call;
use super::extraction::Extraction;
use super::find::Backend;
use super::job::{Job, no_room};
use super::messages::OUTPUT;
use super::run::{Ended, run_aside};
use crate::args::{CommandLine, Id, Meaning};
use crate::error::{Error, Result, os_message};
use crate::input::{FromBitcode, Inputs, Module, Name};
use crate::survey::WithEntries;
use memchr::memmem;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What has become of the bitcode.
pub enum Compiled {
    /// What the backend made of it, and what it said.
    Objects(FromBitcode, Vec<u8>),
    /// The backend has said what is wrong.
    Failed(Ended),
    /// The backend does not hand out what it compiles, and no symbol shows entries.
    NoEntries,
}

/// Compiles the bitcode that is linked, and alone each file of what is not and has entries. The optimizer
/// keeps what is in `kept`: the names that entries have, and those that other files may refer to later.
///
/// # Errors
/// A temporary file that cannot be written, or a backend that cannot be run or keeps its objects.
pub fn compile(
    backend: &Backend,
    line: &CommandLine,
    inputs: &Inputs<'_>,
    with_entries: &[WithEntries],
    kept: &[String],
) -> Result<Compiled> {
    let call = Call::new(line, backend);
    let mut job = Job::new()?;
    let output = Output::new(line, &job)?;
    job.names.set_output(&output.callers);
    let kept = kept.iter().map(|name| format!("--undefined={name}").into());
    job.edits.last.extend(kept);
    if let Some(files) = inputs.files {
        job.give_read_once(files)?;
    }
    drop_reports(&mut job, line);
    job.edits.last.extend(output.words(line));
    let extraction = Extraction::new(&job);
    job.edits.last.push(extraction.option());
    job.edits.last.push(output.option());
    let words = job.words(line)?;
    let (mut ended, mut messages) = run_aside(backend, &call.piped(words), Some(&job.names))?;
    let is_unknown = memmem::find(&messages, OBJECTS.as_bytes()).is_some();
    let is_certain = with_entries.iter().any(|entries| entries.is_certain);
    if is_unknown && !is_certain {
        return Ok(Compiled::NoEntries);
    }
    if ended != Ended::Status(0) && is_unknown {
        // It may have more to say of the bitcode, such as that it is too new.
        let options = [output.option(), extraction.option()];
        job.edits.last.retain(|word| !options.contains(word));
        let words = job.words(line)?;
        (ended, messages) = run_aside(backend, &call.piped(words), Some(&job.names))?;
    }
    if ended != Ended::Status(0) && !inputs.bitcode.iter().any(Module::always_linked) {
        // Where no bitcode is linked, it fails to compile that nothing.
        job.edits.last.retain(|word| *word != output.option());
        let words = job.words(line)?;
        (ended, messages) = run_aside(backend, &call.piped(words), Some(&job.names))?;
    }
    if ended != Ended::Status(0) {
        let _ = std::io::stderr().write_all(&messages);
        return Ok(Compiled::Failed(ended));
    }
    if is_unknown {
        return Err(keeps_objects(backend, &inputs.bitcode, with_entries));
    }
    if line.has(Id::SaveTemps) {
        output.keep_temporaries()?;
    }
    if let Some(path) = line.values(Id::LtoObjectPath).last() {
        output.hand_out(Path::new(path))?;
    }
    let linked = extraction.linked(inputs, job.names())?;
    let objects = output.objects()?;
    let mut alone = BTreeMap::new();
    let positions = with_entries.iter().map(|entries| entries.position);
    for position in positions.filter(|position| !linked.contains(position)) {
        match compile_alone(backend, line, &inputs.bitcode[position])? {
            Alone::Object(object) => alone.insert(position, object),
            Alone::Failed(ended) => return Ok(Compiled::Failed(ended)),
        };
    }
    let from = FromBitcode {
        objects,
        linked,
        alone,
    };
    Ok(Compiled::Objects(from, messages))
}

/// `wasm-ld`'s option that says where to write the objects that it makes of bitcode.
const OBJECTS: &str = "--lto-obj-path";

/// The link that counts writes what people read. The cache has objects that the backend does not hand
/// out.
pub(super) fn drop_reports(job: &mut Job<'_>, line: &CommandLine) {
    for (index, argument) in line.arguments() {
        if let Meaning::Option(Id::Map | Id::WhyExtract | Id::ThinLtoCache | Id::LtoObjectPath, _) =
            argument.meaning
        {
            job.edits.replace.insert(index, Vec::new());
        }
    }
}

fn keeps_objects(backend: &Backend, bitcode: &[Module<'_>], entries: &[WithEntries]) -> Error {
    let first = entries.first().map(|first| &bitcode[first.position].name);
    let error = Error::new(
        "this LLVM bitcode has entries, and the linker does not hand out what it compiles",
    )
    .note(format!(
        "{} has no {OBJECTS}, which wasm-ld has since LLVM 20: name another by --section-linker=PATH",
        backend.path.display()
    ))
    .note("or build without -flto and -C linker-plugin-lto; `lto` in Cargo's profiles works");
    match first {
        Some(name) => error.in_file(name),
        None => error,
    }
}

/// Where the backend writes.
pub(super) struct Output {
    /// What the caller wants.
    callers: PathBuf,
    /// What nobody sees, in a directory of its own.
    file: PathBuf,
    /// The first of the objects that are made; the others have numbers behind that name.
    object: PathBuf,
}

impl Output {
    pub(super) fn new(line: &CommandLine, job: &Job<'_>) -> Result<Self> {
        let callers = line.output().to_path_buf();
        let directory = job.directory().join(OUTPUT);
        fs::create_dir(&directory).map_err(|error| no_room(&error))?;
        // Its name is in names that link-time optimization makes.
        let file = directory.join(callers.file_name().unwrap_or(OsStr::new("a.out")));
        Ok(Self {
            callers,
            file,
            object: job.directory().join("object"),
        })
    }

    /// Sections have no ends yet: `__start_NAME` is not defined. What else is not, the link that
    /// counts says.
    pub(super) fn words(&self, line: &CommandLine) -> Vec<OsString> {
        let mut words = vec!["-o".into(), self.file.clone().into()];
        let policy = line.values(Id::UnresolvedSymbols).last();
        // Which makes other code.
        if policy.is_none_or(|policy| policy != "import-dynamic") {
            words.push("--unresolved-symbols=ignore-all".into());
        }
        words
    }

    pub(super) fn option(&self) -> OsString {
        let mut option = OsString::from(OBJECTS);
        option.push("=");
        option.push(&self.object);
        option
    }

    /// The objects, under the name that the backend has for them.
    pub(super) fn objects(&self) -> Result<Vec<(Name, Vec<u8>)>> {
        let mut objects = Vec::new();
        for number in 0_u32.. {
            let mut path = self.object.clone().into_os_string();
            let mut name = self.callers.clone().into_os_string();
            name.push(".lto.");
            if number > 0 {
                path.push(number.to_string());
                name.push(format!("{number}."));
            }
            name.push("o");
            if !Path::new(&path).exists() {
                break;
            }
            let bytes = fs::read(&path).map_err(|error| no_room(&error))?;
            if !bytes.is_empty() {
                objects.push((Name::new(PathBuf::from(name).into(), None), bytes));
            }
        }
        Ok(objects)
    }

    /// Copies the objects to where the caller wants them.
    fn hand_out(&self, path: &Path) -> Result<()> {
        for number in 0_u32.. {
            let (mut from, mut to) = (
                self.object.clone().into_os_string(),
                path.as_os_str().to_owned(),
            );
            if number > 0 {
                from.push(number.to_string());
                to.push(number.to_string());
            }
            if !Path::new(&from).exists() {
                break;
            }
            fs::copy(&from, &to).map_err(|error| cannot_write(Path::new(&to), &error))?;
        }
        Ok(())
    }

    /// Moves what `--save-temps` has written beside the output to where the caller looks for it.
    fn keep_temporaries(&self) -> Result<()> {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        let written = fs::read_dir(directory).into_iter().flatten().flatten();
        for path in written.map(|entry| entry.path()) {
            let (Some(name), false) = (path.file_name(), path == self.file) else {
                continue;
            };
            let to = self.callers.with_file_name(name);
            fs::copy(&path, &to).map_err(|error| cannot_write(&to, &error))?;
        }
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!(
        "cannot write {}: {}",
        path.display(),
        os_message(error)
    ))
}
