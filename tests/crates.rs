//! Our `linkme` and `inventory`: what programs of several crates may expect of them, on the host and
//! on wasm. See tests/fixtures/crates.

use crate::support::module::{contains, function_names};
use crate::support::workspace::{Outcomes, WASI, Workspace, root};
use crate::support::{Instance, Rust, Work};
use std::sync::LazyLock;

static CRATES: LazyLock<Workspace> =
    LazyLock::new(|| Workspace::new(root().join("tests/fixtures/crates"), "crates"));

fn check(outcomes: &Outcomes) {
    assert_eq!(outcomes.len(), 23, "{outcomes:#?}");
    assert!(
        outcomes.values().all(|outcome| outcome == "ok"),
        "{outcomes:#?}"
    );
}

#[test]
fn programs_work_on_the_host() {
    check(&CRATES.test(&["-p", "program"]));
}

#[test]
fn programs_work_on_wasm() {
    check(&CRATES.test(&["-p", "program", "--target", WASI]));
}

#[test]
fn programs_work_on_wasm_with_lto() {
    check(&CRATES.test(&["-p", "program", "--release", "--target", WASI]));
}

/// The mangling that is the default of compilers to come.
#[test]
fn programs_work_on_wasm_with_v0_names() {
    let flags = ["-Csymbol-mangling-version=v0"];
    let crates = Workspace::new(root().join("tests/fixtures/crates"), "crates-v0").with(&flags);
    check(&crates.test(&["-p", "program", "--target", WASI]));
    check(&crates.test(&["-p", "program", "--release", "--target", WASI]));
}

#[test]
fn modules_of_a_nightly_compiler() {
    let crates = Workspace::new(root().join("tests/fixtures/crates"), "crates-nightly");
    let crates = crates.by("WSL_RUSTC_NIGHTLY", "WSL_SYSROOT_NIGHTLY");
    called(&reactor(&crates, "wasm32-unknown-unknown"));
}

fn reactor(crates: &Workspace, target: &str) -> Vec<u8> {
    let module = crates.built(target, "release", "reactor.wasm");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&module, &module.with_file_name("deps/reactor.wasm")] {
        let _ = std::fs::remove_file(file);
    }
    crates.run([
        "build",
        "--locked",
        "--release",
        "-p",
        "reactor",
        "--target",
        target,
    ]);
    std::fs::read(module).expect("a module")
}

/// Calls all functions, more than once.
fn called(module: &[u8]) {
    let mut instance = Instance::new(module);
    for _ in 0..3 {
        assert_eq!(instance.call("sum", &[]), 7);
        assert_eq!(instance.call("run", &[0]), 11);
        assert_eq!(instance.call("nothing", &[]), 0);
        assert_eq!(instance.call("by_hand", &[]), 1);
    }
}

/// Not one function of the module was put there to be run before another one.
#[test]
fn nothing_runs_before_main() {
    for target in ["wasm32-unknown-unknown", "wasm32v1-none"] {
        let module = reactor(&CRATES, target);
        let names = function_names(&module);
        assert!(
            !names.iter().any(|name| name.contains("ctors")),
            "{names:?}"
        );
        called(&module);
        assert!(!contains(&module, "this text of a dead registration"));
        assert!(!contains(&module, "__link_section__"), "marks are exported");
    }
}

/// What two declarations of one slice come down to, in crates that are both linked. Crates that are the same
/// for the compiler do not come to be in one program, so there is no program with cargo to show it.
#[test]
fn two_declarations_of_a_slice_are_refused() {
    let work = Work::new();
    let mut rust = Rust::new::<&str>(&work, &[]);
    for name in ["a", "b"] {
        rust.rlib(
            name,
            &format!(
                r#"
                #[used]
                #[unsafe(export_name = "__link_section__linkme_X_0$$declaration")]
                static EMPTY: [u32; 0] = [];
                #[unsafe(no_mangle)]
                pub extern "C" fn length_{name}() -> usize {{ EMPTY.len() }}
                "#
            ),
        );
    }
    let uses = "extern crate a; extern crate b;
        #[unsafe(no_mangle)]
        pub extern \"C\" fn lengths() -> usize { a::length_a() + b::length_b() }";
    let linked = rust.program("program", uses);
    assert_ne!(linked.status, Some(0));
    let message = linked.stderr;
    assert!(
        message.contains("duplicate symbol: __link_section__linkme_X_0$$declaration"),
        "{message}"
    );
    assert!(
        message.contains("liba.rlib") && message.contains("libb.rlib"),
        "{message}"
    );
}

#[test]
fn another_linker_says_what_to_do() {
    let arguments = [
        "build",
        "--locked",
        "-p",
        "reactor",
        "--target",
        "wasm32-unknown-unknown",
    ];
    let mut command = CRATES.cargo(arguments);
    command.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
        crate::support::tool("WSL_WASM_LD"),
    );
    let output = command.output().expect("a cargo that runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        stderr.contains("unable to find library -llinker_must_be_wasm_section_ld"),
        "{stderr}"
    );
}
