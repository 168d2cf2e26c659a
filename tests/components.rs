//! Components of several libraries that share memory, stack and table: `examples/extensions`.

use crate::support::{Work, linker, linkers, setting, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(file: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    examples.join("extensions").join(file)
}

/// Builds the component, to `host.wasm`.
fn build(work: &Work, backend: &Path) {
    let sysroot = setting("WSL_SYSROOT");
    let flags = match sysroot {
        "" => String::new(),
        sysroot => format!("--sysroot={sysroot}"),
    };
    let output = Command::new(example("build.sh"))
        .current_dir(work.path())
        .env("CLANG", tool("WSL_CLANG"))
        .env("AR", tool("WSL_AR"))
        .env("RUSTC", tool("WSL_RUSTC"))
        .env("RUSTFLAGS", flags)
        .env("LINKER", linker())
        .env("WASM_TOOLS", tool("WSL_WASM_TOOLS"))
        .env("WASM_SECTION_LD_LINKER", backend)
        .output()
        .expect("a shell");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {message}", backend.display());
}

#[test]
fn a_host_finds_the_extensions_of_all_its_libraries() {
    let expected = fs::read_to_string(example("expected.txt")).expect("what it prints");
    let run = fs::read_to_string(example("run.py")).expect("a script");
    for backend in linkers() {
        let work = Work::new();
        build(&work, &backend);
        let printed = work.wasmtime(&run.replace("sys.argv[1]", "'host.wasm'"));
        assert_eq!(printed, expected, "{}", backend.display());
    }
}
