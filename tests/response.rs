//! "Drop-in": response files of the caller's, in both quotings, and of our own where a command line
//! would be too long.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::fs;

/// An object whose custom section NUMBERS holds `number`.
fn number(work: &Work, name: &str, number: u32) {
    let source = format!(".section .custom_section.NUMBERS,\"\",@\n.int32 {number}\n");
    work.asm(name, &source);
}

#[test]
fn entries_are_found_through_response_files() {
    let work = Work::new();
    for value in 1..=4 {
        number(&work, &format!("{value}"), value);
    }
    fs::create_dir(work.file("a b")).expect("a directory");
    fs::rename(work.file("2.o"), work.file("a b/2\"'.o")).expect("a name to quote");
    work.write("middle.rsp", "\"a b/2\\\"'.o\"\n@inner.rsp\n");
    work.write("inner.rsp", "'3'.\\o\t--export='__start_NUMBERS'\n");
    work.write(
        "outer.rsp",
        "\u{feff}1.o @middle.rsp\r\n4.o --export __stop_NUMBERS",
    );
    for backend in linkers() {
        let linked = work.link_with(&backend, args!["--no-entry", "@outer.rsp"]);
        let numbers = Instance::new(&linked.silent()).words("NUMBERS");
        assert_eq!(numbers, [1, 2, 3, 4], "{}", backend.display());
    }
}

#[test]
fn entries_are_found_through_response_files_in_windows_quoting() {
    let work = Work::new();
    for value in 1..=3 {
        number(&work, &format!("{value}"), value);
    }
    fs::rename(work.file("2.o"), work.file(r#"a\b "2".o"#)).expect("a name to quote");
    work.write("inner.rsp", r#""a\b \"2\".o""#);
    work.write(
        "outer.rsp",
        "1.o @inner.rsp\r\n3.o --export=\"__start_NUMBERS\" --export=__stop_NUMBERS",
    );
    let quotings = [
        args!["--rsp-quoting=windows"].to_vec(),
        args!["--rsp-quoting", "windows"].to_vec(),
        args!["--rsp-quoting=posix", "-rsp-quoting=windows"].to_vec(),
    ];
    for backend in linkers() {
        for quoting in &quotings {
            let words = quoting
                .iter()
                .cloned()
                .chain(args!["--no-entry", "@outer.rsp"]);
            let linked = work.link_with(&backend, words);
            let numbers = Instance::new(&linked.silent()).words("NUMBERS");
            assert_eq!(numbers, [1, 2, 3], "{} {quoting:?}", backend.display());
        }
    }
}

/// Many objects, each with one number, in a directory whose name is to be quoted.
fn many(work: &Work, count: u32) -> Vec<OsString> {
    const PLACE: u32 = 0x5eed_5eed;
    number(work, "place", PLACE);
    let object = fs::read(work.file("place.o")).expect("an object");
    let at = memchr::memmem::find(&object, &PLACE.to_le_bytes()).expect("the number");
    let directory = r#"it's "quoted" \ here"#;
    fs::create_dir(work.file(directory)).expect("a directory");
    let write = |value: u32| {
        let mut object = object.clone();
        object[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let name = format!("{directory}/{value}.o");
        work.write(&name, object);
        name.into()
    };
    (0..count).map(write).collect()
}

#[test]
fn a_long_command_line_becomes_a_response_file() {
    const COUNT: u32 = 3_000;
    let work = Work::new();
    let objects = many(&work, COUNT);
    let expected: Vec<u32> = (0..COUNT).collect();
    for backend in linkers() {
        for quoting in ["posix", "windows"] {
            let quoting = OsString::from(format!("--rsp-quoting={quoting}"));
            let flags = export_section("NUMBERS").map(OsString::from);
            let words = flags.into_iter().chain([quoting]).chain(objects.clone());
            let numbers = Instance::new(&work.link_with(&backend, words).silent()).words("NUMBERS");
            assert!(numbers == expected, "{}", backend.display());
        }
    }
}

#[cfg(unix)]
#[test]
fn a_backend_that_takes_short_lines_only_is_given_one() {
    let work = Work::new();
    let objects = many(&work, 3_000);
    let flags = export_section("NUMBERS").map(OsString::from);
    let backend = work.script("wasm-ld", "printf '%s\\n' \"$@\"");
    let words = args!["-flavor", "wasm", "--rsp-quoting", "posix"].into_iter();
    // Beside each other they would be one file.
    let apart = objects
        .into_iter()
        .flat_map(|object| [object, "--strip-debug".into()]);
    let linked = work.link_with(&backend, words.chain(flags).chain(apart));
    assert_eq!(linked.stderr, "");
    let words: Vec<_> = linked.stdout.lines().collect();
    let (last, first) = words.split_last().expect("words");
    assert_eq!(first, ["-flavor", "wasm", "--rsp-quoting", "posix"]);
    assert!(last.starts_with('@'), "{last}");
}

#[test]
fn thousands_of_archive_members_with_entries_are_all_linked() {
    const COUNT: u32 = 3_000;
    let work = Work::new();
    let objects = many(&work, COUNT);
    let mut archive = vec![OsString::from("rcs"), "libmany.a".into()];
    archive.extend(objects);
    work.run(crate::support::tool("WSL_AR"), archive);
    let flags = export_section("NUMBERS").map(OsString::from);
    let instance = work.instance(flags.into_iter().chain(args!["-L.", "-lmany"]));
    let expected: Vec<u32> = (0..COUNT).collect();
    assert!(instance.words("NUMBERS") == expected);
}

/// The system takes 2 MiB of arguments at most, and the response file has more.
#[test]
fn an_error_in_a_long_response_file_is_reported_once() {
    let work = Work::new();
    number(&work, "1", 1);
    let words = (0..30_000).map(|at| format!("--export-if-defined={at}{}\n", "x".repeat(60)));
    let words: String = words.collect();
    assert!(words.len() > 1 << 21);
    work.write("long.rsp", words + "nowhere.o");
    for backend in linkers() {
        let linked = work.link_with(&backend, args!["--no-entry", "1.o", "@long.rsp"]);
        let message = linked.error();
        assert!(
            message.contains("cannot open nowhere.o: No such file"),
            "{message}"
        );
        assert_eq!(message.matches("nowhere.o").count(), 1, "{message}");
    }
}
