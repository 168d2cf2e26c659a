//! Messages: they show inputs and no temporary files, and each error once.

use crate::support::{Work, built, linker, number, reading};
use std::fs::File;

#[test]
fn a_missing_input_is_reported_once() {
    let work = Work::new();
    work.write("1.o", number(1));
    for (input, reason) in [
        ("nowhere.o", "No such file or directory"),
        (r"no where\é.o", "No such file or directory"),
        ("tmp", "Is a directory"),
    ] {
        let linked = work.link(["1.o", input]);
        assert_eq!(linked.status, 1);
        let message = format!("cannot open {input}: {reason}\n>>> ");
        assert!(linked.stderr.contains(&message), "{}", linked.stderr);
        assert_eq!(
            linked.stderr.matches("cannot open").count(),
            1,
            "{}",
            linked.stderr
        );
    }
}

#[test]
fn an_undefined_symbol_is_shown_with_its_input() {
    let work = Work::new();
    let source = "#![no_std] extern \"C\" { fn absent(); }
        pub mod __link_section__NUMBERS { #[used] static N: unsafe extern \"C\" fn() = super::absent; }";
    work.write("a b é.rs", source);
    work.rustc([
        "a b é.rs",
        "--crate-name=a",
        "--crate-type=lib",
        "--emit=obj",
        "-o",
        "a b é.o",
    ]);
    let linked = work.link(reading().into_iter().chain(["a b é.o".into()]));
    assert_eq!(linked.status, 1);
    let expected = "a b é.o: undefined symbol: absent";
    assert!(linked.stderr.contains(expected), "{}", linked.stderr);
    assert!(
        !linked.stderr.contains("wasm-section-ld-"),
        "{}",
        linked.stderr
    );
}

/// Standard output and standard error of the backend stay in order if both are one file.
#[test]
fn outputs_to_one_file_stay_in_order() {
    let work = Work::new();
    work.write("1.o", number(1));
    let log = File::create(work.file("log.txt")).expect("a file");
    let mut command = work.command(linker());
    command
        .env("WASM_SECTION_LD_LINKER", built(r"examples\stand-in.exe"))
        .env("STAND_IN", "alternate")
        .args(reading())
        .args(["1.o", "--no-entry", "-o", "out.wasm"])
        .stdout(log.try_clone().expect("a file"))
        .stderr(log);
    assert_eq!(command.status().expect("a status").code(), Some(0));
    let text = std::fs::read_to_string(work.file("log.txt")).expect("a log");
    let expected: Vec<_> = (0..100)
        .flat_map(|number| [format!("{number} out"), format!("{number} err")])
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}
