//! `linkme` from crates.io, unmodified, on `wasm32v1-none`: its elements are custom sections, and
//! those without pointers compile there.

use crate::support::rust::cargo;
use crate::support::{Instance, linker};
use std::path::Path;

/// Builds `tests/fixtures/linkme` with our linker. Cargo has the crate itself from crates.io.
fn build(profile: &str) -> Instance {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/tests/linkme");
    let directory = if profile == "dev" { "debug" } else { profile };
    let module = target
        .join("wasm32v1-none")
        .join(directory)
        .join("linkme_fixture.wasm");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&module, &module.with_file_name("deps/linkme_fixture.wasm")] {
        let _ = std::fs::remove_file(file);
    }
    let mut command = cargo();
    command
        .args(["build", "--quiet", "--locked", "--target", "wasm32v1-none"])
        .args(["--profile", profile])
        .current_dir(root.join("tests/fixtures/linkme"))
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_TARGET_WASM32V1_NONE_LINKER", linker());
    let output = command.output().expect("a cargo that runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    Instance::new(&std::fs::read(module).expect("a module"))
}

fn check(profile: &str) {
    let mut instance = build(profile);
    assert_eq!(instance.call("count", &[]), 3);
    assert_eq!(instance.call("sum", &[]), 321);
    assert_eq!(instance.call("none", &[]), 0);
}

#[test]
fn elements_without_pointers_are_in_the_slice() {
    // One after the other: they share a directory.
    check("dev");
    check("release");
}
