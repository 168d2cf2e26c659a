//! Code that counts where it has been: coverage and sanitizers have sections of their own, which are
//! left as they are, and what is reached through an array is counted.

use crate::args;
use crate::support::module::{custom_section, custom_sections};
use crate::support::workspace::{Workspace, root};
use crate::support::{Instance, Rust, Work, linkers, setting, tool};
use std::fs;
use std::path::Path;

const ENTRIES: &str = r#"
    int twice(int n) { return n > 100 ? 0 : 2 * n; }
    int never(int n) { return n; }
    int (*const c)(int) __asm__("__link_section__CALLS$$c") = twice;
"#;

const READER: &str = r#"
    extern int (*const __start_CALLS[])(int), (*const __stop_CALLS[])(int);
    __attribute__((export_name("sum"))) int sum(int n) {
        int s = 0;
        for (int (*const *c)(int) = __start_CALLS; c < __stop_CALLS; c++) s += (*c)(n);
        return s;
    }
"#;

/// Of each function of a profile, how often it was called.
fn counts(work: &Work, profile: &Path) -> String {
    let merged = work.file("merged.profdata");
    work.run(tool("WSL_PROFDATA"), args!["merge", profile, "-o", merged]);
    work.run(
        tool("WSL_PROFDATA"),
        args!["show", "--all-functions", merged],
    )
}

/// The count in what `llvm-profdata` shows of a function.
fn count(shown: &str, function: &str) -> u32 {
    let (_, rest) = shown
        .split_once(&format!("{function}:\n"))
        .unwrap_or_else(|| panic!("no {function} in {shown}"));
    let (_, rest) = rest.split_once("Function count: ").expect("a count");
    rest.lines().next().expect("it").parse().expect("a number")
}

#[cfg(unix)]
#[test]
fn coverage_of_rust_and_c() {
    let work = Work::new();
    let flags = ["-fprofile-instr-generate", "-fcoverage-mapping"];
    let entries = work.c_with("entries", ENTRIES, &flags);
    // The crate that has the runtime looks for this name.
    fs::create_dir(work.file("bin")).expect("a directory");
    std::os::unix::fs::symlink(tool("WSL_CLANG"), work.file("bin/clang")).expect("a symlink");
    let path = std::env::var_os("PATH").expect("PATH");
    let path = std::env::join_paths(
        [work.file("bin")]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    );
    let mut flags = vec![
        "-Cinstrument-coverage".to_owned(),
        // There is no such runtime for WebAssembly; and that is said by an unstable option.
        "-Zno-profiler-runtime".to_owned(),
        format!("-Clink-arg={}", entries.display()),
    ];
    let sysroot = setting("WSL_SYSROOT");
    if !sysroot.is_empty() {
        flags.push(format!("--sysroot={sysroot}"));
    }
    let target = "wasm32-unknown-unknown";
    let workspace = Workspace::new(root().join("tests/fixtures/coverage"), "coverage");
    let mut command = workspace.cargo(["build", "--locked", "--target", target]);
    let output = command
        .env("PATH", path.expect("no separators"))
        .env("AR_wasm32_unknown_unknown", tool("WSL_AR"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .expect("a cargo that runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let module = fs::read(workspace.built(target, "debug", "coverage.wasm")).expect("a module");
    let mut instance = Instance::new(&module);
    assert_eq!(instance.call("sum", &[5]), 6 + 10);
    assert_eq!(instance.call("sum", &[200]), 200);
    let counted = instance.call("counted", &[]) as u32;
    let (start, length) = (instance.word(counted), instance.word(counted + 4));
    let profile = work.write("profile.profraw", instance.bytes(start, length));
    let shown = counts(&work, &profile);
    assert_eq!(count(&shown, "twice"), 2);
    assert_eq!(count(&shown, "never"), 0);
    let (_, add_one) = shown.split_once("add_one").expect("the function in Rust");
    assert_eq!(count(&format!("add_one{}", add_one), "add_one"), 2);
    // What maps counters to sources is for tools that read the module.
    for name in ["__llvm_covfun", "__llvm_covmap"] {
        assert!(!custom_section(&module, name).is_empty());
    }
}

/// Nothing of what instruments the code is different with entries in the program.
#[test]
fn coverage_maps_are_the_backends_own() {
    let work = Work::new();
    let flags = ["-fprofile-instr-generate", "-fcoverage-mapping"];
    let inputs = args![
        work.c_with("entries", ENTRIES, &flags),
        work.c_with("reader", READER, &flags),
        "--no-entry",
        "--unresolved-symbols=ignore-all",
    ];
    for backend in linkers() {
        let ours = work.link_with(&backend, &inputs).silent();
        let theirs = work.plain_link(&backend, &inputs).module();
        let maps = |module: &[u8]| {
            let sections = custom_sections(module).into_iter();
            sections
                .filter(|(name, _)| name.starts_with("__llvm"))
                .collect::<Vec<_>>()
        };
        assert_eq!(maps(&ours), maps(&theirs));
        assert!(maps(&ours).len() >= 2);
    }
}

/// The hooks that a fuzzer has: what ranges they are given, and how often code says where it is.
const HOOKS: &str = r#"
    #include <stdint.h>
    static uint32_t *first, *last, hits;
    static char *counters, *end;
    void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop) {
        first = start, last = stop;
        for (uint32_t n = 0; start + n < stop; n++) start[n] = n + 1;
    }
    void __sanitizer_cov_trace_pc_guard(uint32_t *guard) {
        if (guard >= first && guard < last) hits++;
    }
    void __sanitizer_cov_8bit_counters_init(char *start, char *stop) { counters = start, end = stop; }
    __attribute__((export_name("guards"))) int guards(void) { return last - first; }
    __attribute__((export_name("hits"))) int hit(void) { return hits; }
    __attribute__((export_name("counted"))) int counted(void) {
        int sum = 0;
        for (char *c = counters; c < end; c++) sum += *c;
        return sum;
    }
    __attribute__((export_name("counters"))) int all(void) { return end - counters; }
"#;

#[test]
fn sanitizer_coverage_of_c() {
    let flags = [
        "-fsanitize-coverage=trace-pc-guard,inline-8bit-counters",
        "-ffreestanding",
    ];
    for compiler in ["WSL_CLANG", "WSL_CLANG_19", "WSL_CLANG_OLD"] {
        let work = Work::new();
        let compile = |name: &str, source: &str, flags: &[&str]| {
            work.compile(compiler, name, "c", source, flags)
        };
        let words = args![
            compile("entries", ENTRIES, &flags),
            compile("reader", READER, &flags),
            compile("hooks", HOOKS, &flags[1..]),
            "--no-entry",
            "--export=__wasm_call_ctors",
        ];
        for backend in linkers() {
            let mut instance = Instance::new(&work.link_with(&backend, &words).silent());
            instance.call("__wasm_call_ctors", &[]);
            let [guards, counters] = ["guards", "counters"].map(|name| instance.call(name, &[]));
            // Three functions have one guard each, and some have more; and as many counters.
            assert!(guards >= 3 && counters == guards, "{guards} {counters}");
            assert_eq!(instance.call("sum", &[5]), 10);
            let hits = instance.call("hits", &[]);
            assert!(hits >= 2, "{hits}");
            assert_eq!(instance.call("counted", &[]), hits);
        }
    }
}

#[test]
fn sanitizer_coverage_of_rust() {
    let work = Work::new();
    let hooks = work.c_with("hooks", HOOKS, &["-ffreestanding"]);
    let instrumented = [
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=3",
        "-Cllvm-args=-sanitizer-coverage-trace-pc-guard",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    ];
    let mut rust = Rust::new(&work, &instrumented);
    rust.rlib(
        "plugin",
        r#"
        #![no_std]
        pub mod __link_section__CALLS { #[used] static A: fn(i32) -> i32 = super::add; }
        fn add(n: i32) -> i32 { if n > 100 { n } else { n + 1 } }
        "#,
    );
    let rust = rust.with(&[
        format!("-Clink-arg={}", hooks.display()),
        "-Clink-arg=--export=__wasm_call_ctors".to_owned(),
    ]);
    let mut instance = rust.instance(
        r#"
        extern crate plugin;
        type Call = fn(i32) -> i32;
        unsafe extern "C" { static __start_CALLS: [Call; 0]; static __stop_CALLS: [Call; 0]; }
        #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> i32 {
            let (start, stop) = (&raw const __start_CALLS, &raw const __stop_CALLS);
            let count = (stop.addr() - start.addr()) / 4;
            let calls = unsafe { core::slice::from_raw_parts(start.cast::<Call>(), count) };
            calls.iter().map(|call| call(n)).sum()
        }
        "#,
    );
    instance.call("__wasm_call_ctors", &[]);
    let [guards, counters] = ["guards", "counters"].map(|name| instance.call(name, &[]));
    assert!(guards >= 3 && counters == guards, "{guards} {counters}");
    assert_eq!(instance.call("sum", &[5]), 6);
    let hits = instance.call("hits", &[]);
    assert!(hits >= 2, "{hits}");
    assert_eq!(instance.call("counted", &[]), hits);
}
