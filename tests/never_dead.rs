//! "Never dead": a gathered section that no live code reaches costs nothing. The module is, byte for
//! byte, that of the program without it.

use crate::args;
use crate::support::module::{contains, function_names};
use crate::support::rust::rustc;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A program with a function that nobody calls and that walks a section. It has a function table, as
/// `wasm-ld` keeps one, empty, for every object that could use it.
const PROGRAM: &str = r#"
    extern const int start[] __asm__("__start_NUMBERS"), stop[] __asm__("__stop_NUMBERS");
    int sum(void) {
        int sum = 0;
        for (const int *number = start; number != stop; number++) sum += *number;
        return sum;
    }
    int run(int (*call)(int), int x) { return call(x); }
"#;

/// An entry that is a name-marked symbol, with a function and data that only it uses.
const MARKED: &str = r#"
    static const char text[] = "only the entry uses this";
    static const char *helper(int i) { return text + i; }
    const char *(*function)(int) __asm__("__link_section__NUMBERS$$function") = helper;
"#;

const SEGMENT: &str = r#"
    static const char text[] = "only the entry uses this";
    static int number __asm__("__link_section__NUMBERS$$number") __attribute__((used)) = 1;
    __attribute__((section("NUMBERS"), used)) static const char *const words[] = {text};
"#;

const CUSTOM: &str = r#"
    .functype helper (i32) -> (i32)
    .section .text.helper,"",@
    .type helper,@function
    helper:
    .functype helper (i32) -> (i32)
    local.get 0
    end_function
    .section .rodata.text,"",@
    .type text,@object
    text: .asciz "only the entry uses this"
    .size text, 25
    .section .custom_section.NUMBERS,"",@
    .int32 helper
    .int32 text
"#;

/// The registries, each in an object and an archive of its name.
fn registries(work: &Work) -> [&'static str; 3] {
    const SECTIONS: [&str; 2] = ["-fdata-sections", "-ffunction-sections"];
    work.c_with("marked", MARKED, &SECTIONS);
    work.c_with("segment", SEGMENT, &SECTIONS);
    work.asm("custom", CUSTOM);
    for name in ["marked", "segment", "custom"] {
        let object = work.file(&format!("{name}.o"));
        work.archive(&format!("lib{name}.a"), &[&object]);
    }
    ["marked", "segment", "custom"]
}

/// The ways to name the object `name` on a command line.
fn ways(name: &str) -> [Vec<OsString>; 3] {
    let archive = format!("lib{name}.a");
    [
        args![format!("{name}.o")].to_vec(),
        args![archive].to_vec(),
        args!["--whole-archive", archive, "--no-whole-archive"].to_vec(),
    ]
}

fn program(work: &Work, flags: &[&str]) -> [OsString; 3] {
    let sections = ["-fdata-sections", "-ffunction-sections"];
    work.c_with("program", PROGRAM, &[&sections, flags].concat());
    args!["program.o", "--no-entry", "--export=run"]
}

#[test]
fn a_registry_that_nobody_reads_leaves_nothing_in_the_module() {
    let work = Work::new();
    let registries = registries(&work);
    let program = program(&work, &[]);
    for backend in linkers() {
        // To the same name, which is in the module.
        let without = work.link_by(&mut Command::new(&backend), &program).silent();
        for registry in registries {
            for way in ways(registry) {
                let words = program.iter().chain(&way);
                let with = work.link_with(&backend, words).silent();
                let what = format!("{} {way:?}", backend.display());
                assert_eq!(function_names(&with), ["run"], "{what}");
                assert!(with == without, "{what}: {} {}", with.len(), without.len());
            }
        }
    }
}

#[test]
fn it_does_not_beside_others_that_are_read_either() {
    let work = Work::new();
    registries(&work);
    work.c(
        "read",
        r#"
        extern const int start[] __asm__("__start_LIVE");
        int live __asm__("__link_section__LIVE$$live") = 7;
        int first(void) { return start[0]; }
        "#,
    );
    let program = program(&work, &[]).into_iter();
    let live: Vec<_> = program.chain(args!["read.o", "--export=first"]).collect();
    let without = work.link(&live).silent();
    for archive in ["libmarked.a", "libsegment.a", "libcustom.a"] {
        let with = work
            .link(live.iter().cloned().chain(args![archive]))
            .silent();
        assert!(with == without, "{archive}");
        assert_eq!(Instance::new(&with).call("first", &[]), 7);
    }
}

#[test]
fn a_registry_that_is_read_only_by_the_dead_is_dead() {
    // A cycle of entries and functions, which nothing else reaches.
    let work = Work::new();
    let cycle = work.c_with(
        "cycle",
        r#"
        typedef int (*Hook)(void);
        extern const Hook start[] __asm__("__start_HOOKS");
        static int helper(void) { return start[0](); }
        Hook entry __asm__("__link_section__HOOKS$$entry") = helper;
        "#,
        &["-ffunction-sections"],
    );
    let program = program(&work, &[]);
    let without = work.link(&program).silent();
    let with = work
        .link(program.into_iter().chain([cycle.into()]))
        .silent();
    assert!(with == without);
}

#[test]
fn a_rust_crate_that_only_registers_leaves_nothing_in_the_module() {
    const PLUGIN: &str = r#"
        #![no_std]
        pub struct Plugin { pub name: &'static str, pub run: fn(i32) -> i32 }
        fn helper(x: i32) -> i32 { x + 41 }
        #[allow(non_snake_case)]
        pub mod __link_section__PLUGINS {
            #[used]
            static A: super::Plugin = super::Plugin { name: "a name", run: super::helper };
        }
    "#;
    const APPLICATION: &str = r#"
        #![no_std]
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
        #[unsafe(no_mangle)]
        pub extern "C" fn run(call: extern "C" fn(i32) -> i32, x: i32) -> i32 { call(x) }
    "#;
    let work = Work::new();
    let build = |kind: &str, name: &str, source: &str, link: &[OsString]| {
        let source = work.write(&format!("{name}.rs"), source);
        let output = work.file(&format!("{name}.{kind}"));
        let mut linker = OsString::from("-Clinker=");
        linker.push(crate::support::linker());
        let mut command = rustc();
        command
            .args(["-Copt-level=2", "--crate-type", kind])
            .args([linker, "-o".into(), output.clone().into()])
            .args(link)
            .arg(source);
        crate::support::program::lines(&mut command);
        fs::read(output).expect("an output")
    };
    let plugin = build("rlib", "plugin", PLUGIN, &[]);
    assert!(contains(&plugin, "a name"), "the crate has an entry");
    let without = build("cdylib", "application", APPLICATION, &[]);
    let mut link = OsString::from("-Clink-arg=");
    link.push(work.file("plugin.rlib"));
    let with = build("cdylib", "application", APPLICATION, &[link]);
    assert!(with == without, "{} {}", with.len(), without.len());
}

fn count(module: &[u8], text: &str) -> usize {
    memchr::memmem::find_iter(module, text.as_bytes()).count()
}

#[test]
fn without_garbage_collection_an_array_is_there_once() {
    let work = Work::new();
    work.c_with(
        "entries",
        r#"
        struct Entry { char text[16]; };
        struct Entry marked __asm__("__link_section__TEXTS$$marked") = {"marked entry!!!"};
        __attribute__((section("TEXTS"), used)) static struct Entry named = {"segment entry!!"};
        "#,
        &["-fdata-sections"],
    );
    work.asm(
        "custom",
        ".section .custom_section.TEXTS,\"\",@\n.asciz \"custom entry!!!\"\n",
    );
    work.archive(
        "libentries.a",
        &[&work.file("entries.o"), &work.file("custom.o")],
    );
    for backend in linkers() {
        for inputs in [
            args!["entries.o", "custom.o"].to_vec(),
            args!["libentries.a"].to_vec(),
            args!["--whole-archive", "libentries.a"].to_vec(),
        ] {
            let flags = ["--no-gc-sections", "--no-entry", "-u", "__start_TEXTS"];
            let words = inputs.iter().cloned().chain(flags.map(OsString::from));
            let module = work.link_with(&backend, words).silent();
            for text in ["marked entry!!!", "segment entry!!", "custom entry!!!"] {
                assert_eq!(count(&module, text), 1, "{text} {inputs:?}");
            }
            // In one piece.
            let at = |text| memchr::memmem::find(&module, text).expect("it");
            let places = [
                at(b"marked entry"),
                at(b"segment entry"),
                at(b"custom entry"),
            ];
            let (first, last) = (places.iter().min(), places.iter().max());
            assert_eq!(last.expect("three") - first.expect("three"), 32);
        }
    }
}

#[test]
fn an_export_of_a_bound_keeps_the_array() {
    let work = Work::new();
    let registries = registries(&work);
    let links = |backend: &Path, option: &str, registry: &str| {
        let archive = Path::new("lib").with_file_name(format!("lib{registry}.a"));
        let words = args![option, archive, "--no-entry"];
        let module = work.link_with(backend, words).silent();
        contains(&module, "only the entry uses this")
    };
    for backend in linkers() {
        for registry in registries {
            let what = format!("{} {registry}", backend.display());
            assert!(
                links(&backend, "--export=__start_NUMBERS", registry),
                "{what}"
            );
            // This one asks for nothing: it takes what there is, and a mark says itself what it is for.
            let is_there = links(&backend, "--export-if-defined=__stop_NUMBERS", registry);
            // `used` data in a segment of its name is there in the plain link too.
            assert_eq!(is_there, registry != "custom", "{what}");
        }
    }
}

#[test]
fn without_a_table_of_its_own_the_program_gains_an_empty_one_at_most() {
    // What `wasm-ld` does for every object that could use it.
    const TABLE_SECTION: usize = 7;
    let work = Work::new();
    let registries = registries(&work);
    let source = PROGRAM.replace("return call(x)", "return x");
    work.c_with("program", &source, &["-ffunction-sections"]);
    let program = args!["program.o", "--no-entry", "--export=run"];
    for backend in linkers() {
        let without = work.link_with(&backend, &program).silent();
        for way in registries.into_iter().flat_map(ways) {
            let with = work
                .link_with(&backend, program.iter().chain(&way))
                .silent();
            let what = format!("{} {way:?}", backend.display());
            let more = with.len() - without.len();
            assert!(more == 0 || more == TABLE_SECTION, "{what}: {more}");
        }
    }
}
