//! Emscripten: we are its `wasm-ld`, or it is our backend; programs, and libraries that a program loads.

use crate::args;
use crate::support::commands::{LIST, LISTED, MAIN, RUST, RUST_LISTED, RUST_MAIN, entries};
use crate::support::{Work, linker, linkers, setting, tool};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The `wasm-ld` of Emscripten's own LLVM.
fn backend() -> PathBuf {
    let is_it = |path: &PathBuf| path.ends_with("wasm-ld-14");
    linkers().into_iter().find(is_it).expect("wasm-ld-14")
}

/// A directory as Emscripten expects that of LLVM (`LLVM_ROOT`), with our linker in it.
fn llvm(work: &Work) -> PathBuf {
    let directory = work.file("llvm");
    if directory.exists() {
        return directory;
    }
    fs::create_dir(&directory).expect("a directory");
    let tools = tool("WSL_CLANG_OLD");
    let tools = tools.parent().expect("its directory");
    let names = [
        "clang",
        "clang++",
        "llvm-ar",
        "llvm-nm",
        "llvm-objcopy",
        "llvm-ranlib",
    ];
    for name in names.into_iter().chain(["wasm-ld"]) {
        // Debian's Emscripten looks for the tools of this version.
        let own = format!("{name}-14");
        let target = match name {
            "wasm-ld" => linker().to_owned(),
            _ => tools.join(&own),
        };
        for alias in [name, &own] {
            symlink(&target, directory.join(alias)).expect("a symlink");
        }
    }
    directory
}

/// What Emscripten needs in its environment: where its LLVM is, and its JavaScript packages, which only
/// Debian's own Node finds.
fn with_emscripten<'c>(command: &'c mut Command, work: &Work) -> &'c mut Command {
    let config = setting("WSL_EM_CONFIG");
    if !config.is_empty() {
        command.env("EM_CONFIG", config);
    }
    command
        .env("EM_LLVM_ROOT", llvm(work))
        .env("NODE_PATH", "/usr/share/nodejs")
        .env("WASM_SECTION_LD_LINKER", backend())
        .current_dir(work.path())
}

fn succeeds(output: Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
}

impl Work {
    fn emcc(&self, arguments: &[OsString]) {
        let mut command = Command::new(tool("WSL_EMCC"));
        let output = with_emscripten(command.args(arguments), self).output();
        succeeds(output.expect("emcc"));
    }

    /// What a program prints in Node, whose `fetch` Emscripten takes for a browser's.
    fn script_prints(&self, program: &str) -> String {
        self.run(tool("WSL_NODE"), args!["--no-experimental-fetch", program])
    }

    fn source(&self, name: &str, text: &str) -> OsString {
        self.write(&format!("{name}.c"), text).into()
    }
}

#[test]
fn programs_by_its_linker() {
    let work = Work::new();
    let sources = [
        work.source("entries", &entries("twice", "square")),
        work.source("list", LIST),
        work.source("main", MAIN),
    ];
    for level in ["-O0", "-O1", "-O2", "-Oz"] {
        let mut words = args![level, "-o", "out.js"].to_vec();
        words.extend(sources.iter().cloned());
        work.emcc(&words);
        assert_eq!(work.script_prints("out.js"), LISTED, "{level}");
        // What nobody exported is not exported.
        let script = fs::read_to_string(work.file("out.js")).expect("it");
        assert!(!script.contains("__link_section__") && !script.contains("..section."));
    }
}

#[test]
fn as_our_backend() {
    let work = Work::new();
    for (name, text) in [
        ("entries", &*entries("twice", "square")),
        ("list", LIST),
        ("main", MAIN),
    ] {
        let source = work.source(name, text);
        work.emcc(&args!["-O1", "-c", source, "-o", format!("{name}.o")]);
    }
    let mut command = Command::new(linker());
    let words = args!["entries.o", "list.o", "main.o", "-O1", "-o", "out.js"];
    with_emscripten(command.args(words), &work);
    // Its own linker is then the backend's.
    let emcc = tool("WSL_EMCC");
    let output = command
        .env("WASM_SECTION_LD_LINKER", emcc)
        .env("EM_LLVM_ROOT", "/usr/bin");
    succeeds(output.output().expect("our linker"));
    assert_eq!(work.script_prints("out.js"), LISTED);
}

/// Each has its own array, as with ELF's shared objects.
#[test]
fn a_program_and_a_library_that_it_loads() {
    let work = Work::new();
    let main = r#"
        #include <dlfcn.h>
        #include <stdio.h>
        int list(int);
        int main(void) {
            int own = list(5);
            void *library = dlopen("side.wasm", RTLD_NOW);
            int (*theirs)(int) = library ? (int (*)(int))dlsym(library, "list_side") : 0;
            printf("%d %d\n", own, theirs ? theirs(5) : -1);
        }
    "#;
    let side = [
        work.source(
            "side",
            &entries("cube", "half")
                .replace("n * n", "n / 2")
                .replace("2 * n", "n * n * n"),
        ),
        work.source("side_list", &LIST.replace("int list(", "int list_side(")),
    ];
    let program = [
        work.source("entries", &entries("twice", "square")),
        work.source("list", LIST),
        work.source("main", main),
    ];
    let mut words = args!["-O1", "-sSIDE_MODULE=1", "-o", "side.wasm"].to_vec();
    words.extend(side);
    work.emcc(&words);
    for kind in ["-sMAIN_MODULE=1", "-sMAIN_MODULE=2"] {
        let mut words = args!["-O1", kind, "-o", "out.js", "side.wasm"].to_vec();
        words.extend(program.iter().cloned());
        work.emcc(&words);
        let expected = "twice 10\nsquare 25\ncube 125\nhalf 2\n2 2\n";
        assert_eq!(work.script_prints("out.js"), expected, "{kind}");
    }
}

#[test]
fn rust_by_its_linker() {
    let work = Work::new();
    let source = format!("{RUST}{RUST_MAIN}");
    let entries = work.source("entries", &entries("twice", "square"));
    work.emcc(&args!["-O1", "-c", entries, "-o", "entries.o"]);
    let mut command = Command::new(tool("WSL_RUSTC"));
    let sysroot = setting("WSL_SYSROOT_EMSCRIPTEN");
    if !sysroot.is_empty() {
        command.arg(format!("--sysroot={sysroot}"));
    }
    command
        .args([
            "--target=wasm32-unknown-emscripten",
            "--edition=2024",
            "-Cpanic=abort",
        ])
        .args([
            "-Copt-level=1",
            "-Anonstandard-style",
            "-Aimproper-ctypes",
            "-Clink-arg=entries.o",
            // emcc brings what is needed.
            "-Clink-self-contained=no",
        ])
        .arg(format!("-Clinker={}", tool("WSL_EMCC").display()))
        .args([
            Path::new("-o"),
            Path::new("out.js"),
            &work.write("program.rs", source),
        ])
        .env_remove("RUSTC_BOOTSTRAP");
    succeeds(
        with_emscripten(&mut command, &work)
            .output()
            .expect("a rustc that runs"),
    );
    assert_eq!(work.script_prints("out.js"), RUST_LISTED);
}
