//! `diff`: which registrations came, went, or moved.

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
    /// The module that does not say what people call its entries, where the other one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_names: Option<String>,
}

#[derive(Debug, Serialize)]
struct SectionDifference {
    /// What people call it; in a component, with the module that it is in.
    name: String,
    old_entries: usize,
    new_entries: usize,
    /// Whether it is there, and was collected as garbage.
    old_state: State,
    new_state: State,
    added: Vec<EntryReport>,
    removed: Vec<EntryReport>,
    /// Those that hold something else now.
    changed: Vec<Changed>,
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

/// Compares.
///
/// # Errors
/// A module that cannot be read, or that has no manifest.
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

/// The entries of a section, and what became of it.
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

/// The entries that are in both modules, as their places there.
#[derive(Default)]
struct Pairs {
    same: Vec<(usize, usize)>,
    /// Those that hold something else.
    changed: Vec<(usize, usize, Vec<Change>)>,
}

/// Pairs entries by name and, of those that have one name, by what they hold. As many that are left over
/// on both sides have changed; more on one side were added or removed.
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
        // As they are numbered: in the order of what they hold.
        for entries in [&mut before, &mut after] {
            entries.sort_by_key(|entry| (entry.title.len(), entry.title.clone()));
        }
        before.retain(|old| {
            let same = after.iter().position(|new| changes(old, new).is_empty());
            if let Some(place) = same {
                let new = after.remove(place);
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

/// What people call an entry, and where that says nothing, where it is from.
fn identity(entry: &EntryReport) -> String {
    match entry.symbol {
        Some(_) => entry.plain_title.clone(),
        None => format!("in {}", entry.origin()),
    }
}

/// Those that stayed and are in another order. rustc orders the entries of a crate by names that have
/// hashes: that order is nobody's, unless keys give one.
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

/// The module whose manifest has no names, of an older linker, if the other one's has.
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
                "{FAINT}{file} is of an older wasm-section-ld, which names no entries: link it again to \
                 compare by name{FAINT:#}"
            );
        }
        if self.sections.is_empty() {
            text += "the same registrations in the same order\n";
        }
        text
    }
}

/// An entry with where it is from and what it refers to.
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
