//! The LTO step: compiles bitcode with entries before gathering.
//!
//! LTO depends on which archive members are linked and which symbols are visible outside the bitcode. Only the
//! backend can resolve both. So the backend links once to a temporary output and writes the objects of the
//! bitcode (`--lto-obj-path`, since LLVM 20).

use super::command::LinkCommand;
use super::diagnostics::{NameMap, OUTPUT};
use super::invocation::Invocation;
use super::locate::Backend;
use super::process::{ExitStatus, capture, capture_with_output};
use crate::args::{CommandLine, Id, Meaning};
use crate::bitcode::Bitcode;
use crate::demangle;
use crate::error::{Error, Result, os_message};
use crate::hash::{HashMap, HashSet};
use crate::input::{FromBitcode, Inputs, Module, Name, Provenance, is_empty_module};
use crate::temporary::cannot_write as cannot_write_temporary;
use memchr::{memmem, memrchr};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The bitcode that has entries.
#[derive(Debug)]
pub struct BitcodeWithEntries {
    /// Indices into [`Inputs::bitcode`].
    pub positions: Vec<usize>,
    /// Whether symbol tables show the entries. If not, only the name of a section occurs in a file.
    pub is_certain: bool,
    /// The symbols that LTO must retain: entries, and symbols that other files may refer to later.
    pub preserved: Vec<String>,
}

/// The result of the LTO step.
pub enum Compiled {
    /// The objects of the bitcode, and the messages of the backend.
    Objects(FromBitcode, Vec<u8>),
    /// The backend has reported an error.
    Failed(ExitStatus),
    /// The backend has no `--lto-obj-path`, and no symbol table shows entries.
    NoEntries,
}

/// Compiles the bitcode of the link. Files that have entries but are not linked are compiled
/// separately.
///
/// # Errors
/// A temporary file that cannot be written, a backend that cannot be run, or one without
/// `--lto-obj-path`.
pub fn compile_bitcode(
    backend: &Backend,
    line: &CommandLine,
    inputs: &Inputs<'_>,
    with_entries: &BitcodeWithEntries,
) -> Result<Compiled> {
    let invocation = Invocation::new(line, backend);
    let mut command = LinkCommand::new(line.output())?;
    let output = Output::new(line, &command)?;
    command.names.set_output(&output.requested);
    let preserved = with_entries
        .preserved
        .iter()
        .map(|name| format!("--undefined={name}").into());
    command.edits.last.extend(preserved);
    if let Some(files) = inputs.files {
        command.write_pipe_inputs(files)?;
    }
    drop_reports(&mut command, line);
    command.edits.last.extend(output.arguments(line));
    let extraction = Extraction::new(&command);
    command.edits.last.extend(extraction.options());
    command.edits.last.push(output.option());
    let mut trace = Vec::new();
    let mut run = |command: &mut LinkCommand<'_>| {
        trace.clear();
        let arguments = invocation.piped(command.arguments(line)?);
        capture_with_output(backend, &arguments, Some(&command.names), &mut trace)
    };
    let (mut status, mut messages) = run(&mut command)?;
    let is_unknown = memmem::find(&messages, LTO_OBJ_PATH.as_bytes()).is_some();
    if is_unknown && !with_entries.is_certain {
        return Ok(Compiled::NoEntries);
    }
    if status != ExitStatus::Code(0) && is_unknown {
        // Without the unknown option, the backend reports other errors, such as bitcode that is too new.
        let [trace, why_extract] = extraction.options();
        let options = [output.option(), trace, why_extract];
        command
            .edits
            .last
            .retain(|argument| !options.contains(argument));
        (status, messages) = run(&mut command)?;
    }
    if status != ExitStatus::Code(0) && !inputs.bitcode.iter().any(Module::always_linked) {
        // The backend fails on this option if no bitcode is linked.
        command
            .edits
            .last
            .retain(|argument| *argument != output.option());
        (status, messages) = run(&mut command)?;
    }
    if status != ExitStatus::Code(0) {
        let _ = std::io::stderr().write_all(&messages);
        return Ok(Compiled::Failed(status));
    }
    if is_unknown {
        return Err(no_lto_objects(backend, &inputs.bitcode, with_entries));
    }
    if line.has(Id::SaveTemps) {
        output.copy_temporaries()?;
    }
    if let Some(path) = line.values(Id::LtoObjectPath).last() {
        output.copy_objects(Path::new(path))?;
    }
    let linked = extraction.linked(inputs, command.names(), &trace)?;
    let objects = output.objects()?;
    let mut separate = BTreeMap::new();
    for &position in &with_entries.positions {
        // A copy of linked bitcode, or of an earlier file, has the same entries.
        if linked.contains(&position) || is_copy(&inputs.bitcode, position, &linked) {
            continue;
        }
        match compile_separately(backend, line, &inputs.bitcode[position])? {
            Separate::Object(object) => separate.insert(position, object),
            Separate::Failed(status) => return Ok(Compiled::Failed(status)),
        };
    }
    let from = FromBitcode {
        objects,
        linked,
        separate,
    };
    Ok(Compiled::Objects(from, messages))
}

/// Whether a file that is not linked has the same bytes as a linked file or an earlier file.
fn is_copy(bitcode: &[Module<'_>], position: usize, linked: &HashSet<usize>) -> bool {
    let bytes = bitcode[position].contents();
    let others = bitcode.iter().enumerate();
    let mut others = others.filter(|(other, _)| *other < position || linked.contains(other));
    others.any(|(_, module)| module.contents() == bytes)
}

/// The option for the objects of the LTO step.
const LTO_OBJ_PATH: &str = "--lto-obj-path";

/// Drops the options of reports, which the final link writes, and of the cache: the backend does not write
/// cached objects to `--lto-obj-path`.
fn drop_reports(command: &mut LinkCommand<'_>, line: &CommandLine) {
    for (index, argument) in line.arguments() {
        if let Meaning::Option(Id::Map | Id::WhyExtract | Id::ThinLtoCache | Id::LtoObjectPath, _) =
            argument.meaning
        {
            command.edits.replace.insert(index, Vec::new());
        }
    }
}

fn no_lto_objects(
    backend: &Backend,
    bitcode: &[Module<'_>],
    entries: &BitcodeWithEntries,
) -> Error {
    let first = entries.positions.first();
    let first = first.and_then(|&first| Some(&bitcode.get(first)?.name));
    let error = Error::new(
        "this LLVM bitcode has entries, but the linker cannot write the objects that it compiles",
    )
    .note(format!(
        "{} has no {LTO_OBJ_PATH}, which wasm-ld has since LLVM 20: use another linker with --section-linker=PATH",
        backend.path.display()
    ))
    .note("or build without -flto and -C linker-plugin-lto; `lto` in a Cargo profile works");
    match first {
        Some(name) => error.in_file(name),
        None => error,
    }
}

/// The output of the LTO step.
struct Output {
    /// The output of the caller.
    requested: PathBuf,
    /// The temporary output, in its own directory.
    file: PathBuf,
    /// The path of the first object. The paths of the others have a number appended.
    object: PathBuf,
}

impl Output {
    fn new(line: &CommandLine, command: &LinkCommand<'_>) -> Result<Self> {
        let requested = line.output().to_path_buf();
        let directory = command.directory().join(OUTPUT);
        fs::create_dir(&directory).map_err(|error| cannot_write_temporary(&directory, &error))?;
        // LTO generates names that contain the file name of the output.
        let file = directory.join(requested.file_name().unwrap_or(OsStr::new("a.out")));
        Ok(Self {
            requested,
            file,
            object: command.directory().join("object"),
        })
    }

    /// The arguments for the temporary output. They allow undefined symbols: `__start_NAME` is not defined
    /// yet, and the final link reports the others.
    fn arguments(&self, line: &CommandLine) -> Vec<OsString> {
        let mut arguments = vec!["-o".into(), self.file.clone().into()];
        let policy = line.values(Id::UnresolvedSymbols).last();
        // This policy changes code generation.
        if policy.is_none_or(|policy| policy != "import-dynamic") {
            arguments.push("--unresolved-symbols=ignore-all".into());
        }
        arguments
    }

    fn option(&self) -> OsString {
        let mut option = OsString::from(LTO_OBJ_PATH);
        option.push("=");
        option.push(&self.object);
        option
    }

    /// The objects, with the names that the backend shows.
    fn objects(&self) -> Result<Vec<(Name, Vec<u8>)>> {
        let mut objects = Vec::new();
        for number in 0_u32.. {
            let mut path = self.object.clone().into_os_string();
            let mut name = self.requested.clone().into_os_string();
            name.push(".lto.");
            if number > 0 {
                path.push(number.to_string());
                name.push(format!("{number}."));
            }
            name.push("o");
            if !Path::new(&path).exists() {
                break;
            }
            let bytes = fs::read(&path)
                .map_err(|error| cannot_write_temporary(Path::new(&path), &error))?;
            if !bytes.is_empty() {
                objects.push((Name::new(PathBuf::from(name).into(), None), bytes));
            }
        }
        Ok(objects)
    }

    /// Copies the objects to the caller's `--lto-obj-path`.
    fn copy_objects(&self, path: &Path) -> Result<()> {
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

    /// Copies the files of `--save-temps` to the directory of the caller's output.
    fn copy_temporaries(&self) -> Result<()> {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        let written = fs::read_dir(directory).into_iter().flatten().flatten();
        for path in written.map(|entry| entry.path()) {
            let (Some(name), false) = (path.file_name(), path == self.file) else {
                continue;
            };
            let to = self.requested.with_file_name(name);
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

/// The result of compiling one file.
enum Separate {
    /// The object.
    Object(Vec<u8>),
    /// The backend has reported an error.
    Failed(ExitStatus),
}

/// Compiles one file with the options of this link. All its definitions remain visible to other files.
///
/// # Errors
/// A temporary file that cannot be written, or a backend that cannot be run.
fn compile_separately(
    backend: &Backend,
    line: &CommandLine,
    module: &Module<'_>,
) -> Result<Separate> {
    let mut command = LinkCommand::new(line.output())?;
    let output = Output::new(line, &command)?;
    drop_reports(&mut command, line);
    for (index, argument) in line.arguments() {
        let is_input = match &argument.meaning {
            Meaning::Input(_) | Meaning::Option(Id::Library, _) => true,
            Meaning::Ambiguous(path) => std::path::Path::new(path).is_file(),
            _ => false,
        };
        if is_input {
            command.edits.replace.insert(index, Vec::new());
        }
    }
    let file = command.write(&module.object_bytes(), Some(module.name.to_string()))?;
    command.edits.first.push(file.into());
    command.edits.last.extend(output.arguments(line));
    let options = ["--no-entry", "--export-all", "--lto-partitions=1"];
    command.edits.last.extend(options.map(Into::into));
    command.edits.last.push(output.option());
    let arguments = command.arguments(line)?;
    let invocation = Invocation::new(line, backend);
    let (status, messages) = capture(backend, &invocation.piped(arguments), Some(command.names()))?;
    // Ignore the status: lld writes the objects before it links, and the link may fail because the symbols of
    // other files are undefined.
    let objects = output.objects()?.into_iter().map(|(_, bytes)| bytes);
    let mut objects: Vec<_> = objects.filter(|bytes| !is_empty_module(bytes)).collect();
    if let (1, Some(object)) = (objects.len(), objects.pop()) {
        return Ok(Separate::Object(object));
    }
    let _ = std::io::stderr().write_all(&messages);
    Ok(Separate::Failed(status))
}

/// Determines which bitcode files the backend links. `--trace` lists all of them. The file of `--why-extract`
/// distinguishes members of the same name, but does not list members that references to data extract.
struct Extraction(PathBuf);

impl Extraction {
    fn new(command: &LinkCommand<'_>) -> Self {
        Self(command.directory().join("extraction"))
    }

    /// The options for the backend.
    fn options(&self) -> [OsString; 2] {
        let mut why_extract = OsString::from("--why-extract=");
        why_extract.push(&self.0);
        ["--trace".into(), why_extract]
    }

    /// The linked bitcode, as indices into `Inputs::bitcode`.
    ///
    /// # Errors
    /// The backend has not written the file.
    fn linked(
        &self,
        inputs: &Inputs<'_>,
        names: &NameMap<'_>,
        trace: &[u8],
    ) -> Result<HashSet<usize>> {
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
            Error::new("cannot determine which archive members the linker extracts").note(format!(
                "the linker did not write the file of --why-extract: {error}"
            ))
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
            // Several members of an archive may have the same name.
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
        let mut counts: HashMap<&[usize], usize> = HashMap::default();
        for name in trace.split(|&byte| byte == b'\n') {
            if let Some(positions) = members.get(&canonical.of_name(name)) {
                *counts.entry(positions).or_default() += 1;
            }
        }
        for (positions, count) in counts {
            let is_known = |position: &&usize| linked.contains(position);
            let known = positions.iter().filter(is_known).count();
            let missing = positions.iter().filter(|position| !is_known(position));
            let missing: Vec<_> = missing.take(count.saturating_sub(known)).copied().collect();
            linked.extend(missing);
        }
        Ok(linked)
    }
}

/// Whether bitcode defines the symbol `shown`, which may be demangled.
fn defines(module: &Module<'_>, shown: &[u8]) -> bool {
    let bitcode = Bitcode::parse(module.contents());
    let symbols = bitcode.symbols.iter().flatten();
    let mut defined = symbols.filter(|symbol| symbol.is_global() && !symbol.is_undefined());
    defined.any(|symbol| {
        let demangled = || demangle::as_llvm(symbol.name);
        symbol.name.as_bytes() == shown || demangled().is_some_and(|name| name.as_bytes() == shown)
    })
}

/// Canonical paths, because the backend may have found a file by another path.
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
            Provenance::File | Provenance::Promoted | Provenance::Compiled => "",
        };
        (self.path(module.name.file()), member.as_bytes())
    }

    /// The canonical path and member of `FILE` or `ARCHIVE(MEMBER)`.
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
