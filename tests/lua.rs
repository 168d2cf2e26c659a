//! `examples/lua`: Lua's standard libraries and two others, listed by section.

use crate::args;
use crate::support::{Work, linker, linkers, setting, tool};
use std::fs;
use std::path::Path;
use std::process::Command;

fn build(work: &Work, example: &Path, backend: &Path) {
    let sysroot = setting("WSL_SYSROOT");
    let flags = match sysroot {
        "" => String::new(),
        sysroot => format!("--sysroot={sysroot}"),
    };
    let output = Command::new(example.join("build.sh"))
        .arg(tool("WSL_LUA"))
        .current_dir(work.path())
        .env("CLANG", tool("WSL_CLANG"))
        .env("AR", tool("WSL_AR"))
        .env("RUSTC", tool("WSL_RUSTC"))
        .env("RUSTFLAGS", flags)
        .env("LINKER", linker())
        .env("WASM_OPT", tool("WSL_WASM_OPT"))
        .env("WASI_HEADERS", setting("WSL_WASI_HEADERS"))
        .env("WASI_LIB", setting("WSL_WASI_LIBC"))
        .env("WASM_SECTION_LD_LINKER", backend)
        .output()
        .expect("a shell");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {message}", backend.display());
    assert!(message.is_empty(), "{}: {message}", backend.display());
}

#[test]
fn lua_opens_the_libraries_that_register_themselves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = root.join("examples/lua");
    let expected = fs::read_to_string(example.join("expected.txt")).expect("what it prints");
    let work = Work::new();
    // Of the backends, the oldest and the newest: most of the time is wasm-opt's.
    let backends = linkers();
    for backend in backends.first().into_iter().chain(backends.last()) {
        build(&work, &example, backend);
        let python = format!("PYTHONPATH={}", setting("WSL_PYTHONPATH"));
        let run = example.join("run.py");
        let program = work.file("lua.wasm");
        let arguments = args![
            python,
            tool("WSL_PYTHON"),
            run,
            program,
            example,
            "/program.lua"
        ];
        assert_eq!(
            work.run("env", arguments),
            expected,
            "{}",
            backend.display()
        );
    }
}
