//! Of names that more than one entry defines, the definition counts that counts for the linker. All entries
//! are in the array, but for the copies of a COMDAT group.

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

/// Links them with a getter, and checks the array, and which of its words the symbol is.
fn check(work: &Work, objects: &[&PathBuf], words: &[u32], winner: usize) {
    let getter = work.c("getter", GETTER);
    let arguments = objects.iter().copied().chain([&getter]);
    for mut instance in work.gathered_by_each("NUMBERS", arguments) {
        assert_eq!(instance.words("NUMBERS"), words);
        assert_eq!(instance.call("number", &[]) as u32, words[winner]);
        let start = instance.address("__start_NUMBERS");
        let address = instance.call("address", &[]) as u32;
        assert_eq!(address, start + 4 * winner as u32);
    }
}

#[test]
fn of_weak_entries_the_first_counts_and_all_are_there() {
    let work = Work::new();
    let first = number(&work, "first", "__attribute__((weak))", 1);
    let second = number(&work, "second", "__attribute__((weak))", 2);
    check(&work, &[&first, &second], &[1, 2], 0);
    check(&work, &[&second, &first], &[2, 1], 0);
}

#[test]
fn a_strong_entry_counts_and_not_a_weak_one() {
    let work = Work::new();
    let weak = number(&work, "weak", "__attribute__((weak))", 1);
    let strong = number(&work, "strong", "", 2);
    check(&work, &[&weak, &strong], &[1, 2], 1);
    check(&work, &[&strong, &weak], &[2, 1], 0);
}

/// A weak definition shadows what an archive offers, and the plain link extracts no second one.
#[test]
fn an_entry_of_a_member_whose_name_is_defined_is_no_second_one() {
    let work = Work::new();
    let weak = number(&work, "weak", "__attribute__((weak))", 1);
    let strong = number(&work, "strong", "", 2);
    let archive = work.archive("lib.a", &[&strong]);
    check(&work, &[&weak, &archive], &[1], 0);
    let first = number(&work, "first", "", 3);
    let first = work.archive("libfirst.a", &[&first]);
    check(&work, &[&archive, &first], &[2], 0);
    check(&work, &[&first, &archive], &[3], 0);
}

/// A definition that is no entry may win, or lose.
#[test]
fn a_weak_entry_and_a_definition_that_is_none() {
    let work = Work::new();
    let entry = |name: &str| {
        let source = r#"__attribute__((weak, section("NUMBERS"))) int number = 1;
            int *own(void) { return &number; }"#;
        work.c(name, source)
    };
    let (entry, marked) = (
        entry("entry"),
        work.c(
            "marked",
            r#"int m __asm__("__link_section__NUMBERS$$m") = 5;"#,
        ),
    );
    let getter = "extern int number; int get(void) { return number; }";
    let getter = work.c("getter", getter);
    let strong = work.c("strong", "int number = 7;");
    let weak = work.c("weak", "__attribute__((weak)) int number = 8;");
    let archive = work.archive("libnumber.a", &[&strong]);
    for (objects, number) in [
        (args![&entry, &strong, &getter], 7),
        (args![&strong, &entry, &getter], 7),
        (args![&entry, &weak, &getter], 1),
        (args![&weak, &entry, &getter], 8),
        (args![&getter, &archive, &entry], 7),
        (args![&entry, &archive, &getter], 1),
        (args![&archive, &entry, &getter], 1),
    ] {
        let words = objects.into_iter().chain(args![&marked, "--export=get"]);
        let words: Vec<_> = words.collect();
        for backend in crate::support::linkers() {
            let plain = args!["--no-entry"].into_iter().chain(words.clone());
            let mut plain = Instance::new(&work.plain_link(&backend, plain).silent());
            assert_eq!(plain.call("get", &[]), number, "plain {words:?}");
        }
        for mut instance in work.gathered_by_each("NUMBERS", &words) {
            assert_eq!(instance.words("NUMBERS"), [1, 5], "{words:?}");
            assert_eq!(instance.call("get", &[]), number, "{words:?}");
        }
    }
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
fn weak_entries_in_segments_are_all_there() {
    let work = Work::new();
    let objects = [("first", 5), ("second", 6)].map(|(name, value)| {
        work.c(
            name,
            &format!(
                r#"
                __attribute__((weak, section("NUMBERS"))) int number = {value};
                int *{name}(void) {{ return &number; }}
                "#
            ),
        )
    });
    let marked = work.c(
        "marked",
        r#"int more __asm__("__link_section__NUMBERS$$more") = 7;"#,
    );
    let [first, second] = objects;
    let arguments = args![first, second, marked, "--export=first", "--export=second"];
    for mut instance in work.gathered_by_each("NUMBERS", arguments) {
        assert_eq!(instance.words("NUMBERS"), [5, 6, 7]);
        let start = instance.address("__start_NUMBERS") as i32;
        assert_eq!(instance.call("first", &[]), start);
        assert_eq!(instance.call("second", &[]), start);
    }
}

#[test]
fn two_strong_entries_are_the_backends_error() {
    let work = Work::new();
    let first = number(&work, "first", "", 1);
    let second = number(&work, "second", "", 2);
    let library = work.archive("libsecond.a", &[&second]);
    for inputs in [
        args![&first, &second].to_vec(),
        args!["--whole-archive", &first, &library].to_vec(),
    ] {
        for backend in linkers() {
            let plain = args!["--no-entry"].into_iter().chain(inputs.clone());
            let plain = work.plain_link(&backend, plain);
            let ours = reading("NUMBERS", &inputs);
            assert_eq!(work.link_with(&backend, ours).error(), plain.error());
        }
    }
}

/// The first counts then, and all are in the array.
#[test]
fn two_strong_entries_where_that_is_allowed() {
    let work = Work::new();
    let first = number(&work, "first", "", 1);
    let second = number(&work, "second", "", 2);
    for flags in [
        args!["--allow-multiple-definition"].to_vec(),
        args!["-z", "muldefs"].to_vec(),
    ] {
        let getter = work.c("getter", GETTER);
        let words = args![&first, &second, &getter];
        let words: Vec<_> = flags.into_iter().chain(words).collect();
        // LLVM 14 to 16 know neither.
        let backend = tool("WSL_WASM_LD");
        let words = reading("NUMBERS", &words);
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("NUMBERS"), [1, 2]);
        assert_eq!(instance.call("number", &[]), 1);
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
