//! What is in the arrays, and what functions give.

use super::marked::{Entry, Job, Language, Marked};
use std::collections::{BTreeMap, BTreeSet};

/// What the function of an object gives by itself is this and the object's place.
const OWN: u32 = 1_000;

/// The number of an entry.
pub fn number(object: usize, entry: usize) -> u32 {
    (object * 100 + entry + 1) as u32
}

pub fn own(object: usize) -> u32 {
    OWN + object as u32
}

/// Where an entry of TEXTS points to: there are fewer of them than entries.
pub fn text(object: usize) -> String {
    format!("text {}", object % 3)
}

impl Job {
    /// What is in NUMBERS: what has no key in link order, then what has one, sorted.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut shared = BTreeSet::new();
        for (object, marked) in self.objects.iter().enumerate() {
            numbers.extend(marked.numbers(object, &mut shared));
        }
        numbers.sort_by_key(|(key, _)| *key);
        numbers
            .into_iter()
            .flat_map(|(_, numbers)| numbers)
            .collect()
    }

    /// Whether which copy of a COMDAT group counts depends on which archive members are extracted. That is for
    /// `links` to say, whose model knows.
    pub fn has_lazy_copies(&self) -> bool {
        let mut copies: BTreeMap<Entry, (usize, bool)> = BTreeMap::new();
        for (way, group) in self.groups() {
            let entries = group
                .iter()
                .flat_map(|&object| &self.objects[object].entries);
            for &entry in entries.filter(|entry| matches!(entry, Entry::Comdat(_))) {
                let (count, is_lazy) = copies.entry(entry).or_default();
                *count += 1;
                *is_lazy |= !way.is_always();
            }
        }
        copies
            .into_values()
            .any(|(count, is_lazy)| count > 1 && is_lazy)
    }

    /// What the function of an object gives.
    pub fn result(&self, object: usize) -> u32 {
        let entries = self.objects[object].entries.iter().enumerate();
        let aliases = entries.filter(|(_, entry)| **entry == Entry::Alias);
        let read: u32 = aliases.map(|(entry, _)| number(object, entry)).sum();
        let called = self.callee(object).map_or(0, |callee| self.result(callee));
        own(object) + read + called
    }

    /// What the functions give that POINTERS points to.
    pub fn pointers(&self) -> Vec<u32> {
        let objects = self.with(|marked| marked.pointer);
        objects.map(|object| self.result(object)).collect()
    }

    /// What TEXTS points to.
    pub fn texts(&self) -> Vec<String> {
        self.with(|marked| marked.text).map(text).collect()
    }

    fn with(&self, has: impl Fn(&Marked) -> bool) -> impl Iterator<Item = usize> {
        (0..self.objects.len()).filter(move |&object| has(&self.objects[object]))
    }
}

impl Marked {
    /// The object's part of NUMBERS: by entry, with keys. All of a segment, and all of a custom
    /// section, is one entry: the first is its place, and custom sections come after the data. No custom
    /// section has the bytes of a segment, so none is a copy.
    fn numbers(
        &self,
        object: usize,
        shared: &mut BTreeSet<Entry>,
    ) -> Vec<(&'static str, Vec<u32>)> {
        let mut own: Vec<(&str, Vec<u32>)> = Vec::new();
        let (mut segment, mut custom) = (None, Vec::new());
        for (position, &entry) in self.entries.iter().enumerate() {
            let number = number(object, position);
            match entry {
                Entry::Mark(key, _) => own.push((key, vec![number])),
                Entry::Alias => own.push(("", vec![number])),
                // The first counts.
                Entry::Comdat(_) if !shared.insert(entry) => {}
                Entry::Weak(_) | Entry::Comdat(_) => own.push(("", vec![number])),
                Entry::Segment => match segment {
                    None => {
                        segment = Some(own.len());
                        own.push(("", vec![number]));
                    }
                    Some(segment) => own[segment].1.push(number),
                },
                Entry::Custom => custom.push(number),
            }
        }
        own.push(("", custom));
        own
    }

    pub fn has_code(&self) -> bool {
        self.language != Language::Encoded
    }
}
