//! Registrations of crates with linkme and inventory, built by cargo with our linker.

use crate::instance::Instance;
use crate::support::{WASM, Work, linker, root, said, temporary, toolchain};
use std::fs;

/// Builds tests/fixtures/names. Its crates come from where cargo's configuration says; `ci/windows` has vendored
/// them.
#[test]
fn linkme_and_inventory() {
    let work = Work::for_host();
    // It stays, so that cargo builds the macros once.
    let target = temporary().join("names of crates");
    let directory = target.join(WASM).join("debug");
    // Cargo does not notice that our linker has changed: without the module it links again.
    for module in [directory.join("app.wasm"), directory.join(r"deps\app.wasm")] {
        let _ = fs::remove_file(module);
    }
    let cargo = toolchain().join(r"bin\cargo.exe");
    let mut command = work.command(cargo);
    let manifest = root().join(r"tests\fixtures\names\Cargo.toml");
    // Those of the cargo that runs this test are for another system, if it runs in Wine.
    let is_setting = |name: &str| ["CARGO", "RUST"].iter().any(|of| name.starts_with(of));
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
        .args(["build", "--locked", "--target", WASM, "--package", "app"])
        .arg("--manifest-path")
        .arg(manifest)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker())
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTC", toolchain().join(r"bin\rustc.exe"));
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(variable);
    }
    // Cargo on the system that runs Wine has a home of its own.
    if let Some(home) = std::env::var_os("WSL_CARGO_HOME") {
        command.env("CARGO_HOME", home);
    }
    let built = said(&mut command);
    assert_eq!(built.status, 0, "{}", built.stderr);
    work.has_no_temporaries();
    let module = fs::read(directory.join("app.wasm")).expect("a module");
    let mut instance = Instance::new(&module);
    // Four sides and two aliases of a square of 5, three numbers, and four limits.
    let limits = 1000 + 2000 + 1 + 2;
    assert_eq!(
        instance.call("sum", &[]),
        5 * 5 * 4 + 2 + (1 + 2 + 3) + limits
    );
    assert_ne!(instance.call("run", &[1]), instance.call("run", &[2]));
}
