//! Bitcode that has entries is compiled before anything can be gathered.
//!
//! Only the backend can do that as it should be done: which members of archives are linked, and which
//! symbols are seen from outside the bitcode, is for it to resolve, or whole-program optimization would
//! have nothing to go by. So it links once as it was asked to, to a file that nobody sees, and hands out
//! the objects that it made of the bitcode (`--lto-obj-path`, which `wasm-ld` has since LLVM 20).

use super::call::Call;
use super::find::Backend;
use super::job::{Job, no_room};
use super::messages::OUTPUT;
use super::run::{Ended, run_aside};
use crate::args::{CommandLine, Id, Meaning};
use crate::error::{Error, Result, os_message};
use crate::input::{Inputs, Module, Name};
use crate::survey::WithEntries;
use memchr::memmem;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What has become of the bitcode.
pub enum Compiled {
    /// The objects that the backend made, and what it said.
    Objects(Vec<(Name, Vec<u8>)>, Vec<u8>),
    /// The backend has said what is wrong.
    Failed(Ended),
    /// The backend does not hand out what it compiles, and no symbol shows entries.
    NoEntries,
}

/// Compiles the bitcode that is linked. What is in `with_entries` is linked always, and what other files
/// could refer to there is kept.
///
/// # Errors
/// A temporary file that cannot be written, or a backend that cannot be run or keeps its objects.
pub fn compile(
    backend: &Backend,
    line: &CommandLine,
    inputs: &Inputs<'_>,
    with_entries: &[WithEntries],
) -> Result<Compiled> {
    let call = Call::new(line, backend);
    let mut job = Job::new()?;
    let output = Output::new(line, &job)?;
    job.names.set_output(&output.callers);
    for entries in with_entries {
        let module = &inputs.bitcode[entries.position];
        if !module.always_linked() {
            let file = job.write(&module.load()?, Some(module.name.to_string()))?;
            job.place(module, vec![file.into()]);
        }
        job.edits.last.extend(kept(entries));
    }
    job.leave_lib(&inputs.bitcode);
    drop_reports(&mut job, line);
    job.edits.last.extend(output.words(line));
    job.edits.last.push(output.option());
    let words = job.words(line)?;
    let (mut ended, mut messages) = run_aside(backend, &call.with_flavor(words), &job.names)?;
    let is_unknown = memmem::find(&messages, OBJECTS.as_bytes()).is_some();
    let is_certain = with_entries.iter().any(|entries| entries.is_certain);
    if is_unknown && !is_certain {
        return Ok(Compiled::NoEntries);
    }
    if ended != Ended::Status(0) && is_unknown {
        // It may have more to say of the bitcode, such as that it is too new.
        job.edits.last.pop();
        let words = job.words(line)?;
        (ended, messages) = run_aside(backend, &call.with_flavor(words), &job.names)?;
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
    Ok(Compiled::Objects(output.objects()?, messages))
}

/// `wasm-ld`'s option that says where to write the objects that it makes of bitcode.
const OBJECTS: &str = "--lto-obj-path";

fn kept(entries: &WithEntries) -> impl Iterator<Item = OsString> {
    let flags = entries.globals.iter();
    flags.map(|symbol| format!("--undefined={symbol}").into())
}

/// The link that counts writes what people read. The cache has objects that the backend does not hand
/// out.
fn drop_reports(job: &mut Job<'_>, line: &CommandLine) {
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
struct Output {
    /// What the caller wants.
    callers: PathBuf,
    /// What nobody sees, in a directory of its own.
    file: PathBuf,
    /// The first of the objects that are made; the others have numbers behind that name.
    object: PathBuf,
}

impl Output {
    fn new(line: &CommandLine, job: &Job<'_>) -> Result<Self> {
        let callers = line.values(Id::Output).last();
        let callers = PathBuf::from(callers.unwrap_or(OsStr::new("a.out")));
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
    fn words(&self, line: &CommandLine) -> Vec<OsString> {
        let mut words = vec!["-o".into(), self.file.clone().into()];
        let policy = line.values(Id::UnresolvedSymbols).last();
        // Which makes other code.
        if policy.is_none_or(|policy| policy != "import-dynamic") {
            words.push("--unresolved-symbols=ignore-all".into());
        }
        words
    }

    fn option(&self) -> OsString {
        let mut option = OsString::from(OBJECTS);
        option.push("=");
        option.push(&self.object);
        option
    }

    /// The objects, under the name that the backend has for them.
    fn objects(&self) -> Result<Vec<(Name, Vec<u8>)>> {
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
