//! Writes rewritten objects to files, and places them on the command line.
//!
//! Objects are batched, because one file per object dominates the time of a large link. Adjacent objects on
//! the command line go into one archive, linked with `--whole-archive`. Rewritten archive members go into a new
//! archive, which replaces theirs or precedes it ([`Extent`]).

use super::batches::{Batches, GATE_INTERVAL};
use super::command::LinkCommand;
use super::gate::Gate;
use crate::args::ArgumentIndex;
use crate::error::{Error, Result};
use crate::hash::HashSet;
use crate::input::{Archive, Files, Index, Inputs, Module, Place, is_empty_module, write_archive};
use crate::temporary::{Kind, cannot_write};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::PathBuf;

/// Receives the rewritten objects of a link, in link order.
pub struct RewrittenObjects<'a> {
    files: &'a Files,
    inputs: &'a Inputs<'a>,
    writer: BatchWriter<'a>,
    /// Objects that do not go into a batch.
    unbatched: Vec<&'a Module<'a>>,
    /// The rewritten unbatched objects so far.
    written: Vec<(&'a Module<'a>, Vec<u8>)>,
}

/// The replacements of compiled bitcode.
pub struct BitcodeReplacements<'a> {
    /// The replacement of each file or member.
    pub objects: Vec<(&'a Module<'a>, Vec<u8>)>,
    /// Finishes an object of the LTO step, after a possible rewrite.
    pub finish: Finish<'a>,
}

/// Returns the final bytes of an object, from the module and its current bytes.
pub type Finish<'a> = &'a dyn Fn(&Module<'_>, &[u8]) -> Result<Vec<u8>>;

impl<'a> RewrittenObjects<'a> {
    /// Places the objects on the command line; behind gates if the backend may run before they are written.
    ///
    /// # Errors
    /// A malformed archive, or a file in memory or a gate that cannot be created.
    pub fn place(
        command: &mut LinkCommand<'a>,
        Batches { batches, unbatched }: Batches<'a>,
        gated: bool,
        lazy_index: Index,
        files: &'a Files,
        inputs: &'a Inputs<'a>,
    ) -> Result<Self> {
        let mut writer = BatchWriter::default();
        let mut ungated = GATE_INTERVAL;
        for batch in batches {
            let mut gate = None;
            if gated && ungated >= GATE_INTERVAL {
                let (path, closed) = command.gate()?;
                gate = Some(path);
                writer.add_gate(closed);
                ungated = 0;
            }
            ungated += batch.iter().map(|module| module.size()).sum::<usize>();
            let output = place_batch(command, files, &batch, gate, lazy_index)?;
            writer.outputs.extend(output);
        }
        Ok(Self {
            files,
            inputs,
            writer,
            unbatched,
            written: Vec::new(),
        })
    }

    /// Adds the next object.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&mut self, module: &'a Module<'a>, bytes: Vec<u8>) -> Result<()> {
        let next = self.unbatched.get(self.written.len());
        match next.is_some_and(|next| std::ptr::eq(*next, module)) {
            true => self.written.push((module, bytes)),
            false => self.writer.write(bytes)?,
        }
        Ok(())
    }

    /// Writes the files that are not batches: rewritten archives and the replacements of bitcode.
    ///
    /// # Errors
    /// A malformed archive or object, or a file that cannot be written.
    pub fn finish(
        mut self,
        command: &mut LinkCommand<'_>,
        bitcode: &BitcodeReplacements<'_>,
    ) -> Result<()> {
        // No gate stays closed, even one without files.
        self.writer.open_gates()?;
        let is_file = |module: &Module<'_>| !module.is_member() && !module.is_promoted();
        for (module, bytes) in bitcode.objects.iter().filter(|(m, _)| is_file(m)) {
            // A separately compiled object may have been rewritten.
            if !command.edits.replace.contains_key(&module.place.argument) {
                let file = command.write(bytes, Some(module.name.to_string()))?;
                command.place(module, vec![file.into()]);
            }
        }
        let edited = Replacements::new(self.inputs, &bitcode.objects, &self.written);
        let modules = self.inputs.modules.iter();
        for module in modules.filter(|module| module.is_compiled()) {
            let original = module.contents();
            let bytes = edited.of(original).unwrap_or(original);
            let bytes = (bitcode.finish)(module, bytes)?;
            let file = command.write(&bytes, Some(module.name.to_string()))?;
            command.edits.last.push(file.into());
        }
        for &place in edited.archives.values() {
            edited.rewrite_archive(command, self.files, place)?;
        }
        Ok(())
    }
}

/// Places a batch where its originals are, behind a gate. Returns the file to write.
///
/// # Errors
/// A malformed archive.
fn place_batch<'a>(
    command: &mut LinkCommand<'a>,
    files: &'a Files,
    batch: &[&'a Module<'a>],
    gate: Option<PathBuf>,
    lazy_index: Index,
) -> Result<Option<OutputFile<'a>>> {
    let gate = gate.map(OsString::from).into_iter();
    let Some(&first) = batch.first() else {
        return Ok(None);
    };
    if first.is_member() {
        return place_members(command, files, batch, gate, lazy_index);
    }
    if let Some(path) = command.promoted.file(first) {
        return Ok(Some(OutputFile::Object(path)));
    }
    if batch.len() == 1 {
        let path = command.path(Kind::Object, Some(first.name.to_string()))?;
        command.place(first, gate.chain([path.clone().into()]).collect());
        return Ok(Some(OutputFile::Object(path)));
    }
    let path = command.path(Kind::Archive, None)?;
    let slots = batch.iter().map(|module| Slot {
        name: command.new_member(&path, module.name.to_string()),
        original: None,
    });
    let slots = slots.collect();
    for module in batch.iter().skip(1) {
        command.place(module, Vec::new());
    }
    let (before, after) = match first.place.whole_archive {
        true => (None, None),
        false => (Some("--whole-archive"), Some("--no-whole-archive")),
    };
    let [before, after] = [before, after].map(|option| option.map(OsString::from));
    let path_argument = [path.clone().into()];
    let arguments = gate.chain(before).chain(path_argument).chain(after);
    command.place(first, arguments.collect());
    Ok(Some(OutputFile::Archive(path, slots, Index::Empty)))
}

/// Places the rewritten members of an archive.
///
/// # Errors
/// A malformed archive.
fn place_members<'a>(
    command: &mut LinkCommand<'a>,
    files: &'a Files,
    batch: &[&'a Module<'a>],
    gate: impl Iterator<Item = OsString>,
    lazy_index: Index,
) -> Result<Option<OutputFile<'a>>> {
    let place = batch[0].place;
    let Some(archive) = files.archive(place.argument)? else {
        return Ok(None);
    };
    let edited: HashSet<_> = batch.iter().map(|module| module.address()).collect();
    let is_edited = |bytes: &[u8]| edited.contains(&bytes.as_ptr());
    let (path, members) = place_archive(command, place, &archive, gate, is_edited)?;
    let slots = members.into_iter().map(|(name, bytes)| Slot {
        name,
        original: (!is_edited(bytes)).then_some(bytes),
    });
    let index = match place.whole_archive {
        true => Index::Empty,
        false => lazy_index,
    };
    Ok(Some(OutputFile::Archive(path, slots.collect(), index)))
}

/// The members of an archive that a new archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All: the new archive replaces the old one.
    All,
    /// Those up to the last rewritten one. The old archive follows, and provides the rest.
    UpTo(usize),
    /// The rewritten ones. The old archive follows.
    Rewritten,
}

/// How many bytes are copied in the time that wasm-ld takes to parse one. Newer versions parse all members of all
/// archives, so they parse a member twice that is in the old archive and in the new one. An estimate on the safe side:
/// to parse 8.6 MB of a debug build took 169 million instructions (LLVM 22, 2026-11-28).
const COPYING: usize = 16;

impl Extent {
    /// What a new archive needs. Rewritten members never precede others that came first: that would move their
    /// constructors and definitions.
    fn of(archive: &Archive<'_>, is_whole: bool, is_edited: impl Fn(&[u8]) -> bool) -> Self {
        let size = |members: &[(String, &[u8])]| -> usize {
            let linked = members.iter().filter(|member| may_be_extracted(member));
            linked.map(|(_, bytes)| bytes.len()).sum()
        };
        let is_other = |member: &&(String, &[u8])| !is_edited(member.1) && may_be_extracted(member);
        let members = &archive.members[..];
        let last = members.iter().rposition(|(_, bytes)| is_edited(bytes));
        let start = &members[..last.map_or(0, |last| last + 1)];
        let edited = members.iter().filter(|(_, bytes)| is_edited(bytes));
        let (extent, duplicate) = match start.iter().find(is_other) {
            Some(_) => (Self::UpTo(start.len()), size(start)),
            None => (Self::Rewritten, edited.map(|(_, bytes)| bytes.len()).sum()),
        };
        let has_others = members.iter().any(|member| is_other(&member));
        match is_whole || !has_others || size(members) - duplicate <= COPYING * duplicate {
            true => Self::All,
            false => extent,
        }
    }
}

/// Whether a member may have symbols. `lib.rmeta` has none; compilers name objects `*.o`.
fn may_be_extracted((name, bytes): &(String, &[u8])) -> bool {
    name.ends_with(".o") || !is_empty_module(bytes)
}

/// The names and contents of members.
type Members<'f> = Vec<(String, &'f [u8])>;

/// Puts a new archive, which contains the members that satisfy `is_edited`, in place of or before an archive.
/// Returns its path, and the names and original contents of its members.
///
/// # Errors
/// A file in memory that cannot be created.
fn place_archive<'f>(
    command: &mut LinkCommand<'_>,
    place: Place,
    archive: &Archive<'f>,
    gate: impl Iterator<Item = OsString>,
    is_edited: impl Fn(&[u8]) -> bool,
) -> Result<(PathBuf, Members<'f>)> {
    let extent = Extent::of(archive, place.whole_archive, &is_edited);
    let path = command.path(Kind::Archive, Some(archive.name.to_string()))?;
    let mut members = Vec::new();
    for (position, member) in archive.members.iter().enumerate() {
        let is_in = match extent {
            Extent::All => place.whole_archive || may_be_extracted(member),
            Extent::UpTo(end) => position < end,
            Extent::Rewritten => is_edited(member.1),
        };
        if is_in {
            let name = command.member(&path, &member.0, &archive.name);
            members.push((name, member.1));
        }
    }
    let (argument, arguments) = (place.argument, gate.chain([path.clone().into()]));
    match extent {
        Extent::All => _ = command.edits.replace.insert(argument, arguments.collect()),
        _ => command
            .edits
            .before
            .entry(argument)
            .or_default()
            .extend(arguments),
    }
    Ok((path, members))
}

/// The new contents of files and members, by the addresses of the originals.
struct Replacements<'a> {
    contents: BTreeMap<*const u8, &'a [u8]>,
    /// The archives with replaced members, by their arguments.
    archives: BTreeMap<ArgumentIndex, Place>,
}

impl<'a> Replacements<'a> {
    /// Collects the replacements. `edited` overrides `bitcode`, whose objects may have been rewritten.
    fn new(
        inputs: &Inputs<'_>,
        bitcode: &'a [(&Module<'_>, Vec<u8>)],
        edited: &'a [(&Module<'_>, Vec<u8>)],
    ) -> Self {
        let all = || bitcode.iter().chain(edited);
        let members = || all().map(|(module, _)| module).filter(|m| m.is_member());
        let contents = all().map(|(module, bytes)| (inputs.original(module), &bytes[..]));
        let places = members().map(|module| (module.place.argument, module.place));
        Self {
            contents: contents.collect(),
            archives: places.collect(),
        }
    }

    /// The replacement of `original`.
    fn of(&self, original: &[u8]) -> Option<&'a [u8]> {
        self.contents.get(&original.as_ptr()).copied()
    }

    /// Rewrites an archive.
    fn rewrite_archive(
        &self,
        command: &mut LinkCommand<'_>,
        files: &Files,
        place: Place,
    ) -> Result<()> {
        let Some(archive) = files.archive(place.argument)? else {
            return Ok(());
        };
        let is_edited = |original: &[u8]| self.of(original).is_some();
        let (path, members) = place_archive(command, place, &archive, iter::empty(), is_edited)?;
        let contents = |original| Cow::Borrowed(self.of(original).unwrap_or(original));
        let members = members.into_iter();
        let members = members.map(|(name, original)| (name, contents(original)));
        write_archive(&path, members, Index::Full).map_err(|error| cannot_write(&path, &error))
    }
}

/// A file to write.
#[derive(Debug)]
pub enum OutputFile<'a> {
    /// One object.
    Object(PathBuf),
    /// An archive with these members and this index.
    Archive(PathBuf, Vec<Slot<'a>>, Index),
}

/// A member of an archive to write.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Its name.
    pub name: String,
    /// Its contents; `None` for a rewritten object, which arrives later.
    pub original: Option<&'a [u8]>,
}

/// Writes each batch when its last object arrives.
#[derive(Default)]
pub struct BatchWriter<'a> {
    outputs: VecDeque<OutputFile<'a>>,
    /// The rewritten members of the current archive so far.
    members: Vec<Vec<u8>>,
    /// The number of written files.
    written: usize,
    /// The closed gates, each with the number of files that precede it.
    gates: VecDeque<(usize, Gate)>,
}

impl BatchWriter<'_> {
    /// Adds a gate before the files that are added after it.
    fn add_gate(&mut self, gate: Gate) {
        self.gates.push_back((self.outputs.len(), gate));
    }

    /// Opens the gates of files that are complete: those before the last gate, or all.
    fn open_gates(&mut self) -> Result<()> {
        loop {
            let next = self.gates.get(1).map(|(before, _)| *before);
            let is_complete = match next {
                Some(next) => self.written >= next,
                None => self.outputs.is_empty(),
            };
            if !is_complete {
                return Ok(());
            }
            let Some((_, gate)) = self.gates.pop_front() else {
                return Ok(());
            };
            gate.open()?;
        }
    }

    /// Writes the next object.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        match self.outputs.front_mut() {
            None => {
                return Err(Error::new(
                    "internal error: more rewritten objects than planned",
                ));
            }
            Some(OutputFile::Object(path)) => {
                fs::write(&*path, &bytes).map_err(|error| cannot_write(path, &error))?;
            }
            Some(OutputFile::Archive(path, slots, index)) => {
                self.members.push(bytes);
                let rewritten = slots.iter().filter(|slot| slot.original.is_none());
                if self.members.len() < rewritten.count() {
                    return Ok(());
                }
                let mut rewritten = std::mem::take(&mut self.members).into_iter();
                let members = std::mem::take(slots).into_iter().map(|slot| {
                    let original = slot.original.map(Cow::Borrowed);
                    let rewritten = || rewritten.next().unwrap_or_default().into();
                    (slot.name, original.unwrap_or_else(rewritten))
                });
                write_archive(path, members, *index).map_err(|error| cannot_write(path, &error))?;
            }
        }
        self.outputs.pop_front();
        self.written += 1;
        self.open_gates()
    }
}
