//! Command lines: response files in both quotings and encodings, wildcards, and the limit of 32,767 characters.

use crate::instance::Instance;
use crate::support::{Work, backend, linker, number, plain, reading};
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

/// The response file `NAME`, longer than a command line can be: it names an object with an entry, and many without
/// in a directory with a long name, and exports the variable of the last one.
fn many(work: &Work, name: &str, more: &str) -> String {
    const COUNT: u32 = 500;
    let directory = format!("with a long name, {}", "é".repeat(60));
    let mut text = String::from("1.o\r\n");
    work.write("1.o", number(1));
    for value in 0..COUNT {
        let path = format!(r"{directory}\{value}.o");
        work.write(&path, plain(value));
        text += &format!("\"{path}\"\r\n");
    }
    let last = format!("plain_{:08x}", COUNT - 1);
    text += &format!("--export={last} {more}");
    assert!(text.encode_utf16().count() > LIMIT);
    work.write(name, utf16(&text));
    last
}

#[test]
fn a_response_file_beyond_the_limit() {
    let work = Work::new();
    let last = many(&work, "many.rsp", "");
    let linked = work.link(std::iter::once("@many.rsp".into()).chain(reading()));
    assert_eq!(linked.numbers(), [1]);
    let module = fs::read(&linked.output).expect("an output");
    let instance = Instance::new(&module);
    assert!(instance.exports().contains(&last));
    // The backend reports its errors too.
    many(
        &work,
        "missing.rsp",
        "nowhere.o -u absent --no-allow-undefined",
    );
    let linked = work.link(["@missing.rsp", "--bad-option-at-the-end"]);
    assert_eq!(linked.status, 1);
    let messages = &linked.stderr;
    assert_eq!(messages.matches("nowhere.o").count(), 1, "{messages}");
    assert!(messages.contains("--bad-option-at-the-end"), "{messages}");
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
    // The limit includes the null character, and each word follows a space.
    while length < LIMIT - 2 {
        let mut word = format!("--export-if-defined=absent{}", "x".repeat(60));
        word.truncate(word.len().min(LIMIT - 2 - length));
        length += word.len() + 1;
        // The backend would reject the beginning of the option.
        words.extend((word.len() > 24).then(|| word.into()));
    }
    // The backend gets `-flavor wasm` too, and its path is longer.
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
    let work = Work::new();
    many(&work, "many.rsp", "");
    let panic = "#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }";
    work.write("main.rs", format!("#![no_std] {panic}"));
    let bytes = fs::read(work.file("many.rsp")).expect("a file");
    let units = bytes[2..]
        .chunks(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.expect("UTF-16"))
        .collect();
    let words = text
        .split(['\r', '\n', '"'])
        .filter(|word| !word.is_empty());
    let words = words.flat_map(|word| match word.starts_with("--") {
        true => word.split(' ').collect(),
        false => vec![word],
    });
    let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
    let words = words.chain(reading().map(|word| word.into_string().expect("UTF-8")));
    let flags: String = words.map(|word| format!("-Clink-arg={word}\n")).collect();
    work.write("flags", flags);
    let linker = format!("-Clinker={}", linker().display());
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
    assert_eq!(Instance::new(&module).words("NUMBERS"), [1]);
}
