//! Warnings about sections that are not arrays: a walk over one would read padding, or part of an entry.

use super::alignment::{Alignments, EntryAlignment};
use super::output::{Placed, describe_entry};
use crate::error::{Error, Result};
use crate::hash::HashSet;
use crate::input::Modules;
use crate::survey::{Entry, EntryId, NameId, Origin, Survey};

/// How many bytes of padding there may be for each byte of an entry, and how many in any case.
const MOST_PADDING: (u64, u64) = (32, 64 << 20);

/// Checks that sections are arrays.
#[derive(Debug)]
pub struct ArrayChecker<'a> {
    survey: &'a Survey<'a>,
    modules: &'a Modules<'a>,
    alignments: &'a Alignments<'a>,
    /// The bytes of all entries placed so far.
    entry_bytes: u64,
    /// The bytes of padding before them.
    padding_bytes: u64,
    /// Sections with a warning. One is enough to find the place.
    warned: HashSet<NameId>,
}

impl<'a> ArrayChecker<'a> {
    /// Begins, before any entry is placed.
    pub fn new(
        survey: &'a Survey<'a>,
        modules: &'a Modules<'a>,
        alignments: &'a Alignments<'a>,
    ) -> Self {
        Self {
            survey,
            modules,
            alignments,
            entry_bytes: 0,
            padding_bytes: 0,
            warned: HashSet::default(),
        }
    }

    /// Counts an entry that is placed after `padding` bytes.
    ///
    /// # Errors
    /// More padding than any type needs: a small object would make a large array.
    pub fn count(&mut self, id: EntryId, padding: u64) -> Result<()> {
        let entry = &self.survey[id];
        self.entry_bytes += u64::from(entry.size);
        self.padding_bytes += padding;
        let (bytes, padding) = (self.entry_bytes, self.padding_bytes);
        if padding <= MOST_PADDING.0 * bytes + MOST_PADDING.1 {
            return Ok(());
        }
        let section = self.survey.section(entry);
        Err(Error::new(format!(
            "section `{section}`: {padding} bytes of padding between {bytes} bytes of entries"
        ))
        .note(
            "the size of an entry should be a multiple of its alignment; if it is, the object is \
             damaged",
        )
        .in_file(&self.modules[entry.object].name))
    }

    /// The warning about padding between two entries, if they are of one section that has none yet.
    pub fn padding_warning(
        &mut self,
        padding: u64,
        before: EntryId,
        after: EntryId,
    ) -> Option<String> {
        let survey = self.survey;
        let id = survey[after].section;
        if survey[before].section != id || !self.warned.insert(id) {
            return None;
        }
        let section = survey.section_name(id);
        let describe = |id: EntryId| {
            let alignment = match self.alignments.entry(id) {
                EntryAlignment::Stated(exponent) => format!(", aligned to {}", 1_u64 << exponent),
                EntryAlignment::Inferred(_) => String::new(),
            };
            self.describe_with_size(id, &alignment)
        };
        Some(format!(
            "section `{section}` is not one array: {padding} bytes of padding between entries\n\
             >>> before: {}\n\
             >>> after: {}\n\
             >>> give all entries of a section the same type, so that code that iterates from \
             `__start_{section}` finds only entries",
            describe(before),
            describe(after)
        ))
    }

    /// `SYMBOL, 8 bytes, in OBJECT`.
    fn describe_with_size(&self, id: EntryId, more: &str) -> String {
        let entry = &self.survey[id];
        let what = describe_entry(self.survey, id);
        let name = &self.modules[entry.object].name;
        format!("{what}, {} bytes{more}, in {name}", entry.size)
    }

    /// A warning for each section among these entries whose sizes are not those of one type.
    pub fn size_warnings(&mut self, entries: &[Placed]) -> Vec<String> {
        let unlike = unlike(self.survey, entries).into_iter();
        unlike
            .filter_map(|(unit, other)| self.size_warning(unit, other))
            .collect()
    }

    fn size_warning(&mut self, unit: EntryId, other: EntryId) -> Option<String> {
        let survey = self.survey;
        let id = survey[unit].section;
        if !self.warned.insert(id) {
            return None;
        }
        let section = survey.section_name(id);
        Some(format!(
            "section `{section}` is not one array: it has entries of {} bytes and of {} bytes\n\
             >>> one: {}\n\
             >>> another: {}\n\
             >>> give all entries of a section the same type, so that code that iterates from \
             `__start_{section}` finds only entries",
            survey[unit].size,
            survey[other].size,
            self.describe_with_size(unit, ""),
            self.describe_with_size(other, "")
        ))
    }
}

/// For each section among these entries that is no array: its smallest item, and the first entry whose size
/// is no multiple of that.
fn unlike(survey: &Survey<'_>, entries: &[Placed]) -> Vec<(EntryId, EntryId)> {
    // There are few names in one array, and mostly one.
    let mut units: Vec<(NameId, EntryId)> = Vec::new();
    for placed in entries
        .iter()
        .filter(|placed| is_item(&survey[placed.entry]))
    {
        let (id, entry) = (placed.entry, &survey[placed.entry]);
        match units.iter_mut().find(|(name, _)| *name == entry.section) {
            Some((_, unit)) if entry.size < survey[*unit].size => *unit = id,
            Some(_) => {}
            None => units.push((entry.section, id)),
        }
    }
    let other = |&(section, unit): &(NameId, EntryId)| {
        let size = survey[unit].size;
        let mut all = entries.iter().map(|placed| placed.entry);
        let is_other = |entry: &Entry| entry.section == section && !entry.size.is_multiple_of(size);
        Some((unit, all.find(|&id| is_other(&survey[id]))?))
    };
    units.iter().filter_map(other).collect()
}

/// Whether an entry is one item: one symbol names all of it. How many items others have is unknown.
fn is_item(entry: &Entry) -> bool {
    let all = 0..entry.size;
    match (&entry.origin, &entry.symbols[..]) {
        _ if entry.size == 0 => false,
        (Origin::Symbol(..), _) => true,
        (Origin::Segment(_), [only]) => only.range() == all,
        _ => false,
    }
}
