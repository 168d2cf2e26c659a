//! An object without the entries that left it.
//!
//! Symbols keep their indices, so code, debug information and every relocation that stays need no
//! change. Segments and custom sections that were moved are left out. A symbol of theirs becomes an
//! undefined reference, or a mere place holder if nothing that stays refers to it, and a local symbol
//! that entries point to gets a second, hidden name.
//!
//! Place holders are symbols of one segment without bytes, which takes the place of all that left.

use super::encode::{self, Definition};
use super::index::{SectionIndex, SegmentIndex, SymbolIndex};
use super::object::{
    COMDAT_INFO, DataSegment, LINKING_VERSION, Object, Relocation, SEGMENT_INFO, SEGMENT_RETAIN,
    SYMBOL_TABLE, Symbol, segment_kind, subsections,
};
use super::outline::{DATA_COUNT, Section};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ComdatSymbolKind, SymbolFlags, SymbolInfo};

/// The name of a place holder, and what the name of its segment ends with.
pub const PLACE_HOLDER: &str = "..gathered";
/// `.rodata` merges it with others of the output.
const EMPTY_SEGMENT: &str = ".rodata..gathered";

/// What changes in an object.
#[derive(Debug, Default)]
pub struct Edits {
    /// What becomes of symbols that are not defined here any more, in the order of their indices.
    pub symbols: Vec<(SymbolIndex, Moved)>,
    /// Further names, hidden and global, for symbols that stay.
    pub aliases: Vec<(SymbolIndex, String)>,
    /// Segments that were moved, in the order of their indices.
    pub segments: Vec<SegmentIndex>,
    /// Custom sections that were moved.
    pub sections: BTreeSet<SectionIndex>,
    /// Whether what no edit concerns is encoded anew too and not copied.
    pub anew: bool,
}

/// A symbol whose data was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is defined elsewhere, under that name.
    Elsewhere(String),
    /// Nothing that stays refers to it.
    Unused,
}

impl Edits {
    /// The object's bytes with these edits: without any, the same bytes.
    ///
    /// # Errors
    /// A removed section that the rest of the object refers to by an offset.
    pub fn apply(&self, object: &Object<'_>) -> Result<Vec<u8>> {
        Editor {
            edits: self,
            object,
            removed: self.removed_sections(object),
        }
        .run()
    }

    /// Whether a segment that stays is retained.
    pub fn leave_retained(&self, object: &Object<'_>) -> bool {
        let segments = object.segments.iter().enumerate();
        let mut retained = segments.filter(|(_, segment)| segment.flags & SEGMENT_RETAIN != 0);
        retained.any(|(position, _)| {
            let index = SegmentIndex(position as u32);
            self.segments.binary_search(&index).is_err()
        })
    }

    /// Whether the `linking` section has anything else to say.
    fn concern_linking(&self) -> bool {
        let symbols = !self.symbols.is_empty() || !self.aliases.is_empty();
        self.anew || symbols || !self.segments.is_empty() || !self.sections.is_empty()
    }

    /// The sections that go, those with relocations of others among them, in the order of the file.
    fn removed_sections(&self, object: &Object<'_>) -> Vec<SectionIndex> {
        let relocations = |&section| object.relocation_section(section);
        let with_relocations = self.sections.iter().filter_map(relocations);
        let mut removed: Vec<_> = self
            .sections
            .iter()
            .copied()
            .chain(with_relocations)
            .collect();
        removed.sort();
        removed.dedup();
        removed
    }
}

struct Editor<'a> {
    edits: &'a Edits,
    object: &'a Object<'a>,
    /// Sorted.
    removed: Vec<SectionIndex>,
}

impl Editor<'_> {
    fn run(&self) -> Result<Vec<u8>> {
        self.check_section_offsets()?;
        let object = self.object;
        let mut out = Vec::with_capacity(object.bytes.len());
        out.extend_from_slice(&object.bytes[..8]);
        let data = object
            .data_section()
            .filter(|_| self.edits.anew || !self.edits.segments.is_empty());
        let data_relocations = data.and_then(|data| object.relocation_section(data));
        let (data_payload, relocations) = match data {
            Some(_) => self.data_section()?,
            None => Default::default(),
        };
        for (position, section) in object.sections.iter().enumerate() {
            let index = SectionIndex(position as u32);
            if self.is_removed(index) {
                continue;
            }
            if Some(index) == data {
                encode::section(section.id, &data_payload, &mut out);
            } else if section.id == DATA_COUNT && data.is_some() {
                let mut payload = Vec::new();
                self.segment_count().encode(&mut payload);
                encode::section(section.id, &payload, &mut out);
            } else if let Some(data) = data.filter(|_| Some(index) == data_relocations) {
                let mut payload = encode::custom_payload(section.name);
                encode::relocations(self.new_index(data), &relocations, &mut payload);
                encode::section(section.id, &payload, &mut out);
            } else if section.name == "name" && !self.edits.segments.is_empty() {
                encode::section(section.id, &without_segment_names(section)?, &mut out);
            } else if section.name == "linking" && self.edits.concern_linking() {
                encode::section(section.id, &self.linking(section)?, &mut out);
            } else if section.name.starts_with("reloc.") && self.edits.anew {
                encode::section(section.id, &self.relocations(section)?, &mut out);
            } else if section.name.starts_with("reloc.") && !self.removed.is_empty() {
                encode::section(section.id, &self.retargeted(section)?, &mut out);
            } else {
                out.extend_from_slice(&object.bytes[section.range.clone()]);
            }
        }
        Ok(out)
    }

    /// Where a section stands once others are gone.
    fn new_index(&self, index: SectionIndex) -> u32 {
        index.0 - self.removed.partition_point(|&removed| removed < index) as u32
    }

    /// Where a segment stands once others are gone; none for one of those.
    fn new_segment(&self, index: SegmentIndex) -> Option<SegmentIndex> {
        let before = self.edits.segments.binary_search(&index).err()?;
        Some(SegmentIndex(index.0 - before as u32))
    }

    fn segment_count(&self) -> u32 {
        self.kept_count() + u32::from(self.has_place_holders())
    }

    fn kept_count(&self) -> u32 {
        (self.object.segments.len() - self.edits.segments.len()) as u32
    }

    fn has_place_holders(&self) -> bool {
        let mut symbols = self.edits.symbols.iter();
        symbols.any(|(_, moved)| *moved == Moved::Unused)
    }

    /// The segments that stay.
    fn kept_segments(&self) -> impl Iterator<Item = (SegmentIndex, &DataSegment<'_>)> {
        let mut moved = self.edits.segments.iter().peekable();
        let segments = self.object.segments.iter().enumerate();
        segments.filter_map(move |(position, segment)| {
            let index = SegmentIndex(position as u32);
            let moves = moved.next_if_eq(&&index).is_some();
            (!moves).then_some((index, segment))
        })
    }

    fn is_removed(&self, section: SectionIndex) -> bool {
        self.removed.binary_search(&section).is_ok()
    }

    /// Nothing that stays may refer into a section that goes.
    fn check_section_offsets(&self) -> Result<()> {
        let is_removed = |symbol: &SymbolInfo<'_>| match symbol {
            SymbolInfo::Section { section, .. } => self.is_removed(SectionIndex(*section)),
            _ => false,
        };
        if !self
            .object
            .symbols
            .iter()
            .any(|symbol| is_removed(&symbol.info))
        {
            return Ok(());
        }
        for (position, section) in self.object.sections.iter().enumerate() {
            let index = SectionIndex(position as u32);
            if self.is_removed(index) {
                continue;
            }
            for relocation in self.object.relocations(index)? {
                let symbol = self.object.symbols.get(relocation.index as usize);
                let by_offset = relocation.ty == wasmparser::RelocationType::SectionOffsetI32;
                if by_offset && symbol.is_some_and(|symbol| is_removed(&symbol.info)) {
                    return Err(Error::new(format!(
                        "`{}` refers by a section offset into a section that is gathered",
                        section.name
                    ))
                    .at((section.content_start() + relocation.offset as usize) as u64)
                    .note("an offset in a custom section has no meaning once it is in memory"));
                }
            }
        }
        Ok(())
    }

    /// The payload of the data section without the moved segments, and the relocations of those that
    /// stay.
    fn data_section(&self) -> Result<(Vec<u8>, Vec<Relocation>)> {
        let object = self.object;
        let mut payload = Vec::new();
        let mut relocations = Vec::new();
        self.segment_count().encode(&mut payload);
        for (index, segment) in self.kept_segments() {
            if self.edits.anew {
                encode::data_segment(&segment_kind(object, segment)?, segment.data, &mut payload);
            } else {
                payload.extend_from_slice(&object.bytes[segment.range.clone()]);
            }
            let start = (payload.len() - segment.data.len()) as u32;
            let own = object.segment_relocations(index)?.iter();
            relocations.extend(own.map(|relocation| Relocation {
                offset: start + (relocation.offset - segment.offset),
                ..*relocation
            }));
        }
        if self.has_place_holders()
            && let Some(&first) = self.edits.segments.first()
        {
            let kind = segment_kind(object, object.segment(first))?;
            encode::data_segment(&kind, &[], &mut payload);
        }
        Ok((payload, relocations))
    }

    /// The payload of a relocation section, each relocation encoded anew.
    fn relocations(&self, section: &Section<'_>) -> Result<Vec<u8>> {
        let target = SectionIndex(section.reader().read_var_u32()?);
        let relocations = self.object.relocations(target)?;
        let mut payload = encode::custom_payload(section.name);
        encode::relocations(self.new_index(target), &relocations, &mut payload);
        Ok(payload)
    }

    /// The payload of a relocation section whose target has another index now.
    fn retargeted(&self, section: &Section<'_>) -> Result<Vec<u8>> {
        let mut reader = section.reader();
        let target = SectionIndex(reader.read_var_u32()?);
        let mut payload = encode::custom_payload(section.name);
        self.new_index(target).encode(&mut payload);
        payload.extend_from_slice(&section.content[reader.current_position()..]);
        Ok(payload)
    }

    /// The payload of the `linking` section.
    fn linking(&self, section: &Section<'_>) -> Result<Vec<u8>> {
        let mut payload = encode::custom_payload(section.name);
        LINKING_VERSION.encode(&mut payload);
        for (id, reader) in subsections(section)? {
            let content = match id {
                SEGMENT_INFO if self.edits.anew || !self.edits.segments.is_empty() => {
                    self.segment_info()
                }
                SYMBOL_TABLE => self.symbol_table(),
                COMDAT_INFO if self.edits.concern_linking() => self.comdats(reader)?,
                _ => {
                    let range = reader.range();
                    self.object.bytes[range.start as usize..range.end as usize].to_vec()
                }
            };
            encode::section(id, &content, &mut payload);
        }
        Ok(payload)
    }

    fn segment_info(&self) -> Vec<u8> {
        let mut content = Vec::new();
        self.segment_count().encode(&mut content);
        for (_, segment) in self.kept_segments() {
            let (name, alignment) = (segment.name, segment.alignment);
            encode::segment_info(name, alignment, segment.flags, &mut content);
        }
        if self.has_place_holders() {
            encode::segment_info(EMPTY_SEGMENT, 0, 0, &mut content);
        }
        content
    }

    fn symbol_table(&self) -> Vec<u8> {
        let symbols = &self.object.symbols;
        let mut content = Vec::new();
        let count = symbols.len() + self.edits.aliases.len();
        (count as u32).encode(&mut content);
        let mut moved = self.edits.symbols.iter().peekable();
        for (position, symbol) in symbols.iter().enumerate() {
            let index = SymbolIndex(position as u32);
            match moved.next_if(|(moved, _)| *moved == index) {
                Some((_, moved)) => self.moved_symbol(symbol.flags(), moved, &mut content),
                None => self.kept_symbol(symbol, &mut content),
            }
        }
        for (index, name) in &self.edits.aliases {
            self.alias(*index, name, &mut content);
        }
        content
    }

    fn moved_symbol(&self, flags: SymbolFlags, moved: &Moved, out: &mut Vec<u8>) {
        match moved {
            Moved::Elsewhere(name) => {
                let hidden = flags & SymbolFlags::VISIBILITY_HIDDEN;
                encode::data_symbol(SymbolFlags::UNDEFINED | hidden, name, None, out);
            }
            Moved::Unused => {
                let place = Definition {
                    segment: SegmentIndex(self.kept_count()),
                    offset: 0,
                    size: 0,
                };
                encode::data_symbol(SymbolFlags::BINDING_LOCAL, PLACE_HOLDER, Some(place), out);
            }
        }
    }

    fn kept_symbol(&self, symbol: &Symbol<'_>, out: &mut Vec<u8>) {
        match (&symbol.info, symbol.definition()) {
            (SymbolInfo::Section { flags, section }, _) => {
                self.section_symbol(*flags, SectionIndex(*section), out);
            }
            (_, Some((segment, range))) if !self.edits.segments.is_empty() => {
                let definition = self.new_segment(segment).map(|segment| Definition {
                    segment,
                    offset: range.start,
                    size: range.end - range.start,
                });
                encode::data_symbol(symbol.flags(), symbol.name, definition, out);
            }
            (info, _) if self.edits.anew && encode::symbol(info, out) => {}
            _ => out.extend_from_slice(&self.object.bytes[symbol.range.clone()]),
        }
    }

    fn section_symbol(&self, flags: SymbolFlags, section: SectionIndex, out: &mut Vec<u8>) {
        const KIND: u8 = 3;
        if self.is_removed(section) {
            // Nothing refers to it any more, and its index must stay taken.
            let name = self.object.sections[section.position()].name;
            let flags = SymbolFlags::BINDING_LOCAL | SymbolFlags::UNDEFINED;
            encode::data_symbol(flags, name, None, out);
        } else {
            out.push(KIND);
            flags.bits().encode(out);
            self.new_index(section).encode(out);
        }
    }

    fn alias(&self, index: SymbolIndex, name: &str, out: &mut Vec<u8>) {
        let symbol = self.object.symbol(index);
        let own = SymbolFlags::BINDING_LOCAL | SymbolFlags::NO_STRIP | SymbolFlags::EXPORTED;
        let flags = (symbol.flags() - own) | SymbolFlags::VISIBILITY_HIDDEN;
        match symbol.info {
            SymbolInfo::Data {
                symbol: Some(place),
                ..
            } => {
                let definition = self.new_segment(SegmentIndex(place.index));
                let definition = definition.map(|segment| Definition {
                    segment,
                    offset: place.offset,
                    size: place.size,
                });
                encode::data_symbol(flags, name, definition, out);
            }
            SymbolInfo::Func { index, .. } => {
                encode::function_symbol(flags, index, Some(name), out);
            }
            // Entries point to data and functions only.
            _ => encode::data_symbol(SymbolFlags::UNDEFINED, name, None, out),
        }
    }

    /// COMDAT groups without what goes.
    fn comdats(&self, reader: BinaryReader<'_>) -> Result<Vec<u8>> {
        let comdats = wasmparser::ComdatMap::new(reader)?;
        let mut content = Vec::new();
        comdats.count().encode(&mut content);
        for comdat in comdats {
            let comdat = comdat?;
            comdat.name.encode(&mut content);
            comdat.flags.encode(&mut content);
            let mut members = Vec::new();
            for member in comdat.symbols {
                let member = member?;
                let index = match member.kind {
                    ComdatSymbolKind::Section => {
                        let section = SectionIndex(member.index);
                        (!self.is_removed(section)).then(|| self.new_index(section))
                    }
                    ComdatSymbolKind::Data => {
                        let segment = self.new_segment(SegmentIndex(member.index));
                        segment.map(|segment| segment.0)
                    }
                    _ => Some(member.index),
                };
                let kind = comdat_kind(member.kind);
                members.extend(index.map(|index| (kind, index)));
            }
            (members.len() as u32).encode(&mut content);
            for (kind, index) in members {
                content.push(kind);
                index.encode(&mut content);
            }
        }
        Ok(content)
    }
}

/// The payload of a `name` section, which objects have that were linked before (`-r`), without the
/// names of data segments: they go by index, and those of an object are in the `linking` section.
fn without_segment_names(section: &Section<'_>) -> Result<Vec<u8>> {
    /// "Data Segment Name Section" of the extended name section.
    const DATA_SEGMENTS: u8 = 9;
    let mut payload = encode::custom_payload(section.name);
    let mut reader = section.reader();
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        reader.read_reader()?;
        if id != DATA_SEGMENTS {
            payload.extend_from_slice(&section.content[start..reader.current_position()]);
        }
    }
    Ok(payload)
}

/// `WASM_COMDAT_…` of Linking.md.
fn comdat_kind(kind: ComdatSymbolKind) -> u8 {
    match kind {
        ComdatSymbolKind::Data => 0,
        ComdatSymbolKind::Func => 1,
        ComdatSymbolKind::Global => 2,
        ComdatSymbolKind::Event => 3,
        ComdatSymbolKind::Table => 4,
        ComdatSymbolKind::Section => 5,
    }
}
