//! The plan: the gathered sections, and the entries that are in none.

use super::evaluate::Value;
use super::kept_sections::Kept;
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
    /// Entries whose COMDAT group is linked from another object.
    pub comdat_duplicates: Vec<EntryId>,
    /// Entries marked by reference: what they point to is in the array, not they.
    pub nodes: Vec<EntryId>,
    /// Entries that `/DISCARD/` selects.
    pub discarded: Vec<EntryId>,
    /// Sections that have entries and are left to the backend, by name.
    pub left_to_backend: BTreeSet<String>,
    /// The prevailing definitions of names that more than one input defines.
    pub winners: HashMap<Box<str>, Winner>,
    /// Archive members that only a hoisted entry keeps alive in the plain link.
    pub kept_alive: HashSet<ObjectId>,
    /// Names for which the command line (`-u`, `--export`, `--entry`) may extract archive members after all files,
    /// and these members; none if a member is bitcode.
    pub extracted_by_command_line: Vec<(String, Option<ObjectId>)>,
    /// The custom sections of `--section-keep`.
    pub kept: Kept,
    /// What a user should know.
    pub warnings: Vec<String>,
}

/// One data segment of the output: an output section, or several that are contiguous (see `contiguity`).
#[derive(Debug)]
pub struct PlannedSection {
    /// Its name: that of the first output section.
    pub name: String,
    /// The output sections: the name of each, and its range in bytes from the beginning of the segment.
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
    /// Padding that is not zero.
    pub fills: Vec<Fill>,
    /// Whether `KEEP` makes it a root of the garbage collection.
    pub keep: bool,
    /// Whether the script puts anything but entries into it.
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

/// Data of the script: `LONG(expr)`, `ASCIZ "text"` and the like.
#[derive(Debug, Clone)]
pub struct DataItem {
    /// In bytes from the beginning of the section.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// A number, or an address.
    pub value: Value,
}

/// Padding with a fill pattern (GNU ld manual, "Output Section Fill").
#[derive(Debug, Clone)]
pub struct Fill {
    /// In bytes from the beginning of the section.
    pub range: Range<u32>,
    /// Repeated from the beginning of the range.
    pub pattern: Vec<u8>,
}

impl Plan {
    /// Whether there is nothing to do: the link is the plain one.
    pub fn is_empty(&self) -> bool {
        !self.gathers() && self.kept.is_empty()
    }

    /// Whether any section is gathered.
    pub fn gathers(&self) -> bool {
        !self.sections.iter().all(PlannedSection::is_empty) || !self.discarded.is_empty()
    }
}

impl PlannedSection {
    /// Whether it has no contents. As in GNU ld, such an output section does not exist.
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

/// An entry in messages: its symbol, else the symbol that marks it by reference, else its kind.
pub fn describe_entry(survey: &Survey<'_>, id: EntryId) -> String {
    let entry = &survey[id];
    let own = entry.symbols.first();
    let of_node = || {
        let node = &survey[survey.node(id)?];
        node.symbols.first()
    };
    match (&entry.origin, own.or_else(of_node)) {
        (_, Some(symbol)) => {
            let name = survey.name(symbol);
            format!("`{}`", demangle::shown_short(name))
        }
        (Origin::Custom(..), None) => {
            format!("the custom section `{}`", survey.section(entry))
        }
        (_, None) => format!("a segment `{}`", survey.section(entry)),
    }
}
