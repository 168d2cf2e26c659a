//! "Bad input": name marks that are not right, or on what cannot be an entry.
//!
//! Each is refused with a message that names the object, or the archive and the member, and the
//! byte at which the symbol stands in the object's symbol table.

use crate::args;
use crate::support::refusal::{offset_in, says};
use crate::support::{Work, tool};
use std::fs;
use std::path::Path;

/// The message for an object with the symbol `symbol`, as a file and as an archive member, which
/// must point at that symbol.
fn refused(work: &Work, object: &Path, symbol: &str) -> String {
    let bytes = fs::read(object).expect("an object");
    let file = object.file_name().expect("a name").to_string_lossy();
    let message = work.refused(&args!["--no-entry", object]);
    says(&message, &[&file, "\n>>> "]);
    points_at(&message, &bytes, symbol);
    let archive = work.archive("libmarks.a", &[object]);
    let in_archive = work.refused(&args!["--no-entry", archive]);
    says(&in_archive, &[&format!("libmarks.a({file}): ")]);
    points_at(&in_archive, &bytes, symbol);
    message
}

/// An entry of the symbol table: kind, flags, perhaps an index, the name's length, the name.
fn points_at(message: &str, object: &[u8], symbol: &str) {
    let entry = &object[offset_in(message)..];
    let name = entry
        .windows(symbol.len())
        .position(|window| window == symbol.as_bytes());
    assert!(name.is_some_and(|at| at <= 6), "not at {symbol}: {message}");
}

fn marked_data(work: &Work, symbol: &str) -> String {
    let source = format!(r#"int a __asm__("{symbol}") = 1;"#);
    refused(work, &work.c("marks", &source), symbol)
}

#[test]
fn an_empty_section_name() {
    let work = Work::new();
    let message = marked_data(&work, "__link_section__$$a");
    says(
        &message,
        &[
            "`__link_section__$$a` has an empty section name",
            "put the section's name after",
        ],
    );
}

#[test]
fn a_section_name_that_is_no_c_identifier() {
    let work = Work::new();
    for name in ["a-b", "9lives", "a.b", "größe", "a b"] {
        let message = marked_data(&work, &format!("__link_section__{name}$$a"));
        says(
            &message,
            &[
                &format!("section name `{name}`"),
                "is not a C identifier",
                "letters, digits and `_`",
            ],
        );
    }
}

#[test]
fn a_mark_that_lacks_a_part() {
    let work = Work::new();
    for symbol in [
        "__link_section__X",
        "__link_section__X$key",
        "__link_section__",
    ] {
        let message = marked_data(&work, symbol);
        says(
            &message,
            &[
                symbol,
                "is not of the form `__link_section__NAME$KEY$UNIQUE`",
                "KEY may be empty",
            ],
        );
    }
}

#[test]
fn a_path_with_a_section_name_that_is_empty_or_no_c_identifier() {
    let work = Work::new();
    // app::__link_section__::A and app::__link_section__größe::A, in v0 mangling.
    for (symbol, what) in [
        (
            "_RNvNtCs2wyFG8dXlmP_3app16___link_section__1A",
            "empty section name",
        ),
        (
            "_RNvNtCs2wyFG8dXlmP_3appu26___link_section__gre_2tb69b1A",
            "C identifier",
        ),
    ] {
        let message = marked_data(&work, symbol);
        says(&message, &[what]);
    }
}

#[test]
fn a_marked_function() {
    let work = Work::new();
    let symbol = "__link_section__NUMBERS$$f";
    let source = format!(r#"int f(void) __asm__("{symbol}"); int f(void) {{ return 1; }}"#);
    let message = refused(&work, &work.c("marks", &source), symbol);
    says(
        &message,
        &[
            symbol,
            "section `NUMBERS`, but it is a function",
            "an entry is a static",
        ],
    );
}

#[test]
fn a_marked_variable_that_is_thread_local() {
    let work = Work::new();
    let symbol = "__link_section__NUMBERS$$t";
    let source = format!(r#"_Thread_local int t __asm__("{symbol}") = 1;"#);
    for compiler in ["WSL_CLANG", "WSL_CLANG_OLD"] {
        let more = ["-pthread", "-ftls-model=local-exec"];
        let object = work.compile(compiler, "marks", "c", &source, &more);
        let message = refused(&work, &object, symbol);
        says(&message, &[symbol, "but it is thread-local"]);
    }
}

/// LLVM says it by the segment's name too, where neither symbol nor segment has the flag.
#[test]
fn a_marked_variable_in_a_segment_of_thread_locals() {
    let work = Work::new();
    let symbol = "__link_section__NUMBERS$$t";
    let object = work.asm(
        "marks",
        &format!(
            r#"
            .section .tdata.t,"",@
            .globl "{symbol}"
            "{symbol}":
            .int32 1
            .size "{symbol}", 4
            "#
        ),
    );
    let message = refused(&work, &object, symbol);
    says(&message, &[symbol, "but it is thread-local"]);
}

#[test]
fn an_entry_by_its_segment_that_is_thread_local() {
    let work = Work::new();
    let object = work.c_with(
        "entry",
        r#"__attribute__((section("NUMBERS"), used)) _Thread_local int t = 1;"#,
        &["-pthread", "-ftls-model=local-exec"],
    );
    let message = work.refused(&args!["--no-entry", "--gather=NUMBERS", object]);
    says(
        &message,
        &[
            "entry.o: an entry of section `NUMBERS` is thread-local",
            "(at byte 0x",
            "each thread has its own copy",
        ],
    );
}

#[test]
fn a_marked_variable_that_shares_its_segment() {
    let work = Work::new();
    let symbol = "__link_section__NUMBERS$$a";
    let source = format!(
        r#"
        __attribute__((section("common"))) int a __asm__("{symbol}") = 1;
        __attribute__((section("common"))) int neighbour = 2;
        "#
    );
    let object = work.c_with("marks", &source, &["-fno-data-sections"]);
    let message = refused(&work, &object, "neighbour");
    says(
        &message,
        &[
            symbol,
            "shares its data segment `common` with `neighbour`",
            "-fdata-sections",
        ],
    );
}

#[test]
fn marks_that_overlap() {
    let work = Work::new();
    let object = work.asm(
        "marks",
        r#"
        .section .data.both,"",@
        .globl "__link_section__NUMBERS$$a"
        .globl "__link_section__NUMBERS$$b"
        "__link_section__NUMBERS$$a":
        .int32 1
        "__link_section__NUMBERS$$b":
        .int32 2
        .size "__link_section__NUMBERS$$a", 8
        .int32 3
        .size "__link_section__NUMBERS$$b", 8
        "#,
    );
    let message = refused(&work, &object, "__link_section__NUMBERS$$b");
    says(
        &message,
        &["are in two entries", "one entry of one section only"],
    );
}

#[test]
fn a_marked_symbol_that_two_objects_define() {
    let work = Work::new();
    let source = r#"int a __asm__("__link_section__NUMBERS$$a") = 1;"#;
    let first = work.c("first", source);
    let second = work.c("second", source);
    let library = work.archive("libsecond.a", &[&second]);
    let whole = args!["--no-entry", "--whole-archive", first, library];
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &whole);
    let message = work.refused(&whole);
    assert_eq!(message, plain.error());
    says(
        &message,
        &[
            "duplicate symbol: __link_section__NUMBERS$$a",
            "first.o",
            "libsecond.a(second.o)",
        ],
    );
}

/// What the backend itself refuses names the user's files, not ours.
#[test]
fn what_the_backend_refuses_names_the_inputs() {
    let work = Work::new();
    let object = work.c(
        "marks",
        r#"
        extern int gone(int);
        int (*const entry)(int) __asm__("__link_section__NUMBERS$$a") = gone;
        "#,
    );
    let library = work.archive("libmarks.a", &[&object]);
    let reader = work.c(
        "reader",
        "extern const int __start_NUMBERS[]; int read(void) { return __start_NUMBERS[0]; }",
    );
    for input in [object, library] {
        let arguments = args!["--no-entry", "--export=read", reader, input];
        let message = work.refused_with(&tool("WSL_WASM_LD"), &arguments);
        says(&message, &["marks.o", "undefined symbol: gone"]);
    }
}
