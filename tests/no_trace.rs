//! "No trace": the module exports what the author exported, and nothing in it says how it came to
//! be.

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::{contains, custom_sections, function_names};
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::fs;

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

const MARK: &str = "__link_section__HOOKS$key$entry";

/// The entries under a name of rustc's for its objects.
fn by_rustc(work: &Work, entries: &OsString) -> OsString {
    let object = work.file("entries.1a2b-cgu.0.rcgu.o");
    fs::copy(entries, &object).expect("a copy");
    object.into()
}

#[test]
fn exports_that_rustc_derives_from_marked_symbols_are_dropped() {
    let work = Work::new();
    let [entries, program, no_entry] = program(&work);
    let program = [by_rustc(&work, &entries), program, no_entry];
    for backend in linkers() {
        for around in [&["--export=run"][..], &["--export", "run"]] {
            let words = program.iter().cloned();
            let words = words.chain(args!["--export", MARK]);
            let words = words.chain(around.iter().map(OsString::from));
            let module = work.link_with(&backend, words).silent();
            let mut instance = Instance::new(&module);
            let what = format!("{} {around:?}", backend.display());
            assert_eq!(instance.exports(), ["memory", "run"], "{what}");
            assert_eq!(instance.call("run", &[1]), 3, "{what}");
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

/// The author means what he says, in every spelling, whether anybody reads the section or not. In a
/// link of rustc's, what a person adds is one word.
#[test]
fn exports_of_marked_symbols_that_a_person_gives_are_kept() {
    let work = Work::new();
    let program = program(&work);
    let mut in_rusts = program.clone();
    in_rusts[0] = by_rustc(&work, &program[0]);
    let one_word = |option: &str| vec![format!("{option}={MARK}")];
    let two_words = |option: &str| vec![option.to_owned(), MARK.to_owned()];
    let mut links = vec![(&in_rusts, one_word("--export"))];
    for option in ["--export", "-export", "--export-if-defined"] {
        links.extend([(&program, one_word(option)), (&program, two_words(option))]);
    }
    for backend in linkers() {
        for (program, spelling) in &links {
            let what = format!("{} {spelling:?}", backend.display());
            let words = program.iter().cloned();
            let words = words.chain(spelling.iter().map(OsString::from));
            let unread = words.clone().filter(|word| *word != program[1]);
            let instance = Instance::new(&work.link_with(&backend, unread).silent());
            assert_eq!(instance.exports(), [MARK, "memory"], "{what}");
            let words = words.chain(args!["--export=run", "--export=__start_HOOKS"]);
            let mut instance = Instance::new(&work.link_with(&backend, words).silent());
            assert_eq!(
                instance.exports(),
                [MARK, "__start_HOOKS", "memory", "run"],
                "{what}"
            );
            assert_eq!(instance.call("run", &[1]), 3, "{what}");
            let entry = instance.address(MARK);
            assert!(entry >= instance.address("__start_HOOKS"), "{what}");
            assert_ne!(instance.word(entry), 0, "{what}");
        }
    }
}

#[test]
fn exports_of_marked_symbols_that_nobody_reads_are_dropped_too() {
    let work = Work::new();
    let entries = work.c_with("entries", ENTRIES, &["-fdata-sections"]);
    let words = args![
        by_rustc(&work, &entries.into()),
        "--no-entry",
        "--export",
        MARK,
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
