//! What the backend is given: temporary files for the objects that were made, and the caller's
//! arguments with those in place of, or before, the inputs they stand for.

use super::call::LONGEST_COMMAND_LINE;
use super::find::Backend;
use super::interrupt;
use super::map::Arrays;
use super::messages::Names;
use super::pack::{self, Pack, Run, write};
use crate::args::{self, ArgumentIndex, CommandLine, Edits, Id, Meaning};
use crate::error::{Error, Result, os_message};
use crate::hash::HashSet;
use crate::hoist::Hoisted;
use crate::input::{Files, Inputs, Module, Provenance};
use crate::parallel;
use crate::survey::is_marked;
use crate::temporary::{Directory, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// A link with gathered sections. Its temporary files go when it is dropped.
pub struct Job<'a> {
    directory: Directory,
    pub(super) edits: Edits,
    pub(super) names: Names<'a>,
}

impl<'a> Job<'a> {
    /// Writes the temporary files.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn new(
        backend: &Backend,
        line: &CommandLine,
        files: &Files,
        inputs: &'a Inputs<'a>,
        hoisted: &'a Hoisted<'a>,
    ) -> Result<Self> {
        let modules = &inputs.modules;
        let mut job = Self::empty()?;
        let synthesized = hoisted.object.as_ref().map(|object| {
            let path = job.path(Kind::Object, None);
            job.edits.first.push(path.clone().into());
            (path, object)
        });
        job.names
            .set_symbols(&hoisted.globals, |id| modules[id.0].name.to_string());
        let stay = hoisted.object.is_none();
        let objects = hoisted.edited.iter();
        let objects = objects.map(|(id, object)| (&modules[id.0], object));
        // Those that are given as something else than objects in their places.
        let (others, alone): (Vec<_>, Vec<_>) = objects.partition(|(module, _)| {
            let stays_in_archive = module.is_member() && (module.place.whole_archive || stay);
            module.provenance == Provenance::Compiled || stays_in_archive
        });
        // Nothing is put together for a wrapper, which may look at its words, nor where members are
        // linked only if something refers to them.
        let runs = match backend.takes_flavor() && !stay {
            true => pack::runs(alone, files),
            false => alone.into_iter().map(|object| vec![object]).collect(),
        };
        let packs: Vec<Pack<'_>> = runs.iter().filter_map(|run| job.place_run(run)).collect();
        let (object, packs) = parallel::both(
            runs.iter().map(Vec::len).sum(),
            || match synthesized {
                Some((path, object)) => write(&path, &object.bytes()),
                None => Ok(()),
            },
            || packs.iter().try_for_each(Pack::write),
        );
        object.and(packs)?;
        // A wrapper may look for them.
        if backend.takes_flavor() {
            job.leave_out_archives(files, runs.iter().flatten().map(|(module, _)| *module))?;
        }
        let others: Vec<_> = others
            .iter()
            .map(|(module, object)| Ok((*module, pack::bytes(module, object)?)))
            .collect::<Result<_>>()?;
        let mut edited = Edited::new(&others);
        let members = others.iter().filter(|(module, _)| module.is_member());
        let mut archives: BTreeSet<_> = members.map(|(module, _)| module.place.argument).collect();
        let mut apart = BTreeSet::new();
        if inputs.is_compiled() {
            job.place_compiled(inputs, &edited)?;
            apart = edited.drop_bitcode(inputs);
            archives.extend(&apart);
        }
        for argument in archives {
            let is_whole = !apart.contains(&argument) && job.rebuild(argument, files, &edited)?;
            if !is_whole && !stay {
                job.take_apart(argument, files, &edited)?;
            }
        }
        if !stay {
            job.drop_exports(line);
            job.leave_lib(modules);
        }
        Ok(job)
    }

    /// A job that only needs room for a response file.
    ///
    /// # Errors
    /// A temporary directory that cannot be made.
    pub fn empty() -> Result<Self> {
        interrupt::watch();
        let directory = Directory::new().map_err(|error| no_room(&error))?;
        let mut prefix = directory.path().as_os_str().as_encoded_bytes().to_vec();
        prefix.push(MAIN_SEPARATOR as u8);
        Ok(Self {
            directory,
            edits: Edits::default(),
            names: Names::new(prefix),
        })
    }

    /// Says what the backend has said already. What it will say again is not shown again.
    pub fn say_before(&mut self, messages: &[u8]) {
        let _ = std::io::stderr().write_all(messages);
        self.names.set_said(messages);
    }

    /// What maps temporary names back.
    pub fn names(&self) -> &Names<'a> {
        &self.names
    }

    /// Says what the arrays are made of, for a map to show it.
    pub fn show_arrays(&mut self, arrays: Arrays) {
        self.names.set_arrays(arrays);
    }

    /// The words for the backend.
    ///
    /// # Errors
    /// A response file that cannot be written.
    pub fn words(&mut self, line: &CommandLine) -> Result<Vec<OsString>> {
        let words = line.edited(&self.edits);
        let length: usize = words.iter().map(|word| word.len() + 1).sum();
        // Older lld know no empty word in a response file.
        if length <= LONGEST_COMMAND_LINE || words.iter().any(|word| word.is_empty()) {
            return Ok(words);
        }
        let name = self.directory.name(Kind::Arguments);
        let file = self.directory.path().join(name);
        fs::write(&file, args::response_file(&words, line.quoting()))
            .map_err(|error| no_room(&error))?;
        let mut argument = OsString::from("@");
        argument.push(file);
        // How the file is quoted is said outside of it.
        let quoting = line
            .arguments()
            .filter(|(_, argument)| matches!(argument.meaning, Meaning::Option(Id::RspQuoting, _)));
        let mut words: Vec<_> = quoting
            .flat_map(|(_, argument)| argument.spelling.clone())
            .collect();
        words.push(argument);
        Ok(words)
    }

    /// Maps names in the files that the backend wrote for people: the link map and the reasons for
    /// extraction.
    ///
    /// # Errors
    /// Such a file cannot be written again.
    pub fn map_reports(&self, line: &CommandLine) -> Result<()> {
        for report in line.values(Id::Map).chain(line.values(Id::WhyExtract)) {
            let path = Path::new(report);
            // Not a terminal or a pipe, whose text is gone.
            if !path.is_file() {
                continue;
            }
            let Ok(text) = fs::read(path) else {
                continue;
            };
            let mapped = self.names.text(&text);
            if mapped != text {
                fs::write(path, mapped).map_err(|error| {
                    Error::new(format!(
                        "cannot write {}: {}",
                        path.display(),
                        os_message(&error)
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// The directory of the temporary files.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn write(&mut self, bytes: &[u8], stands_for: Option<String>) -> Result<PathBuf> {
        self.write_as(Kind::Object, bytes, stands_for)
    }

    fn write_as(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        stands_for: Option<String>,
    ) -> Result<PathBuf> {
        let path = self.path(kind, stands_for);
        write(&path, bytes)?;
        Ok(path)
    }

    /// The path of the next temporary file.
    fn path(&mut self, kind: Kind, stands_for: Option<String>) -> PathBuf {
        let name = self.directory.name(kind);
        let path = self.directory.path().join(&name);
        if let Some(input) = stands_for {
            self.names.add_input(&name, input);
        }
        path
    }

    /// Puts edited objects where the originals are. What is to be written for them.
    fn place_run<'r>(&mut self, run: &'r Run<'r>) -> Option<Pack<'r>> {
        let (first, object) = run.first()?;
        if let [_] = run[..] {
            let path = self.path(Kind::Object, Some(first.name.to_string()));
            self.place(first, vec![path.clone().into()]);
            return Some(Pack::Object(path, first, object));
        }
        let archive = self.directory.name(Kind::Pack);
        let mut members = Vec::with_capacity(run.len());
        for (module, _) in run {
            let member = self.directory.name(Kind::Object);
            let name = format!("{archive}({member})");
            self.names.add_input(&name, module.name.to_string());
            members.push(member);
        }
        let archive = self.directory.path().join(archive);
        let mut words = vec![archive.clone().into()];
        if !first.place.whole_archive {
            words.insert(0, "--whole-archive".into());
            words.push("--no-whole-archive".into());
        }
        for (module, _) in run.iter().skip(1).filter(|(module, _)| !module.is_member()) {
            self.place(module, Vec::new());
        }
        self.place(first, words);
        Some(Pack::Archive(archive, members, run))
    }

    /// Leaves out archives of whose members only those `given` could be linked. The backend would
    /// parse these again.
    fn leave_out_archives<'m>(
        &mut self,
        files: &Files,
        given: impl Iterator<Item = &'m Module<'m>>,
    ) -> Result<()> {
        let mut members: BTreeMap<ArgumentIndex, HashSet<*const u8>> = BTreeMap::new();
        for module in given.filter(|module| module.is_member()) {
            let members = members.entry(module.place.argument).or_default();
            members.insert(module.bytes.as_ptr());
        }
        for (argument, members) in members {
            if files.offers_only(argument, |member| members.contains(&member.as_ptr()))? {
                self.edits.replace.insert(argument, Vec::new());
            }
        }
        Ok(())
    }

    /// Puts what the backend has made of bitcode before all archives, which then have no use for
    /// the bitcode in them: all that is referred to is defined.
    fn place_compiled(&mut self, inputs: &Inputs<'_>, edited: &Edited<'_>) -> Result<()> {
        let compiled = inputs.modules.iter();
        for module in compiled.filter(|module| module.provenance == Provenance::Compiled) {
            let bytes = edited.of(module.bytes).unwrap_or(module.bytes);
            let file = self.write(bytes, Some(module.name.to_string()))?;
            self.edits.first.push(file.into());
        }
        let files = inputs.bitcode.iter();
        for module in
            files.filter(|module| module.provenance == Provenance::File && !module.place.in_lib)
        {
            self.edits.replace.insert(module.place.argument, Vec::new());
        }
        Ok(())
    }

    /// Puts words where the object is that they stand for or, for a member, just before its archive.
    pub(super) fn place(&mut self, module: &Module<'_>, words: Vec<OsString>) {
        let argument = module.place.argument;
        if module.is_member() {
            self.edits.before.entry(argument).or_default().extend(words);
        } else {
            self.edits.replace.insert(argument, words);
        }
    }

    /// An archive that is linked whole would bring the original members too. Where it cannot be made
    /// anew, its members are given as files instead.
    fn take_apart(
        &mut self,
        argument: ArgumentIndex,
        files: &Files,
        edited: &Edited<'_>,
    ) -> Result<()> {
        let mut words = Vec::new();
        let members = files.linkable_members(argument)?.into_iter();
        for (name, original) in members.filter(|(_, original)| !edited.is_dropped(original)) {
            let bytes = edited.of(original).unwrap_or(original);
            words.push(self.write(bytes, Some(name.to_string()))?.into());
        }
        self.edits.replace.insert(argument, words);
        Ok(())
    }

    /// Puts an archive with the edited members in place of an archive. Whether that could be done.
    fn rebuild(
        &mut self,
        argument: ArgumentIndex,
        files: &Files,
        edited: &Edited<'_>,
    ) -> Result<bool> {
        let Some((name, archive)) = files.archive_with(argument, |member| edited.of(member))?
        else {
            return Ok(false);
        };
        let file = self.write_as(Kind::Archive, &archive, Some(name.to_string()))?;
        self.edits.replace.insert(argument, vec![file.into()]);
        Ok(true)
    }

    /// rustc exports marked symbols because they have a name of their own; their author did not.
    fn drop_exports(&mut self, line: &CommandLine) {
        for (index, argument) in line.arguments() {
            if let Meaning::Option(Id::Export, symbol) = &argument.meaning
                && symbol.to_str().is_some_and(is_marked)
            {
                self.edits.replace.insert(index, Vec::new());
            }
        }
    }

    /// Objects with entries are linked always, also from between `--start-lib` and `--end-lib`.
    pub(super) fn leave_lib(&mut self, modules: &[Module<'_>]) {
        let in_lib: BTreeSet<_> = modules
            .iter()
            .filter(|module| module.place.in_lib)
            .map(|module| module.place.argument)
            .collect();
        let edits = self
            .edits
            .before
            .iter_mut()
            .chain(self.edits.replace.iter_mut());
        for (argument, words) in edits {
            if in_lib.contains(argument) {
                words.insert(0, "--end-lib".into());
                words.push("--start-lib".into());
            }
        }
    }
}

/// What has become of modules, by where the originals are.
struct Edited<'a> {
    contents: BTreeMap<*const u8, &'a [u8]>,
    dropped: BTreeSet<*const u8>,
}

impl<'a> Edited<'a> {
    fn new(objects: &'a [(&Module<'_>, Vec<u8>)]) -> Self {
        let contents = objects
            .iter()
            .map(|(module, bytes)| (module.bytes.as_ptr(), &bytes[..]));
        Self {
            contents: contents.collect(),
            dropped: BTreeSet::new(),
        }
    }

    /// What `original` has become, if it was edited.
    fn of(&self, original: &[u8]) -> Option<&'a [u8]> {
        self.contents.get(&original.as_ptr()).copied()
    }

    /// Whether `original` is to be left out of its archive.
    fn is_dropped(&self, original: &[u8]) -> bool {
        self.dropped.contains(&original.as_ptr())
    }

    /// Leaves out the bitcode of archives that are linked whole, as it has been compiled. The
    /// arguments that name them.
    fn drop_bitcode(&mut self, inputs: &Inputs<'_>) -> BTreeSet<ArgumentIndex> {
        let members = inputs.bitcode.iter();
        let members = members.filter(|module| module.is_member() && module.place.whole_archive);
        let dropped = members.map(|module| {
            self.dropped.insert(module.bytes.as_ptr());
            module.place.argument
        });
        dropped.collect()
    }
}

/// The names of temporary files mean nothing to the user, that of their directory does.
pub(super) fn no_room(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note("the directory of temporary files is that of TMPDIR; it needs room for the inputs that have entries")
}
