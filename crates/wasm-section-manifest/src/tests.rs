//! The format as docs/manifest.md has it, byte by byte: nothing here shares code with the linker that writes it.

use super::{Error, Manifest, Pointer, PointerKind, Value};
use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec::Vec;
use alloc::{format, vec};

/// A number as LEB128.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Bytes after their length.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len()), bytes.to_vec()].concat()
}

fn manifest(flags: u8, strings: &[&str], sections: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![1, flags];
    bytes.extend(number(strings.len()));
    strings
        .iter()
        .for_each(|string| bytes.extend(sized(string.as_bytes())));
    bytes.extend(number(sections.len()));
    sections
        .iter()
        .for_each(|section| bytes.extend(sized(section)));
    bytes
}

const STRINGS: [&str; 9] = [
    "", "S", "symbol", "key", "crate", "file", "member", "target", "name",
];
/// Name 1, 16 to 32, 16 bytes, aligned to 8, no stride, 1 entry.
const SECTION: [u8; 13] = [1, 16, 0, 0, 0, 32, 0, 0, 0, 16, 3, 0, 1];
/// At 4, 12 bytes; symbol, key, crate, file and member.
const ENTRY: [u8; 7] = [4, 12, 2, 3, 4, 5, 6];
/// One: at 8, 4 bytes, a function, the target, -2 bytes.
const POINTERS: [u8; 6] = [1, 8, 4, 1, 7, 0x7e];
/// The name, and one value of pointer 0: 4 bytes, with one pointer at 0, 4 bytes, data, no name, 300 bytes.
const NAMED: [u8; 10] = [8, 1, 0, 4, 1, 0, 4, 0, 0, 0xac];

fn entry(more: &[u8]) -> Vec<u8> {
    [&ENTRY[..], &POINTERS, &NAMED, &[2], more].concat()
}

/// A section of that entry, and the title 8.
fn section(entry: &[u8], more: &[u8]) -> Vec<u8> {
    [&SECTION[..], &sized(entry), &[8], more].concat()
}

fn good() -> Vec<u8> {
    manifest(0, &STRINGS, &[section(&entry(&[]), &[])])
}

fn read(bytes: &[u8]) -> Result<Manifest, Error> {
    Manifest::read(bytes, 100)
}

/// What is wrong with a manifest that has that entry.
fn refused(entry: &[u8]) -> alloc::string::String {
    let bytes = manifest(0, &STRINGS, &[section(entry, &[])]);
    let error = read(&bytes).expect_err("an error");
    assert!(error.offset() >= 100 && error.offset() < 100 + bytes.len() as u64);
    error.message().to_owned()
}

#[test]
fn each_field() {
    let read = read(&good()).expect("a manifest");
    assert!(!read.memory64 && !read.relative);
    let [section] = read.sections.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(
        (section.name.as_str(), section.display_name()),
        ("S", "name")
    );
    assert_eq!((section.start, section.stop, section.size), (16, 32, 16));
    assert_eq!((section.alignment, section.stride), (3, None));
    assert!(!section.is_collected());
    let [entry] = section.entries.as_slice() else {
        panic!("{section:?}")
    };
    assert_eq!((entry.offset, entry.size), (4, 12));
    let strings = [
        &entry.symbol,
        &entry.key,
        &entry.krate,
        &entry.member,
        &entry.name,
    ];
    let strings = strings.map(|string| string.as_deref().unwrap_or_default());
    assert_eq!(strings, ["symbol", "key", "crate", "member", "name"]);
    assert_eq!(entry.file, "file");
    let function = Pointer {
        offset: 8,
        size: 4,
        kind: PointerKind::Function,
        target: "target".to_owned(),
        addend: -2,
    };
    let data = Pointer {
        offset: 0,
        size: 4,
        kind: PointerKind::Data,
        target: "".to_owned(),
        addend: 300,
    };
    assert_eq!(entry.pointers, [function]);
    let value = Value {
        pointer: 0,
        size: 4,
        pointers: vec![data],
    };
    assert_eq!(entry.values, [value]);
    assert_eq!(read.section("S"), Some(section));
    assert_eq!(read.section("name"), None);
}

#[test]
fn flags() {
    let mut wide = vec![1];
    wide.extend(16_u64.to_le_bytes());
    wide.extend((1_u64 << 32).to_le_bytes());
    wide.extend([16, 3, 16, 0, 0]);
    let read = read(&manifest(3, &STRINGS, &[wide])).expect("a manifest");
    assert!(read.memory64 && read.relative);
    assert_eq!(
        (read.sections[0].start, read.sections[0].stop),
        (16, 1 << 32)
    );
    assert_eq!(read.sections[0].stride, Some(16));
}

/// One whose addresses are 0.
#[test]
fn a_collected_section() {
    let collected = [1, 0, 0, 0, 0, 0, 0, 0, 0, 16, 3, 0, 0, 0].to_vec();
    let empty = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0].to_vec();
    let read = read(&manifest(0, &STRINGS, &[collected, empty])).expect("a manifest");
    let collected: Vec<_> = read
        .sections
        .iter()
        .map(|section| section.is_collected())
        .collect();
    assert_eq!(collected, [true, false]);
}

#[test]
fn what_a_later_version_adds_is_skipped() {
    let mut later = entry(&[7, 7, 7]);
    // A kind of pointers.
    later[10] = 9;
    let bytes = manifest(
        0x70 | 2,
        &STRINGS,
        &[section(&later, &[7, 7]), section(&later, &[])],
    );
    let known = read(&good()).expect("a manifest");
    let read = read(&bytes).expect("a manifest");
    assert!(read.relative);
    for section in &read.sections {
        assert_eq!(section.entries[0].pointers[0].kind, PointerKind::Other(9));
        assert_eq!(
            section.entries[0].values,
            known.sections[0].entries[0].values
        );
        assert_eq!(section.title, known.sections[0].title);
    }
}

/// It wrote no titles, names and values.
#[test]
fn what_an_older_linker_did_not_write_is_none() {
    let entry = sized(&[&ENTRY[..], &POINTERS].concat());
    let section = [&SECTION[..], &entry].concat();
    let read = read(&manifest(0, &STRINGS, &[section])).expect("a manifest");
    let section = &read.sections[0];
    assert_eq!((&section.title, section.display_name()), (&None, "S"));
    assert_eq!(section.entries[0].pointers.len(), 1);
    assert_eq!(
        (&section.entries[0].name, section.entries[0].values.len()),
        (&None, 0)
    );
}

#[test]
fn damage_anywhere() {
    let good = good();
    let whole = read(&good).expect("a manifest");
    for at in 0..good.len() {
        let error = read(&good[..at]).expect_err("it is cut off");
        let end = 100 + at as u64;
        assert!(
            (100..=end).contains(&error.offset()),
            "cut off at {at}: {error}"
        );
        for value in 0..=u8::MAX {
            let mut damaged = good.clone();
            damaged[at] = value;
            // It must not panic. Of most numbers any value is a good one.
            if let Ok(read) = read(&damaged) {
                assert_eq!(read.sections.len(), whole.sections.len());
            }
        }
    }
}

#[test]
fn what_contradicts_itself() {
    let with = |at: usize, byte: u8| {
        let mut entry = entry(&[]);
        entry[at] = byte;
        refused(&entry)
    };
    assert_eq!(with(0, 5), "an entry ends outside of its section `S`");
    assert_eq!(with(1, 11), "a pointer ends outside of its entry");
    assert_eq!(with(9, 3), "a pointer has 3 bytes, not 4 or 8");
    assert_eq!(with(16, 3), "a pointer ends outside of its value");
    let message = with(15, 1);
    assert_eq!(
        message,
        "a value belongs to pointer 1, but only 1 pointers come before it"
    );
    assert_eq!(
        with(14, 65),
        "an entry has 65 values, but may have at most 64"
    );
    assert_eq!(
        with(2, 9),
        "string index 9 is out of range: there are 9 strings"
    );
}

/// The pointers of the entry count first, then those of its values.
#[test]
fn a_value_of_a_value() {
    let mut entry = entry(&[]);
    entry[14] = 2;
    let second = |pointer| [&entry[..], &[pointer, 4, 0]].concat();
    let bytes = manifest(0, &STRINGS, &[section(&second(1), &[])]);
    let read = read(&bytes).expect("a manifest");
    let values = read.sections[0].entries[0].values.iter();
    let owners: Vec<_> = values.map(|value| value.pointer).collect();
    assert_eq!(owners, [0, 1]);
    let message = refused(&second(2));
    assert_eq!(
        message,
        "a value belongs to pointer 2, but only 2 pointers come before it"
    );
}

#[test]
fn the_offset_is_that_of_the_file() {
    let error = read(&[9, 0]).expect_err("a version");
    let message = "the manifest has version 9, but only version 1 is supported (at byte 0x64)";
    assert_eq!(error.to_string(), message);
    let twice = [good(), good()].concat();
    let error = read(&twice).expect_err("two manifests");
    assert_eq!(error.offset(), 100 + good().len() as u64);
}

/// Each entry refers five times to a string of 100,000 bytes.
#[test]
fn a_manifest_that_would_fill_the_memory() {
    let count = 100_000;
    let mut section = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0];
    section.extend(number(count));
    let entry = sized(&[0, 4, 1, 1, 1, 1, 1, 0]);
    (0..count).for_each(|_| section.extend(&entry));
    let bytes = manifest(0, &["", &"x".repeat(100_000)], &[section]);
    let error = read(&bytes).expect_err("50 GB");
    assert_eq!(
        error.message(),
        "the manifest refers to more bytes of strings than it may"
    );
}

/// Counts of more items than there are bytes.
#[test]
fn a_count_that_is_wrong_allocates_nothing() {
    for bytes in [
        &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ] {
        let error = read(bytes).expect_err("it ends");
        assert_eq!(error.message(), "the bytes end where a number is expected");
    }
    let long = [1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let error = read(&long).expect_err("a number");
    assert_eq!(error.message(), "a number has more than 32 bits");
}

/// A module: other sections, and the custom ones of those names.
fn module(custom: &[(&str, &[u8])]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // A section that no module has yet.
    module.extend([77, 2, 1, 2]);
    for (name, content) in custom {
        module.push(0);
        module.extend(sized(&[sized(name.as_bytes()), content.to_vec()].concat()));
    }
    module
}

#[test]
fn finds_it_in_a_module() {
    let good = good();
    assert_eq!(Manifest::find(&module(&[])), Ok(None));
    assert_eq!(Manifest::find(&module(&[("name", &[1, 2])])), Ok(None));
    let found = Manifest::find(&module(&[("name", &[]), (super::CUSTOM_SECTION, &good)]));
    assert_eq!(found, read(&good).map(Some));
    let twice = [
        (super::CUSTOM_SECTION, &good[..]),
        (super::CUSTOM_SECTION, &good),
    ];
    let error = Manifest::find(&module(&twice)).expect_err("two");
    assert_eq!(
        error.message(),
        "the module has two sections `link_sections`"
    );
    // The content begins after the header of the module, the other section, and the name.
    let error = Manifest::find(&module(&[(super::CUSTOM_SECTION, &[9])])).expect_err("a version");
    assert_eq!(error.offset(), 8 + 4 + 2 + 1 + 13);
}

#[test]
fn what_is_no_module_is_refused() {
    let message = |bytes: &[u8]| {
        Manifest::find(bytes)
            .expect_err("an error")
            .message()
            .to_owned()
    };
    assert!(message(b"").contains("not a WebAssembly module"));
    assert!(message(b"(module)").contains("not a WebAssembly module"));
    assert!(message(b"\0asm\x0d\0\x01\0").contains("component"));
    let good = module(&[(super::CUSTOM_SECTION, &good())]);
    for end in 9..good.len() {
        // After the first section the module is whole.
        assert_eq!(
            Manifest::find(&good[..end]).is_ok(),
            end == 12,
            "cut off at {end}"
        );
    }
}

#[test]
fn names_without_their_numbers() {
    let mut entry = read(&good()).expect("a manifest").sections[0].entries[0].clone();
    for (name, plain) in [
        ("a::b", "a::b"),
        ("a #2", "a"),
        ("a #2 #13", "a #2"),
        ("a #b", "a #b"),
    ] {
        entry.name = Some(name.to_owned());
        assert_eq!(entry.plain_name(), Some(plain), "{name}");
    }
    entry.name = None;
    assert_eq!(entry.plain_name(), None);
}

#[test]
fn numbers_of_kinds() {
    for number in 0..10 {
        let kind = PointerKind::from_number(number);
        assert_eq!(kind.number(), number);
        assert_eq!(format!("{kind:?}").starts_with("Other"), number > 2);
    }
}
