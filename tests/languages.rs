//! Entries in languages other than Rust and C: each recipe of docs/languages.md, as it stands there.

use crate::support::workspace::root;
use crate::support::{Instance, Work, linker, linkers, tool};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

/// The section of the page below this heading.
fn section(heading: &str) -> String {
    let page = fs::read_to_string(root().join("docs/languages.md")).expect("the page");
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().expect("a section").to_owned()
}

/// Runs a recipe with the programs under the names that it gives them, and each backend. `edit` is what else is in
/// place of its words: a level of optimization, for instance.
fn recipe(heading: &str, tools: &[(&str, &str)], edit: (&str, &str), expected: i32) {
    let text = section(heading);
    let work = Work::new();
    let mut commands = String::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        let (info, content) = block.split_once('\n').expect("a block");
        match info.split_once(" file=") {
            Some((_, name)) => drop(work.write(name, format!("{content}\n"))),
            None => {
                assert_eq!(info, "sh run");
                commands.push_str(content);
            }
        }
    }
    assert!(commands.contains(edit.0), "{heading}: no {}", edit.0);
    let commands = commands.replace(edit.0, edit.1);
    let programs = work.file("programs");
    fs::create_dir(&programs).expect("a directory");
    symlink(linker(), programs.join("wasm-section-ld")).expect("a link");
    for (name, setting) in tools.iter().chain(&[("llvm-ar", "WSL_AR")]) {
        symlink(tool(setting), programs.join(name)).expect("a link");
    }
    let path = std::env::var("PATH").expect("PATH");
    let cache = format!("{}/zig", env!("CARGO_TARGET_TMPDIR"));
    for backend in linkers() {
        let backend_name = backend.display();
        let output = Command::new("sh")
            .args(["-ec", &commands])
            .current_dir(work.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("WASM_SECTION_LD_LINKER", &backend)
            .env("ZIG_GLOBAL_CACHE_DIR", &cache)
            .env("ZIG_LOCAL_CACHE_DIR", &cache)
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{backend_name}: {said}");
        assert_eq!(said, "", "{backend_name}");
        let module = work.file("program.wasm");
        let mut instance = Instance::new(&fs::read(&module).expect("a module"));
        let sum = instance.call("sum", &[5]);
        assert_eq!(sum, expected, "{heading}, {edit:?}, {backend_name}");
        fs::remove_file(module).expect("a module");
    }
}

/// A flag that a recipe has is not replaced.
const AS_IT_IS: (&str, &str) = ("--no-entry", "--no-entry");

/// `twice`, `square` and `negate`. The copies of `twice` in two files are one.
#[test]
fn cxx20() {
    for compiler in ["WSL_CLANGXX", "WSL_CLANG_19", "WSL_CLANG_OLD"] {
        recipe("C++20", &[("clang++", compiler)], AS_IT_IS, 10 + 25 - 5);
    }
    let objects = (
        "--gather=COMMANDS program.o libarithmetic.a",
        "program.o arithmetic.o",
    );
    for edit in [("-O1", "-O0"), objects] {
        recipe("C++20", &[("clang++", "WSL_CLANGXX")], edit, 10 + 25 - 5);
    }
}

#[test]
fn d() {
    for edit in [AS_IT_IS, ("-O1", "-O0"), ("-O1", "-O3")] {
        recipe("D", &[("ldc2", "WSL_LDC2")], edit, 10 + 25);
    }
}

#[test]
fn zig() {
    let mode = "ReleaseSmall";
    let objects = (
        "--gather=COMMANDS program.o libarithmetic.a",
        "--gather=COMMANDS program.o arithmetic.o",
    );
    for edit in [AS_IT_IS, (mode, "Debug"), (mode, "ReleaseSafe"), objects] {
        recipe("Zig", &[("zig", "WSL_ZIG_COMMAND")], edit, 10 + 25);
    }
}

/// Descriptors with 1 and 4 sides. The records that LLVM 14 writes have no flag by which a backend keeps them.
#[test]
fn swift() {
    let llc = "llc -filetype=obj types.ll";
    let older = "older -Wno-override-module --target=wasm32-unknown-unknown -c types.ll";
    let oldest = older.replace("-c", "-mllvm -opaque-pointers -c");
    let objects = (
        "'--gather=swift5_*' runtime.o libtypes.a",
        "runtime.o types.o",
    );
    let tools = [("llc", "WSL_LLC"), ("clang", "WSL_CLANG")];
    for (compiler, edit) in [
        ("WSL_CLANG", AS_IT_IS),
        ("WSL_CLANG", objects),
        ("WSL_CLANG_19", (llc, older)),
        ("WSL_CLANG_OLD", (llc, &oldest)),
    ] {
        let tools = [&tools[..], &[("older", compiler)]].concat();
        recipe("Swift", &tools, edit, 5 + 1 + 4);
    }
}
