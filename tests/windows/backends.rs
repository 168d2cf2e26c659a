//! Backends: a link with nothing to gather, LTO, and a backend that crashes.

use crate::support::{Work, backend, built, linker, number, said};
use std::ffi::OsString;
use std::fs;
use wasm_section_ld::input::{Index, write_archive};

#[test]
fn nothing_to_gather_is_the_plain_link() {
    let work = Work::new();
    work.write(
        "a.rs",
        "#![no_std] #[no_mangle] pub static WORDS: [&str; 2] = [\"one\", \"two\"];",
    );
    work.rustc(["a.rs", "--crate-type=lib", "--emit=obj", "-o", "a.o"]);
    let arguments = ["a.o", "--export=WORDS", "--verbose"];
    let ours = work.link(arguments);
    let module = fs::read(&ours.output).expect("an output");
    let mut plain = work.command(backend());
    plain.args(["-flavor", "wasm"]);
    let plain = work.link_by(&mut plain, arguments);
    // The threads of lld say what they write, in any order.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!((ours.status, &ours.stdout), (0, &plain.stdout));
    assert_eq!(sorted(&ours.stderr), sorted(&plain.stderr));
    assert!(fs::read(plain.output).expect("an output") == module);
}

#[test]
fn the_exit_status_and_the_messages_are_those_of_the_backend() {
    let work = Work::new();
    work.write("1.o", number(1));
    for arguments in [
        &["1.o", "--bad-option"][..],
        &["1.o", "-u", "absent"],
        &["--version"],
    ] {
        let ours = said(work.command(linker()).args(arguments));
        let mut plain = work.command(backend());
        let plain = said(plain.args(["-flavor", "wasm"]).args(arguments));
        let expected = plain.stderr.replace("rust-lld", "wasm-section-ld");
        let messages = ours.stderr.replace("rust-lld", "wasm-section-ld");
        assert_eq!(
            (ours.status, messages),
            (plain.status, expected),
            "{arguments:?}"
        );
    }
}

/// An archive member of bitcode that a reference extracts, and one that nothing refers to.
#[test]
fn entries_in_bitcode() {
    let work = Work::new();
    let sources = [("one", 1), ("two", 2), ("three", 3)];
    for (name, value) in sources {
        let source = format!(
            "#![no_std] #[no_mangle] pub extern \"C\" fn {name}() -> u32 {{ {value} }}
             pub mod __link_section__NUMBERS {{ #[used] static N: u32 = {value}; }}"
        );
        work.write(format!("{name}.rs"), source);
        let source = format!("{name}.rs");
        let output = format!("{name}.o");
        work.rustc([
            &source,
            "--crate-type=lib",
            "-Clinker-plugin-lto",
            "--emit=obj",
            "-o",
            &output,
        ]);
    }
    let member = |name: &str| {
        let bytes = fs::read(work.file(format!("{name}.o"))).expect("an object");
        assert!(
            bytes.starts_with(b"BC") || bytes.starts_with(&[0xde, 0xc0, 0x17, 0x0b]),
            "{name}"
        );
        (format!("{name}.o"), bytes.into())
    };
    let path = work.write("lib.a", "");
    let members = ["two", "three"].map(member);
    write_archive(&path, members, Index::Full).expect("an archive");
    let arguments = ["one.o", "lib.a", "--export=one", "--export=two"].map(OsString::from);
    let mut numbers = work.numbers(arguments);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_backend_that_crashes() {
    let work = Work::new();
    work.write("1.o", number(1));
    let mut command = work.command(linker());
    command.env("WASM_SECTION_LD_LINKER", built(r"examples\stand-in.exe"));
    command
        .env("STAND_IN", "crash")
        .args(crate::support::reading());
    let linked = work.link_by(&mut command, ["1.o"]);
    assert_eq!(linked.status.cast_unsigned(), 0xc000_0005);
    let expected = r"stand-in.exe was terminated by exception 0xc0000005";
    assert!(linked.stderr.contains(expected), "{}", linked.stderr);
}
