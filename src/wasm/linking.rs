//! The `linking` section and the other parts of an object with names. As in LLVM, a name is any sequence of
//! bytes; `wasmparser` accepts only UTF-8.

use super::outline::{Section, Sections};
use crate::error::{self, Error};
use crate::names;
use wasmparser::{
    BinaryReader, ComdatSymbol, FromReader, Result, SectionLimited, Segment, SymbolFlags,
    SymbolInfo, TypeRef,
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
    let in_section = |section: Section<'_>| -> error::Result<bool> {
        let is_table = |(id, _): &(u8, _)| *id == SYMBOL_TABLE;
        Ok(section.name == "linking" && subsections(&section)?.iter().any(is_table))
    };
    Sections::of(bytes).map_or(true, |mut sections| {
        sections.any(|section| section.and_then(in_section).unwrap_or(true))
    })
}

/// The names of the global symbols that an object defines, in the order of its symbol table. Parses nothing
/// else of the object.
///
/// # Errors
/// A module whose sections or symbol table are malformed.
pub fn definitions(bytes: &[u8]) -> error::Result<Vec<&str>> {
    let mut names = Vec::new();
    for section in Sections::of(bytes)? {
        let section = section?;
        if section.name != "linking" {
            continue;
        }
        let tables = subsections(&section)?.into_iter();
        for (_, reader) in tables.filter(|(id, _)| *id == SYMBOL_TABLE) {
            for symbol in Symbols::new(reader)? {
                let (flags, name) = match symbol?.0 {
                    SymbolInfo::Data { flags, name, .. } => (flags, Some(name)),
                    SymbolInfo::Func { flags, name, .. }
                    | SymbolInfo::Global { flags, name, .. }
                    | SymbolInfo::Event { flags, name, .. }
                    | SymbolInfo::Table { flags, name, .. } => (flags, name),
                    SymbolInfo::Section { .. } => continue,
                };
                if !flags.intersects(SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL) {
                    names.extend(name);
                }
            }
        }
    }
    Ok(names)
}

/// The entries of the symbol table.
pub type Symbols<'a> = SectionLimited<'a, Named<SymbolInfo<'a>>>;
/// The entries of the segment info subsection.
pub type Segments<'a> = SectionLimited<'a, Named<Segment<'a>>>;
/// The COMDAT groups.
pub type Comdats<'a> = SectionLimited<'a, Comdat<'a>>;
/// The imports.
pub type Imports<'a> = SectionLimited<'a, Named<wasmparser::Import<'a>>>;

/// An item whose names may be any bytes, as escaped names (`names`).
#[derive(Debug, Clone)]
pub struct Named<T>(pub T);

/// A COMDAT group.
#[derive(Debug, Clone)]
pub struct Comdat<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its flags.
    pub flags: u32,
    /// Its members, each with its offset in the file.
    pub members: Vec<(u64, ComdatSymbol)>,
}

fn name<'a>(reader: &mut BinaryReader<'a>) -> Result<&'a str> {
    let length = reader.read_var_u32()?;
    Ok(names::interned(reader.read_bytes(length as usize)?))
}

impl<'a> FromReader<'a> for Named<SymbolInfo<'a>> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        // Linking.md, "syminfo".
        const FUNCTION: u8 = 0;
        const DATA: u8 = 1;
        const GLOBAL: u8 = 2;
        const TAG: u8 = 4;
        const TABLE: u8 = 5;
        let start = reader.clone();
        let kind = reader.read_u8()?;
        if !matches!(kind, FUNCTION | DATA | GLOBAL | TAG | TABLE) {
            // A section symbol has no name.
            *reader = start;
            return reader.read().map(Self);
        }
        let flags: SymbolFlags = reader.read()?;
        let is_defined = !flags.contains(SymbolFlags::UNDEFINED);
        if kind == DATA {
            return Ok(Self(SymbolInfo::Data {
                flags,
                name: name(reader)?,
                symbol: is_defined.then(|| reader.read()).transpose()?,
            }));
        }
        let index = reader.read_var_u32()?;
        let is_named = is_defined || flags.contains(SymbolFlags::EXPLICIT_NAME);
        let name = is_named.then(|| name(reader)).transpose()?;
        Ok(Self(match kind {
            FUNCTION => SymbolInfo::Func { flags, index, name },
            GLOBAL => SymbolInfo::Global { flags, index, name },
            TAG => SymbolInfo::Event { flags, index, name },
            _ => SymbolInfo::Table { flags, index, name },
        }))
    }
}

impl<'a> FromReader<'a> for Named<Segment<'a>> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        Ok(Self(Segment {
            name: name(reader)?,
            alignment: reader.read_var_u32()?,
            flags: reader.read()?,
        }))
    }
}

impl<'a> FromReader<'a> for Named<wasmparser::Import<'a>> {
    fn from_reader(reader: &mut BinaryReader<'a>) -> Result<Self> {
        Ok(Self(wasmparser::Import {
            module: name(reader)?,
            name: name(reader)?,
            ty: reader.read::<TypeRef>()?,
        }))
    }
}

impl<'a> FromReader<'a> for Comdat<'a> {
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
