//! A static that is in its object twice: newer rustc makes of `#[link_section = "NAME"]` both a data
//! segment and a custom section of that name, with the same bytes.

use super::wanted::Wanted;
use crate::hash::{HashMap, HashSet};
use crate::wasm::{Object, Section, SectionIndex};
use std::collections::BTreeSet;

/// The id of the memory section.
const MEMORY: u8 = 5;

/// The names of an object's data segments, to look for custom sections beside them.
pub struct Doubles<'o, 'a> {
    object: &'o Object<'a>,
    segments: HashSet<&'a str>,
}

impl<'o, 'a> Doubles<'o, 'a> {
    /// Looks at an object.
    pub fn of(object: &'o Object<'a>) -> Self {
        let segments = object.segments.iter().map(|segment| segment.name);
        Self {
            object,
            segments: segments.collect(),
        }
    }

    /// Whether a custom section is the second copy of what is in data segments, which are the
    /// entries then. With relocations it is not: rustc makes none there.
    pub fn has(&self, index: SectionIndex, section: &Section<'_>) -> bool {
        self.segments.contains(section.name) && self.object.relocation_section(index).is_none()
    }

    /// Whether a section is made of the bytes of the symbols in the segments of its name, of each
    /// once, in any order.
    fn copies(&self, section: &Section<'_>) -> bool {
        let mut left: HashMap<&[u8], usize> = HashMap::default();
        for symbol in &self.object.symbols {
            let Some((segment, range)) = symbol.definition() else {
                continue;
            };
            let segment = self.object.segment(segment);
            let bytes = segment.data.get(range.start as usize..range.end as usize);
            if let Some(bytes) =
                bytes.filter(|bytes| segment.name == section.name && !bytes.is_empty())
            {
                *left.entry(bytes).or_default() += 1;
            }
        }
        let lengths: BTreeSet<usize> = left.keys().map(|bytes| bytes.len()).collect();
        let mut rest = section.content;
        while !rest.is_empty() {
            let next = lengths.iter().rev().find_map(|&length| {
                let bytes = rest.get(..length)?;
                let count = left.get_mut(bytes).filter(|count| **count > 0)?;
                *count -= 1;
                Some(length)
            });
            let Some(length) = next else {
                return false;
            };
            rest = &rest[length..];
        }
        left.values().all(|&count| count == 0)
    }
}

/// Of a partial link's result, the custom sections that pass for a second copy and have other bytes
/// than the segments: entries of some part are in them alone.
///
/// Only there: what the optimizer drops of a static that nobody uses is the segment.
pub fn mixed<'a>(object: &Object<'a>, wanted: &Wanted) -> BTreeSet<&'a str> {
    // Compilers import the memory; what `wasm-ld -r` makes has one of its own.
    if !object.sections.iter().any(|section| section.id == MEMORY) {
        return BTreeSet::new();
    }
    let doubles = Doubles::of(object);
    object
        .custom_sections()
        .filter(|(_, section)| wanted.has_custom_sections(section.name))
        .filter(|(index, section)| doubles.has(*index, section) && !doubles.copies(section))
        .map(|(_, section)| section.name)
        .collect()
}
