//! The symbols of an object.

use super::index::{FunctionIndex, SectionIndex, SegmentIndex};
use std::ops::Range;
use wasmparser::SymbolFlags;

/// A symbol and where its entry stands in the file.
#[derive(Debug, Clone)]
pub struct Symbol<'a> {
    /// Its name: of an import that has no explicit name, the import's field. Empty for sections.
    pub name: &'a str,
    /// `WASM_SYM_…`.
    pub flags: SymbolFlags,
    /// What it names.
    pub kind: SymbolKind,
    /// Its entry of the symbol table, as offsets into the file.
    pub range: Range<u32>,
}

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function(FunctionIndex),
    /// Data; none where it is undefined or an absolute address.
    Data(Option<Definition>),
    /// A wasm global.
    Global,
    /// A section.
    Section(SectionIndex),
    /// A tag, of exceptions.
    Tag,
    /// A table.
    Table,
}

/// Where a data symbol is: its segment, and offset and size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The segment.
    pub segment: SegmentIndex,
    /// From the segment's first byte.
    pub offset: u32,
    /// Of what the symbol names.
    pub size: u32,
}

impl Symbol<'_> {
    /// Whether it is data.
    pub fn is_data(&self) -> bool {
        matches!(self.kind, SymbolKind::Data(_))
    }

    /// Whether it is seen only inside its object.
    pub fn is_local(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_LOCAL)
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_WEAK)
    }

    /// Whether it is defined elsewhere.
    pub fn is_undefined(&self) -> bool {
        self.flags.contains(SymbolFlags::UNDEFINED)
    }

    /// Of a data symbol that is defined in a segment: the segment and the range in it, which begins
    /// in the segment and may say that it goes beyond its end.
    pub fn definition(&self) -> Option<(SegmentIndex, Range<u32>)> {
        let SymbolKind::Data(Some(definition)) = self.kind else {
            return None;
        };
        let Definition {
            segment,
            offset,
            size,
        } = definition;
        Some((segment, offset..offset.saturating_add(size)))
    }
}
