//! Messages: they show inputs and no temporary files, and each error once.

use crate::support::{Work, linker, number};
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
    let linked = work.link(
        crate::support::reading()
            .into_iter()
            .chain(["a b é.o".into()]),
    );
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
    work.write("2.o", number(2));
    let log = File::create(work.file("log.txt")).expect("a file");
    let mut command = work.command(linker());
    command
        .args(crate::support::reading())
        .args(["1.o", "2.o", "--no-entry", "-o", "out.wasm"]);
    command.args([
        "--trace",
        "--trace-symbol=__start_NUMBERS",
        "--print-gc-sections",
        "--verbose",
    ]);
    command.stdout(log.try_clone().expect("a file")).stderr(log);
    assert_eq!(command.status().expect("a status").code(), Some(0));
    let text = std::fs::read_to_string(work.file("log.txt")).expect("a log");
    assert!(
        text.contains("1.o") && !text.contains("wasm-section-ld-"),
        "{text}"
    );
}
