//! Policy applied: which sections are gathered, which of their entries, in which order and where.

mod alignment;
mod between;
mod data;
mod evaluate;
mod items;
mod layout;
mod noload;
mod resolve;
mod scope;
mod selection;

pub use evaluate::Value;
pub use items::{Item, crate_of, items, items_within, stride};
pub use resolve::Fate;

use crate::demangle;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::Module;
use crate::script::{Definition, Script, Spanned};
use crate::survey::{Entry, EntryId, EntrySymbol, NameId, Origin, Survey};
use crate::wasm::SymbolFlags;
use layout::Layout;
use std::collections::BTreeSet;
use std::ops::Range;

/// The gathered sections.
#[derive(Debug)]
pub struct Plan {
    /// In the order of the script, then by name.
    pub sections: Vec<PlannedSection>,
    /// Entries that are not in an array because another definition of their symbols counts.
    pub overridden: Vec<EntryId>,
    /// Entries that the script leaves out.
    pub discarded: Vec<EntryId>,
    /// Sections that have entries and are left to the backend, by name.
    pub left: BTreeSet<String>,
    /// What a user should know.
    pub warnings: Vec<String>,
}

/// What becomes one data segment: an output section, or several that a script's symbols hold together.
#[derive(Debug)]
pub struct PlannedSection {
    /// Its name: that of the first output section.
    pub name: String,
    /// The output sections: the name of each, and where it is.
    pub arrays: Vec<(String, Range<u32>)>,
    /// Its alignment, as a power of two.
    pub alignment: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its entries in order.
    pub entries: Vec<Placed>,
    /// Symbols that the script defines in it.
    pub symbols: Vec<SymbolDefinition>,
    /// Data that the script puts into it.
    pub data: Vec<DataItem>,
    /// Gaps that are not filled with zeros.
    pub fills: Vec<Fill>,
    /// Whether the script wants it kept even if nothing refers to it.
    pub keep: bool,
    /// Whether the script puts more than entries into it.
    script_made: bool,
}

/// An entry and where it is in its section's array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The entry.
    pub entry: EntryId,
    /// In bytes from the beginning of the array.
    pub offset: u32,
}

/// A symbol of a script.
#[derive(Debug, Clone)]
pub struct SymbolDefinition {
    /// Its name.
    pub name: Spanned<String>,
    /// In bytes from the beginning of its section.
    pub offset: u64,
    /// How it is defined.
    pub definition: Definition,
}

/// `LONG(expr)` and its like.
#[derive(Debug, Clone)]
pub struct DataItem {
    /// In bytes from the beginning of the section.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// A number, or an address.
    pub value: Value,
}

/// A gap with a pattern.
#[derive(Debug, Clone)]
pub struct Fill {
    /// In bytes from the beginning of the section.
    pub range: Range<u32>,
    /// Repeated from the beginning of the gap.
    pub pattern: Vec<u8>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(PlannedSection::is_empty) && self.discarded.is_empty()
    }

    /// Every entry that leaves its object.
    pub fn leaving(&self) -> impl Iterator<Item = EntryId> {
        let placed = self.sections.iter().flat_map(|section| &section.entries);
        placed
            .map(|placed| placed.entry)
            .chain(self.overridden.iter().copied())
            .chain(self.discarded.iter().copied())
    }
}

impl PlannedSection {
    /// Whether it is left out: as in GNU ld, an output section that has nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.script_made
    }

    fn new() -> Self {
        Self {
            name: String::new(),
            arrays: Vec::new(),
            alignment: 0,
            size: 0,
            entries: Vec::new(),
            symbols: Vec::new(),
            data: Vec::new(),
            fills: Vec::new(),
            keep: false,
            script_made: false,
        }
    }
}

/// Plans the arrays.
///
/// # Errors
/// Two definitions of one entry, a section that does not fit an address space, and what the script
/// says that cannot be done.
pub fn plan(survey: &Survey<'_>, modules: &[Module<'_>], script: &Script) -> Result<Plan> {
    let fates = resolve::resolve(survey, modules)?;
    let left = left_to_the_backend(survey, &fates);
    let with_fate = |fate| {
        let ids = survey.ids();
        ids.filter(|id| {
            fates[id.position()] == fate && !left.contains(survey.section(&survey[*id]))
        })
        .collect::<Vec<_>>()
    };
    let entries = with_fate(Fate::Kept);
    let (mut layout, selection) = Layout::new(survey, modules, entries, script)?;
    layout.run(script, selection)?;
    layout.check_noload()?;
    layout.check_numbers()?;
    layout.check_discarded()?;
    Ok(Plan {
        sections: layout.sections,
        overridden: [Fate::Overridden, Fate::OtherComdat]
            .into_iter()
            .flat_map(with_fate)
            .collect(),
        discarded: layout.discarded,
        left: left.into_iter().map(str::to_owned).collect(),
        warnings: layout.warnings,
    })
}

/// A section whose entries are all data segments that the compiler named works with the backend
/// alone, and is left to it unless the script or `--gather` asks. One that is only declared does
/// not work there: nothing keeps a segment without bytes. Nor does one with an entry that its author
/// wants kept and nothing keeps, or with one that is in a COMDAT group of several objects: all copies
/// that are retained would be linked.
fn left_to_the_backend<'s>(survey: &'s Survey<'_>, fates: &[Fate]) -> HashSet<&'s str> {
    let mut all_named: HashMap<NameId, bool> = HashMap::default();
    let mut has_bytes: HashSet<NameId> = HashSet::default();
    for (entry, &fate) in survey.entries.iter().zip(fates) {
        if all_named.get(&entry.section) == Some(&false) {
            continue;
        }
        let named = matches!(entry.origin, Origin::Segment(_))
            && !is_lost(entry)
            && fate != Fate::OtherComdat;
        *all_named.entry(entry.section).or_insert(true) &= named;
        if entry.size > 0 {
            has_bytes.insert(entry.section);
        }
    }
    all_named
        .into_iter()
        .filter(|(section, named)| *named && has_bytes.contains(section))
        .map(|(section, _)| survey.section_name(section))
        .filter(|name| !survey.wanted.is_asked_for(name))
        .collect()
}

/// Whether the backend would lose an entry that is to be kept (`used`): a local symbol is no root of
/// its garbage collection, and the segment is not retained. Compilers before LLVM 19 know no other
/// way, and a partial link by `wasm-ld` before LLVM 23 drops the flag.
fn is_lost(entry: &Entry) -> bool {
    let symbols = entry.symbols.iter();
    let mut kept = symbols
        .filter(|symbol| symbol.flags.contains(SymbolFlags::NO_STRIP))
        .peekable();
    kept.peek().is_some() && kept.all(EntrySymbol::is_local) && !entry.is_retained
}

/// An entry for people: its symbol, or what it is where it has none.
pub fn describe_entry(survey: &Survey<'_>, entry: &Entry) -> String {
    match (&entry.origin, entry.symbols.first()) {
        (_, Some(symbol)) => {
            let name = survey.name(entry, symbol);
            format!("`{}`", demangle::shown_short(name))
        }
        (Origin::Custom(_), None) => {
            format!("the custom section `{}`", survey.section(entry))
        }
        (_, None) => format!("a segment `{}`", survey.section(entry)),
    }
}
