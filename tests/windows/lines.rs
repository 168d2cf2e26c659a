//! Command lines: response files in both quotings and encodings, wildcards, and the limit of 32,767 characters.

use crate::support::{Work, backend, linker, number, reading, toolchain};
use std::ffi::OsString;
use std::fs;

/// The maximum length of a command line (`CreateProcessW`).
const LIMIT: usize = 32_767;

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn response_files_in_windows_quoting() {
    let work = Work::new();
    for value in 1..=4 {
        work.write(format!(r"dir with\{value}.o"), number(value));
    }
    work.write("inner.rsp", r#""dir with\2.o" dir" "with\3.o"#);
    let flags = "--export=\"__start_NUMBERS\"\r\n--export=__stop_NUMBERS";
    let outer = format!("\"dir with\\1.o\" @inner.rsp\r\n\"dir with\"\\4.o\r\n{flags}");
    work.write("plain.rsp", &outer);
    work.write("mark.rsp", format!("\u{feff}{outer}"));
    work.write("utf16.rsp", utf16(&outer));
    for name in ["plain", "mark", "utf16"] {
        let linked = work.link([format!("@{name}.rsp")]);
        assert_eq!(linked.numbers(), [1, 2, 3, 4], "{name}");
    }
}

#[test]
fn response_files_in_posix_quoting() {
    let work = Work::new();
    work.write(r"dir é\1.o", number(1));
    work.write(r"dir é\2.o", number(2));
    work.write("a.rsp", r"dir\ é/1.o 'dir é\\2.o'");
    let words = ["--rsp-quoting=posix", "@a.rsp"];
    assert_eq!(work.numbers(words), [1, 2]);
}

#[test]
fn wildcards_are_expanded() {
    let work = Work::new();
    for value in 1..=3 {
        work.write(format!(r"objects\{value}.o"), number(value));
    }
    for pattern in [r"objects\*.o", "objects/?.o"] {
        let mut numbers = work.numbers([pattern]);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3], "{pattern}");
    }
    let linked = work.link([r"objects\*.a"]);
    assert_eq!(linked.status, 1, "{}", linked.stderr);
}

/// Many objects in a directory with a long name: their paths do not fit on a command line.
fn many(work: &Work, count: u32) -> Vec<OsString> {
    let directory = format!("with a long name, {}", "é".repeat(40));
    let path = |value: u32| format!(r"{directory}\{value}.o");
    (0..count).for_each(|value| _ = work.write(path(value), number(value)));
    (0..count).map(|value| path(value).into()).collect()
}

#[test]
fn a_command_line_that_grows_beyond_the_limit() {
    const COUNT: u32 = 400;
    let work = Work::new();
    let objects = many(&work, COUNT);
    let expected: Vec<u32> = (0..COUNT).collect();
    // With the paths of the temporary files it is longer than that of the caller.
    assert_eq!(work.numbers(objects), expected);
}

#[test]
fn a_response_file_beyond_the_limit() {
    const COUNT: u32 = 1_000;
    let work = Work::new();
    let objects = many(&work, COUNT);
    let expected: Vec<u32> = (0..COUNT).collect();
    let lines: Vec<_> = objects
        .iter()
        .map(|path| format!("\"{}\"", path.display()))
        .collect();
    let text = lines.join("\r\n");
    assert!(text.len() > LIMIT);
    work.write("many.rsp", utf16(&text));
    assert_eq!(work.numbers(["@many.rsp"]), expected);
    // Also if an input is missing: the backend reports that too.
    work.write("missing.rsp", utf16(&format!("{text} nowhere.o")));
    let linked = work.link(["@missing.rsp"]);
    assert_eq!(linked.status, 1);
    assert_eq!(
        linked.stderr.matches("nowhere.o").count(),
        1,
        "{}",
        linked.stderr
    );
}

#[test]
fn a_command_line_at_the_limit_with_nothing_to_gather() {
    let work = Work::new();
    work.write("1.rs", "#![no_std] #[no_mangle] pub static N: u32 = 1;");
    work.rustc([
        "1.rs",
        "--crate-type=lib",
        "--emit=obj",
        "-o",
        "1.o",
        "--crate-name=one",
    ]);
    let mut length = format!("\"{}\" 1.o --no-entry -o out.wasm", linker().display()).len();
    let mut words = vec![OsString::from("1.o")];
    while length < LIMIT - 200 {
        let word = format!("--export-if-defined=absent{}", "x".repeat(60));
        length += word.len() + 1;
        words.push(word.into());
    }
    // rust-lld gets `-flavor wasm` too.
    let linked = work.link(&words);
    assert_eq!((linked.status, linked.stderr.as_str()), (0, ""));
    let ours = fs::read(linked.output).expect("an output");
    let mut plain = work.command(backend());
    plain.args(["-flavor", "wasm"]);
    let plain = work.link_by(&mut plain, ["1.o"]);
    assert_eq!((plain.status, plain.stderr.as_str()), (0, ""));
    assert!(fs::read(plain.output).expect("an output") == ours);
}

#[test]
fn the_response_file_of_rustc() {
    const COUNT: u32 = 600;
    let work = Work::new();
    let objects = many(&work, COUNT);
    work.write(
        "main.rs",
        "#![no_std] #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }",
    );
    let flags = objects.into_iter().chain(reading());
    let flags = flags.map(|flag| format!("-Clink-arg={}\n", flag.display()));
    let flags: String = flags.collect();
    assert!(flags.len() > LIMIT);
    work.write("flags", flags);
    let linker = format!("-Clinker={}", linker().display());
    assert!(toolchain().is_dir());
    work.rustc([
        "main.rs",
        "--crate-type=cdylib",
        "-o",
        "out.wasm",
        "@flags",
        &linker,
    ]);
    work.has_no_temporaries();
    let module = fs::read(work.file("out.wasm")).expect("an output");
    let expected: Vec<u32> = (0..COUNT).collect();
    assert_eq!(
        crate::instance::Instance::new(&module).words("NUMBERS"),
        expected
    );
}
