//! An object without the entries that left it.
//!
//! Symbols keep their indices, so code, debug information and every relocation that stays need no
//! change. A moved symbol becomes an undefined reference, a segment that was moved is left empty, a
//! custom section that was moved goes, and a local symbol that entries point to gets a second,
//! hidden name.

use super::encode::{self, Definition};
use super::index::{SectionIndex, SegmentIndex, SymbolIndex};
use super::object::{
    COMDAT_INFO, LINKING_VERSION, Object, Relocation, SEGMENT_INFO, SYMBOL_TABLE, segment_kind,
    subsections,
};
use super::outline::Section;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ComdatSymbolKind, SymbolFlags, SymbolInfo};

/// The name of a segment whose entry was moved. `.rodata` merges it with others of the output.
pub const EMPTIED_SEGMENT: &str = ".rodata..gathered";

/// What changes in an object.
#[derive(Debug, Default)]
pub struct Edits {
    /// Symbols that are defined elsewhere from now on, under that name.
    pub undefine: BTreeMap<SymbolIndex, String>,
    /// Further names, hidden and global, for symbols that stay.
    pub aliases: Vec<(SymbolIndex, String)>,
    /// Segments whose bytes were moved.
    pub empty: BTreeSet<SegmentIndex>,
    /// Custom sections that were moved.
    pub remove: BTreeSet<SectionIndex>,
    /// Whether what no edit concerns is encoded anew too and not copied.
    pub anew: bool,
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

    /// Whether the `linking` section has anything else to say.
    fn concern_linking(&self) -> bool {
        let edited = !self.undefine.is_empty() || !self.aliases.is_empty();
        self.anew || edited || !self.empty.is_empty() || !self.remove.is_empty()
    }

    /// The sections that go, those with relocations of others among them, in the order of the file.
    fn removed_sections(&self, object: &Object<'_>) -> Vec<SectionIndex> {
        let relocations = |&section| object.relocation_section(section);
        let with_relocations = self.remove.iter().filter_map(relocations);
        let mut removed: Vec<_> = self
            .remove
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
            .filter(|_| self.edits.anew || !self.edits.empty.is_empty());
        let data_relocations = data.and_then(|data| object.relocation_section(data));
        let (data_payload, new_offsets) = self.data_section()?;
        for (position, section) in object.sections.iter().enumerate() {
            let index = SectionIndex(position as u32);
            if self.is_removed(index) {
                continue;
            }
            if Some(index) == data {
                encode::section(section.id, &data_payload, &mut out);
            } else if let Some(data) = data.filter(|_| Some(index) == data_relocations) {
                let kept = self.data_relocations(&new_offsets)?;
                let mut payload = encode::custom_payload(section.name);
                encode::relocations(self.new_index(data), &kept, &mut payload);
                encode::section(section.id, &payload, &mut out);
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

    /// The payload of the data section with the moved segments empty, and where the bytes of each
    /// segment begin in it.
    fn data_section(&self) -> Result<(Vec<u8>, Vec<u32>)> {
        let object = self.object;
        let mut payload = Vec::new();
        (object.segments.len() as u32).encode(&mut payload);
        let mut offsets = Vec::with_capacity(object.segments.len());
        for (position, segment) in object.segments.iter().enumerate() {
            if self.edits.empty.contains(&SegmentIndex(position as u32)) {
                encode::data_segment(&segment_kind(object, segment)?, &[], &mut payload);
                offsets.push(payload.len() as u32);
            } else if self.edits.anew {
                encode::data_segment(&segment_kind(object, segment)?, segment.data, &mut payload);
                offsets.push((payload.len() - segment.data.len()) as u32);
            } else {
                payload.extend_from_slice(&object.bytes[segment.range.clone()]);
                offsets.push((payload.len() - segment.data.len()) as u32);
            }
        }
        Ok((payload, offsets))
    }

    /// The relocations of the segments that stay, at their new offsets.
    fn data_relocations(&self, offsets: &[u32]) -> Result<Vec<Relocation>> {
        let segments = &self.object.segments;
        let mut kept = Vec::new();
        for relocation in self.object.data_relocations()? {
            let after = segments.partition_point(|segment| segment.offset <= relocation.offset);
            // A relocation before the first segment would be in no segment's bytes.
            let Some(position) = after.checked_sub(1) else {
                continue;
            };
            if !self.edits.empty.contains(&SegmentIndex(position as u32)) {
                let within = relocation.offset - segments[position].offset;
                kept.push(Relocation {
                    offset: offsets[position] + within,
                    ..*relocation
                });
            }
        }
        Ok(kept)
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
                SEGMENT_INFO if self.edits.anew || !self.edits.empty.is_empty() => {
                    self.segment_info()
                }
                SYMBOL_TABLE => self.symbol_table(),
                COMDAT_INFO if self.edits.anew || !self.removed.is_empty() => {
                    self.comdats(reader)?
                }
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
        (self.object.segments.len() as u32).encode(&mut content);
        for (position, segment) in self.object.segments.iter().enumerate() {
            if self.edits.empty.contains(&SegmentIndex(position as u32)) {
                encode::segment_info(EMPTIED_SEGMENT, 0, 0, &mut content);
            } else {
                let (name, alignment) = (segment.name, segment.alignment);
                encode::segment_info(name, alignment, segment.flags, &mut content);
            }
        }
        content
    }

    fn symbol_table(&self) -> Vec<u8> {
        let symbols = &self.object.symbols;
        let mut content = Vec::new();
        let count = symbols.len() + self.edits.aliases.len();
        (count as u32).encode(&mut content);
        for (position, symbol) in symbols.iter().enumerate() {
            let moved = self.edits.undefine.get(&SymbolIndex(position as u32));
            match (&symbol.info, moved) {
                (_, Some(name)) => {
                    let hidden = symbol.flags() & SymbolFlags::VISIBILITY_HIDDEN;
                    let flags = SymbolFlags::UNDEFINED | hidden;
                    encode::data_symbol(flags, name, None, &mut content);
                }
                (SymbolInfo::Section { flags, section }, None) => {
                    self.section_symbol(*flags, SectionIndex(*section), &mut content);
                }
                (info, None) if self.edits.anew => {
                    if !encode::symbol(info, &mut content) {
                        content.extend_from_slice(&self.object.bytes[symbol.range.clone()]);
                    }
                }
                _ => content.extend_from_slice(&self.object.bytes[symbol.range.clone()]),
            }
        }
        for (index, name) in &self.edits.aliases {
            self.alias(*index, name, &mut content);
        }
        content
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
                let definition = Definition {
                    segment: SegmentIndex(place.index),
                    offset: place.offset,
                    size: place.size,
                };
                encode::data_symbol(flags, name, Some(definition), out);
            }
            SymbolInfo::Func { index, .. } => {
                encode::function_symbol(flags, index, Some(name), out);
            }
            // Entries point to data and functions only.
            _ => encode::data_symbol(SymbolFlags::UNDEFINED, name, None, out),
        }
    }

    /// COMDAT groups without the sections that go.
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
                        if self.is_removed(section) {
                            continue;
                        }
                        self.new_index(section)
                    }
                    _ => member.index,
                };
                members.push((comdat_kind(member.kind), index));
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
