//! Edits an object: removes segments and custom sections, and changes symbols.
//!
//! Symbols keep their indices, so code, debug information and the remaining relocations need no change. A
//! global symbol of a removed segment becomes a weak definition: archive members that define it stay lazy,
//! and the definition in the synthesized object overrides it. A local symbol becomes undefined or, if no
//! remaining relocation refers to it, a tombstone. A local symbol that entries point to gets a hidden global
//! alias.
//!
//! The weak definitions and the tombstones are in one empty segment.

use super::encode;
use super::index::{SectionIndex, SegmentIndex, SymbolIndex};
use super::linking::{
    COMDAT_INFO, LINKING_VERSION, RawComdats, SEGMENT_INFO, SYMBOL_TABLE, subsections,
};
use super::object::{Object, segment_kind};
use super::outline::{DATA_COUNT, Section};
use super::relocation::Relocation;
use super::segment::DataSegment;
use super::symbol::{Definition, Symbol, SymbolKind};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ComdatSymbolKind, SymbolFlags};

/// The name of tombstones: unused symbols that only occupy their index. The name of the empty segment ends
/// with it too.
pub const TOMBSTONE: &str = "..gathered";
/// The name of the empty segment. wasm-ld merges it into `.rodata`.
const EMPTY_SEGMENT: &str = ".rodata..gathered";

/// The edit of a symbol of a removed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolEdit {
    /// It becomes undefined, with this name.
    Undefined(String),
    /// It keeps its name and becomes a definition in the empty segment, with these flags.
    Defined(SymbolFlags),
}

/// The edits of an object.
#[derive(Debug, Default)]
pub struct Edits {
    /// The edits of symbols of removed segments, sorted by index. The other symbols of removed segments
    /// become tombstones.
    pub symbols: Vec<(SymbolIndex, SymbolEdit)>,
    /// The name of a no-strip symbol to add, which makes the object live if it is linked.
    pub keeps_alive: Option<String>,
    /// Hidden global aliases to add for remaining symbols.
    pub aliases: Vec<(SymbolIndex, String)>,
    /// Hidden global aliases to add that keep what they name alive.
    pub roots: Vec<(SymbolIndex, String)>,
    /// The segments to remove, sorted by index.
    pub segments: Vec<SegmentIndex>,
    /// The custom sections to remove.
    pub sections: BTreeSet<SectionIndex>,
    /// For tests: re-encode the whole object, not only what the edits change.
    pub reencode: bool,
}

impl Edits {
    /// The bytes of the edited object. Without edits, they are the bytes of `object`.
    ///
    /// # Errors
    /// A remaining relocation that refers to a removed section by section offset.
    pub fn apply(&self, object: &Object<'_>) -> Result<Vec<u8>> {
        let new_segments = self.new_segments(object);
        let is_removed = |symbol: &&Symbol<'_>| {
            let definition = symbol.definition();
            definition.is_some_and(|(segment, _)| new_segments[segment.position()].is_none())
        };
        let undefined =
            |(_, edit): &&(SymbolIndex, SymbolEdit)| matches!(edit, SymbolEdit::Undefined(_));
        let undefined = self.symbols.iter().filter(undefined).count();
        let removed = object.symbols.iter().filter(is_removed).count();
        let has_empty_segment = self.keeps_alive.is_some() || removed > undefined;
        Editor {
            edits: self,
            object,
            removed: self.removed_sections(object),
            has_empty_segment,
            new_segments,
        }
        .run()
    }

    /// Whether the `linking` section changes.
    fn change_linking(&self) -> bool {
        let aliases = !self.aliases.is_empty() || !self.roots.is_empty();
        let symbols = !self.symbols.is_empty() || aliases;
        self.reencode || symbols || !self.segments.is_empty() || !self.sections.is_empty()
    }

    /// The new index of each segment; `None` for one that is removed.
    fn new_segments(&self, object: &Object<'_>) -> Vec<Option<SegmentIndex>> {
        let mut removed = self.segments.iter().peekable();
        let mut next = 0;
        let segments = (0..object.segments.len()).map(|position| {
            let index = SegmentIndex(position as u32);
            if removed.next_if_eq(&&index).is_some() {
                return None;
            }
            next += 1;
            Some(SegmentIndex(next - 1))
        });
        segments.collect()
    }

    /// The sections to remove and their relocation sections, in file order.
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
    /// The new index of each segment; `None` for one that is removed.
    new_segments: Vec<Option<SegmentIndex>>,
    /// Whether any symbol is defined in the empty segment.
    has_empty_segment: bool,
}

impl Editor<'_> {
    fn run(&self) -> Result<Vec<u8>> {
        self.check_section_offsets()?;
        let object = self.object;
        let mut out = Vec::with_capacity(object.bytes.len());
        out.extend_from_slice(&object.bytes[..8]);
        let data = object
            .data_section()
            .filter(|_| self.edits.reencode || !self.edits.segments.is_empty());
        let data_relocations = data.and_then(|data| object.relocation_section(data));
        // A relocation section follows the section that it relocates.
        let mut relocations = Vec::new();
        for (position, section) in object.sections.iter().enumerate() {
            let index = SectionIndex(position as u32);
            if self.is_removed(index) {
                continue;
            }
            let (id, name) = (section.id, &*section.name);
            let out = &mut out;
            if Some(index) == data {
                relocations = encode::section(id, out, |out| self.data_section(out))?;
            } else if id == DATA_COUNT && data.is_some() {
                encode::section(id, out, |out| self.segment_count().encode(out));
            } else if let Some(data) = data.filter(|_| Some(index) == data_relocations) {
                let target = self.new_index(data);
                let own = std::mem::take(&mut relocations);
                encode::custom_section(name, out, |out| {
                    encode::relocations(target, own.len(), own, out)
                });
            } else if name == "name" && !self.edits.segments.is_empty() {
                encode::custom_section(name, out, |out| without_segment_names(section, out))?;
            } else if name == "linking" && self.edits.change_linking() {
                encode::custom_section(name, out, |out| self.linking(section, out))?;
            } else if name.starts_with("reloc.") && self.edits.reencode {
                encode::custom_section(name, out, |out| self.relocations(section, out))?;
            } else if name.starts_with("reloc.") && !self.removed.is_empty() {
                encode::custom_section(name, out, |out| self.retargeted(section, out))?;
            } else {
                out.extend_from_slice(&object.bytes[section.range.clone()]);
            }
        }
        Ok(out)
    }

    /// The new index of a section.
    fn new_index(&self, index: SectionIndex) -> u32 {
        index.0 - self.removed.partition_point(|&removed| removed < index) as u32
    }

    fn new_segment(&self, index: SegmentIndex) -> Option<SegmentIndex> {
        self.new_segments.get(index.position()).copied().flatten()
    }

    /// A definition in the edited object; `None` if its segment is removed.
    fn new_definition(&self, definition: Definition) -> Option<Definition> {
        let segment = self.new_segment(definition.segment)?;
        Some(Definition {
            segment,
            ..definition
        })
    }

    fn segment_count(&self) -> u32 {
        self.kept_count() + u32::from(self.has_empty_segment)
    }

    fn kept_count(&self) -> u32 {
        (self.object.segments.len() - self.edits.segments.len()) as u32
    }

    /// The remaining segments.
    fn kept_segments(&self) -> impl Iterator<Item = (SegmentIndex, &DataSegment<'_>)> {
        let segments = self.object.segments.iter().enumerate();
        segments.filter_map(|(position, segment)| {
            let index = SegmentIndex(position as u32);
            self.new_segment(index).map(|_| (index, segment))
        })
    }

    fn is_removed(&self, section: SectionIndex) -> bool {
        self.removed.binary_search(&section).is_ok()
    }

    /// Rejects section-offset relocations that refer to a removed section.
    fn check_section_offsets(&self) -> Result<()> {
        let is_removed = |symbol: &Symbol<'_>| match symbol.kind {
            SymbolKind::Section(section) => self.is_removed(section),
            _ => false,
        };
        if !self.object.symbols.iter().any(is_removed) {
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
                if by_offset && symbol.is_some_and(is_removed) {
                    return Err(Error::new(format!(
                        "`{}` refers to a gathered section by section offset",
                        section.name
                    ))
                    .at((section.content_start() + relocation.offset as usize) as u64)
                    .note("a section offset has no meaning once the section is in linear memory"));
                }
            }
        }
        Ok(())
    }

    /// The data section without the removed segments. Returns the relocations of the remaining ones.
    fn data_section(&self, out: &mut Vec<u8>) -> Result<Vec<Relocation>> {
        let object = self.object;
        // Checks the relocations even if the object has no segments.
        object.data_relocations()?;
        let mut relocations = Vec::new();
        let section = out.len();
        self.segment_count().encode(out);
        for (index, segment) in self.kept_segments() {
            if self.edits.reencode {
                encode::data_segment(&segment_kind(object, segment)?, segment.data, out);
            } else {
                out.extend_from_slice(object.slice(&segment.range));
            }
            let start = (out.len() - section - segment.data.len()) as u32;
            let own = object.segment_relocations(index)?.iter();
            relocations.extend(own.map(|relocation| Relocation {
                offset: start + (relocation.offset - segment.offset),
                ..*relocation
            }));
        }
        if self.has_empty_segment
            && let Some(&first) = self.edits.segments.first()
        {
            let kind = segment_kind(object, object.segment(first))?;
            encode::data_segment(&kind, &[], out);
        }
        Ok(relocations)
    }

    /// A re-encoded relocation section.
    fn relocations(&self, section: &Section<'_>, out: &mut Vec<u8>) -> Result<()> {
        let target = SectionIndex(section.reader().read_var_u32()?);
        let relocations = self.object.relocations(target)?;
        encode::relocations(self.new_index(target), relocations.len(), relocations, out);
        Ok(())
    }

    /// A relocation section with the new index of its target.
    fn retargeted(&self, section: &Section<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut reader = section.reader();
        let target = SectionIndex(reader.read_var_u32()?);
        self.new_index(target).encode(out);
        out.extend_from_slice(&section.content[reader.current_position()..]);
        Ok(())
    }

    fn linking(&self, section: &Section<'_>, out: &mut Vec<u8>) -> Result<()> {
        LINKING_VERSION.encode(out);
        for (id, reader) in subsections(section)? {
            encode::section(id, out, |out| self.subsection(id, reader, out))?;
        }
        Ok(())
    }

    /// A subsection of the `linking` section.
    fn subsection(&self, id: u8, mut reader: BinaryReader<'_>, out: &mut Vec<u8>) -> Result<()> {
        match id {
            SEGMENT_INFO if self.edits.reencode || !self.edits.segments.is_empty() => {
                self.segment_info(out);
            }
            SYMBOL_TABLE => self.symbol_table(out),
            COMDAT_INFO => self.comdats(reader, out)?,
            _ => {
                let length = reader.bytes_remaining();
                out.extend_from_slice(reader.read_bytes(length)?);
            }
        }
        Ok(())
    }

    fn segment_info(&self, out: &mut Vec<u8>) {
        self.segment_count().encode(out);
        for (_, segment) in self.kept_segments() {
            encode::segment_info(segment.name, segment.alignment, segment.flags, out);
        }
        if self.has_empty_segment {
            encode::segment_info(EMPTY_SEGMENT, 0, 0, out);
        }
    }

    fn symbol_table(&self, out: &mut Vec<u8>) {
        let symbols = &self.object.symbols;
        let keeps_alive = self.edits.keeps_alive.as_deref();
        let aliases = self.edits.aliases.len() + self.edits.roots.len();
        let count = symbols.len() + aliases + keeps_alive.iter().count();
        (count as u32).encode(out);
        let mut edits = self.edits.symbols.iter().peekable();
        for (position, symbol) in symbols.iter().enumerate() {
            let index = SymbolIndex(position as u32);
            match edits.next_if(|(edited, _)| *edited == index) {
                Some((_, SymbolEdit::Undefined(name))) => undefined(symbol.flags, name, out),
                Some((_, SymbolEdit::Defined(flags))) => {
                    self.in_empty_segment(*flags, symbol.name, out)
                }
                None => self.kept_symbol(symbol, out),
            }
        }
        for (index, name) in &self.edits.aliases {
            self.alias(*index, name, SymbolFlags::empty(), out);
        }
        for (index, name) in &self.edits.roots {
            self.alias(*index, name, SymbolFlags::NO_STRIP, out);
        }
        if let Some(name) = keeps_alive {
            let flags = SymbolFlags::NO_STRIP | SymbolFlags::VISIBILITY_HIDDEN;
            self.in_empty_segment(flags, name, out);
        }
    }

    /// A tombstone for a symbol of a removed segment.
    fn tombstone(&self, out: &mut Vec<u8>) {
        self.in_empty_segment(SymbolFlags::BINDING_LOCAL, TOMBSTONE, out);
    }

    /// A symbol in the empty segment.
    fn in_empty_segment(&self, flags: SymbolFlags, name: &str, out: &mut Vec<u8>) {
        let definition = Definition {
            segment: SegmentIndex(self.kept_count()),
            offset: 0,
            size: 0,
        };
        encode::data_symbol(flags, name, Some(definition), out);
    }

    fn kept_symbol(&self, symbol: &Symbol<'_>, out: &mut Vec<u8>) {
        match symbol.kind {
            SymbolKind::Section(section) => self.section_symbol(symbol.flags, section, out),
            SymbolKind::Data(Some(definition)) if !self.edits.segments.is_empty() => {
                match self.new_definition(definition) {
                    None => self.tombstone(out),
                    new => encode::data_symbol(symbol.flags, symbol.name, new, out),
                }
            }
            _ if self.edits.reencode && encode::symbol(symbol, out) => {}
            _ => out.extend_from_slice(self.object.slice(&symbol.range)),
        }
    }

    fn section_symbol(&self, flags: SymbolFlags, section: SectionIndex, out: &mut Vec<u8>) {
        const KIND: u8 = 3;
        if self.is_removed(section) {
            // A tombstone: no remaining relocation refers to it.
            let name = &self.object.sections[section.position()].name;
            let flags = SymbolFlags::BINDING_LOCAL | SymbolFlags::UNDEFINED;
            encode::data_symbol(flags, name, None, out);
        } else {
            out.push(KIND);
            flags.bits().encode(out);
            self.new_index(section).encode(out);
        }
    }

    fn alias(&self, index: SymbolIndex, name: &str, more: SymbolFlags, out: &mut Vec<u8>) {
        let symbol = self.object.symbol(index);
        let own = SymbolFlags::BINDING_LOCAL | SymbolFlags::NO_STRIP | SymbolFlags::EXPORTED;
        let flags = (symbol.flags - own) | SymbolFlags::VISIBILITY_HIDDEN | more;
        match symbol.kind {
            SymbolKind::Data(Some(definition)) => {
                encode::data_symbol(flags, name, self.new_definition(definition), out);
            }
            SymbolKind::Function(function) => {
                encode::function_symbol(flags, function.0, Some(name), out);
            }
            // Entries point to data and functions only.
            _ => encode::data_symbol(SymbolFlags::UNDEFINED, name, None, out),
        }
    }

    /// COMDAT groups without the removed segments and sections.
    fn comdats(&self, reader: BinaryReader<'_>, out: &mut Vec<u8>) -> Result<()> {
        let comdats = RawComdats::new(reader)?;
        comdats.count().encode(out);
        for comdat in comdats {
            let comdat = comdat?;
            comdat.name.encode(out);
            comdat.flags.encode(out);
            let mut members = Vec::new();
            for (_, member) in comdat.members {
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
            (members.len() as u32).encode(out);
            for (kind, index) in members {
                out.push(kind);
                index.encode(out);
            }
        }
        Ok(())
    }
}

/// An undefined data symbol in place of one of a removed segment.
fn undefined(flags: SymbolFlags, name: &str, out: &mut Vec<u8>) {
    let hidden = flags & SymbolFlags::VISIBILITY_HIDDEN;
    encode::data_symbol(SymbolFlags::UNDEFINED | hidden, name, None, out);
}

/// The `name` section of an object from a partial link (`-r`), without the names of data segments: their
/// indices change, and linkers take the names from the `linking` section.
fn without_segment_names(section: &Section<'_>, out: &mut Vec<u8>) -> Result<()> {
    /// "Data Segment Name Section" of the extended name section.
    const DATA_SEGMENTS: u8 = 9;
    let mut reader = section.reader();
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        reader.read_reader()?;
        if id != DATA_SEGMENTS {
            out.extend_from_slice(&section.content[start..reader.current_position()]);
        }
    }
    Ok(())
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
