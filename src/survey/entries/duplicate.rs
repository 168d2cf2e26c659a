//! Duplicates: newer rustc emits a static with `#[link_section = "NAME"]` twice, as a data segment
//! and as a custom section of that name, with the same bytes.
//!
//! Only exact copies are dropped. A partial link or LTO can merge an input that has the segment
//! with one that has only the custom section, and the optimizer can drop the segment of a static
//! whose value it has inlined.

use crate::hash::{HashMap, HashSet};
use crate::wasm::{Object, Section, SectionIndex};
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::ops::Range;

/// The data segments of an object, to find copies of them in custom sections.
pub struct Duplicates<'o, 'a> {
    object: &'o Object<'a>,
    segments: HashSet<&'a str>,
}

impl<'o, 'a> Duplicates<'o, 'a> {
    /// Indexes the segments of an object by name.
    pub fn of(object: &'o Object<'a>) -> Self {
        let segments = object.segments.iter().map(|segment| segment.name);
        Self {
            object,
            segments: segments.collect(),
        }
    }

    /// The ranges of a custom section, in bytes from its start, that do not duplicate a data
    /// segment of the same name. With relocations, that is the whole section: rustc emits none
    /// there.
    pub fn entries(&self, index: SectionIndex, section: &Section<'_>) -> SmallVec<[Range<u32>; 1]> {
        let content = section.content;
        if !self.segments.contains(&*section.name)
            || self.object.relocation_section(index).is_some()
        {
            let all = 0..content.len() as u32;
            return SmallVec::from_elem(all, 1);
        }
        let mut left = self.pieces(&section.name);
        let lengths: BTreeSet<usize> = left.keys().map(|bytes| bytes.len()).collect();
        // All values have one type, so a copy starts at a multiple of its size.
        let step = lengths.iter().copied().reduce(gcd).unwrap_or(1);
        let mut entries: SmallVec<[Range<u32>; 1]> = SmallVec::new();
        let mut at = 0;
        while at < content.len() {
            let rest = &content[at..];
            let copy = lengths.iter().rev().find(|&&length| {
                let count = rest.get(..length).and_then(|bytes| left.get_mut(bytes));
                let count = count.filter(|count| **count > 0);
                count.map(|count| *count -= 1).is_some()
            });
            let length = copy.copied().unwrap_or(step.min(rest.len()));
            let range = at as u32..(at + length) as u32;
            at += length;
            match entries.last_mut() {
                _ if copy.is_some() => {}
                Some(last) if last.end == range.start => last.end = range.end,
                _ => entries.push(range),
            }
        }
        entries
    }

    /// The bytes of each symbol in the segments with this name, with their number of occurrences.
    fn pieces(&self, name: &str) -> HashMap<&'a [u8], usize> {
        let mut places = BTreeSet::new();
        for symbol in &self.object.symbols {
            if let Some((segment, range)) = symbol.definition()
                && self.object.segment(segment).name == name
            {
                places.insert((segment.position(), range.start, range.end));
            }
        }
        let mut pieces: HashMap<&[u8], usize> = HashMap::default();
        let mut add = |bytes: Option<&'a [u8]>| {
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                *pieces.entry(bytes).or_default() += 1;
            }
        };
        for (position, segment) in self.object.segments.iter().enumerate() {
            if segment.name != name {
                continue;
            }
            let own = places.range((position, 0, 0)..(position + 1, 0, 0));
            let mut own = own.filter(|(_, start, end)| start < end).peekable();
            if own.peek().is_none() {
                add(Some(segment.data));
            }
            for &(_, start, end) in own {
                add(segment.data.get(start as usize..end as usize));
            }
        }
        pieces
    }
}

fn gcd(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}
