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
fn constructors_run_in_link_order() {
    let work = Work::new();
    let step = |name: &str, digit: u32, more: &str| {
        let source = format!(
            "extern int ran; __attribute__((constructor)) static void step(void) \
             {{ ran = ran * 10 + {digit}; }}\n{more}"
        );
        work.c(name, &source)
    };
    let entry = |number: u32| {
        format!(r#"const int e __asm__("__link_section__NUMBERS$${number}") = {number};"#)
    };
    let main = "int ran; int needed(void); int steps(void) { return needed() + ran; }";
    let main = work.c("main", &(main.to_owned() + &entry(0)));
    let needed = step("needed", 1, "int needed(void) { return 0; }");
    let first = work.archive("libfirst.a", &[&needed]);
    let second = work.archive("libsecond.a", &[&step("second", 2, &entry(1))]);
    for backend in linkers() {
        let flags = export_section("NUMBERS").map(OsString::from).into_iter();
        let words = flags.chain(args!["--export=steps", main, first, second]);
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("NUMBERS"), [0, 1]);
        assert_eq!(instance.call("steps", &[]), 12, "{}", backend.display());
    }
}

/// The words that the backend is given for `words`: files that stand for inputs under those names.
fn given(work: &Work, words: &[OsString]) -> Vec<String> {
    let backend = work.script("wasm-ld", "printf '%s\\n' \"$@\"");
    let flags = export_section("NUMBERS").map(OsString::from);
    let linked = work.link_with(&backend, flags.into_iter().chain(words.iter().cloned()));
    assert_eq!(linked.stderr, "");
    linked.stdout.lines().map(str::to_owned).collect()
}

const PACKED: [&str; 3] = ["--whole-archive", "<link sections>", "--no-whole-archive"];

#[test]
fn what_stands_beside_each_other_is_in_one_file() {
    let work = Work::new();
    let objects = objects(&work, &["", "", "", "", "", ""]);
    let [a, b, c, d, e, f] = &objects[..] else {
        panic!("{objects:?}");
    };
    // What has no symbols, as `lib.rmeta` of an rlib, is nothing to offer.
    let (nothing, more) = (work.c("nothing", ""), work.c("more", "int more;"));
    let (one, two) = (
        work.archive("libone.a", &[b, c, &nothing]),
        work.archive("libtwo.a", &[d, &more]),
    );
    let words = args![a, "--strip-debug", &one, &two, e, f];
    let given = given(&work, &words);
    let name = |path: &PathBuf| path.to_string_lossy().into_owned();
    let start = given
        .iter()
        .position(|word| word == PACKED[0])
        .expect("an archive");
    assert_eq!(given[start..start + 3], PACKED);
    assert_eq!(given[start + 3], "--strip-debug");
    // The first archive has nothing left that could be linked.
    assert_eq!(given[start + 4], name(&two));
    assert_eq!(given[start + 5..start + 8], PACKED);
}

/// What overrides a weak definition may be in an archive before it.
#[test]
fn what_overrides_a_weak_definition_still_does() {
    let work = Work::new();
    let main = work.c(
        "main",
        "int handler(void); int handles(void) { return handler(); }",
    );
    let entry = |number: u32| {
        format!(r#"const int e __asm__("__link_section__NUMBERS$${number}") = {number};"#)
    };
    let handler = work.c("handler", "int handler(void) { return 1; }");
    let weak = "__attribute__((weak)) int handler(void) { return 2; }";
    let first = work.archive("libfirst.a", &[&work.c("first", &entry(0)), &handler]);
    let default = work.c("default", &(entry(2) + weak));
    let second = work.archive("libsecond.a", &[&work.c("second", &entry(1)), &default]);
    let third = work.archive("libthird.a", &[&work.c("third", &entry(3))]);
    let words = args!["--export=handles", main, &first, &second, &third];
    for backend in linkers() {
        let flags = export_section("NUMBERS").map(OsString::from).into_iter();
        let words = flags.chain(words.clone());
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("NUMBERS"), [0, 1, 2, 3]);
        assert_eq!(instance.call("handles", &[]), 1, "{}", backend.display());
    }
    let given = given(&work, &words);
    let first = given.iter().position(|word| word.ends_with("libfirst.a"));
    let first = first.expect("the archive that has more to offer");
    // Two that are not weak before it, the weak one and what follows it after it.
    assert_eq!(given[first - 3..first], PACKED, "{given:?}");
    assert_eq!(given[first + 1..first + 4], PACKED, "{given:?}");
}
