//! "Partial links (`-r`) gather nothing: marks and custom sections pass through to the final link."

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::custom_sections;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::path::PathBuf;
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
