//! Archives of which members were edited, or whose bitcode was compiled: made anew, or left out.

use super::job::{Job, no_room};
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::hash::HashSet;
use crate::input::{Files, Inputs, Module, Provenance, write_archive};
use crate::temporary::Kind;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

impl Job<'_> {
    /// Writes objects that are given as something else than objects in the places of the originals: parts of
    /// archives that are made anew, and what was made of bitcode.
    pub(super) fn place_others(
        &mut self,
        files: &Files,
        inputs: &Inputs<'_>,
        others: &[(&Module<'_>, Vec<u8>)],
    ) -> Result<()> {
        let mut edited = Edited::new(others);
        let members = others.iter().filter(|(module, _)| module.is_member());
        let mut archives: BTreeSet<_> = members.map(|(module, _)| module.place.argument).collect();
        if inputs.is_compiled() {
            self.place_compiled(inputs, &edited)?;
            archives.extend(edited.drop_bitcode(inputs));
        }
        for argument in archives {
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
            let original = module.lasting().unwrap_or_default();
            let bytes = edited.of(original).unwrap_or(original);
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
            if !edited.is_dropped(original) {
                let bytes = edited.of(original).unwrap_or(original);
                let shown = format!("{}({name})", archive.name);
                members.push((self.member(&path, &name, shown), Cow::Borrowed(bytes)));
            }
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
    dropped: BTreeSet<*const u8>,
    /// The archives that are linked whole.
    whole: BTreeSet<ArgumentIndex>,
}

impl<'a> Edited<'a> {
    fn new(objects: &'a [(&Module<'_>, Vec<u8>)]) -> Self {
        let modules = objects.iter().map(|(module, _)| module);
        let whole = modules.filter(|module| module.is_member() && module.place.whole_archive);
        let contents = objects
            .iter()
            .filter_map(|(module, bytes)| Some((module.address()?, &bytes[..])));
        Self {
            contents: contents.collect(),
            dropped: BTreeSet::new(),
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
            self.dropped.extend(module.address());
            self.whole.insert(module.place.argument);
            module.place.argument
        });
        dropped.collect()
    }
}
