//! Reads the sections of linked modules.

use wasm_encoder::Encode;
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// The custom sections of a module, with their contents.
pub fn custom_sections(module: &[u8]) -> Vec<(String, Vec<u8>)> {
    let payloads = Parser::new(0).parse_all(module);
    payloads
        .filter_map(|payload| match payload.expect("a module") {
            Payload::CustomSection(section) => {
                Some((section.name().to_owned(), section.data().to_vec()))
            }
            _ => None,
        })
        .collect()
}

/// The content of a custom section, which must exist exactly once.
pub fn custom_section(module: &[u8], name: &str) -> Vec<u8> {
    let mut found: Vec<_> = custom_sections(module)
        .into_iter()
        .filter(|(found, _)| found == name)
        .map(|(_, content)| content)
        .collect();
    assert_eq!(found.len(), 1, "{name} occurs {} times", found.len());
    found.remove(0)
}

/// The names of functions in the `name` section.
pub fn function_names(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload.expect("a module")
            && let KnownCustom::Name(reader) = section.as_known()
        {
            for subsection in reader {
                if let Name::Function(map) = subsection.expect("names") {
                    names.extend(map.into_iter().map(|naming| {
                        let naming = naming.expect("a name");
                        naming.name.to_owned()
                    }));
                }
            }
        }
    }
    names
}

/// Whether a module contains `text`.
pub fn contains(module: &[u8], text: &str) -> bool {
    contains_bytes(module, text.as_bytes())
}

/// Whether a module contains `bytes`.
pub fn contains_bytes(module: &[u8], bytes: &[u8]) -> bool {
    memchr::memmem::find(module, bytes).is_some()
}

/// The id of a core module section in a component.
pub const CORE_MODULE: u8 = 1;
/// The id of a component section in a component.
pub const COMPONENT: u8 = 4;

/// A component with these sections.
pub fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for (id, content) in sections {
        bytes.push(*id);
        content.encode(&mut bytes);
    }
    bytes
}

/// The names of the exports.
pub fn exports(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.expect("a module") {
            let exports = exports.into_iter();
            names.extend(exports.map(|export| export.expect("an export").name.to_owned()));
        }
    }
    names
}
