//! How entries are aligned: by the segment that they are in or, where nothing states it, by their
//! size. And what a user should know where that makes gaps.

use super::layout::Layout;
use super::{Placed, describe_entry};
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::survey::{Entry, EntryId, NameId, Origin, Survey};

/// The alignment beyond which a custom section is not aligned, as a power of two: that of a cache
/// line.
const MOST_CUSTOM_ALIGNMENT: u32 = 6;

/// How many bytes of padding there may be for each byte of an entry, and how many anyway.
const MOST_PADDING: (u64, u64) = (32, 64 << 20);

impl Layout<'_> {
    /// The alignment of an entry, as a power of two.
    pub(super) fn entry_alignment(&self, id: EntryId) -> u32 {
        let entry = &self.survey[id];
        let of_section = || self.custom_alignments.get(&entry.section).copied();
        let stated = entry.alignment.map(u32::from);
        stated.or_else(of_section).unwrap_or(0)
    }

    /// Refuses what would make a large array out of little: padding between entries that no type
    /// needs.
    pub(super) fn check_padding(&mut self, id: EntryId, bytes: u64, padding: u64) -> Result<()> {
        self.extent.0 += bytes;
        self.extent.1 += padding;
        let (bytes, padding) = self.extent;
        if padding <= MOST_PADDING.0 * bytes + MOST_PADDING.1 {
            return Ok(());
        }
        let entry = &self.survey[id];
        let section = self.survey.section(entry);
        Err(Error::new(format!(
            "section `{section}`: by now {padding} bytes of padding between entries of {bytes} bytes"
        ))
        .note("an entry's size should be a multiple of its alignment: if it is, the object is damaged")
        .in_file(&self.modules[entry.object.0].name))
    }

    /// One warning a section is enough to find the place.
    pub(super) fn warn_of_padding(&mut self, bytes: u64, before: EntryId, after: EntryId) {
        let survey = self.survey;
        let entry = |id: EntryId| &survey[id];
        let id = entry(after).section;
        if entry(before).section != id || !self.warned.insert(id) {
            return;
        }
        let section = survey.section_name(id);
        let describe = |id: EntryId| {
            let alignment = match entry(id).segment() {
                Some(_) => format!(", aligned to {}", 1_u64 << self.entry_alignment(id)),
                None => String::new(),
            };
            self.describe_with_size(id, &alignment)
        };
        let warning = format!(
            "section `{section}` is not one array: {bytes} bytes of padding between entries\n\
             >>> before: {}\n\
             >>> after: {}\n\
             >>> give all entries of a section one type, so that a walk from `__start_{section}` \
             meets only entries",
            describe(before),
            describe(after)
        );
        self.warnings.push(warning);
    }

    /// `SYMBOL, 8 bytes, in OBJECT`.
    fn describe_with_size(&self, id: EntryId, more: &str) -> String {
        let entry = &self.survey[id];
        let what = describe_entry(self.survey, id);
        let name = &self.modules[entry.object.0].name;
        format!("{what}, {} bytes{more}, in {name}", entry.size)
    }

    /// Warns of sections whose entries cannot all be of one type, as their sizes say.
    pub(super) fn warn_of_sizes(&mut self) {
        for section in std::mem::take(&mut self.sections) {
            for (unit, other) in unlike(self.survey, &section.entries) {
                self.warn_of_size(unit, other);
            }
            self.sections.push(section);
        }
    }

    fn warn_of_size(&mut self, unit: EntryId, other: EntryId) {
        let survey = self.survey;
        let id = survey[unit].section;
        if !self.warned.insert(id) {
            return;
        }
        let section = survey.section_name(id);
        let warning = format!(
            "section `{section}` is not one array: it has entries of {} bytes and of {} bytes\n\
             >>> one: {}\n\
             >>> another: {}\n\
             >>> give all entries of a section one type, so that a walk from `__start_{section}` \
             meets only entries",
            survey[unit].size,
            survey[other].size,
            self.describe_with_size(unit, ""),
            self.describe_with_size(other, "")
        );
        self.warnings.push(warning);
    }
}

/// Of each section among these entries that is no array: its smallest item, and the first entry that does not
/// consist of such.
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

/// Whether an entry is one thing: a symbol names all of it. Of others nobody knows how many there are in it.
fn is_item(entry: &Entry) -> bool {
    let all = 0..entry.size;
    match (&entry.origin, &entry.symbols[..]) {
        _ if entry.size == 0 => false,
        (Origin::Symbol(..), _) => true,
        (Origin::Segment(_), [only]) => only.range() == all,
        _ => false,
    }
}

/// A custom section states no alignment. But it is part of an array of some type, and the size of a
/// type is a multiple of its alignment: so the largest power of two that divides the size of every
/// entry, and is no more than what any other states, is enough and needs no padding between them.
pub(super) fn custom_alignments(survey: &Survey<'_>, entries: &[EntryId]) -> HashMap<NameId, u32> {
    let mut alignments: HashMap<NameId, u32> = HashMap::default();
    for id in entries {
        let entry = &survey[*id];
        if entry.size == 0 {
            continue;
        }
        let of_size = entry.size.trailing_zeros();
        let stated = entry.alignment.map(u32::from);
        let bound = stated.map_or(of_size, |stated| stated.min(of_size));
        let alignment = alignments
            .entry(entry.section)
            .or_insert(MOST_CUSTOM_ALIGNMENT);
        *alignment = (*alignment).min(bound);
    }
    alignments
}
