//! What the plan consists of: the gathered sections, and what becomes of all other entries.

use super::evaluate::Value;
use super::resolve::Winner;
use crate::demangle;
use crate::hash::{HashMap, HashSet};
use crate::input::ObjectId;
use crate::script::{Definition, Spanned};
use crate::survey::{EntryId, Origin, Survey};
use std::collections::BTreeSet;
use std::ops::Range;

/// The gathered sections.
#[derive(Debug)]
pub struct Plan {
    /// In the order of the script, then by name.
    pub sections: Vec<PlannedSection>,
    /// Entries that are not in an array because another copy of their COMDAT group is.
    pub comdat_duplicates: Vec<EntryId>,
    /// Nodes: entries that are not in an array because what they point to is.
    pub nodes: Vec<EntryId>,
    /// Entries that the script leaves out.
    pub discarded: Vec<EntryId>,
    /// Sections that have entries and are left to the backend, by name.
    pub left_to_backend: BTreeSet<String>,
    /// Which definition counts, of names that more than one input defines.
    pub winners: HashMap<Box<str>, Winner>,
    /// Archive members that are alive in the plain link by an entry that leaves them.
    pub kept_alive: HashSet<ObjectId>,
    /// Names that the command line asks for after all files, and the archive members that define them.
    pub extracted_by_command_line: Vec<(String, ObjectId)>,
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
    pub(super) has_script_contents: bool,
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
}

impl PlannedSection {
    /// Whether it is left out: as in GNU ld, an output section that has nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.has_script_contents
    }

    /// A section without contents.
    pub(super) fn new() -> Self {
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
            has_script_contents: false,
        }
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
