//! `wasm-opt --asyncify`: functions that are reached through an array suspend and resume.

use crate::args;
use crate::support::{Rust, Work, linkers, tool};
use std::fs;
use std::path::{Path, PathBuf};

/// An entry that waits in the middle, one that does not, and what walks over all of them.
const C: &str = r#"
    struct task { int number; int (*run)(int); };
    extern const struct task __start_TASKS[], __stop_TASKS[];
    extern int host_wait(int);
    static int before(int n) { int waited = host_wait(n); return waited + 1; }
    static int never(int n) { return 100 * n; }
    __attribute__((section("TASKS"), used)) static const struct task a = { 1, before };
    static const struct task b __asm__("__link_section__TASKS$$b") __attribute__((used)) = { 2, never };
    __attribute__((export_name("run"))) int run(int n) {
        int sum = 0;
        for (const struct task *task = __start_TASKS; task < __stop_TASKS; task++)
            sum += task->number * task->run(n);
        return sum;
    }
    __attribute__((export_name("room"))) void *room(void) { static char room[4096]; return room; }
"#;

const RUST: &str = r#"
    #[repr(C)] struct Task { number: i32, run: extern "C" fn(i32) -> i32 }
    unsafe extern "C" { fn host_wait(n: i32) -> i32; }
    mod __link_section__TASKS {
        #[used] static TWICE: super::Task = super::Task { number: 10, run: super::twice };
    }
    extern "C" fn twice(n: i32) -> i32 { unsafe { host_wait(n) + host_wait(n + 1) } }
"#;

/// Calls `run(20)`, which waits now and then.
const RUN: &str = r#"
    import { Suspending } from "support/asyncify.mjs";
    import { readFileSync } from "node:fs";
    const suspending = new Suspending();
    const module = new WebAssembly.Module(readFileSync("async.wasm"));
    const env = { host_wait: suspending.wait };
    const { exports } = new WebAssembly.Instance(module, { env });
    const sum = await suspending.run(exports, exports.memory, 20);
    console.log(`${suspending.waits.sort()}: ${sum}`);
"#;

fn asyncify(work: &Work, module: &Path) {
    asyncify_to(work, module, "async.wasm", &["-O1"]);
}

fn asyncify_to(work: &Work, module: &Path, name: &str, more: &[&str]) {
    let words = args!["--asyncify", module, "-o", work.file(name)];
    let more = more.iter().map(Into::into);
    work.run(tool("WSL_WASM_OPT"), words.into_iter().chain(more));
}

fn c(work: &Work) -> PathBuf {
    work.c_with("c", C, &["-fdata-sections"])
}

#[test]
fn a_function_in_c_suspends_and_resumes() {
    let work = Work::new();
    let object = c(&work);
    for backend in linkers() {
        let words = args!["--no-entry", "--allow-undefined", object];
        let linked = work.link_with(&backend, words);
        linked.module();
        asyncify(&work, &linked.output);
        let sum = (1020 + 1) + 2 * 100 * 20;
        assert_eq!(
            work.node(&[], RUN),
            format!("20: {sum}\n"),
            "{}",
            backend.display()
        );
    }
}

#[test]
fn a_function_in_rust_suspends_twice() {
    let work = Work::new();
    let object = c(&work);
    // Of the backends, the oldest and the newest.
    let backends = linkers();
    for backend in backends.first().into_iter().chain(backends.last()) {
        let flags = [
            "-Copt-level=2".to_owned(),
            format!("-Clink-arg=--section-linker={}", backend.display()),
            format!("-Clink-arg={}", object.display()),
            "-Clink-args=--allow-undefined --export-if-defined=run".to_owned(),
        ];
        let program = Rust::new(&work, &flags).program("program", RUST);
        fs::copy(&program.output, work.file("out.wasm")).expect("a module");
        asyncify(&work, &program.output);
        let sum = (1020 + 1) + 2 * 100 * 20 + 10 * (1020 + 1021);
        let printed = format!("20,20,21: {sum}\n");
        assert_eq!(work.node(&[], RUN), printed, "{}", backend.display());
    }
}

/// The same of two modules in one memory, which share the state.
const RUN_SHARED: &str = r#"
    import { Suspending } from "support/asyncify.mjs";
    import { Program } from "support/dylink.mjs";
    import { readFileSync } from "node:fs";
    const suspending = new Suspending();
    const program = new Program({ host: { host_wait: suspending.wait } });
    program.load(["async1.wasm", "async2.wasm"].map((file) => readFileSync(file)));
    const sum = await suspending.run(program.modules[0].exports, program.memory, 20);
    console.log(`${suspending.waits.sort()}: ${sum}`);
"#;

#[test]
fn functions_of_two_libraries_in_one_memory_suspend_together() {
    let work = Work::new();
    let pic = ["-fPIC", "-fdata-sections"];
    let first = C.replace("waited = host_wait(n)", "waited = other(n)");
    let first = first.replace("extern int host_wait", "extern int other(int), host_wait");
    // The other library waits in its own entry.
    let second = C
        .replace(
            "int run(int n) {",
            "__attribute__((visibility(\"default\"))) int other(int n) {",
        )
        .replace("export_name(\"run\")", "used")
        .replace("export_name(\"room\")", "used");
    let first = work.c_with("first", &first, &pic);
    let second = work.c_with("second", &second, &pic);
    let flags = ["-O1", "--pass-arg=asyncify-import-globals"];
    for (object, name) in [(first, "async1.wasm"), (second, "async2.wasm")] {
        let words = args!["--experimental-pic", "-shared", "--allow-undefined", object];
        let linked = work.link(words);
        linked.module();
        asyncify_to(&work, &linked.output, name, &flags);
    }
    let other = (1020 + 1) + 2 * 100 * 20;
    let sum = (other + 1) + 2 * 100 * 20;
    assert_eq!(work.node(&[], RUN_SHARED), format!("20: {sum}\n"));
}
