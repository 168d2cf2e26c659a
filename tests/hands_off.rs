//! "Hands off what works": a section whose entries are all data segments that the compiler named is
//! left to `wasm-ld`, unless `--gather` asks; what is no link section passes through in any case.

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::{custom_section, custom_sections};
use crate::support::refusal::says;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

const ENTRIES: &str = r#"
    __attribute__((section("NUMBERS"), used)) static const int numbers[] = {1, 2};
    int value = 9;
    __attribute__((section("POINTERS"), used)) static int *const pointer = &value;
    int touch(void) { return 1; }
"#;
const MORE: &str = r#"
    __attribute__((section("NUMBERS"), used)) static const int number = 3;
    int not_called(void) { return 1; }
"#;
const PROGRAM: &str = r#"
    extern const int start[] __asm__("__start_NUMBERS"), stop[] __asm__("__stop_NUMBERS");
    extern int *const pointers[] __asm__("__start_POINTERS");
    int touch(void);
    int run(void) {
        int sum = touch() + *pointers[0];
        for (const int *number = start; number != stop; number++) sum += *number;
        return sum;
    }
"#;

/// A program that walks sections of C alone, from objects and from archives.
fn c_only(work: &Work, compiler: &str) -> [Vec<OsString>; 4] {
    let program = work.compile(compiler, "program", "c", PROGRAM, &["-g"]);
    let entries = work.compile(compiler, "entries", "c", ENTRIES, &["-g"]);
    let more = work.compile(compiler, "more", "c", MORE, &["-fdata-sections"]);
    let archive = work.archive("libentries.a", &[&entries, &more]);
    [
        args![program, entries, more].to_vec(),
        args![program, archive].to_vec(),
        args![program, entries, archive].to_vec(),
        args![program, "--whole-archive", archive].to_vec(),
    ]
    .map(|inputs| {
        inputs
            .into_iter()
            .chain(args!["--no-entry", "--export=run"])
            .collect()
    })
}

#[test]
fn a_section_of_c_alone_is_the_backends_byte_for_byte() {
    let mut linked = 0;
    for compiler in ["WSL_CLANG_19", "WSL_CLANG"] {
        let work = Work::new();
        for words in c_only(&work, compiler) {
            for backend in linkers().into_iter().filter(|backend| retains(backend)) {
                let link = |ours: bool| {
                    let _ = fs::remove_file(work.file("out.wasm"));
                    let linked = match ours {
                        true => work.link_with(&backend, &words),
                        false => work.link_by(&mut Command::new(&backend), &words),
                    };
                    let module = fs::read(&linked.output).ok();
                    (linked.status, linked.stdout, linked.stderr, module)
                };
                let (theirs, mut ours) = (link(false), link(true));
                if theirs.0 != Some(0) {
                    // What to do about it is said behind the backend's own errors.
                    let added = ours.2.split_off(theirs.2.len().min(ours.2.len()));
                    if !added.is_empty() {
                        says(&added, &["note: section `", "give --gather="]);
                    }
                }
                assert!(ours == theirs, "{} {words:?}", backend.display());
                linked += usize::from(theirs.0 == Some(0));
            }
        }
    }
    assert!(linked >= 4, "{linked}");
}

/// Whether a linker knows of segments that are retained, as these compilers' entries are.
fn retains(backend: &Path) -> bool {
    let output = Command::new(backend).arg("--version").output();
    let version = String::from_utf8(output.expect("a linker").stdout).expect("text");
    let (_, version) = version.split_once("LLD ").expect("a version");
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    major.is_some_and(|major: u32| major >= 19)
}

#[test]
fn what_an_older_linker_would_lose_is_gathered() {
    let mut linked = 0;
    for compiler in ["WSL_CLANG_19", "WSL_CLANG"] {
        let work = Work::new();
        for words in c_only(&work, compiler) {
            for backend in linkers().into_iter().filter(|backend| !retains(backend)) {
                let module = work.link_with(&backend, &words).silent();
                let sum = Instance::new(&module).call("run", &[]);
                assert_eq!(sum, 1 + 9 + 1 + 2 + 3, "{} {words:?}", backend.display());
                linked += 1;
            }
        }
    }
    assert!(linked > 0 || linkers().iter().all(|backend| retains(backend)));
}

#[test]
fn what_nothing_would_keep_is_gathered() {
    // Clang 14 says of entries that they are `used` by a flag that is no root where it is on a local
    // symbol.
    let work = Work::new();
    for words in c_only(&work, "WSL_CLANG_OLD") {
        for backend in linkers() {
            let module = work.link_with(&backend, &words).silent();
            let sum = Instance::new(&module).call("run", &[]);
            assert_eq!(sum, 1 + 9 + 1 + 2 + 3, "{} {words:?}", backend.display());
        }
    }
}

#[test]
fn it_is_so_beside_a_section_that_is_gathered() {
    let work = Work::new();
    let numbers = work.c(
        "numbers",
        r#"__attribute__((section("NUMBERS"), used)) static const int number = 3;"#,
    );
    let marked = work.c(
        "marked",
        r#"int x __asm__("__link_section__MARKED$$x") = 7;"#,
    );
    // In an archive, so that being gathered would show.
    let archive = work.archive("libnumbers.a", &[&numbers]);
    let flags = ["NUMBERS", "MARKED"]
        .map(export_section)
        .into_iter()
        .flatten();
    let flags: Vec<_> = flags.map(OsString::from).collect();
    let with = |numbers: &std::path::Path| {
        let words = args![numbers, marked].into_iter().chain(flags.clone());
        work.link(words)
    };
    let instance = Instance::new(&with(&numbers).silent());
    assert_eq!(
        (instance.words("NUMBERS"), instance.words("MARKED")),
        (vec![3], vec![7])
    );
    // Left to the backend, which does not look for it there.
    fs::remove_file(work.file("out.wasm")).expect("an output file");
    let undefined = with(&archive);
    assert!(
        undefined.error().contains("not found: __start_NUMBERS"),
        "{undefined:?}"
    );
}

#[test]
fn gather_keeps_entries_as_elf_keeps_them() {
    // Older compilers retain none of these, `hidden` is retained by none, and nobody calls `more`.
    const HIDDEN: &str = r#"__attribute__((section("NUMBERS"))) int hidden = 4;"#;
    for compiler in ["WSL_CLANG_OLD", "WSL_CLANG"] {
        let work = Work::new();
        let program = work.compile(compiler, "program", "c", PROGRAM, &[]);
        let entries = work.compile(compiler, "entries", "c", ENTRIES, &[]);
        let more = work.compile(compiler, "more", "c", MORE, &[]);
        let hidden = work.compile(compiler, "hidden", "c", HIDDEN, &[]);
        let archive = work.archive("libentries.a", &[&entries, &more, &hidden]);
        for backend in linkers() {
            for pattern in ["--gather=*", "--gather=NUMBER[S-T]", "--gather=NUMBERS"] {
                let flags = export_section("NUMBERS").map(OsString::from);
                let words = args![program, archive, pattern, "--export=run"];
                // The older compilers' POINTERS are kept by no older linker.
                let words = words.into_iter().chain(args!["--gather=POINTERS"]);
                let linked = work.link_with(&backend, words.chain(flags));
                let mut instance = Instance::new(&linked.silent());
                let what = format!("{compiler} {} {pattern}", backend.display());
                assert_eq!(instance.words("NUMBERS"), [1, 2, 3, 4], "{what}");
                assert_eq!(instance.call("run", &[]), 1 + 9 + 10, "{what}");
            }
        }
    }
}

#[test]
fn gather_does_not_keep_what_nobody_reads() {
    let work = Work::new();
    let entries = work.c("entries", ENTRIES);
    let program = work.c("program", "int run(void) { return 1; }");
    let words = args![program, "--no-entry", "--export=run"];
    let without = work.link(&words).silent();
    let words = words.into_iter().chain(args![entries, "--gather=*"]);
    assert_eq!(work.link(words).silent().len(), without.len());
}

/// Custom sections that are nobody's entries, whatever their names.
const OTHERS: &str = r#"
    .section .custom_section.__wasm_bindgen_unstable,"",@
    .asciz "descriptors"
    .section .custom_section.for_the_host,"",@
    .asciz "read from outside"
    .section .custom_section.producers,"",@
    .int8 1
    .int8 8
    .ascii "language"
    .int8 1
    .int8 4
    .ascii "Wasm"
    .int8 0
"#;

#[test]
fn custom_sections_that_are_no_link_sections_pass_through() {
    let work = Work::new();
    let others = work.asm("others", OTHERS);
    // Debug information and the compiler's own sections, in an object that entries leave.
    let marked = work.c_with(
        "marked",
        r#"
        int x __asm__("__link_section__MARKED$$x") = 7;
        int run(void) { return x; }
        "#,
        &["-g", "-fdata-sections"],
    );
    let words = args![others, marked, "--no-entry", "--export=run"];
    for backend in linkers() {
        let names = |module: &[u8]| {
            let mut names: Vec<String> = custom_sections(module)
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            names.sort();
            names
        };
        let theirs = work.plain_link(&backend, &words).silent();
        for gather in [None, Some("--gather=*"), Some("--gather=[!x]*")] {
            let words = words.iter().cloned().chain(gather.map(OsString::from));
            let ours = work.link_with(&backend, words).silent();
            assert_eq!(names(&ours), names(&theirs));
            for name in [
                "__wasm_bindgen_unstable",
                "for_the_host",
                "producers",
                "target_features",
                ".debug_abbrev",
                ".debug_str",
            ] {
                let same = custom_section(&ours, name) == custom_section(&theirs, name);
                assert!(same, "{} {name} {gather:?}", backend.display());
            }
            assert_eq!(
                custom_section(&ours, "for_the_host"),
                b"read from outside\0"
            );
        }
    }
}

#[test]
fn a_custom_section_that_no_symbol_could_name_is_not_gathered() {
    let work = Work::new();
    let others = work.asm("others", &OTHERS.replace("for_the_host", "for.the.host"));
    let linked = work.link(args![others, "--no-entry", "--gather=for.the.host"]);
    assert_eq!(
        custom_section(&linked.module(), "for.the.host"),
        b"read from outside\0"
    );
    let beginning =
        "wasm-section-ld: warning: --gather=for.the.host: a section of that name is not";
    assert!(linked.stderr.starts_with(beginning), "{}", linked.stderr);
}

#[test]
fn a_custom_section_that_is_asked_for_by_name_is_gathered() {
    let work = Work::new();
    let others = work.asm("others", OTHERS);
    let words = args![others, "--gather=for_the_host"].into_iter();
    let words = words.chain(export_section("for_the_host").map(OsString::from));
    let module = work.link(words).silent();
    assert!(
        custom_sections(&module)
            .iter()
            .all(|(name, _)| name != "for_the_host")
    );
    assert_eq!(
        Instance::new(&module).section("for_the_host"),
        b"read from outside\0"
    );
}
