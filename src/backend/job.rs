//! What the backend is given: temporary files for the objects that were made, and the caller's
//! arguments with those in place of, or before, the inputs they stand for.

use super::call::LONGEST_COMMAND_LINE;
use super::find::Backend;
use super::interrupt;
use super::map::Arrays;
use super::messages::Names;
use super::pack::{self, Pack, Placed, Run};
use crate::args::{self, CommandLine, Edits, Id, Meaning};
use crate::error::{Error, Result, os_message};
use crate::hoist::Hoisted;
use crate::input::{Files, Inputs, Module, Provenance};
use crate::parallel;
use crate::survey::is_marked;
use crate::temporary::{Directory, Kind};
use crate::wasm::Synthesized;
use std::collections::BTreeSet;
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
        job.place_alone(backend, files, &alone, synthesized, stay)?;
        job.place_others(files, inputs, &others, stay)?;
        if !stay {
            job.drop_exports(line);
            job.leave_lib(modules);
        }
        Ok(job)
    }

    /// Writes objects that are given in the places of the originals, and the synthesized one.
    fn place_alone(
        &mut self,
        backend: &Backend,
        files: &Files,
        alone: &[Placed<'_>],
        synthesized: Option<(PathBuf, &Synthesized<'_>)>,
        stay: bool,
    ) -> Result<()> {
        // Nothing is put together for a wrapper, which may look at its words, nor where members are
        // linked only if something refers to them.
        let together = backend.takes_flavor() && !stay;
        let runs = match together {
            true => pack::runs(alone, files),
            false => alone.iter().map(std::slice::from_ref).collect(),
        };
        let packs: Vec<Pack<'_>> = runs.iter().filter_map(|run| self.place_run(run)).collect();
        let (object, packs) = parallel::both(
            alone.len(),
            || match synthesized {
                Some((path, object)) => pack::write(&path, &object.bytes()),
                None => Ok(()),
            },
            || packs.iter().try_for_each(Pack::write),
        );
        object.and(packs)?;
        if together {
            self.leave_out_archives(files, alone.iter().map(|(module, _)| *module))?;
        }
        Ok(())
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
        let response = args::response_file(&words, line.quoting());
        let file = self.write_as(Kind::Arguments, &response, None)?;
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

    pub(super) fn write_as(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        stands_for: Option<String>,
    ) -> Result<PathBuf> {
        let path = self.path(kind, stands_for);
        pack::write(&path, bytes)?;
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
    fn place_run<'r>(&mut self, run: Run<'r>) -> Option<Pack<'r>> {
        let (first, object) = run.first()?;
        if let [_] = run {
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

    /// Puts words where the object is that they stand for or, for a member, just before its archive.
    pub(super) fn place(&mut self, module: &Module<'_>, words: Vec<OsString>) {
        let argument = module.place.argument;
        if module.is_member() {
            self.edits.before.entry(argument).or_default().extend(words);
        } else {
            self.edits.replace.insert(argument, words);
        }
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

/// The names of temporary files mean nothing to the user, that of their directory does.
pub(super) fn no_room(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note("the directory of temporary files is that of TMPDIR; it needs room for the inputs that have entries")
}
