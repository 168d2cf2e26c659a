//! What entries point to is linked, and they point to it: local symbols, each other, imports.

use crate::args;
use crate::support::{Instance, Work};

/// The `(text, function)` pairs of section `PAIRS` as what they point to.
fn pairs(instance: &mut Instance) -> Vec<(String, i32)> {
    let words = instance.words("PAIRS");
    let (pairs, rest) = words.as_chunks::<2>();
    assert!(rest.is_empty());
    pairs
        .iter()
        .map(|&[text, function]| (instance.string(text), instance.call_pointer(function, &[1])))
        .collect()
}

#[test]
fn local_symbols_of_one_name_in_many_objects_are_told_apart() {
    let work = Work::new();
    let mut objects = Vec::new();
    let mut expected = Vec::new();
    for number in 0..20 {
        let mark = if number % 2 == 0 {
            r#"__asm__("__link_section__PAIRS$$entry")"#
        } else {
            r#"__attribute__((section("PAIRS")))"#
        };
        objects.push(work.c(
            &format!("object{number}"),
            &format!(
                r#"
                static const char text[] = "number {number}";
                static int function(int x) {{ return x + {number}; }}
                struct Pair {{ const char *text; int (*function)(int); }};
                static struct Pair entry {mark} __attribute__((used));
                static struct Pair entry = {{ text, function }};
                "#
            ),
        ));
        expected.push((format!("number {number}"), 1 + number));
    }
    // In assembler, through a custom section.
    for number in 20..30 {
        objects.push(work.asm(
            &format!("object{number}"),
            &format!(
                r#"
                .section .text.function,"",@
function:
                .functype function (i32) -> (i32)
                local.get 0
                i32.const {number}
                i32.add
                end_function
                .section .rodata.text,"",@
text:
                .asciz "number {number}"
                .size text, 10
                .section .custom_section.PAIRS,"",@
                .int32 text
                .int32 function
                "#
            ),
        ));
        expected.push((format!("number {number}"), 1 + number));
    }
    for mut instance in work.gathered_by_each("PAIRS", &objects) {
        assert_eq!(pairs(&mut instance), expected);
    }
    let members: Vec<_> = objects.iter().map(|path| path.as_path()).collect();
    let archive = work.archive("lib.a", &members);
    assert_eq!(pairs(&mut work.gathered("PAIRS", [archive])), expected);
}

#[test]
fn entries_point_to_themselves_and_to_each_other_with_addends() {
    let work = Work::new();
    let first = work.c(
        "first",
        r#"
        struct Node { struct Node *self; int *inside; struct Node *other; int value; };
        extern struct Node second __asm__("__link_section__NODES$$second");
        struct Node first __asm__("__link_section__NODES$$first");
        struct Node first = { &first, &second.value, &second, 1 };
        "#,
    );
    let second = work.c(
        "second",
        r#"
        struct Node { struct Node *self; int *inside; struct Node *other; int value; };
        extern struct Node first __asm__("__link_section__NODES$$first");
        struct Node second __asm__("__link_section__NODES$$second");
        struct Node second = { &second, &first.value, &first + 1, 2 };
        "#,
    );
    for instance in work.gathered_by_each("NODES", [first, second]) {
        let start = instance.address("__start_NODES");
        assert_eq!(
            instance.words("NODES"),
            [
                start,
                start + 16 + 12,
                start + 16,
                1,
                start + 16,
                start + 12,
                start + 16,
                2
            ]
        );
    }
}

#[test]
fn entries_of_different_sections_point_to_each_other() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        extern int *b;
        int **a __asm__("__link_section__LEFT$$a");
        int *b __asm__("__link_section__RIGHT$$b");
        int **a = &b;
        int *b = (int *)&a;
        "#,
    );
    let arguments = crate::support::reading("LEFT", [object]);
    let instance = work.gathered("RIGHT", arguments);
    let [left, right] = ["__start_LEFT", "__start_RIGHT"].map(|name| instance.address(name));
    assert_eq!(instance.words("LEFT"), [right]);
    assert_eq!(instance.words("RIGHT"), [left]);
}

#[test]
fn a_custom_section_points_into_the_array() {
    let work = Work::new();
    let marked = work.c(
        "marked",
        r#"int *marked __asm__("__link_section__LINKS$$marked") = 0;"#,
    );
    let custom = work.asm(
        "custom",
        r#"
        .section .custom_section.LINKS,"",@
        .int32 __link_section__LINKS$$marked
        .int32 __start_LINKS+4
        .int32 __stop_LINKS-4
        "#,
    );
    for instance in work.gathered_by_each("LINKS", [custom, marked]) {
        let start = instance.address("__start_LINKS");
        assert_eq!(
            instance.words("LINKS"),
            [start + 12, start + 4, start + 12, 0]
        );
    }
}

#[test]
fn what_stays_points_to_entries() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        static int entry __asm__("__link_section__NUMBERS$$entry") __attribute__((used)) = 5;
        int *pointer = &entry;
        struct { int a, *b; } table[2] = {{1, &entry}, {2, &entry}};
        __attribute__((export_name("through_pointer"))) int through(void) { return *pointer; }
        __attribute__((export_name("through_table"))) int table_(int i) { return *table[i].b; }
        __attribute__((export_name("address"))) int *address(void) { return &entry; }
        "#,
    );
    for mut instance in work.gathered_by_each("NUMBERS", [object]) {
        assert_eq!(instance.words("NUMBERS"), [5]);
        assert_eq!(instance.call("through_pointer", &[]), 5);
        assert_eq!(instance.call("through_table", &[1]), 5);
        let start = instance.address("__start_NUMBERS");
        assert_eq!(instance.call("address", &[]) as u32, start);
    }
}

#[test]
fn imported_functions_are_pointed_to() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        __attribute__((import_module("host"), import_name("renamed"))) int renamed_here(int);
        __attribute__((import_module("host"), import_name("same"))) int same(int, int);
        __attribute__((import_module("env"), import_name("of_env"))) void of_env(void);
        void *a __asm__("__link_section__CALLS$$a") = (void *)renamed_here;
        void *b __asm__("__link_section__CALLS$$b") = (void *)same;
        __attribute__((section("CALLS"), used)) static void *c = (void *)of_env;
        "#,
    );
    let custom = work.asm(
        "custom",
        r#"
        .functype in_custom (i32) -> ()
        .import_module in_custom, other
        .import_name in_custom, field
        .section .custom_section.CALLS,"",@
        .int32 in_custom
        "#,
    );
    for mut instance in work.gathered_by_each("CALLS", [object, custom]) {
        let [a, b, c, d] = instance.words("CALLS")[..] else {
            panic!("four entries");
        };
        instance.call_pointer(a, &[1]);
        assert_eq!(instance.call_pointer(b, &[1, 2]), 0);
        instance.call_pointer(c, &[]);
        instance.call_pointer(d, &[3]);
        let called = ["host.renamed", "host.same", "env.of_env", "other.field"];
        assert_eq!(instance.called(), called);
    }
}

#[test]
fn what_is_undefined_is_an_error_that_names_the_input() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        extern int missing;
        int missing_function(void);
        int *a __asm__("__link_section__X$$a") = &missing;
        int (*b)(void) __asm__("__link_section__X$$b") = missing_function;
        "#,
    );
    let custom = work.asm(
        "custom",
        ".section .custom_section.X,\"\",@\n.int32 missing_in_custom\n",
    );
    for (input, symbols) in [
        (object, &["missing", "missing_function"][..]),
        (custom, &["missing_in_custom"]),
    ] {
        let linked = work.link(crate::support::reading("X", [&input]));
        for symbol in symbols {
            let message = format!("{}: undefined symbol: {symbol}\n", input.display());
            assert!(linked.error().contains(&message), "{}", linked.stderr);
        }
    }
}

#[test]
fn weak_references_that_nobody_defines_are_null() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        __attribute__((weak)) extern int nothing;
        int *a __asm__("__link_section__POINTERS$$a") = &nothing;
        int *b __asm__("__link_section__POINTERS$$b") = 0;
        "#,
    );
    for instance in work.gathered_by_each("POINTERS", args![object]) {
        assert_eq!(instance.words("POINTERS"), [0, 0]);
    }
}
