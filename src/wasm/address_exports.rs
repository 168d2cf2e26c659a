//! An object that exports the addresses of symbols as globals, for a linker that exports no data by itself.

use super::encode;
use super::index::SectionIndex;
use super::linking::{LINKING_VERSION, SYMBOL_TABLE};
use super::relocation::Relocation;
use wasm_encoder::{
    CodeSection, Encode, EntityType, ExportKind, ExportSection, FunctionSection, GlobalType,
    ImportSection, Module, TypeSection, ValType,
};
use wasmparser::{RelocationType, SymbolFlags};

/// The object for wasm32. Each address is a global of `GOT.mem` (DynamicLinking.md). The linker makes such a global
/// for a relocation only, so there is a function, which nothing calls, with one for each.
pub fn address_exports(symbols: &[&str]) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    let mut exports = ExportSection::new();
    for (index, symbol) in (0..).zip(symbols) {
        let global = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        imports.import("GOT.mem", symbol, EntityType::Global(global));
        exports.export(symbol, ExportKind::Global, index);
    }
    let mut functions = FunctionSection::new();
    functions.function(0);
    let (body, offsets) = body(symbols.len() as u32);
    let size = body.len() as u32;
    let mut code = CodeSection::new();
    code.raw(&body);
    let mut module = Module::new();
    module.section(&types);
    module.section(&imports);
    module.section(&functions);
    module.section(&exports);
    module.section(&code);
    let mut bytes = module.finish();
    encode::custom_section("linking", &mut bytes, |out| {
        LINKING_VERSION.encode(out);
        encode::section(SYMBOL_TABLE, out, |out| {
            (symbols.len() as u32 + 1).encode(out);
            for symbol in symbols {
                encode::data_symbol(SymbolFlags::UNDEFINED, symbol, None, out);
            }
            encode::function_symbol(SymbolFlags::BINDING_LOCAL, 0, Some("addresses"), out);
        });
    });
    // The section of code is the fifth. Its content begins with the number of functions and the size of the only one.
    const CODE: SectionIndex = SectionIndex(4);
    let start = 1 + leb128fmt::encode_u32(size).map_or(0, |(_, length)| length as u32);
    encode::custom_section("reloc.CODE", &mut bytes, |out| {
        let relocations = (0..).zip(&offsets).map(|(index, offset)| Relocation {
            ty: RelocationType::GlobalIndexLeb,
            offset: start + offset,
            index,
            addend: 0,
        });
        encode::relocations(CODE.0, offsets.len(), relocations, out);
    });
    bytes
}

/// A function body that reads so many globals, and where in it their indices are.
fn body(globals: u32) -> (Vec<u8>, Vec<u32>) {
    const GLOBAL_GET: u8 = 0x23;
    const DROP: u8 = 0x1a;
    const END: u8 = 0x0b;
    let mut body = vec![0]; // no locals
    let mut offsets = Vec::new();
    for index in 0..globals {
        body.push(GLOBAL_GET);
        offsets.push(body.len() as u32);
        body.extend(leb128fmt::encode_fixed_u32(index).unwrap_or_default());
        body.push(DROP);
    }
    body.push(END);
    (body, offsets)
}
