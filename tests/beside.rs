//! Objects that stand beside each other on the command line are given to the backend in one file. What
//! is linked of them is what is linked of files.

use crate::args;
use crate::support::instance::export_section;
use crate::support::module::contains;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::path::PathBuf;

/// Objects with an entry each, the number of the object, and what else they are to have.
fn objects(work: &Work, more: &[&str]) -> Vec<PathBuf> {
    let object = |(number, more): (usize, &&str)| {
        let entry =
            format!(r#"const int e __asm__("__link_section__NUMBERS$${number}") = {number};"#);
        work.c(&format!("o{number}"), &format!("{entry}\n{more}"))
    };
    more.iter().enumerate().map(object).collect()
}

#[test]
fn constructors_and_retained_data_count_as_in_files() {
    let work = Work::new();
    let objects = objects(
        &work,
        &[
            "int ran; int steps(void) { return ran; }",
            "",
            "extern int ran; __attribute__((constructor)) static void first(void) { ran = ran * 10 + 1; }",
            "",
            r#"__attribute__((retain, used)) static const char kept[] = "KEPT BY RETAIN";"#,
            "extern int ran; __attribute__((constructor)) static void second(void) { ran = ran * 10 + 2; }",
            "",
        ],
    );
    for backend in linkers() {
        let plain = args!["--no-entry", "--export=steps"].into_iter();
        let words: Vec<OsString> = plain.chain(objects.iter().map(Into::into)).collect();
        let plain = work.plain_link(&backend, &words).silent();
        let words = export_section("NUMBERS")
            .map(OsString::from)
            .into_iter()
            .chain(words);
        let ours = work.link_with(&backend, words).silent();
        let kept = |module: &[u8]| contains(module, "KEPT BY RETAIN");
        assert_eq!(kept(&ours), kept(&plain), "{}", backend.display());
        let mut instance = Instance::new(&ours);
        assert_eq!(instance.words("NUMBERS"), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(instance.call("steps", &[]), 12, "{}", backend.display());
    }
}

#[test]
fn of_weak_definitions_the_first_counts() {
    let work = Work::new();
    let weak = |number| format!("__attribute__((weak)) int which(void) {{ return {number}; }}");
    let sources: Vec<String> = (10..14).map(weak).collect();
    let objects = objects(
        &work,
        &sources.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for backend in linkers() {
        let words = export_section("NUMBERS").map(OsString::from).into_iter();
        let words = words
            .chain(args!["--export=which"])
            .chain(objects.iter().map(Into::into));
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.call("which", &[]), 10);
        assert_eq!(instance.words("NUMBERS"), [0, 1, 2, 3]);
    }
}

#[test]
fn messages_name_the_files_as_without_us() {
    let work = Work::new();
    let calls = "int nowhere(void); int calls(void) { return nowhere(); }";
    let objects = objects(&work, &["", calls, ""]);
    for backend in linkers() {
        let words = args!["--no-entry", "--export=calls"].into_iter();
        let words: Vec<OsString> = words.chain(objects.iter().map(Into::into)).collect();
        let plain = work.plain_link(&backend, &words);
        let words = export_section("NUMBERS")
            .map(OsString::from)
            .into_iter()
            .chain(words);
        let ours = work.link_with(&backend, words);
        assert_eq!(ours.error(), plain.error());
        assert!(ours.error().contains("o1.o"), "{}", ours.error());
    }
}

#[test]
fn only_what_stands_beside_each_other_is_in_one_file() {
    let work = Work::new();
    let objects = objects(&work, &["", "", "", "", ""]);
    let [a, b, c, d, e] = &objects[..] else {
        panic!("{objects:?}");
    };
    let archive = work.archive("libthree.a", &[b, c, d]);
    let backend = work.script("wasm-ld", "printf '%s\\n' \"$@\"");
    let words = args![a, "--strip-debug", &archive, e];
    let flags = export_section("NUMBERS").map(OsString::from);
    let linked = work.link_with(&backend, flags.into_iter().chain(words));
    let given: Vec<&str> = linked.stdout.lines().collect();
    let place = given
        .iter()
        .position(|word| *word == "--strip-debug")
        .expect("the option");
    let archive = archive.to_string_lossy();
    let name = |object: &PathBuf| object.to_string_lossy().into_owned();
    assert_eq!(given[place - 1], name(a));
    let members = &given[place + 1..place + 5];
    assert_eq!(
        (members[0], members[2]),
        ("--whole-archive", "--no-whole-archive")
    );
    assert_eq!(members[3], archive);
    assert_eq!(given[place + 5], name(e));
}
