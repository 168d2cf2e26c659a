//! `cargo wasm-sections`: see the crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasm_sections::cargo_main()
}
