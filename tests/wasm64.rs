//! 64-bit memories: entries, pointers and bounds of 64 bits, in C, in assembler and in Rust.
//!
//! Until LLVM 18 the function table of a wasm64 module has 32-bit indices, and from LLVM 19 on 64-bit
//! ones: compilers and linkers from one of these sides go together. Node 20 runs the former, wasmtime
//! the latter.

use crate::args;
use crate::support::assembler::halving;
use crate::support::{Linked, Work, linker, linkers, setting, tool};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const C: &str = r#"
    struct plugin { const char *name; long (*run)(long); };
    static long twice(long n) { return 2 * n; }
    static long large(long n) { return n << 40; }
    __attribute__((section("PLUGINS"), used)) static const struct plugin a = { "twice", twice };
    static const struct plugin b __asm__("__link_section__PLUGINS$$b") __attribute__((used)) =
        { "large", large };
"#;

const READER: &str = r#"
    struct plugin { const char *name; long (*run)(long); };
    extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
    __attribute__((export_name("count"))) long count(void) { return __stop_PLUGINS - __start_PLUGINS; }
    __attribute__((export_name("name"))) const char *name(long i) { return __start_PLUGINS[i].name; }
    __attribute__((export_name("run"))) long run(long i, long n) { return __start_PLUGINS[i].run(n); }
"#;

/// What either prints of a module: name and result for 20 of each plugin.
const IN_NODE: &str = r#"
    import { readFileSync } from "node:fs";
    const module = new WebAssembly.Module(readFileSync("out.wasm"));
    const { memory, count, name, run } = new WebAssembly.Instance(module).exports;
    const bytes = new Uint8Array(memory.buffer);
    for (let i = 0n; i < count(); i++) {
      const at = Number(name(i));
      const text = new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
      console.log(`${text}(20) = ${run(i, 20n)}`);
    }
"#;
const IN_WASMTIME: &str = r#"
import wasmtime
store = wasmtime.Store()
module = wasmtime.Module.from_file(store.engine, "out.wasm")
exports = wasmtime.Instance(store, module, []).exports(store)
bytes = bytearray(exports["memory"].read(store))
for i in range(exports["count"](store)):
    at = exports["name"](store, i)
    text = bytes[at:bytes.index(0, at)].decode()
    print(f"{text}(20) = {exports['run'](store, i, 20)}")
"#;

/// The same of a shared library, at a base of its own.
const SHARED_IN_WASMTIME: &str = r#"
import wasmtime
store = wasmtime.Store()
env = wasmtime.Module(store.engine, """(module
    (memory (export "memory") i64 1)
    (table (export "__indirect_function_table") i64 16 funcref)
    (global (export "__stack_pointer") (mut i64) (i64.const 65536))
    (global (export "__memory_base") i64 (i64.const 1000))
    (global (export "__table_base") i64 (i64.const 5)))""")
env = wasmtime.Instance(store, env, [])
linker = wasmtime.Linker(store.engine)
linker.define_instance(store, "env", env)
module = wasmtime.Module.from_file(store.engine, "out.wasm")
exports = linker.instantiate(store, module).exports(store)
exports["__wasm_apply_data_relocs"](store)
exports["__wasm_call_ctors"](store)
bytes = bytearray(env.exports(store)["memory"].read(store))
for i in range(exports["count"](store)):
    at = exports["name"](store, i)
    text = bytes[at:bytes.index(0, at)].decode()
    print(f"{text}(20) = {exports['run'](store, i, 20)}")
"#;

const LINES: [&str; 3] = [
    "halve(20) = 10",
    "large(20) = 21990232555520",
    "twice(20) = 40",
];

/// Whether this `wasm-ld` makes tables with 64-bit indices.
fn has_wide_table(backend: &Path) -> bool {
    let name = backend.display().to_string();
    !name.ends_with("-14") && !name.ends_with("-16")
}

fn compile(work: &Work, compiler: &str, more: &[&str]) -> Vec<OsString> {
    let assembler = halving("PLUGINS", 64, "");
    let sources = [
        ("reader", "c", READER),
        ("c", "c", C),
        ("assembler", "s", assembler.as_str()),
    ];
    let compile = |(name, language, source)| {
        let mut flags = vec!["--target=wasm64-unknown-unknown"];
        if language == "c" {
            flags.push("-fdata-sections");
            flags.extend(more);
        }
        OsString::from(work.compile(compiler, name, language, source, &flags))
    };
    sources.map(compile).to_vec()
}

/// Runs `out.wasm`, and sorts what it prints: the order is link order, and not of interest here.
fn lines(work: &Work, backend: &Path) -> Vec<String> {
    let printed = match has_wide_table(backend) {
        true => work.wasmtime(IN_WASMTIME),
        false => work.node(&["--experimental-wasm-memory64"], IN_NODE),
    };
    sorted(&printed)
}

fn sorted(printed: &str) -> Vec<String> {
    let mut lines: Vec<_> = printed.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_shared_library_at_a_base_of_its_own() {
    let work = Work::new();
    for compiler in ["WSL_CLANG_19", "WSL_CLANG"] {
        let objects = compile(&work, compiler, &["-fPIC"]);
        for backend in linkers().iter().filter(|backend| has_wide_table(backend)) {
            let words = args!["-mwasm64", "-shared", "--experimental-pic"];
            let linked = work.link_with(backend, words.into_iter().chain(objects.clone()));
            linked.silent();
            let lines = sorted(&work.wasmtime(SHARED_IN_WASMTIME));
            assert_eq!(lines, LINES, "{compiler} {}", backend.display());
        }
    }
}

#[test]
fn c_and_assembler() {
    for compiler in ["WSL_CLANG_OLD", "WSL_CLANG_19", "WSL_CLANG"] {
        let work = Work::new();
        let objects = compile(&work, compiler, &[]);
        let is_old = compiler == "WSL_CLANG_OLD";
        for backend in linkers()
            .iter()
            .filter(|backend| has_wide_table(backend) != is_old)
        {
            let words = args!["-mwasm64", "--no-entry"]
                .into_iter()
                .chain(objects.clone());
            work.link_with(backend, words).silent();
            assert_eq!(
                lines(&work, backend),
                LINES,
                "{compiler} {}",
                backend.display()
            );
        }
    }
}

const RUST: &str = r#"
    #![no_std]
    #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
    #[repr(C)] pub struct Plugin { name: *const u8, run: extern "C" fn(i64) -> i64 }
    unsafe impl Sync for Plugin {}
    extern "C" fn twice(n: i64) -> i64 { 2 * n }
    extern "C" fn large(n: i64) -> i64 { n << 40 }
    extern "C" fn halve(n: i64) -> i64 { n / 2 }
    mod __link_section__PLUGINS {
        use super::*;
        #[used] static TWICE: Plugin = Plugin { name: c"twice".as_ptr().cast(), run: twice };
        #[used] static LARGE: Plugin = Plugin { name: c"large".as_ptr().cast(), run: large };
        #[used] static HALVE: Plugin = Plugin { name: c"halve".as_ptr().cast(), run: halve };
    }
    unsafe extern "C" { static __start_PLUGINS: [Plugin; 0]; static __stop_PLUGINS: [Plugin; 0]; }
    fn plugins() -> &'static [Plugin] {
        let (start, stop) = (&raw const __start_PLUGINS, &raw const __stop_PLUGINS);
        let count = (stop.addr() - start.addr()) / size_of::<Plugin>();
        unsafe { core::slice::from_raw_parts(start.cast(), count) }
    }
    #[unsafe(no_mangle)] pub extern "C" fn count() -> i64 { plugins().len() as i64 }
    #[unsafe(no_mangle)] pub extern "C" fn name(i: usize) -> *const u8 { plugins()[i].name }
    #[unsafe(no_mangle)] pub extern "C" fn run(i: usize, n: i64) -> i64 { (plugins()[i].run)(n) }
"#;

#[test]
fn rust() {
    let work = Work::new();
    for backend in linkers().iter().filter(|backend| has_wide_table(backend)) {
        for level in ["0", "3"] {
            let module = program(&work, backend, level);
            assert_eq!(module.status, Some(0), "{}", module.stderr);
            assert_eq!(lines(&work, backend), LINES, "{}", backend.display());
        }
    }
}

/// Builds and links the Rust program.
fn program(work: &Work, backend: &Path, level: &str) -> Linked {
    let source: PathBuf = work.write("program.rs", RUST);
    let mut command = Command::new(tool("WSL_RUSTC_WASM64"));
    command
        .arg(format!("--sysroot={}", setting("WSL_SYSROOT_WASM64")))
        .args([
            "--target=wasm64-unknown-unknown",
            "--edition=2024",
            "--crate-type=cdylib",
        ])
        .args(["-Cpanic=abort", "-Anonstandard-style", "-Aimproper-ctypes"])
        .arg(format!("-Copt-level={level}"))
        .arg(format!("-Clinker={}", linker().display()))
        .arg("-Clinker-flavor=wasm-ld")
        .arg(source)
        .env("WASM_SECTION_LD_LINKER", backend);
    work.link_by(&mut command, [""; 0])
}
