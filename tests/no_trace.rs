//! "No trace": the module exports what the author exported, and nothing in it says how it came to
//! be.

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::{contains, custom_sections, function_names};
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;

const ENTRIES: &str = r#"
    typedef int (*Hook)(int);
    static int helper(int x) { return x + 1; }
    __attribute__((visibility("default")))
    Hook entry __asm__("__link_section__HOOKS$key$entry") = helper;
    static Hook other __asm__("__link_section__HOOKS$$other") __attribute__((used)) = helper;
    __attribute__((visibility("default"))) int author = 5;
    __attribute__((visibility("default"))) int function(int x) { return x; }
"#;
const PROGRAM: &str = r#"
    typedef int (*Hook)(int);
    extern const Hook start[] __asm__("__start_HOOKS"), stop[] __asm__("__stop_HOOKS");
    int run(int x) {
        for (const Hook *hook = start; hook != stop; hook++) x = (*hook)(x);
        return x;
    }
"#;

fn program(work: &Work) -> [OsString; 3] {
    let sections = ["-fdata-sections", "-ffunction-sections"];
    let entries = work.c_with("entries", ENTRIES, &sections);
    let program = work.c_with("program", PROGRAM, &sections);
    args![entries, program, "--no-entry"]
}

/// The exports, without one that the newest linker adds to the dynamic ones.
fn exports(instance: &Instance) -> Vec<String> {
    let mut exports = instance.exports();
    exports.retain(|name| name != "__stack_pointer");
    exports
}

#[test]
fn exports_of_marked_symbols_are_dropped_in_every_spelling() {
    const MARK: &str = "__link_section__HOOKS$key$entry";
    let work = Work::new();
    let program = program(&work);
    let joined = |option: &str| vec![format!("{option}={MARK}")];
    let separate = |option: &str| vec![option.to_owned(), MARK.to_owned()];
    let spellings = [
        joined("--export"),
        joined("-export"),
        joined("--export-if-defined"),
        // rustc's.
        separate("--export"),
        separate("-export"),
        separate("--export-if-defined"),
    ];
    for backend in linkers() {
        for spelling in &spellings {
            for around in [&["--export=run"][..], &["--export", "run"]] {
                let words = program.iter().cloned();
                let words = words.chain(spelling.iter().chain(spelling).map(OsString::from));
                let words = words.chain(around.iter().map(OsString::from));
                let module = work.link_with(&backend, words).silent();
                let mut instance = Instance::new(&module);
                let what = format!("{} {spelling:?}", backend.display());
                assert_eq!(instance.exports(), ["memory", "run"], "{what}");
                assert_eq!(instance.call("run", &[1]), 3, "{what}");
            }
        }
    }
    // And from a response file.
    work.write(
        "rustc.rsp",
        format!("--export\n\"{MARK}\"\n--export\nrun\n"),
    );
    let instance = work.instance(program.into_iter().chain(args!["@rustc.rsp"]));
    assert_eq!(instance.exports(), ["memory", "run"]);
}

#[test]
fn exports_of_marked_symbols_that_nobody_reads_are_dropped_too() {
    let work = Work::new();
    let entries = work.c_with("entries", ENTRIES, &["-fdata-sections"]);
    let words = args![
        entries,
        "--no-entry",
        "--export",
        "__link_section__HOOKS$key$entry",
        "--export=author"
    ];
    let module = work.link(words).silent();
    assert_eq!(Instance::new(&module).exports(), ["author", "memory"]);
    assert!(function_names(&module).is_empty());
}

#[test]
fn exporting_dynamic_symbols_exports_no_marks() {
    let work = Work::new();
    let program = program(&work);
    for backend in linkers() {
        let words = program.iter().cloned().chain(args!["--export-dynamic"]);
        let words = words.chain(export_section("HOOKS").map(OsString::from));
        let module = work.link_with(&backend, words).silent();
        assert_eq!(
            exports(&Instance::new(&module)),
            [
                "__start_HOOKS",
                "__stop_HOOKS",
                "author",
                "function",
                "memory"
            ],
            "{}",
            backend.display()
        );
    }
}

#[test]
fn what_the_author_exports_stays_exported_where_it_has_moved() {
    let work = Work::new();
    let numbers = work.c(
        "numbers",
        r#"
        #define ENTRY __attribute__((section("NUMBERS"), used))
        ENTRY int first = 1;
        ENTRY __attribute__((visibility("default"))) int second = 2;
        __attribute__((export_name("third_function"))) int function(void) { return 3; }
        "#,
    );
    for backend in linkers() {
        let words = args![
            numbers,
            "--gather=NUMBERS",
            "--export=first",
            "--export-dynamic"
        ];
        let words = words
            .into_iter()
            .chain(export_section("NUMBERS").map(OsString::from));
        let instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(
            exports(&instance),
            [
                "__start_NUMBERS",
                "__stop_NUMBERS",
                "first",
                "memory",
                "second",
                "third_function"
            ]
        );
        let start = instance.address("__start_NUMBERS");
        assert_eq!(instance.address("first"), start);
        assert_eq!(instance.address("second"), start + 4);
        assert_eq!(instance.words("NUMBERS"), [1, 2]);
    }
}

#[test]
fn the_module_has_no_name_and_no_section_of_ours() {
    let work = Work::new();
    let program = program(&work);
    let flags: [&[&str]; 4] = [
        &[],
        &["--no-merge-data-segments"],
        &["--no-gc-sections"],
        &["--export-dynamic"],
    ];
    for backend in linkers() {
        for flags in flags {
            let words = program.iter().cloned().chain(args!["--export=run"]);
            let words: Vec<_> = words.chain(flags.iter().map(OsString::from)).collect();
            let module = work.link_with(&backend, &words).silent();
            let what = format!("{} {flags:?}", backend.display());
            for ours in [
                "..section.",
                "..gathered",
                "wasm-section-ld",
                "link sections",
            ] {
                assert!(!contains(&module, ours), "{what}: {ours}");
            }
            // The helper is there once, by its own name.
            let names = function_names(&module);
            let helpers = names.iter().filter(|name| name.starts_with("helper"));
            assert_eq!(helpers.collect::<Vec<_>>(), ["helper"], "{what}");
            let known = ["name", "producers", "target_features"];
            for (name, _) in custom_sections(&module) {
                assert!(known.contains(&name.as_str()), "{what}: {name}");
            }
        }
    }
}
