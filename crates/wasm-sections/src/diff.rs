//! `diff`: which entries were added, removed, changed or moved.

use super::compare::{Change, changes};
use super::report::{EntryReport, ModuleReport, Report, SectionReport};
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show};
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
    /// The module whose manifest has no names of entries, if the manifest of the other one has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_names: Option<String>,
}

#[derive(Debug, Serialize)]
struct SectionDifference {
    /// Its title; in a component, with the label of its module.
    name: String,
    old_entries: usize,
    new_entries: usize,
    /// Whether it is in the module, and was garbage-collected.
    old_state: State,
    new_state: State,
    added: Vec<EntryReport>,
    removed: Vec<EntryReport>,
    /// The entries whose content differs.
    changed: Vec<Changed>,
    /// The entries whose position among those in both modules differs.
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
struct Changed {
    old: EntryReport,
    new: EntryReport,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Moved {
    symbol: String,
    from: usize,
    to: usize,
}

/// Compares two modules.
///
/// # Errors
/// A module cannot be read, or has no manifest.
pub fn diff(old: &Path, new: &Path) -> Result<Answer<Difference>> {
    let (old, new) = (with_manifest(old)?, with_manifest(new)?);
    let (before, after) = (sections(&old), sections(&new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let compared = names.into_iter().map(|name| {
        let side = |all: &BTreeMap<String, &SectionReport>| Side::of(all.get(name).copied());
        SectionDifference::of(name, side(&before), side(&after))
    });
    let sections: Vec<_> = compared.filter(|section| !section.is_none()).collect();
    Ok(Answer {
        good: sections.is_empty(),
        shown: Difference {
            without_names: without_names(&old, &new),
            old: old.file,
            new: new.file,
            sections,
        },
    })
}

/// The report of a module with a manifest.
///
/// # Errors
/// The module cannot be read, or has no manifest.
pub fn with_manifest(path: &Path) -> Result<Report> {
    let report = Report::of(path)?;
    if report.has_manifest() {
        return Ok(report);
    }
    Err(Error::new("the module has no manifest")
        .note("link with --section-manifest, which adds the list of entries")
        .note("the linker adds none if there is nothing to gather")
        .in_file(path.display()))
}

fn sections(report: &Report) -> BTreeMap<String, &SectionReport> {
    let named = |module: &ModuleReport, section: &SectionReport| match module.label.as_str() {
        "" => section.title.clone(),
        label => format!("{label}: {}", section.title),
    };
    let modules = report.modules.iter();
    let all = modules.flat_map(|module| {
        let known = module.sections.iter();
        known.map(move |section| (named(module, section), section))
    });
    all.collect()
}

/// A section in one of the two modules.
struct Side {
    state: State,
    entries: Vec<EntryReport>,
}

impl Side {
    fn of(section: Option<&SectionReport>) -> Self {
        Self {
            state: match section {
                None => State::Absent,
                Some(section) if section.collected => State::Collected,
                Some(_) => State::Live,
            },
            entries: section.map_or(Vec::new(), |section| section.entries.clone()),
        }
    }
}

impl SectionDifference {
    fn of(name: &str, old: Side, new: Side) -> Self {
        let Pairs { same, changed } = pairs(&old.entries, &new.entries);
        let mut stayed = same;
        stayed.extend(changed.iter().map(|(from, to, _)| (*from, *to)));
        stayed.sort();
        let (from, to): (BTreeSet<usize>, BTreeSet<usize>) = stayed.iter().copied().unzip();
        let changed = changed.into_iter().filter_map(|(from, to, changes)| {
            Some(Changed {
                old: old.entries.get(from)?.clone(),
                new: new.entries.get(to)?.clone(),
                changes,
            })
        });
        Self {
            name: name.to_owned(),
            old_entries: old.entries.len(),
            new_entries: new.entries.len(),
            old_state: old.state,
            new_state: new.state,
            changed: changed.collect(),
            moved: moved(&old.entries, &stayed),
            added: others(new.entries, &to),
            removed: others(old.entries, &from),
        }
    }

    fn is_none(&self) -> bool {
        let same = self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty();
        same && self.changed.is_empty() && self.old_state == self.new_state
    }
}

fn others(entries: Vec<EntryReport>, known: &BTreeSet<usize>) -> Vec<EntryReport> {
    let entries = entries.into_iter();
    entries
        .filter(|entry| !known.contains(&entry.index))
        .collect()
}

/// The entries that are in both modules, as pairs of indices.
#[derive(Default)]
struct Pairs {
    same: Vec<(usize, usize)>,
    /// Those whose content differs.
    changed: Vec<(usize, usize, Vec<Change>)>,
}

/// Pairs entries by name, and those of one name by content. If both modules have the same number of unpaired
/// entries of a name, those have changed. Otherwise they were added or removed: which of them have changed is not
/// known.
fn pairs(old: &[EntryReport], new: &[EntryReport]) -> Pairs {
    let mut named: BTreeMap<String, [Vec<&EntryReport>; 2]> = BTreeMap::new();
    for (side, entries) in [old, new].into_iter().enumerate() {
        for entry in entries {
            let sides = named.entry(identity(entry)).or_default();
            sides
                .iter_mut()
                .skip(side)
                .take(1)
                .for_each(|all| all.push(entry));
        }
    }
    let mut pairs = Pairs::default();
    for [mut before, mut after] in named.into_values() {
        // In the order of their numbers, which is the order of their content.
        for entries in [&mut before, &mut after] {
            entries.sort_by_key(|entry| (entry.title.len(), entry.title.clone()));
        }
        before.retain(|old| {
            let same = after.iter().position(|new| changes(old, new).is_empty());
            if let Some(position) = same {
                let new = after.remove(position);
                pairs.same.push((old.index, new.index));
            }
            same.is_none()
        });
        if before.len() == after.len() {
            for (old, new) in before.into_iter().zip(after) {
                let changes = changes(old, new);
                pairs.changed.push((old.index, new.index, changes));
            }
        }
    }
    pairs
}

/// What identifies an entry: its name, or else its origin.
fn identity(entry: &EntryReport) -> String {
    match entry.symbol {
        Some(_) => entry.plain_title.clone(),
        None => format!("in {}", entry.origin()),
    }
}

/// The entries in both modules whose order differs. The order of the entries of one crate without keys does not
/// count: rustc orders them by names that have hashes.
fn moved(old: &[EntryReport], stayed: &[(usize, usize)]) -> Vec<Moved> {
    let mut groups: BTreeMap<_, Vec<(usize, usize)>> = BTreeMap::new();
    for &(from, to) in stayed {
        let entry = old.get(from);
        let krate = entry.and_then(|entry| Some((entry.krate.as_ref()?, &entry.key)));
        let alone = krate.is_none().then_some(from);
        groups.entry((krate, alone)).or_default().push((from, to));
    }
    let mut places = Vec::with_capacity(stayed.len());
    for group in groups.into_values() {
        let (from, mut to): (Vec<usize>, Vec<usize>) = group.into_iter().unzip();
        to.sort();
        places.extend(from.into_iter().zip(to));
    }
    places.sort();
    let order: Vec<usize> = places.iter().map(|&(_, to)| to).collect();
    let in_order: BTreeSet<usize> = longest_increasing(&order).into_iter().collect();
    let moved = places.iter().filter(|(_, to)| !in_order.contains(to));
    let moved = moved.filter_map(|&(from, to)| {
        Some(Moved {
            symbol: old.get(from)?.title.clone(),
            from,
            to,
        })
    });
    moved.collect()
}

/// The module whose manifest has no names because an older linker wrote it, if the other manifest has names.
fn without_names(old: &Report, new: &Report) -> Option<String> {
    let names = |report: &Report, named: bool| {
        let mut entries = report.sections().flat_map(|section| &section.entries);
        entries.any(|entry| entry.symbol.is_some() && entry.is_named == named)
    };
    let lacks = |this: &Report, other: &Report| names(this, false) && names(other, true);
    let without = [(old, new), (new, old)];
    let mut without = without
        .into_iter()
        .filter(|(this, other)| lacks(this, other));
    without.next().map(|(this, _)| this.file.clone())
}

/// The longest increasing subsequence of distinct numbers (patience sorting).
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // For each length, the position of the smallest number that an increasing subsequence ends with.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (position, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|&end| numbers.get(end) < Some(number));
        before.push(length.checked_sub(1).and_then(|at| ends.get(at).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = position,
            None => ends.push(position),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(position) = next {
        found.extend(numbers.get(position));
        next = before.get(position).copied().flatten();
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
                state_change(section)
            );
            for entry in &section.removed {
                let _ = writeln!(text, "{BAD}- {}{BAD:#}", described(entry));
            }
            for entry in &section.added {
                let _ = writeln!(text, "{GOOD}+ {}{GOOD:#}", described(entry));
            }
            for Changed { new, changes, .. } in &section.changed {
                let _ = write!(text, "! {} ({})", new.title, new.origin());
                for (number, Change { old, new, .. }) in changes.iter().enumerate() {
                    let before = if number == 0 { ": " } else { ", " };
                    let _ = write!(text, "{before}{old} -> {new}");
                }
                text.push('\n');
            }
            for moved in &section.moved {
                let (from, to) = (moved.from, moved.to);
                let _ = writeln!(text, "~ {}: {from} -> {to}", moved.symbol);
            }
        }
        if let Some(file) = &self.without_names {
            let _ = writeln!(
                text,
                "{FAINT}{file} was linked by an older wasm-section-ld, which does not name entries: link it \
                 again to compare by name{FAINT:#}"
            );
        }
        if self.sections.is_empty() {
            text += "no differences: the same entries in the same order\n";
        }
        text
    }
}

/// An entry with its origin and what it refers to.
fn described(entry: &EntryReport) -> String {
    let references: Vec<_> = entry
        .references
        .iter()
        .map(|reference| reference.what.as_str())
        .collect();
    let colon = if references.is_empty() { "" } else { ": " };
    format!(
        "{} ({}){colon}{}",
        entry.title,
        entry.origin(),
        references.join(", ")
    )
}

fn state_change(section: &SectionDifference) -> &'static str {
    match (section.old_state, section.new_state) {
        (old, new) if old == new => "",
        (State::Absent, _) => ", new section",
        (_, State::Absent) => ", section removed",
        (_, State::Collected) => ", now garbage-collected: nothing live refers to it",
        (_, State::Live) => ", no longer garbage-collected",
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
