//! `examples/host-js/link-sections.js`, which knows nothing of our code, reads what we write.

use crate::manifest::manifest;
use crate::support::workspace::root;
use crate::support::{Work, reading};
use serde_json::{Value, json};
use std::ffi::OsString;
use wasm_section_manifest::{Entry, Manifest, Pointer, PointerKind, Section};

const READ: &str = r#"
    import { readFile } from "node:fs/promises";
    import { sections } from "LIBRARY";
    console.log(JSON.stringify(sections(await WebAssembly.compile(await readFile("out.wasm")))));
"#;

/// Keys, text beyond ASCII, and addends of either sign and of more than 7 bits.
const SOURCE: &str = r#"
    int numbers[200];
    int *first __asm__("__link_section__ITEMS$10$\303\251t\303\251") = numbers + 100;
    int *second __asm__("__link_section__ITEMS$20$second") = numbers - 100;
    int dead __asm__("__link_section__DEAD$$dead") = 1;
"#;

fn by_javascript(work: &Work) -> Value {
    let library = root().join("examples/host-js/link-sections.js");
    // As a module, whatever package.json is near.
    let library = std::fs::read_to_string(library).expect("the library");
    let library = work.write("link-sections.mjs", library);
    let script = READ.replace("LIBRARY", &library.display().to_string());
    let printed = work.node(&["--experimental-wasm-memory64"], &script);
    serde_json::from_str(&printed).expect("JSON")
}

fn expected(manifest: &Manifest) -> Value {
    let pointer = |pointer: &Pointer| {
        json!({
            "offset": pointer.offset,
            "size": pointer.size,
            "kind": match pointer.kind {
                PointerKind::Data => "data",
                PointerKind::Function => "function",
                PointerKind::Distance => "distance",
                other => panic!("{other:?}"),
            },
            "target": pointer.target,
            "addend": pointer.addend,
        })
    };
    let entry = |entry: &Entry| {
        json!({
            "offset": entry.offset,
            "size": entry.size,
            "symbol": entry.symbol,
            "key": entry.key,
            "crate": entry.krate,
            "file": entry.file,
            "member": entry.member,
            "pointers": entry.pointers.iter().map(pointer).collect::<Vec<_>>(),
            "name": entry.name,
        })
    };
    let section = |section: &Section| {
        json!({
            "name": section.name,
            "title": section.display_name(),
            "start": section.start,
            "stop": section.stop,
            "size": section.size,
            "stride": section.stride.unwrap_or(0),
            "collected": section.is_collected(),
            "relative": manifest.relative,
            "entries": section.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    };
    manifest.sections.iter().map(section).collect()
}

#[test]
fn every_kind_of_module() {
    let work = Work::new();
    for (compile, link) in [
        (&[][..], &[][..]),
        (&["--target=wasm64-unknown-unknown"], &["-mwasm64"]),
        (&["-fPIC"], &["-shared", "--experimental-pic"]),
    ] {
        let object = work.c_with("object", SOURCE, compile);
        let named = work.c_with(
            "named",
            "__attribute__((section(\"ITEMS\"), used)) int *unnamed = 0;",
            compile,
        );
        let mut arguments = reading("ITEMS", [object, named]);
        arguments.retain(|argument| argument != "--export-table");
        arguments.push("--section-manifest".into());
        arguments.extend(link.iter().map(OsString::from));
        let manifest = manifest(&work.link(arguments).module());
        let read = by_javascript(&work);
        assert_eq!(read, expected(&manifest), "{link:?}");
        let items = read.as_array().expect("sections").len();
        assert_eq!(items, 2);
        let entries = &read[1]["entries"];
        assert_eq!(entries[1]["symbol"], "__link_section__ITEMS$10$été");
        assert_eq!(entries[1]["pointers"][0]["addend"], 400);
        assert_eq!(entries[2]["pointers"][0]["addend"], -400);
        assert_eq!(read[0]["collected"], true);
    }
}

#[test]
fn it_has_under_a_hundred_lines() {
    let library = std::fs::read_to_string(root().join("examples/host-js/link-sections.js"));
    let lines = library.expect("the library").lines().count();
    assert!(lines < 100, "{lines} lines");
}
