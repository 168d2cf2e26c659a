//! What there is to see of a module that runs.

use super::job::Job;
use super::loaded::Loaded;
use super::object::externals;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What there is to see of a module beside arrays.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    externals: BTreeMap<String, String>,
    /// What functions give, and what is at exported addresses.
    pub results: BTreeMap<String, u32>,
    pub words: BTreeMap<String, u32>,
    /// LEFT, as code of the program reads it.
    pub left: Vec<u32>,
}

impl Seen {
    pub fn of(job: &Job, module: &[u8]) -> (Self, Loaded) {
        let mut loaded = Loaded::new(module, job.machine.is_pic(), job.machine.is_wasm64());
        let results = loaded.results();
        let mut left = Vec::new();
        while job.reads_left() && left.last() != Some(&u32::MAX) {
            left.push(loaded.call("left", &[left.len() as i32]));
        }
        let seen = Self {
            externals: externals(module),
            results,
            words: loaded.words(),
            left,
        };
        (seen, loaded)
    }

    /// Without names that the arrays, or the marks, need.
    pub fn retain(&mut self, is_extra: impl Fn(&str) -> bool) {
        let is_extra = |name: &str| {
            name.starts_with("__st")
                || name.contains("__link_section__")
                || name == "__indirect_function_table"
                || name == "__wasm_apply_data_relocs"
                || is_extra(name)
        };
        self.externals.retain(|_, name| !is_extra(name));
        self.results.retain(|name, _| !is_extra(name));
        self.words.retain(|name, _| !is_extra(name));
    }
}

/// Where two differ.
pub fn difference(own: &Seen, theirs: &Seen) -> String {
    let mut text = String::new();
    for (name, one, other) in [
        ("results", &own.results, &theirs.results),
        ("words", &own.words, &theirs.words),
    ] {
        let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        for key in names
            .into_iter()
            .filter(|key| one.get(*key) != other.get(*key))
        {
            let _ = write!(
                text,
                "{name} {key}: ours {:?}, plain {:?}; ",
                one.get(key),
                other.get(key)
            );
        }
    }
    let names: BTreeSet<_> = own
        .externals
        .keys()
        .chain(theirs.externals.keys())
        .collect();
    let differing = |name: &&&String| {
        own.externals.contains_key(**name) != theirs.externals.contains_key(**name)
    };
    for name in names.iter().filter(differing) {
        let whose = if own.externals.contains_key(*name) {
            "ours"
        } else {
            "plain"
        };
        let _ = write!(text, "{name} only {whose}; ");
    }
    text
}
