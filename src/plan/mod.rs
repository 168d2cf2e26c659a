//! Policy applied: which sections are gathered, which of their entries, in which order and where.

mod resolve;

pub use resolve::Fate;

use crate::error::{Error, Result};
use crate::input::Module;
use crate::survey::{Entry, Origin, Survey};
use std::collections::{BTreeMap, HashMap};

/// The gathered sections.
#[derive(Debug)]
pub struct Plan {
    /// By name.
    pub sections: Vec<PlannedSection>,
    /// What becomes of each entry of the survey. Those of sections that are not gathered do not
    /// count.
    pub fates: Vec<Fate>,
    /// What a user should know.
    pub warnings: Vec<String>,
}

/// A gathered section: an array.
#[derive(Debug)]
pub struct PlannedSection {
    /// Its name.
    pub name: String,
    /// Its alignment, as a power of two.
    pub alignment: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its entries in order.
    pub entries: Vec<Placed>,
    /// Entries that are not in the array because another definition counts.
    pub overridden: Vec<EntryId>,
}

/// The place of an entry in [`Survey::entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub usize);

/// An entry and where it is in its section's array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The entry.
    pub entry: EntryId,
    /// In bytes from the beginning of the array.
    pub offset: u32,
}

/// The alignment beyond which a custom section is not aligned, as a power of two: that of a cache
/// line.
const MOST_CUSTOM_ALIGNMENT: u32 = 6;

/// Plans the arrays.
///
/// # Errors
/// Two definitions of one entry, or a section that does not fit an address space.
pub fn plan(survey: &Survey<'_>, modules: &[Module<'_>]) -> Result<Plan> {
    let mut by_name: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
    for (position, entry) in survey.entries.iter().enumerate() {
        by_name
            .entry(&entry.section)
            .or_default()
            .push(EntryId(position));
    }
    by_name.retain(|name, entries| !is_left_to_the_backend(survey, name, entries));
    let fates = resolve::resolve(survey, modules)?;
    let mut plan = Plan {
        sections: Vec::new(),
        fates,
        warnings: Vec::new(),
    };
    for (name, entries) in by_name {
        let (kept, overridden) = entries
            .into_iter()
            .filter(|entry| plan.fates[entry.0] != Fate::OtherComdat)
            .partition(|entry| plan.fates[entry.0] == Fate::Kept);
        let layout = Layout { survey, modules };
        let (section, warning) = layout.section(name, kept, overridden)?;
        plan.sections.push(section);
        plan.warnings.extend(warning);
    }
    Ok(plan)
}

/// A section whose entries are all data segments that the compiler named works with the backend
/// alone, and is left to it unless `--gather` asks. One that is only declared does not work there:
/// nothing keeps a segment without bytes.
fn is_left_to_the_backend(survey: &Survey<'_>, name: &str, entries: &[EntryId]) -> bool {
    let entries = || entries.iter().map(|entry| &survey.entries[entry.0]);
    !survey.wanted.is_asked_for(name)
        && entries().all(|entry| matches!(entry.origin, Origin::Segment(_)))
        && entries().any(|entry| !entry.data.is_empty())
}

struct Layout<'a> {
    survey: &'a Survey<'a>,
    modules: &'a [Module<'a>],
}

impl Layout<'_> {
    /// Places `entries` one after another, those with a key after those without, by key.
    fn section(
        &self,
        name: &str,
        mut entries: Vec<EntryId>,
        overridden: Vec<EntryId>,
    ) -> Result<(PlannedSection, Option<String>)> {
        entries.sort_by(|a, b| self.entry(*a).key.cmp(&self.entry(*b).key));
        let custom_alignment = self.custom_alignment(&entries);
        let mut section = PlannedSection {
            name: name.to_owned(),
            alignment: 0,
            size: 0,
            entries: Vec::with_capacity(entries.len()),
            overridden,
        };
        let mut warning = None;
        let mut end: u64 = 0;
        let mut previous = None;
        for id in entries {
            let entry = self.entry(id);
            let alignment = self.alignment(entry).unwrap_or(custom_alignment);
            let offset = end.next_multiple_of(1_u64 << alignment);
            section.alignment = section.alignment.max(alignment);
            if entry.data.is_empty() {
                // It only declares the section, and has the address that is aligned for all.
                section.entries.push(Placed {
                    entry: id,
                    offset: 0,
                });
                continue;
            }
            if offset != end && warning.is_none() {
                warning = previous.map(|before| self.padding(name, offset - end, before, id));
            }
            end = offset + entry.data.len() as u64;
            if end > u64::from(u32::MAX) {
                return Err(Error::new(format!(
                    "section `{name}` is larger than 4 GiB, which no data segment can be"
                )));
            }
            section.entries.push(Placed {
                entry: id,
                offset: offset as u32,
            });
            previous = Some(id);
        }
        section.size = end as u32;
        Ok((section, warning))
    }

    fn entry(&self, id: EntryId) -> &Entry<'_> {
        &self.survey.entries[id.0]
    }

    /// The alignment that the entry's segment states, as a power of two: for an entry inside a
    /// segment, what its offset leaves of it.
    fn alignment(&self, entry: &Entry<'_>) -> Option<u32> {
        let segment = self.survey.objects[&entry.object].segment(entry.segment()?);
        Some(segment.alignment.min(entry.start().trailing_zeros()))
    }

    /// A custom section states no alignment. But it is an array of some type, and the size of a
    /// type is a multiple of its alignment: so the largest power of two that divides the size of
    /// every piece is enough, and needs no padding between them.
    fn custom_alignment(&self, entries: &[EntryId]) -> u32 {
        entries
            .iter()
            .map(|&id| self.entry(id))
            .filter(|entry| matches!(entry.origin, Origin::Custom(_)) && !entry.data.is_empty())
            .map(|entry| entry.data.len().trailing_zeros())
            .min()
            .map_or(0, |alignment| alignment.min(MOST_CUSTOM_ALIGNMENT))
    }

    fn padding(&self, section: &str, bytes: u64, before: EntryId, after: EntryId) -> String {
        let describe = |id| {
            let entry = self.entry(id);
            let name = &self.modules[entry.object.0].name;
            let size = entry.data.len();
            let alignment = match self.alignment(entry) {
                Some(alignment) => format!(", aligned to {}", 1_u64 << alignment),
                None => String::new(),
            };
            let what = describe_entry(self.survey, entry);
            format!("{what}, {size} bytes{alignment}, in {name}")
        };
        format!(
            "section `{section}` is not one array: {bytes} bytes of padding between entries\n\
             >>> before: {}\n\
             >>> after: {}\n\
             >>> give all entries of a section one type, so that a walk from `__start_{section}` \
             meets only entries",
            describe(before),
            describe(after)
        )
    }
}

/// An entry for people: its symbol, or what it is where it has none.
pub fn describe_entry(survey: &Survey<'_>, entry: &Entry<'_>) -> String {
    let object = &survey.objects[&entry.object];
    let symbol = entry.symbols.first().map(|&symbol| object.symbol(symbol));
    match (&entry.origin, symbol) {
        (_, Some(symbol)) => format!("`{:#}`", rustc_demangle::demangle(symbol.name)),
        (Origin::Custom(_), None) => format!("the custom section `{}`", entry.section),
        (_, None) => format!("a segment `{}`", entry.section),
    }
}

/// How many objects the entries of a section come from.
pub fn object_count(survey: &Survey<'_>, section: &PlannedSection) -> usize {
    let objects: HashMap<_, ()> = section
        .entries
        .iter()
        .map(|placed| (survey.entries[placed.entry.0].object, ()))
        .collect();
    objects.len()
}
