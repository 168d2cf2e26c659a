//! Finds out how the compiler wants unsafe attributes and extern blocks to be written, and whether it
//! knows Cygwin.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Nothing is known of a compiler that does not say its version; today's know both.
    let minor = minor_version().unwrap_or(u32::MAX);
    if minor >= 80 {
        println!("cargo:rustc-check-cfg=cfg(plain_unsafe_items, no_cygwin)");
    }
    // `#[unsafe(…)]` and `unsafe extern` came with Rust 1.82; the 2024 edition demands them.
    if minor < 82 {
        println!("cargo:rustc-cfg=plain_unsafe_items");
    }
    // A target that the compiler does not know is an unexpected `cfg`, which is a warning.
    if minor < 86 {
        println!("cargo:rustc-cfg=no_cygwin");
    }
}

/// The 71 of `rustc 1.71.0 (8ede3aae2 2023-07-12)`.
fn minor_version() -> Option<u32> {
    let rustc = env::var_os("RUSTC")?;
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.split('.').nth(1)?.parse().ok()
}
