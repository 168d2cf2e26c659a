//! Damaged modules: `wasm-sections` says what is wrong and at which byte, or reads what it can, and
//! never crashes.

use crate::args;
use crate::manifest::manifest;
use crate::support::Work;
use crate::support::damage::Damage;
use crate::support::module::{CORE_MODULE, component};
use std::panic::catch_unwind;
use wasm_encoder::Encode;
use wasm_section_ld::manifest::{Contents, SECTION, Section, Value};

const SOURCE: &str = r#"
    struct Entry { const char *text; int (*run)(int); };
    static int run(int x) { return x; }
    struct Entry entry __asm__("__link_section__ENTRIES$1$entry") = { "text", run };
"#;

fn module(work: &Work) -> Vec<u8> {
    let object = work.c("object", SOURCE);
    let file = work.with_manifest("good.wasm", "ENTRIES", &[object]);
    std::fs::read(file).expect("a module")
}

/// Every command that reads a module, on a damaged one: whether all could read it.
fn reads(work: &Work, name: &str, bytes: &[u8]) -> bool {
    let file = work.write(name, bytes);
    let page = work.file("page.html");
    let said = [
        work.sections(args!["inspect", file]),
        work.sections(args!["inspect", file, "--html", page]),
    ];
    for said in &said {
        assert!(said.status == 0 || said.status == 2, "{}", said.errors);
        assert_eq!(said.status == 2, !said.errors.is_empty());
        let beginning = format!("wasm-sections: error: {}: ", file.display());
        assert!(
            said.errors.is_empty() || said.errors.starts_with(&beginning),
            "{}",
            said.errors
        );
    }
    said.iter().all(|said| said.status == 0)
}

#[test]
fn cut_off_anywhere() {
    let work = Work::new();
    let bytes = module(&work);
    let ends = Damage {
        bytes: bytes.clone(),
    }
    .section_ends();
    let mut read = 0;
    for end in 0..bytes.len() {
        // At the end of a section what is left is a module.
        let whole = reads(&work, "cut.wasm", &bytes[..end]);
        assert!(!whole || ends.contains(&end), "cut at {end}");
        read += usize::from(whole);
    }
    assert!(read > 3, "{read}");
}

#[test]
fn any_byte_another() {
    let work = Work::new();
    let bytes = module(&work);
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= if at % 2 == 0 { 0xff } else { 0x01 };
        refused += usize::from(!reads(&work, "damaged.wasm", &damaged));
    }
    assert!(refused > 8, "{refused} of {} were refused", bytes.len());
}

/// Faster than through the program, so with every value.
#[test]
fn a_manifest_with_any_byte_any_other() {
    let work = Work::new();
    let bytes = module(&work);
    let range = Damage {
        bytes: bytes.clone(),
    }
    .custom(SECTION);
    let good = &bytes[range];
    let read = |bytes: &[u8]| Contents { bytes, offset: 100 }.read();
    let known = read(good).expect("a good manifest");
    for at in 0..good.len() {
        assert!(read(&good[..at]).is_err(), "cut at {at}");
        for value in 0..=u8::MAX {
            let mut damaged = good.to_vec();
            damaged[at] = value;
            let outcome = catch_unwind(|| read(&damaged)).expect("no panic");
            if let Err(error) = outcome {
                let message = error.to_string();
                assert!(
                    message.contains("(at byte 0x") && message.contains("manifest"),
                    "{message}"
                );
            }
        }
    }
    assert_eq!(known.sections.len(), 1);
}

/// What would be read outside of memory.
#[test]
fn a_manifest_that_contradicts_itself() {
    let work = Work::new();
    let known = manifest(&module(&work));
    let refused = |change: &dyn Fn(&mut Section)| {
        let mut changed = known.clone();
        changed.sections.iter_mut().for_each(change);
        let bytes = changed.write().bytes;
        let contents = Contents {
            bytes: &bytes,
            offset: 0,
        };
        contents.read().expect_err("an error").to_string()
    };
    let message = refused(&|section| section.size -= 1);
    assert!(message.starts_with("an entry ends outside of its section `ENTRIES` (at byte 0x"));
    let message = refused(&|section| section.entries[0].size = 7);
    assert!(message.starts_with("a pointer ends outside of its entry (at byte 0x"));
    let message = refused(&|section| section.entries[0].pointers[0].size = 3);
    assert!(message.starts_with("a pointer of 3 bytes (at byte 0x"));
    let value = Value {
        pointer: 0,
        size: 8,
        pointers: Vec::new(),
    };
    let with_values = |section: &mut Section, values: Vec<Value>| {
        let entry = section
            .entries
            .iter_mut()
            .find(|entry| !entry.pointers.is_empty());
        entry.expect("an entry with a pointer").values = values;
    };
    let message = refused(&|section| {
        let pointer = 77;
        with_values(
            section,
            vec![Value {
                pointer,
                ..value.clone()
            }],
        );
    });
    assert!(
        message.starts_with("there is no pointer 77 before this value: "),
        "{message}"
    );
    let message = refused(&|section| {
        let mut pointers = section.entries[0].pointers.clone();
        pointers[0].offset = 6;
        with_values(
            section,
            vec![Value {
                pointers,
                ..value.clone()
            }],
        );
    });
    assert!(
        message.starts_with("a pointer ends outside of its value (at byte 0x"),
        "{message}"
    );
    let message = refused(&|section| with_values(section, vec![value.clone(); 65]));
    let expected = "an entry has 65 values, and 64 are the most (at byte 0x";
    assert!(message.starts_with(expected), "{message}");
}

/// Later versions may have more at the end of a section and of an entry.
#[test]
fn what_a_later_version_adds_is_passed_over() {
    let mut bytes = vec![1, 0, 2];
    "".encode(&mut bytes);
    "S".encode(&mut bytes);
    bytes.push(1);
    let mut section = vec![1, 16, 0, 0, 0, 20, 0, 0, 0, 4, 2, 4, 1];
    let (entry, more) = ([0, 4, 0, 0, 0, 1, 0, 0, 1, 0], [7, 7, 7]);
    [&entry[..], &more].concat().encode(&mut section);
    section.push(1);
    section.extend(more);
    section.encode(&mut bytes);
    let contents = Contents {
        bytes: &bytes,
        offset: 0,
    };
    let manifest = contents.read().expect("a manifest");
    let section = &manifest.sections[0];
    assert_eq!(
        (section.start, section.stop, section.stride),
        (16, 20, Some(4))
    );
    assert_eq!(
        (section.entries.len(), section.entries[0].file.as_str()),
        (1, "S")
    );
    assert_eq!(section.title.as_deref(), Some("S"));
    assert_eq!(section.entries[0].name.as_deref(), Some("S"));
}

/// A manifest that was written before sections had titles, and entries names and values.
#[test]
fn what_an_older_version_lacks_is_not_there() {
    let work = Work::new();
    let mut bytes = vec![1, 0, 2];
    "".encode(&mut bytes);
    "old".encode(&mut bytes);
    bytes.push(1);
    let mut section = vec![1, 16, 0, 0, 0, 20, 0, 0, 0, 4, 2, 4, 1];
    [0, 4, 1, 0, 0, 1, 0, 0].as_slice().encode(&mut section);
    section.encode(&mut bytes);
    let contents = Contents {
        bytes: &bytes,
        offset: 0,
    };
    let manifest = contents.read().expect("a manifest");
    let section = &manifest.sections[0];
    let entry = &section.entries[0];
    assert_eq!((&section.title, &entry.name), (&None, &None));
    assert!(entry.values.is_empty());
    // The tool still shows it, and says why it cannot compare by name.
    let mut old = b"\0asm\x01\0\0\0\0".to_vec();
    let mut custom = Vec::new();
    SECTION.encode(&mut custom);
    custom.extend(&bytes);
    custom.as_slice().encode(&mut old);
    let old = work.write("old.wasm", old);
    let said = work.sections(args!["inspect", old]);
    assert!(said.text.contains("old: 1 entry"), "{}", said.text);
    module(&work);
    let said = work.sections(args!["diff", old, work.file("good.wasm")]);
    let message = "old.wasm is of an older wasm-section-ld, which names no entries";
    assert!(said.text.contains(message), "{}", said.text);
}

/// Each entry refers five times to a string of 100,000 bytes.
#[test]
fn a_manifest_that_would_fill_the_memory() {
    let mut bytes = Vec::new();
    let number = |number: u32, out: &mut Vec<u8>| number.encode(out);
    for small in [1, 0, 2] {
        number(small, &mut bytes);
    }
    "".encode(&mut bytes);
    "x".repeat(100_000).encode(&mut bytes);
    let entry = [0, 4, 1, 1, 1, 1, 1, 0];
    let count = 100_000;
    let mut section = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0];
    number(count, &mut section);
    (0..count).for_each(|_| entry.as_slice().encode(&mut section));
    number(1, &mut bytes);
    section.encode(&mut bytes);
    let contents = Contents {
        bytes: &bytes,
        offset: 0,
    };
    let error = contents.read().expect_err("50 GB").to_string();
    assert!(
        error.contains("strings are referred to so often"),
        "{error}"
    );
}

#[test]
fn the_offset_is_that_of_the_file() {
    let work = Work::new();
    let bytes = module(&work);
    let range = Damage {
        bytes: bytes.clone(),
    }
    .custom(SECTION);
    let mut damaged = bytes;
    damaged[range.start] = 9;
    let said = work.sections(args!["inspect", work.write("version.wasm", &damaged)]);
    let message = format!(
        "version.wasm: the manifest has version 9, and only 1 is known (at byte {:#x})\n",
        range.start
    );
    assert!(said.errors.contains(&message), "{}", said.errors);
    // In a component too.
    let component = component(&[(CORE_MODULE, &damaged)]);
    let before = component.len() - damaged.len();
    let said = work.sections(args!["inspect", work.write("component.wasm", component)]);
    let message = format!("(at byte {:#x})", before + range.start);
    assert!(
        said.status == 2 && said.errors.contains(&message),
        "{}",
        said.errors
    );
}
