//! The data segments of an object.

use std::ops::Range;

/// `WASM_SEG_FLAG_STRINGS` of Linking.md.
pub const SEGMENT_STRINGS: u32 = 0x1;
/// `WASM_SEG_FLAG_RETAIN` of Linking.md.
pub const SEGMENT_RETAIN: u32 = 0x4;
/// `WASM_SEG_FLAG_TLS` of Linking.md.
pub const SEGMENT_TLS: u32 = 0x2;

/// A data segment with its entry in the segment info subsection.
#[derive(Debug, Clone)]
pub struct DataSegment<'a> {
    /// Its name, such as `.rodata.x`.
    pub name: &'a str,
    /// The base-2 logarithm of its alignment.
    pub alignment: u32,
    /// `WASM_SEG_FLAG_…`.
    pub flags: u32,
    /// Its bytes.
    pub data: &'a [u8],
    /// The offset of its bytes in the content of the data section.
    pub offset: u32,
    /// The segment including its header, as offsets into the file.
    pub range: Range<u32>,
    /// Its COMDAT group, as an index into `comdats`.
    pub comdat: Option<u32>,
    /// The output segment that the backend merges it into, by its name.
    pub merged: Option<Merged>,
}

/// An output segment that the backend merges input segments into (`wasm-ld --merge-data-segments`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// `.rodata`
    ReadOnly,
    /// `.data`
    Data,
    /// `.bss`
    Zeros,
}

impl Merged {
    /// All output segments.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::Data, Self::Zeros];

    /// The name of the output segment. Input segments have the same name, or begin with it and a dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => ".rodata",
            Self::Data => ".data",
            Self::Zeros => ".bss",
        }
    }

    /// The output segment for input segments named `name`.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|merged| {
            let rest = name.strip_prefix(merged.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
