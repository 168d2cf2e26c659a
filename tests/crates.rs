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

fn reactor(target: &str) -> Vec<u8> {
    let module = CRATES.built(target, "release", "reactor.wasm");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&module, &module.with_file_name("deps/reactor.wasm")] {
        let _ = std::fs::remove_file(file);
    }
    CRATES.run([
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

/// Not one function of the module was put there to be run before another one.
#[test]
fn nothing_runs_before_main() {
    for target in ["wasm32-unknown-unknown", "wasm32v1-none"] {
        let module = reactor(target);
        let names = function_names(&module);
        assert!(
            !names.iter().any(|name| name.contains("ctors")),
            "{names:?}"
        );
        let mut instance = Instance::new(&module);
        for _ in 0..3 {
            assert_eq!(instance.call("sum", &[]), 7);
            assert_eq!(instance.call("run", &[0]), 11);
            assert_eq!(instance.call("nothing", &[]), 0);
        }
        assert!(!contains(&module, "this text of a dead registration"));
        assert!(!contains(&module, "__link_section__"), "marks are exported");
    }
}

/// What two declarations of one slice come down to. Crates that are the same for the compiler do not
/// come to be in one program, so there is no program with cargo to show it.
#[test]
fn two_declarations_of_a_slice_are_refused() {
    let work = Work::new();
    let mut rust = Rust::new::<&str>(&work, &[]);
    let declaration = r#"
        #[used]
        #[unsafe(export_name = "__link_section__linkme_X_0$$declaration")]
        static EMPTY: [u32; 0] = [];
    "#;
    rust.rlib("a", declaration);
    rust.rlib("b", declaration);
    let linked = rust.program("program", "extern crate a; extern crate b;");
    assert_ne!(linked.status, Some(0));
    let message = linked.stderr;
    assert!(
        message.contains("__link_section__linkme_X_0$$declaration"),
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
