//! What must hold of any input: the fuzz targets, which tests/fuzz_corpus.rs runs on the corpus too.
//!
//! A target must not panic or overflow, what it could read must have been read right, and the memory
//! that it takes is bounded by the input's size.

// Each target has only its own.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Cursor;
use std::path::Path;
use wasm_section_ld::args::{
    CommandLine, Edits, Quoting, from_bytes, response_file, split_response_file,
};
use wasm_section_ld::bitcode::Bitcode;
use wasm_section_ld::error::Result;
use wasm_section_ld::gather::Options;
use wasm_section_ld::input::{ArchiveContent, Index, Inputs, archive_members, write_archive_to};
use wasm_section_ld::script::{Script, Source};
use wasm_section_ld::wasm::{self, Object, SectionIndex, SegmentIndex, SymbolEdit, SymbolIndex};
use wasm_section_manifest::{CUSTOM_SECTION, Manifest};

/// The memory that a check may have at one time, in bytes for a byte of the input, and for an input
/// of no size. One that grows has the old and the new for a moment.
const MEMORY: (u64, u64) = (256, 64 << 10);

/// Runs one of the checks below, which must get by with so much memory. What lengths and counts in
/// the input say does not count.
pub fn bounded(data: &[u8], check: fn(&[u8])) {
    let allocated = allocation_counter::measure(|| check(data)).bytes_max;
    let most = MEMORY.0 * data.len() as u64 + MEMORY.1;
    assert!(
        allocated <= most,
        "{allocated} bytes of memory for {} bytes of input",
        data.len()
    );
}

/// Words are separated by zero bytes; the whole is a response file too.
pub fn arguments(data: &[u8]) {
    // `@FILE` would read files of this machine.
    let words = data
        .split(|&byte| byte == 0)
        .filter(|word| !word.starts_with(b"@"));
    let words: Vec<OsString> = words.map(from_bytes).collect();
    let line = CommandLine::parse(words).expect("no response files");
    if !line.has_own() {
        assert_eq!(line.edited(&Edits::default()), line.original());
    }
    for quoting in [Quoting::Posix, Quoting::Windows] {
        if let Ok(words) = split_response_file(Path::new("fuzz.rsp"), data, quoting) {
            let written = response_file(&words, quoting);
            let again = split_response_file(Path::new("fuzz.rsp"), &written, quoting);
            assert_eq!(again.as_ref(), Ok(&words), "{quoting:?}");
        }
    }
}

/// An archive that is written of the members of another has members with the same bytes.
pub fn archive(data: &[u8]) {
    let contents = |data| -> Option<Vec<(String, Vec<u8>)>> {
        let members = archive_members(Path::new("fuzz.a"), data).ok()?;
        let inside = members
            .into_iter()
            .filter_map(|member| match member.content {
                ArchiveContent::Inside(bytes) => Some((member.name, bytes.to_vec())),
                ArchiveContent::Outside(_) => None,
            });
        Some(inside.collect())
    };
    let Some(members) = contents(data) else {
        return;
    };
    let mut archive = Cursor::new(Vec::new());
    let given = members.iter().enumerate();
    let given = given.map(|(at, (_, bytes))| (format!("{at}.o"), Cow::Borrowed(&bytes[..])));
    write_archive_to(&mut archive, given, Index::Full).expect("memory takes all");
    let again = contents(archive.get_ref()).expect("an archive");
    let bytes = |members: Vec<(String, Vec<u8>)>| members.into_iter().map(|(_, bytes)| bytes);
    assert!(bytes(again).eq(bytes(members)));
}

/// Without an edit an object stays as it is; encoded anew it says the same; edited it is an object.
pub fn object(data: &[u8]) {
    let bytes = data.into();
    let Ok(object) = Object::parse(&bytes) else {
        return;
    };
    let apply = |edits: &wasm::Edits| edits.apply(&object);
    assert!(apply(&wasm::Edits::default()).as_deref() == Ok(data));
    let anew = wasm::Edits {
        reencode: true,
        ..wasm::Edits::default()
    };
    if let Ok(bytes) = apply(&anew) {
        assert_same(&object, &Object::parse(&bytes.into()).expect("an object"));
    }
    if let Ok(bytes) = apply(&all_edits(&object)) {
        Object::parse(&bytes.into()).expect("an object");
    }
}

fn assert_same(one: &Object<'_>, other: &Object<'_>) {
    assert_eq!(one.symbols.len(), other.symbols.len());
    for (one, other) in one.symbols.iter().zip(&other.symbols) {
        assert_eq!((one.name, one.flags), (other.name, other.flags));
        assert_eq!(one.definition(), other.definition());
    }
    assert_eq!(one.segments.len(), other.segments.len());
    for (one, other) in one.segments.iter().zip(&other.segments) {
        assert_eq!((one.name, one.data), (other.name, other.data));
        assert_eq!(
            (one.flags, one.alignment, one.comdat),
            (other.flags, other.alignment, other.comdat)
        );
    }
    assert_eq!(one.comdats, other.comdats);
    for position in 0..one.sections.len() {
        let relocations = |object: &Object<'_>| {
            let relocations = object.relocations(SectionIndex(position as u32));
            let meaning = |relocations: Vec<wasm::Relocation>| -> Vec<_> {
                let meaning = relocations.iter();
                meaning.map(|one| (one.ty, one.index, one.addend)).collect()
            };
            relocations.map(meaning).ok()
        };
        assert_eq!(relocations(one), relocations(other));
    }
}

/// All data gone, every function with a second name, and the first section that has a name gone.
fn all_edits(object: &Object<'_>) -> wasm::Edits {
    let mut edits = wasm::Edits::default();
    for (position, symbol) in object.symbols.iter().enumerate() {
        let index = SymbolIndex(position as u32);
        if symbol.definition().is_some() {
            if position % 2 == 0 {
                let edit = SymbolEdit::Undefined(format!("{}..moved", symbol.name));
                edits.symbols.push((index, edit));
            }
        } else if matches!(symbol.kind, wasm::SymbolKind::Function(_)) && !symbol.is_undefined() {
            edits
                .aliases
                .push((index, format!("{}..again", symbol.name)));
        }
    }
    edits.segments = (0..object.segments.len())
        .map(|index| SegmentIndex(index as u32))
        .collect();
    let mut custom = object.custom_sections();
    let reserved = |name: &str| name == "linking" || name.starts_with("reloc.");
    let first = custom.find(|(_, section)| !reserved(&section.name));
    edits.sections = first.into_iter().map(|(index, _)| index).collect();
    edits
}

/// What is made of an object that has entries is objects. An entry that asks for a large alignment gets it,
/// and the memory that it takes is not bounded by the input's size.
pub fn gather(data: &[u8]) {
    let is_aligned_much = |object: Object<'_>| object.segments.iter().any(|one| one.alignment > 6);
    if Object::parse(&data.into()).is_ok_and(is_aligned_much) {
        return;
    }
    let script = Script::default();
    // By default private data is pooled; a map and a manifest show each piece.
    for shows_all in [false, true] {
        let _ = gathered(data, &script, shows_all);
    }
}

fn gathered(object: &[u8], script: &Script, shows_all: bool) -> Result<()> {
    let words = [
        if shows_all {
            "--print-map"
        } else {
            "--no-entry"
        },
        "--gather=*",
        "--gather=NUMBERS",
        "--gather=TEXTS",
        "-u__start_POINTERS",
    ];
    let line = CommandLine::parse(words.map(OsString::from).to_vec())?;
    let options = Options {
        line: &line,
        script,
        manifest: shows_all,
        retains: &|| true,
    };
    let mut inputs = Inputs::default();
    inputs.add_object("fuzz.o", object);
    let mut rewritten = Vec::new();
    let gathered = wasm_section_ld::gather::gather(&inputs, &options, &mut rewritten)?;
    for (_, bytes) in rewritten {
        objects_relocations(&bytes);
    }
    let Some(hoisted) = gathered.hoisted else {
        return Ok(());
    };
    let object = hoisted.object.bytes();
    objects_relocations(&object);
    if shows_all {
        let object = object.into();
        let object = Object::parse(&object)?;
        let mut custom = object.custom_sections();
        let manifest = custom.find(|(_, section)| section.name == CUSTOM_SECTION);
        let (_, section) = manifest.expect("a manifest");
        let offset = section.content_start() as u64;
        Manifest::read(section.content, offset).expect("what was written can be read");
    }
    Ok(())
}

fn objects_relocations(bytes: &[u8]) {
    let bytes = bytes.into();
    let object = Object::parse(&bytes).expect("an object");
    let data = object.data_section();
    let relocations = data.map(|data| object.relocations(data));
    relocations.transpose().expect("relocations");
}

/// The symbols of bitcode.
pub fn bitcode(data: &[u8]) {
    let bitcode = Bitcode::parse(data);
    assert!(data.starts_with(bitcode.code));
    for symbol in bitcode.symbols.iter().flatten() {
        assert!(symbol.name.len() <= data.len());
    }
}

/// A script is parsed, and laid out for an object that has entries of every kind.
pub fn script(data: &[u8]) {
    const OBJECT: &[u8] = include_bytes!("corpus/gather/entries.o");
    let source = Source::read("fuzz.ld", data);
    // `INCLUDE FILE` would read files of this machine.
    if source.text().contains("INCLUDE") {
        return;
    }
    if let Ok(script) = Script::parse(source, &[]) {
        let _ = gathered(OBJECT, &script, false);
    }
}

/// A symbol's name, by either scheme.
pub fn names(data: &[u8]) {
    let Ok(symbol) = std::str::from_utf8(data) else {
        return;
    };
    let Some(path) = wasm_section_ld::mangling::Path::of(symbol) else {
        return;
    };
    assert!(!path.components.is_empty());
    for position in 0..path.components.len().min(16) {
        let _ = path.shown(position);
    }
    let _ = (path.crate_name(), path.impl_modules());
}
