//! `wasm-sections diff`: what was added, removed, changed or moved, and an exit status for CI.

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
        (0, "no differences: the same entries in the same order\n")
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
    assert_eq!(titles(&section["added"]), ["f"]);
    assert_eq!(titles(&section["removed"]), ["b"]);
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
    let expected = "FIRST: 1 -> 1 entries, now garbage-collected: nothing live refers to it\n\
                    SECOND: 0 -> 1 entries, new section\n+ x (SECOND.o)\n";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
}

#[test]
fn a_module_without_a_manifest_cannot_be_compared() {
    let work = Work::new();
    let old = module(&work, "old.wasm", &["a"]);
    let plain = work.link(crate::support::reading("PLUGINS", [work.file("a.o")]));
    let said = work.sections(args!["diff", old, plain.output]);
    assert_eq!(said.status, 2);
    let message = "out.wasm: the module has no manifest\n>>> link with --section-manifest";
    assert!(said.errors.contains(message), "{}", said.errors);
}

/// An entry of a Rust crate: its mark has the path of a module.
fn of_crate(work: &Work, object: &str, key: &str, path: &str) -> PathBuf {
    let source =
        format!(r#"extern int x __asm__("__link_section__PLUGINS${key}${path}"); int x = 1;"#);
    work.c(object, &source)
}

/// rustc orders the entries of a crate by names with hashes, which differ in each version.
#[test]
fn the_order_inside_of_a_crate_is_nobodys_but_by_keys() {
    let work = Work::new();
    let [a, b, c] = [("a", "one::a"), ("b", "one::b"), ("c", "two::c")]
        .map(|(object, path)| of_crate(&work, object, "", path));
    let link = |name: &str, objects: [&PathBuf; 3]| {
        work.with_manifest(name, "PLUGINS", &objects.map(PathBuf::clone))
    };
    let old = link("old.wasm", [&a, &b, &c]);
    let said = work.sections(args!["diff", old, link("same.wasm", [&b, &a, &c])]);
    assert_eq!(said.status, 0, "{}", said.text);
    // The order of crates is that of the command line.
    let said = work.sections(args!["diff", old, link("moved.wasm", [&c, &b, &a])]);
    let expected = "PLUGINS: 3 -> 3 entries\n~ two::c: 2 -> 0\n";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
    let keyed = |name: &str, keys: [&str; 3]| {
        let objects = [("a", "one::a"), ("b", "one::b"), ("c", "one::c")];
        let objects = objects.iter().zip(keys);
        let objects = objects.map(|((object, path), key)| of_crate(&work, object, key, path));
        work.with_manifest(name, "PLUGINS", &Vec::from_iter(objects))
    };
    let old = keyed("old.wasm", ["10", "20", "30"]);
    let said = work.sections(args!["diff", old, keyed("new.wasm", ["10", "20", "05"])]);
    let expected = "PLUGINS: 3 -> 3 entries\n~ one::c: 2 -> 0\n";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
}

/// A value, a function and a text that are others, in entries of the same name.
#[test]
fn what_entries_hold() {
    let work = Work::new();
    let module = |name: &str, number: &str, function: &str, text: &str| {
        let source = format!(
            r#"
            struct Plugin {{ int number; int (*run)(void); const char *text; }};
            static int one(void) {{ return 1; }}
            static int two(void) {{ return 2; }}
            int (*const both[])(void) = {{ one, two }};
            extern const struct Plugin entry __asm__("__link_section__PLUGINS$$entry");
            const struct Plugin entry = {{ {number}, {function}, {text} }};
            "#
        );
        let object = work.c("object", &source);
        work.with_manifest(name, "PLUGINS", &[object])
    };
    let old = module("old.wasm", "7", "one", "\"text\"");
    let changed = |number: &str, function: &str, text: &str| {
        let new = module("new.wasm", number, function, text);
        let said = work.sections(args!["diff", old, new]);
        let change = said
            .text
            .strip_prefix("PLUGINS: 1 -> 1 entries\n! entry (object.o): ");
        change.unwrap_or(&said.text).to_owned()
    };
    assert_eq!(changed("8", "one", "\"text\""), "07000000 -> 08000000\n");
    assert_eq!(changed("7", "two", "\"text\""), "fn one -> fn two\n");
    assert_eq!(changed("7", "one", "\"texts\""), "\"text\" -> \"texts\"\n");
    assert_eq!(changed("7", "one", "0"), "\"text\" -> no address\n");
    let all = changed("8", "two", "0");
    assert_eq!(
        all,
        "fn one -> fn two, \"text\" -> no address, 07000000 -> 08000000\n"
    );
    let same = "no differences: the same entries in the same order\n";
    assert_eq!(changed("7", "one", "\"text\""), same);
}
