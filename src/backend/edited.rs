//! The edited objects: room is made for them before there are any, each is written when it has been made, and
//! then the synthesized one.

use super::job::{Job, no_room};
use super::pack::{self, Pack, Run, Writer};
use super::stubs;
use crate::args::{ArgumentIndex, CommandLine, Id};
use crate::error::Result;
use crate::hash::HashSet;
use crate::hoist::Hoisted;
use crate::input::{Files, Inputs, Module, ObjectId};
use crate::temporary::Kind;
use std::collections::BTreeMap;
use std::fs::File;

/// The edited objects of a link, as they are made.
pub struct EditedObjects<'a> {
    /// Those that are given before their archive.
    members: Vec<&'a Module<'a>>,
    writer: Writer,
    /// Those that are given as something else, and what has been made of them so far.
    others: Vec<&'a Module<'a>>,
    made: Vec<(&'a Module<'a>, Vec<u8>)>,
}

impl<'a> EditedObjects<'a> {
    /// Takes one. They come in link order.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn take(&mut self, module: &'a Module<'a>, bytes: Vec<u8>) -> Result<()> {
        let next = self.others.get(self.made.len());
        match next.is_some_and(|next| std::ptr::eq(*next, module)) {
            true => self.made.push((module, bytes)),
            false => self.writer.write(bytes)?,
        }
        Ok(())
    }
}

impl<'a> Job<'a> {
    /// Makes room for the objects that are `edited`, in link order: each has the place of the original. If
    /// `together`, those that stand beside each other on the command line are given in one file.
    ///
    /// # Errors
    /// An archive that is not right.
    pub fn make_room(
        &mut self,
        together: bool,
        files: &Files,
        inputs: &'a Inputs<'a>,
        edited: impl Iterator<Item = ObjectId>,
    ) -> Result<EditedObjects<'a>> {
        let edited: Vec<_> = edited.map(|id| &inputs.modules[id.0]).collect();
        let mut anew = archives_made_anew(files, &edited)?;
        anew.extend(stubs::archives(inputs));
        let is_other = |module: &Module<'a>| {
            stubs::is_last(module) || module.is_member() && anew.contains(&module.place.argument)
        };
        let (others, placed): (Vec<_>, Vec<_>) =
            edited.into_iter().partition(|module| is_other(module));
        let runs = pack::runs(&placed, files);
        let runs =
            runs.into_iter()
                .flat_map(|run| match together || run.iter().any(|m| m.is_member()) {
                    true => run.chunks(run.len()),
                    false => run.chunks(1),
                });
        let packs: Vec<Pack> = runs.filter_map(|run| self.place_run(run)).collect();
        Ok(EditedObjects {
            writer: Writer::new(packs),
            others,
            made: Vec::new(),
            members: placed
                .into_iter()
                .filter(|module| module.is_member())
                .collect(),
        })
    }

    /// Completes the link when all edited objects are there, with what was synthesized.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn complete(
        &mut self,
        objects: &EditedObjects<'_>,
        line: &CommandLine,
        files: &Files,
        inputs: &'a Inputs<'a>,
        hoisted: Option<&'a Hoisted<'a>>,
    ) -> Result<()> {
        let modules = &inputs.modules;
        // Between `--start-lib` and the end of the line what comes last would be lazy.
        let comes_last = hoisted.is_some() || inputs.is_compiled();
        if comes_last && line.flag(Id::StartLib, Id::EndLib) {
            self.edits.last.push("--end-lib".into());
        }
        self.leave_out_archives(files, objects.members.iter().copied())?;
        if let Some(hoisted) = hoisted {
            for object in hoisted.requests.iter().chain([&hoisted.object]) {
                let path = self.path(Kind::Object, None);
                let file = File::create(&path);
                let written = file.and_then(|mut file| object.write(&mut file));
                written.map_err(|error| no_room(&error))?;
                self.edits.last.push(path.into());
            }
            self.names
                .set_symbols(&hoisted.globals, modules.len(), |id| {
                    modules[id.0].name.to_string()
                });
            self.drop_exports(line);
        }
        if inputs.is_compiled() {
            self.drop_object_path(line);
        }
        self.place_others(files, inputs, &objects.made, hoisted)
    }

    /// Puts edited objects where the originals are. What is to be written for them.
    fn place_run(&mut self, run: Run<'_, 'a>) -> Option<Pack> {
        let first = *run.first()?;
        if let ([_], false) = (run, first.is_member()) {
            let path = self.path(Kind::Object, Some(first.name.to_string()));
            self.place(first, vec![path.clone().into()]);
            return Some(Pack::Object(path));
        }
        let archive = self.directory.name(Kind::Archive);
        let members = run.iter().map(|module| {
            let name = module.name.member().unwrap_or_default();
            self.member(&archive, name, module.name.to_string())
        });
        let members = members.collect();
        let path = self.directory.path().join(&archive);
        if first.is_member() {
            self.names
                .add_input(&archive, first.name.file().display().to_string());
            self.place(first, vec![path.clone().into()]);
            return Some(Pack::Archive(path, members));
        }
        for module in run.iter().skip(1) {
            self.place(module, Vec::new());
        }
        let mut words = vec![path.clone().into()];
        if !first.place.whole_archive {
            words.insert(0, "--whole-archive".into());
            words.push("--no-whole-archive".into());
        }
        self.place(first, words);
        Some(Pack::Archive(path, members))
    }
}

/// The archives with edited members that are made reencode: those that are linked whole, and those where an
/// edited member follows another that may be extracted. If it came first, so would its constructors and what
/// it defines.
fn archives_made_anew(files: &Files, edited: &[&Module<'_>]) -> Result<HashSet<ArgumentIndex>> {
    let mut members: BTreeMap<ArgumentIndex, Vec<&Module<'_>>> = BTreeMap::new();
    for module in edited.iter().filter(|module| module.is_member()) {
        members
            .entry(module.place.argument)
            .or_default()
            .push(module);
    }
    let mut anew = HashSet::default();
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
            anew.insert(argument);
        }
    }
    Ok(anew)
}
