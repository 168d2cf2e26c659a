//! What `wasm-encoder` has no words for: subsections of `linking`, and relocation sections.

use super::index::SegmentIndex;
use super::object::Relocation;
use wasm_encoder::Encode;
use wasmparser::{DataKind, RelocAddendKind, SymbolFlags, SymbolInfo};

/// Appends a section: id, size, payload.
pub fn section(id: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    payload.encode(out);
}

/// The payload of a custom section up to its content.
pub fn custom_payload(name: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    name.encode(&mut payload);
    payload
}

/// Appends an entry of the symbol table for a function that has a name of its own there.
pub fn function_symbol(flags: SymbolFlags, function: u32, name: Option<&str>, out: &mut Vec<u8>) {
    out.push(0);
    flags.bits().encode(out);
    function.encode(out);
    if let Some(name) = name {
        name.encode(out);
    }
}

/// Appends an entry of the symbol table for an imported table, whose name is the import's field.
pub fn table_symbol(flags: SymbolFlags, table: u32, out: &mut Vec<u8>) {
    const KIND: u8 = 5;
    out.push(KIND);
    flags.bits().encode(out);
    table.encode(out);
}

/// Appends a data segment (binary format, "Data Section").
pub fn data_segment(kind: &DataKind<'_>, data: &[u8], out: &mut Vec<u8>) {
    match kind {
        DataKind::Passive => out.push(1),
        DataKind::Active {
            memory_index,
            offset_expr,
        } => {
            if *memory_index == 0 {
                out.push(0);
            } else {
                out.push(2);
                memory_index.encode(out);
            }
            let mut expression = offset_expr.get_binary_reader();
            let length = expression.bytes_remaining();
            out.extend_from_slice(expression.read_bytes(length).unwrap_or_default());
        }
    }
    data.encode(out);
}

/// Where a data symbol is: its segment, and offset and size in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The segment.
    pub segment: SegmentIndex,
    /// From the segment's first byte.
    pub offset: u32,
    /// Of what the symbol names.
    pub size: u32,
}

/// Appends an entry of the symbol table for data; undefined if it has no definition.
pub fn data_symbol(
    flags: SymbolFlags,
    name: &str,
    definition: Option<Definition>,
    out: &mut Vec<u8>,
) {
    out.push(1);
    flags.bits().encode(out);
    name.encode(out);
    if let Some(definition) = definition {
        definition.segment.0.encode(out);
        definition.offset.encode(out);
        definition.size.encode(out);
    }
}

/// Appends the entry of the symbol table that was read as `info`, if it is of a function or of data.
pub fn symbol(info: &SymbolInfo<'_>, out: &mut Vec<u8>) -> bool {
    match *info {
        SymbolInfo::Func { flags, index, name } => function_symbol(flags, index, name, out),
        SymbolInfo::Data {
            flags,
            name,
            symbol,
        } => {
            let definition = symbol.map(|place| Definition {
                segment: SegmentIndex(place.index),
                offset: place.offset,
                size: place.size,
            });
            data_symbol(flags, name, definition, out);
        }
        _ => return false,
    }
    true
}

/// Appends an entry of the segment info subsection.
pub fn segment_info(name: &str, alignment: u32, flags: u32, out: &mut Vec<u8>) {
    name.encode(out);
    alignment.encode(out);
    flags.encode(out);
}

/// Appends what a relocation section has after its name: the target section and the entries.
pub fn relocations(section: u32, relocations: &[Relocation], out: &mut Vec<u8>) {
    section.encode(out);
    (relocations.len() as u32).encode(out);
    for relocation in relocations {
        out.push(relocation.ty as u8);
        relocation.offset.encode(out);
        relocation.index.encode(out);
        match relocation.ty.addend_kind() {
            RelocAddendKind::None => {}
            // What was read as 32 bits, and is added to nothing, fits 32 bits.
            RelocAddendKind::Addend32 => (relocation.addend as i32).encode(out),
            RelocAddendKind::Addend64 => relocation.addend.encode(out),
        }
    }
}
