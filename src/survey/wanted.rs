//! Which sections are wanted: those that an input or an export flag refers to by `__start_NAME` or
//! `__stop_NAME`, and those that `--gather=PATTERN` matches.

use super::mark::is_c_identifier;
use crate::args::{CommandLine, Id};
use crate::error::{Error, Result};
use crate::wasm::{SYMBOL_TABLE, Section, subsections};
use glob::Pattern;
use std::collections::BTreeSet;
use wasmparser::{SymbolFlags, SymbolInfo};

/// The wanted sections, but for those that only name marks speak of.
#[derive(Debug, Default)]
pub struct Wanted {
    referenced: BTreeSet<String>,
    patterns: Vec<Pattern>,
}

/// Custom sections with a name that is a C identifier and that belong to tools (tool-conventions):
/// never entries, whoever asks.
const RESERVED: [&str; 8] = [
    "build_id",
    "dylink",
    "external_debug_info",
    "linking",
    "name",
    "producers",
    "sourceMappingURL",
    "target_features",
];

impl Wanted {
    /// What the command line alone asks for.
    ///
    /// # Errors
    /// A `--gather` pattern that is not right.
    pub fn by_flags(line: &CommandLine) -> Result<Self> {
        let mut wanted = Self::default();
        for value in line.values(Id::Export).chain(line.values(Id::Undefined)) {
            wanted.refer(&value.to_string_lossy());
        }
        for value in line.values(Id::Gather) {
            let text = value.to_string_lossy();
            let pattern = Pattern::new(&text).map_err(|error| {
                Error::new(format!("--gather={text}: not a pattern: {}", error.msg))
                    .note("a pattern has `*`, `?` and `[a-z]`, as in `--gather='PLUGINS*'`")
            })?;
            wanted.patterns.push(pattern);
        }
        Ok(wanted)
    }

    /// Adds what an object refers to.
    ///
    /// # Errors
    /// A `linking` section that is not right.
    pub fn by_references(&mut self, linking: &Section<'_>) -> Result<()> {
        let mentions = |needle: &[u8]| memchr::memmem::find(linking.content, needle).is_some();
        if !mentions(b"__start_") && !mentions(b"__stop_") {
            return Ok(());
        }
        for (id, reader) in subsections(linking)? {
            if id != SYMBOL_TABLE {
                continue;
            }
            for symbol in wasmparser::SymbolInfoMap::new(reader)? {
                if let SymbolInfo::Data { flags, name, .. } = symbol?
                    && flags.contains(SymbolFlags::UNDEFINED)
                {
                    self.refer(name);
                }
            }
        }
        Ok(())
    }

    fn refer(&mut self, symbol: &str) {
        let section = symbol
            .strip_prefix("__start_")
            .or_else(|| symbol.strip_prefix("__stop_"));
        if let Some(section) = section.filter(|section| is_c_identifier(section)) {
            self.referenced.insert(section.to_owned());
        }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.referenced.is_empty() && self.patterns.is_empty()
    }

    /// Whether data segments of this name are entries.
    pub fn has_segments(&self, name: &str) -> bool {
        self.referenced.contains(name) || (is_c_identifier(name) && self.is_asked_for(name))
    }

    /// Whether custom sections of this name are entries. A wildcard does not make them so: who put
    /// bytes outside memory meant them to be there, unless somebody asks by name.
    pub fn has_custom_sections(&self, name: &str) -> bool {
        let by_name = || self.patterns.iter().any(|pattern| pattern.as_str() == name);
        !RESERVED.contains(&name)
            && (self.referenced.contains(name) || (is_c_identifier(name) && by_name()))
    }

    /// Whether `--gather` asks for the section, so that even what works is gathered.
    pub fn is_asked_for(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(words: &[&str]) -> Wanted {
        let line = CommandLine::parse(words.iter().map(Into::into).collect()).expect("a line");
        Wanted::by_flags(&line).expect("good patterns")
    }

    #[test]
    fn flags_refer_to_sections() {
        let wanted = wanted(&["--export=__start_A", "-u", "__stop_B", "--export=main"]);
        assert!(wanted.has_segments("A") && wanted.has_custom_sections("B"));
        assert!(!wanted.has_segments("main") && !wanted.is_asked_for("A"));
    }

    #[test]
    fn wildcards_take_sections_in_memory_only() {
        let all = wanted(&["--gather=*"]);
        assert!(all.has_segments("A") && !all.has_segments(".rodata.x"));
        assert!(!all.has_custom_sections("__wasm_bindgen_unstable"));
        let named = wanted(&["--gather=A", "--gather=name"]);
        assert!(named.has_custom_sections("A") && !named.has_custom_sections("name"));
    }
}
