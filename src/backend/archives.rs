//! Archives of which members were edited, or whose bitcode was compiled: made anew, given as their members,
//! or left out.

use super::job::Job;
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::hash::HashSet;
use crate::input::{Files, Inputs, Module, Provenance};
use crate::temporary::Kind;
use std::collections::{BTreeMap, BTreeSet};

impl Job<'_> {
    /// Writes objects that are given as something else than objects in the places of the originals: parts of
    /// archives that are linked whole, and what was made of bitcode.
    pub(super) fn place_others(
        &mut self,
        files: &Files,
        inputs: &Inputs<'_>,
        others: &[(&Module<'_>, Vec<u8>)],
        stay: bool,
    ) -> Result<()> {
        let mut edited = Edited::new(others);
        let members = others.iter().filter(|(module, _)| module.is_member());
        let mut archives: BTreeSet<_> = members.map(|(module, _)| module.place.argument).collect();
        let mut apart = BTreeSet::new();
        if inputs.is_compiled() {
            self.place_compiled(inputs, &edited)?;
            apart = edited.drop_bitcode(inputs);
            archives.extend(&apart);
        }
        for argument in archives {
            let is_whole = !apart.contains(&argument) && self.rebuild(argument, files, &edited)?;
            if !is_whole && !stay {
                self.take_apart(argument, files, &edited)?;
            }
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
}

/// What has become of modules, by where the originals are.
struct Edited<'a> {
    contents: BTreeMap<*const u8, &'a [u8]>,
    dropped: BTreeSet<*const u8>,
}

impl<'a> Edited<'a> {
    fn new(objects: &'a [(&Module<'_>, Vec<u8>)]) -> Self {
        let objects = objects.iter();
        let contents = objects.filter_map(|(module, bytes)| Some((module.address()?, &bytes[..])));
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
            self.dropped.extend(module.address());
            module.place.argument
        });
        dropped.collect()
    }
}
