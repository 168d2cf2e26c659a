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
    /// Its alignment, as a power of two.
    pub alignment: u32,
    /// `WASM_SEG_FLAG_…`.
    pub flags: u32,
    /// Its bytes.
    pub data: &'a [u8],
    /// Where its bytes begin, as an offset from what relocations of the data section count from.
    pub offset: u32,
    /// The segment with its header, as offsets into the file.
    pub range: Range<u32>,
    /// The COMDAT group it is in, as a place in `comdats`.
    pub comdat: Option<u32>,
    /// What the backend merges it into, by its name.
    pub merged: Option<Merged>,
}

/// A segment of the output that the backend makes of all segments of some names (`wasm-ld`,
/// `--merge-data-segments`).
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::Data, Self::Zeros];

    /// The name of the output's segment. Those merged into it have it too, or it and more after a dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => ".rodata",
            Self::Data => ".data",
            Self::Zeros => ".bss",
        }
    }

    /// What a segment of that name is merged into.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|merged| {
            let rest = name.strip_prefix(merged.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
