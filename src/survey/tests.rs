//! The survey of objects in memory.

use super::{Origin, Survey, survey};
use crate::args::CommandLine;
use crate::error::Result;
use crate::input::Inputs;
use crate::script::Script;
use crate::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};

/// An object with a segment for each of these symbols, of the given name, and references to others.
fn object(data: &[(&str, &str, &[u8])], references: &[&str]) -> Vec<u8> {
    let mut object = Builder::new(false, false);
    for &(segment, symbol, bytes) in data {
        let size = bytes.len() as u32;
        let segment = object.segment(segment.to_owned(), 0, 0, bytes.to_vec());
        let definition = Definition {
            segment,
            offset: 0,
            size,
        };
        object.symbol(SynthSymbol::Data {
            flags: SymbolFlags::empty(),
            name: symbol.to_owned().into(),
            definition,
        });
    }
    for name in references {
        object.symbol(SynthSymbol::UndefinedData {
            flags: SymbolFlags::UNDEFINED,
            name: (*name).to_owned().into(),
        });
    }
    object.finish().bytes()
}

/// The sections of the entries of some objects, in order, each with its origin and size.
fn entries(objects: &[Vec<u8>], words: &[&str]) -> Result<Vec<(String, &'static str, u32)>> {
    let mut inputs = Inputs::default();
    for (position, bytes) in objects.iter().enumerate() {
        inputs.add_object(format!("{position}.o"), bytes);
    }
    let line = CommandLine::parse(words.iter().map(Into::into).collect())?;
    let found: Survey<'_> = survey(&line, &Script::default(), &inputs)?;
    let entry = |entry: &super::Entry| {
        let origin = match entry.origin {
            Origin::Segment(_) => "segment",
            Origin::Symbol(..) => "symbol",
            Origin::Custom(..) => "custom section",
        };
        (found.section(entry).to_owned(), origin, entry.size)
    };
    Ok(found.entries.iter().map(entry).collect())
}

fn entry(section: &str, origin: &'static str, size: u32) -> (String, &'static str, u32) {
    (section.to_owned(), origin, size)
}

#[test]
fn only_a_reference_selects_a_segment() {
    let data = object(&[("A", "a", b"1"), ("B", "b", b"22")], &[]);
    let both = [data.clone(), object(&[], &["__start_A"])];
    assert_eq!(entries(std::slice::from_ref(&data), &[]), Ok(vec![]));
    assert_eq!(entries(&both, &[]), Ok(vec![entry("A", "segment", 1)]));
    let gathered = entries(&[data], &["--gather=B"]);
    assert_eq!(gathered, Ok(vec![entry("B", "segment", 2)]));
}

/// Also from an object that has marks for another section and was scanned before.
#[test]
fn a_mark_selects_its_section_in_all_objects() {
    let first = object(
        &[(".data.a", "__link_section__A$$a", b"1"), ("B", "b", b"22")],
        &[],
    );
    let last = object(&[(".data.b", "__link_section__B$$b", b"333")], &[]);
    let expected = vec![
        entry("A", "symbol", 1),
        entry("B", "segment", 2),
        entry("B", "symbol", 3),
    ];
    assert_eq!(entries(&[first, last], &[]), Ok(expected));
}

#[test]
fn a_custom_section_that_copies_a_segment_is_no_entry() {
    let with_custom = |content: &[u8]| {
        let mut object = Builder::new(false, false);
        object.segment("A", 0, 0, b"12".to_vec());
        object.custom("A", content.to_vec(), Vec::new());
        object.finish().bytes()
    };
    let select = object(&[], &["__stop_A"]);
    let copy = entries(&[with_custom(b"12"), select.clone()], &[]);
    assert_eq!(copy, Ok(vec![entry("A", "segment", 2)]));
    let other = entries(&[with_custom(b"34"), select], &[]);
    let expected = vec![entry("A", "segment", 2), entry("A", "custom section", 2)];
    assert_eq!(other, Ok(expected));
}

#[test]
fn a_marked_symbol_cannot_share_its_segment() {
    let mut shared = Builder::new(false, false);
    let segment = shared.segment(".data", 0, 0, b"1234".to_vec());
    for (name, offset) in [("__link_section__A$$a", 0), ("other", 2)] {
        shared.symbol(SynthSymbol::Data {
            flags: SymbolFlags::empty(),
            name: name.into(),
            definition: Definition {
                segment,
                offset,
                size: 2,
            },
        });
    }
    let error = entries(&[shared.finish().bytes()], &[]).expect_err("an unmarked neighbour");
    let error = error.to_string();
    assert!(
        error.starts_with("0.o: ") && error.contains("`other`, which is not marked"),
        "{error}"
    );
}

#[test]
fn what_is_no_object_is_an_error() {
    let error = entries(&[b"\0asm\x01\0\0\0".to_vec()], &[]).expect_err("no linking section");
    assert!(error.what().contains("no `linking` section"), "{error}");
}
