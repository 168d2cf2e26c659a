//! "Bad input": a backend that is missing, cannot be run, dies, or is this program.

use crate::args;
use crate::support::instance::export_section;
use crate::support::refusal::says;
use crate::support::{Instance, Linked, Work, linker, tool};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Objects with and without entries: the backend is a child there, and replaces us here.
fn inputs(work: &Work) -> [PathBuf; 2] {
    [
        work.c(
            "entry",
            r#"int a __asm__("__link_section__NUMBERS$$a") = 1;"#,
        ),
        work.c("plain", "int plain = 1;"),
    ]
}

/// An executable script.
fn script(work: &Work, name: &str, text: &str) -> PathBuf {
    let text = work.write("script", format!("#!/bin/sh\n{text}\n"));
    let path = work.file(name);
    work.executable(&text, &path);
    path
}

/// The message about a backend that is named by the option and by the environment.
fn refused(work: &Work, backend: &Path) -> [String; 2] {
    let [entry, _] = inputs(work);
    let by_environment = work.refused_with(backend, &args!["--no-entry", entry]);
    let mut option = std::ffi::OsString::from("--section-linker=");
    option.push(backend);
    let by_option = work.refused(&args!["--no-entry", entry, option]);
    [by_environment, by_option]
}

#[test]
fn a_backend_that_is_missing() {
    let work = Work::new();
    for backend in [work.file("no-such-ld"), "no-such-ld".into()] {
        let [by_environment, by_option] = refused(&work, &backend);
        let missing = format!("linker not found: {}", backend.display());
        says(
            &by_environment,
            &["WASM_SECTION_LD_LINKER: ", &missing, ">>> give "],
        );
        says(&by_option, &["--section-linker: ", &missing, ">>> give "]);
    }
}

#[test]
fn a_backend_that_is_a_directory() {
    let work = Work::new();
    let directory = work.file("bin");
    fs::create_dir(&directory).expect("a directory");
    for message in refused(&work, &directory) {
        says(&message, &["linker not found: ", "bin", ">>> give "]);
    }
}

#[test]
fn no_backend_at_all() {
    let work = Work::new();
    let inputs = inputs(&work);
    let message = work.check_refused(|| {
        let mut command = Command::new(linker());
        command.env("PATH", work.path());
        for name in [
            "WASM_SECTION_LD_LINKER",
            "RUSTC",
            "RUSTUP_TOOLCHAIN",
            "CARGO",
        ] {
            command.env_remove(name);
        }
        work.link_by(&mut command, &inputs)
    });
    says(
        &message,
        &[
            "no wasm-ld found",
            "install LLVM's lld",
            "--section-linker=PATH",
        ],
    );
}

#[test]
fn a_backend_that_is_not_executable() {
    let work = Work::new();
    let backend = script(&work, "a-linker", "exit 0");
    fs::set_permissions(&backend, fs::Permissions::from_mode(0o644)).expect("permissions");
    for message in refused(&work, &backend) {
        says(
            &message,
            &[
                "cannot run the linker ",
                "a-linker: Permission denied",
                ">>> use another",
            ],
        );
    }
}

#[test]
fn a_backend_that_is_no_program() {
    let work = Work::new();
    let backend = work.file("a-linker");
    work.executable(&work.write("garbage", [7; 64]), &backend);
    for message in refused(&work, &backend) {
        says(
            &message,
            &["cannot run the linker ", "a-linker: ", ">>> use another"],
        );
    }
}

#[test]
fn a_backend_that_is_this_program() {
    let work = Work::new();
    let by_link = work.file("wasm-ld");
    symlink(linker(), &by_link).expect("a link");
    let by_copy = work.file("wasm-ld-22");
    fs::copy(linker(), &by_copy).expect("a copy");
    for backend in [linker(), &by_link, &by_copy] {
        for message in refused(&work, backend) {
            says(
                &message,
                &[
                    "is wasm-section-ld itself",
                    "give the path of the linker to run",
                ],
            );
        }
    }
}

#[test]
fn a_backend_that_runs_this_program() {
    let work = Work::new();
    let text = format!("exec '{}' \"$@\"", linker().display());
    let backend = script(&work, "wrapper", &text);
    for input in inputs(&work) {
        let message = work.refused_with(&backend, &args!["--no-entry", input]);
        says(
            &message,
            &["wrapper runs wasm-section-ld in a loop", ">>> give "],
        );
    }
}

/// `wasm-component-ld` and the like run a linker of the user's choice, which may be us again: what
/// was gathered then is not gathered again.
#[test]
fn a_backend_that_runs_this_program_with_another_backend() {
    let work = Work::new();
    let [entry, plain] = inputs(&work);
    let text = format!(
        "exec '{}' --section-linker='{}' \"$@\"",
        linker().display(),
        tool("WSL_WASM_LD").display()
    );
    let backend = script(&work, "wrapper", &text);
    let mut arguments = args![entry, plain].to_vec();
    arguments.extend(export_section("NUMBERS").map(Into::into));
    let module = work.link_with(&backend, &arguments).silent();
    assert_eq!(Instance::new(&module).words("NUMBERS"), [1]);
}

/// With something to gather the backend is a child of ours; its signal becomes our status, as in a
/// shell. Otherwise it has taken our place, and whoever called us sees the signal.
#[test]
fn a_backend_that_dies_by_a_signal() {
    let work = Work::new();
    let [entry, plain] = inputs(&work);
    for (name, number) in [("KILL", 9), ("SEGV", 11)] {
        let text = format!("echo working; ulimit -c 0; kill -{name} $$");
        let backend = script(&work, "a-linker", &text);
        let Linked {
            status,
            stderr,
            stdout,
            output,
        } = work.link_with(&backend, [&entry]);
        assert_eq!((status, stdout.as_str()), (Some(128 + number), "working\n"));
        says(
            &stderr,
            &[
                "a-linker",
                &format!("terminated by signal {number}"),
                ">>> ",
            ],
        );
        assert!(!output.exists());
        let in_place = work.link_with(&backend, [&plain]);
        assert_eq!((in_place.status, in_place.stderr.as_str()), (None, ""));
    }
}

#[test]
fn the_status_of_a_backend_is_ours() {
    let work = Work::new();
    let backend = script(&work, "a-linker", "echo no >&2; exit 3");
    for input in inputs(&work) {
        let linked = work.link_with(&backend, [input]);
        assert_eq!((linked.status, linked.stderr.as_str()), (Some(3), "no\n"));
    }
}

/// `wasm-section-ld … 2>&1 | head -1`: who does not listen does not make it panic.
#[test]
fn a_closed_standard_error_is_no_panic() {
    let work = Work::new();
    let mut child = Command::new("/bin/sh")
        .args(args![
            "-c",
            r#"read x; "$0" "$@"; echo status $?"#,
            linker()
        ])
        .args(["--no-entry", "lost.o"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .current_dir(work.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    drop(child.stderr.take());
    // Only now may it go on.
    drop(child.stdin.take());
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("standard output");
    stdout.read_to_string(&mut said).expect("UTF-8");
    child.wait().expect("a shell that ends");
    assert_eq!(said, "status 1\n");
}
