//! The `linking` section and the other parts of an object with names. As in LLVM, a name is any sequence of
//! bytes; `wasmparser` accepts only UTF-8.

use super::outline::{CUSTOM, Headers, Section};
use crate::error::{self, Error};
use wasmparser::{
    BinaryReader, ComdatSymbol, DefinedDataSymbol, FromReader, Result, SectionLimited, SymbolFlags,
    TypeRef,
};

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

/// The subsections of the `linking` section: their ids and readers of their payloads, with offsets into
/// the file.
///
/// # Errors
/// A version other than 2, or a subsection that extends past the end of the section.
pub fn subsections<'a>(linking: &Section<'a>) -> error::Result<Vec<(u8, BinaryReader<'a>)>> {
    let mut reader = linking.reader();
    let version = reader.read_var_u32()?;
    if version != LINKING_VERSION {
        return Err(Error::new(format!(
            "unexpected metadata version: {version} (Expected: {LINKING_VERSION})"
        ))
        .at(linking.content_start() as u64)
        .note("the object is from a compiler that is older or newer than this linker supports"));
    }
    let mut subsections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        subsections.push((id, reader.read_reader()?));
    }
    Ok(subsections)
}

/// Whether a module has a symbol table; `true` if it is malformed. A module without one, such as the
/// `lib.rmeta` of an rlib, defines nothing.
pub fn has_symbols(bytes: &[u8]) -> bool {
    symbol_tables(bytes).map_or(true, |tables| !tables.is_empty())
}

/// The names of the global symbols that an object defines, in the order of its symbol table. Parses nothing
/// else of the object.
///
/// # Errors
/// A module whose sections or symbol table are malformed.
pub fn definitions(bytes: &[u8]) -> error::Result<Vec<&[u8]>> {
    let mut names = Vec::new();
    for reader in symbol_tables(bytes)? {
        for symbol in RawSymbols::new(reader)? {
            let symbol = symbol?;
            let not_offered = SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL;
            if !symbol.flags.intersects(not_offered) {
                names.extend(symbol.name);
            }
        }
    }
    Ok(names)
}

/// The symbol tables of a module: one, unless it is malformed or no object.
fn symbol_tables(bytes: &[u8]) -> error::Result<Vec<BinaryReader<'_>>> {
    let mut tables = Vec::new();
    for header in Headers::of(bytes)? {
        let header = header?;
        if header.id == CUSTOM && header.name()? == b"linking" {
            let subsections = subsections(&header.section()?)?.into_iter();
            let is_table = |(id, reader)| (id == SYMBOL_TABLE).then_some(reader);
            tables.extend(subsections.filter_map(is_table));
        }
    }
    Ok(tables)
}

/// The entries of the symbol table.
pub type RawSymbols<'a> = SectionLimited<'a, RawSymbol<'a>>;
/// The entries of the segment info subsection.
pub type RawSegments<'a> = SectionLimited<'a, RawSegment<'a>>;
/// The COMDAT groups.
pub type RawComdats<'a> = SectionLimited<'a, RawComdat<'a>>;
/// The imports.
pub type RawImports<'a> = SectionLimited<'a, RawImport<'a>>;

/// An entry of the symbol table, not checked.
#[derive(Debug, Clone, Copy)]
pub struct RawSymbol<'a> {
    /// Its name, if the entry has one.
    pub name: Option<&'a [u8]>,
    /// `WASM_SYM_…`.
    pub flags: SymbolFlags,
    /// What it names.
    pub kind: RawKind,
}

/// What an entry of the symbol table names, by its index.
#[derive(Debug, Clone, Copy)]
pub enum RawKind {
    /// A function.
    Function(u32),
    /// Data; none where it is undefined.
    Data(Option<DefinedDataSymbol>),
    /// A wasm global.
    Global,
    /// A section.
    Section(u32),
    /// A tag of exceptions.
    Tag,
    /// A table.
    Table,
    /// A kind that Linking.md does not define. What follows it in the table cannot be read.
    Unknown(u8),
}

/// An entry of the segment info subsection.
#[derive(Debug, Clone, Copy)]
pub struct RawSegment<'a> {
    /// The name of the segment.
    pub name: &'a [u8],
    /// Its alignment, as a power of two.
    pub alignment: u32,
    /// `WASM_SEG_FLAG_…`.
    pub flags: u32,
}

/// A COMDAT group.
#[derive(Debug, Clone)]
pub struct RawComdat<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its flags.
    pub flags: u32,
    /// Its members, each with its offset in the file.
    pub members: Vec<(u64, ComdatSymbol)>,
}

/// An import.
#[derive(Debug, Clone, Copy)]
pub struct RawImport<'a> {
    /// The module that it is imported from.
    pub module: &'a [u8],
    /// Its name in that module.
    pub field: &'a [u8],
    /// What is imported.
    pub ty: TypeRef,
}

fn name<'a>(reader: &mut BinaryReader<'a>) -> Result<&'a [u8]> {
    let length = reader.read_var_u32()?;
    reader.read_bytes(length as usize)
}

impl<'a> FromReader<'a> for RawSymbol<'a> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        // Linking.md, "syminfo".
        const FUNCTION: u8 = 0;
        const DATA: u8 = 1;
        const GLOBAL: u8 = 2;
        const SECTION: u8 = 3;
        const TAG: u8 = 4;
        const TABLE: u8 = 5;
        let kind = reader.read_u8()?;
        let flags: SymbolFlags = reader.read()?;
        let is_defined = !flags.contains(SymbolFlags::UNDEFINED);
        if kind == DATA {
            let name = Some(name(reader)?);
            let place = is_defined.then(|| reader.read()).transpose()?;
            let kind = RawKind::Data(place);
            return Ok(Self { name, flags, kind });
        }
        if kind > TABLE {
            let rest = reader.bytes_remaining();
            reader.read_bytes(rest)?;
            let kind = RawKind::Unknown(kind);
            return Ok(Self {
                name: None,
                flags,
                kind,
            });
        }
        let index = reader.read_var_u32()?;
        let kind = match kind {
            FUNCTION => RawKind::Function(index),
            GLOBAL => RawKind::Global,
            SECTION => RawKind::Section(index),
            TAG => RawKind::Tag,
            _ => RawKind::Table,
        };
        let is_named = match kind {
            RawKind::Section(_) => false,
            _ => is_defined || flags.contains(SymbolFlags::EXPLICIT_NAME),
        };
        let name = is_named.then(|| name(reader)).transpose()?;
        Ok(Self { name, flags, kind })
    }
}

impl<'a> FromReader<'a> for RawSegment<'a> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        Ok(Self {
            name: name(reader)?,
            alignment: reader.read_var_u32()?,
            flags: reader.read_var_u32()?,
        })
    }
}

impl<'a> FromReader<'a> for RawImport<'a> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        Ok(Self {
            module: name(reader)?,
            field: name(reader)?,
            ty: reader.read()?,
        })
    }
}

impl<'a> FromReader<'a> for RawComdat<'a> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        let (name, flags) = (name(reader)?, reader.read_var_u32()?);
        let mut members = Vec::new();
        for _ in 0..reader.read_var_u32()? {
            members.push((reader.original_position(), reader.read()?));
        }
        Ok(Self {
            name,
            flags,
            members,
        })
    }
}
