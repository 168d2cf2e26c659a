//! Names that are not UTF-8: of symbols, segments, sections, COMDAT groups, imports, archive members and files.
//! Linkers take any bytes, and so do we.

use crate::args;
use crate::support::refusal::says;
use crate::support::{Instance, Work, linkers, reading, tool};
use std::ffi::{OsStr, OsString};
use std::fs;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An entry whose own name, and all that it points to, are bytes that are no text.
const ENTRIES: &str = r#"
    extern const int value __asm__("v\xff");
    static int local(void) __asm__("l\xfe\xfd");
    __attribute__((noinline)) static int local(void) { return 7; }
    int global(void) __asm__("g\xff");
    __attribute__((noinline)) int global(void) { return 40; }
    __attribute__((import_module("m~"), import_name("n^"))) int host(void);
    int plain(void) __asm__("i\xff");
    struct e { const int *p; int (*f[4])(void); };
    const struct e entry __asm__("__link_section__X$$e\xff") = { &value, { local, global, plain, host } };
"#;

/// It refers to the entry by its name, and reads the array.
const PROGRAM: &str = r#"
    struct e { const int *p; int (*f[4])(void); };
    extern const struct e entry __asm__("__link_section__X$$e\xff");
    extern const struct e start[] __asm__("__start_X"), stop[] __asm__("__stop_X");
    int is_first(void) { return &entry == start && stop == start + 1; }
    int sum(void) {
        return *start->p + start->f[0]() + start->f[1]() + start->f[2]() + start->f[3]();
    }
"#;

const OTHERS: &str = r#"
    const int value __asm__("v\xff") = 1000;
    int plain(void) __asm__("i\xff");
    int plain(void) { return 300; }
"#;

/// Compiles C. In attributes clang takes no such bytes, nor does its assembler in names of sections: there they
/// stand as `~`, `^` and `Q`.
fn c(work: &Work, name: &str, source: &str) -> PathBuf {
    let object = work.c(name, source);
    let mut bytes = fs::read(&object).expect("an object");
    for letter in b"mnSC" {
        for (from, to) in [(b'~', 0xff), (b'^', 0xfe), (b'Q', 0xff)] {
            for at in memchr::memmem::find_iter(&bytes.clone(), &[*letter, from]) {
                bytes[at + 1] = to;
            }
        }
    }
    fs::write(&object, bytes).expect("written");
    object
}

fn words(inputs: &[&PathBuf]) -> Vec<OsString> {
    let options = args!["--no-entry", "--export=sum", "--export=is_first"];
    let inputs = inputs.iter().map(|path| path.as_os_str().to_owned());
    options.into_iter().chain(inputs).collect()
}

/// What the module does, but for imports whose names a host cannot say: the functions of the host are zero.
fn check(module: &[u8]) {
    // A module is valid only with names in UTF-8.
    let valid = with(module, &[(b"m\xff", b"m?"), (b"n\xfe", b"n?")]);
    let mut instance = Instance::new(&valid);
    assert_eq!(instance.call("is_first", &[]), 1);
    assert_eq!(instance.call("sum", &[]), 1347);
}

fn with(module: &[u8], changes: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut module = module.to_vec();
    for (from, to) in changes {
        let at = module.windows(from.len()).position(|part| part == *from);
        let at = at.expect("the name as it is");
        module[at..at + from.len()].copy_from_slice(to);
    }
    module
}

#[test]
fn symbols_and_imports() {
    let work = Work::new();
    let [entries, program, others] = [("e", ENTRIES), ("p", PROGRAM), ("o", OTHERS)]
        .map(|(name, source)| c(&work, name, source));
    for backend in linkers() {
        for inputs in [
            [&program, &entries, &others],
            [&others, &entries, &program],
            [&program, &work.archive("libe.a", &[&entries]), &others],
            [&program, &entries, &work.archive("libo.a", &[&others])],
            [
                &program,
                &work.archive("liball.a", &[&others, &entries]),
                &work.archive("libo.a", &[&others]),
            ],
        ] {
            check(&work.link_with(&backend, words(&inputs)).silent());
        }
        // Once more through a partial link.
        let partial = work.link_with(&backend, args!["-r", &entries, &others]);
        partial.silent();
        let joined = work.file("joined.o");
        fs::rename(&partial.output, &joined).expect("renamed");
        check(
            &work
                .link_with(&backend, words(&[&program, &joined]))
                .silent(),
        );
    }
}

#[test]
fn two_names_that_differ_in_such_a_byte() {
    let work = Work::new();
    let entries: Vec<PathBuf> = ["\\xff", "\\xfe", "\u{10f7ff}", "\\xf4\\x8f\\x9f"]
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let source = format!(
                "int value{number} __asm__(\"v{name}\") = {number};\n\
                 int *const e __asm__(\"__link_section__X$$e{name}\") = &value{number};"
            );
            work.c(&format!("e{number}"), &source)
        })
        .collect();
    let read = r#"
        extern int *const start[] __asm__("__start_X"), *const stop[] __asm__("__stop_X");
        int read(int i) { return start + i < stop ? *start[i] : -1; }
    "#;
    let read = work.c("read", read);
    for backend in linkers() {
        let words = args!["--no-entry", "--export=read", &read];
        let words = words.into_iter().chain(entries.iter().map(Into::into));
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        let values = [0, 1, 2, 3, 4].map(|i| instance.call("read", &[i]));
        assert_eq!(values, [0, 1, 2, 3, -1]);
    }
}

/// Segments, and custom sections beside them, pass as they are.
#[test]
fn segments_and_sections() {
    let work = Work::new();
    let source = r#"
        __attribute__((section("S~"), used)) int other = 3;
        __attribute__((section("S^"), used)) int another = 4;
        __attribute__((section("X"), used, retain)) static int *const entry = &other;
        extern int *const start[] __asm__("__start_X"), *const stop[] __asm__("__stop_X");
        int sum(void) { return stop - start == 1 ? *start[0] + another : -1; }
        __asm__(".section .custom_section.CQ,\"\",@\n.int32 0x21212121\n");
    "#;
    let object = c(&work, "segments", source);
    let words = args!["--no-entry", "--export=sum", &object];
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &words).module();
    let ours = work.link(words.into_iter().chain(args!["--gather=X"]));
    for module in [plain, ours.silent()] {
        let has = |name: &[u8]| module.windows(name.len()).any(|part| part == name);
        assert!(has(b"\x02C\xff!!!!"), "the custom section");
        let valid = with(&module, &[(b"C\xff", b"C?")]);
        assert_eq!(Instance::new(&valid).call("sum", &[]), 7);
    }
}

#[test]
fn comdat_groups() {
    let work = Work::new();
    let source = r#"
        %e = type { ptr }
        $"g\FF" = comdat any
        @"__link_section__X$$e\FF" = linkonce_odr constant i32 5, comdat($"g\FF")
        @llvm.used = appending global [1 x ptr] [ptr @"__link_section__X$$e\FF"]
    "#;
    let (first, second) = (work.ir("first", source), work.ir("second", source));
    for backend in linkers() {
        let words = reading("X", args![&first, &second]);
        let instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("X"), [5], "{}", backend.display());
    }
}

#[test]
fn people_see_them_as_escapes() {
    let work = Work::new();
    let [entries, program, others] = [("e", ENTRIES), ("p", PROGRAM), ("o", OTHERS)]
        .map(|(name, source)| c(&work, name, source));
    let log = work.log("debug", words(&[&program, &entries, &others]));
    says(&log, &["`__link_section__X$$e\\xff` in "]);
    fs::remove_file(work.file("out.wasm")).expect("removed");
    let shared = r#"
        __attribute__((section(".data.s"))) int a __asm__("__link_section__X$$a\xff") = 1;
        __attribute__((section(".data.s"))) int b __asm__("b\xff") = 1;
    "#;
    let refused = work.refused(&args!["--no-entry", work.c("shared", shared)]);
    says(&refused, &["`__link_section__X$$a\\xff`", "`b\\xff`"]);
    // The backend's own messages have the bytes.
    let linked = work.link(words(&[&program, &entries]));
    let plain = work.plain_link(&tool("WSL_WASM_LD"), words(&[&program, &entries]));
    for name in ["v\u{fffd}", "i\u{fffd}"] {
        let undefined = format!("e.o: undefined symbol: {name}");
        says(linked.error(), &[&undefined]);
        says(&plain.stderr, &[&undefined]);
    }
}

/// A script itself is UTF-8, but its wildcards take any name.
#[test]
fn wildcards_of_a_script() {
    let work = Work::new();
    let source = r#"
        __attribute__((section("S~"), used)) static const int b = 2;
        __attribute__((section("S^"), used)) static const int c = 3;
        extern const int first, last;
        int sum(void) { return &last - &first == 2 ? 10 * first + *(&first + 1) : -1; }
    "#;
    let object = c(&work, "object", source);
    let script = "SECTIONS { .x : { first = .; KEEP(*(SORT(S?))) last = .; } }";
    let script = work.write("x.ld", script);
    for backend in linkers() {
        let words = args!["--no-entry", "--export=sum", "-T", &script, &object];
        let module = work.link_with(&backend, words).silent();
        assert_eq!(Instance::new(&module).call("sum", &[]), 32);
    }
}

/// Members and files whose names are no text, in archives that stay, that are made anew, and thin ones.
#[cfg(unix)]
#[test]
fn members_and_files() {
    let work = Work::new();
    let source = |value: i32| {
        format!(
            "const int e{value} __asm__(\"__link_section__X$$e{value}\") = {value};\n\
             int f{value}(void) {{ return {value}; }}"
        )
    };
    let named = |object: PathBuf, name: &[u8]| {
        let path = work.path().join(OsStr::from_bytes(name));
        fs::rename(object, &path).expect("renamed");
        path
    };
    let first = named(work.c("first", &source(1)), b"m\xff.o");
    let second = named(work.c("second", &source(2)), b"m\xfe.o");
    let other = named(
        work.c("other", "int other(void) { return 30; }"),
        b"o\xff.o",
    );
    let program = r#"
        extern const int start[] __asm__("__start_X"), stop[] __asm__("__stop_X");
        int f1(void), f2(void), other(void);
        int sum(void) { int s = f1() + f2() + other();
                        for (const int *p = start; p != stop; p++) s += 100 * *p;
                        return s; }
    "#;
    let program = named(work.c("program", program), b"p\xff.o");
    let members: [&Path; 3] = [&other, &first, &second];
    for operation in ["rcs", "rcsT"] {
        let archive = work.archive_with(operation, &format!("lib{operation}.a"), &members);
        for whole in [&[][..], &args!["--whole-archive"]] {
            for backend in linkers() {
                let words = args!["--no-entry", "--export=sum", &program];
                let words = words
                    .iter()
                    .chain(whole)
                    .chain([archive.as_os_str().to_owned()].iter())
                    .cloned()
                    .collect::<Vec<_>>();
                let module = work.link_with(&backend, words).silent();
                assert_eq!(Instance::new(&module).call("sum", &[]), 333);
            }
        }
    }
    let files = args![
        "--no-entry",
        "--export=sum",
        &program,
        &first,
        &second,
        &other
    ];
    for backend in linkers() {
        let module = work.link_with(&backend, &files).silent();
        assert_eq!(Instance::new(&module).call("sum", &[]), 333);
    }
}
