//! Entries in LLVM bitcode, found in its symbol table. If there are any, the backend compiles the bitcode
//! first, and the objects are surveyed again.

use super::keep::Keep;
use super::mark::{MARK_PREFIX, Mark, SectionRef};
use super::selection::Selection;
use crate::bitcode::{Bitcode, Symbol};
use crate::error::Result;
use crate::input::Module;
use memchr::memmem;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A bitcode file that has entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithEntries {
    /// Its index in `Inputs::bitcode`.
    pub position: usize,
    /// Its global entries. LTO would drop those that no other file references.
    pub globals: Vec<String>,
    /// Whether its symbol table shows entries. If not, only the name of a selected custom section occurs
    /// in the code: custom sections are not in the symbol table.
    pub is_certain: bool,
}

/// The scan of a bitcode file.
#[derive(Debug)]
pub struct BitcodeScan<'a> {
    bitcode: Bitcode<'a>,
    /// Whether the backend may leave the file out.
    is_lazy: bool,
    /// The marked data that it defines, with the section if the mark names it.
    marked: Vec<(Symbol<'a>, Option<Cow<'a, str>>)>,
    /// Whether it may have marks but has no readable symbol table.
    has_unknown_marks: bool,
}

impl<'a> BitcodeScan<'a> {
    /// Scans a bitcode file.
    ///
    /// # Errors
    /// A malformed mark.
    pub fn of(module: &Module<'a>) -> Result<Self> {
        let bytes = module.contents();
        let mut scan = Self {
            bitcode: Bitcode::parse(bytes),
            is_lazy: !module.always_linked(),
            marked: Vec::new(),
            has_unknown_marks: false,
        };
        let Some(symbols) = &scan.bitcode.symbols else {
            scan.has_unknown_marks = memmem::find(bytes, MARK_PREFIX).is_some();
            return Ok(scan);
        };
        for symbol in symbols.iter().filter(|symbol| symbol.is_defined_data()) {
            let mark = Mark::parse(symbol.name).map_err(|error| error.in_file(&module.name))?;
            scan.marked.extend(mark.map(|mark| match mark.section {
                SectionRef::ByName(section) => (*symbol, Some(section)),
                SectionRef::ByReference => (*symbol, None),
            }));
        }
        Ok(scan)
    }

    /// Its undefined symbols.
    pub fn undefined(&self) -> impl Iterator<Item = &'a str> {
        let symbols = self.bitcode.symbols.iter().flatten();
        symbols
            .filter(|symbol| symbol.is_undefined())
            .map(|symbol| symbol.name)
    }

    /// The sections that its marks name.
    pub fn marked_sections(&self) -> impl Iterator<Item = &str> {
        self.marked
            .iter()
            .filter_map(|(_, section)| section.as_deref())
    }

    /// Its data in gathered sections.
    fn named(&self, gathered: impl Fn(&str) -> bool) -> impl Iterator<Item = Symbol<'a>> {
        let symbols = self.bitcode.symbols.iter().flatten();
        symbols
            .filter(move |symbol| symbol.is_defined_data() && symbol.section.is_some_and(&gathered))
            .copied()
    }

    /// Whether it may have selected custom sections. This searches the code for their names. A false
    /// positive only compiles the bitcode early.
    fn may_have_custom_sections(&self, selection: &Selection) -> bool {
        let contains = |name| memmem::find(self.bitcode.code, str::as_bytes(name)).is_some();
        selection.custom_sections().any(contains)
    }
}

/// The sections of data in COMDAT groups.
pub fn comdat_sections<'g>(scans: &'g [BitcodeScan<'_>]) -> impl Iterator<Item = &'g str> {
    let symbols = scans
        .iter()
        .flat_map(|scan| scan.bitcode.symbols.iter().flatten());
    let grouped = symbols.filter(|symbol| symbol.comdat.is_some() && symbol.is_defined_data());
    grouped.filter_map(|symbol| symbol.section)
}

/// The bitcode with marked entries, with data in sections that `gathers` selects or a mark names, or possibly
/// with custom sections in `selection`. If it is lazy, those that `keep` selects count too: the backend emits them
/// only if it links the file.
pub fn with_entries(
    scans: &[BitcodeScan<'_>],
    selection: &Selection,
    keep: &Keep,
    gathers: impl Fn(&str) -> bool,
) -> Vec<WithEntries> {
    if scans.is_empty() {
        return Vec::new();
    }
    let marked = scans.iter().flat_map(BitcodeScan::marked_sections);
    let marked: BTreeSet<&str> = marked.collect();
    let is_gathered = |name: &str| marked.contains(name) || gathers(name);
    let mut found = Vec::new();
    for (position, scan) in scans.iter().enumerate() {
        let marked = scan.marked.iter().map(|(symbol, _)| *symbol);
        let entries: Vec<_> = marked.chain(scan.named(is_gathered)).collect();
        let is_certain = !entries.is_empty() || scan.has_unknown_marks;
        let may_have_custom_sections = scan.may_have_custom_sections(selection)
            || scan.is_lazy && keep.may_be_in(scan.bitcode.code);
        if !is_certain && !may_have_custom_sections {
            continue;
        }
        let globals = entries.iter().filter(|symbol| symbol.is_global());
        found.push(WithEntries {
            position,
            globals: globals.map(|symbol| symbol.name.to_owned()).collect(),
            is_certain,
        });
    }
    found
}
