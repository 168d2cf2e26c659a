//! "What is an entry": data segments, custom sections and name-marked symbols, alone and met in
//! one section, of every kind of variable.

use crate::args;
use crate::support::{Instance, Work, linkers, reading};

#[test]
fn three_kinds_meet_in_one_section() {
    let work = Work::new();
    let segments = work.c(
        "segments",
        r#"__attribute__((section("NUMBERS"), used)) static const int a[] = {1, 2};"#,
    );
    let marked = work.c(
        "marked",
        r#"int b __asm__("__link_section__NUMBERS$$b") = 3;"#,
    );
    let custom = work.asm(
        "custom",
        r#"
        .section .custom_section.NUMBERS,"",@
        .int32 4
        "#,
    );
    let instance = work.gathered("NUMBERS", [&segments, &marked, &custom]);
    assert_eq!(instance.words("NUMBERS"), [1, 2, 3, 4]);
    assert_eq!(
        instance.exports(),
        [
            "__indirect_function_table",
            "__start_NUMBERS",
            "__stop_NUMBERS",
            "memory"
        ]
    );
    let instance = work.gathered("NUMBERS", [custom, marked, segments]);
    assert_eq!(instance.words("NUMBERS"), [4, 3, 1, 2]);
}

#[test]
fn three_kinds_of_one_object_are_in_the_order_of_its_segments_then_custom_sections() {
    let work = Work::new();
    let object = work.asm(
        "object",
        r#"
        .section .custom_section.NUMBERS,"",@
        .int32 number
        .section .rodata.first,"",@
        .globl __link_section__NUMBERS$$first
__link_section__NUMBERS$$first:
        .int32 1
        .size __link_section__NUMBERS$$first, 4
        .section NUMBERS,"R",@
        .globl number
number:
        .int32 2
        .size number, 4
        "#,
    );
    for instance in work.gathered_by_each("NUMBERS", args![object, "--export=number"]) {
        let number = instance.address("number");
        assert_eq!(instance.words("NUMBERS"), [1, 2, number]);
        assert_eq!(number, instance.address("__start_NUMBERS") + 4);
    }
}

#[test]
fn objects_of_every_clang_meet() {
    let work = Work::new();
    let mut objects = Vec::new();
    for (position, compiler) in ["WSL_CLANG_OLD", "WSL_CLANG_19", "WSL_CLANG"]
        .into_iter()
        .enumerate()
    {
        let name = format!("c{position}");
        let source = format!(
            r#"
            static int twice(int x) {{ return 2 * x + {position}; }}
            __attribute__((used)) static int (*const a)(int) __asm__("__link_section__CALLS$$a")
                = twice;
            __attribute__((section("CALLS"), used)) static int (*const b)(int) = twice;
            "#
        );
        objects.push(work.compile(compiler, &name, "c", &source, &[]));
        let custom = format!(
            r#"
            .globl f{position}
            .section .text.f{position},"",@
f{position}:
            .functype f{position} (i32) -> (i32)
            local.get 0
            i32.const {position}
            i32.sub
            end_function
            .section .custom_section.CALLS,"",@
            .int32 f{position}
            "#
        );
        let name = format!("s{position}");
        objects.push(work.compile(compiler, &name, "s", &custom, &[]));
    }
    for mut instance in work.gathered_by_each("CALLS", objects) {
        let called: Vec<_> = instance
            .words("CALLS")
            .into_iter()
            .map(|pointer| instance.call_pointer(pointer, &[10]))
            .collect();
        assert_eq!(called, [20, 20, 10, 21, 21, 9, 22, 22, 8]);
    }
}

/// Functions that let the host write and read the second of two words by its symbol and through
/// the array.
const SECOND: &str = r#"
    extern int __start_CELLS[], __stop_CELLS[];
    extern int second __asm__("__link_section__CELLS$$second");
    #define EXPORT(name) __attribute__((export_name(#name)))
    EXPORT(count) int count(void) { return __stop_CELLS - __start_CELLS; }
    EXPORT(get) int get(void) { return second; }
    EXPORT(set) int set(int x) { return second = x; }
    EXPORT(get_in_array) int get_in_array(void) { return __start_CELLS[1]; }
    EXPORT(set_in_array) int set_in_array(int x) { return __start_CELLS[1] = x; }
"#;

fn check_cells(instance: &mut Instance, second: i32) {
    assert_eq!(instance.call("count", &[]), 2);
    assert_eq!(instance.call("get", &[]), second);
    instance.call("set", &[41]);
    assert_eq!(instance.call("get_in_array", &[]), 41);
    instance.call("set_in_array", &[42]);
    assert_eq!(instance.call("get", &[]), 42);
}

#[test]
fn writing_through_the_array_is_seen_through_the_variable_and_back() {
    let work = Work::new();
    let code = work.c("code", SECOND);
    for (value, kind) in [(7, "data"), (0, "bss")] {
        let cells = work.c(
            kind,
            &format!(
                r#"
                int first __asm__("__link_section__CELLS$$first") = 0;
                int second __asm__("__link_section__CELLS$$second") = {value};
                "#
            ),
        );
        for backend in linkers() {
            let linked = work.link_with(&backend, args![code, cells, "--no-entry"]);
            check_cells(&mut Instance::new(&linked.silent()), value);
        }
    }
}

#[test]
fn all_zero_entries_cost_no_bytes_of_the_module() {
    let work = Work::new();
    let sizes = [4, 40_000].map(|size| {
        let cells = work.c(
            "cells",
            &format!(
                r#"
                char first[{size}] __asm__("__link_section__CELLS$$first");
                char second[{size}] __asm__("__link_section__CELLS$$second");
                "#
            ),
        );
        let module = work.link(reading("CELLS", [cells])).silent();
        let section = Instance::new(&module).section("CELLS").to_vec();
        assert_eq!(section, vec![0; 2 * size]);
        module.len()
    });
    assert!(sizes[1] < sizes[0] + 100, "{sizes:?}");
}

#[test]
fn zero_and_other_entries_meet() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        int zero __asm__("__link_section__CELLS$$a");
        int one __asm__("__link_section__CELLS$$b") = 1;
        const int two __asm__("__link_section__CELLS$$c") = 2;
        int none __asm__("__link_section__CELLS$$d");
        "#,
    );
    let custom = work.asm("custom", ".section .custom_section.CELLS,\"\",@\n.int32 3");
    for instance in work.gathered_by_each("CELLS", [object, custom]) {
        let mut words = instance.words("CELLS");
        // Which of an object's own segments come first is the compiler's choice.
        words[..4].sort();
        assert_eq!(words, [0, 0, 1, 2, 3]);
    }
}

#[test]
fn zero_sized_entries_take_no_room_and_have_their_place() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        struct Empty {};
        const struct Empty a __asm__("__link_section__MIXED$$a") = {};
        const int b __asm__("__link_section__MIXED$$b") = 5;
        const struct Empty c __asm__("__link_section__MIXED$$c") = {};
        extern int __start_MIXED[];
        __attribute__((export_name("a"))) int where_a(void) {
            return (char *)&a - (char *)__start_MIXED;
        }
        __attribute__((export_name("c"))) int where_c(void) {
            return (char *)&c - (char *)__start_MIXED;
        }
        "#,
    );
    for mut instance in work.gathered_by_each("MIXED", [object]) {
        assert_eq!(instance.words("MIXED"), [5]);
        assert_eq!(instance.call("a", &[]), 0);
        assert_eq!(instance.call("c", &[]), 4);
    }
}

/// Read-only data, which comes before an array that can be written, so that its alignment does not
/// come by chance.
const ODD: &str = r#"
    static const char odd[3] = {1, 2, 3};
    __attribute__((export_name("odd"))) const char *get(void) { return odd; }
"#;

#[test]
fn over_aligned_entries_are_aligned() {
    let work = Work::new();
    let before = work.c("before", ODD);
    let entries = ["a", "b"].map(|name| {
        work.c(
            name,
            &format!(
                r#"
                struct Line {{ int value; }} __attribute__((aligned(64)));
                struct Line {name} __asm__("__link_section__LINES$${name}") = {{'{name}'}};
                "#
            ),
        )
    });
    // 64 bytes that state no alignment of their own.
    let custom = work.asm(
        "custom",
        ".section .custom_section.LINES,\"\",@\n.int32 1\n.skip 60\n",
    );
    let [a, b] = entries;
    for instance in work.gathered_by_each("LINES", [before, a, b, custom]) {
        assert_eq!(instance.address("__start_LINES") % 64, 0);
        let words = instance.words("LINES");
        assert_eq!(words.len(), 48);
        assert_eq!(
            [words[0], words[16], words[32]],
            [u32::from(b'a'), u32::from(b'b'), 1]
        );
    }
}

#[test]
fn an_array_is_aligned_for_the_most_aligned_entry_wherever_it_is() {
    let work = Work::new();
    let odd = work.c("odd", ODD);
    let large = work.c(
        "large",
        r#"long long large __asm__("__link_section__MIXED$$large") = 2;"#,
    );
    let small = work.c(
        "small",
        r#"int small __asm__("__link_section__MIXED$$small") = 1;"#,
    );
    for instance in work.gathered_by_each("MIXED", [odd, large, small]) {
        assert_eq!(instance.words("MIXED"), [2, 0, 1]);
        assert_eq!(instance.address("__start_MIXED") % 8, 0);
    }
}

#[test]
fn a_custom_section_is_aligned_for_what_divides_its_size() {
    for (bytes, alignment) in [(1, 1), (2, 2), (12, 4), (24, 8), (64, 64), (640, 64)] {
        let work = Work::new();
        let odd = work.c("odd", ODD);
        let custom = work.asm(
            "custom",
            &format!(".section .custom_section.BYTES,\"\",@\n.skip {bytes}, 7\n"),
        );
        let instance = work.gathered("BYTES", [&odd, &custom, &custom]);
        assert_eq!(instance.section("BYTES"), vec![7; 2 * bytes]);
        assert_eq!(instance.address("__start_BYTES") % alignment, 0, "{bytes}");
    }
}

#[test]
fn marked_symbols_of_one_segment_are_entries_each() {
    let work = Work::new();
    let object = work.asm(
        "object",
        r#"
        .section .data.together,"",@
        .globl __link_section__LEFT$$a
__link_section__LEFT$$a:
        .int32 __link_section__RIGHT$$b
        .size __link_section__LEFT$$a, 4
        .globl __link_section__RIGHT$$b
__link_section__RIGHT$$b:
        .int32 __link_section__LEFT$$c
        .size __link_section__RIGHT$$b, 4
        .globl __link_section__LEFT$$c
__link_section__LEFT$$c:
        .int32 __link_section__LEFT$$c
        .size __link_section__LEFT$$c, 4
        "#,
    );
    let arguments = reading("LEFT", [object]);
    for instance in work.gathered_by_each("RIGHT", arguments) {
        let [left, right] = ["__start_LEFT", "__start_RIGHT"].map(|name| instance.address(name));
        assert_eq!(instance.words("LEFT"), [right, left + 4]);
        assert_eq!(instance.words("RIGHT"), [left + 4]);
    }
}

#[test]
fn entries_of_several_sections_in_one_object_go_where_they_belong() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        const int a __asm__("__link_section__ODD$$a") = 1;
        const int b __asm__("__link_section__EVEN$$b") = 2;
        const int c __asm__("__link_section__ODD$$c") = 3;
        "#,
    );
    let custom = work.asm(
        "custom",
        r#"
        .section .custom_section.EVEN,"",@
        .int32 4
        .section .custom_section.ODD,"",@
        .int32 5
        "#,
    );
    let arguments = reading("EVEN", args![object, custom, "--gather=ODD"]);
    let arguments = reading("ODD", arguments);
    let instance = work.instance(arguments);
    assert_eq!(instance.words("ODD"), [1, 3, 5]);
    assert_eq!(instance.words("EVEN"), [2, 4]);
}

#[test]
fn a_name_that_only_looks_like_the_section_is_no_entry() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        const int a __asm__("__link_section__NUMBERS$$a") = 1;
        const int b __asm__("__link_section__NUMBERS2$$b") = 2;
        const int c __asm__("my__link_section__NUMBERS$$c") = 3;
        __attribute__((section("NUMBERS.more"), used)) static const int d = 4;
        __attribute__((section(".rodata.NUMBERS"), used)) static const int e = 5;
        "#,
    );
    let instance = work.gathered("NUMBERS", [object]);
    assert_eq!(instance.words("NUMBERS"), [1]);
}
