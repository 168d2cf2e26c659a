//! The reference: what plain `wasm-ld` can link by itself (objects whose segments bear the section's
//! name), it and we link to the same array.

use crate::args;
use crate::support::instance::export_section;
use crate::support::refusal::says;
use crate::support::{Instance, Work, linkers, tool};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A fixture: sources with entries of section ITEMS, and how to read an item of the array.
struct Fixture {
    name: &'static str,
    /// What we say of it, and the backend does not.
    warning: Option<&'static str>,
    sources: &'static [&'static str],
    read: fn(&mut Instance) -> Vec<String>,
}

const FIXTURES: [Fixture; 7] = [
    Fixture {
        name: "bytes",
        warning: Some("it has entries of 4 bytes and of 5 bytes"),
        sources: &[
            r#"__attribute__((section("ITEMS"), used)) static const char a[] = "abc";"#,
            r#"__attribute__((section("ITEMS"), used)) static const char b[] = "defg";"#,
        ],
        read: |instance| vec![format!("{:?}", instance.section("ITEMS"))],
    },
    Fixture {
        name: "structs",
        warning: None,
        sources: &[
            r#"
            struct Item { int a; short b; char c; };
            __attribute__((section("ITEMS"), used)) static const struct Item a = {1, 2, 3};
            __attribute__((section("ITEMS"), used)) static const struct Item b = {4, 5, 6};
            "#,
            r#"
            struct Item { int a; short b; char c; };
            __attribute__((section("ITEMS"), used)) static const struct Item c[] = {{7}, {8}};
            "#,
        ],
        read: words,
    },
    Fixture {
        name: "wide",
        warning: None,
        sources: &[
            r#"__attribute__((section("ITEMS"), used)) static long long a = 1;"#,
            r#"__attribute__((section("ITEMS"), used)) static double b = 2;"#,
            r#"
            __attribute__((section("ITEMS"), used, aligned(8))) static int c[2] = {3, 4};
            "#,
        ],
        read: words,
    },
    Fixture {
        name: "zeros",
        warning: None,
        sources: &[
            r#"__attribute__((section("ITEMS"), used)) static int a;"#,
            r#"__attribute__((section("ITEMS"), used)) static int b[3];"#,
        ],
        read: words,
    },
    Fixture {
        name: "pointers to data",
        warning: None,
        sources: &[
            r#"
            __attribute__((section("ITEMS"), used)) static const char *const a = "one";
            static const char two[] = "a two";
            __attribute__((section("ITEMS"), used)) static const char *const b = two + 2;
            "#,
            r#"
            static const char two[] = "another two";
            __attribute__((section("ITEMS"), used)) static const char *const b = two;
            "#,
        ],
        read: |instance| {
            let pointers = instance.words("ITEMS");
            pointers.iter().map(|&at| instance.string(at)).collect()
        },
    },
    Fixture {
        name: "pointers to functions",
        warning: None,
        sources: &[
            r#"
            static int helper(int x) { return x + 1; }
            int shared(int x) { return x * 2; }
            typedef int (*Item)(int);
            __attribute__((section("ITEMS"), used)) static const Item a[] = {helper, shared};
            "#,
            r#"
            static int helper(int x) { return x + 3; }
            int shared(int x);
            typedef int (*Item)(int);
            __attribute__((section("ITEMS"), used)) static const Item b[] = {shared, helper};
            "#,
        ],
        read: |instance| {
            let pointers = instance.words("ITEMS");
            let call = |&pointer: &u32| instance.call_pointer(pointer, &[10]).to_string();
            pointers.iter().map(call).collect()
        },
    },
    Fixture {
        name: "pointers to items",
        warning: None,
        sources: &[
            r#"
            struct Item { struct Item *other; int value; };
            extern struct Item b;
            __attribute__((section("ITEMS"), used)) struct Item a = {&b, 1};
            "#,
            r#"
            struct Item { struct Item *other; int value; };
            extern struct Item a;
            __attribute__((section("ITEMS"), used)) struct Item b = {&a + 0, 2};
            __attribute__((section("ITEMS"), used)) static struct Item c = {&b, 3};
            "#,
        ],
        read: |instance| {
            let start = instance.address("__start_ITEMS");
            let items = instance.words("ITEMS");
            let items = items
                .chunks(2)
                .map(|item| format!("{} {}", item[0] - start, item[1]));
            items.collect()
        },
    },
];

fn words(instance: &mut Instance) -> Vec<String> {
    let words = instance.words("ITEMS");
    words.iter().map(u32::to_string).collect()
}

/// Links objects, and without garbage collection an archive of them that is linked whole, by each
/// linker alone and by us with it, and compares.
fn compare(compiler: &str, backends: &[PathBuf], gc: &str) {
    for fixture in &FIXTURES {
        let work = Work::new();
        let compile = |(number, source): (usize, &&str)| {
            work.compile(compiler, &format!("{number}"), "c", source, &[])
        };
        let objects: Vec<PathBuf> = fixture.sources.iter().enumerate().map(compile).collect();
        let members: Vec<_> = objects.iter().map(PathBuf::as_path).collect();
        let archive = work.archive("libitems.a", &members);
        let objects: Vec<OsString> = objects.into_iter().map(Into::into).collect();
        let whole = args!["--whole-archive", archive, "--no-whole-archive"].to_vec();
        // With it, not every linker retains what is in an archive.
        let take = if gc == "--no-gc-sections" { 2 } else { 1 };
        for inputs in [objects, whole].into_iter().take(take) {
            let exports = export_section("ITEMS").map(OsString::from);
            let words = inputs.into_iter().chain(exports);
            let words: Vec<_> = words.chain(args!["--export-table", gc]).collect();
            for backend in backends {
                compare_link(&work, fixture, backend, &words);
            }
        }
    }
}

fn compare_link(work: &Work, fixture: &Fixture, backend: &Path, words: &[OsString]) {
    let mut theirs = Instance::new(&work.plain_link(backend, words).silent());
    let words = words.iter().cloned().chain(args!["--gather=ITEMS"]);
    let linked = work.link_with(backend, words);
    match fixture.warning {
        Some(warning) => says(&linked.stderr, &["warning: ", warning]),
        None => assert_eq!(linked.stderr, ""),
    }
    let mut ours = Instance::new(&linked.module());
    let what = format!("{} {}", backend.display(), fixture.name);
    let expected = (fixture.read)(&mut theirs);
    assert!(!expected.is_empty(), "{what}");
    assert_eq!((fixture.read)(&mut ours), expected, "{what}");
    assert_eq!(ours.exports(), theirs.exports(), "{what}");
    // An array of the same alignment.
    for alignment in [2, 4, 8] {
        let aligned =
            |instance: &Instance| instance.address("__start_ITEMS").is_multiple_of(alignment);
        assert!(!aligned(&theirs) || aligned(&ours), "{what}");
    }
}

#[test]
fn arrays_are_those_of_the_backend() {
    compare("WSL_CLANG", &linkers(), "--no-gc-sections");
}

#[test]
fn arrays_of_older_objects_are_those_of_the_backend() {
    compare("WSL_CLANG_OLD", &linkers(), "--no-gc-sections");
}

#[test]
fn arrays_that_garbage_collection_keeps_are_those_of_the_backend() {
    // Older linkers do not know retained segments.
    compare("WSL_CLANG", &[tool("WSL_WASM_LD")], "--gc-sections");
}
