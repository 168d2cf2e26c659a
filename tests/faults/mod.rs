//! "Faults": the disk is full, a signal comes, a file changes or cannot be written. After each: an
//! exit status that says so, no temporary file, and the last output still there, unless the backend
//! itself has changed it.

mod backends;
mod disk;
mod files;
mod names;
mod phases;
mod signals;

use crate::support::instance::export_section;
use crate::support::{Work, linker};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const BEFORE: &str = "the output of the last good build";

/// An object with an entry of `size` bytes.
fn entry_of(work: &Work, name: &str, size: u32) -> PathBuf {
    let symbol = format!("__link_section__NUMBERS$${name}");
    let source = format!("int {name}[{size} / 4] __asm__(\"{symbol}\") = {{ 7 }};");
    work.c(name, &source)
}

fn entry(work: &Work) -> PathBuf {
    entry_of(work, "entry", 4)
}

/// Our linker on its way to `out.wasm`, where there is an output already.
///
/// Signals have their default effect whatever started these tests: what a
/// shell runs in the background has SIGINT ignored, and that is inherited.
fn command(work: &Work, backend: &Path) -> Command {
    work.write("out.wasm", BEFORE);
    let mut command = Command::new("env");
    command
        .arg("--default-signal=HUP,INT,QUIT,TERM")
        .arg(linker())
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .args(["--no-entry", "-o", "out.wasm"])
        .current_dir(work.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn wait_until(what: &str, happened: impl Fn() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn nothing_left(work: &Work) {
    let left: Vec<_> = fs::read_dir(work.file("tmp"))
        .expect("tmp")
        .flatten()
        .collect();
    assert!(left.is_empty(), "temporary files were left: {left:?}");
}

/// No temporary file, and the last output still there.
fn nothing_changed(work: &Work) {
    nothing_left(work);
    let output = fs::read_to_string(work.file("out.wasm")).expect("the last output");
    assert_eq!(output, BEFORE);
}

/// The message of a link that failed by itself.
fn failed(work: &Work, output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    assert!(
        !message.contains("wasm-section-ld-"),
        "a temporary name: {message}"
    );
    nothing_changed(work);
    message
}

/// Arguments for a module whose NUMBERS the host reads.
fn reading(inputs: &[PathBuf]) -> Vec<OsString> {
    let flags = export_section("NUMBERS").map(OsString::from);
    let inputs = inputs.iter().map(OsString::from);
    flags.into_iter().chain(inputs).collect()
}

/// The processes that are at work in the directory.
fn processes(work: &Work) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let cwd = |path: &Path| fs::read_link(path.join("cwd"));
    let is_here = |path: &PathBuf| cwd(path).is_ok_and(|cwd| cwd.starts_with(work.path()));
    processes
        .map(|entry| entry.path())
        .filter(is_here)
        .collect()
}
