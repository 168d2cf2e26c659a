//! Links in which entries are marked: what they are made of.

use super::flags::{self, Flag, HARMLESS};
use super::pool::POOL;
use super::target::{TARGETS, Target};
use super::ways::{WAYS, Way};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::BTreeSet;

/// An entry of an object, of the section NUMBERS, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A marked symbol of that key, local or not.
    Mark(&'static str, bool),
    /// One that has a second name, by which the object's function reads it.
    Alias,
    /// A marked weak symbol that other objects may define too.
    Weak(u8),
    /// The same in a COMDAT group.
    Comdat(u8),
    /// In a data segment named NUMBERS.
    Segment,
    /// In a custom section.
    Custom,
}

/// What a marked object is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Assembler,
    C,
    /// By hand: it has no function.
    Encoded,
}

/// An object of a marked link.
#[derive(Debug, Clone)]
pub struct Marked {
    pub language: Language,
    pub entries: Vec<Entry>,
    /// An entry of POINTERS for its function.
    pub pointer: bool,
    /// An entry of TEXTS: a pointer to a string that the linker merges with others.
    pub text: bool,
    /// A constructor, in C.
    pub init: bool,
    /// The function of an object before that its own one calls.
    pub calls: Option<Index>,
}

#[derive(Debug, Clone)]
pub struct Job {
    pub target: Target,
    pub spelling: usize,
    pub objects: Vec<Marked>,
    /// Where the groups of objects end, and how each group is linked.
    ways: Vec<(usize, Way)>,
    /// Groups of objects of the pool, which have no part in it.
    bystanders: Vec<(Way, Vec<Index>)>,
    pub flags: Vec<Flag>,
    pub backend: Index,
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        3 => (select(&["", "", "a", "b", "b0"][..]), any::<bool>()).prop_map(|(key, local)| Entry::Mark(key, local)),
        1 => Just(Entry::Alias),
        1 => (0..3_u8).prop_map(Entry::Weak),
        1 => (0..2_u8).prop_map(Entry::Comdat),
        1 => Just(Entry::Segment),
        1 => Just(Entry::Custom),
    ]
}

fn object() -> impl Strategy<Value = Marked> {
    let language = prop_oneof![
        3 => Just(Language::Assembler),
        2 => Just(Language::C),
        1 => Just(Language::Encoded),
    ];
    (
        language,
        prop::collection::vec(entry(), 0..4),
        any::<[bool; 3]>(),
        prop::option::of(any::<Index>()),
    )
        .prop_map(|(language, entries, [pointer, text, init], calls)| {
            let has_code = language != Language::Encoded;
            let mut seen = BTreeSet::new();
            Marked {
                language,
                // One symbol is there once.
                entries: entries
                    .into_iter()
                    .map(|entry| language.expresses(entry))
                    .filter(|entry| !entry.is_shared() || seen.insert(*entry))
                    .collect(),
                pointer: pointer && has_code,
                text: text && has_code,
                init: init && language == Language::C,
                calls,
            }
        })
}

pub fn job() -> impl Strategy<Value = Job> {
    let group = || (1..4_usize, select(&WAYS[..]));
    let bystanders = (
        select(&WAYS[..]),
        prop::collection::vec(any::<Index>(), 1..4),
    );
    (
        (select(&TARGETS[..]), any::<usize>()),
        prop::collection::vec(object(), 1..6),
        prop::collection::vec(group(), 6),
        prop::collection::vec(bystanders, 0..3),
        prop::collection::vec(flags::any_of(HARMLESS.to_vec()), 0..4),
        any::<Index>(),
    )
        .prop_map(
            |((target, spelling), objects, ways, bystanders, mut flags, backend)| {
                // In a position-independent module `wasm-ld` 19 and 22 then let pointers to merged
                // strings go astray.
                flags.retain(|flag| !target.is_pic() || flag.words != ["--no-merge-data-segments"]);
                Job {
                    target,
                    spelling,
                    objects,
                    ways,
                    bystanders,
                    flags,
                    backend,
                }
            },
        )
}

impl Entry {
    /// Whether several objects may define it.
    fn is_shared(self) -> bool {
        matches!(self, Entry::Comdat(_))
    }
}

impl Language {
    /// The entry, or one instead that can be written in the language.
    fn expresses(self, entry: Entry) -> Entry {
        match (self, entry) {
            (Language::C, Entry::Comdat(_))
            | (Language::Encoded, Entry::Comdat(_) | Entry::Custom | Entry::Alias) => {
                Entry::Mark("", false)
            }
            _ => entry,
        }
    }
}

impl Job {
    /// Which objects are given how.
    pub fn groups(&self) -> Vec<(Way, Vec<usize>)> {
        let mut rest: Vec<usize> = (0..self.objects.len()).collect();
        let mut groups = Vec::new();
        for &(size, way) in &self.ways {
            let group: Vec<usize> = rest.drain(..size.min(rest.len())).collect();
            if !group.is_empty() {
                groups.push((way, group));
            }
        }
        groups
    }

    /// Which objects of the pool are given how, each once.
    pub fn bystanders(&self) -> Vec<(Way, Vec<usize>)> {
        let harmless: Vec<usize> = (0..POOL.len())
            .filter(|&at| POOL[at].is_harmless(self.target))
            .collect();
        let mut taken = BTreeSet::new();
        let groups = self.bystanders.iter().map(|(way, group)| {
            let objects = group.iter().map(|index| *index.get(&harmless));
            (*way, objects.filter(|&at| taken.insert(at)).collect())
        });
        groups
            .filter(|(_, objects): &(Way, Vec<usize>)| !objects.is_empty())
            .collect()
    }

    /// Of which object before it the function of an object calls that.
    pub fn callee(&self, object: usize) -> Option<usize> {
        let has_code = |&at: &usize| self.objects[at].has_code();
        let before: Vec<usize> = (0..object).filter(has_code).collect();
        let calls = self.objects[object].calls.filter(|_| !before.is_empty());
        calls.map(|index| *index.get(&before))
    }
}
