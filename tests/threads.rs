//! Shared memories: passive segments, and several threads that read one array.

use crate::args;
use crate::support::refusal::says;
use crate::support::{Rust, Work, linkers};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const SHARED: [&str; 3] = ["--shared-memory", "--import-memory", "--max-memory=2097152"];

/// A reader, entries that never change, and one that all threads count up.
const C: &str = r#"
    struct plugin { const char *name; int (*run)(int); };
    extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
    extern int __start_COUNTERS[], __stop_COUNTERS[];
    static int twice(int n) { return 2 * n; }
    static int square(int n) { return n * n; }
    __attribute__((section("PLUGINS"), used)) static const struct plugin a = { "twice", twice };
    static const struct plugin b __asm__("__link_section__PLUGINS$$b") __attribute__((used)) =
        { "square", square };
    static int counter __asm__("__link_section__COUNTERS$$a") __attribute__((used)) = 5;
    __attribute__((export_name("sum"))) int sum(int n) {
        for (const struct plugin *p = __start_PLUGINS; p < __stop_PLUGINS; p++)
            __atomic_add_fetch(__start_COUNTERS, p->run(n), __ATOMIC_SEQ_CST);
        return __stop_PLUGINS - __start_PLUGINS;
    }
    __attribute__((export_name("total"))) int total(void) {
        return __atomic_load_n(__start_COUNTERS, __ATOMIC_SEQ_CST) + (__stop_COUNTERS - __start_COUNTERS - 1);
    }
"#;

/// The same in Rust, with a counter that begins at zero, and with no code that needs rustc's own libraries: those are not made for threads.
const RUST: &str = r#"
    #![no_std]
    use core::sync::atomic::{AtomicI32, Ordering::SeqCst};
    #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
    type Plugin = (&'static str, fn(i32) -> i32);
    mod __link_section__PLUGINS {
        #[used] static TWICE: super::Plugin = ("twice", |n| 2 * n);
        #[used] static SQUARE: super::Plugin = ("square", |n| n.wrapping_mul(n));
    }
    mod __link_section__COUNTERS {
        #[used] static COUNTER: super::AtomicI32 = super::AtomicI32::new(0);
    }
    unsafe extern "C" {
        static __start_PLUGINS: [Plugin; 0]; static __stop_PLUGINS: [Plugin; 0];
        static __start_COUNTERS: [AtomicI32; 0]; static __stop_COUNTERS: [AtomicI32; 0];
    }
    fn entries<T>(start: *const T, stop: *const T) -> &'static [T] {
        unsafe { core::slice::from_raw_parts(start, (stop.addr() - start.addr()) / size_of::<T>()) }
    }
    fn counters() -> &'static [AtomicI32] {
        entries((&raw const __start_COUNTERS).cast(), (&raw const __stop_COUNTERS).cast())
    }
    #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> usize {
        let plugins: &[Plugin] = entries((&raw const __start_PLUGINS).cast(), (&raw const __stop_PLUGINS).cast());
        for (_, run) in plugins {
            for counter in counters() { counter.fetch_add(run(n), SeqCst); }
        }
        plugins.len()
    }
    #[unsafe(no_mangle)] pub extern "C" fn total() -> i32 {
        counters().iter().map(|counter| counter.load(SeqCst)).sum()
    }
"#;

/// Runs `out.wasm` in four threads, each of which calls `sum(10)` a thousand times.
const RUN: &str = r#"
    import { readFileSync } from "node:fs";
    import { Worker, isMainThread, workerData } from "node:worker_threads";
    import { fileURLToPath } from "node:url";
    const instantiate = ({ module, memory }) =>
      new WebAssembly.Instance(module, { env: { memory } }).exports;
    if (isMainThread) {
      const module = new WebAssembly.Module(readFileSync("out.wasm"));
      const [{ name }] = WebAssembly.Module.imports(module);
      if (name !== "memory") throw new Error(`an import ${name}`);
      const memory = new WebAssembly.Memory({ initial: 32, maximum: 32, shared: true });
      const exports = instantiate({ module, memory });
      const runs = Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
        const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { module, memory } });
        worker.on("error", reject).on("exit", resolve);
      }));
      await Promise.all(runs);
      console.log(exports.sum(0), exports.total());
    } else {
      const { sum } = instantiate(workerData);
      for (let call = 0; call < 1000; call++) if (sum(10) !== 2) throw new Error("not two entries");
    }
"#;

/// What it prints: two entries, and twice 10 and its square, four thousand times, added to what the
/// counter had in the beginning.
fn printed(counter: u32) -> String {
    format!("2 {}\n", counter + 480_000)
}

fn threaded(work: &Work, compiler: &str, name: &str, source: &str) -> PathBuf {
    let flags = ["-matomics", "-mbulk-memory", "-fdata-sections"];
    work.compile(compiler, name, "c", source, &flags)
}

/// Whether all segments of a module are passive, and it has some.
fn is_passive(module: &[u8]) -> bool {
    use wasmparser::{DataKind, Parser, Payload};
    let mut kinds = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::DataSection(segments) = payload.expect("a module") {
            kinds.extend(
                segments
                    .into_iter()
                    .map(|data| data.expect("a segment").kind),
            );
        }
    }
    let passive = |kind: &DataKind<'_>| matches!(kind, DataKind::Passive);
    !kinds.is_empty() && kinds.iter().all(passive)
}

#[test]
fn threads_in_c_read_one_array() {
    for compiler in ["WSL_CLANG_OLD", "WSL_CLANG"] {
        let work = Work::new();
        let object = threaded(&work, compiler, "program", C);
        for backend in linkers() {
            let words = args!["--no-entry", object]
                .into_iter()
                .chain(SHARED.map(OsString::from));
            let module = work.link_with(&backend, words).silent();
            assert!(is_passive(&module), "{}", backend.display());
            assert_eq!(
                work.node(&[], RUN),
                printed(5),
                "{compiler} {}",
                backend.display()
            );
        }
    }
}

fn rust_flags(backend: &Path) -> Vec<String> {
    let mut flags = vec![
        "-Copt-level=3".to_owned(),
        "-Ctarget-feature=+atomics,+bulk-memory".to_owned(),
        format!("-Clink-arg=--section-linker={}", backend.display()),
    ];
    flags.extend(SHARED.map(|option| format!("-Clink-arg={option}")));
    flags
}

#[test]
fn threads_in_rust_read_one_array() {
    let work = Work::new();
    for backend in linkers() {
        let program = Rust::new(&work, &rust_flags(&backend)).program("program", RUST);
        let module = program.module();
        assert!(is_passive(&module), "{}", backend.display());
        fs::copy(&program.output, work.file("out.wasm")).expect("a module");
        assert_eq!(work.node(&[], RUN), printed(0), "{}", backend.display());
    }
}

#[test]
fn libraries_without_atomics_are_refused() {
    let work = Work::new();
    // This needs rustc's `core`, to say where it panics.
    let source = RUST.replace("plugins.len()", "plugins[n as usize].0.len()");
    for backend in linkers() {
        let program = Rust::new(&work, &rust_flags(&backend)).program("program", &source);
        assert_ne!(program.status, Some(0));
        says(
            &program.stderr,
            &["--shared-memory is disallowed by core-", "'atomics'"],
        );
    }
}

#[test]
fn a_thread_local_entry_is_an_error() {
    let work = Work::new();
    let declared = "extern int __start_T[]; int *start(void) { return __start_T; }";
    let attribute = r#"__attribute__((section("T"), used)) static _Thread_local int x = 1;"#;
    let mark =
        r#"static _Thread_local int x __asm__("__link_section__T$$x") __attribute__((used));"#;
    for (variable, what) in [
        (attribute, "an entry of section `T` is thread-local"),
        (
            mark,
            "is marked as an entry of section `T`, but it is thread-local",
        ),
    ] {
        let object = threaded(
            &work,
            "WSL_CLANG",
            "local",
            &format!("{variable}\n{declared}"),
        );
        for backend in linkers() {
            let words = args!["--no-entry", "--export=start", object];
            let words: Vec<_> = words
                .into_iter()
                .chain(SHARED.map(OsString::from))
                .collect();
            says(&work.refused_with(&backend, &words), &["local.o: ", what]);
        }
    }
}
