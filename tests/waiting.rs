//! The backend is started before the inputs are read, and gets its arguments on its standard input. Nobody is to see
//! a difference.

use crate::args;
use crate::support::{Work, linker, linkers, setting};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// An archive that is large enough, and that nothing needs.
fn large(work: &Work) -> OsString {
    let ballast = work.c("ballast", "char ballast[13 << 20] = { 1 };");
    work.archive("libballast.a", &[&ballast]).into()
}

fn main(work: &Work) -> OsString {
    let source = r#"
        void missing(void);
        __attribute__((export_name("seven"))) int seven(void) { return 7; }
        __attribute__((export_name("call"))) void call(void) { missing(); }
    "#;
    work.c("main", source).into()
}

/// That the backend really waits for its arguments, as the kernel sees it.
fn waits(work: &Work, backend: &Path, words: &[OsString]) -> bool {
    let output = Command::new(setting("WSL_STRACE"))
        .args(["-f", "-e", "trace=execve", "-o"])
        .arg(work.file("trace"))
        .arg(linker())
        .args(words)
        .arg("-o")
        .arg(work.file("traced.wasm"))
        .env("WASM_SECTION_LD_LINKER", backend)
        .output();
    assert!(output.expect("strace").status.success());
    let trace = fs::read_to_string(work.file("trace")).expect("a trace");
    trace.contains(r#""@/dev/stdin""#)
}

#[test]
fn with_nothing_to_gather_all_is_as_with_the_backend_alone() {
    let work = Work::new();
    let (main, ballast) = (main(&work), large(&work));
    let odd = work.file("odd \"name\"\n\\ \u{fffd}.o");
    fs::copy(work.file("main.o"), &odd).expect("a copy");
    let works = args![odd, "--no-entry", "--allow-undefined", ballast].to_vec();
    let fails = args![main, "--no-entry", ballast].to_vec();
    let warns = [works.clone(), args!["--no-such-flag"].to_vec()].concat();
    for backend in linkers() {
        for words in [&works, &fails, &warns] {
            let ours = work.link_with(&backend, words);
            let plain = work.plain_link(&backend, words);
            let named = |text: &str| text.replace("plain/out.wasm", "out.wasm");
            assert_eq!(ours.status, plain.status, "{words:?}");
            assert_eq!(named(&ours.stdout), named(&plain.stdout));
            assert_eq!(named(&ours.stderr), named(&plain.stderr));
            assert_eq!(fs::read(&ours.output).ok(), fs::read(&plain.output).ok());
        }
        assert!(waits(&work, &backend, &works));
    }
}

#[test]
fn arrays_are_gathered() {
    let work = Work::new();
    let ballast = large(&work);
    let entries = work.c(
        "entries",
        r#"int a __asm__("__link_section__NUMBERS$$a") = 3; int b __asm__("__link_section__NUMBERS$$b") = 4;"#,
    );
    for instance in work.gathered_by_each("NUMBERS", args![entries, "--no-entry", ballast]) {
        assert_eq!(instance.words("NUMBERS"), [3, 4]);
    }
}

#[test]
fn the_backend_waits_with_and_without_marks() {
    let work = Work::new();
    let entry = r#"int a __asm__("__link_section__NUMBERS$$a") = 3;"#;
    let marked = args![work.c("entries", entry), "--no-entry"].to_vec();
    let plain = args![work.c("plain", "int a = 3;"), "--no-entry"].to_vec();
    for backend in linkers() {
        assert!(waits(&work, &backend, &marked), "{}", backend.display());
        assert!(waits(&work, &backend, &plain), "{}", backend.display());
    }
}

/// The backend is there already, and goes without a word and without an output.
#[test]
fn an_error_of_ours_is_the_only_one() {
    let work = Work::new();
    let ballast = large(&work);
    let bad = work.c("bad", r#"int a __asm__("__link_section__$$a") = 3;"#);
    let linked = work.link(args![bad, "--no-entry", ballast]);
    let error = linked.error();
    assert!(error.contains("has an empty section name"), "{error}");
    assert!(!error.contains("no input files"), "{error}");
}

/// It needs a program that says nothing of itself to others: a script may look at its words.
#[cfg(unix)]
#[test]
fn a_script_gets_its_words_as_words() {
    let work = Work::new();
    let (main, ballast) = (main(&work), large(&work));
    work.script("wasm-ld", "printf '%s\\n' \"$@\" > words");
    let words = args![main, "--no-entry", ballast];
    let linked = work.link_with(&work.file("wasm-ld"), &words);
    assert_eq!(linked.status, Some(0), "{}", linked.stderr);
    let given = fs::read_to_string(work.file("words")).expect("words");
    let given: Vec<_> = given.lines().take(3).map(OsString::from).collect();
    assert_eq!(given, words);
}
