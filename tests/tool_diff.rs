//! `wasm-sections diff`: what came, went and moved, and an exit status for CI.

use crate::args;
use crate::support::Work;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A module that registers these plugins, each in an object of its own, in this order.
fn module(work: &Work, name: &str, plugins: &[&str]) -> PathBuf {
    let objects = plugins.iter().map(|plugin| {
        let source = format!(r#"int {plugin} __asm__("__link_section__PLUGINS$${plugin}") = 1;"#);
        work.c(plugin, &source)
    });
    work.with_manifest(name, "PLUGINS", &Vec::from_iter(objects))
}

fn titles(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().expect("a list").iter();
    entries
        .map(|entry| entry["title"].as_str().expect("a title"))
        .collect()
}

#[test]
fn the_same() {
    let work = Work::new();
    let old = module(&work, "old.wasm", &["a", "b"]);
    // Other addresses are no difference.
    let data = work.c("data", "const char data[] = \"more\"; __attribute__((export_name(\"g\"))) const char *g(void) { return data; }");
    let objects = ["a.o", "b.o"].map(|name| work.file(name));
    let new = work.with_manifest("new.wasm", "PLUGINS", &[&[data], &objects[..]].concat());
    let said = work.sections(args!["diff", old, new]);
    assert_eq!(
        (said.status, said.text.as_str()),
        (0, "the same registrations in the same order\n")
    );
    let said = work.sections(args!["diff", old, new, "--json"]);
    assert_eq!(said.json()["sections"], json!([]));
}

#[test]
fn what_came_and_went_and_moved() {
    let work = Work::new();
    let old = module(&work, "old.wasm", &["a", "b", "c", "d", "e"]);
    let new = module(&work, "new.wasm", &["e", "f", "a", "c", "d"]);
    let said = work.sections(args!["diff", old, new, "--json"]);
    assert_eq!(said.status, 1);
    let sections = said.json()["sections"].clone();
    let section = &sections[0];
    assert_eq!(titles(&section["came"]), ["f"]);
    assert_eq!(titles(&section["went"]), ["b"]);
    // The others only made room.
    assert_eq!(
        section["moved"],
        json!([{ "symbol": "e", "from": 4, "to": 0 }])
    );
    let said = work.sections(args!["diff", old, new]);
    let expected = "PLUGINS: 5 -> 5 entries\n- b (b.o)\n+ f (f.o)\n~ e: 4 -> 0\n";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
}

#[test]
fn sections_that_came_went_or_died() {
    let work = Work::new();
    let source = |name: &str| format!(r#"int x __asm__("__link_section__{name}$$x") = 1;"#);
    let [first, second] = ["FIRST", "SECOND"].map(|name| work.c(name, &source(name)));
    let old = work.with_manifest("old.wasm", "FIRST", std::slice::from_ref(&first));
    let new = work.with_manifest("new.wasm", "SECOND", &[first, second]);
    let said = work.sections(args!["diff", old, new]);
    let expected = "FIRST: 1 -> 1 entries, now collected as garbage: nothing that is alive reaches it\n\
                    SECOND: 0 -> 1 entries, a new section\n+ x (SECOND.o)\n";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
}

#[test]
fn a_module_without_a_manifest_cannot_be_compared() {
    let work = Work::new();
    let old = module(&work, "old.wasm", &["a"]);
    let plain = work.link(crate::support::reading("PLUGINS", [work.file("a.o")]));
    let said = work.sections(args!["diff", old, plain.output]);
    assert_eq!(said.status, 2);
    let message = "out.wasm: there is no manifest in it\n>>> link with --section-manifest";
    assert!(said.errors.contains(message), "{}", said.errors);
}
