//! `diff`: which registrations came, went, or moved.

use super::report::{EntryReport, ModuleReport, Report, SectionReport};
use super::{Answer, BAD, BOLD, GOOD, Show};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use wasm_section_ld::error::{Error, Result};

/// How two modules differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    old: String,
    new: String,
    /// The sections that differ.
    sections: Vec<SectionDifference>,
}

#[derive(Debug, Serialize)]
struct SectionDifference {
    /// Its name; in a component, with the module that it is in.
    name: String,
    old_entries: usize,
    new_entries: usize,
    /// Whether it is there, and was collected as garbage.
    old_state: State,
    new_state: State,
    came: Vec<EntryReport>,
    went: Vec<EntryReport>,
    /// Those that are in another order among those that stayed.
    moved: Vec<Moved>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Absent,
    Collected,
    Live,
}

#[derive(Debug, Serialize)]
struct Moved {
    symbol: String,
    from: usize,
    to: usize,
}

/// Compares.
///
/// # Errors
/// A module that cannot be read, or that has no manifest.
pub fn diff(old: &Path, new: &Path) -> Result<Answer<Difference>> {
    let (old, new) = (with_manifest(old)?, with_manifest(new)?);
    let (before, after) = (sections(&old), sections(&new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let compared = names.into_iter().map(|name| {
        let find = |all: &BTreeMap<String, &SectionReport>| all.get(name).copied().cloned_entries();
        SectionDifference::of(name, find(&before), find(&after))
    });
    let sections: Vec<_> = compared.filter(|section| !section.is_none()).collect();
    Ok(Answer {
        good: sections.is_empty(),
        shown: Difference {
            old: old.file,
            new: new.file,
            sections,
        },
    })
}

/// The report of a module that says what its entries are.
///
/// # Errors
/// It cannot be read, or does not say.
pub fn with_manifest(path: &Path) -> Result<Report> {
    let report = Report::of(path)?;
    if report.has_manifest() {
        return Ok(report);
    }
    Err(Error::new("there is no manifest in it")
        .note("link with --section-manifest: only then does a module say what its entries are")
        .note("a link with nothing to gather makes none")
        .in_file(path.display()))
}

fn sections(report: &Report) -> BTreeMap<String, &SectionReport> {
    let named = |module: &ModuleReport, section: &SectionReport| match module.label.as_str() {
        "" => section.name.clone(),
        label => format!("{label}: {}", section.name),
    };
    let modules = report.modules.iter();
    let all = modules.flat_map(|module| {
        let known = module.sections.iter();
        known.map(move |section| (named(module, section), section))
    });
    all.collect()
}

/// The entries of a section, and what became of it.
struct Side {
    state: State,
    entries: Vec<EntryReport>,
}

trait ClonedEntries {
    fn cloned_entries(self) -> Side;
}

impl ClonedEntries for Option<&SectionReport> {
    fn cloned_entries(self) -> Side {
        Side {
            state: match self {
                None => State::Absent,
                Some(section) if section.collected => State::Collected,
                Some(_) => State::Live,
            },
            entries: self.map_or(Vec::new(), |section| section.entries.clone()),
        }
    }
}

impl SectionDifference {
    fn of(name: &str, old: Side, new: Side) -> Self {
        let (before, after) = (identities(&old.entries), identities(&new.entries));
        let place: BTreeMap<_, _> = after.iter().enumerate().map(|(at, id)| (id, at)).collect();
        let stayed: Vec<(usize, usize)> = before
            .iter()
            .enumerate()
            .filter_map(|(from, id)| Some((from, *place.get(id)?)))
            .collect();
        let places: Vec<usize> = stayed.iter().map(|&(_, to)| to).collect();
        let in_order: BTreeSet<usize> = longest_increasing(&places).into_iter().collect();
        let moved = stayed.iter().filter(|(_, to)| !in_order.contains(to));
        let moved = moved.filter_map(|&(from, to)| {
            Some(Moved {
                symbol: new.entries.get(to)?.title.clone(),
                from,
                to,
            })
        });
        let moved = moved.collect();
        let (from, to): (BTreeSet<usize>, BTreeSet<usize>) = stayed.iter().copied().unzip();
        Self {
            name: name.to_owned(),
            old_entries: old.entries.len(),
            new_entries: new.entries.len(),
            old_state: old.state,
            new_state: new.state,
            came: others(new.entries, &to),
            went: others(old.entries, &from),
            moved,
        }
    }

    fn is_none(&self) -> bool {
        let same = self.came.is_empty() && self.went.is_empty() && self.moved.is_empty();
        same && self.old_state == self.new_state
    }
}

fn others(entries: Vec<EntryReport>, known: &BTreeSet<usize>) -> Vec<EntryReport> {
    let entries = entries.into_iter();
    entries
        .filter(|entry| !known.contains(&entry.index))
        .collect()
}

/// What tells entries of a section apart, whatever their addresses: the symbol or, without one, the
/// object; and the how-manieth of that name it is.
fn identities(entries: &[EntryReport]) -> Vec<(String, usize)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let identity = |entry: &EntryReport| {
        let name = entry
            .symbol
            .clone()
            .unwrap_or_else(|| format!("in {}", entry.member.as_ref().unwrap_or(&entry.file)));
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        (name, *count)
    };
    entries.iter().map(identity).collect()
}

/// The longest of the increasing subsequences of different numbers (patience sorting).
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // For each length, the place of the smallest number that such a subsequence ends with.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|&end| numbers.get(end) < Some(number));
        before.push(length.checked_sub(1).and_then(|at| ends.get(at).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(place) = next {
        found.extend(numbers.get(place));
        next = before.get(place).copied().flatten();
    }
    found.reverse();
    found
}

impl Show for Difference {
    fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            let (old, new) = (section.old_entries, section.new_entries);
            let _ = writeln!(
                text,
                "{BOLD}{}{BOLD:#}: {old} -> {new} entries{}",
                section.name,
                became(section)
            );
            for entry in &section.went {
                let _ = writeln!(text, "{BAD}- {}{BAD:#} ({})", entry.title, entry.origin());
            }
            for entry in &section.came {
                let _ = writeln!(text, "{GOOD}+ {}{GOOD:#} ({})", entry.title, entry.origin());
            }
            for moved in &section.moved {
                let (from, to) = (moved.from, moved.to);
                let _ = writeln!(text, "~ {}: {from} -> {to}", moved.symbol);
            }
        }
        if self.sections.is_empty() {
            text += "the same registrations in the same order\n";
        }
        text
    }
}

fn became(section: &SectionDifference) -> &'static str {
    match (section.old_state, section.new_state) {
        (old, new) if old == new => "",
        (State::Absent, _) => ", a new section",
        (_, State::Absent) => ", a section that is gone",
        (_, State::Collected) => ", now collected as garbage: nothing that is alive reaches it",
        (_, State::Live) => ", now alive",
    }
}

#[cfg(test)]
mod tests {
    use super::longest_increasing;

    #[test]
    fn subsequences() {
        assert_eq!(longest_increasing(&[]), [0; 0]);
        assert_eq!(longest_increasing(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(longest_increasing(&[3, 0, 1, 2]), [0, 1, 2]);
        assert_eq!(longest_increasing(&[1, 2, 0, 3]), [1, 2, 3]);
        assert_eq!(longest_increasing(&[2, 1, 0]).len(), 1);
    }
}
