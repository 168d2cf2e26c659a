//! Matches many names against many patterns, without testing each pair.

use super::pattern::{Glob, Wildcard};
use crate::hash::{HashMap, HashSet};
use std::collections::BTreeMap;

/// A set of patterns. A name matches if any pattern matches it.
#[derive(Debug, Default)]
pub struct Globs {
    any: bool,
    literals: HashSet<String>,
    /// The same literals, in insertion order.
    ordered: Vec<String>,
    /// The patterns with a prefix.
    by_prefix: ByAffix,
    /// The patterns without a prefix, by their suffixes.
    by_suffix: ByAffix,
}

/// Wildcard patterns by the length of their prefix or suffix, then by the prefix or suffix.
#[derive(Debug, Default)]
struct ByAffix(BTreeMap<usize, HashMap<String, Vec<Wildcard>>>);

impl ByAffix {
    fn add(&mut self, affix: String, wildcard: Wildcard) {
        let same_length = self.0.entry(affix.len()).or_default();
        same_length.entry(affix).or_default().push(wildcard);
    }

    /// Whether a pattern matches `name`. `affix` returns the prefix or suffix of `name` with a given length.
    fn matches<'n>(&self, name: &'n str, affix: impl Fn(usize) -> Option<&'n str>) -> bool {
        let candidates = |(&length, by_affix): (&usize, &'_ HashMap<String, Vec<Wildcard>>)| {
            let wildcards = affix(length).and_then(|affix| by_affix.get(affix));
            wildcards.is_some_and(|all| all.iter().any(|wildcard| wildcard.matches(name)))
        };
        self.0.iter().any(candidates)
    }
}

impl FromIterator<Glob> for Globs {
    fn from_iter<I: IntoIterator<Item = Glob>>(globs: I) -> Self {
        let mut all = Self::default();
        for glob in globs {
            match glob {
                Glob::Any => all.any = true,
                Glob::Literal(name) => {
                    if all.literals.insert(name.clone()) {
                        all.ordered.push(name);
                    }
                }
                Glob::Wildcard(wildcard) if wildcard.prefix.is_empty() => {
                    all.by_suffix.add(wildcard.suffix.clone(), wildcard);
                }
                Glob::Wildcard(wildcard) => all.by_prefix.add(wildcard.prefix.clone(), wildcard),
            }
        }
        all
    }
}

impl Globs {
    /// Whether a pattern matches `name`.
    pub fn matches(&self, name: &str) -> bool {
        let prefix = |length| name.get(..length);
        let suffix = |length| name.get(name.len().checked_sub(length)?..);
        self.any
            || self.is_literal(name)
            || self.by_prefix.matches(name, prefix)
            || self.by_suffix.matches(name, suffix)
    }

    /// Whether `name` is one of the literal patterns.
    pub fn is_literal(&self, name: &str) -> bool {
        self.literals.contains(name)
    }

    /// The literal patterns, in insertion order.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.ordered.iter().map(String::as_str)
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        let Self {
            any,
            literals,
            ordered: _,
            by_prefix,
            by_suffix,
        } = self;
        !any && literals.is_empty() && by_prefix.0.is_empty() && by_suffix.0.is_empty()
    }
}

/// An index of the names of a list of items, such as input sections. Each distinct name has a number.
#[derive(Debug)]
pub struct NameIndex<'a> {
    /// For each name, the positions of its items.
    positions: Vec<Vec<usize>>,
    numbers: HashMap<&'a str, usize>,
    /// The names and their numbers, sorted by name.
    sorted: Vec<(&'a str, usize)>,
    /// The same, sorted by the reversed name.
    sorted_reversed: Vec<(&'a str, usize)>,
    /// The number of names without remaining positions.
    empty: usize,
}

impl<'a> NameIndex<'a> {
    /// Builds an index of items. `named` has the name of each item, in order.
    pub fn new(named: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut positions: Vec<Vec<usize>> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::default();
        for (position, name) in named.enumerate() {
            let Some(name) = name else { continue };
            let number = *numbers.entry(name).or_insert(positions.len());
            if number == positions.len() {
                positions.push(Vec::new());
            }
            positions[number].push(position);
        }
        let mut sorted: Vec<(&str, usize)> = numbers.iter().map(|(k, v)| (*k, *v)).collect();
        let mut sorted_reversed = sorted.clone();
        sorted.sort_unstable();
        sorted_reversed.sort_unstable_by(|(a, _), (b, _)| a.bytes().rev().cmp(b.bytes().rev()));
        Self {
            positions,
            numbers,
            sorted,
            sorted_reversed,
            empty: 0,
        }
    }

    /// The numbers of the names that a pattern matches.
    pub fn matching(&self, glob: &Glob) -> Vec<usize> {
        let wildcard = match glob {
            Glob::Any => return self.sorted.iter().map(|(_, number)| *number).collect(),
            Glob::Literal(name) => {
                return self
                    .numbers
                    .get(name.as_str())
                    .copied()
                    .into_iter()
                    .collect();
            }
            Glob::Wildcard(wildcard) => wildcard,
        };
        let prefixed = range(&self.sorted, |name| {
            let length = wildcard.prefix.len().min(name.len());
            name.as_bytes()[..length].cmp(wildcard.prefix.as_bytes())
        });
        let suffixed = range(&self.sorted_reversed, |name| {
            let length = wildcard.suffix.len().min(name.len());
            let end = &name.as_bytes()[name.len() - length..];
            end.iter()
                .rev()
                .cmp(wildcard.suffix.as_bytes().iter().rev())
        });
        let candidates = match prefixed.len() <= suffixed.len() {
            true => prefixed,
            false => suffixed,
        };
        let matches = |(name, _): &&(&str, usize)| wildcard.matches(name);
        candidates
            .iter()
            .filter(matches)
            .map(|(_, number)| *number)
            .collect()
    }

    /// The total number of positions of names.
    pub fn count(&self, numbers: &[usize]) -> usize {
        numbers
            .iter()
            .map(|&number| self.positions[number].len())
            .sum()
    }

    /// The positions of names.
    pub fn positions(&self, numbers: &[usize]) -> impl Iterator<Item = usize> {
        let positions = numbers.iter().flat_map(|&number| &self.positions[number]);
        positions.copied()
    }

    /// Removes the positions of names that satisfy `is_removed`.
    pub fn remove(&mut self, numbers: &[usize], is_removed: impl Fn(usize) -> bool) {
        for &number in numbers {
            let positions = &mut self.positions[number];
            let before = positions.len();
            positions.retain(|&position| !is_removed(position));
            self.empty += usize::from(before > 0 && positions.is_empty());
        }
        if 2 * self.empty > self.sorted.len() {
            let has_positions = |(_, number): &(&str, usize)| !self.positions[*number].is_empty();
            self.sorted.retain(has_positions);
            self.sorted_reversed.retain(has_positions);
            self.empty = 0;
        }
    }
}

/// The names for which `order` is equal, in a list that is sorted by it.
fn range<'n, 'a>(
    sorted: &'n [(&'a str, usize)],
    order: impl Fn(&str) -> std::cmp::Ordering,
) -> &'n [(&'a str, usize)] {
    let start = sorted.partition_point(|(name, _)| order(name).is_lt());
    let rest = &sorted[start..];
    let length = rest.partition_point(|(name, _)| order(name).is_eq());
    &rest[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATTERNS: [&str; 12] = [
        "*", "a", "ab", "a*", "*b", "a*b", "?b", "*a*", "[ab]b", "b.*", "*\\b", "é*",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn sets_and_indices_match_like_each_pattern(
            names in prop::collection::vec("[abé.]{0,4}", 0..30),
            patterns in prop::sample::subsequence(PATTERNS.to_vec(), 0..4),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let globs: Vec<Glob> = patterns.iter().map(|text| Glob::new(text)).collect();
            let all: Globs = globs.iter().cloned().collect();
            for name in &names {
                prop_assert_eq!(all.matches(name), globs.iter().any(|glob| glob.matches(name)));
            }
            prop_assert_eq!(all.is_empty(), patterns.is_empty());
            let mut index = NameIndex::new(names.iter().map(|name| Some(name.as_str())));
            let mut dropped = HashSet::default();
            for at in removed.iter().filter(|_| !names.is_empty()) {
                dropped.insert(at.index(names.len()));
                index.remove(&index.matching(&Glob::Any), |position| dropped.contains(&position));
            }
            for glob in &globs {
                let numbers = index.matching(glob);
                let mut found: Vec<usize> = index.positions(&numbers).collect();
                found.sort_unstable();
                let remains = |at: &usize| glob.matches(&names[*at]) && !dropped.contains(at);
                let expected: Vec<usize> = (0..names.len()).filter(remains).collect();
                prop_assert_eq!(index.count(&numbers), found.len());
                prop_assert_eq!(found, expected);
            }
        }
    }
}
