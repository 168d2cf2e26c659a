//! How entries are aligned: as their segment states or, for custom sections, as their sizes allow.

use crate::hash::HashMap;
use crate::survey::{EntryId, NameId, Survey};

/// The largest alignment that is inferred for a custom section, as a power of two: that of a cache line.
const MOST_INFERRED: u32 = 6;

/// The alignment of an entry, as a power of two, and where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryAlignment {
    /// Its segment states it (Linking.md, `WASM_SEGMENT_INFO`).
    Stated(u32),
    /// A custom section states none: the sizes of the section's entries allow it.
    Inferred(u32),
}

impl EntryAlignment {
    /// As a power of two.
    pub fn exponent(self) -> u32 {
        match self {
            Self::Stated(exponent) | Self::Inferred(exponent) => exponent,
        }
    }
}

/// The alignments of entries.
#[derive(Debug)]
pub struct Alignments<'a> {
    survey: &'a Survey<'a>,
    /// As a power of two, for the custom sections of each name.
    inferred: HashMap<NameId, u32>,
}

impl<'a> Alignments<'a> {
    /// Infers what the entries' segments do not state.
    ///
    /// A custom section is part of an array of some type, and the size of a type is a multiple of its
    /// alignment. So the largest power of two that divides the size of every entry, and does not exceed the
    /// alignment that any other states, is enough. It needs no padding between entries.
    pub fn of(survey: &'a Survey<'a>, entries: &[EntryId]) -> Self {
        let mut inferred: HashMap<NameId, u32> = HashMap::default();
        let entries = entries.iter().map(|&id| &survey[id]);
        for entry in entries.filter(|entry| entry.size > 0) {
            let of_size = entry.size.trailing_zeros();
            let stated = entry.alignment.map(u32::from);
            let bound = stated.map_or(of_size, |stated| stated.min(of_size));
            let alignment = inferred.entry(entry.section).or_insert(MOST_INFERRED);
            *alignment = (*alignment).min(bound);
        }
        Self { survey, inferred }
    }

    /// The alignment of an entry.
    pub fn entry(&self, id: EntryId) -> EntryAlignment {
        let entry = &self.survey[id];
        match entry.alignment {
            Some(stated) => EntryAlignment::Stated(stated.into()),
            None => {
                EntryAlignment::Inferred(self.inferred.get(&entry.section).copied().unwrap_or(0))
            }
        }
    }
}
