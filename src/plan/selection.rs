//! Which entries each input section description takes, of the script and of `default.ld` for what the
//! script leaves. That depends on names and alignments only, and so is known before anything is laid
//! out: what comes at the end of an output section is part of its size.

use super::layout::InputFile;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::ObjectMap;
use crate::script::{FileName, InputDescription, InputSection, OutputSection, Script, Selector};
use crate::survey::{EntryId, Survey};
use std::collections::BTreeMap;

/// What the descriptions of one output section take, in order.
pub type Taken = Vec<Vec<EntryId>>;

/// The entries, as they are taken.
#[derive(Debug, Default)]
pub struct Selection {
    /// For each output section of the script.
    pub outputs: Vec<Taken>,
    /// What is put at the end of an output section of the script, by its name.
    pub appended: HashMap<String, Vec<(OutputSection, Taken)>>,
    /// Output sections of which the script knows nothing.
    pub orphans: Vec<(OutputSection, Taken)>,
    /// What `KEEP` speaks of, whichever description takes it.
    pub kept: HashSet<EntryId>,
}

/// Hands out entries.
pub struct Candidates<'a> {
    pub survey: &'a Survey<'a>,
    /// In link order.
    pub entries: Vec<EntryId>,
    /// What scripts call the entries that have a key.
    pub keyed: &'a HashMap<EntryId, String>,
    /// The paths of the objects, as scripts see them.
    pub files: &'a ObjectMap<InputFile<'a>>,
    /// The alignment of an entry, as a power of two.
    pub alignment: &'a dyn Fn(EntryId) -> u32,
}

impl Candidates<'_> {
    /// Gives each description what it takes.
    ///
    /// # Errors
    /// None, as `default.ld` is right.
    pub fn select(self, script: &Script) -> Result<Selection> {
        let mut selection = Selection::default();
        let (taken, rest) = self.give(self.entries.clone(), script.inputs());
        let keeping = script.inputs().filter(|description| description.keep);
        let (kept, _) = self.give(self.entries.clone(), keeping);
        selection.kept = kept.into_iter().flatten().collect();
        let mut taken = taken.into_iter();
        for output in script.outputs() {
            let own = taken.by_ref().take(output.inputs().count());
            selection.outputs.push(own.collect());
        }
        let mut by_section: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
        for id in rest {
            let section = self.survey.section(&self.survey[id]);
            by_section.entry(section).or_default().push(id);
        }
        let names = script.outputs().map(|output| output.name.value.as_str());
        let names: HashSet<&str> = names.collect();
        let default = Script::default_policy()?;
        for (name, entries) in by_section {
            let policy = default.for_section(name);
            let (taken, _) = self.give(entries, policy.inputs());
            let mut taken = taken.into_iter();
            for output in policy.outputs() {
                let own: Taken = taken.by_ref().take(output.inputs().count()).collect();
                let of_name = output.name.value.as_str();
                match names.contains(of_name) {
                    true => {
                        let appended = selection.appended.entry(of_name.to_owned());
                        appended.or_default().push((output.clone(), own));
                    }
                    false => selection.orphans.push((output.clone(), own)),
                }
            }
        }
        Ok(selection)
    }

    /// What each description takes, and what is left.
    fn give<'d>(
        &self,
        entries: Vec<EntryId>,
        descriptions: impl Iterator<Item = &'d InputDescription> + Clone,
    ) -> (Taken, Vec<EntryId>) {
        if descriptions.clone().next().is_none() {
            return (Vec::new(), entries);
        }
        let inputs = entries.iter().map(|&id| self.input(id)).collect();
        let mut selector = Selector::new(inputs, descriptions.clone());
        let ids = |positions: Vec<usize>| positions.into_iter().map(|at| entries[at]).collect();
        let taken = descriptions.map(|one| ids(selector.take(one))).collect();
        let rest = selector.rest().map(|at| entries[at]).collect();
        (taken, rest)
    }

    /// An entry as scripts speak of it.
    fn input(&self, id: EntryId) -> InputSection<'_> {
        let entry = &self.survey[id];
        let name = entry.key.as_ref().and_then(|_| self.keyed.get(&id));
        let InputFile { file, archive } = &self.files[entry.object];
        InputSection {
            name: name.map_or_else(|| self.survey.section(entry), String::as_str),
            file: FileName {
                file,
                archive: archive.as_deref(),
            },
            alignment: (self.alignment)(id),
        }
    }
}
