//! Each edited object is given to the backend at its own place, and what the backend makes of all that is no
//! entry is what it makes of the objects themselves.

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

/// The words that the backend is given for `words`: files that stand for inputs under those names.
#[cfg(unix)]
fn given(work: &Work, words: &[OsString]) -> Vec<String> {
    let backend = work.script("wasm-ld", "printf '%s\\n' \"$@\"");
    let flags = export_section("NUMBERS").map(OsString::from);
    let linked = work.link_with(&backend, flags.into_iter().chain(words.iter().cloned()));
    assert_eq!(linked.stderr, "");
    linked.stdout.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn each_edited_object_is_at_its_own_place() {
    let work = Work::new();
    let objects = objects(&work, &["", "", "", "", "", "", ""]);
    let [a, b, c, d, e, f, g] = &objects[..] else {
        panic!("{objects:?}");
    };
    // What has no symbols, as `lib.rmeta` of an rlib, is nothing to offer.
    let (nothing, more) = (work.c("nothing", ""), work.c("more", "int more;"));
    let large = work.c("large", "char large[100000] = {1};");
    let (one, two, three) = (
        work.archive("libone.a", &[b, c, &nothing]),
        work.archive("libtwo.a", &[d, &more]),
        work.archive("libthree.a", &[g, &large]),
    );
    let given = given(&work, &args![a, "--strip-debug", &one, &two, &three, e, f]);
    let name = |path: &PathBuf| path.to_string_lossy().into_owned();
    let expected = [
        name(a),
        "--strip-debug".into(),
        // Written again with the rewritten members in place.
        name(&one),
        name(&two),
        // To write a large one again would take longer than to parse its rewritten member twice.
        name(&three),
        name(&three),
        "--whole-archive".into(),
        "<link sections>".into(),
        "--no-whole-archive".into(),
    ];
    assert!(given.windows(9).any(|words| words == expected), "{given:?}");
    // The synthesized object comes last.
    assert_eq!(given.last().map(String::as_str), Some("<link sections>"));
}

/// Compares a link with entries to the plain link of the same words: the getters' results and, in both, no
/// message. The words have no bounds of sections, so both links are possible.
fn same_as_plain(work: &Work, words: &[OsString], getters: &[&str]) {
    for backend in linkers() {
        let exports = getters.iter().map(|name| format!("--export={name}").into());
        let plain: Vec<OsString> = exports.chain(words.iter().cloned()).collect();
        let ours = export_section("NUMBERS").map(OsString::from);
        let ours = ours.into_iter().chain(plain.iter().cloned());
        let mut ours = Instance::new(&work.link_with(&backend, ours).silent());
        let plain = args!["--no-entry"].into_iter().chain(plain);
        let mut plain = Instance::new(&work.plain_link(&backend, plain).silent());
        for getter in getters {
            let (ours, plain) = (ours.call(getter, &[]), plain.call(getter, &[]));
            assert_eq!(ours, plain, "{getter} by {}", backend.display());
        }
    }
}

/// A marked entry, the number.
fn entry(number: u32) -> String {
    format!(r#"const int e{number} __asm__("__link_section__NUMBERS$${number}") = {number};"#)
}

/// A constructor that appends a digit to `ran`.
fn step(digit: u32) -> String {
    format!(
        "extern int ran; __attribute__((constructor)) static void step(void) \
         {{ ran = ran * 10 + {digit}; }}\n"
    )
}

const STEPS: &str = "int ran; int needed(void); int steps(void) { return needed() * 1000 + ran; }";

#[test]
fn constructors_of_members_run_where_the_plain_link_has_them() {
    let work = Work::new();
    let main = work.c("main", &(STEPS.to_owned() + &entry(0)));
    let needed = step(1) + "int more(void); int needed(void) { return more(); }" + &entry(1);
    let first = work.archive("libfirst.a", &[&work.c("needed", &needed)]);
    // Nothing refers to this one: it is not linked, and its entry is in the array.
    let unneeded = work.c("unneeded", &(step(2) + &entry(2)));
    let more = step(3) + "int more(void) { return 7; }" + &entry(3);
    let second = work.archive("libsecond.a", &[&unneeded, &work.c("more", &more)]);
    let words = args![&second, main, &first];
    same_as_plain(&work, &words, &["steps"]);
    for backend in linkers() {
        let flags = export_section("NUMBERS").map(OsString::from).into_iter();
        let words = flags.chain(args!["--export=steps"]).chain(words.clone());
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("NUMBERS"), [2, 3, 0, 1]);
        assert_eq!(instance.call("steps", &[]), 7031, "{}", backend.display());
    }
}

/// In the plain link the entry is a root that makes the member alive once something extracts it.
#[test]
fn a_member_that_its_entry_makes_alive_stays_alive() {
    let work = Work::new();
    let main = "int ran; int steps(void) { return ran; } \
                extern const int e; int dead(void) { return e; }";
    let main = work.c("main", main);
    let member = step(5)
        + "__attribute__((used)) const int e = 1;"
        + r#"extern const int m __asm__("__link_section__NUMBERS$$m") __attribute__((alias("e")));"#;
    let library = work.archive("lib.a", &[&work.c("member", &member)]);
    same_as_plain(&work, &args![main, library], &["steps"]);
}

/// What overrides a weak definition may be in an archive before it.
#[test]
fn what_overrides_a_weak_definition_still_does() {
    let work = Work::new();
    let main = "int handler(void); int handles(void) { return handler(); }";
    let main = work.c("main", main);
    let handler = work.c("handler", "int handler(void) { return 1; }");
    let weak = "__attribute__((weak)) int handler(void) { return 2; }";
    let first = work.archive("libfirst.a", &[&work.c("first", &entry(0)), &handler]);
    let default = work.c("default", &(entry(2) + weak));
    let second = work.archive("libsecond.a", &[&work.c("second", &entry(1)), &default]);
    let third = work.archive("libthird.a", &[&work.c("third", &entry(3))]);
    same_as_plain(&work, &args![&main, &first, &second, &third], &["handles"]);
    same_as_plain(&work, &args![&main, &second, &first, &third], &["handles"]);
    same_as_plain(&work, &args![&first, &main, &default, &third], &["handles"]);
}

/// Which member of one archive a name is of does not change because another is edited.
#[test]
fn members_of_one_archive_keep_their_order() {
    let work = Work::new();
    let main = work.c(
        "main",
        "int which(void); int calls(void) { return which(); }",
    );
    let one = work.c("one", "int which(void) { return 1; }");
    let two = work.c(
        "two",
        &(entry(2) + "int which(void) { return 2; } int two(void) { return 2; }"),
    );
    let library = work.archive("lib.a", &[&one, &two]);
    same_as_plain(&work, &args![&main, library], &["calls"]);
    let other = work.archive("libother.a", &[&two, &one]);
    same_as_plain(&work, &args![&main, other], &["calls"]);
}

/// An entry refers to a name that an archive before it offers too late, and that another object defines.
#[test]
fn what_entries_refer_to_is_extracted_last() {
    let work = Work::new();
    let main = "__attribute__((weak)) int bystander(void) { return 2; } \
                int which(void) { return bystander(); }";
    let main = work.c("main", main);
    let member = "int target = 7; __attribute__((weak)) int bystander(void) { return 1; }";
    let library = work.archive("lib.a", &[&work.c("member", member)]);
    let refers = r#"extern int target;
        int *const e __asm__("__link_section__NUMBERS$$e") = &target;
        __attribute__((export_name("entry"))) int entry(void) { return *e; }"#;
    let refers = work.c("refers", refers);
    let own = work.c("own", "int target = 8;");
    same_as_plain(&work, &args![&library, &main, &refers], &["which", "entry"]);
    same_as_plain(
        &work,
        &args![&library, &main, &own, &refers],
        &["which", "entry"],
    );
    same_as_plain(&work, &args![&main, &refers, &library], &["which", "entry"]);
}
