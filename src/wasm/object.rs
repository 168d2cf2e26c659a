//! A relocatable object file, parsed (Linking.md).

use super::index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
use super::outline::{CUSTOM, DATA, Section, Sections};
use super::relocation::DataRelocations;
use super::symbol::Symbol;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::OnceLock;
use wasmparser::{BinaryReader, DataKind, FuncType};

/// `WASM_SEG_FLAG_STRINGS` of Linking.md.
pub const SEGMENT_STRINGS: u32 = 0x1;
/// `WASM_SEG_FLAG_RETAIN` of Linking.md.
pub const SEGMENT_RETAIN: u32 = 0x4;
/// `WASM_SEG_FLAG_TLS` of Linking.md.
pub const SEGMENT_TLS: u32 = 0x2;

/// An object file.
#[derive(Debug)]
pub struct Object<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// Its sections, in the order of the file.
    pub sections: Vec<Section<'a>>,
    /// Its data segments.
    pub segments: Vec<DataSegment<'a>>,
    /// Its symbol table.
    pub symbols: Vec<Symbol<'a>>,
    /// The names of its COMDAT groups.
    pub comdats: Vec<&'a str>,
    /// The function signatures of its type section.
    pub(super) types: Vec<FuncType>,
    /// The functions: the imported ones, then the defined ones.
    pub(super) functions: Vec<Function<'a>>,
    /// For each section, the section that holds its relocations.
    pub(super) relocations: Vec<Option<SectionIndex>>,
    /// The relocations of the data section, once they have been asked for.
    pub(super) data_relocations: OnceLock<DataRelocations>,
    /// For each section, the COMDAT group it is in: only custom sections are in any.
    pub(super) section_comdats: Vec<Option<u32>>,
    /// Whether it has functions that run before the program (`WASM_INIT_FUNCS`).
    pub has_constructors: bool,
    /// Whether its memory has 64-bit addresses.
    pub memory64: bool,
    /// Whether its table has 64-bit indices, as newer compilers for wasm64 make it.
    pub table64: bool,
}

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

/// A function of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function<'a> {
    pub(super) type_index: u32,
    /// Module and field, of an imported function.
    pub(super) import: Option<(&'a str, &'a str)>,
}

impl<'a> Object<'a> {
    /// The section that holds the relocations of `section`.
    pub fn relocation_section(&self, section: SectionIndex) -> Option<SectionIndex> {
        self.relocations.get(section.position()).copied().flatten()
    }

    /// The COMDAT group that a custom section is in, as a place in `comdats`.
    pub fn section_comdat(&self, section: SectionIndex) -> Option<u32> {
        self.section_comdats
            .get(section.position())
            .copied()
            .flatten()
    }

    /// The section of the data segments.
    pub fn data_section(&self) -> Option<SectionIndex> {
        let position = self
            .sections
            .iter()
            .position(|section| section.id == DATA)?;
        Some(SectionIndex(position as u32))
    }

    /// Where what relocations of the data section count from is in the file; 0 if there is none.
    pub fn data_start(&self) -> u64 {
        self.data_section()
            .and_then(|data| self.sections.get(data.position()))
            .map_or(0, |section| section.content_start() as u64)
    }

    /// Bytes of the file.
    pub fn slice(&self, range: &Range<u32>) -> &'a [u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// A symbol.
    pub fn symbol(&self, index: SymbolIndex) -> &Symbol<'a> {
        &self.symbols[index.position()]
    }

    /// A data segment.
    pub fn segment(&self, index: SegmentIndex) -> &DataSegment<'a> {
        &self.segments[index.position()]
    }

    /// The custom sections, those of Linking.md too.
    pub fn custom_sections(&self) -> impl Iterator<Item = (SectionIndex, &Section<'a>)> {
        self.sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.id == CUSTOM)
            .map(|(index, section)| (SectionIndex(index as u32), section))
    }

    /// The signature of a function.
    pub fn signature(&self, function: FunctionIndex) -> &FuncType {
        &self.types[self.functions[function.position()].type_index as usize]
    }

    /// Module and field of an imported function.
    pub fn import(&self, function: FunctionIndex) -> Option<(&'a str, &'a str)> {
        self.functions[function.position()].import
    }
}

/// The version of the `linking` section that Linking.md describes.
pub const LINKING_VERSION: u32 = 2;
/// `WASM_SEGMENT_INFO` of Linking.md.
pub const SEGMENT_INFO: u8 = 5;
/// `WASM_INIT_FUNCS` of Linking.md.
pub(super) const INIT_FUNCS: u8 = 6;
/// `WASM_COMDAT_INFO` of Linking.md.
pub const COMDAT_INFO: u8 = 7;
/// `WASM_SYMBOL_TABLE` of Linking.md.
pub const SYMBOL_TABLE: u8 = 8;

/// The subsections of the `linking` section: the id of each and a reader of its payload, whose
/// offsets are offsets into the file.
///
/// # Errors
/// A version other than 2, or a subsection that goes beyond the end.
pub fn subsections<'a>(linking: &Section<'a>) -> Result<Vec<(u8, BinaryReader<'a>)>> {
    let mut reader = linking.reader();
    let version = reader.read_var_u32()?;
    if version != LINKING_VERSION {
        return Err(Error::new(format!(
            "unexpected metadata version: {version} (Expected: {LINKING_VERSION})"
        ))
        .at(linking.content_start() as u64)
        .note("the object is from a compiler older or newer than this linker knows"));
    }
    let mut subsections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        subsections.push((id, reader.read_reader()?));
    }
    Ok(subsections)
}

/// Whether a module has a symbol table, or is damaged, so that this cannot be said. What has none offers
/// nothing to others: the `lib.rmeta` of an rlib.
pub fn has_symbols(bytes: &[u8]) -> bool {
    let in_section = |section: Section<'_>| -> Result<bool> {
        let is_table = |(id, _): &(u8, _)| *id == SYMBOL_TABLE;
        Ok(section.name == "linking" && subsections(&section)?.iter().any(is_table))
    };
    Sections::of(bytes).map_or(true, |mut sections| {
        sections.any(|section| section.and_then(in_section).unwrap_or(true))
    })
}

/// How a data segment is placed, for writing it again without its bytes.
///
/// # Errors
/// A segment that cannot be read.
pub fn segment_kind<'a>(object: &Object<'a>, segment: &DataSegment<'a>) -> Result<DataKind<'a>> {
    let mut reader = BinaryReader::new(object.slice(&segment.range), segment.range.start.into());
    Ok(reader.read::<wasmparser::Data<'_>>()?.kind)
}
