//! A static that is in its object twice: newer rustc makes of `#[link_section = "NAME"]` both a data
//! segment and a custom section of that name, with the same bytes.
//!
//! What is not there twice is an entry: a partial link and link-time optimization put together what is a
//! segment in one input and a custom section in another, and the optimizer drops the segment of a static
//! whose value it has put where that was read.

use crate::hash::{HashMap, HashSet};
use crate::wasm::{Object, Section, SectionIndex};
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::ops::Range;

/// An object's data segments, to look for custom sections beside them.
pub struct Duplicates<'o, 'a> {
    object: &'o Object<'a>,
    segments: HashSet<&'a str>,
}

impl<'o, 'a> Duplicates<'o, 'a> {
    /// Looks at an object.
    pub fn of(object: &'o Object<'a>) -> Self {
        let segments = object.segments.iter().map(|segment| segment.name);
        Self {
            object,
            segments: segments.collect(),
        }
    }

    /// What of a custom section is no second copy of what is in the data segments of its name, in bytes
    /// from its beginning: all of it, if it has relocations, as rustc makes none there.
    pub fn entries(&self, index: SectionIndex, section: &Section<'_>) -> SmallVec<[Range<u32>; 1]> {
        let content = section.content;
        if !self.segments.contains(section.name) || self.object.relocation_section(index).is_some()
        {
            let all = 0..content.len() as u32;
            return SmallVec::from_elem(all, 1);
        }
        let mut left = self.pieces(section.name);
        let lengths: BTreeSet<usize> = left.keys().map(|bytes| bytes.len()).collect();
        // Values of one type: a copy begins where a value may.
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

    /// The bytes of the symbols in the segments of a name, and how many times each is there.
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
