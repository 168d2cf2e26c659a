//! Parses an object file (Linking.md). The parser checks every index and range; the rest of the program
//! relies on that.

use super::bytes::{Names, ObjectBytes};
use super::index::{FunctionIndex, SectionIndex, SegmentIndex};
use super::linking::{
    COMDAT_INFO, INIT_FUNCS, RawComdats, RawImports, RawKind, RawSegments, RawSymbol, RawSymbols,
    SEGMENT_INFO, SYMBOL_TABLE, subsections,
};
use super::outline::{CUSTOM, DATA, Section, Sections, at_most};
use super::segment::{DataSegment, Merged};
use super::symbol::{Definition, Symbol, SymbolKind};
use crate::error::{Error, Result};
use wasmparser::{
    BinaryReader, ComdatSymbolKind, DataSectionReader, FuncType, FunctionSectionReader,
    RelocSectionReader, SymbolFlags, TypeRef,
};

/// The tables of an object.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// Its sections, in file order.
    pub sections: Vec<Section<'a>>,
    /// Its data segments.
    pub segments: Vec<DataSegment<'a>>,
    /// Its symbol table.
    pub symbols: Vec<Symbol<'a>>,
    /// The names of its COMDAT groups.
    pub comdats: Vec<&'a str>,
    /// The function signatures of its type section.
    pub types: Vec<FuncType>,
    /// The functions: the imported ones, then the defined ones.
    pub functions: Vec<Function<'a>>,
    /// For each section, the section that holds its relocations.
    pub relocations: Vec<Option<SectionIndex>>,
    /// For each section, its COMDAT group; only custom sections have one.
    pub section_comdats: Vec<Option<u32>>,
    /// Whether it has constructors (`WASM_INIT_FUNCS`).
    pub has_constructors: bool,
    /// Whether its memory has 64-bit addresses.
    pub memory64: bool,
    /// Whether its table has 64-bit indices, as in objects of newer wasm64 compilers.
    pub table64: bool,
    names: &'a Names,
}

/// A function of an object.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    pub type_index: u32,
    /// The module and field of an imported function.
    pub import: Option<(&'a str, &'a str)>,
}

impl<'a> Parsed<'a> {
    /// Parses an object.
    ///
    /// # Errors
    /// The first violation of Linking.md, with its offset.
    pub fn of(bytes: &'a ObjectBytes<'_>) -> Result<Self> {
        let sections = Sections::of(bytes)?.collect::<Result<Vec<_>>>()?;
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::new("the object is 4 GiB or larger")
                .note("relocation offsets have 32 bits: split it into smaller objects"));
        }
        let relocations = vec![None; sections.len()];
        let section_comdats = vec![None; sections.len()];
        let mut object = Self {
            sections,
            segments: Vec::new(),
            symbols: Vec::new(),
            comdats: Vec::new(),
            types: Vec::new(),
            functions: Vec::new(),
            relocations,
            section_comdats,
            has_constructors: false,
            memory64: false,
            table64: false,
            names: bytes.names(),
        };
        object.check_sections()?;
        for index in 0..object.sections.len() {
            object.read_section(SectionIndex(index as u32))?;
        }
        Ok(object)
    }

    /// Rejects duplicates of sections that must be unique (binary format, "Modules").
    fn check_sections(&self) -> Result<()> {
        let mut seen = [false; 1 + u8::MAX as usize];
        for section in &self.sections {
            let is_unique = section.id != CUSTOM || section.name == "linking";
            if is_unique && std::mem::replace(&mut seen[usize::from(section.id)], true) {
                let what = match section.id {
                    CUSTOM => "duplicate `linking` section".to_owned(),
                    id => format!("duplicate section with id {id}"),
                };
                return Err(Error::damaged(what).at(section.content_start() as u64));
            }
        }
        Ok(())
    }

    fn read_section(&mut self, index: SectionIndex) -> Result<()> {
        let section = self.sections[index.position()].clone();
        let reader = section.reader();
        match section.id {
            1 => self.read_types(reader)?,
            2 => self.read_imports(reader)?,
            3 => {
                for type_index in FunctionSectionReader::new(reader)? {
                    self.add_function(type_index?, None, section.content_start())?;
                }
            }
            DATA => self.read_data(&section)?,
            CUSTOM if section.name == "linking" => self.read_linking(&section)?,
            CUSTOM if section.name.starts_with("reloc.") => self.read_relocated(index, &section)?,
            _ => {}
        }
        Ok(())
    }

    /// Records which section `section` relocates.
    fn read_relocated(&mut self, index: SectionIndex, section: &Section<'a>) -> Result<()> {
        let target = RelocSectionReader::new(section.reader())?.section_index();
        let name = &section.name;
        let damaged = |what: String| Err(Error::damaged(what).at(section.content_start() as u64));
        let (Some(of), Some(slot)) = (
            self.sections.get(target as usize),
            self.relocations.get_mut(target as usize),
        ) else {
            return damaged(format!(
                "section index {target} of `{name}` is out of range"
            ));
        };
        // LLVM rejects forward references.
        if target >= index.0 {
            return damaged(format!("`{name}` precedes the section that it relocates"));
        }
        if of.name == "linking" || of.name.starts_with("reloc.") {
            return damaged(format!(
                "`{name}` relocates a section without contents of its own"
            ));
        }
        if slot.replace(index).is_some() {
            return damaged(format!(
                "duplicate relocations for section {target} in `{name}`"
            ));
        }
        Ok(())
    }

    /// Reads function signatures; LLVM rejects other types. Does not use the reader of `wasmparser`, which
    /// allocates for the claimed number of types in a recursion group.
    fn read_types(&mut self, mut reader: BinaryReader<'a>) -> Result<()> {
        const FUNCTION: u8 = 0x60;
        for _ in 0..reader.read_var_u32()? {
            let at = reader.original_position();
            if reader.read_u8()? != FUNCTION {
                return Err(Error::damaged("type is not a function signature").at(at));
            }
            self.types.push(reader.read()?);
        }
        match reader.eof() {
            true => Ok(()),
            false => Err(
                Error::damaged("unexpected data at the end of the type section")
                    .at(reader.original_position()),
            ),
        }
    }

    fn read_imports(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        let start = reader.original_position() as usize;
        for import in RawImports::new(reader)? {
            let import = import?;
            match import.ty {
                TypeRef::Func(type_index) | TypeRef::FuncExact(type_index) => {
                    let import = [import.module, import.field].map(|name| self.names.text(name));
                    self.add_function(type_index, Some(import.into()), start)?;
                }
                TypeRef::Memory(memory) => self.memory64 |= memory.memory64,
                TypeRef::Table(table) => self.table64 |= table.table64,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_function(
        &mut self,
        type_index: u32,
        import: Option<(&'a str, &'a str)>,
        section: usize,
    ) -> Result<()> {
        if type_index as usize >= self.types.len() {
            return Err(Error::damaged(format!(
                "type index {type_index} of a function is out of range"
            ))
            .at(section as u64));
        }
        self.functions.push(Function { type_index, import });
        Ok(())
    }

    fn read_data(&mut self, section: &Section<'a>) -> Result<()> {
        let reader = section.reader();
        let segments = DataSectionReader::new(reader.clone())?;
        self.segments
            .reserve_exact(at_most(segments.count(), &reader, SMALLEST_SEGMENT));
        for data in segments {
            let data = data?;
            self.segments.push(DataSegment {
                name: "",
                alignment: 0,
                flags: 0,
                data: data.data,
                offset: (data.range.end as usize - data.data.len() - section.content_start())
                    as u32,
                range: data.range.start as u32..data.range.end as u32,
                comdat: None,
                merged: None,
            });
        }
        Ok(())
    }

    fn read_linking(&mut self, section: &Section<'a>) -> Result<()> {
        let mut seen = [false; 1 + u8::MAX as usize];
        for (id, reader) in subsections(section)? {
            let is_unique = matches!(id, SEGMENT_INFO | INIT_FUNCS | COMDAT_INFO | SYMBOL_TABLE);
            if is_unique && std::mem::replace(&mut seen[usize::from(id)], true) {
                let message = format!("duplicate subsection {id} of `linking`");
                return Err(Error::damaged(message).at(reader.original_position()));
            }
            match id {
                SEGMENT_INFO => self.read_segment_info(reader)?,
                COMDAT_INFO => self.read_comdats(reader)?,
                SYMBOL_TABLE => self.read_symbols(reader)?,
                INIT_FUNCS => self.has_constructors = reader.clone().read_var_u32()? > 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_segment_info(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        let infos = RawSegments::new(reader)?;
        for (position, item) in infos.into_iter_with_offsets().enumerate() {
            let (at, info) = item?;
            let name = self.names.text(info.name);
            let Some(segment) = self.segments.get_mut(position) else {
                return Err(
                    Error::damaged("segment index out of range in the segment info").at(at),
                );
            };
            // LLVM has the same limit: 2^32 does not fit a wasm32 address.
            if info.alignment > 31 {
                return Err(Error::damaged(format!(
                    "alignment 2^{} of segment `{name}` is out of range",
                    info.alignment
                ))
                .at(at));
            }
            segment.name = name;
            segment.merged = Merged::of(name);
            segment.alignment = info.alignment;
            segment.flags = info.flags;
        }
        Ok(())
    }

    fn read_comdats(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        for comdat in RawComdats::new(reader)? {
            let comdat = comdat?;
            let group = self.comdats.len() as u32;
            let name = self.names.text(comdat.name);
            self.comdats.push(name);
            for (at, symbol) in comdat.members {
                let index = symbol.index as usize;
                let (kind, member) = match symbol.kind {
                    ComdatSymbolKind::Data => {
                        let segment = self.segments.get_mut(index);
                        ("segment", segment.map(|segment| &mut segment.comdat))
                    }
                    ComdatSymbolKind::Section => ("section", self.section_comdats.get_mut(index)),
                    _ => continue,
                };
                let Some(member) = member else {
                    return Err(Error::damaged(format!(
                        "{kind} index {index} of COMDAT `{name}` is out of range"
                    ))
                    .at(at));
                };
                *member = Some(group);
            }
        }
        Ok(())
    }

    fn read_symbols(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        let end = reader.range().end as u32;
        // For each function, whether a symbol without an explicit name refers to it.
        let mut unnamed = vec![false; self.functions.len()];
        let infos = RawSymbols::new(reader.clone())?;
        self.symbols
            .reserve_exact(at_most(infos.count(), &reader, SMALLEST_SYMBOL));
        for item in infos.into_iter_with_offsets() {
            let (at, info) = item?;
            if let Some(previous) = self.symbols.last_mut() {
                previous.range.end = at as u32;
            }
            let symbol = self.checked(info).map_err(|error| error.at(at))?;
            // Both symbols would have the name of the import.
            if let RawKind::Function(index) = info.kind
                && info.name.is_none()
                && std::mem::replace(&mut unnamed[index as usize], true)
            {
                let message = format!("duplicate symbol for the import `{}`", symbol.name);
                return Err(Error::damaged(message).at(at));
            }
            self.symbols.push(Symbol {
                range: at as u32..end,
                ..symbol
            });
        }
        Ok(())
    }

    /// The symbol of an entry of the symbol table, with checked indices.
    fn checked(&self, raw: RawSymbol<'a>) -> Result<Symbol<'a>> {
        let RawSymbol { name, flags, kind } = raw;
        let name = name.map(|name| self.names.text(name));
        let out_of_range = |kind: &str, index: u32| {
            let name = name.unwrap_or_default();
            let what = format!("{kind} index {index} of symbol `{name}` is out of range");
            Error::damaged(what)
        };
        let mut field = None;
        let kind = match kind {
            RawKind::Function(index) => {
                let Some(function) = self.functions.get(index as usize) else {
                    return Err(out_of_range("function", index));
                };
                field = function.import.map(|(_, field)| field);
                SymbolKind::Function(FunctionIndex(index))
            }
            RawKind::Data(Some(place)) if !flags.contains(SymbolFlags::ABSOLUTE) => {
                let Some(segment) = self.segments.get(place.index as usize) else {
                    return Err(out_of_range("segment", place.index));
                };
                // As in LLVM: the symbol must begin inside its segment, but its size may exceed it,
                // because assembly code can set any size.
                if place.offset as usize > segment.data.len() {
                    return Err(Error::damaged(format!(
                        "symbol `{}` extends past the end of its segment `{}`",
                        name.unwrap_or_default(),
                        segment.name
                    )));
                }
                SymbolKind::Data(Some(Definition {
                    segment: SegmentIndex(place.index),
                    offset: place.offset,
                    size: place.size,
                }))
            }
            RawKind::Data(_) => SymbolKind::Data(None),
            RawKind::Section(section) => match self.sections.get(section as usize) {
                Some(_) => SymbolKind::Section(SectionIndex(section)),
                None => return Err(out_of_range("section", section)),
            },
            RawKind::Global => SymbolKind::Global,
            RawKind::Tag => SymbolKind::Tag,
            RawKind::Table => SymbolKind::Table,
            RawKind::Unknown(kind) => {
                return Err(Error::new(format!("symbol kind {kind} is unknown")).note(
                    "the object is from a compiler that is newer than this linker supports",
                ));
            }
        };
        let name = name.or(field).unwrap_or_default();
        Ok(Symbol {
            name,
            flags,
            kind,
            range: 0..0,
        })
    }
}

/// The minimum size of an entry of the symbol table, in bytes.
const SMALLEST_SYMBOL: usize = 3;
/// The minimum size of a data segment, in bytes.
const SMALLEST_SEGMENT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_symbol_table_is_an_error() {
        let object = b"\0asm\x01\0\0\0\0\x0f\x07linking\x02\x08\x01\0\x08\x01\0";
        let error = Parsed::of(&object[..].into())
            .expect_err("twice")
            .to_string();
        assert!(
            error.contains("duplicate subsection 8 of `linking`"),
            "{error}"
        );
        let once = b"\0asm\x01\0\0\0\0\x0c\x07linking\x02\x08\x01\0";
        assert!(Parsed::of(&once[..].into()).is_ok());
    }
}
