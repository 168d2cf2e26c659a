//! WASI: programs and libraries of preview 1, and components of preview 2, in C and in Rust, run by
//! Node and by wasmtime.

use crate::args;
use crate::support::commands::{LIST, LISTED, MAIN, RUST, RUST_LISTED, RUST_MAIN, entries};
use crate::support::workspace::{WASI, root};
use crate::support::{Work, linker, linkers, setting, tool};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library that a host calls: what the entries give, added up.
const LIBRARY: &str = r#"
    struct command { const char *name; int (*run)(int); };
    extern const struct command __start_COMMANDS[], __stop_COMMANDS[];
    static int ready;
    __attribute__((constructor)) static void start(void) { ready = 1; }
    __attribute__((export_name("sum"))) int sum(int n) {
        int sum = 0;
        for (const struct command *c = __start_COMMANDS; c < __stop_COMMANDS; c++)
            sum += c->run(n);
        return ready ? sum : -1;
    }
"#;

impl Work {
    /// The commands in C.
    fn commands(&self) -> PathBuf {
        self.wasi_c("entries", &entries("twice", "square"))
    }

    /// The same with a program that lists them: the objects.
    fn wasi_program(&self) -> [PathBuf; 3] {
        [
            self.wasi_c("main", MAIN),
            self.wasi_c("list", LIST),
            self.commands(),
        ]
    }

    /// Compiles C for WASI.
    fn wasi_c(&self, name: &str, source: &str) -> PathBuf {
        let more = [
            "--target=wasm32-wasip1",
            "-isystem",
            setting("WSL_WASI_HEADERS"),
        ];
        self.c_with(name, source, &more)
    }

    /// rustc for WASI preview 1 with our linker and an object in C, to `NAME.wasm`.
    fn wasi_rust(&self, name: &str, source: &str, more: &[OsString]) -> PathBuf {
        let mut command = Command::new(tool("WSL_RUSTC"));
        let sysroot = setting("WSL_SYSROOT");
        if !sysroot.is_empty() {
            command.arg(format!("--sysroot={sysroot}"));
        }
        let output = self.file(&format!("{name}.wasm"));
        let done = command
            .args([
                "--target",
                WASI,
                "--edition=2024",
                "-Copt-level=1",
                "-Wlinker-messages",
            ])
            .args(["-Anonstandard-style", "-Aimproper-ctypes", "-Adead-code"])
            .arg(format!("-Clinker={}", linker().display()))
            .arg(self.write(&format!("{name}.rs"), source))
            .arg("-o")
            .arg(&output)
            .args(more)
            .env_remove("RUSTC_BOOTSTRAP")
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .output()
            .expect("a rustc that runs");
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && stderr.is_empty(), "{stderr}");
        output
    }

    /// What a program prints, in Node and in wasmtime.
    fn prints(&self, program: &Path) -> [String; 2] {
        let host = root().join("tests/support/wasi.mjs");
        let node = self.run(tool("WSL_NODE"), args!["--no-warnings", host, program]);
        let script = format!("{IN_WASMTIME}instance['_start'](store)\n");
        [
            node,
            self.wasmtime(&script.replace("PROGRAM", &program.display().to_string())),
        ]
    }

    /// What `sum(5)` of a library is in Node and in wasmtime.
    fn sums(&self, library: &Path) -> [String; 2] {
        let library = library.display().to_string();
        let node = r#"
            import { readFile } from "node:fs/promises";
            import { WASI } from "node:wasi";
            const wasi = new WASI({ version: "preview1" });
            const bytes = await readFile("PROGRAM");
            const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject());
            wasi.initialize(instance);
            console.log(instance.exports.sum(5));
        "#;
        let script = format!(
            "{IN_WASMTIME}if '_initialize' in instance.keys(): instance['_initialize'](store)\nprint(instance['sum'](store, 5))\n"
        );
        [
            self.node(&[], &node.replace("PROGRAM", &library)),
            self.wasmtime(&script.replace("PROGRAM", &library)),
        ]
    }

    /// What a component prints that is a command.
    fn component_prints(&self, component: &Path) -> String {
        self.wasmtime(&COMPONENT_IN_WASMTIME.replace("PROGRAM", &component.display().to_string()))
    }
}

const IN_WASMTIME: &str = "\
from wasmtime import Engine, Linker, Module, Store, WasiConfig
engine = Engine()
store, linker, wasi = Store(engine), Linker(engine), WasiConfig()
wasi.argv = ['program']
wasi.inherit_stdout()
store.set_wasi(wasi)
linker.define_wasi()
instance = linker.instantiate(store, Module.from_file(engine, 'PROGRAM')).exports(store)
";

const COMPONENT_IN_WASMTIME: &str = "\
from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker
engine = Engine()
store, linker, wasi = Store(engine), Linker(engine), WasiConfig()
wasi.inherit_stdout()
store.set_wasi(wasi)
linker.add_wasip2()
component = Component.from_file(engine, 'PROGRAM')
instance = linker.instantiate(store, component)
name = next(name for name in component.type.exports(engine) if name.startswith('wasi:cli/run'))
run = instance.get_export_index(store, 'run', instance.get_export_index(store, name))
assert instance.get_func(store, run)(store).tag == 'ok'
";

/// The parts of a C library for WASI.
fn libc(start: &str) -> [OsString; 2] {
    let directory = PathBuf::from(setting("WSL_WASI_LIBC"));
    args![directory.join(start), directory.join("libc.a")]
}

#[test]
fn commands_in_c() {
    let work = Work::new();
    let [main, list, entries] = work.wasi_program();
    let archive = work.archive("libentries.a", &[&entries]);
    let [start, libc] = libc("crt1-command.o");
    for backend in linkers() {
        for entries in [&entries, &archive] {
            let linked = work.link_with(&backend, args![start, main, list, entries, libc]);
            linked.silent();
            for printed in work.prints(&linked.output) {
                assert_eq!(printed, LISTED, "{}", backend.display());
            }
        }
    }
}

#[test]
fn commands_in_rust_with_entries_in_c() {
    let work = Work::new();
    let entries = format!("-Clink-arg={}", work.commands().display());
    let program = work.wasi_rust("program", &format!("{RUST}{RUST_MAIN}"), &args![entries]);
    for printed in work.prints(&program) {
        assert_eq!(printed, RUST_LISTED);
    }
}

#[test]
fn reactors() {
    let work = Work::new();
    let (library, entries) = (work.wasi_c("library", LIBRARY), work.commands());
    let [start, libc] = libc("crt1-reactor.o");
    let words = args![start, library, entries, libc, "--entry=_initialize"];
    for backend in linkers() {
        let linked = work.link_with(&backend, &words);
        linked.silent();
        assert_eq!(
            work.sums(&linked.output),
            ["35\n", "35\n"],
            "{}",
            backend.display()
        );
    }
    let source = format!(
        "{RUST}#[unsafe(no_mangle)] pub extern \"C\" fn sum(_: i32) -> i32 {{
            lines().iter().map(|line| line.split(' ').nth(1).unwrap().parse::<i32>().unwrap()).sum()
        }}"
    );
    let entries = format!("-Clink-arg={}", entries.display());
    let library = work.wasi_rust("reactor", &source, &args!["--crate-type=cdylib", entries]);
    assert_eq!(work.sums(&library), ["30\n", "30\n"]);
}

/// libtest, whose tests are run one after the other there.
#[test]
fn tests_in_rust() {
    let work = Work::new();
    let source = format!(
        "{RUST}#[test] fn all_are_there() {{ assert_eq!(lines().len(), 3); }}
        #[test] fn this_one_is() {{ assert!(lines().contains(&\"negate -5\".to_owned())); }}"
    );
    let entries = format!("-Clink-arg={}", work.commands().display());
    let program = work.wasi_rust("tests", &source, &args!["--test", entries]);
    for printed in work.prints(&program) {
        assert!(
            printed.contains("test result: ok. 2 passed; 0 failed"),
            "{printed}"
        );
    }
}

/// `wasm-component-ld` runs a linker, and makes a component of the module.
#[test]
fn components_with_another_wrapper_around_us_or_behind_us() {
    let work = Work::new();
    let [main, list, entries] = work.wasi_program();
    let [start, libc] = libc("crt1-command.o");
    let wrapper = tool("WSL_WASM_COMPONENT_LD");
    let words = args![start, main, list, entries, libc];
    let linker_of_wrapper = |path: &Path| format!("--wasm-ld-path={}", path.display());
    for backend in linkers() {
        // As the backend.
        let more = args![linker_of_wrapper(&backend)];
        let behind = work.link_with(&wrapper, words.iter().cloned().chain(more));
        behind.silent();
        let behind_us = std::fs::read(&behind.output).expect("a component");
        assert_eq!(work.component_prints(&behind.output), LISTED);
        // As the one that runs us.
        let more = args![linker_of_wrapper(linker())];
        let mut command = Command::new(&wrapper);
        command.env("WASM_SECTION_LD_LINKER", &backend);
        let around = work.link_by(&mut command, words.iter().cloned().chain(more));
        around.silent();
        assert!(std::fs::read(&around.output).expect("a component") == behind_us);
    }
}

/// `linker = "wasm-section-ld"` for a target whose output is a component: rustc calls us as it would call
/// `wasm-component-ld`, which it has a directory for on PATH.
#[test]
fn a_target_of_components_gets_a_component() {
    let work = Work::new();
    let [main, list, entries] = work.wasi_program();
    let [start, libc] = libc("crt1-command.o");
    let wrapper = tool("WSL_WASM_COMPONENT_LD");
    let words = args![start, main, list, entries, libc];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let with_wrapper = wrapper.parent().map(Path::to_path_buf);
    let directories = with_wrapper.into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(directories).expect("a path");
    let backends = linkers().into_iter().chain([tool("WSL_RUST_LLD")]);
    for backend in backends {
        let mut expected = Vec::new();
        // In a module of its own, or as one of the options that only we know.
        for more in [&[][..], &args!["--section-manifest"]] {
            let mut command = Command::new(linker());
            command
                .env("WASM_SECTION_LD_LINKER", &backend)
                .env("PATH", &path);
            command.args([
                "-flavor",
                "wasm",
                "-L",
                "lib/rustlib/wasm32-wasip2/lib/self-contained",
            ]);
            let linked = work.link_by(&mut command, words.iter().chain(more));
            expected.push(linked.silent());
            assert_eq!(
                work.component_prints(&linked.output),
                LISTED,
                "{}",
                backend.display()
            );
        }
        assert!(expected[0].len() < expected[1].len(), "no manifest");
    }
    // Where it is not to be had.
    let mut command = Command::new(linker());
    command
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("PATH", "/nowhere");
    command.args([
        "-flavor",
        "wasm",
        "-L/lib/rustlib/wasm32-wasip2/lib/self-contained",
    ]);
    let linked = work.link_by(&mut command, &words);
    assert_eq!(linked.status, Some(1));
    assert!(
        linked
            .stderr
            .contains("a component, and wasm-component-ld is not on PATH"),
        "{}",
        linked.stderr
    );
    assert!(
        linked.stderr.contains("cargo install wasm-component-ld"),
        "{}",
        linked.stderr
    );
}

#[test]
fn components_in_rust() {
    let work = Work::new();
    let entries = format!("-Clink-arg={}", work.commands().display());
    let backend = format!(
        "-Clink-arg=--section-linker={}",
        tool("WSL_WASM_COMPONENT_LD").display()
    );
    let behind = format!(
        "-Clink-arg=--wasm-ld-path={}",
        tool("WSL_WASM_LD").display()
    );
    let source = format!("{RUST}{RUST_MAIN}");
    let component = work.wasi_rust("program", &source, &args![entries, backend, behind]);
    assert_eq!(work.component_prints(&component), RUST_LISTED);
}
