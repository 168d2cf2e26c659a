//! Paths: drives, `\\?\`, both separators, spaces and letters beyond ASCII, in arguments, scripts and messages.

use crate::support::{Work, backend, linker, number, reading};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf, Prefix};
use wasm_section_ld::input::{Index, write_archive};

/// The path with the prefix `\\?\`.
fn verbatim(path: &Path) -> OsString {
    let mut verbatim = OsString::from(r"\\?\");
    verbatim.push(path);
    verbatim
}

/// The letter of the drive of an absolute path.
fn drive(path: &Path) -> char {
    match path.components().next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(letter) => char::from(letter),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// An archive of objects.
fn archive(work: &Work, name: &str, members: &[(&str, u32)]) -> PathBuf {
    let members = members.iter();
    let members = members.map(|&(name, value)| (name.to_owned(), number(value).into()));
    let path = work.write(name, "");
    write_archive(&path, members, Index::Full).expect("an archive");
    path
}

#[test]
fn paths_of_every_kind() {
    let work = Work::new();
    for value in 1..=6 {
        work.write(format!(r"in put ü\{value}.o"), number(value));
    }
    archive(&work, r"lib é\libn.a", &[("m.o", 7)]);
    let absolute = work.file(r"in put ü");
    let drive = drive(&absolute);
    let text = absolute.display().to_string();
    let small = drive.to_lowercase().to_string();
    let mut third = OsString::from(text.replace('\\', "/").replacen(drive, &small, 1));
    third.push("/3.o");
    // `Z:a.o` is relative to the current directory of the drive, and `\a.o` to its root.
    let arguments: Vec<OsString> = vec![
        absolute.join("1.o").into(),
        verbatim(&absolute.join("2.o")),
        third,
        format!(r"{drive}:in put ü\4.o").into(),
        r"in put ü\..\in put ü/5.o".into(),
        format!(r"{}\6.o", &text[2..]).into(),
        "-L".into(),
        verbatim(&work.file("lib é")),
        "-ln".into(),
    ];
    assert_eq!(work.numbers(arguments), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn outputs_and_temporary_directories_of_every_kind() {
    let work = Work::new();
    work.write("1.o", number(1));
    let temporary = work.file(r"t m p ü\目录");
    fs::create_dir_all(&temporary).expect("a directory");
    for output in [
        work.file("ü.wasm").into(),
        verbatim(&work.file("ö.wasm")),
        "sub/ä.wasm".into(),
    ] {
        fs::create_dir_all(work.file("sub")).expect("a directory");
        let mut command = work.command(linker());
        command.env("TMP", &temporary).env("TEMP", &temporary);
        command.args(["1.o", "--no-entry", "--section-manifest", "-o"]);
        command
            .arg(&output)
            .arg("--Map")
            .arg(work.file("map é.txt"))
            .args(reading());
        let said = crate::support::said(&mut command);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""));
        let module = fs::read(work.file(&output)).expect("an output");
        assert_eq!(
            crate::instance::Instance::new(&module).words("NUMBERS"),
            [1]
        );
        let map = fs::read_to_string(work.file("map é.txt")).expect("a map");
        assert!(
            map.contains("1.o:") && !map.contains("wasm-section-ld-"),
            "{map}"
        );
        assert_eq!(fs::read_dir(&temporary).expect("a directory").count(), 0);
    }
}

#[test]
fn the_linker_by_any_path() {
    let work = Work::new();
    work.write("1.o", number(1));
    let without_suffix = backend().with_extension("");
    for linker in [
        backend().into_os_string(),
        verbatim(&backend()),
        without_suffix.into(),
        backend().display().to_string().replace('\\', "/").into(),
        "rust-lld".into(),
        "rust-lld.exe".into(),
    ] {
        let mut option = OsString::from("--section-linker=");
        option.push(&linker);
        assert_eq!(
            work.numbers([option, "1.o".into()]),
            [1],
            "{}",
            linker.display()
        );
    }
}

#[test]
fn scripts_match_paths() {
    let work = Work::new();
    for value in 1..=3 {
        work.write(format!(r"dir\{value}.o"), number(value));
    }
    let library = archive(&work, r"lib\libn.a", &[("m.o", 4), ("n.o", 5)]);
    let text = library.display().to_string();
    for (file, archive) in [
        ("dir/2.o", text.replace('\\', "/")),
        (r"*r\\2.o", format!("*{}", text[3..].replace('\\', r"\\"))),
    ] {
        let entries = format!("\"{file}\"(NUMBERS) \"{archive}:n.o\"(NUMBERS) *(NUMBERS)");
        work.write(
            "order.ld",
            format!("SECTIONS {{ NUMBERS : {{ {entries} }} }}"),
        );
        let inputs = [r"dir\1.o", "dir/2.o", r"dir\3.o", "-Torder.ld"].map(OsString::from);
        let inputs = inputs.into_iter().chain([library.clone().into()]);
        assert_eq!(work.numbers(inputs), [2, 5, 1, 3, 4], "{entries}");
    }
}
