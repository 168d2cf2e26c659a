//! "Drop-in": what can be read only once, as it is a pipe, is read once, and the backend gets what we have
//! read.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Instance, Work, linker, linkers, tool};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

const ENTRY: &str = r#"int entry __asm__("__link_section__NUMBERS$$NAME") = VALUE;"#;

/// An object that is linked only if something refers to it, or has entries.
const LIB: &str = "main.o a.o --start-lib <(cat b.o) --end-lib";

/// The oldest do not know `--start-lib`.
fn has_lib(backend: &Path) -> bool {
    let [old, older] = ["wasm-ld-14", "wasm-ld-16"].map(OsStr::new);
    backend.file_name() != Some(old) && backend.file_name() != Some(older)
}

fn entry(work: &Work, name: &str, value: u32) -> PathBuf {
    let source = ENTRY
        .replace("NAME", name)
        .replace("VALUE", &value.to_string());
    work.c(name, &source)
}

fn main_object(work: &Work) -> PathBuf {
    let source = r#"__attribute__((export_name("seven"))) int seven(void) { return 7; }"#;
    work.c("main", source)
}

/// Links with a shell, which knows `<(...)`.
fn shell(work: &Work, backend: &Path, line: &str) -> Output {
    let mut command = Command::new("bash");
    command
        .args(["-c", line, "bash"])
        .arg(linker())
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    command.output().expect("a shell")
}

fn silent(work: &Work, output: &Output) -> Vec<u8> {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(fs::read_dir(work.file("tmp")).expect("tmp").count(), 0);
    fs::read(work.file("out.wasm")).expect("a module")
}

#[test]
fn inputs_of_every_kind_with_something_to_gather() {
    let work = Work::new();
    main_object(&work);
    let (a, b) = (entry(&work, "a", 3), entry(&work, "b", 4));
    work.archive("lib.a", &[&b]);
    let _ = a;
    let flags = export_section("NUMBERS").join(" ");
    let flags = format!("{flags} -o out.wasm");
    for backend in linkers() {
        let link = |inputs: &str| {
            let output = shell(&work, &backend, &format!("$1 {flags} {inputs}"));
            silent(&work, &output)
        };
        let expected = link("main.o a.o lib.a");
        assert_eq!(Instance::new(&expected).words("NUMBERS"), [3, 4]);
        for inputs in [
            "<(cat main.o) a.o lib.a",
            "main.o <(cat a.o) lib.a",
            "main.o a.o <(cat lib.a)",
            "main.o a.o --whole-archive <(cat lib.a)",
            LIB,
            "@<(echo main.o a.o) lib.a",
            "main.o a.o lib.a -T <(cat)",
        ]
        .into_iter()
        .filter(|inputs| *inputs != LIB || has_lib(&backend))
        {
            assert!(link(inputs) == expected, "{inputs}");
        }
        let output = shell(
            &work,
            &backend,
            &format!("cat main.o | $1 {flags} /dev/stdin a.o lib.a"),
        );
        assert!(silent(&work, &output) == expected);
    }
}

#[test]
fn inputs_of_every_kind_with_nothing_to_gather() {
    let work = Work::new();
    main_object(&work);
    let needed = work.c(
        "needed",
        r#"__attribute__((export_name("eight"))) int eight(void) { return 8; }"#,
    );
    work.archive("lib.a", &[&needed]);
    // The backend waits.
    let ballast = work.c("ballast", "char ballast[3 << 20] = { 1 };");
    work.archive("large.a", &[&ballast]);
    for backend in linkers() {
        let link = |inputs: &str| {
            let output = shell(
                &work,
                &backend,
                &format!("$1 --no-entry -o out.wasm {inputs}"),
            );
            silent(&work, &output)
        };
        for more in ["", "large.a"] {
            let expected = link(&format!("main.o -u eight lib.a {more}"));
            assert_eq!(Instance::new(&expected).call("eight", &[]), 8);
            for inputs in [
                "<(cat main.o) -u eight lib.a",
                "main.o -u eight <(cat lib.a)",
                "@<(echo main.o) -u eight lib.a",
            ] {
                assert!(link(&format!("{inputs} {more}")) == expected, "{inputs}");
            }
            if !has_lib(&backend) {
                continue;
            }
            let lib = link(&format!(
                "main.o -u eight --start-lib <(cat needed.o) --end-lib {more}"
            ));
            assert!(lib == expected);
            // What nothing refers to stays out.
            let without = link(&format!("main.o {more}"));
            let lazy = link(&format!(
                "main.o --start-lib <(cat needed.o) --end-lib {more}"
            ));
            assert!(lazy == without);
        }
    }
}

#[test]
fn a_fifo_and_what_is_said_of_it() {
    let work = Work::new();
    let undefined = work.c(
        "undefined",
        r#"void missing(void); __attribute__((export_name("f"))) void f(void) { missing(); }"#,
    );
    let entry = entry(&work, "entry", 3);
    let pipe = work.file("pipe.o");
    work.run("mkfifo", [&pipe]);
    for inputs in [&[][..], &[OsString::from(&entry)]] {
        let (from, to) = (undefined.clone(), pipe.clone());
        let writer = thread::spawn(move || {
            let mut to = File::options().write(true).open(to).expect("a FIFO");
            std::io::copy(&mut File::open(from).expect("an object"), &mut to).expect("read");
        });
        let mut command = Command::new("timeout");
        let output = command
            .arg("60")
            .arg(linker())
            .args(args!["--no-entry", "-o", "out.wasm", "pipe.o"])
            .args(inputs)
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .env("TMPDIR", work.file("tmp"))
            .current_dir(work.path())
            .stdin(Stdio::null())
            .output()
            .expect("our linker");
        writer.join().expect("all is read");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains("error: pipe.o: undefined symbol: missing"),
            "{message}"
        );
    }
}

#[test]
fn a_thin_archive_has_no_place_in_a_pipe() {
    let work = Work::new();
    let entry = entry(&work, "entry", 3);
    work.archive_with("rcsT", "thin.a", &[&entry]);
    let output = shell(
        &work,
        &tool("WSL_WASM_LD"),
        "$1 --no-entry -o out.wasm <(cat thin.a)",
    );
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("thin archive cannot be read from a pipe"),
        "{message}"
    );
}
