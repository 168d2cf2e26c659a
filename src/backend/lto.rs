//! Bitcode that has entries is compiled before anything can be gathered.
//!
//! Only the backend can do that as it should be done: which members of archives are linked, and which
//! symbols are seen from outside the bitcode, is for it to resolve, or whole-program optimization would
//! have nothing to go by. So it links once as it was asked to, to a file that nobody sees, and hands out
//! the objects that it made of the bitcode (`--lto-obj-path`, which `wasm-ld` has since LLVM 20).

use super::command::Job;
use super::diagnostics::{Names, OUTPUT};
use super::invocation::Call;
use super::locate::Backend;
use super::process::{Ended, run_aside};
use crate::args::{CommandLine, Id, Meaning};
use crate::bitcode::Bitcode;
use crate::demangle;
use crate::error::{Error, Result, os_message};
use crate::hash::{HashMap, HashSet};
use crate::input::{FromBitcode, Inputs, Module, Name, Provenance, is_empty_module};
use crate::temporary::cannot_write as no_room;
use memchr::{memmem, memrchr};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The bitcode that has entries.
#[derive(Debug)]
pub struct WithEntries {
    /// Its places in [`Inputs::bitcode`].
    pub positions: Vec<usize>,
    /// Whether symbols show entries. A name of a section may be another text.
    pub is_certain: bool,
    /// The names that the optimizer keeps: those that entries have, and those that other files may refer to later.
    pub kept: Vec<String>,
}

/// What has become of the bitcode.
pub enum Compiled {
    /// What the backend made of it, and what it said.
    Objects(FromBitcode, Vec<u8>),
    /// The backend has said what is wrong.
    Failed(Ended),
    /// The backend does not hand out what it compiles, and no symbol shows entries.
    NoEntries,
}

/// Compiles the bitcode that is linked, and alone each file of what is not and has entries.
///
/// # Errors
/// A temporary file that cannot be written, or a backend that cannot be run or keeps its objects.
pub fn compile(
    backend: &Backend,
    line: &CommandLine,
    inputs: &Inputs<'_>,
    with_entries: &WithEntries,
) -> Result<Compiled> {
    let call = Call::new(line, backend);
    let mut job = Job::new()?;
    let output = Output::new(line, &job)?;
    job.names.set_output(&output.callers);
    let kept = with_entries
        .kept
        .iter()
        .map(|name| format!("--undefined={name}").into());
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
    if is_unknown && !with_entries.is_certain {
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
    let positions = with_entries.positions.iter().copied();
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
fn drop_reports(job: &mut Job<'_>, line: &CommandLine) {
    for (index, argument) in line.arguments() {
        if let Meaning::Option(Id::Map | Id::WhyExtract | Id::ThinLtoCache | Id::LtoObjectPath, _) =
            argument.meaning
        {
            job.edits.replace.insert(index, Vec::new());
        }
    }
}

fn keeps_objects(backend: &Backend, bitcode: &[Module<'_>], entries: &WithEntries) -> Error {
    let first = entries.positions.first();
    let first = first.and_then(|&first| Some(&bitcode.get(first)?.name));
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
    let mut objects: Vec<_> = objects.filter(|bytes| !is_empty_module(bytes)).collect();
    if let (1, Some(object)) = (objects.len(), objects.pop()) {
        return Ok(Alone::Object(object));
    }
    let _ = std::io::stderr().write_all(&messages);
    Ok(Alone::Failed(ended))
}

/// The list of what is extracted.
pub struct Extraction(PathBuf);

impl Extraction {
    pub fn new(job: &Job<'_>) -> Self {
        Self(job.directory().join("extraction"))
    }

    /// What asks the backend for it.
    pub fn option(&self) -> OsString {
        let mut option = OsString::from("--why-extract=");
        option.push(&self.0);
        option
    }

    /// The bitcode that is linked, as places in `Inputs::bitcode`.
    ///
    /// # Errors
    /// The backend has not written the list.
    pub fn linked(&self, inputs: &Inputs<'_>, names: &Names<'_>) -> Result<HashSet<usize>> {
        let mut linked: HashSet<usize> = inputs
            .bitcode
            .iter()
            .enumerate()
            .filter(|(_, module)| module.always_linked())
            .map(|(position, _)| position)
            .collect();
        if linked.len() == inputs.bitcode.len() {
            return Ok(linked);
        }
        let text = fs::read(&self.0).map_err(|error| {
            Error::new("the linker does not say which archive members it extracts")
                .note(format!("it has written no list for --why-extract: {error}"))
        })?;
        let text = names.text(&text);
        let mut canonical = Canonical::default();
        let mut members: HashMap<(PathBuf, &[u8]), Vec<usize>> = HashMap::default();
        for (position, module) in inputs.bitcode.iter().enumerate() {
            let named = members.entry(canonical.of_module(module)).or_default();
            named.push(position);
        }
        for line in text.split(|&byte| byte == b'\n').skip(1) {
            let mut columns = line.split(|&byte| byte == b'\t').skip(1);
            let (Some(name), Some(symbol)) = (columns.next(), columns.next()) else {
                continue;
            };
            let positions = members.get(&canonical.of_name(name));
            let positions = positions.map_or(&[][..], Vec::as_slice);
            // An archive may have two members of one name.
            let extracted = |&&position: &&usize| {
                !linked.contains(&position) && defines(&inputs.bitcode[position], symbol)
            };
            match positions {
                [] => {}
                [only] => {
                    linked.insert(*only);
                }
                several => linked.extend(several.iter().find(extracted).copied()),
            }
        }
        Ok(linked)
    }
}

/// Whether bitcode defines a symbol that the backend shows so.
fn defines(module: &Module<'_>, shown: &[u8]) -> bool {
    let bitcode = Bitcode::parse(module.lasting().unwrap_or_default());
    let symbols = bitcode.symbols.iter().flatten();
    let mut defined = symbols.filter(|symbol| symbol.is_global() && !symbol.is_undefined());
    defined.any(|symbol| {
        let demangled = || demangle::as_llvm(symbol.name);
        symbol.name.as_bytes() == shown || demangled().is_some_and(|name| name.as_bytes() == shown)
    })
}

/// Files by their canonical paths, as the backend may have found one by another way.
#[derive(Default)]
struct Canonical(HashMap<PathBuf, PathBuf>);

impl Canonical {
    fn path(&mut self, path: &Path) -> PathBuf {
        let known = self.0.entry(path.to_path_buf());
        known
            .or_insert_with(|| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
            .clone()
    }

    fn of_module<'m>(&mut self, module: &'m Module<'_>) -> (PathBuf, &'m [u8]) {
        let member = match module.provenance {
            Provenance::Member => module.name.member().unwrap_or_default(),
            Provenance::File | Provenance::Compiled => "",
        };
        (self.path(module.name.file()), member.as_bytes())
    }

    /// By `FILE`, or `ARCHIVE(MEMBER)`.
    fn of_name<'n>(&mut self, name: &'n [u8]) -> (PathBuf, &'n [u8]) {
        let parts = name
            .strip_suffix(b")")
            .and_then(|name| Some((name, memrchr(b'(', name)?)));
        let whole = PathBuf::from(crate::args::from_bytes(name));
        match parts {
            Some((inner, at)) if !whole.exists() => {
                let archive = PathBuf::from(crate::args::from_bytes(&inner[..at]));
                (self.path(&archive), &inner[at + 1..])
            }
            _ => (self.path(&whole), b""),
        }
    }
}
