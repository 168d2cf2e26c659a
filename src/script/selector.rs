//! Assigns input sections to input section descriptions. The first matching description selects a section.

use super::ast::InputDescription;
use super::matcher::{InputSection, Matcher};
use super::names::NameIndex;
use super::pattern::FileKey;

/// With more descriptions, an index is faster.
const MAX_WITHOUT_INDEX: usize = 8;

/// Assigns input sections to one description after another.
#[derive(Debug)]
pub struct Selector<'a> {
    /// In link order.
    inputs: Vec<InputSection<'a>>,
    selected: Vec<bool>,
    /// `None` if the script has few descriptions.
    index: Option<Index<'a>>,
}

/// An index of the input sections by section, file and archive name.
#[derive(Debug)]
struct Index<'a> {
    sections: NameIndex<'a>,
    files: NameIndex<'a>,
    archives: NameIndex<'a>,
    /// Whether selected sections can affect the order of others, so that they must remain in the index.
    keeps_selected: bool,
}

impl<'a> Selector<'a> {
    /// A selector for `inputs`, which are in link order.
    pub fn new<'d>(
        inputs: Vec<InputSection<'a>>,
        descriptions: impl Iterator<Item = &'d InputDescription> + Clone,
    ) -> Self {
        let has_many = descriptions.clone().nth(MAX_WITHOUT_INDEX).is_some();
        let index = has_many.then(|| Index {
            sections: NameIndex::new(inputs.iter().map(|input| Some(input.name))),
            files: NameIndex::new(inputs.iter().map(|input| Some(input.file.file))),
            archives: NameIndex::new(inputs.iter().map(|input| input.file.archive)),
            keeps_selected: descriptions
                .map(Matcher::new)
                .any(|matcher| matcher.order_depends_on_selected()),
        });
        Self {
            selected: vec![false; inputs.len()],
            inputs,
            index,
        }
    }

    /// The positions of the input sections that a description selects, in its order. As in GNU ld, it does not
    /// select sections that an earlier description has selected, but these may affect the order.
    pub fn select(&mut self, description: &InputDescription) -> Vec<usize> {
        let matcher = Matcher::new(description);
        let order_depends_on_selected = matcher.order_depends_on_selected();
        let selected = &self.selected;
        let is_candidate = |position: &usize| order_depends_on_selected || !selected[*position];
        let mut new = match &mut self.index {
            Some(index) => {
                let mut candidates = index.candidates(&matcher, selected);
                candidates.retain(is_candidate);
                matcher.select(&self.inputs, candidates.into_iter())
            }
            None => matcher.select(&self.inputs, (0..self.inputs.len()).filter(is_candidate)),
        };
        new.retain(|&position| !std::mem::replace(&mut self.selected[position], true));
        new
    }

    /// The positions of the orphans, which no description has selected, in link order.
    pub fn unselected(&self) -> impl Iterator<Item = usize> {
        let selected = self.selected.iter().enumerate();
        selected.filter_map(|(position, selected)| (!selected).then_some(position))
    }
}

impl Index<'_> {
    /// A superset of the sections that a description selects, in link order: those with a matching section name
    /// or those in a matching file, whichever are fewer.
    fn candidates(&mut self, matcher: &Matcher, selected: &[bool]) -> Vec<usize> {
        let mut sections: Vec<usize> = matcher
            .section_names()
            .flat_map(|glob| self.sections.matching(glob))
            .collect();
        sections.sort_unstable();
        sections.dedup();
        let files = match matcher.file_key() {
            FileKey::Any => None,
            FileKey::File(glob) => Some((self.files.matching(glob), &mut self.files)),
            FileKey::Archive(glob) => Some((self.archives.matching(glob), &mut self.archives)),
        };
        let fewer =
            files.filter(|(files, names)| names.count(files) < self.sections.count(&sections));
        let (numbers, names) = fewer.unwrap_or((sections, &mut self.sections));
        if !self.keeps_selected {
            names.remove(&numbers, |position| selected[position]);
        }
        let mut candidates: Vec<usize> = names.positions(&numbers).collect();
        candidates.sort_unstable();
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{FileName, Script, Source};
    use proptest::prelude::*;

    const NAMES: [&str; 7] = ["a", "a.1", "a.2", "b.1", "b.10", "ab", ".a"];
    const FILES: [(&str, Option<&str>); 5] = [
        ("x.o", None),
        ("dir/y.o", None),
        ("x.o", Some("libm.a")),
        ("z.o", Some("libm.a")),
        ("z.o", Some("libn.a")),
    ];
    const DESCRIPTIONS: [&str; 16] = [
        "*(a)",
        "*(a.*)",
        "*(SORT(a*) SORT(b*))",
        "*(SORT_BY_ALIGNMENT(a.*) b.1)",
        "*(SORT_BY_INIT_PRIORITY(*))",
        "x.o(*)",
        "*y.o(a b.*)",
        "*z.o(SORT(*.1*))",
        "libm.a:(*)",
        "libm.a:x.o(a*)",
        "*n.a:*(SORT_NONE([ab].*))",
        ":*(.a)",
        "EXCLUDE_FILE(*z.o) *(*1)",
        "SORT(*)(b.* EXCLUDE_FILE(libm.a) a.?)",
        "KEEP(*(?))",
        "*",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn selection_is_the_same_with_an_index(
            inputs in prop::collection::vec((0..NAMES.len(), 0..FILES.len(), 0_u32..4), 0..30),
            descriptions in prop::collection::vec(0..DESCRIPTIONS.len(), MAX_WITHOUT_INDEX + 1..20),
        ) {
            let inputs = inputs.into_iter().map(|(name, file, alignment)| {
                let (file, archive) = FILES[file];
                InputSection { name: NAMES[name], file: FileName { file, archive }, alignment }
            });
            let inputs: Vec<_> = inputs.collect();
            let body: Vec<_> = descriptions.into_iter().map(|one| DESCRIPTIONS[one]).collect();
            let text = format!("SECTIONS {{ X : {{ {} }} }}", body.join(" "));
            let script = Script::parse(Source::new("t", text), &[]).expect("a script");
            let mut with = Selector::new(inputs.clone(), script.inputs());
            let mut without = Selector::new(inputs, script.inputs().take(0));
            prop_assert!(with.index.is_some() && without.index.is_none());
            for description in script.inputs() {
                prop_assert_eq!(with.select(description), without.select(description));
            }
            prop_assert!(with.unselected().eq(without.unselected()));
        }
    }
}
