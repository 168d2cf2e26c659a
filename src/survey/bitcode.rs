//! Entries in LLVM bitcode. What they are like only the compiled object says; that there are some, the
//! symbol table of the bitcode does. The backend compiles it then, and the survey is made again.

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
    /// Its place in `Inputs::bitcode`.
    pub position: usize,
    /// Its entries that other files could refer to. Where none does, whole-program optimization would
    /// take them for dead.
    pub globals: Vec<String>,
    /// Whether its symbols show entries. Custom sections are not among them: then there is only a text in
    /// it that may be the name of one.
    pub is_certain: bool,
}

/// Bitcode as the survey sees it.
#[derive(Debug)]
pub struct BitcodeScan<'a> {
    bitcode: Bitcode<'a>,
    /// The marked data that it defines, with the sections that are told by name.
    marked: Vec<(Symbol<'a>, Option<Cow<'a, str>>)>,
    /// Whether there are marks in it, of which no more is known.
    has_unknown_marks: bool,
}

impl<'a> BitcodeScan<'a> {
    /// Looks at a bitcode file.
    ///
    /// # Errors
    /// A mark that is not right.
    pub fn of(module: &Module<'a>) -> Result<Self> {
        // Bitcode is always in memory.
        let bytes = module.resident().unwrap_or_default();
        let mut scan = Self {
            bitcode: Bitcode::parse(bytes),
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

    /// The symbols that it refers to.
    pub fn undefined(&self) -> impl Iterator<Item = &'a str> {
        let symbols = self.bitcode.symbols.iter().flatten();
        symbols
            .filter(|symbol| symbol.is_undefined())
            .map(|symbol| symbol.name)
    }

    /// The sections that its marks speak of.
    pub fn marked_sections(&self) -> impl Iterator<Item = &str> {
        self.marked
            .iter()
            .filter_map(|(_, section)| section.as_deref())
    }

    /// Data in sections that are gathered.
    fn named(&self, gathered: impl Fn(&str) -> bool) -> impl Iterator<Item = Symbol<'a>> {
        let symbols = self.bitcode.symbols.iter().flatten();
        symbols
            .filter(move |symbol| symbol.is_defined_data() && symbol.section.is_some_and(&gathered))
            .copied()
    }

    /// Whether it may have custom sections that are gathered. Their names are texts like any other: if
    /// it is something else that is called so, the bitcode is compiled early, and that is all.
    fn may_have_custom_sections(&self, selection: &Selection) -> bool {
        let mentions = |name| memmem::find(self.bitcode.code, str::as_bytes(name)).is_some();
        selection.custom_sections().any(mentions)
    }
}

/// The sections of which bitcode has entries in COMDAT groups.
pub fn comdat_sections<'g>(scans: &'g [BitcodeScan<'_>]) -> impl Iterator<Item = &'g str> {
    let symbols = scans
        .iter()
        .flat_map(|scan| scan.bitcode.symbols.iter().flatten());
    let grouped = symbols.filter(|symbol| symbol.comdat.is_some() && symbol.is_defined_data());
    grouped.filter_map(|symbol| symbol.section)
}

/// The bitcode that has entries of gathered sections: of those that `wanted` asks for, those that its marks
/// speak of, and those that are `gathered` from objects.
pub fn with_entries<'g>(
    scans: &'g [BitcodeScan<'_>],
    selection: &Selection,
    mut gathered: BTreeSet<&'g str>,
) -> Vec<WithEntries> {
    gathered.extend(scans.iter().flat_map(BitcodeScan::marked_sections));
    let is_gathered = |name: &str| gathered.contains(name) || selection.is_requested(name);
    let mut found = Vec::new();
    for (position, scan) in scans.iter().enumerate() {
        let marked = scan.marked.iter().map(|(symbol, _)| *symbol);
        let entries: Vec<_> = marked.chain(scan.named(is_gathered)).collect();
        let is_certain = !entries.is_empty() || scan.has_unknown_marks;
        if !is_certain && !scan.may_have_custom_sections(selection) {
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
