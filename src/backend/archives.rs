//! Archives of which members were edited, or whose bitcode was compiled: made anew, or left out.

use super::job::{Job, no_room};
use super::stubs;
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::hash::HashSet;
use crate::hoist::Hoisted;
use crate::input::{Files, Inputs, Module, write_archive};
use crate::temporary::Kind;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

impl Job<'_> {
    /// Writes objects that are given as something else than objects in the places of the originals: parts of
    /// archives that are made anew, and what stands for bitcode.
    pub(super) fn place_others(
        &mut self,
        files: &Files,
        inputs: &Inputs<'_>,
        others: &[(&Module<'_>, Vec<u8>)],
        hoisted: Option<&Hoisted<'_>>,
    ) -> Result<()> {
        let stand_ins = stubs::stand_ins(inputs);
        for (module, bytes) in stand_ins.iter().filter(|(module, _)| !module.is_member()) {
            // One that was compiled alone may have been edited since.
            if !self.edits.replace.contains_key(&module.place.argument) {
                let file = self.write(bytes, Some(module.name.to_string()))?;
                self.place(module, vec![file.into()]);
            }
        }
        let edited = Edited::new(inputs, &stand_ins, others);
        self.place_compiled(inputs, hoisted, |original| edited.of(original))?;
        for &argument in &edited.archives {
            self.make_anew(argument, files, &edited)?;
        }
        Ok(())
    }

    /// Leaves out archives of whose members only those `given` could be linked. The backend would
    /// parse these again.
    pub(super) fn leave_out_archives<'m>(
        &mut self,
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
                self.edits.replace.insert(argument, Vec::new());
            }
        }
        Ok(())
    }

    /// Puts an archive with the edited members in place of an archive. Of one that is not linked whole, it has
    /// those up to the last that is edited, and what follows is offered by the archive itself.
    fn make_anew(
        &mut self,
        argument: ArgumentIndex,
        files: &Files,
        edited: &Edited<'_>,
    ) -> Result<()> {
        let Some(archive) = files.archive(argument)? else {
            return Ok(());
        };
        let end = match edited.is_whole(argument) {
            true => None,
            false => archive.end_of_edited(|original| edited.of(original).is_some()),
        };
        let count = end.unwrap_or(archive.members.len());
        let path = self.directory.name(Kind::Archive);
        let mut members = Vec::with_capacity(count);
        for (name, original) in archive.members.into_iter().take(count) {
            let bytes = edited.of(original).unwrap_or(original);
            let shown = format!("{}({name})", archive.name);
            members.push((self.member(&path, &name, shown), Cow::Borrowed(bytes)));
        }
        self.names.add_input(&path, archive.name.to_string());
        let path = self.directory.path().join(path);
        write_archive(&path, members).map_err(|error| no_room(&error))?;
        match end {
            Some(_) => self
                .edits
                .before
                .entry(argument)
                .or_default()
                .push(path.into()),
            None => {
                self.edits.replace.insert(argument, vec![path.into()]);
            }
        }
        Ok(())
    }
}

/// What has become of modules, by where the originals are.
struct Edited<'a> {
    contents: BTreeMap<*const u8, &'a [u8]>,
    /// The archives that such modules are in.
    archives: BTreeSet<ArgumentIndex>,
    /// Those of them that are linked whole.
    whole: BTreeSet<ArgumentIndex>,
}

impl<'a> Edited<'a> {
    /// Of what stands for bitcode, some has been edited too.
    fn new(
        inputs: &Inputs<'_>,
        stand_ins: &'a [(&Module<'_>, Vec<u8>)],
        edited: &'a [(&Module<'_>, Vec<u8>)],
    ) -> Self {
        let all = || stand_ins.iter().chain(edited);
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

    fn is_whole(&self, argument: ArgumentIndex) -> bool {
        self.whole.contains(&argument)
    }

    /// What `original` has become, if it was edited.
    fn of(&self, original: &[u8]) -> Option<&'a [u8]> {
        self.contents.get(&original.as_ptr()).copied()
    }
}
