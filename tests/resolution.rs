//! Of entries that are defined more than once, the one counts that counts for the linker.

use crate::args;
use crate::support::module::contains;
use crate::support::{Instance, Work, linkers, reading, tool};
use std::path::PathBuf;

/// A getter of a global, so that the host sees which definition counts.
const GETTER: &str = r#"
    extern int number __asm__("__link_section__NUMBERS$$number");
    __attribute__((export_name("number"))) int get(void) { return number; }
    __attribute__((export_name("address"))) int *address(void) { return &number; }
"#;

fn number(work: &Work, name: &str, attribute: &str, value: u32) -> PathBuf {
    work.c(
        name,
        &format!(r#"{attribute} int number __asm__("__link_section__NUMBERS$$number") = {value};"#),
    )
}

/// Links them with a getter, and checks that the array has one word which is the symbol's.
fn check_one(work: &Work, objects: &[&PathBuf], value: u32) {
    let getter = work.c("getter", GETTER);
    let arguments = objects.iter().copied().chain([&getter]);
    for mut instance in work.gathered_by_each("NUMBERS", arguments) {
        assert_eq!(instance.words("NUMBERS"), [value]);
        assert_eq!(instance.call("number", &[]) as u32, value);
        let start = instance.address("__start_NUMBERS");
        assert_eq!(instance.call("address", &[]) as u32, start);
    }
}

#[test]
fn of_weak_entries_the_first_counts_once() {
    let work = Work::new();
    let first = number(&work, "first", "__attribute__((weak))", 1);
    let second = number(&work, "second", "__attribute__((weak))", 2);
    check_one(&work, &[&first, &second], 1);
    check_one(&work, &[&second, &first], 2);
}

#[test]
fn a_strong_entry_counts_and_not_a_weak_one() {
    let work = Work::new();
    let weak = number(&work, "weak", "__attribute__((weak))", 1);
    let strong = number(&work, "strong", "", 2);
    check_one(&work, &[&weak, &strong], 2);
    check_one(&work, &[&strong, &weak], 2);
    let archive = work.archive("lib.a", &[&strong]);
    check_one(&work, &[&weak, &archive], 2);
}

/// Of an entry that has more names than that, so that it stays.
#[test]
fn a_strong_name_counts_and_not_a_weak_one_of_an_entry_that_stays() {
    let work = Work::new();
    let weak = work.c(
        "weak",
        r#"const int own __asm__("__link_section__NUMBERS$$own") = 1;
        extern const int number __asm__("__link_section__NUMBERS$$number")
            __attribute__((weak, alias("__link_section__NUMBERS$$own")));"#,
    );
    let strong = number(&work, "strong", "", 2);
    let getter = work.c("getter", GETTER);
    for (objects, numbers) in [([&weak, &strong], [1, 2]), ([&strong, &weak], [2, 1])] {
        let arguments = objects.into_iter().chain([&getter]);
        for mut instance in work.gathered_by_each("NUMBERS", arguments) {
            assert_eq!(instance.words("NUMBERS"), numbers);
            assert_eq!(instance.call("number", &[]), 2);
        }
    }
}

#[test]
fn weak_entries_in_segments_count_once() {
    let work = Work::new();
    let objects = ["first", "second"].map(|name| {
        work.c(
            name,
            &format!(
                r#"
                __attribute__((weak, section("NUMBERS"))) int number = 5;
                int *{name}(void) {{ return &number; }}
                "#
            ),
        )
    });
    let marked = work.c(
        "marked",
        r#"int more __asm__("__link_section__NUMBERS$$more") = 6;"#,
    );
    let [first, second] = objects;
    let arguments = args![first, second, marked, "--export=first", "--export=second"];
    for mut instance in work.gathered_by_each("NUMBERS", arguments) {
        assert_eq!(instance.words("NUMBERS"), [5, 6]);
        let start = instance.address("__start_NUMBERS") as i32;
        assert_eq!(instance.call("first", &[]), start);
        assert_eq!(instance.call("second", &[]), start);
    }
}

#[test]
fn two_strong_entries_are_an_error_that_names_both_files() {
    let work = Work::new();
    let first = number(&work, "first", "", 1);
    let second = number(&work, "second", "", 2);
    let archive = work.archive("libsecond.a", &[&second]);
    for (other, name) in [
        (&second, "second.o".to_owned()),
        (&archive, "libsecond.a(second.o)".to_owned()),
    ] {
        let linked = work.link(reading("NUMBERS", [&first, other]));
        let message = linked.error();
        assert!(
            message.contains("error: duplicate symbol: __link_section__NUMBERS$$number\n"),
            "{message}"
        );
        assert!(message.contains(">>> defined in "), "{message}");
        assert!(message.contains("/first.o\n"), "{message}");
        assert!(message.contains(&name), "{message}");
    }
}

#[test]
fn an_entry_and_another_definition_of_its_symbol_are_an_error_that_names_both_files() {
    let work = Work::new();
    let entry = work.c(
        "entry",
        r#"
        __attribute__((section("NUMBERS"))) int number = 1;
        int marked __asm__("__link_section__NUMBERS$$marked") = 2;
        "#,
    );
    let other = work.c("other", "int number = 3;");
    for order in [[&entry, &other], [&other, &entry]] {
        let linked = work.link(reading("NUMBERS", order));
        let message = linked.error();
        assert!(message.contains("duplicate symbol: number"), "{message}");
        assert!(message.contains("/entry.o\n"), "{message}");
        assert!(message.contains("/other.o\n"), "{message}");
    }
}

#[test]
fn comdat_entries_count_once() {
    let work = Work::new();
    let source = |function: &str| {
        format!(
            r#"
            template <typename T> struct Registration {{
                __attribute__((used)) static inline int entry __asm__("__link_section__SIZES$$T")
                    = sizeof(T);
            }};
            template struct Registration<double>;
            extern "C" int *{function}() {{ return &Registration<double>::entry; }}
            "#
        )
    };
    let first = work.cxx("first", &source("first"));
    let second = work.cxx("second", &source("second"));
    let arguments = args![first, second, "--export=first", "--export=second"];
    check_comdat(&work, &arguments);
    let archive = work.archive("lib.a", &[&first, &second]);
    check_comdat(&work, &args![archive, "--export=first", "--export=second"]);
}

fn check_comdat(work: &Work, arguments: &[std::ffi::OsString]) {
    for mut instance in work.gathered_by_each("SIZES", arguments) {
        assert_eq!(instance.words("SIZES"), [8]);
        let start = instance.address("__start_SIZES") as i32;
        assert_eq!(instance.call("first", &[]), start);
        assert_eq!(instance.call("second", &[]), start);
    }
}

#[test]
fn inline_variables_in_a_section_count_once() {
    let work = Work::new();
    let source = |function: &str| {
        format!(
            r#"
            struct Plugin {{ const char *name; int (*run)(int); }};
            inline int twice(int x) {{ return 2 * x; }}
            __attribute__((used, section("PLUGINS"))) inline Plugin plugin = {{ "twice", twice }};
            extern "C" Plugin *{function}() {{ return &plugin; }}
            "#
        )
    };
    let first = work.cxx("first", &source("first"));
    let second = work.cxx("second", &source("second"));
    let own = work.c(
        "own",
        r#"
        static int thrice(int x) { return 3 * x; }
        struct { const char *name; int (*run)(int); } own
            __asm__("__link_section__PLUGINS$$own") = { "thrice", thrice };
        "#,
    );
    let arguments = args![first, own, second, "--export=first", "--export=second"];
    for mut instance in work.gathered_by_each("PLUGINS", arguments) {
        let [name, run, own_name, own_run] = instance.words("PLUGINS")[..] else {
            panic!("two plugins");
        };
        assert_eq!(instance.string(name), "twice");
        assert_eq!(instance.string(own_name), "thrice");
        assert_eq!(instance.call_pointer(run, &[7]), 14);
        assert_eq!(instance.call_pointer(own_run, &[7]), 21);
        let start = instance.address("__start_PLUGINS") as i32;
        assert_eq!(instance.call("first", &[]), start);
        assert_eq!(instance.call("second", &[]), start);
    }
}

/// `wasm-ld` from LLVM 19 on links what is retained, also of a COMDAT group that it discards.
#[test]
fn a_section_of_inline_variables_alone_has_each_once() {
    let work = Work::new();
    let source = |own: &str| {
        format!(
            r#"
            int helper(int x);
            template <int N> int scale(int x) {{ return N * helper(x); }}
            template <int N> __attribute__((used, section("CALLS"))) int (*call)(int) = scale<N>;
            template int (*call<2>)(int);
            template int (*call<{own}>)(int);
            "#
        )
    };
    let first = work.cxx("first", &source("3"));
    let second = work.cxx("second", &source("5"));
    let helper = work.cxx("helper", "int helper(int x) { return x + 1; }");
    let words = args![first, second, helper];
    for mut instance in work.gathered_by_each("CALLS", &words) {
        let calls = instance.words("CALLS");
        let given: Vec<_> = calls
            .iter()
            .map(|call| instance.call_pointer(*call, &[9]))
            .collect();
        assert_eq!(given, [20, 30, 50]);
    }
    // Where nobody reads them, no copy keeps what it refers to. Without marks, that takes a script or
    // `--gather`, as ever.
    for backend in linkers() {
        let unread = args![first, second, helper, "--no-entry", "--gather=CALLS"];
        let module = work.link_with(&backend, unread).silent();
        assert!(!contains(&module, "helper"), "{}", backend.display());
    }
}

/// A group whose custom section is an entry and whose function counts once with it.
fn group(value: u32) -> String {
    format!(
        r#"
        .section .text.grouped,"G",@,group,comdat
        .weak grouped
grouped:
        .functype grouped () -> (i32)
        i32.const {value}
        end_function
        .section .custom_section.NUMBERS,"G",@,group,comdat
        .int32 {value}
        .int32 grouped
        .section .custom_section.OTHER,"",@
        .int32 {value}
        "#
    )
}

#[test]
fn custom_sections_of_a_comdat_group_count_once() {
    let work = Work::new();
    let first = work.asm("first", &group(1));
    let second = work.asm("second", &group(2));
    for (order, value) in [([&first, &second], 1), ([&second, &first], 2)] {
        let arguments = order.into_iter().map(Into::into);
        let arguments: Vec<std::ffi::OsString> = arguments.collect();
        for mut instance in work.gathered_by_each("NUMBERS", arguments) {
            let [number, function] = instance.words("NUMBERS")[..] else {
                panic!("one entry of two words");
            };
            assert_eq!(number, value);
            assert_eq!(instance.call_pointer(function, &[]) as u32, value);
        }
    }
}

#[test]
fn aliases_name_the_same_entry() {
    let work = Work::new();
    for (marked, plain) in [("entry", "alias"), ("alias", "entry")] {
        let object = work.c(
            "object",
            &format!(
                r#"
                extern int alias;
                extern int {marked} __asm__("__link_section__NUMBERS$$marked");
                int entry = 3;
                __attribute__((used)) static const char something_else[] = "else";
                extern int alias __attribute__((alias("{}")));
                "#,
                if marked == "entry" {
                    "__link_section__NUMBERS$$marked"
                } else {
                    "entry"
                }
            ),
        );
        let code = work.c(
            "code",
            &format!(
                r#"
                extern int {plain};
                extern int {marked} __asm__("__link_section__NUMBERS$$marked");
                __attribute__((export_name("set"))) int set(int x) {{ return {plain} = x; }}
                __attribute__((export_name("get"))) int get(void) {{ return {marked}; }}
                "#
            ),
        );
        for mut instance in work.gathered_by_each("NUMBERS", [object, code]) {
            assert_eq!(instance.words("NUMBERS"), [3], "{marked}");
            instance.call("set", &[4]);
            assert_eq!(instance.call("get", &[]), 4, "{marked}");
            assert_eq!(instance.words("NUMBERS"), [4], "{marked}");
        }
    }
}

#[test]
fn an_entry_may_have_two_marks() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        int a __asm__("__link_section__NUMBERS$$a") = 3;
        extern int b __asm__("__link_section__NUMBERS$$b")
            __attribute__((alias("__link_section__NUMBERS$$a")));
        "#,
    );
    assert_eq!(work.gathered("NUMBERS", [object]).words("NUMBERS"), [3]);
}

/// The first object is looked into before the second has named the section.
#[test]
fn a_section_that_is_marked_anywhere_is_gathered_from_everywhere() {
    let work = Work::new();
    let first = work.c(
        "first",
        r#"const int one __asm__("__link_section__OTHERS$$one") = 1;
        __attribute__((section("NUMBERS"), used)) const int two = 2;"#,
    );
    let second = work.c(
        "second",
        r#"const int three __asm__("__link_section__NUMBERS$$three") = 3;"#,
    );
    let said = work.log("info", args![first, second, "--no-entry"]);
    for line in [
        "NUMBERS: 2 entries of 4 bytes",
        "OTHERS: 1 entry of 4 bytes",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn whoever_defines_the_bounds_himself_has_the_last_word() {
    let work = Work::new();
    let entry = work.c(
        "entry",
        r#"int entry __asm__("__link_section__NUMBERS$$entry") = 3;"#,
    );
    let own = work.c(
        "own",
        r#"
        int __start_NUMBERS[2] = {8, 9};
        extern int __stop_NUMBERS[];
        __attribute__((export_name("start"))) int start(void) { return __start_NUMBERS[1]; }
        "#,
    );
    for backend in linkers() {
        let linked = work.link_with(&backend, args![own, entry, "--no-entry"]);
        assert_eq!(Instance::new(&linked.silent()).call("start", &[]), 9);
    }
}

#[test]
fn partial_links_of_entries_are_gathered_by_the_final_one() {
    let work = Work::new();
    let first = number(&work, "first", "__attribute__((weak))", 1);
    let custom = work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 2",
    );
    let partial = work.file("partial.o");
    work.run(
        tool("WSL_WASM_LD"),
        args!["-r", first, custom, "-o", partial],
    );
    let instance = work.gathered("NUMBERS", [partial]);
    assert_eq!(instance.words("NUMBERS"), [1, 2]);
}
