//! Writes rewritten objects to files, and places them on the command line.
//!
//! Objects are batched, because one file per object dominates the time of a large link. Adjacent objects on
//! the command line go into one archive, linked with `--whole-archive`. Archive members go into a lazy archive
//! directly before their own. If that would change the order of extraction, the whole archive is rewritten.

use super::command::LinkCommand;
use crate::args::ArgumentIndex;
use crate::error::{Error, Result};
use crate::hash::HashSet;
use crate::input::{Files, Inputs, Module, ObjectId, Provenance, write_archive};
use crate::temporary::{Kind, cannot_write};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::PathBuf;

/// Receives the rewritten objects of a link, in link order.
pub struct RewrittenObjects<'a> {
    files: &'a Files,
    inputs: &'a Inputs<'a>,
    /// Members that go into an archive before their own.
    members: Vec<&'a Module<'a>>,
    writer: BatchWriter,
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
    /// Places the objects `edited`, which are in link order, on the command line. With `together`, adjacent
    /// objects share a file.
    ///
    /// # Errors
    /// A malformed archive.
    pub fn new(
        command: &mut LinkCommand<'a>,
        together: bool,
        files: &'a Files,
        inputs: &'a Inputs<'a>,
        edited: impl Iterator<Item = ObjectId>,
    ) -> Result<Self> {
        let edited: Vec<_> = edited.map(|id| &inputs.modules[id]).collect();
        let mut rewritten = archives_to_rewrite(files, &edited)?;
        let replaced = inputs
            .replaced_bitcode()
            .filter(|module| module.is_member());
        rewritten.extend(replaced.map(|module| module.place.argument));
        let is_unbatched = |module: &Module<'a>| {
            module.provenance == Provenance::Compiled
                || module.is_member() && rewritten.contains(&module.place.argument)
        };
        let (unbatched, placed): (Vec<_>, Vec<_>) =
            edited.into_iter().partition(|module| is_unbatched(module));
        let batches = batches(&placed, files);
        let batches = batches.into_iter().flat_map(|batch| {
            match together || batch.iter().any(|m| m.is_member()) {
                true => batch.chunks(batch.len()),
                false => batch.chunks(1),
            }
        });
        let outputs: Vec<OutputFile> = batches
            .filter_map(|batch| place_batch(command, batch))
            .collect();
        Ok(Self {
            files,
            inputs,
            writer: BatchWriter::new(outputs),
            unbatched,
            written: Vec::new(),
            members: placed
                .into_iter()
                .filter(|module| module.is_member())
                .collect(),
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
        self,
        command: &mut LinkCommand<'_>,
        bitcode: &BitcodeReplacements<'_>,
    ) -> Result<()> {
        drop_empty_archives(command, self.files, self.members.iter().copied())?;
        for (module, bytes) in bitcode.objects.iter().filter(|(m, _)| !m.is_member()) {
            // A separately compiled object may have been rewritten.
            if !command.edits.replace.contains_key(&module.place.argument) {
                let file = command.write(bytes, Some(module.name.to_string()))?;
                command.place(module, vec![file.into()]);
            }
        }
        let edited = Replacements::new(self.inputs, &bitcode.objects, &self.written);
        let modules = self.inputs.modules.iter();
        for module in modules.filter(|module| module.provenance == Provenance::Compiled) {
            let original = module.resident().unwrap_or_default();
            let bytes = edited.of(original).unwrap_or(original);
            let bytes = (bitcode.finish)(module, bytes)?;
            let file = command.write(&bytes, Some(module.name.to_string()))?;
            command.edits.last.push(file.into());
        }
        for argument in edited.archives() {
            edited.rewrite_archive(command, self.files, argument)?;
        }
        Ok(())
    }
}

/// Places a batch where its originals are. Returns the file to write.
fn place_batch<'a>(command: &mut LinkCommand<'a>, batch: Batch<'_, 'a>) -> Option<OutputFile> {
    let first = *batch.first()?;
    if let ([_], false) = (batch, first.is_member()) {
        let path = command.path(Kind::Object, Some(first.name.to_string()));
        command.place(first, vec![path.clone().into()]);
        return Some(OutputFile::Object(path));
    }
    let archive = command.directory.name(Kind::Archive);
    let members = batch.iter().map(|module| {
        let name = module.name.member().unwrap_or_default();
        command.member(&archive, name, module.name.to_string())
    });
    let members = members.collect();
    let path = command.directory.path().join(&archive);
    if first.is_member() {
        command
            .names
            .add_input(&archive, first.name.file().display().to_string());
        command.place(first, vec![path.clone().into()]);
        return Some(OutputFile::Archive(path, members));
    }
    for module in batch.iter().skip(1) {
        command.place(module, Vec::new());
    }
    let mut arguments = vec![path.clone().into()];
    if !first.place.whole_archive {
        arguments.insert(0, "--whole-archive".into());
        arguments.push("--no-whole-archive".into());
    }
    command.place(first, arguments);
    Some(OutputFile::Archive(path, members))
}

/// Drops archives that have no other members than those in `given`, so that the backend does not parse them.
fn drop_empty_archives<'m>(
    command: &mut LinkCommand<'_>,
    files: &Files,
    given: impl Iterator<Item = &'m Module<'m>>,
) -> Result<()> {
    let mut members: BTreeMap<ArgumentIndex, HashSet<*const u8>> = BTreeMap::new();
    for module in given.filter(|module| module.is_member()) {
        let members = members.entry(module.place.argument).or_default();
        members.extend(module.address());
    }
    for (argument, members) in members {
        if files.provides_only(argument, |member| members.contains(&member.as_ptr()))? {
            command.edits.replace.insert(argument, Vec::new());
        }
    }
    Ok(())
}

/// The new contents of files and members, by the addresses of the originals.
struct Replacements<'a> {
    contents: BTreeMap<*const u8, &'a [u8]>,
    /// The archives with replaced members.
    archives: BTreeSet<ArgumentIndex>,
    /// The archives of `archives` that are linked with `--whole-archive`.
    whole: BTreeSet<ArgumentIndex>,
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
        let contents =
            all().filter_map(|(module, bytes)| Some((inputs.original(module)?, &bytes[..])));
        let whole = members().filter(|module| module.place.whole_archive);
        Self {
            contents: contents.collect(),
            archives: members().map(|module| module.place.argument).collect(),
            whole: whole.map(|module| module.place.argument).collect(),
        }
    }

    /// The archives with replaced members.
    fn archives(&self) -> impl Iterator<Item = ArgumentIndex> {
        self.archives.iter().copied()
    }

    fn is_whole(&self, argument: ArgumentIndex) -> bool {
        self.whole.contains(&argument)
    }

    /// The replacement of `original`.
    fn of(&self, original: &[u8]) -> Option<&'a [u8]> {
        self.contents.get(&original.as_ptr()).copied()
    }

    /// Rewrites an archive. The new archive of a lazy archive has the members up to the last replaced one. The
    /// original follows and provides the rest.
    fn rewrite_archive(
        &self,
        command: &mut LinkCommand<'_>,
        files: &Files,
        argument: ArgumentIndex,
    ) -> Result<()> {
        let Some(archive) = files.archive(argument)? else {
            return Ok(());
        };
        let end = match self.is_whole(argument) {
            true => None,
            false => archive.end_of_edited(|original| self.of(original).is_some()),
        };
        let count = end.unwrap_or(archive.members.len());
        let path = command.directory.name(Kind::Archive);
        let mut members = Vec::with_capacity(count);
        for (name, original) in archive.members.into_iter().take(count) {
            let bytes = self.of(original).unwrap_or(original);
            let shown = format!("{}({name})", archive.name);
            members.push((command.member(&path, &name, shown), Cow::Borrowed(bytes)));
        }
        command.names.add_input(&path, archive.name.to_string());
        let path = command.directory.path().join(path);
        write_archive(&path, members).map_err(|error| cannot_write(&error))?;
        match end {
            Some(_) => command
                .edits
                .before
                .entry(argument)
                .or_default()
                .push(path.into()),
            None => {
                command.edits.replace.insert(argument, vec![path.into()]);
            }
        }
        Ok(())
    }
}

/// The archives that must be rewritten. These are archives linked with `--whole-archive`, and archives in which
/// a rewritten member follows another member that may be extracted. Moving the rewritten member forward would
/// move its constructors and its definitions.
fn archives_to_rewrite(files: &Files, edited: &[&Module<'_>]) -> Result<HashSet<ArgumentIndex>> {
    let mut members: BTreeMap<ArgumentIndex, Vec<&Module<'_>>> = BTreeMap::new();
    for module in edited.iter().filter(|module| module.is_member()) {
        members
            .entry(module.place.argument)
            .or_default()
            .push(module);
    }
    let mut rewritten = HashSet::default();
    for (argument, members) in members {
        let is_whole = members.iter().any(|module| module.place.whole_archive);
        let addresses: HashSet<_> = members
            .iter()
            .filter_map(|module| module.address())
            .collect();
        let has_others_before = || -> Result<bool> {
            let archive = files.archive(argument)?;
            Ok(archive.is_some_and(|archive| {
                archive.has_others_before(|bytes| addresses.contains(&bytes.as_ptr()))
            }))
        };
        if is_whole || has_others_before()? {
            rewritten.insert(argument);
        }
    }
    Ok(rewritten)
}

/// The maximum number of objects in a batch. They stay in memory until the batch is written.
const MAX_BATCH: usize = 256;

/// Objects that go to the same place on the command line, in link order.
pub type Batch<'r, 'a> = &'r [&'a Module<'a>];

/// Whether an object goes into the batch of the previous one.
fn shares_batch(module: &Module<'_>, previous: &Module<'_>, files: &Files) -> bool {
    let (first, last) = (previous.place.argument, module.place.argument);
    match (previous.is_member(), module.is_member()) {
        (true, true) => first == last,
        (false, false) => {
            let is_lazy = previous.place.in_lib || module.place.in_lib;
            !is_lazy && files.none_between(first, last)
        }
        _ => false,
    }
}

/// Splits objects in link order into batches.
pub fn batches<'r, 'a>(objects: &'r [&'a Module<'a>], files: &Files) -> Vec<Batch<'r, 'a>> {
    let batches = objects.chunk_by(|previous, module| shares_batch(module, previous, files));
    let is_members = |batch: &Batch<'_, '_>| batch.iter().any(|module| module.is_member());
    batches
        .flat_map(|batch| match is_members(&batch) {
            true => batch.chunks(batch.len()),
            false => batch.chunks(MAX_BATCH),
        })
        .collect()
}

/// A file to write.
#[derive(Debug)]
pub enum OutputFile {
    /// One object.
    Object(PathBuf),
    /// An archive whose members have these names.
    Archive(PathBuf, Vec<String>),
}

/// Writes each batch when its last object arrives.
pub struct BatchWriter {
    outputs: VecDeque<OutputFile>,
    /// The members of the current archive so far.
    members: Vec<Vec<u8>>,
}

impl BatchWriter {
    /// A writer of `outputs`, in order.
    pub fn new(outputs: impl IntoIterator<Item = OutputFile>) -> Self {
        Self {
            outputs: outputs.into_iter().collect(),
            members: Vec::new(),
        }
    }

    /// Writes the next object.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        match self.outputs.front() {
            None => {
                return Err(Error::new(
                    "internal error: more rewritten objects than planned",
                ));
            }
            Some(OutputFile::Object(path)) => {
                fs::write(path, &bytes).map_err(|error| cannot_write(&error))?;
            }
            Some(OutputFile::Archive(path, names)) => {
                self.members.push(bytes);
                if self.members.len() < names.len() {
                    return Ok(());
                }
                let members = std::mem::take(&mut self.members).into_iter();
                let members = names.iter().cloned().zip(members.map(Cow::Owned));
                write_archive(path, members).map_err(|error| cannot_write(&error))?;
            }
        }
        self.outputs.pop_front();
        Ok(())
    }
}
