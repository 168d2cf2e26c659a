//! A relocatable object file, parsed (Linking.md). Nothing of it is trusted: every index and every
//! range is checked here, once, so that the rest of the program may use them.

use super::index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
use super::outline::{CUSTOM, DATA, Section, Sections};
use crate::error::{Error, Result};
use crate::hash::HashSet;
use std::cell::OnceCell;
use std::ops::Range;
use wasmparser::{
    BinaryReader, Comdat, ComdatSymbolKind, DataKind, DataSectionReader, FuncType,
    FunctionSectionReader, ImportSectionReader, RelocSectionReader, RelocationType, Segment,
    SymbolFlags, SymbolInfo, SymbolInfoMap, TypeRef,
};

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
    types: Vec<FuncType>,
    /// The functions: the imported ones, then the defined ones.
    functions: Vec<Function<'a>>,
    /// For each section, the section that holds its relocations.
    relocations: Vec<Option<SectionIndex>>,
    /// The relocations of the data section, once they have been asked for.
    data_relocations: OnceCell<DataRelocations>,
    /// For each section, the COMDAT group it is in: only custom sections are in any.
    section_comdats: Vec<Option<usize>>,
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
    pub range: Range<usize>,
    /// The COMDAT group it is in.
    pub comdat: Option<usize>,
}

/// A symbol and where its entry stands in the file.
#[derive(Debug, Clone)]
pub struct Symbol<'a> {
    /// Its name: of an import that has no explicit name, the import's field. Empty for sections.
    pub name: &'a str,
    /// The entry of the symbol table.
    pub info: SymbolInfo<'a>,
    /// That entry's bytes, as offsets into the file.
    pub range: Range<usize>,
}

/// A function of an object.
#[derive(Debug, Clone, Copy)]
struct Function<'a> {
    type_index: u32,
    /// Module and field, of an imported function.
    import: Option<(&'a str, &'a str)>,
}

/// A relocation whose offset and symbol have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Its type, `R_WASM_…`.
    pub ty: RelocationType,
    /// From where the section's offsets count.
    pub offset: u32,
    /// The symbol, or the type for `R_WASM_TYPE_INDEX_LEB`.
    pub index: u32,
    /// Added to the address.
    pub addend: i64,
}

/// The relocations of the data section, in the order of their offsets.
#[derive(Debug, Default)]
struct DataRelocations {
    all: Vec<Relocation>,
    /// For each segment, where in `all` its own end.
    ends: Vec<u32>,
}

impl Relocation {
    /// The symbol it refers to.
    pub fn symbol(&self) -> SymbolIndex {
        SymbolIndex(self.index)
    }
}

impl Symbol<'_> {
    /// `WASM_SYM_…`.
    pub fn flags(&self) -> SymbolFlags {
        match self.info {
            SymbolInfo::Func { flags, .. }
            | SymbolInfo::Data { flags, .. }
            | SymbolInfo::Global { flags, .. }
            | SymbolInfo::Section { flags, .. }
            | SymbolInfo::Event { flags, .. }
            | SymbolInfo::Table { flags, .. } => flags,
        }
    }

    /// Whether it is seen only inside its object.
    pub fn is_local(&self) -> bool {
        self.flags().contains(SymbolFlags::BINDING_LOCAL)
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.flags().contains(SymbolFlags::BINDING_WEAK)
    }

    /// Whether it is defined elsewhere.
    pub fn is_undefined(&self) -> bool {
        self.flags().contains(SymbolFlags::UNDEFINED)
    }

    /// Of a data symbol that is defined in a segment: the segment and the range in it, which begins
    /// in the segment and may say that it goes beyond its end.
    pub fn definition(&self) -> Option<(SegmentIndex, Range<u32>)> {
        match self.info {
            SymbolInfo::Data {
                flags,
                symbol: Some(place),
                ..
            } if !flags.contains(SymbolFlags::ABSOLUTE) => Some((
                SegmentIndex(place.index),
                place.offset..place.offset.saturating_add(place.size),
            )),
            _ => None,
        }
    }
}

impl<'a> Object<'a> {
    /// Parses an object.
    ///
    /// # Errors
    /// Anything in it that is not as Linking.md says, with its offset.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let sections = Sections::of(bytes)?.collect::<Result<Vec<_>>>()?;
        let relocations = vec![None; sections.len()];
        let section_comdats = vec![None; sections.len()];
        let mut object = Self {
            bytes,
            sections,
            segments: Vec::new(),
            symbols: Vec::new(),
            comdats: Vec::new(),
            types: Vec::new(),
            functions: Vec::new(),
            relocations,
            data_relocations: OnceCell::new(),
            section_comdats,
            has_constructors: false,
            memory64: false,
            table64: false,
        };
        object.check_sections()?;
        for index in 0..object.sections.len() {
            object.read_section(SectionIndex(index as u32))?;
        }
        Ok(object)
    }

    /// The relocations of a section, in the order of their offsets.
    ///
    /// # Errors
    /// A relocation outside the section, or of a symbol that is not there or not of its kind.
    pub fn relocations(&self, section: SectionIndex) -> Result<Vec<Relocation>> {
        let Some(from) = self.relocation_section(section) else {
            return Ok(Vec::new());
        };
        let target = &self.sections[section.position()];
        let entries = RelocSectionReader::new(self.sections[from.position()].reader())?.entries();
        let mut relocations: Vec<Relocation> = Vec::new();
        for item in entries.into_iter_with_offsets() {
            let (at, entry) = item?;
            let range = entry.relocation_range().ok();
            let Some(range) = range.filter(|range| range.end <= target.content.len()) else {
                return Err(Error::damaged("this relocation is outside its section").at(at));
            };
            self.check_in_segment(target, range)
                .map_err(|error| error.at(at))?;
            if relocations
                .last()
                .is_some_and(|last| last.offset > entry.offset)
            {
                return Err(
                    Error::damaged("relocations are not in the order of their offsets").at(at),
                );
            }
            let relocation = Relocation {
                ty: entry.ty,
                offset: entry.offset,
                index: entry.index,
                addend: entry.addend,
            };
            self.check_symbol(&relocation)
                .map_err(|error| error.at(at))?;
            relocations.push(relocation);
        }
        Ok(relocations)
    }

    /// The relocations of the data section, in the order of their offsets. They are read once.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn data_relocations(&self) -> Result<&[Relocation]> {
        self.by_segment().map(|relocations| &relocations.all[..])
    }

    /// The relocations of a data segment, with offsets in the data section.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn segment_relocations(&self, segment: SegmentIndex) -> Result<&[Relocation]> {
        let DataRelocations { all, ends } = self.by_segment()?;
        let position = segment.position();
        let start = position.checked_sub(1).map_or(0, |before| ends[before]);
        Ok(&all[start as usize..ends[position] as usize])
    }

    /// The relocations of a range of a data segment, which is in bytes from the segment's first.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn relocations_within(
        &self,
        segment: SegmentIndex,
        range: Range<u32>,
    ) -> Result<&[Relocation]> {
        let all = self.segment_relocations(segment)?;
        let base = self.segment(segment).offset;
        // What a symbol says of its size may be more than there is room for.
        let before = |end: u32| {
            let end = base.saturating_add(end);
            all.partition_point(|relocation| relocation.offset < end)
        };
        Ok(&all[before(range.start)..before(range.end)])
    }

    fn by_segment(&self) -> Result<&DataRelocations> {
        if let Some(known) = self.data_relocations.get() {
            return Ok(known);
        }
        let section = self.data_section();
        let read = section.map(|section| self.relocations(section));
        let all = read.transpose()?.unwrap_or_default();
        let mut end = 0;
        let ends = self.segments.iter().map(|segment| {
            // Each is inside of one segment, which was checked.
            let beyond = segment.offset as usize + segment.data.len();
            let own = all[end..].iter();
            end += own
                .take_while(|relocation| (relocation.offset as usize) < beyond)
                .count();
            end as u32
        });
        let ends = ends.collect();
        Ok(self
            .data_relocations
            .get_or_init(|| DataRelocations { all, ends }))
    }

    /// The section that holds the relocations of `section`.
    pub fn relocation_section(&self, section: SectionIndex) -> Option<SectionIndex> {
        self.relocations.get(section.position()).copied().flatten()
    }

    /// The COMDAT group that a custom section is in, as a place in `comdats`.
    pub fn section_comdat(&self, section: SectionIndex) -> Option<usize> {
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

    fn check_symbol(&self, relocation: &Relocation) -> Result<()> {
        use RelocationType::*;
        if relocation.ty == TypeIndexLeb {
            return Ok(());
        }
        let Some(symbol) = self.symbols.get(relocation.index as usize) else {
            return Err(Error::damaged(format!(
                "symbol index {} of this relocation is out of range: there are {} symbols",
                relocation.index,
                self.symbols.len()
            )));
        };
        let fits = match relocation.ty {
            MemoryAddrI32 | MemoryAddrI64 | MemoryAddrLocrelI32 => {
                matches!(symbol.info, SymbolInfo::Data { .. })
            }
            TableIndexI32 | TableIndexI64 | FunctionOffsetI32 | FunctionOffsetI64
            | FunctionIndexI32 => matches!(symbol.info, SymbolInfo::Func { .. }),
            _ => true,
        };
        if fits {
            return Ok(());
        }
        Err(Error::damaged(format!(
            "this relocation's type does not fit the kind of its symbol `{}`",
            symbol.name
        )))
    }

    /// What one index space is made of may be there once only (binary format, "Modules").
    fn check_sections(&self) -> Result<()> {
        let mut seen = HashSet::default();
        for section in &self.sections {
            let counts = section.id != CUSTOM || section.name == "linking";
            if counts && !seen.insert(section.id) {
                let what = match section.id {
                    CUSTOM => "section `linking` is there twice".to_owned(),
                    id => format!("the section of id {id} is there twice"),
                };
                return Err(Error::damaged(what).at(section.content_start() as u64));
            }
        }
        Ok(())
    }

    /// A relocation of the data section is inside the bytes of one segment.
    fn check_in_segment(&self, section: &Section<'_>, range: Range<usize>) -> Result<()> {
        let after = self
            .segments
            .partition_point(|segment| segment.offset as usize <= range.start);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        let inside = segment
            .is_some_and(|segment| range.end <= segment.offset as usize + segment.data.len());
        if section.id != DATA || inside {
            return Ok(());
        }
        Err(Error::damaged(
            "this relocation is not inside the bytes of one data segment",
        ))
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

    /// Which section the relocations in `section` are for.
    fn read_relocated(&mut self, index: SectionIndex, section: &Section<'a>) -> Result<()> {
        let target = RelocSectionReader::new(section.reader())?.section_index();
        let name = section.name;
        let damaged = |what: String| Err(Error::damaged(what).at(section.content_start() as u64));
        let (Some(of), Some(slot)) = (
            self.sections.get(target as usize),
            self.relocations.get_mut(target as usize),
        ) else {
            return damaged(format!(
                "section index {target} of `{name}` is out of range"
            ));
        };
        if of.name == "linking" || of.name.starts_with("reloc.") {
            return damaged(format!(
                "`{name}` relocates what only describes other sections"
            ));
        }
        if slot.replace(index).is_some() {
            return damaged(format!(
                "relocations for section {target} are there twice: the second time in `{name}`"
            ));
        }
        Ok(())
    }

    /// Signatures of functions, as there is nothing else in what LLVM links. (`wasmparser` has room
    /// made for as many types as a recursion group says it has.)
    fn read_types(&mut self, mut reader: BinaryReader<'a>) -> Result<()> {
        const FUNCTION: u8 = 0x60;
        for _ in 0..reader.read_var_u32()? {
            let at = reader.original_position();
            if reader.read_u8()? != FUNCTION {
                return Err(Error::damaged("a type that is no signature of a function").at(at));
            }
            self.types.push(reader.read()?);
        }
        match reader.eof() {
            true => Ok(()),
            false => Err(Error::damaged("the type section goes on behind its types")
                .at(reader.original_position())),
        }
    }

    fn read_imports(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        let start = reader.original_position() as usize;
        for import in ImportSectionReader::new(reader)?.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(type_index) | TypeRef::FuncExact(type_index) => {
                    self.add_function(type_index, Some((import.module, import.name)), start)?;
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
        for data in DataSectionReader::new(section.reader())? {
            let data = data?;
            let range = data.range.start as usize..data.range.end as usize;
            self.segments.push(DataSegment {
                name: "",
                alignment: 0,
                flags: 0,
                data: data.data,
                offset: (range.end - data.data.len() - section.content_start()) as u32,
                range,
                comdat: None,
            });
        }
        Ok(())
    }

    fn read_linking(&mut self, section: &Section<'a>) -> Result<()> {
        for (id, reader) in subsections(section)? {
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
        let infos = wasmparser::SegmentMap::new(reader)?;
        for (position, item) in infos.into_iter_with_offsets().enumerate() {
            let (at, info): (u64, Segment<'a>) = item?;
            let Some(segment) = self.segments.get_mut(position) else {
                return Err(Error::damaged("segment info for a segment that is not there").at(at));
            };
            // 2^32 does not fit an address of wasm32, and LLVM goes no further either.
            if info.alignment > 31 {
                return Err(Error::damaged(format!(
                    "alignment 2^{} of segment `{}` is out of range",
                    info.alignment, info.name
                ))
                .at(at));
            }
            segment.name = info.name;
            segment.alignment = info.alignment;
            segment.flags = info.flags.bits();
        }
        Ok(())
    }

    fn read_comdats(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        for comdat in wasmparser::ComdatMap::new(reader)? {
            let comdat: Comdat<'a> = comdat?;
            let group = self.comdats.len();
            self.comdats.push(comdat.name);
            for item in comdat.symbols.into_iter_with_offsets() {
                let (at, symbol) = item?;
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
                        "{kind} index {index} of COMDAT `{}` is out of range",
                        comdat.name
                    ))
                    .at(at));
                };
                *member = Some(group);
            }
        }
        Ok(())
    }

    fn read_symbols(&mut self, reader: BinaryReader<'a>) -> Result<()> {
        let end = reader.range().end as usize;
        let mut unnamed = HashSet::default();
        for item in SymbolInfoMap::new(reader)?.into_iter_with_offsets() {
            let (at, info) = item?;
            let at = at as usize;
            if let Some(previous) = self.symbols.last_mut() {
                previous.range.end = at;
            }
            let name = self
                .check_info(&info)
                .map_err(|error| error.at(at as u64))?;
            // The name of an import is there once, and what is made of its symbol has it again.
            if let SymbolInfo::Func {
                index, name: None, ..
            } = info
                && !unnamed.insert(index)
            {
                let message = format!("two symbols for the import `{name}`");
                return Err(Error::damaged(message).at(at as u64));
            }
            self.symbols.push(Symbol {
                name,
                info,
                range: at..end,
            });
        }
        Ok(())
    }

    /// Checks the indices of an entry of the symbol table, and finds the symbol's name.
    fn check_info(&self, info: &SymbolInfo<'a>) -> Result<&'a str> {
        match *info {
            SymbolInfo::Func { index, name, .. } => {
                let Some(function) = self.functions.get(index as usize) else {
                    return Err(out_of_range("function", index, name));
                };
                let field = function.import.map(|(_, field)| field);
                Ok(name.or(field).unwrap_or_default())
            }
            SymbolInfo::Data {
                flags,
                name,
                symbol: Some(place),
            } if !flags.contains(SymbolFlags::ABSOLUTE) => {
                let Some(segment) = self.segments.get(place.index as usize) else {
                    return Err(out_of_range("segment", place.index, Some(name)));
                };
                // As LLVM: where it begins must be in the segment, and its size is what the author
                // of the assembler code says.
                if place.offset as usize > segment.data.len() {
                    return Err(Error::damaged(format!(
                        "symbol `{name}` goes beyond the end of its segment `{}`",
                        segment.name
                    )));
                }
                Ok(name)
            }
            SymbolInfo::Data { name, .. } => Ok(name),
            SymbolInfo::Section { section, .. } => match self.sections.get(section as usize) {
                Some(_) => Ok(""),
                None => Err(out_of_range("section", section, None)),
            },
            SymbolInfo::Global { name, .. }
            | SymbolInfo::Event { name, .. }
            | SymbolInfo::Table { name, .. } => Ok(name.unwrap_or_default()),
        }
    }
}

fn out_of_range(kind: &str, index: u32, name: Option<&str>) -> Error {
    Error::damaged(format!(
        "{kind} index {index} of symbol `{}` is out of range",
        name.unwrap_or_default()
    ))
}

/// The version of the `linking` section that Linking.md describes.
pub const LINKING_VERSION: u32 = 2;
/// `WASM_SEGMENT_INFO` of Linking.md.
pub const SEGMENT_INFO: u8 = 5;
/// `WASM_INIT_FUNCS` of Linking.md.
const INIT_FUNCS: u8 = 6;
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

/// How a data segment is placed, for writing it again without its bytes.
///
/// # Errors
/// A segment that cannot be read.
pub fn segment_kind<'a>(object: &Object<'a>, segment: &DataSegment<'a>) -> Result<DataKind<'a>> {
    let bytes = &object.bytes[segment.range.clone()];
    let mut reader = BinaryReader::new(bytes, segment.range.start as u64);
    Ok(reader.read::<wasmparser::Data<'_>>()?.kind)
}
