//! `examples/extensions`: an interpreter and its extensions in one module, in libraries that share memory,
//! stack and table, and in a component of those libraries.

use crate::args;
use crate::support::{Work, linker, linkers, setting, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(file: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    examples.join("extensions").join(file)
}

/// Builds one form. The objects are compiled once in a directory.
fn build(work: &Work, form: &str, backend: &Path) {
    let sysroot = setting("WSL_SYSROOT");
    let flags = match sysroot {
        "" => String::new(),
        sysroot => format!("--sysroot={sysroot}"),
    };
    let output = Command::new(example("build.sh"))
        .arg(form)
        .current_dir(work.path())
        .env("CLANG", tool("WSL_CLANG"))
        .env("AR", tool("WSL_AR"))
        .env("RUSTC", tool("WSL_RUSTC"))
        .env("RUSTFLAGS", flags)
        .env("LINKER", linker())
        .env("WASM_OPT", tool("WSL_WASM_OPT"))
        .env("WASM_TOOLS", tool("WSL_WASM_TOOLS"))
        .env("WASM_SECTION_LD_LINKER", backend)
        .output()
        .expect("a shell");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {message}", backend.display());
    assert!(message.is_empty(), "{}: {message}", backend.display());
}

/// What the modules print in Node.
fn in_node(work: &Work, modules: &[&str]) -> String {
    let modules = modules.iter().map(|name| work.file(name).into());
    work.run(
        tool("WSL_NODE"),
        args![example("run.mjs")].into_iter().chain(modules),
    )
}

fn expected() -> String {
    fs::read_to_string(example("expected.txt")).expect("what it prints")
}

#[test]
fn an_interpreter_finds_its_extensions_in_archives() {
    let work = Work::new();
    for backend in linkers() {
        build(&work, "static", &backend);
        let printed = in_node(&work, &["static.wasm"]);
        assert_eq!(printed, expected(), "{}", backend.display());
    }
}

#[test]
fn an_interpreter_finds_its_extensions_in_libraries_and_in_a_component() {
    let libraries = [
        "interpreter.so",
        "libdigest.so",
        "libjournal.so",
        "libdigits.so",
    ];
    let run = fs::read_to_string(example("run.py")).expect("a script");
    let run = run.replace("sys.argv[1]", "'component.wasm'");
    let work = Work::new();
    // Of the backends, the oldest and the newest: most of the time is wasm-opt's.
    let backends = linkers();
    for backend in backends.first().into_iter().chain(backends.last()) {
        build(&work, "component", backend);
        let printed = in_node(&work, &libraries);
        assert_eq!(printed, expected(), "{}", backend.display());
        assert_eq!(work.wasmtime(&run), expected(), "{}", backend.display());
    }
}
