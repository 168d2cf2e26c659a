//! SECURITY.md: what is read, what is run, and what is written, as the kernel sees it.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Work, linker, setting};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that our linker opened (`openat`) and the programs that it or its children ran
/// (`execve`), in order. All but what the system's loader reads.
fn traced(work: &Work, call: &str, words: &[OsString]) -> Vec<PathBuf> {
    let mut command = Command::new(setting("WSL_STRACE"));
    command
        .args(["-f", "-y", "-s", "4096", "-o", "trace", "-e"])
        .arg(format!("trace={call}"))
        .arg(linker())
        .args(words)
        .env("WASM_SECTION_LD_LINKER", work.file("bin/backend"))
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", work.file("bin").display()),
        )
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.file("here"));
    let output = command.output().expect("strace");
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(work.file("here/trace")).expect("a trace");
    let ours = trace
        .split_whitespace()
        .next()
        .expect("our process id")
        .to_owned();
    let lines = trace.lines().filter(|line| {
        // Its threads are told from the backend by what they do: they open nothing.
        line.contains(call) && (call == "execve" || line.starts_with(&ours))
    });
    let succeeded = lines.filter(|line| !line.contains("= -1 "));
    let paths = succeeded.map(|line| PathBuf::from(line.split('"').nth(1).expect("a path")));
    let system = [
        "/lib",
        "/usr/lib",
        "/etc/ld.so",
        "/proc/self",
        "/sys/fs/cgroup",
        "/dev/null",
    ];
    paths
        .filter(|path| {
            !system.iter().any(|system| {
                path.starts_with(system) || path.to_string_lossy().starts_with(system)
            })
        })
        .collect()
}

/// A place full of files that somebody might take for something else.
fn place(work: &Work) -> (PathBuf, PathBuf) {
    let mark = |name: &str| format!("int {name} __asm__(\"__link_section__NUMBERS$${name}\") = 1;");
    let first = work.c("first", &mark("first"));
    work.c("second", &mark("second"));
    fs::create_dir(work.file("lib")).expect("a directory");
    let library = work.archive("lib/libsecond.a", &[&work.file("second.o")]);
    fs::create_dir(work.file("here")).expect("a directory");
    work.script("bin/backend", "exit 0");
    for decoy in [
        "backend",
        "wasm-ld",
        "rust-lld",
        "rustc",
        "wasm-ld-22",
        "ld.lld",
        "sh",
        "default.ld",
        "wasm-section-ld.toml",
        ".wasm-section-ld",
        "libsecond.a",
        "libc.a",
        "crt1.o",
        "a.out",
    ] {
        work.script(&format!("here/{decoy}"), "echo stolen; exit 9");
    }
    (first, library)
}

fn words(work: &Work, first: &Path) -> Vec<OsString> {
    let mut words = args![first, "-L", work.file("lib"), "-lsecond", "-o", "out.wasm"].to_vec();
    words.extend(export_section("NUMBERS").map(OsString::from));
    words
}

#[test]
fn nothing_is_read_but_what_the_command_line_names() {
    let work = Work::new();
    let (first, library) = place(&work);
    let opened = traced(&work, "openat", &words(&work, &first));
    let temporary = work.file("tmp");
    let (written, read): (Vec<_>, Vec<_>) = opened
        .into_iter()
        .partition(|path| path.starts_with(&temporary));
    assert_eq!(read, [first, library]);
    assert!(!written.is_empty(), "no temporary file was seen");
}

#[test]
fn nothing_is_run_but_the_backend() {
    let work = Work::new();
    let (first, _) = place(&work);
    let run = traced(&work, "execve", &words(&work, &first));
    assert_eq!(run, [linker().to_path_buf(), work.file("bin/backend")]);
}

/// A shell would see to it that `$(…)` is run.
#[test]
fn arguments_reach_the_backend_through_no_shell() {
    let work = Work::new();
    place(&work);
    let word = "--export-if-defined=$(touch stolen)`touch stolen`;touch stolen|touch stolen&";
    let words = [words(&work, &work.file("first.o")), args![word].to_vec()].concat();
    let run = traced(&work, "execve", &words);
    assert_eq!(run.len(), 2, "{run:?}");
    assert!(!work.file("here/stolen").exists());
}
