//! "Partial links (`-r`) gather nothing: marks and custom sections pass through to the final link."

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::custom_sections;
use crate::support::{Instance, Rust, Work, linkers, reading};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two objects with entries of all kinds. A partial link makes one object of them, so no section
/// has both a data segment and a custom section without relocations: in one object, that is what
/// newer rustc makes of one entry.
fn parts(work: &Work) -> [PathBuf; 2] {
    let one = work.compile(
        "WSL_CLANG_OLD",
        "one",
        "c",
        r#"
        static int helper(int x) { return x + 1; }
        static int number __asm__("__link_section__NUMBERS$$number") __attribute__((used)) = 1;
        static int second __asm__("__link_section__NUMBERS$$second") __attribute__((used)) = 2;
        __attribute__((section("WORDS"), used)) static const int words[] = {7, 8};
        static int word __asm__("__link_section__WORDS$$word") __attribute__((used)) = 9;
        int (*one)(int) __asm__("__link_section__POINTERS$$one") = helper;
        "#,
        &["-fdata-sections"],
    );
    let two = work.asm(
        "two",
        r#"
        .functype helper (i32) -> (i32)
        .section .text.helper,"",@
        .type helper,@function
        helper:
        .functype helper (i32) -> (i32)
        local.get 0
        i32.const 2
        i32.add
        end_function
        .section .custom_section.NUMBERS,"",@
        .int32 3
        .section .custom_section.POINTERS,"",@
        .int32 helper
        "#,
    );
    [one, two]
}

/// The numbers, the words, and what the functions give for 40.
fn read(instance: &mut Instance) -> [Vec<u32>; 3] {
    let pointers = instance.words("POINTERS");
    let call = |&pointer: &u32| instance.call_pointer(pointer, &[40]) as u32;
    let called = pointers.iter().map(call).collect();
    [instance.words("NUMBERS"), instance.words("WORDS"), called]
}

fn exports() -> Vec<OsString> {
    let flags = ["NUMBERS", "WORDS", "POINTERS"].map(export_section);
    let flags = flags.into_iter().flatten().map(OsString::from);
    flags.chain(args!["--export-table"]).collect()
}

#[test]
fn a_partial_link_is_the_backends_own() {
    let work = Work::new();
    let [one, two] = parts(&work);
    for backend in linkers() {
        for option in ["-r", "--relocatable", "-relocatable"] {
            let words = args![option, one, two];
            let theirs = work.link_by(&mut Command::new(&backend), &words).silent();
            let ours = work.link_with(&backend, &words).silent();
            assert!(ours == theirs, "{} {option}", backend.display());
            let sections = custom_sections(&ours);
            let has = |name| sections.iter().any(|(found, _)| found == name);
            assert!(has("NUMBERS") && has("POINTERS") && has("reloc.POINTERS"));
        }
    }
}

#[test]
fn a_later_link_gathers_what_a_partial_link_passed_through() {
    let work = Work::new();
    let [one, two] = parts(&work);
    for backend in linkers() {
        let partial = work.link_with(&backend, args!["-r", one, two]);
        let whole = work.write("whole.o", partial.silent());
        let words = |objects: &[&PathBuf]| {
            let objects = objects.iter().map(OsString::from);
            objects.chain(exports()).collect::<Vec<_>>()
        };
        let linked = work.link_with(&backend, words(&[&one, &two]));
        let from_parts = read(&mut Instance::new(&linked.silent()));
        let linked = work.link_with(&backend, words(&[&whole]));
        let from_whole = read(&mut Instance::new(&linked.silent()));
        // The backend sorts the segments that it puts into one object.
        let sorted = |read: [Vec<u32>; 3]| {
            read.map(|mut values| {
                values.sort_unstable();
                values
            })
        };
        let expected = [vec![1, 2, 3], vec![7, 8, 9], vec![41, 42]];
        assert_eq!(sorted(from_parts), expected);
        assert_eq!(sorted(from_whole), expected, "{}", backend.display());
    }
}

#[test]
fn options_of_our_own_are_taken_out_of_a_partial_link_too() {
    let work = Work::new();
    let [one, two] = parts(&work);
    let plain = work.link(args!["-r", one, two]).silent();
    let asked = work.link(args!["-r", "--gather=*", one, two]).silent();
    assert!(asked == plain);
}

#[test]
fn sections_of_c_alone_are_kept_though_the_flag_that_keeps_them_is_dropped() {
    // `wasm-ld` before LLVM 23 forgets in a partial link that segments are retained.
    let work = Work::new();
    let entries = |name: &str, numbers: &str| {
        let source = format!(
            r#"__attribute__((section("NUMBERS"), used)) static const int numbers[] = {{ {numbers} }};"#
        );
        work.c(name, &source)
    };
    let (one, two) = (entries("one", "1, 2"), entries("two", "3"));
    for backend in linkers() {
        let partial = work.link_with(&backend, args!["-r", one, two]);
        let whole = work.write("whole.o", partial.silent());
        // And once more, with an archive of it.
        let twice = work.link_with(&backend, args!["-r", whole]);
        let archive = work.archive("libwhole.a", &[&work.write("twice.o", twice.silent())]);
        for input in [whole, archive] {
            let linked = work.link_with(&backend, reading("NUMBERS", [input]));
            let numbers = Instance::new(&linked.silent()).words("NUMBERS");
            assert_eq!(numbers, [1, 2, 3], "{}", backend.display());
        }
    }
}

#[test]
fn rust_and_c_by_way_of_a_partial_link() {
    let work = Work::new();
    let registry = r#"
        #[repr(C)] pub struct Plugin { pub number: i32, pub run: fn(i32) -> i32 }
        #[macro_export] macro_rules! plugin {
            ($number:expr, $run:expr) => {
                const _: () = {
                    mod __link_section__PLUGINS {
                        #[used] static PLUGIN: $crate::Plugin = $crate::Plugin { number: $number, run: $run };
                    }
                };
            };
        }
        unsafe extern "C" { static __start_PLUGINS: [Plugin; 0]; static __stop_PLUGINS: [Plugin; 0]; }
        pub fn plugins() -> &'static [Plugin] {
            let (start, stop) = (&raw const __start_PLUGINS, &raw const __stop_PLUGINS);
            let count = (stop.addr() - start.addr()) / size_of::<Plugin>();
            unsafe { core::slice::from_raw_parts(start.cast(), count) }
        }
        plugin!(1, |n| n + 1);
        plugin!(2, |n| n * 2);
    "#;
    let program = r#"
        extern crate registry;
        registry::plugin!(3, |n| n * n);
        #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> i32 {
            registry::plugins().iter().map(|plugin| plugin.number * 1000 + (plugin.run)(n)).sum()
        }
        #[unsafe(no_mangle)] pub extern "C" fn count() -> usize { registry::plugins().len() }
    "#;
    let c = work.c_with(
        "c",
        r#"
        struct plugin { int number; int (*run)(int); };
        static int negate(int n) { return -n; }
        static const struct plugin a __asm__("__link_section__PLUGINS$$a") __attribute__((used)) =
            { 4, negate };
        __attribute__((section("PLUGINS"), used)) static const struct plugin b = { 5, negate };
        "#,
        &["-fdata-sections"],
    );
    let mut rust = Rust::new(&work, &["-Copt-level=1"]);
    let registry = rust.rlib("registry", registry);
    let object = rust.object("program", program);
    // `core`, for what the partial link leaves undefined, comes with any crate.
    let core = Rust::new(&work, &["-Copt-level=1"]);
    for backend in linkers() {
        let words = args!["-r", object, c, "--whole-archive", registry];
        let partial = work.write("partial.o", work.link_with(&backend, words).silent());
        let linker = format!("-Clink-arg=--section-linker={}", backend.display());
        let input = format!("-Clink-arg={}", partial.display());
        let exports = ["sum", "count"].map(|name| format!("-Clink-arg=--export={name}"));
        let core = core.with(&[linker, input]).with(&exports);
        let mut instance = Instance::new(&core.program("whole", "").silent());
        assert_eq!(instance.call("count", &[]), 5, "{}", backend.display());
        let sum = 15_000 + (20 + 1) + 20 * 2 + 20 * 20 - 20 - 20;
        assert_eq!(instance.call("sum", &[20]), sum, "{}", backend.display());
    }
}

#[test]
fn a_custom_section_that_a_part_has_beside_segments_of_another_is_an_entry() {
    let work = Work::new();
    let segments = work.c(
        "segments",
        r#"__attribute__((section("NUMBERS"), used)) static const int number = 1;"#,
    );
    let custom = work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 2\n",
    );
    let doubled = |name: &str, value: u8| {
        let bytes = format!("\\{value:02x}\\00\\00\\00");
        let source = format!(
            r#"
            @entry = internal constant [4 x i8] c"{bytes}", section "NUMBERS", align 4
            @llvm.used = appending global [1 x ptr] [ptr @entry], section "llvm.metadata"
            !wasm.custom_sections = !{{!0}}
            !0 = !{{!"NUMBERS", !"{bytes}"}}
            "#
        );
        work.ir(name, &source)
    };
    let (first, second) = (doubled("first", 3), doubled("second", 4));
    let marked = work.c(
        "marked",
        r#"int marked __asm__("__link_section__NUMBERS$$marked") = 5;"#,
    );
    let of_sum = |backend: &Path, parts: [&PathBuf; 2]| {
        let words = ["-r".into()].into_iter().chain(parts.map(OsString::from));
        let whole = work.write("whole.o", work.link_with(backend, words).silent());
        let linked = work.link_with(backend, reading("NUMBERS", [whole, marked.clone()]));
        let mut numbers = Instance::new(&linked.module()).words("NUMBERS");
        numbers.sort_unstable();
        (linked.stderr, numbers)
    };
    for backend in linkers() {
        for (parts, numbers) in [
            ([&segments, &custom], [1, 2, 5]),
            ([&first, &custom], [2, 3, 5]),
            ([&custom, &first], [2, 3, 5]),
            ([&segments, &first], [1, 3, 5]),
            ([&first, &second], [3, 4, 5]),
        ] {
            let expected = (String::new(), numbers.to_vec());
            assert_eq!(of_sum(&backend, parts), expected, "{}", backend.display());
        }
    }
}
