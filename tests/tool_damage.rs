//! Damaged modules: `wasm-sections` says what is wrong and at which byte, or reads what it can, and
//! never crashes.

use crate::args;
use crate::support::Work;
use crate::support::damage::Damage;
use crate::support::module::{CORE_MODULE, component};
use wasm_encoder::Encode;
use wasm_section_manifest::CUSTOM_SECTION;

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

/// Its sections have no titles, and its entries no names and values.
#[test]
fn the_manifest_of_an_older_linker_is_shown_and_not_compared_by_name() {
    let work = Work::new();
    let mut bytes = vec![1, 0, 2];
    "".encode(&mut bytes);
    "old".encode(&mut bytes);
    bytes.push(1);
    let mut section = vec![1, 16, 0, 0, 0, 20, 0, 0, 0, 4, 2, 4, 1];
    [0, 4, 1, 0, 0, 1, 0, 0].as_slice().encode(&mut section);
    section.encode(&mut bytes);
    let mut old = b"\0asm\x01\0\0\0\0".to_vec();
    let mut custom = Vec::new();
    CUSTOM_SECTION.encode(&mut custom);
    custom.extend(&bytes);
    custom.as_slice().encode(&mut old);
    let old = work.write("old.wasm", old);
    let said = work.sections(args!["inspect", old]);
    assert!(said.text.contains("old: 1 entry"), "{}", said.text);
    module(&work);
    let said = work.sections(args!["diff", old, work.file("good.wasm")]);
    let message = "old.wasm was linked by an older wasm-section-ld, which does not name entries";
    assert!(said.text.contains(message), "{}", said.text);
}

#[test]
fn the_offset_is_that_of_the_file() {
    let work = Work::new();
    let bytes = module(&work);
    let range = Damage {
        bytes: bytes.clone(),
    }
    .custom(CUSTOM_SECTION);
    let mut damaged = bytes;
    damaged[range.start] = 9;
    let said = work.sections(args!["inspect", work.write("version.wasm", &damaged)]);
    let message = format!(
        "version.wasm: the manifest has version 9, but only version 1 is supported (at byte {:#x})\n",
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
