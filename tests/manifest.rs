//! `--section-manifest`: what the custom section `link_sections` says is what is in memory, and
//! nothing else in the module changes.

use crate::args;
use crate::kept_in_rust::{linked_into_a_program, read};
use crate::support::module::{custom_section, custom_sections};
use crate::support::workspace::{Workspace, root};
use crate::support::{Instance, Rust, Work, linkers, reading, tool};
use serde_json::Value;
use std::ffi::OsString;
use wasm_section_manifest::{CUSTOM_SECTION, Manifest, PointerKind, Section};

/// The manifest of a module.
pub fn manifest(module: &[u8]) -> Manifest {
    let bytes = custom_section(module, CUSTOM_SECTION);
    let found = Manifest::find(module).expect("a good manifest");
    assert_eq!(found, Manifest::read(&bytes, 0).ok());
    found.expect("a manifest")
}

fn section(manifest: &Manifest, name: &str) -> Section {
    let mut sections = manifest.sections.iter();
    let found = sections.find(|section| section.name == name);
    found.expect("a section of that name").clone()
}

fn without(module: &[u8], name: &str) -> Vec<(String, Vec<u8>)> {
    let mut custom = custom_sections(module);
    custom.retain(|(found, _)| found != name);
    custom
}

/// The sections that are not custom ones, as they are.
fn standard_sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let payloads = wasmparser::Parser::new(0).parse_all(module);
    let sections = payloads.filter_map(|payload| {
        let payload = payload.expect("a module");
        let (id, range) = payload.as_section()?;
        let bytes = &module[range.start as usize..range.end as usize];
        (id != 0).then(|| (id, bytes.to_vec()))
    });
    sections.collect()
}

const SHARED_SOURCE: &str = r#"
    struct Plugin { const char *name; int (*run)(int); };
    static const char text[] = "first";
    static int run(int x) { return x + 1; }
    static const struct Plugin first __asm__("__link_section__PLUGINS$10$first") __attribute__((used));
    static const struct Plugin first = { text + 1, run };
    static const struct Plugin second __asm__("__link_section__PLUGINS$20$second") __attribute__((used));
    static const struct Plugin second = { 0, run };
"#;

/// Two entries of one object and one of an archive's, in an array that the host reads.
fn inputs(work: &Work, more: &[&str]) -> Vec<OsString> {
    let object = work.c_with("object", SHARED_SOURCE, more);
    let third = r#"
        struct Plugin { const char *name; int (*run)(int); };
        int third(int x) { return x * 3; }
        __attribute__((section("PLUGINS"), used)) struct Plugin in_section = { "third", third };
    "#;
    let third = work.c_with("third", third, more);
    let archive = work.archive("libthird.a", &[&third]);
    reading("PLUGINS", args![object, archive])
}

fn with_manifest(arguments: &[OsString]) -> Vec<OsString> {
    let mut arguments = arguments.to_vec();
    arguments.push("--section-manifest".into());
    arguments
}

#[test]
fn what_it_says_is_what_is_in_memory() {
    let work = Work::new();
    let arguments = with_manifest(&inputs(&work, &[]));
    for backend in linkers() {
        let module = work.link_with(&backend, &arguments).silent();
        let mut instance = Instance::new(&module);
        let manifest = manifest(&module);
        assert!(!manifest.memory64 && !manifest.relative);
        let plugins = section(&manifest, "PLUGINS");
        assert_eq!(
            plugins.start,
            u64::from(instance.address("__start_PLUGINS"))
        );
        assert_eq!(plugins.stop, u64::from(instance.address("__stop_PLUGINS")));
        assert_eq!((plugins.size, plugins.alignment), (24, 2));
        assert_eq!(plugins.stride, Some(8));
        assert!(!plugins.is_collected());
        // Those without a key come first.
        let said: Vec<_> = plugins
            .entries
            .iter()
            .map(|entry| (entry.offset, entry.size, entry.symbol.as_deref()))
            .collect();
        let expected = [
            (0, 8, Some("in_section")),
            (8, 8, Some("__link_section__PLUGINS$10$first")),
            (16, 8, Some("__link_section__PLUGINS$20$second")),
        ];
        assert_eq!(said, expected);
        let keys = plugins.entries.iter().map(|entry| entry.key.as_deref());
        assert_eq!(Vec::from_iter(keys), [None, Some("10"), Some("20")]);
        let from = |index: usize| {
            let entry = &plugins.entries[index];
            (entry.file.as_str(), entry.member.as_deref())
        };
        assert_eq!(from(0), ("libthird.a", Some("third.o")));
        assert_eq!(from(1), ("object.o", None));
        let pointers = |index: usize| {
            let pointers = plugins.entries[index].pointers.iter();
            let said = pointers.map(|pointer| {
                let target = pointer.target.as_str();
                (pointer.offset, pointer.kind, target, pointer.addend)
            });
            Vec::from_iter(said)
        };
        use PointerKind::{Data, Function};
        let first = [(0, Data, "text", 1), (4, Function, "run", 0)];
        assert_eq!(pointers(1), first);
        assert_eq!(pointers(2), [(4, Function, "run", 0)]);
        assert_eq!(pointers(0)[1], (4, Function, "third", 0));
        let words = instance.words("PLUGINS");
        assert_eq!(instance.string(words[2]), "irst");
        assert_eq!(instance.call_pointer(words[1], &[5]), 15);
    }
}

#[test]
fn nothing_else_changes_and_it_is_off_by_default() {
    let work = Work::new();
    let arguments = inputs(&work, &[]);
    for backend in linkers() {
        let plain = work.link_with(&backend, &arguments).silent();
        let module = work.link_with(&backend, with_manifest(&arguments)).silent();
        assert_eq!(standard_sections(&module), standard_sections(&plain));
        assert_eq!(without(&module, CUSTOM_SECTION), custom_sections(&plain));
        assert_ne!(module, plain);
    }
}

#[test]
fn where_nothing_is_gathered_there_is_none() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let arguments = args!["--no-entry", "--export=f", object];
    for backend in linkers() {
        let module = work.link_with(&backend, with_manifest(&arguments)).silent();
        let plain = work.plain_link(&backend, &arguments).silent();
        assert_eq!(module, plain);
    }
}

#[test]
fn what_is_collected_is_said_to_be_and_is_not_kept() {
    let work = Work::new();
    let dead = work.c(
        "dead",
        r#"
        static int only_dead(void) { return 3; }
        int (*dead)(void) __asm__("__link_section__DEAD$$dead") = only_dead;
        "#,
    );
    let mut arguments = inputs(&work, &[]);
    arguments.push(dead.into());
    for backend in linkers() {
        let plain = work.link_with(&backend, &arguments).silent();
        let module = work.link_with(&backend, with_manifest(&arguments)).silent();
        assert_eq!(standard_sections(&module), standard_sections(&plain));
        let manifest = manifest(&module);
        let dead = section(&manifest, "DEAD");
        assert_eq!((dead.start, dead.stop, dead.size), (0, 0, 4));
        assert!(dead.is_collected() && dead.entries.len() == 1);
        assert!(!section(&manifest, "PLUGINS").is_collected());
    }
}

#[test]
fn it_is_there_when_all_is_stripped() {
    let work = Work::new();
    let mut arguments = with_manifest(&inputs(&work, &[]));
    arguments.push("--strip-all".into());
    for backend in linkers() {
        let module = work.link_with(&backend, &arguments).silent();
        let plugins = section(&manifest(&module), "PLUGINS");
        let start = Instance::new(&module).address("__start_PLUGINS");
        assert_eq!(plugins.start, u64::from(start));
        let custom: Vec<_> = without(&module, CUSTOM_SECTION);
        assert!(custom.iter().all(|(name, _)| name != "name"));
    }
}

#[test]
fn addresses_of_64_bits() {
    let work = Work::new();
    let mut arguments = with_manifest(&inputs(&work, &["--target=wasm64-unknown-unknown"]));
    arguments.push("-mwasm64".into());
    let module = work.link(&arguments).silent();
    let manifest = manifest(&module);
    assert!(manifest.memory64);
    let plugins = section(&manifest, "PLUGINS");
    let instance = Instance::new(&module);
    assert_eq!(
        plugins.start,
        u64::from(instance.address("__start_PLUGINS"))
    );
    assert_eq!(plugins.stop, plugins.start + 48);
    assert_eq!(plugins.stride, Some(16));
    let sizes = plugins.entries[1]
        .pointers
        .iter()
        .map(|p| (p.offset, p.size));
    assert_eq!(Vec::from_iter(sizes), [(0, 8), (8, 8)]);
}

/// The constant that an exported global begins with.
fn exported_constant(module: &[u8], name: &str) -> u64 {
    use wasmparser::{Operator, Payload, TypeRef};
    let (mut imported, mut index, mut constants) = (0, None, Vec::new());
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        match payload.expect("a module") {
            Payload::ImportSection(imports) => {
                let imports = imports
                    .into_imports()
                    .map(|import| import.expect("an import").ty);
                imported = imports
                    .filter(|ty| matches!(ty, TypeRef::Global(_)))
                    .count();
            }
            Payload::GlobalSection(globals) => {
                constants.extend(globals.into_iter().map(|global| {
                    let mut init = global.expect("a global").init_expr.get_operators_reader();
                    match init.read().expect("an operator") {
                        Operator::I32Const { value } => value as u64,
                        other => panic!("{other:?}"),
                    }
                }))
            }
            Payload::ExportSection(exports) => {
                let mut exports = exports.into_iter().map(|export| export.expect("an export"));
                index = exports
                    .find(|export| export.name == name)
                    .map(|export| export.index);
            }
            _ => {}
        }
    }
    constants[index.expect("an export") as usize - imported]
}

#[test]
fn addresses_of_a_shared_library_count_from_its_memory_base() {
    let work = Work::new();
    let mut arguments = with_manifest(&inputs(&work, &["-fPIC"]));
    let before = work.c_with("before", "int before[5] = {1, 2, 3};", &["-fPIC"]);
    let own = ["-shared", "--experimental-pic", "--export=before"];
    // What is position-independent imports its table.
    arguments.retain(|argument| argument != "--export-table");
    arguments.extend(own.map(OsString::from));
    arguments.push(before.into());
    let module = work.link(&arguments).module();
    let manifest = manifest(&module);
    assert!(manifest.relative);
    let plugins = section(&manifest, "PLUGINS");
    assert_eq!(plugins.start, exported_constant(&module, "__start_PLUGINS"));
    assert_eq!(plugins.stop, plugins.start + 24);
}

#[test]
fn entries_that_symbols_do_not_tell_apart_are_one() {
    let work = Work::new();
    let custom = work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 1\n.int32 2\n",
    );
    let padded = work.c(
        "padded",
        r#"
        __attribute__((section("NUMBERS"), used)) short a = 3;
        __attribute__((section("NUMBERS"), used)) int b = 4;
        "#,
    );
    let module = work
        .link(with_manifest(&reading("NUMBERS", args![custom, padded])))
        .module();
    let numbers = section(&manifest(&module), "NUMBERS");
    let said = numbers.entries.iter().map(|entry| {
        let symbol = entry.symbol.as_deref();
        (entry.offset, entry.size, symbol)
    });
    let expected = [(0, 8, None), (8, 2, Some("a")), (12, 4, Some("b"))];
    assert_eq!(Vec::from_iter(said), expected);
    assert_eq!(numbers.stride, None);
}

#[test]
fn no_directory_of_this_machine_is_in_it() {
    let work = Work::new();
    let module = work.link(with_manifest(&inputs(&work, &[]))).silent();
    let directory = work.path().to_string_lossy().into_owned();
    assert!(!crate::support::module::contains(&module, &directory));
    // What is said relative to the current directory is the same everywhere.
    let relative: Vec<_> = reading("PLUGINS", args!["./object.o", "libthird.a"]);
    let module = work.link(with_manifest(&relative)).silent();
    let plugins = section(&manifest(&module), "PLUGINS");
    assert_eq!(plugins.entries[1].file, "./object.o");
}

#[test]
fn rust_crates_are_named_under_lto_too() {
    for flags in [&["-Copt-level=0"][..], &["-Copt-level=2", "-Clto=fat"]] {
        let work = Work::new();
        let mut rust = Rust::new(&work, flags);
        let entry = "mod __link_section__NUMBERS { #[used] static A: u32 = 1; }";
        rust.rlib("first", &format!("{entry} pub fn link() {{}}"));
        rust.rlib("second", &format!("{entry} pub fn link() {{}}"));
        let program = format!(
            "extern crate first; extern crate second; {entry} #[unsafe(no_mangle)] pub fn f() {{ first::link(); second::link(); }}"
        );
        let arguments = [
            "-Clink-arg=--section-manifest",
            "-Clink-arg=--export=__start_NUMBERS",
        ];
        let module = rust.with(&arguments).program("program", &program).silent();
        let numbers = section(&manifest(&module), "NUMBERS");
        let mut crates = Vec::from_iter(numbers.entries.iter().filter_map(|e| e.krate.as_deref()));
        crates.sort_unstable();
        assert_eq!(crates, ["first", "program", "second"]);
    }
}

#[test]
fn it_survives_wasm_opt() {
    let work = Work::new();
    let before = work.link(with_manifest(&inputs(&work, &[]))).silent();
    work.run(
        tool("WSL_WASM_OPT"),
        ["-Oz", "--all-features", "out.wasm", "-o", "small.wasm"],
    );
    let after = std::fs::read(work.file("small.wasm")).expect("a module");
    assert_ne!(before, after);
    assert_eq!(manifest(&after), manifest(&before));
    let plugins = section(&manifest(&after), "PLUGINS");
    let mut instance = Instance::new(&after);
    assert_eq!(
        plugins.start,
        u64::from(instance.address("__start_PLUGINS"))
    );
    let words = instance.words("PLUGINS");
    assert_eq!(instance.string(words[0]), "third");
    assert_eq!(instance.call_pointer(words[1], &[5]), 15);
}

/// A program that `wasm-bindgen` knows what to do with. It has custom sections of `--section-keep` too.
#[test]
fn it_survives_wasm_bindgen() {
    let work = Work::new();
    let shapes = Workspace::new(root().join("examples/shapes"), "shapes");
    let target = "wasm32-unknown-unknown";
    let (crates, kept) = linked_into_a_program(&work);
    let words = ["rustc", "--locked", "-p", "page", "--target", target, "--"];
    let words = words.into_iter().chain(["-Clink-arg=--section-manifest"]);
    shapes.run(words.chain(crates.iter().map(String::as_str)));
    let module = shapes.built(target, "debug", "page.wasm");
    let before = std::fs::read(&module).expect("a module");
    let arguments = args![module, "--target", "web", "--out-dir", "pkg"];
    work.run(tool("WSL_WASM_BINDGEN"), arguments);
    let after = std::fs::read(work.file("pkg/page_bg.wasm")).expect("a module");
    assert_ne!(before, after);
    assert_eq!(manifest(&after), manifest(&before));
    work.write("before.wasm", &before);
    for module in ["before.wasm", "pkg/page_bg.wasm"] {
        assert_eq!(read(&work, module), kept, "{module}");
    }
    let pointers_of = |module: &[u8]| {
        let file = work.write("module.wasm", module);
        pointers(&work.sections(args!["inspect", file, "--json"]).json())
    };
    let (after, before) = (pointers_of(&after), pointers_of(&before));
    assert!(after.len() >= 4 && after.iter().any(|(_, function, _)| function.is_string()));
    assert_eq!(after, before);
}

/// What the pointers of all entries are in memory, the functions by name, and the texts.
fn pointers(report: &Value) -> Vec<(Value, Value, Value)> {
    let all = |values: &Value| values.as_array().expect("a list").clone();
    let sections = all(&report["modules"][0]["sections"]).into_iter();
    let entries = sections.flat_map(|section| all(&section["entries"]));
    let pointers = entries.flat_map(|entry| all(&entry["pointers"]));
    let said = |pointer: Value| {
        let part = |name: &str| pointer[name].clone();
        (part("value"), part("function"), part("text"))
    };
    pointers.map(said).collect()
}
