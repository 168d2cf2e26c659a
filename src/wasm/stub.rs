//! A stub: an object that has only symbols. It has the definitions of another file, with empty contents, and
//! the undefined symbols of that file.

use super::bytes::ObjectBytes;
use super::edit::TOMBSTONE;
use super::encode;
use super::index::SegmentIndex;
use super::linking::{COMDAT_INFO, LINKING_VERSION, SEGMENT_INFO, SYMBOL_TABLE, subsections};
use super::object::Object;
use super::outline::Sections;
use super::symbol::{Definition, SymbolKind};
use super::synthesized::Signature;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, DataSection, Encode, EntityType, Function, FunctionSection, ImportSection,
    MemoryType, Module, TypeSection,
};
use wasmparser::{ComdatSymbolKind, SymbolFlags};

/// A symbol of a stub.
#[derive(Debug)]
pub struct StubSymbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// The signature of a function; `None` for data.
    pub signature: Option<&'a Signature>,
    /// Whether the stub defines it, as a weak symbol.
    pub is_defined: bool,
    /// Whether its visibility is hidden.
    pub is_hidden: bool,
    /// Its COMDAT group.
    pub comdat: Option<&'a str>,
    /// The module and field of the import, if the function is imported under another name.
    pub import: Option<(&'a str, &'a str)>,
}

impl StubSymbol<'_> {
    fn flags(&self) -> SymbolFlags {
        let mut flags = match self.is_defined {
            true => SymbolFlags::BINDING_WEAK,
            false => SymbolFlags::UNDEFINED,
        };
        flags.set(SymbolFlags::VISIBILITY_HIDDEN, self.is_hidden);
        let is_import = !self.is_defined && self.signature.is_some();
        let has_own_name = is_import && self.field() != self.name;
        flags.set(SymbolFlags::EXPLICIT_NAME, has_own_name);
        flags
    }

    fn field(&self) -> &str {
        self.import.map_or(self.name, |(_, field)| field)
    }
}

/// The stub with these symbols, in this order. It has all groups of `comdats`, even those without a member.
pub fn stub(memory64: bool, symbols: &[StubSymbol<'_>], comdats: &BTreeSet<&str>) -> Vec<u8> {
    let mut types: Vec<&Signature> = symbols.iter().filter_map(|s| s.signature).collect();
    types.sort_by_key(|signature| (signature.params(), signature.results()));
    types.dedup();
    let type_of = |signature: &Signature| {
        let position = types.iter().position(|other| *other == signature);
        position.unwrap_or_default() as u32
    };
    let (mut type_section, mut imports) = (TypeSection::new(), ImportSection::new());
    for signature in &types {
        // Cannot fail: see `Synthesized::type_section`.
        if let Ok(signature) = RoundtripReencoder.func_type((*signature).clone()) {
            type_section.ty().func_type(&signature);
        }
    }
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64,
        shared: false,
        page_size_log2: None,
    };
    imports.import("env", "__linear_memory", memory);
    let functions = || symbols.iter().filter_map(|s| Some((s, s.signature?)));
    let mut imported = 0;
    for (symbol, signature) in functions().filter(|(symbol, _)| !symbol.is_defined) {
        let module = symbol.import.map_or("env", |(module, _)| module);
        let ty = EntityType::Function(type_of(signature));
        imports.import(module, symbol.field(), ty);
        imported += 1;
    }
    let (mut function_section, mut code) = (FunctionSection::new(), CodeSection::new());
    for (_, signature) in functions().filter(|(symbol, _)| symbol.is_defined) {
        function_section.function(type_of(signature));
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    }
    let is_data = |symbol: &&StubSymbol<'_>| symbol.is_defined && symbol.signature.is_none();
    let segments = symbols.iter().filter(is_data).count() as u32;
    let mut data = DataSection::new();
    for _ in 0..segments {
        let start = match memory64 {
            true => wasm_encoder::ConstExpr::i64_const(0),
            false => wasm_encoder::ConstExpr::i32_const(0),
        };
        data.active(0, &start, []);
    }
    let mut module = Module::new();
    module.section(&type_section);
    module.section(&imports);
    module.section(&function_section);
    module.section(&code);
    module.section(&data);
    let mut bytes = module.finish();
    encode::custom_section("linking", &mut bytes, |out| {
        linking(symbols, comdats, segments, imported, out);
    });
    bytes
}

/// The content of the `linking` section.
fn linking(
    symbols: &[StubSymbol<'_>],
    comdats: &BTreeSet<&str>,
    segments: u32,
    imported: u32,
    out: &mut Vec<u8>,
) {
    LINKING_VERSION.encode(out);
    encode::section(SEGMENT_INFO, out, |out| {
        segments.encode(out);
        for _ in 0..segments {
            encode::segment_info(&format!(".rodata{TOMBSTONE}"), 0, 0, out);
        }
    });
    let comdats = comdats.iter().map(|name| (*name, Vec::new()));
    let mut comdats: BTreeMap<&str, Vec<(ComdatSymbolKind, u32)>> = comdats.collect();
    encode::section(SYMBOL_TABLE, out, |out| {
        (symbols.len() as u32).encode(out);
        let (mut import, mut function, mut segment) = (0, imported, 0);
        for symbol in symbols {
            let member = match (symbol.signature, symbol.is_defined) {
                (Some(_), false) => {
                    let name = (symbol.field() != symbol.name).then_some(symbol.name);
                    encode::function_symbol(symbol.flags(), import, name, out);
                    import += 1;
                    continue;
                }
                (None, false) => {
                    encode::data_symbol(symbol.flags(), symbol.name, None, out);
                    continue;
                }
                (Some(_), true) => {
                    encode::function_symbol(symbol.flags(), function, Some(symbol.name), out);
                    function += 1;
                    (ComdatSymbolKind::Func, function - 1)
                }
                (None, true) => {
                    let definition = Definition {
                        segment: SegmentIndex(segment),
                        offset: 0,
                        size: 0,
                    };
                    encode::data_symbol(symbol.flags(), symbol.name, Some(definition), out);
                    segment += 1;
                    (ComdatSymbolKind::Data, segment - 1)
                }
            };
            if let Some(comdat) = symbol.comdat {
                comdats.entry(comdat).or_default().push(member);
            }
        }
    });
    if comdats.is_empty() {
        return;
    }
    encode::section(COMDAT_INFO, out, |out| {
        (comdats.len() as u32).encode(out);
        for (name, members) in &comdats {
            name.encode(out);
            0_u32.encode(out);
            (members.len() as u32).encode(out);
            for (kind, index) in members {
                out.push(*kind as u8);
                index.encode(out);
            }
        }
    });
}

/// Changes an object so that its definitions override those of stubs: definitions that `prevails` selects
/// become strong, and the COMDAT groups are removed.
///
/// # Errors
/// A malformed object.
pub fn prevailing(bytes: &ObjectBytes<'_>, prevails: impl Fn(&str) -> bool) -> Result<Vec<u8>> {
    let object = Object::parse(bytes)?;
    let mut strong = bytes.to_vec();
    for symbol in &object.symbols {
        let is_other = !matches!(symbol.kind, SymbolKind::Function(_) | SymbolKind::Data(_));
        if is_other || symbol.is_undefined() || symbol.is_local() || !symbol.is_weak() {
            continue;
        }
        // The flags follow the kind. The weak bit is in the first byte of the LEB128.
        if let Some(flags) = strong.get_mut(symbol.range.start as usize + 1)
            && prevails(symbol.name)
        {
            *flags &= !(SymbolFlags::BINDING_WEAK.bits() as u8);
        }
    }
    let mut written = Vec::with_capacity(strong.len());
    let mut copied = 0;
    for section in Sections::of(&strong)? {
        let section = section?;
        if section.name != "linking" {
            continue;
        }
        written.extend_from_slice(strong.get(copied..section.range.start).unwrap_or_default());
        copied = section.range.end;
        let subsections = subsections(&section)?;
        encode::custom_section("linking", &mut written, |out| {
            LINKING_VERSION.encode(out);
            for (id, mut reader) in subsections {
                if id != COMDAT_INFO {
                    let length = reader.bytes_remaining();
                    let content = reader.read_bytes(length).unwrap_or_default();
                    encode::section(id, out, |out| out.extend_from_slice(content));
                }
            }
        });
    }
    written.extend_from_slice(strong.get(copied..).unwrap_or_default());
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{FuncType, ValType};

    fn symbol<'a>(
        name: &'a str,
        signature: Option<&'a Signature>,
        defined: bool,
    ) -> StubSymbol<'a> {
        StubSymbol {
            name,
            signature,
            is_defined: defined,
            is_hidden: false,
            comdat: None,
            import: None,
        }
    }

    #[test]
    fn a_stub_has_its_symbols_in_order() {
        let (one, two) = (
            FuncType::new([ValType::I32], [ValType::I32]),
            FuncType::new([], []),
        );
        let symbols = [
            symbol("f", Some(&one), true),
            symbol("x", None, true),
            StubSymbol {
                import: Some(("host", "there")),
                ..symbol("g", Some(&two), false)
            },
            symbol("y", None, false),
            StubSymbol {
                comdat: Some("group"),
                ..symbol("h", Some(&two), true)
            },
        ];
        let bytes = stub(false, &symbols, &BTreeSet::from(["empty"])).into();
        let object = Object::parse(&bytes).expect("an object");
        let found: Vec<_> = object
            .symbols
            .iter()
            .map(|symbol| (symbol.name, symbol.is_undefined(), symbol.is_weak()))
            .collect();
        let expected = [
            ("f", false, true),
            ("x", false, true),
            ("g", true, false),
            ("y", true, false),
            ("h", false, true),
        ];
        assert_eq!(found, expected);
        for (position, signature) in [(0, &one), (2, &two), (4, &two)] {
            let SymbolKind::Function(function) = object.symbols[position].kind else {
                panic!("a function");
            };
            assert_eq!(object.signature(function), signature);
            let import = (position == 2).then_some(("host", "there"));
            assert_eq!(object.import(function), import);
        }
        assert_eq!(object.comdats, ["empty", "group"]);
        let strong = prevailing(&bytes, |name| name != "x")
            .expect("an object")
            .into();
        let strong = Object::parse(&strong).expect("an object");
        let weak = strong.symbols.iter().filter(|symbol| symbol.is_weak());
        assert_eq!(weak.map(|symbol| symbol.name).collect::<Vec<_>>(), ["x"]);
        assert!(strong.comdats.is_empty());
    }
}
