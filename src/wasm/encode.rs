//! Encodes what `wasm-encoder` does not: subsections of `linking`, and relocation sections.

use super::outline::CUSTOM;
use super::relocation::Relocation;
use super::symbol::{Definition, Symbol, SymbolKind};
use crate::names;
use wasm_encoder::Encode;
use wasmparser::{DataKind, RelocAddendKind, SymbolFlags};

/// The size of a section is a LEB128 padded to this many bytes, as LLVM writes it: it is known only after
/// the payload.
const SIZE: usize = 5;

/// Appends a section or subsection: id, size, and the payload that `write` appends.
pub fn section<T>(id: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    out.push(id);
    let start = out.len() + SIZE;
    out.resize(start, 0);
    let written = write(out);
    let size = leb128fmt::encode_fixed_u32((out.len() - start) as u32);
    out[start - SIZE..start].copy_from_slice(&size.unwrap_or_default());
    written
}

/// Appends the bytes of an escaped name (`names`), with their length.
pub fn name(name: &str, out: &mut Vec<u8>) {
    names::bytes(name).encode(out);
}

/// Appends a custom section: name, and the content that `write` appends.
pub fn custom_section<T>(
    name: &str,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    section(CUSTOM, out, |out| {
        self::name(name, out);
        write(out)
    })
}

/// Appends a function symbol to the symbol table. `name` is its explicit name, if any.
pub fn function_symbol(flags: SymbolFlags, function: u32, name: Option<&str>, out: &mut Vec<u8>) {
    out.push(0);
    flags.bits().encode(out);
    function.encode(out);
    if let Some(name) = name {
        self::name(name, out);
    }
}

/// Appends an imported table to the symbol table. Its name is the field of the import.
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

/// Appends a data symbol to the symbol table; undefined without `definition`.
pub fn data_symbol(
    flags: SymbolFlags,
    name: &str,
    definition: Option<Definition>,
    out: &mut Vec<u8>,
) {
    out.push(1);
    flags.bits().encode(out);
    self::name(name, out);
    if let Some(definition) = definition {
        definition.segment.0.encode(out);
        definition.offset.encode(out);
        definition.size.encode(out);
    }
}

/// Appends a function or data symbol to the symbol table. Returns `false` for other symbols.
pub fn symbol(symbol: &Symbol<'_>, out: &mut Vec<u8>) -> bool {
    match symbol.kind {
        SymbolKind::Function(function) => {
            // An import without an explicit name has no name in the entry (Linking.md, "syminfo").
            let is_import = symbol.is_undefined();
            let named = !is_import || symbol.flags.contains(SymbolFlags::EXPLICIT_NAME);
            let name = named.then_some(symbol.name);
            function_symbol(symbol.flags, function.0, name, out);
        }
        // The parser does not retain the address of an absolute symbol.
        SymbolKind::Data(None) if !symbol.is_undefined() => return false,
        SymbolKind::Data(definition) => data_symbol(symbol.flags, symbol.name, definition, out),
        _ => return false,
    }
    true
}

/// Appends an entry of the segment info subsection.
pub fn segment_info(name: &str, alignment: u32, flags: u32, out: &mut Vec<u8>) {
    self::name(name, out);
    alignment.encode(out);
    flags.encode(out);
}

/// Appends the content of a relocation section: the target section and `count` entries.
pub fn relocations(
    section: u32,
    count: usize,
    relocations: impl IntoIterator<Item = Relocation>,
    out: &mut Vec<u8>,
) {
    section.encode(out);
    (count as u32).encode(out);
    for relocation in relocations {
        out.push(relocation.ty as u8);
        relocation.offset.encode(out);
        relocation.index.encode(out);
        match relocation.ty.addend_kind() {
            RelocAddendKind::None => {}
            // It wraps at 32 bits, like the address it is added to.
            RelocAddendKind::Addend32 => (relocation.addend as i32).encode(out),
            RelocAddendKind::Addend64 => relocation.addend.encode(out),
        }
    }
}
