//! "An array is an array": its order, its size, its emptiness, and the warning when it is none.

use crate::args;
use crate::support::{Instance, Work, linkers, reading, tool};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

fn marked(work: &Work, name: &str, key: &str, value: u32) -> PathBuf {
    work.c(
        name,
        &format!(r#"const int {name} __asm__("__link_section__NUMBERS${key}${name}") = {value};"#),
    )
}

#[test]
fn entries_are_in_link_order() {
    let work = Work::new();
    let [a, b, c, d] = [1, 2, 3, 4].map(|n| marked(&work, &format!("m{n}"), "", n));
    let library = work.archive("lib.a", &[&d, &b]);
    for instance in work.gathered_by_each("NUMBERS", [&c, &library, &a]) {
        assert_eq!(instance.words("NUMBERS"), [3, 4, 2, 1]);
    }
    for instance in work.gathered_by_each("NUMBERS", [&a, &library, &c]) {
        assert_eq!(instance.words("NUMBERS"), [1, 4, 2, 3]);
    }
}

#[test]
fn entries_with_a_key_come_after_those_without_and_by_key() {
    let work = Work::new();
    let entries = [
        ("a", "20", 6),
        ("b", "", 1),
        ("c", "10", 4),
        ("d", "", 2),
        ("e", "10", 5),
        // As text: a script may sort otherwise.
        ("f", "9", 7),
    ];
    let mut objects: Vec<_> = entries
        .iter()
        .map(|(name, key, value)| marked(&work, name, key, *value))
        .collect();
    objects.push(work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 3\n",
    ));
    for instance in work.gathered_by_each("NUMBERS", objects) {
        assert_eq!(instance.words("NUMBERS"), [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let work = Work::new();
    let objects: Vec<_> = (0..20)
        .map(|n| {
            work.c(
                &format!("object{n}"),
                &format!(
                    r#"
                    static int function(void) {{ return {n}; }}
                    static int (*const entry)(void) __asm__("__link_section__CALLS$$entry")
                        __attribute__((used)) = function;
                    "#
                ),
            )
        })
        .collect();
    let arguments = reading("CALLS", objects);
    let first = work.link(&arguments).silent();
    std::fs::rename(work.file("tmp"), work.file("another")).expect("a move");
    std::fs::create_dir(work.file("tmp")).expect("a directory");
    assert_eq!(work.link(&arguments).silent(), first);
}

/// Two entries with four bytes of padding between them.
fn padded(work: &Work) -> [PathBuf; 2] {
    let small = work.c(
        "small",
        r#"const int small __asm__("__link_section__MIXED$$small") = 1;"#,
    );
    let large = work.c(
        "large",
        r#"const long long large __asm__("__link_section__MIXED$$large") = 2;"#,
    );
    [small, work.archive("liblarge.a", &[&large])]
}

#[test]
fn padding_between_entries_is_a_warning_that_names_both() {
    let work = Work::new();
    let [small, large] = padded(&work);
    for backend in linkers() {
        let linked = work.link_with(&backend, reading("MIXED", [&small, &large]));
        let instance = Instance::new(&linked.module());
        assert_eq!(instance.words("MIXED"), [1, 0, 2, 0]);
        assert_eq!(instance.address("__start_MIXED") % 8, 0);
        let expected = format!(
            "wasm-section-ld: warning: section `MIXED` is not one array: 4 bytes of padding \
             between entries\n\
             >>> before: `__link_section__MIXED$$small`, 4 bytes, aligned to 4, in {}\n\
             >>> after: `__link_section__MIXED$$large`, 8 bytes, aligned to 8, in {}(large.o)\n\
             >>> give all entries of a section the same type, so that code that iterates from \
             `__start_MIXED` finds only entries\n",
            small.display(),
            large.display()
        );
        assert_eq!(linked.stderr, expected);
        assert_eq!(linked.stdout, "");
    }
    // The other way round there is none.
    work.gathered("MIXED", [&large, &small]);
}

/// Entries that no type is the type of, though there is no padding between them.
#[test]
fn sizes_that_are_no_multiples_are_a_warning_that_names_both() {
    let work = Work::new();
    let entry = |name: &str, words: u32| {
        let symbol = format!("__link_section__MIXED$${name}");
        work.c(
            name,
            &format!("const int {name}[{words}] __asm__(\"{symbol}\") = {{ 1 }};"),
        )
    };
    let [two, three, four] =
        [("two", 2), ("three", 3), ("four", 4)].map(|(name, words)| entry(name, words));
    for backend in linkers() {
        let linked = work.link_with(&backend, reading("MIXED", [&four, &two, &three]));
        linked.module();
        let expected = format!(
            "wasm-section-ld: warning: section `MIXED` is not one array: it has entries of 8 \
             bytes and of 12 bytes\n\
             >>> one: `__link_section__MIXED$$two`, 8 bytes, in {}\n\
             >>> another: `__link_section__MIXED$$three`, 12 bytes, in {}\n\
             >>> give all entries of a section the same type, so that code that iterates from \
             `__start_MIXED` finds only entries\n",
            two.display(),
            three.display()
        );
        assert_eq!(linked.stderr, expected);
    }
    // Arrays of one type, and what may be any number of entries.
    work.gathered("MIXED", [&four, &two]);
    let both = work.c(
        "both",
        r#"__attribute__((section("MIXED"), used)) static const int a[2] = { 1 }, b[2] = { 2 }, c[2] = { 3 };"#,
    );
    let custom = work.asm(
        "custom",
        ".section .custom_section.MIXED,\"\",@\n.zero 12\n",
    );
    work.gathered("MIXED", [&two, &both]);
    let text = |name: &str, text: &str| {
        let symbol = format!("__link_section__MIXED$${name}");
        work.c(
            name,
            &format!("const char {name}[] __asm__(\"{symbol}\") = \"{text}\";"),
        )
    };
    // Who walks texts looks for their ends, but the linker cannot know.
    let texts = [&text("short_text", "one"), &text("long_text", "three")];
    let linked = work.link(reading("MIXED", texts));
    assert_eq!(
        Instance::new(&linked.module()).section("MIXED"),
        b"one\0three\0"
    );
    assert!(
        linked.stderr.contains("entries of 4 bytes and of 6 bytes"),
        "{}",
        linked.stderr
    );
    work.gathered("MIXED", [&custom, &both]);
    let linked = work.link(reading("MIXED", [&custom, &two]));
    assert!(
        linked.stderr.contains("entries of 8 bytes and of 12 bytes"),
        "{}",
        linked.stderr
    );
}

#[test]
fn padding_after_a_custom_section_is_a_warning_too() {
    let work = Work::new();
    let custom = work.asm(
        "custom",
        ".section .custom_section.MIXED,\"\",@\n.ascii \"abc\"\n",
    );
    let [small, _] = padded(&work);
    let linked = work.link(reading("MIXED", [&custom, &small]));
    let instance = Instance::new(&linked.module());
    assert_eq!(instance.section("MIXED"), b"abc\0\x01\0\0\0");
    let before = format!(
        ">>> before: the custom section `MIXED`, 3 bytes, in {}\n",
        custom.display()
    );
    assert!(linked.stderr.contains(&before), "{}", linked.stderr);
}

#[test]
fn fatal_warnings_make_padding_an_error() {
    let work = Work::new();
    let inputs = padded(&work);
    let arguments = reading("MIXED", inputs);
    let fatal = |flags: &[&str]| {
        let flags = flags.iter().map(OsString::from);
        work.link(arguments.iter().cloned().chain(flags))
    };
    let linked = fatal(&["--fatal-warnings"]);
    assert!(
        linked
            .error()
            .starts_with("wasm-section-ld: error: section `MIXED` is not one array"),
        "{}",
        linked.stderr
    );
    fatal(&["--fatal-warnings", "--no-fatal-warnings"]).module();
}

/// Links with every backend and checks that the section is empty and somewhere.
fn check_empty(work: &Work, object: PathBuf) {
    for instance in work.gathered_by_each("NONE", [object]) {
        let start = instance.address("__start_NONE");
        assert_ne!(start, 0);
        assert_eq!(instance.address("__stop_NONE"), start);
    }
}

#[test]
fn a_section_declared_by_a_zero_length_segment_is_empty() {
    let work = Work::new();
    check_empty(
        &work,
        work.c(
            "segment",
            r#"static const int none[0] __attribute__((section("NONE"), used));"#,
        ),
    );
}

#[test]
fn a_section_declared_by_an_empty_custom_section_is_empty() {
    let work = Work::new();
    check_empty(
        &work,
        work.asm("custom", ".section .custom_section.NONE,\"\",@\n"),
    );
}

#[test]
fn a_section_declared_by_a_zero_length_marked_symbol_is_empty() {
    let work = Work::new();
    check_empty(
        &work,
        work.c(
            "marked",
            r#"int none[0] __asm__("__link_section__NONE$$none");"#,
        ),
    );
}

#[test]
fn a_declared_section_has_the_entries_that_others_add() {
    let work = Work::new();
    let declared = work.c(
        "declared",
        r#"static const int none[0] __attribute__((section("NUMBERS"), used));"#,
    );
    let entry = marked(&work, "entry", "", 1);
    for instance in work.gathered_by_each("NUMBERS", [declared, entry]) {
        assert_eq!(instance.words("NUMBERS"), [1]);
    }
}

#[test]
fn code_walks_an_empty_section() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        extern const int __start_NONE[], __stop_NONE[];
        static const int none[0] __attribute__((section("NONE"), used));
        __attribute__((export_name("walk"))) int walk(void) {
            int count = 0;
            for (const int *p = __start_NONE; p != __stop_NONE; p++) count++;
            return count;
        }
        "#,
    );
    for backend in linkers() {
        let linked = work.link_with(&backend, args![object, "--no-entry"]);
        assert_eq!(Instance::new(&linked.silent()).call("walk", &[]), 0);
    }
}

#[test]
fn a_section_that_nobody_declares_is_undefined() {
    let work = Work::new();
    let user = work.c(
        "user",
        r#"
        extern const int __start_NOBODY[];
        __attribute__((export_name("get"))) int get(void) { return __start_NOBODY[0]; }
        "#,
    );
    // Whether something else is gathered or not.
    let entry = marked(&work, "entry", "", 1);
    let alone = args![user, "--no-entry"].to_vec();
    for arguments in [alone, reading("NUMBERS", [&user, &entry])] {
        for backend in linkers() {
            let linked = work.link_with(&backend, &arguments);
            let expected = format!("{}: undefined symbol: __start_NOBODY", user.display());
            assert!(linked.error().contains(&expected), "{}", linked.stderr);
        }
    }
}

/// An assembler source with so many marked words, each a pointer to the one before.
fn many(count: u32) -> String {
    let mut source = String::new();
    for n in 0..count {
        let target = match n {
            0 => "0".to_owned(),
            n => format!("m{}", n - 1),
        };
        write!(
            source,
            ".section .data.m{n},\"\",@\n\
             .globl __link_section__NUMBERS$$m{n}\n\
             .p2align 2\n\
             m{n}:\n\
             __link_section__NUMBERS$$m{n}:\n\
             .int32 {target}\n\
             .size m{n}, 4\n\
             .size __link_section__NUMBERS$$m{n}, 4\n"
        )
        .expect("a string");
    }
    source
}

fn check_many(instance: &Instance, count: u32) {
    let start = instance.address("__start_NUMBERS");
    let words = instance.words("NUMBERS");
    assert_eq!(words.len(), count as usize);
    assert_eq!(words[0], 0);
    let mut places = words[1..].iter().zip((start..).step_by(4));
    assert!(places.all(|(&word, place)| word == place));
}

#[test]
fn any_number_of_marked_symbols() {
    // Around the lengths at which a LEB128 takes another byte, and many.
    for count in [1, 2, 127, 128, 129, 16_383, 16_384, 16_385] {
        let work = Work::new();
        let object = work.asm("object", &many(count));
        check_many(&work.gathered("NUMBERS", [object]), count);
    }
}

#[test]
fn a_hundred_thousand_marked_symbols() {
    let work = Work::new();
    let object = work.asm("object", &many(100_000));
    check_many(&work.gathered("NUMBERS", [object]), 100_000);
}

#[test]
fn any_number_of_words_in_a_custom_section() {
    for count in [1, 2, 127, 128, 129, 16_384, 100_000] {
        let work = Work::new();
        let mut source = ".section .custom_section.NUMBERS,\"\",@\n".to_owned();
        for n in 0..count {
            writeln!(source, ".int32 __start_NUMBERS+{}", 4 * n).expect("a string");
        }
        let object = work.asm("object", &source);
        let instance = work.gathered("NUMBERS", [object]);
        let start = instance.address("__start_NUMBERS");
        let expected: Vec<_> = (0..count).map(|n| start + 4 * n).collect();
        assert_eq!(instance.words("NUMBERS"), expected);
    }
}

#[test]
fn entries_of_many_objects_and_members() {
    let work = Work::new();
    // One object for all: what differs is one word of its data.
    let template = work.c(
        "template",
        r#"
        static int own = 0;
        __attribute__((used)) static struct { int number, *own; }
            entry __asm__("__link_section__PAIRS$$entry") = { 0x55aa55aa, &own };
        "#,
    );
    let template = std::fs::read(template).expect("an object");
    let number = 0x55aa_55aa_u32.to_le_bytes();
    let at = memchr::memmem::find(&template, &number).expect("the number");
    let objects: Vec<PathBuf> = (0..2000_u32)
        .map(|n| {
            let mut bytes = template.clone();
            bytes[at..at + 4].copy_from_slice(&n.to_le_bytes());
            work.write(&format!("object{n}.o"), bytes)
        })
        .collect();
    let list: Vec<_> = objects
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    work.write("objects", list.join("\n"));
    work.run(tool("WSL_AR"), ["rcs", "lib.a", "@objects"]);
    for input in ["@objects", "lib.a"] {
        let instance = work.gathered("PAIRS", [input]);
        let words = instance.words("PAIRS");
        let (pairs, rest) = words.as_chunks::<2>();
        assert_eq!((pairs.len(), rest.len()), (2000, 0));
        assert!(pairs.iter().zip(0..).all(|(pair, n)| pair[0] == n));
        // Each points to its own object's.
        let mut own: Vec<_> = pairs.iter().map(|pair| pair[1]).collect();
        own.sort();
        own.dedup();
        assert_eq!(own.len(), 2000);
    }
}
