//! Which sections are gathered: those that an input or an export flag refers to by `__start_NAME` or
//! `__stop_NAME`, and those that a script or `--gather=PATTERN` matches.

use super::mark::is_c_identifier;
use crate::args::{CommandLine, Id};
use crate::error::Result;
use crate::script::{Glob, Globs, Script};
use crate::wasm::{RawKind, RawSymbols, SYMBOL_TABLE, Section, subsections};
use std::collections::BTreeSet;
use wasmparser::SymbolFlags;

/// The sections to gather.
#[derive(Debug, Default)]
pub struct Selection {
    named: BTreeSet<String>,
    gather: Globs,
    script: Globs,
    /// Whether every selected section is gathered here, none by the backend.
    all: bool,
}

/// The prefix of the symbol at the start of an array.
pub const START: &str = "__start_";
/// The prefix of the symbol at the end of an array.
pub const STOP: &str = "__stop_";

/// Custom sections of the tool conventions whose names are C identifiers. They are never entries.
const RESERVED: [&str; 9] = [
    "build_id",
    "dylink",
    "external_debug_info",
    "link_sections",
    "linking",
    "name",
    "producers",
    "sourceMappingURL",
    "target_features",
];

/// The undefined `__start_NAME` and `__stop_NAME` in the `linking` section of an object.
///
/// # Errors
/// A malformed `linking` section.
pub fn bound_references(linking: &Section<'_>) -> Result<Vec<String>> {
    let mut references = Vec::new();
    for (id, reader) in subsections(linking)? {
        if id != SYMBOL_TABLE {
            continue;
        }
        for symbol in RawSymbols::new(reader)? {
            let symbol = symbol?;
            if let (RawKind::Data(_), Some(name)) = (symbol.kind, symbol.name)
                && symbol.flags.contains(SymbolFlags::UNDEFINED)
                && let Ok(name) = str::from_utf8(name)
                && bounded_section(name).is_some()
            {
                references.push(name.to_owned());
            }
        }
    }
    Ok(references)
}

/// The section of a `__start_NAME` or `__stop_NAME`.
fn bounded_section(symbol: &str) -> Option<&str> {
    let section = symbol
        .strip_prefix(START)
        .or_else(|| symbol.strip_prefix(STOP));
    section.filter(|section| is_c_identifier(section))
}

/// Whether custom sections with that name are never entries.
pub fn is_reserved(name: &[u8]) -> bool {
    RESERVED.iter().any(|reserved| reserved.as_bytes() == name)
}

/// Whether compilers give segments and custom sections such a name themselves, as `.rodata.x`, `.debug_info` and
/// `reloc.CODE`. Only a script selects these, or a mark.
pub fn is_of_compiler(name: &[u8]) -> bool {
    name.starts_with(b".") || name.starts_with(b"reloc.")
}

impl Selection {
    /// The sections that the command line and the script select.
    pub fn from_options(line: &CommandLine, script: &Script) -> Self {
        let mut selection = Self {
            all: false,
            named: BTreeSet::new(),
            gather: line
                .values(Id::Gather)
                .map(|pattern| Glob::new(&pattern.to_string_lossy()))
                .collect(),
            script: script.section_patterns().collect(),
        };
        // `--export-if-defined` is not a reference: it selects nothing.
        for value in line.values(Id::Export).chain(line.values(Id::Undefined)) {
            selection.add_reference(&value.to_string_lossy());
        }
        selection
    }

    /// Adds the sections that undefined symbols refer to.
    pub fn add_references<'s>(&mut self, undefined: impl Iterator<Item = &'s str>) {
        undefined.for_each(|symbol| self.add_reference(symbol));
    }

    /// Adds the sections that marks name.
    pub fn add_marked<'m>(&mut self, sections: impl Iterator<Item = &'m str>) {
        for section in sections {
            if !self.named.contains(section) {
                self.named.insert(section.to_owned());
            }
        }
    }

    /// The sections that inputs, options or marks name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    fn add_reference(&mut self, symbol: &str) {
        if let Some(section) = bounded_section(symbol) {
            self.named.insert(section.to_owned());
        }
    }

    /// Requests every selected section: none is left to the backend.
    pub fn request_all(&mut self) {
        self.all = true;
    }

    /// Names given to `--gather` that are not C identifiers and so are not gathered.
    pub fn invalid_names(&self) -> impl Iterator<Item = &str> {
        self.gather.literals().filter(|name| !is_c_identifier(name))
    }

    /// Whether no section is selected.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.gather.is_empty() && self.script.is_empty()
    }

    /// Whether data segments with this name are entries. `--gather` matches C identifiers only, as
    /// `__start_NAME` must be a symbol. A script matches any name.
    pub fn selects_segments(&self, name: &str) -> bool {
        self.named.contains(name) || self.is_requested(name)
    }

    /// Whether names that compilers give themselves may be selected.
    pub fn may_select_of_compiler(&self) -> bool {
        let mut named = self.named.iter();
        !self.script.is_empty() || named.any(|name| is_of_compiler(name.as_bytes()))
    }

    /// Whether custom sections with this name are entries. Wildcards do not match: their bytes were
    /// put outside of memory on purpose, so they are gathered only by name.
    pub fn selects_custom_sections(&self, name: &str) -> bool {
        let asked_for =
            self.script.is_literal(name) || (is_c_identifier(name) && self.gather.is_literal(name));
        !is_reserved(name.as_bytes()) && (self.named.contains(name) || asked_for)
    }

    /// The names of custom sections that are entries.
    pub fn custom_sections(&self) -> impl Iterator<Item = &str> {
        let names = self.named.iter().map(String::as_str);
        names
            .chain(self.gather.literals())
            .chain(self.script.literals())
            .filter(|name| self.selects_custom_sections(name))
    }

    /// Whether the section must be gathered here even if the backend could do it: by `--gather`,
    /// the script or [`Selection::request_all`].
    pub fn is_requested(&self, name: &str) -> bool {
        self.all
            || self.script.matches(name)
            || (is_c_identifier(name) && self.gather.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(words: &[&str]) -> Selection {
        let line = CommandLine::parse(words.iter().map(Into::into).collect()).expect("a line");
        Selection::from_options(&line, &Script::default())
    }

    #[test]
    fn flags_refer_to_sections() {
        let selection = selection(&["--export=__start_A", "-u", "__stop_B", "--export=main"]);
        assert!(selection.selects_segments("A") && selection.selects_custom_sections("B"));
        assert!(!selection.selects_segments("main") && !selection.is_requested("A"));
    }

    #[test]
    fn wildcards_take_sections_in_memory_only() {
        let all = selection(&["--gather=*"]);
        assert!(all.selects_segments("A") && !all.selects_segments(".rodata.x"));
        assert!(!all.selects_custom_sections("__wasm_bindgen_unstable"));
        let named = selection(&["--gather=A", "--gather=name", "--gather=my-own"]);
        assert!(named.selects_custom_sections("A") && !named.selects_custom_sections("name"));
        // There can be no `__start_my-own`.
        assert!(!named.selects_custom_sections("my-own"));
    }
}
