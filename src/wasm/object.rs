//! A relocatable object file, parsed (Linking.md).

use super::bytes::ObjectBytes;
use super::index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
use super::outline::{CUSTOM, DATA, Section};
use super::parse::{Function, Parsed};
use super::relocation::{self, DataRelocations, Relocation};
use super::segment::DataSegment;
use super::symbol::Symbol;
use crate::error::Result;
use std::ops::Range;
use std::sync::OnceLock;
use wasmparser::{BinaryReader, DataKind, FuncType};

/// An object file.
#[derive(Debug)]
pub struct Object<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// Its sections, in file order.
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
    /// The relocations of the data section, parsed on first use.
    pub(super) data_relocations: OnceLock<DataRelocations>,
    /// For each section, its COMDAT group; only custom sections have one.
    pub(super) section_comdats: Vec<Option<u32>>,
    /// Whether it has constructors (`WASM_INIT_FUNCS`).
    pub has_constructors: bool,
    /// Whether its memory has 64-bit addresses.
    pub memory64: bool,
    /// Whether its table has 64-bit indices, as in objects of newer wasm64 compilers.
    pub table64: bool,
}

impl<'a> Object<'a> {
    /// Parses an object.
    ///
    /// # Errors
    /// The first violation of Linking.md, with its offset.
    pub fn parse(bytes: &'a ObjectBytes<'_>) -> Result<Self> {
        let Parsed {
            sections,
            segments,
            symbols,
            comdats,
            types,
            functions,
            relocations,
            section_comdats,
            has_constructors,
            memory64,
            table64,
            ..
        } = Parsed::of(bytes)?;
        Ok(Self {
            bytes,
            sections,
            segments,
            symbols,
            comdats,
            types,
            functions,
            relocations,
            data_relocations: OnceLock::new(),
            section_comdats,
            has_constructors,
            memory64,
            table64,
        })
    }

    /// The section that holds the relocations of `section`.
    pub fn relocation_section(&self, section: SectionIndex) -> Option<SectionIndex> {
        self.relocations.get(section.position()).copied().flatten()
    }

    /// The COMDAT group of a custom section, as an index into `comdats`.
    pub fn section_comdat(&self, section: SectionIndex) -> Option<u32> {
        self.section_comdats
            .get(section.position())
            .copied()
            .flatten()
    }

    /// The index of the data section.
    pub fn data_section(&self) -> Option<SectionIndex> {
        let position = self
            .sections
            .iter()
            .position(|section| section.id == DATA)?;
        Some(SectionIndex(position as u32))
    }

    /// The file offset that relocations of the data section are relative to; 0 without a data section.
    pub fn data_start(&self) -> u64 {
        self.data_section()
            .and_then(|data| self.sections.get(data.position()))
            .map_or(0, |section| section.content_start() as u64)
    }

    /// A range of the file.
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

    /// The custom sections, including `linking` and `reloc.*`.
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

    /// The module and field of an imported function.
    pub fn import(&self, function: FunctionIndex) -> Option<(&'a str, &'a str)> {
        self.functions[function.position()].import
    }

    /// The relocations of a section, sorted by offset.
    ///
    /// # Errors
    /// A relocation out of range, or one whose symbol is out of range or of the wrong kind.
    pub fn relocations(&self, target: SectionIndex) -> Result<Vec<Relocation>> {
        let Some(from) = self.relocation_section(target) else {
            return Ok(Vec::new());
        };
        let section = |index: SectionIndex| &self.sections[index.position()];
        relocation::read(
            section(from),
            section(target),
            &self.segments,
            &self.symbols,
        )
    }

    /// The relocations of the data section, sorted by offset. They are parsed once.
    ///
    /// # Errors
    /// As for [`Object::relocations`].
    pub fn data_relocations(&self) -> Result<&[Relocation]> {
        self.relocations_of_data().map(DataRelocations::all)
    }

    /// The relocations of a data segment, with offsets into the data section.
    ///
    /// # Errors
    /// As for [`Object::relocations`].
    pub fn segment_relocations(&self, segment: SegmentIndex) -> Result<&[Relocation]> {
        Ok(self.relocations_of_data()?.of(segment))
    }

    /// The relocations in a range of a data segment. `range` is in bytes from the start of the segment.
    ///
    /// # Errors
    /// As for [`Object::relocations`].
    pub fn relocations_within(
        &self,
        segment: SegmentIndex,
        range: Range<u32>,
    ) -> Result<&[Relocation]> {
        let all = self.segment_relocations(segment)?;
        let base = self.segment(segment).offset;
        // The range may come from a symbol whose size exceeds its segment.
        let before = |end: u32| {
            let end = base.saturating_add(end);
            all.partition_point(|relocation| relocation.offset < end)
        };
        Ok(&all[before(range.start)..before(range.end)])
    }

    /// The data segments with relocations, and their relocations, in order.
    ///
    /// # Errors
    /// As for [`Object::relocations`].
    pub fn relocated_segments(
        &self,
    ) -> Result<impl Iterator<Item = (SegmentIndex, &[Relocation])>> {
        Ok(self.relocations_of_data()?.by_segment())
    }

    fn relocations_of_data(&self) -> Result<&DataRelocations> {
        if let Some(known) = self.data_relocations.get() {
            return Ok(known);
        }
        let section = self.data_section();
        let read = section.map(|section| self.relocations(section));
        let all = read.transpose()?.unwrap_or_default();
        let new = || DataRelocations::new(all, &self.segments);
        Ok(self.data_relocations.get_or_init(new))
    }
}

/// The kind of a data segment: passive, or active with its memory and offset.
///
/// # Errors
/// A segment that cannot be read.
pub fn segment_kind<'a>(object: &Object<'a>, segment: &DataSegment<'a>) -> Result<DataKind<'a>> {
    let mut reader = BinaryReader::new(object.slice(&segment.range), segment.range.start.into());
    Ok(reader.read::<wasmparser::Data<'_>>()?.kind)
}
