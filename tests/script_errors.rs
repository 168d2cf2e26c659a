//! What a wrong script says: the file, the line and the column, the line itself with a caret, and
//! the reason. And no script, however wrong, does more than that.

use crate::args;
use crate::support::Work;
use proptest::prelude::*;
use wasm_section_ld::script::{Script, Source};

/// Scripts with the message that each gets, from `script.ld:` on.
const WRONG: &[(&str, &str)] = &[
    (
        "MEMORY { ram : ORIGIN = 0, LENGTH = 64K }",
        "1:1: MEMORY is not supported for WebAssembly: a wasm module has one linear memory; its \
         size is set by \
         --initial-memory and --max-memory
>>> MEMORY { ram : ORIGIN = 0, LENGTH = 64K }
>>> ^",
    ),
    (
        "ENTRY(main)",
        "1:1: ENTRY is not supported for WebAssembly: the entry of a wasm module is an export; \
         name it with --entry
>>> ENTRY(main)
>>> ^",
    ),
    (
        "PHDRS { text PT_LOAD; }",
        "1:1: PHDRS is not supported for WebAssembly: a wasm module has no program headers
>>> PHDRS { text PT_LOAD; }
>>> ^",
    ),
    (
        "SECTIONS\n{\n\tX : { *(X) } > ram\n}",
        "3:15: memory regions are not supported: a wasm module has one linear memory
>>> \tX : { *(X) } > ram
>>> \t             ^",
    ),
    (
        "SECTIONS { X : AT(0x100) { *(X) } }",
        "1:19: a load address must be the address of the section: in a wasm module nothing copies \
         the data from elsewhere
>>> SECTIONS { X : AT(0x100) { *(X) } }
>>>                   ^",
    ),
    (
        "SECTIONS { X : ONLY_IF_RO { *(X) } }",
        "1:16: ONLY_IF_RO is not supported for WebAssembly: wasm data segments are neither \
         read-only nor read-write
>>> SECTIONS { X : ONLY_IF_RO { *(X) } }
>>>                ^",
    ),
    (
        "SECTIONS { X 0x1000 : { *(X) } }",
        "1:14: an output section cannot have an address: the backend linker assigns it (see \
         --global-base)
>>> SECTIONS { X 0x1000 : { *(X) } }
>>>              ^",
    ),
    (
        "SECTIONS { X (NOLOAD) : { LONG(1) } }",
        "1:15: a (NOLOAD) section must have no contents, but `X` has some from the script
>>> SECTIONS { X (NOLOAD) : { LONG(1) } }
>>>               ^",
    ),
    (
        "SECTIONS { X (INFO) : { *(X) } }",
        "1:15: section type INFO is not supported for WebAssembly: use NOLOAD or no type
>>> SECTIONS { X (INFO) : { *(X) } }
>>>               ^",
    ),
    (
        "SECTIONS { X : { *(X) } AT > ram }",
        "1:25: wasm data has no load address of its own
>>> SECTIONS { X : { *(X) } AT > ram }
>>>                         ^",
    ),
    (
        "SECTIONS { X : { LONG(LOADADDR(X)) } }",
        "1:23: LOADADDR is not supported for WebAssembly: wasm data has no load address of its own
>>> SECTIONS { X : { LONG(LOADADDR(X)) } }
>>>                       ^",
    ),
    (
        "SECTIONS { X : { LONG(1) } } INSERT INTO .data;",
        "1:37: expected AFTER or BEFORE, found `INTO`
>>> SECTIONS { X : { LONG(1) } } INSERT INTO .data;
>>>                                     ^",
    ),
    (
        "SECTIONS { X : { LONG(1) } } INSERT AFTER .data; end = .;",
        "1:56: the value of `.` is not known here: the backend linker assigns the addresses of sections
>>> SECTIONS { X : { LONG(1) } } INSERT AFTER .data; end = .;
>>>                                                        ^",
    ),
    (
        "SECTIONS { X : { LONG(1) } Y ADDR(X) : { LONG(2) } }",
        "1:30: an output section cannot have an address: the backend linker assigns it (see \
         --global-base)
>>> SECTIONS { X : { LONG(1) } Y ADDR(X) : { LONG(2) } }
>>>                              ^",
    ),
    (
        "SECTIONS { X : { LONG(1) } far = . + 64; }",
        "1:28: symbol `far` is outside of its section: at 68 of 4 bytes
>>> SECTIONS { X : { LONG(1) } far = . + 64; }
>>>                            ^",
    ),
    (
        "SECTIONS { X : { ASCIZ text } }",
        "1:24: expected a string in quotes, found `text`
>>> SECTIONS { X : { ASCIZ text } }
>>>                        ^",
    ),
    (
        "SECTIONS { X : { ASCII (0) \"text\" } }",
        "1:25: the size must be at least 1, for the NUL at the end
>>> SECTIONS { X : { ASCII (0) \"text\" } }
>>>                         ^",
    ),
    (
        "SECTIONS { X : { INPUT_SECTION_FLAGS(SHF_WRITE) *(X) } }",
        "1:18: INPUT_SECTION_FLAGS is not supported for WebAssembly: wasm data segments have no \
         such flags
>>> SECTIONS { X : { INPUT_SECTION_FLAGS(SHF_WRITE) *(X) } }
>>>                  ^",
    ),
    (
        "SECTIONS { OVERLAY : { X { *(X) } } }",
        "1:12: OVERLAY is not supported for WebAssembly: linear memory has no overlays
>>> SECTIONS { OVERLAY : { X { *(X) } } }
>>>            ^",
    ),
    (
        "SECTIONS { . = 0x1000; }",
        "1:12: outside output sections `.` is an address, which the backend linker assigns; to \
         align a section, write `NAME : ALIGN(n)`, or `. = ALIGN(n);` before it
>>> SECTIONS { . = 0x1000; }
>>>            ^",
    ),
    (
        "SECTIONS { X : { *(X; } }",
        "1:21: expected a pattern for sections, found `;`
>>> SECTIONS { X : { *(X; } }
>>>                     ^",
    ),
    (
        "SECTIONS { X : { *(A, B) } }",
        "1:21: unexpected `,`: separate patterns with spaces (to GNU ld, a comma is part of the pattern)
>>> SECTIONS { X : { *(A, B) } }
>>>                     ^",
    ),
    (
        "SECTIONS { X : { a = 1 } }",
        "1:24: expected `;`, found `}`
>>> SECTIONS { X : { a = 1 } }
>>>                        ^",
    ),
    (
        "SECTIONS { X : { *(X) }",
        "1:24: expected an output section, found the end of the script
>>> SECTIONS { X : { *(X) }
>>>                        ^",
    ),
    (
        "SECTIONS { X : { LONG(nowhere) } }",
        "1:23: symbol `nowhere` is not known here: an expression can use symbols of this script, \
         and of entries that are laid out before it
>>> SECTIONS { X : { LONG(nowhere) } }
>>>                       ^",
    ),
    (
        "SECTIONS { X : { LONG(1) . = 2; } }",
        "1:26: cannot move the location counter backwards (from 4 to 2)
>>> SECTIONS { X : { LONG(1) . = 2; } }
>>>                          ^",
    ),
    (
        "SECTIONS { X : { LONG(ABSOLUTE(.)) } }",
        "1:23: this needs an absolute address, which only the backend linker knows; the \
         difference of two symbols of one section is a number
>>> SECTIONS { X : { LONG(ABSOLUTE(.)) } }
>>>                       ^",
    ),
    (
        "SECTIONS { X : { BYTE(.) } }",
        "1:23: an address does not fit in 1 bytes: use LONG or QUAD
>>> SECTIONS { X : { BYTE(.) } }
>>>                       ^",
    ),
    (
        "SECTIONS { X : ALIGN(3) { LONG(1) } }",
        "1:22: invalid alignment 3: expected a power of two, at most 2 GiB
>>> SECTIONS { X : ALIGN(3) { LONG(1) } }
>>>                      ^",
    ),
    (
        "SECTIONS { X : { LONG(SIZEOF(Y)) } Y : { LONG(1) } }",
        "1:23: section `Y` is laid out later; move this after it
>>> SECTIONS { X : { LONG(SIZEOF(Y)) } Y : { LONG(1) } }
>>>                       ^",
    ),
    (
        "SECTIONS { X : { LONG(1) } X : { LONG(2) } }",
        "1:28: duplicate output section `X`: merge its descriptions into one
>>> SECTIONS { X : { LONG(1) } X : { LONG(2) } }
>>>                            ^",
    ),
    (
        "SECTIONS { X : { LONG(1 / 0) } }",
        "1:25: division by zero
>>> SECTIONS { X : { LONG(1 / 0) } }
>>>                         ^",
    ),
    (
        "SECTIONS { X : { LONG(1) }\nASSERT(SIZEOF(X) == 8, \"one entry, that is\") }",
        "2:18: assertion failed: one entry, that is
>>> ASSERT(SIZEOF(X) == 8, \"one entry, that is\") }
>>>                  ^",
    ),
    (
        "INCLUDE nowhere.ld",
        "1:9: cannot open linker script nowhere.ld: No such file or directory
>>> searched the current directory and the directories of -L
>>> INCLUDE nowhere.ld
>>>         ^",
    ),
    (
        "SECTIONS { X : { FILL(0x90 } }",
        "1:28: expected `)`, found `}`
>>> SECTIONS { X : { FILL(0x90 } }
>>>                            ^",
    ),
    (
        "SECTIONS { X : { *(SORT_NONE(SORT(X))) } }",
        "1:30: only SORT_BY_NAME and SORT_BY_ALIGNMENT can be nested in each other
>>> SECTIONS { X : { *(SORT_NONE(SORT(X))) } }
>>>                              ^",
    ),
    (
        "SECTIONS { X : { BYTE(0x1g) } }",
        "1:23: invalid number `0x1g`
>>> SECTIONS { X : { BYTE(0x1g) } }
>>>                       ^",
    ),
    (
        "/* no end",
        "1:1: unterminated comment: expected `*/`
>>> /* no end
>>> ^",
    ),
    (
        "SECTIONS { \"X : { } }",
        "1:12: unterminated string: expected `\"`
>>> SECTIONS { \"X : { } }
>>>            ^",
    ),
    (
        "SECTIONS { X : { LONG(1) big = 0x100000000; } }",
        "1:26: symbol `big` is outside of its section: at 4294967296 of 4 bytes
>>> SECTIONS { X : { LONG(1) big = 0x100000000; } }
>>>                          ^",
    ),
];

#[test]
fn every_error_shows_the_place_and_the_reason() {
    let work = Work::new();
    let object = work.c("object", "int unused;");
    for (script, message) in WRONG {
        work.write("script.ld", script);
        let linked = work.link(args!["--no-entry", "-T", "script.ld", object]);
        let expected = format!("wasm-section-ld: error: script.ld:{message}\n");
        assert_eq!(linked.error(), expected);
    }
}

#[test]
fn scripts_that_are_no_text() {
    let work = Work::new();
    let object = work.c("object", "int unused;");
    let refused = |script: &[u8]| {
        work.write("script.ld", script);
        work.link(args!["-T", "script.ld", object])
    };
    let expected = "wasm-section-ld: error: script.ld:1:12: invalid UTF-8: outside comments, a \
        linker script must be UTF-8\n>>> SECTIONS { \u{fffd} }\n>>>            ^\n";
    assert_eq!(refused(b"SECTIONS { \xff }").error(), expected);
    // Where the bytes would count.
    for script in [
        &b"SECTIONS { \"\xe4\" : { LONG(1) } }"[..],
        b"SECTIONS { X : { ASCIZ \"\xe4\" } }",
        b"SECTIONS { X : { *(\xe4) } }",
        b"\xe4 = 4;",
        b"\xff\xfeS\0E\0C\0T\0I\0O\0N\0S\0",
    ] {
        let linked = refused(script);
        assert!(
            linked.error().contains("must be UTF-8"),
            "{}",
            linked.stderr
        );
    }
}

#[test]
fn a_script_that_includes_itself_ends() {
    let work = Work::new();
    let object = work.c("object", "int unused;");
    work.write("script.ld", "INCLUDE script.ld");
    let linked = work.link(args!["-T", "script.ld", object]);
    assert!(
        linked
            .error()
            .contains("INCLUDE is nested too deeply: at most 10 files"),
        "{}",
        linked.stderr
    );
}

/// Words of the language, to be put together at random.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "SECTIONS",
        "{",
        "}",
        "(",
        ")",
        ":",
        ";",
        ",",
        "=",
        "+=",
        ".",
        "*",
        "X",
        "a.o",
        "KEEP",
        "SORT",
        "SORT_BY_NAME",
        "SORT_BY_ALIGNMENT",
        "SORT_NONE",
        "REVERSE",
        "EXCLUDE_FILE",
        "LONG",
        "BYTE",
        "QUAD",
        "FILL",
        "ALIGN",
        "SUBALIGN",
        "SIZEOF",
        "ADDR",
        "DEFINED",
        "ASSERT",
        "PROVIDE",
        "/DISCARD/",
        "\"text\"",
        "0x10",
        "3",
        "4K",
        "?",
        "+",
        "-",
        "~",
        "!",
        "<<",
        "&&",
        "INCLUDE",
        "INSERT",
        "AFTER",
        "NOLOAD",
        "ASCIZ",
        "#",
        "MEMORY",
        "AT",
        ">",
        "MAX",
        "LOG2CEIL",
        "/*",
        "*/",
        "\"",
        "\n",
        "\\",
        "[",
        "é",
    ];
    prop_oneof![
        9 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_words_are_too_much_for_the_parser(words in prop::collection::vec(word(), 0..60)) {
        let _ = Script::parse(Source::new("words", words.join(" ")), &[]);
    }

    #[test]
    fn no_text_is_too_much_for_the_parser(text in "\\PC*") {
        let _ = Script::parse(Source::new("text", text), &[]);
    }
}

#[test]
fn no_depth_is_too_much_for_the_parser() {
    for (open, close) in [
        ("(", ")"),
        ("-", ""),
        ("1 ? ", ": 1"),
        ("MAX(1,", ")"),
        ("1 + (", ")"),
    ] {
        let script = format!("x = {}1{};", open.repeat(100_000), close.repeat(100_000));
        let error = Script::parse(Source::new("deep", script), &[]).expect_err("too deep");
        assert!(error.to_string().contains("nested too deep"), "{open}");
    }
    let nested = format!(
        "SECTIONS {{ X : {{ *({}X{}) }} }}",
        "SORT(".repeat(50_000),
        ")".repeat(50_000)
    );
    assert!(Script::parse(Source::new("sorts", nested), &[]).is_err());
}
