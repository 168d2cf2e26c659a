//! "Never lost": an object or an archive member that holds entries of a gathered section is always
//! linked, wherever it is and however it is named.

use crate::args;
use crate::support::{Instance, Work, reading, tool};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The three kinds of entry, each of one 32-bit word.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Segment,
    Marked,
    Custom,
}

const KINDS: [Kind; 3] = [Kind::Segment, Kind::Marked, Kind::Custom];

/// An object with one entry of section `NUMBERS`.
fn entry(work: &Work, kind: Kind, name: &str, value: u32) -> PathBuf {
    match kind {
        Kind::Segment => work.c(
            name,
            &format!(
                r#"__attribute__((section("NUMBERS"), used)) static const int a[] = {{{value}}};"#
            ),
        ),
        Kind::Marked => work.c(
            name,
            &format!(r#"const int a __asm__("__link_section__NUMBERS$${name}") = {value};"#),
        ),
        Kind::Custom => work.asm(
            name,
            &format!(".section .custom_section.NUMBERS,\"\",@\n.int32 {value}\n"),
        ),
    }
}

/// Links them, with `--gather` because data segments alone would be the backend's business.
fn numbers<S: Into<OsString>>(work: &Work, arguments: impl IntoIterator<Item = S>) -> Vec<u32> {
    let arguments = arguments.into_iter().map(Into::into);
    work.gathered("NUMBERS", arguments.chain(["--gather=NUMBERS".into()]))
        .words("NUMBERS")
}

/// The three spellings of a library found on a search path, and its plain name.
fn spellings(archive: &Path) -> [Vec<OsString>; 5] {
    let directory = archive.parent().expect("a directory");
    let file = archive.file_name().expect("a file name").to_string_lossy();
    let name = file.trim_start_matches("lib").trim_end_matches(".a");
    let path = directory.to_string_lossy();
    [
        args![archive].to_vec(),
        args![format!("-L{path}"), format!("-l{name}")].to_vec(),
        args!["-L", directory, "-l", name].to_vec(),
        args![
            format!("--library-path={path}"),
            format!("--library={name}")
        ]
        .to_vec(),
        args![format!("-L{path}"), format!("-l:{file}")].to_vec(),
    ]
}

#[test]
fn members_that_nothing_refers_to_are_linked_however_the_archive_is_named() {
    for kind in KINDS {
        let work = Work::new();
        let member = entry(&work, kind, "member", 7);
        let archive = work.archive("libnumbers.a", &[&member]);
        for spelling in spellings(&archive) {
            assert_eq!(numbers(&work, &spelling), [7], "{kind:?} {spelling:?}");
        }
    }
}

#[test]
fn all_three_kinds_are_found_in_archives_by_every_backend() {
    let work = Work::new();
    let members = [
        entry(&work, Kind::Segment, "one", 1),
        entry(&work, Kind::Marked, "two", 2),
        entry(&work, Kind::Custom, "three", 3),
    ];
    let archive = work.archive("lib.a", &members.each_ref().map(PathBuf::as_path));
    for instance in work.gathered_by_each("NUMBERS", [archive]) {
        assert_eq!(instance.words("NUMBERS"), [1, 2, 3]);
    }
}

#[test]
fn of_an_archive_only_members_with_entries_are_linked() {
    let work = Work::new();
    let first = entry(&work, Kind::Marked, "first", 1);
    let second = entry(&work, Kind::Custom, "second", 2);
    let other = work.c(
        "other",
        r#"__attribute__((export_name("other"))) int other(void) { return 1; }"#,
    );
    let archive = work.archive("lib.a", &[&first, &other, &second]);
    let instance = work.gathered("NUMBERS", [archive]);
    assert_eq!(instance.words("NUMBERS"), [1, 2]);
    assert!(!instance.exports().contains(&"other".to_owned()));
}

#[test]
fn a_member_that_an_entry_points_to_is_linked() {
    let work = Work::new();
    let member = work.c(
        "member",
        r#"
        int twice(int);
        int (*const entry)(int) __asm__("__link_section__CALLS$$entry") = twice;
        "#,
    );
    let twice = work.c("twice", "int twice(int x) { return 2 * x; }");
    let entries = work.archive("libentries.a", &[&member]);
    let functions = work.archive("libfunctions.a", &[&twice]);
    for archives in [[&entries, &functions], [&functions, &entries]] {
        for mut instance in work.gathered_by_each("CALLS", archives) {
            let [pointer] = instance.words("CALLS")[..] else {
                panic!("one entry");
            };
            assert_eq!(instance.call_pointer(pointer, &[21]), 42);
        }
    }
}

#[test]
fn a_member_that_is_called_too_is_linked_once() {
    let work = Work::new();
    let main = work.c(
        "main",
        r#"
        int helper(void);
        __attribute__((export_name("run"))) int run(void) { return helper(); }
        "#,
    );
    for (position, kind) in KINDS.into_iter().enumerate() {
        let value = entry(&work, kind, "value", 5);
        let helper = work.c("helper", "int helper(void) { return 9; }");
        // One object of two: the entry and the function that `main` calls.
        let member = work.file("member.o");
        let partial = args!["-r", value, helper, "-o", member];
        work.run(tool("WSL_WASM_LD"), partial);
        let archive = work.archive(&format!("lib{position}.a"), &[&member]);
        let arguments = args![main, archive, "--gather=NUMBERS"];
        for mut instance in work.gathered_by_each("NUMBERS", arguments) {
            assert_eq!(instance.words("NUMBERS"), [5], "{kind:?}");
            assert_eq!(instance.call("run", &[]), 9, "{kind:?}");
        }
    }
}

#[test]
fn an_archive_that_is_named_twice_counts_once() {
    for kind in KINDS {
        let work = Work::new();
        let member = entry(&work, kind, "member", 7);
        let archive = work.archive("lib.a", &[&member]);
        assert_eq!(numbers(&work, [&archive, &archive]), [7], "{kind:?}");
        let by_another_name = work.path().join("tmp/../lib.a");
        assert_eq!(
            numbers(&work, [&archive, &by_another_name]),
            [7],
            "{kind:?}"
        );
    }
}

#[test]
fn members_of_one_name_all_count() {
    let work = Work::new();
    let paths = ["a", "b", "c"].map(|directory| {
        std::fs::create_dir(work.file(directory)).expect("a directory");
        work.file(directory).join("entry.o")
    });
    for (value, path) in paths.iter().enumerate() {
        let object = entry(&work, Kind::Custom, "entry", value as u32);
        std::fs::rename(object, path).expect("a move");
    }
    let archive = work.archive_with("qcs", "lib.a", &paths.each_ref().map(PathBuf::as_path));
    assert_eq!(numbers(&work, [archive]), [0, 1, 2]);
}

#[test]
fn members_of_thin_archives_are_linked() {
    let work = Work::new();
    std::fs::create_dir(work.file("objects")).expect("a directory");
    std::fs::create_dir(work.file("libraries")).expect("a directory");
    for kind in KINDS {
        let member = work.file("objects/member.o");
        std::fs::rename(entry(&work, kind, "member", 7), &member).expect("a move");
        // Such an archive names its members by a path from itself, or from the root.
        for member in [Path::new("objects/member.o"), &member] {
            let _ = std::fs::remove_file(work.file("libraries/libthin.a"));
            let archive = work.archive_with("rcsT", "libraries/libthin.a", &[member]);
            let bytes = std::fs::read(&archive).expect("an archive");
            assert!(bytes.starts_with(b"!<thin>\n"));
            for spelling in spellings(&archive) {
                assert_eq!(numbers(&work, &spelling), [7], "{kind:?} {spelling:?}");
            }
            let whole = args!["--whole-archive", archive, "--no-whole-archive"];
            assert_eq!(numbers(&work, whole), [7], "{kind:?}");
        }
    }
}

#[test]
fn archives_linked_whole_count_once() {
    for kind in KINDS {
        let work = Work::new();
        let member = entry(&work, kind, "member", 7);
        let exported = work.c(
            "exported",
            r#"__attribute__((export_name("other"))) int other(void) { return 1; }"#,
        );
        let archive = work.archive("lib.a", &[&member, &exported]);
        let whole = args![
            "--whole-archive",
            archive,
            "--no-whole-archive",
            "--gather=NUMBERS"
        ];
        for instance in work.gathered_by_each("NUMBERS", whole) {
            assert_eq!(instance.words("NUMBERS"), [7], "{kind:?}");
            // What has no entries is there as well.
            assert!(instance.exports().contains(&"other".to_owned()));
        }
    }
}

#[test]
fn objects_and_archives_within_start_lib_are_linked() {
    for kind in KINDS {
        let work = Work::new();
        let first = entry(&work, kind, "first", 1);
        let second = entry(&work, kind, "second", 2);
        let lazy = work.c(
            "lazy",
            r#"__attribute__((export_name("lazy"))) int lazy(void) { return 1; }"#,
        );
        let archive = work.archive("lib.a", &[&second, &lazy]);
        // `wasm-ld` has `--start-lib` since 18.
        let arguments = args![
            "--start-lib",
            first,
            lazy,
            archive,
            "--end-lib",
            "--gather=NUMBERS"
        ];
        let instance = work.gathered("NUMBERS", arguments);
        assert_eq!(instance.words("NUMBERS"), [1, 2], "{kind:?}");
        assert!(!instance.exports().contains(&"lazy".to_owned()), "{kind:?}");
    }
}

#[test]
fn what_is_local_to_an_object_that_nothing_refers_to_is_linked_with_its_entry() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        static int number = 6;
        static int times(int x) { return x * number; }
        static int (*const entry)(int) __asm__("__link_section__CALLS$$entry")
            __attribute__((used)) = times;
        __attribute__((export_name("beside"))) int beside(void) { return 1; }
        "#,
    );
    let archive = work.archive("lib.a", &[&object]);
    let thin = work.archive_with("rcsT", "thin.a", &[&object]);
    for arguments in [
        args![object].to_vec(),
        args![archive].to_vec(),
        args![thin].to_vec(),
        args!["--start-lib", object, "--end-lib"].to_vec(),
        args!["--start-lib", archive, "--end-lib"].to_vec(),
        args!["--whole-archive", archive].to_vec(),
        args!["--whole-archive", thin].to_vec(),
        args![archive, "--whole-archive", archive].to_vec(),
    ] {
        let mut instance = work.gathered("CALLS", &arguments);
        let [pointer] = instance.words("CALLS")[..] else {
            panic!("one entry: {arguments:?}");
        };
        assert_eq!(instance.call_pointer(pointer, &[7]), 42, "{arguments:?}");
        assert_eq!(instance.call("beside", &[]), 1);
    }
}

/// The entry's bytes are in the array. Nothing else of its object is linked: neither what it exports, nor
/// its constructors.
#[test]
fn nothing_else_of_its_object_is_linked_for_an_entry() {
    for kind in KINDS {
        let work = Work::new();
        let value = entry(&work, kind, "value", 5);
        let beside = work.c(
            "beside",
            r#"__attribute__((export_name("beside"))) int beside(void) { return 1; }
            __attribute__((constructor)) static void runs(void) { __builtin_trap(); }"#,
        );
        let object = work.file("object.o");
        work.run(
            tool("WSL_WASM_LD"),
            args!["-r", value, beside, "-o", object],
        );
        let archive = work.archive("lib.a", &[&object]);
        for arguments in [
            args!["--gather=NUMBERS", archive].to_vec(),
            args!["--gather=NUMBERS", "--start-lib", object, "--end-lib"].to_vec(),
        ] {
            let instance = work.gathered("NUMBERS", arguments);
            assert_eq!(instance.words("NUMBERS"), [5], "{kind:?}");
            let exports = instance.exports();
            assert!(!exports.iter().any(|name| name == "beside"), "{kind:?}");
        }
    }
}

#[test]
fn a_member_of_the_first_library_on_the_search_path_counts() {
    let work = Work::new();
    let mut directories = Vec::new();
    for value in [1, 2] {
        let directory = format!("lib{value}");
        std::fs::create_dir(work.file(&directory)).expect("a directory");
        let member = entry(&work, Kind::Marked, "member", value);
        work.archive(&format!("{directory}/libnumbers.a"), &[&member]);
        directories.push(format!("-L{directory}"));
    }
    // As with `wasm-ld`, a search path counts for every library, also for those before it.
    let arguments = ["-lnumbers", &directories[1], &directories[0]];
    assert_eq!(numbers(&work, arguments), [2]);
}

#[test]
fn an_archive_does_not_offer_again_what_an_entrys_own_object_defines() {
    let work = Work::new();
    let library = work.c("library", "int answer(void) { return 1; } int number = 1;");
    let archive = work.archive("lib.a", &[&library]);
    let own = work.c(
        "own",
        r#"
        int answer(void) { return 2; }
        int number = 2;
        int (*const function)(void) __asm__("__link_section__CALLS$$function") = answer;
        int *const data __asm__("__link_section__CALLS$$data") = &number;
        "#,
    );
    // The first definition counts: an archive offers, and nobody asked before `own.o`.
    for order in [[&archive, &own], [&own, &archive]] {
        for mut instance in work.gathered_by_each("CALLS", order) {
            let [function, data] = instance.words("CALLS")[..] else {
                panic!("two entries");
            };
            assert_eq!(instance.call_pointer(function, &[]), 2);
            assert_eq!(instance.word(data), 2);
        }
    }
}

#[test]
fn an_archive_does_not_offer_again_a_function_that_an_entry_points_to() {
    let work = Work::new();
    let library = work.c("library", "int answer(void) { return 1; }");
    let archive = work.archive("lib.a", &[&library]);
    let own = work.c("own", "int answer(void) { return 2; }");
    let user = work.c(
        "user",
        r#"
        int answer(void);
        int (*const function)(void) __asm__("__link_section__CALLS$$function") = answer;
        "#,
    );
    for (inputs, expected) in [
        (vec![&archive, &own, &user], 2),
        (vec![&own, &user, &archive], 2),
        (vec![&archive, &user], 1),
        (vec![&user, &archive], 1),
    ] {
        for mut instance in work.gathered_by_each("CALLS", inputs) {
            let pointer = instance.words("CALLS")[0];
            assert_eq!(instance.call_pointer(pointer, &[]), expected);
        }
    }
}

#[test]
fn libraries_in_a_response_file_are_found() {
    let work = Work::new();
    let member = entry(&work, Kind::Marked, "member", 7);
    work.archive("libnumbers.a", &[&member]);
    work.write("arguments", "-L. -lnumbers");
    let module = work.link(reading("NUMBERS", ["@arguments"])).silent();
    assert_eq!(Instance::new(&module).words("NUMBERS"), [7]);
}
