//! Policy applied: which sections are gathered, which of their entries, in which order and where.

mod alignment;
mod between;
mod data;
mod evaluate;
mod extraction;
mod gatherer;
mod items;
mod layout;
mod liveness;
mod noload;
mod resolve;
mod scope;
mod selection;
mod undeclared;

pub use evaluate::Value;
pub use items::{Item, crate_of, items, items_within, stride};
pub use resolve::{Resolution, Resolver, Selection, Winner};
pub use undeclared::{Undeclared, undeclared};

use crate::demangle;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, ObjectId};
use crate::script::{Definition, Script, Spanned};
use crate::survey::{EntryId, Origin, Role, Survey};
use gatherer::{Conditions, Gatherers};
use layout::Layout;
use std::collections::BTreeSet;
use std::ops::Range;

/// The gathered sections.
#[derive(Debug)]
pub struct Plan {
    /// In the order of the script, then by name.
    pub sections: Vec<PlannedSection>,
    /// Entries that are not in an array because another copy of their COMDAT group is.
    pub copies: Vec<EntryId>,
    /// Nodes: entries that are not in an array because what they point to is.
    pub nodes: Vec<EntryId>,
    /// Entries that the script leaves out.
    pub discarded: Vec<EntryId>,
    /// Sections that have entries and are left to the backend, by name.
    pub left: BTreeSet<String>,
    /// Which definition counts, of names that more than one input defines.
    pub winners: HashMap<Box<str>, Winner>,
    /// Archive members that are alive in the plain link by an entry that leaves them.
    pub kept_alive: HashSet<ObjectId>,
    /// Names that the command line asks for after all files, and the archive members that define them.
    pub asked: Vec<(String, ObjectId)>,
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
            .chain(self.copies.iter().copied())
            .chain(self.nodes.iter().copied())
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
/// A section that does not fit an address space, and what the script says that cannot be done.
pub fn plan(
    survey: &Survey<'_>,
    inputs: &Inputs<'_>,
    script: &Script,
    Resolved {
        resolution,
        gatherers,
    }: &Resolved,
) -> Result<Plan> {
    let left = &gatherers.left;
    let selected = |selection| {
        let ids = survey.ids();
        ids.filter(|id| {
            resolution.selection[id.position()] == selection && !left.contains(&survey[*id].section)
        })
        .collect::<Vec<_>>()
    };
    let copies = selected(Selection::OtherComdat);
    let entries = selected(Selection::Selected).into_iter();
    let (nodes, entries) = entries.partition(|id| survey[*id].role == Role::Node);
    let (mut layout, selection) = Layout::new(survey, &inputs.modules, entries, script)?;
    layout.run(script, selection)?;
    layout.check_noload()?;
    layout.check_numbers()?;
    layout.check_discarded()?;
    layout.warn_of_sizes();
    let left = left.iter().map(|section| survey.section_name(*section));
    Ok(Plan {
        sections: layout.sections,
        copies,
        nodes,
        discarded: layout.discarded,
        left: left.map(str::to_owned).collect(),
        winners: resolution.winners.clone(),
        kept_alive: resolution.kept_alive.clone(),
        asked: resolution.asked.clone(),
        warnings: layout.warnings,
    })
}

/// The entries resolved, and who gathers each section.
#[derive(Debug, Default, PartialEq)]
pub struct Resolved {
    resolution: Resolution,
    gatherers: Gatherers,
}

impl Resolved {
    /// Tells whether this linker gathers a section of a name, which may have entries in bitcode alone.
    pub fn gathers<'s>(&self, survey: &'s Survey<'_>) -> impl Fn(&str) -> bool + use<'s> {
        self.gatherers.gathers(survey)
    }
}

/// Resolves the entries, and finds who gathers each section (`gatherer`). The names in `references` are what
/// entries refer to. `retains` says whether the backend keeps segments that are retained.
pub fn resolve<'n>(
    resolver: &Resolver<'_>,
    survey: &Survey<'_>,
    modules: &[Module<'_>],
    references: impl Iterator<Item = &'n str>,
    retains: impl Fn() -> bool,
) -> Resolved {
    let resolution = resolver.resolve(modules, references);
    let conditions = Conditions {
        is_position_independent: resolver.is_position_independent(),
        retains: &retains,
    };
    let gatherers = Gatherers::of(survey, modules, &resolution, &conditions);
    Resolved {
        resolution,
        gatherers,
    }
}

/// An entry for people: its symbol or, of a copy, that of its node, or what it is where it has none.
pub fn describe_entry(survey: &Survey<'_>, id: EntryId) -> String {
    let entry = &survey[id];
    let own = entry.symbols.first().map(|symbol| (entry, symbol));
    let of_node = || {
        let node = &survey[survey.node(id)?];
        Some((node, node.symbols.first()?))
    };
    match (&entry.origin, own.or_else(of_node)) {
        (_, Some((entry, symbol))) => {
            let name = survey.name(entry, symbol);
            format!("`{}`", demangle::shown_short(name))
        }
        (Origin::Custom(..), None) => {
            format!("the custom section `{}`", survey.section(entry))
        }
        (_, None) => format!("a segment `{}`", survey.section(entry)),
    }
}
