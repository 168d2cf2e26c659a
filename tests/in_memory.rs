//! Where the files are that we write for the backend: in memory if it certainly opens them itself, by their paths.
//! Otherwise they are in a directory, which other programs can see.

use crate::args;
use crate::support::{Instance, Work, linker, linkers, setting, tool};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a link makes.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    directory: bool,
    memory: bool,
}

const MEMORY: Made = Made {
    directory: false,
    memory: true,
};
const DIRECTORY: Made = Made {
    directory: true,
    memory: false,
};

/// Links `out.wasm`, and says what is made for it, as the kernel sees it.
fn made(work: &Work, backend: &Path, words: &[OsString]) -> Made {
    let trace = work.file("trace");
    let output = Command::new(setting("WSL_STRACE"))
        .args(["-f", "-e", "trace=mkdir,mkdirat,memfd_create", "-o"])
        .args([trace.as_os_str(), linker().as_os_str()])
        .args(words)
        .arg("-o")
        .arg(work.file("out.wasm"))
        .env("WASM_SECTION_LD_LINKER", backend)
        .output()
        .expect("strace");
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(trace).expect("a trace");
    Made {
        directory: trace.contains("wasm-section-ld-"),
        memory: trace.contains("memfd_create(\"wasm-section-ld\""),
    }
}

/// Entries in adjacent objects and in an archive member, and a reader that gives their digits.
fn words(work: &Work) -> Vec<OsString> {
    let entry = |name: &str, value: u32| {
        let text = format!("int {name} __asm__(\"__link_section__NUMBERS$${name}\") = {value};");
        work.c(name, &text)
    };
    let reader = "extern const int __start_NUMBERS[], __stop_NUMBERS[];
        __attribute__((visibility(\"default\"))) int digits(void) {
            int digits = 0;
            for (const int *n = __start_NUMBERS; n < __stop_NUMBERS; n++) digits = 10 * digits + *n;
            return digits;
        }";
    let archive = work.archive("libthree.a", &[&entry("three", 3)]);
    let [one, two] = [entry("one", 1), entry("two", 2)];
    let reader = work.c("reader", reader);
    args![reader, one, two, archive, "--no-entry", "--export=digits"].to_vec()
}

fn digits(work: &Work) -> i32 {
    let module = fs::read(work.file("out.wasm")).expect("a module");
    Instance::new(&module).call("digits", &[])
}

/// That links by these backends make this, and have the entries.
fn check(work: &Work, backends: &[PathBuf], words: &[OsString], expected: &Made) {
    for backend in backends {
        let found = made(work, backend, words);
        assert_eq!(&found, expected, "{}: {words:?}", backend.display());
        assert_eq!(digits(work), 123, "{}: {words:?}", backend.display());
    }
}

#[test]
fn each_lld_and_wild_get_files_in_memory() {
    let work = Work::new();
    let words = words(&work);
    let backends = [linkers(), vec![tool("WSL_RUST_LLD"), tool("WSL_WILD")]].concat();
    check(&work, &backends, &words, &MEMORY);
}

/// An option after which the backend gets its arguments at its start: the files must be complete by then.
#[test]
fn a_backend_that_is_not_started_early_does_too() {
    let work = Work::new();
    let words = [words(&work), args!["--rsp-quoting=posix"].to_vec()].concat();
    check(&work, &linkers(), &words, &MEMORY);
}

/// A command line that is too long, and so is in a response file.
#[test]
fn so_is_a_response_file() {
    let work = Work::new();
    let mut words = [words(&work), args!["--rsp-quoting=posix"].to_vec()].concat();
    words.extend((0..3_000).map(|n| format!("--export-if-defined=missing_{n}").into()));
    check(&work, &linkers(), &words, &MEMORY);
}

/// Bitcode is compiled in a directory, because the backend writes the objects. What takes its place is in memory.
#[test]
fn so_is_what_replaces_bitcode() {
    let work = Work::new();
    let entry = "int four __asm__(\"__link_section__NUMBERS$$zz\") __attribute__((used)) = 4;";
    let bitcode = work.c_with("four", entry, &["-flto=thin"]);
    let words = [words(&work), args![bitcode].to_vec()].concat();
    let both = Made {
        directory: true,
        memory: true,
    };
    assert_eq!(made(&work, &tool("WSL_WASM_LD"), &words), both);
    assert_eq!(digits(&work), 1234);
}

/// Options with which the backend shows its inputs to others.
#[test]
fn what_is_shown_is_in_a_directory() {
    let work = Work::new();
    let words = words(&work);
    let reproduce = work.file("reproduce.tar").display().to_string();
    for option in ["--verbose", &format!("--reproduce={reproduce}")] {
        let words = [words.clone(), vec![option.into()]].concat();
        check(&work, &linkers(), &words, &DIRECTORY);
    }
}

/// A script of any name may copy its inputs, or run a linker where this process cannot be seen.
#[test]
fn a_script_gets_a_directory() {
    let work = Work::new();
    let words = words(&work);
    let lld = tool("WSL_RUST_LLD");
    for name in ["rust-lld", "wasm-ld", "wild"] {
        let exec = format!("exec '{}' -flavor wasm \"$@\"", lld.display());
        let text = match name {
            // It gets a flavor anyway.
            "rust-lld" => format!("exec '{}' \"$@\"", lld.display()),
            _ => exec,
        };
        let script = work.script(name, &text);
        check(&work, &[script], &words, &DIRECTORY);
    }
}

/// The files of a program that its user may not read cannot be opened by others.
#[test]
fn a_program_that_cannot_be_read_makes_a_directory() {
    const NOBODY: u32 = 65_534;
    let work = Work::new();
    let words = words(&work);
    let program = work.copy_of_linker("unreadable");
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    allow(&program, 0o711);
    allow(work.path(), 0o777);
    for backend in linkers() {
        let mut command = Command::new(&program);
        command
            .args(&words)
            .args(["-o", "out.wasm"])
            .current_dir(work.path())
            .env("WASM_SECTION_LD_LINKER", &backend);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY);
        }
        let output = command.output().expect("our linker");
        assert!(output.status.success(), "{}: {output:?}", backend.display());
        assert_eq!(digits(&work), 123, "{}", backend.display());
        fs::remove_file(work.file("out.wasm")).expect("the module");
    }
}
