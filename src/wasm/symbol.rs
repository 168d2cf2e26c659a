//! The symbols of an object.

use super::index::{FunctionIndex, SectionIndex, SegmentIndex};
use std::ops::Range;
use wasmparser::SymbolFlags;

/// A symbol and its entry in the file.
#[derive(Debug, Clone)]
pub struct Symbol<'a> {
    /// Its name; for an import without an explicit name, the field of the import. Empty for sections.
    pub name: &'a str,
    /// `WASM_SYM_…`.
    pub flags: SymbolFlags,
    /// The item that it names.
    pub kind: SymbolKind,
    /// Its entry in the symbol table, as offsets into the file.
    pub range: Range<u32>,
}

/// The item that a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function(FunctionIndex),
    /// Data; `None` if it is undefined or absolute.
    Data(Option<Definition>),
    /// A wasm global.
    Global,
    /// A section.
    Section(SectionIndex),
    /// An exception tag.
    Tag,
    /// A table.
    Table,
}

/// The definition of a data symbol: its segment, and offset and size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The segment.
    pub segment: SegmentIndex,
    /// The offset from the segment's first byte.
    pub offset: u32,
    /// The size that the symbol claims; it may extend past the end of the segment.
    pub size: u32,
}

impl Symbol<'_> {
    /// Whether it is data.
    pub fn is_data(&self) -> bool {
        matches!(self.kind, SymbolKind::Data(_))
    }

    /// Whether it is local.
    pub fn is_local(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_LOCAL)
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_WEAK)
    }

    /// Whether it is undefined.
    pub fn is_undefined(&self) -> bool {
        self.flags.contains(SymbolFlags::UNDEFINED)
    }

    /// The segment and the range of a data symbol that is defined in a segment. The range begins in the
    /// segment but may extend past its end.
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
