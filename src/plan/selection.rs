//! Which entries each input section description selects: those of the script, and those of `default.ld` for
//! the orphans. That depends on names and alignments alone, and is known before anything is laid out: what is
//! put at the end of an output section is part of its size.

use super::alignment::Alignments;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::{Modules, ObjectMap};
use crate::script::{FileName, InputDescription, InputSection, OutputSection, Script, Selector};
use crate::survey::{EntryId, Survey};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the input section descriptions of one output section select, in order.
pub type Selected = Vec<Vec<EntryId>>;

/// What all input section descriptions select.
#[derive(Debug, Default)]
pub struct Selection {
    /// For each output section of the script.
    pub outputs: Vec<Selected>,
    /// Orphans that are put at the end of an output section of the script, by its name.
    pub appended: HashMap<String, Vec<(OutputSection, Selected)>>,
    /// Orphans for which the script has no output section.
    pub orphans: Vec<(OutputSection, Selected)>,
    /// What a `KEEP` matches, whichever description selects it.
    pub kept: HashSet<EntryId>,
}

impl Selection {
    /// Selects among `entries`, which are in link order.
    ///
    /// # Errors
    /// None, as `default.ld` is right.
    pub fn of(
        survey: &Survey<'_>,
        modules: &Modules<'_>,
        alignments: &Alignments<'_>,
        entries: Vec<EntryId>,
        script: &Script,
    ) -> Result<Self> {
        let keyed = entries.iter().filter_map(|&id| {
            let entry = &survey[id];
            let key = entry.key.as_deref()?;
            Some((id, format!("{}.{key}", survey.section(entry))))
        });
        let candidates = Candidates {
            survey,
            alignments,
            keyed: keyed.collect(),
            files: input_files(survey, modules),
        };
        let mut selection = Selection::default();
        let (selected, orphans) = candidates.select(entries.clone(), script.inputs());
        let keeping = script.inputs().filter(|description| description.keep);
        let (kept, _) = candidates.select(entries, keeping);
        selection.kept = kept.into_iter().flatten().collect();
        let mut selected = selected.into_iter();
        for output in script.outputs() {
            let own = selected.by_ref().take(output.inputs().count());
            selection.outputs.push(own.collect());
        }
        selection.select_orphans(&candidates, orphans, script)?;
        Ok(selection)
    }

    /// Applies the default policy to each section with orphans.
    fn select_orphans(
        &mut self,
        candidates: &Candidates<'_>,
        orphans: Vec<EntryId>,
        script: &Script,
    ) -> Result<()> {
        let survey = candidates.survey;
        let mut by_section: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
        for id in orphans {
            let section = survey.section(&survey[id]);
            by_section.entry(section).or_default().push(id);
        }
        let names = script.outputs().map(|output| output.name.value.as_str());
        let names: HashSet<&str> = names.collect();
        let default = Script::default_policy()?;
        for (name, entries) in by_section {
            let policy = default.for_section(name);
            let (selected, _) = candidates.select(entries, policy.inputs());
            let mut selected = selected.into_iter();
            for output in policy.outputs() {
                let own = selected.by_ref().take(output.inputs().count());
                let own: Selected = own.collect();
                let name = output.name.value.as_str();
                match names.contains(name) {
                    true => {
                        let appended = self.appended.entry(name.to_owned());
                        appended.or_default().push((output.clone(), own));
                    }
                    false => self.orphans.push((output.clone(), own)),
                }
            }
        }
        Ok(())
    }
}

/// The path of an object, as scripts see it.
struct InputFile<'a> {
    file: Cow<'a, str>,
    archive: Option<Cow<'a, str>>,
}

fn input_files<'a>(survey: &Survey<'_>, modules: &'a Modules<'_>) -> ObjectMap<InputFile<'a>> {
    let files = survey.objects.iter().map(|(id, _)| {
        let name = &modules[id].name;
        let path = name.file().to_string_lossy();
        // Scripts separate directories by `/` on Windows too, where the command line may have either.
        let path = match cfg!(windows) {
            true => path.replace('\\', "/").into(),
            false => path,
        };
        let (file, archive) = match name.member() {
            Some(member) => (member.into(), Some(path)),
            None => (path, None),
        };
        (id, InputFile { file, archive })
    });
    files.collect()
}

/// Entries as scripts see them.
struct Candidates<'a> {
    survey: &'a Survey<'a>,
    alignments: &'a Alignments<'a>,
    /// The input section names of entries that have a key: `NAME.KEY`.
    keyed: HashMap<EntryId, String>,
    files: ObjectMap<InputFile<'a>>,
}

impl Candidates<'_> {
    /// What each description selects among `entries`, and the entries that none selects.
    fn select<'d>(
        &self,
        entries: Vec<EntryId>,
        descriptions: impl Iterator<Item = &'d InputDescription> + Clone,
    ) -> (Selected, Vec<EntryId>) {
        if descriptions.clone().next().is_none() {
            return (Vec::new(), entries);
        }
        let inputs = entries.iter().map(|&id| self.input(id)).collect();
        let mut selector = Selector::new(inputs, descriptions.clone());
        let ids = |positions: Vec<usize>| positions.into_iter().map(|at| entries[at]).collect();
        let selected = descriptions.map(|one| ids(selector.select(one))).collect();
        let rest = selector.unselected().map(|at| entries[at]).collect();
        (selected, rest)
    }

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
            alignment: self.alignments.entry(id).exponent(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Data, TestLink, object};

    /// The symbols that each description selects, and the names and symbols of orphans.
    fn select(script: &str) -> (Vec<String>, Vec<String>, Vec<String>, usize) {
        let objects = [
            (
                "b.o",
                object(&[Data::new("A", "a1"), Data::new("B", "b1")], &[]),
            ),
            (
                "lib.a(a.o)",
                object(&[Data::new("A", "a2").size(8, 3)], &[]),
            ),
        ];
        let test = TestLink::new(&["--gather=A", "--gather=B"], &objects).script(script);
        let survey = test.survey();
        let entries: Vec<_> = survey.ids().collect();
        let alignments = Alignments::of(&survey, &entries);
        let modules = &test.inputs.modules;
        let found = Selection::of(&survey, modules, &alignments, entries, &test.script)
            .expect("a selection");
        let names = |ids: &[EntryId]| {
            let of = |id: &EntryId| survey.name(&survey[*id].symbols[0]);
            ids.iter().map(of).collect::<Vec<_>>().join(" ")
        };
        let outputs = found.outputs.iter().flatten().map(|ids| names(ids));
        let orphan = |(output, selected): &(OutputSection, Selected)| {
            format!("{}: {}", output.name.value, names(&selected.concat()))
        };
        let appended = found.appended.values().flatten();
        (
            outputs.collect(),
            appended.map(orphan).collect(),
            found.orphans.iter().map(orphan).collect(),
            found.kept.len(),
        )
    }

    #[test]
    fn what_no_description_selects_is_an_orphan() {
        let (outputs, appended, orphans, kept) = select("SECTIONS { X : { *(A) } }");
        assert_eq!(outputs, ["a1 a2"]);
        assert_eq!(orphans, ["B: b1"]);
        assert!(appended.is_empty() && kept == 0);
    }

    #[test]
    fn orphans_of_a_named_output_section_are_appended() {
        let (outputs, appended, orphans, _) = select("SECTIONS { A : { *a.o(A) } B : { *(C) } }");
        assert_eq!(outputs, ["a2", ""]);
        assert!(appended.contains(&"A: a1".to_owned()), "{appended:?}");
        assert!(appended.contains(&"B: b1".to_owned()), "{appended:?}");
        assert!(orphans.is_empty());
    }

    #[test]
    fn the_first_description_selects_and_any_keeps() {
        let (outputs, _, _, kept) =
            select("SECTIONS { X : { lib.a:(*) *(SORT(*)) } Y : { KEEP(*(A)) } }");
        assert_eq!(outputs, ["a2", "a1 b1", ""]);
        assert_eq!(kept, 2);
    }

    #[test]
    fn alignments_sort() {
        let (outputs, ..) = select("SECTIONS { X : { *(SORT_BY_ALIGNMENT(*)) } }");
        assert_eq!(outputs, ["a2 a1 b1"]);
    }
}
