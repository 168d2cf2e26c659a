//! "Deterministic": same inputs, same output bytes, wherever they are and whatever the directory of
//! temporary files.

use crate::args;
use crate::support::{Work, linker, tool};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Entries of every kind, in objects and archives in a directory of `work`.
fn inputs(work: &Work, directory: &str) -> Vec<OsString> {
    fs::create_dir_all(work.file(directory)).expect("a directory");
    let flags = ["-fdata-sections", "-g", "-ffile-compilation-dir=."];
    let mut objects = Vec::new();
    for number in 0..8 {
        let source = format!(
            r#"
            static const char text[] = "text {number}";
            static int helper(void) {{ return {number}; }}
            static const char *const a __asm__("__link_section__TEXTS$$a") __attribute__((used)) = text;
            int (*const b{number})(void) __asm__("__link_section__HOOKS$$b{number}") = helper;
            __attribute__((section("NUMBERS"), used)) static int number = {number};
            static int marked __asm__("__link_section__NUMBERS$$marked") __attribute__((used)) = 9;
            "#
        );
        // The source's path is in the debug information.
        let name = format!("{number}");
        let object = work.c_with(&name, &source, &flags);
        let moved = work.file(&format!("{directory}/{number}.o"));
        fs::rename(object, &moved).expect("a move");
        objects.push(moved);
    }
    let archived: Vec<&Path> = objects[4..].iter().map(AsRef::as_ref).collect();
    work.archive(&format!("{directory}/libmore.a"), &archived);
    objects.truncate(4);
    let mut words: Vec<OsString> = objects.into_iter().map(Into::into).collect();
    words.extend(args!["-L", work.file(directory), "-lmore"]);
    words
}

const FLAGS: [&str; 6] = [
    "--no-entry",
    "--export=__start_TEXTS",
    "--export=__start_HOOKS",
    "--export=__start_NUMBERS",
    "--emit-relocs",
    "--gather=*",
];

/// Links in `directory`, with temporary files in `temporary`, and gives the module.
fn link(directory: &Path, temporary: &Path, words: &[OsString]) -> Vec<u8> {
    fs::create_dir_all(temporary).expect("a directory");
    let mut command = Command::new(linker());
    command
        .args(words)
        .args(FLAGS)
        .args(["-o", "out.wasm"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", temporary)
        .current_dir(directory);
    let output = command.output().expect("our linker");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left = fs::read_dir(temporary).expect("it").count();
    assert_eq!(left, 0, "temporary files were left");
    fs::read(directory.join("out.wasm")).expect("a module")
}

#[test]
fn the_same_link_gives_the_same_bytes_twice() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    for _ in 0..4 {
        assert!(link(work.path(), &work.file("tmp"), &words) == first);
    }
}

#[test]
fn the_directory_of_temporary_files_does_not_count() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    for temporary in ["other", "a longer name for it", "deep/er"] {
        assert!(
            link(work.path(), &work.file(temporary), &words) == first,
            "{temporary}"
        );
    }
}

#[test]
fn where_the_inputs_are_does_not_count() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    // Relative paths, from another directory.
    let names = args!["0.o", "1.o", "2.o", "3.o", "-L.", "-lmore"];
    let relative = link(&work.file("in"), &work.file("tmp"), &names);
    assert!(relative == first);
    // Copies.
    let copy = work.file("a copy/of it");
    fs::create_dir_all(&copy).expect("a directory");
    for file in fs::read_dir(work.file("in")).expect("inputs").flatten() {
        fs::copy(file.path(), copy.join(file.file_name())).expect("a copy");
    }
    assert!(link(&copy, &work.file("tmp"), &names) == first);
    let absolute = words.iter().map(|word| {
        let inside = Path::new(word).strip_prefix(work.file("in"));
        inside.map_or(word.clone(), |inside| copy.join(inside).into())
    });
    let absolute: Vec<_> = absolute.collect();
    assert_ne!(absolute, words);
    assert!(link(work.path(), &work.file("tmp"), &absolute) == first);
}

#[test]
fn how_an_archive_is_named_does_not_count() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    let archive = work.file("in/libmore.a");
    let objects = &words[..4];
    let with = |last: &[OsString]| {
        let words: Vec<_> = objects.iter().chain(last).cloned().collect();
        link(work.path(), &work.file("tmp"), &words) == first
    };
    assert!(with(&args![archive]));
    assert!(with(&args!["--library-path", "in", "-l:libmore.a"]));
    work.write("more.rsp", "in/libmore.a");
    assert!(with(&args!["@more.rsp"]));
}

#[test]
fn the_number_of_threads_does_not_count() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    for threads in ["--threads=1", "--threads=2", "--threads=7"] {
        let words: Vec<_> = words.iter().cloned().chain(args![threads]).collect();
        assert!(
            link(work.path(), &work.file("tmp"), &words) == first,
            "{threads}"
        );
    }
    // Ours, one processor at a time.
    let mut command = Command::new("taskset");
    command
        .args(["-c", "0"])
        .arg(linker())
        .args(&words)
        .args(FLAGS);
    command.env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
    let one = work.link_by(&mut command, args![] as [OsString; 0]);
    assert!(one.silent() == first);
}

#[test]
fn the_order_of_files_in_a_directory_does_not_count() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    let mut names: Vec<_> = fs::read_dir(work.file("in"))
        .expect("inputs")
        .flatten()
        .map(|file| file.file_name())
        .collect();
    names.sort();
    for (directory, reversed) in [("forth", false), ("back", true)] {
        fs::create_dir(work.file(directory)).expect("a directory");
        let mut names = names.clone();
        if reversed {
            names.reverse();
        }
        // Files that were there before and are gone, so that their places are taken by others.
        for name in &names {
            fs::write(work.file(directory).join(name).with_extension("gone"), "").expect("a file");
        }
        for name in &names {
            fs::copy(work.file("in").join(name), work.file(directory).join(name)).expect("a copy");
            fs::remove_file(work.file(directory).join(name).with_extension("gone"))
                .expect("a file");
        }
        let words = args!["0.o", "1.o", "2.o", "3.o", "-L.", "-lmore"];
        assert!(
            link(&work.file(directory), &work.file("tmp"), &words) == first,
            "{directory}"
        );
    }
}

/// As of a package manager's store: nothing is written beside the inputs, and times do not count.
#[test]
fn a_read_only_source_tree_will_do() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let first = link(work.path(), &work.file("tmp"), &words);
    let listed = || {
        let files = fs::read_dir(work.file("in")).expect("inputs").flatten();
        let mut files: Vec<_> = files
            .map(|file| (file.file_name(), fs::read(file.path()).expect("a file")))
            .collect();
        files.sort();
        files
    };
    let before = listed();
    work.run("chmod", args!["-R", "a-w", work.file("in")]);
    work.run(
        "find",
        args![work.file("in"), "-exec", "touch", "-d", "@1", "{}", "+"],
    );
    let again = link(work.path(), &work.file("tmp"), &words);
    work.run("chmod", args!["-R", "u+w", work.file("in")]);
    assert!(again == first);
    assert!(listed() == before);
    // Root may write everywhere, but not without a trace.
    assert_eq!(
        work.run(
            "find",
            args![work.file("in"), "-type", "f", "-newermt", "@2"]
        ),
        ""
    );
}

/// Neither in the module, with its names and debug information, nor in what is written for people.
#[test]
fn no_temporary_path_is_in_any_output() {
    let work = Work::new();
    let words = inputs(&work, "in");
    let more = args![
        "--Map=out.map",
        "--why-extract=out.why",
        "--trace",
        "--verbose",
        "--print-gc-sections"
    ];
    let mut command = Command::new(linker());
    command
        .args(&words)
        .args(FLAGS)
        .args(more)
        .args(["-o", "out.wasm"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    let output = command.output().expect("our linker");
    assert!(output.status.success(), "{output:?}");
    let read = |name: &str| fs::read(work.file(name)).expect("an output");
    for (name, bytes) in [
        ("the module", read("out.wasm")),
        ("the map", read("out.map")),
        ("the reasons", read("out.why")),
        ("standard output", output.stdout),
        ("standard error", output.stderr),
    ] {
        assert!(!bytes.is_empty(), "nothing in {name}");
        for trace in ["wasm-section-ld-", &work.file("tmp").display().to_string()] {
            let found = memchr::memmem::find(&bytes, trace.as_bytes());
            assert_eq!(
                found,
                None,
                "{trace} in {name}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}
