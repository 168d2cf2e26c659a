//! The promises on Windows: response files, paths, command lines, interrupts and temporary files.
//!
//! `ci/windows` builds these tests for Windows and runs them in Wine. On Windows, `cargo test --test windows` runs
//! them; they need rustup's toolchain with `wasm32-unknown-unknown`.

#![cfg(windows)]
// Helpers of tests are tests too: what they do not expect is a failed test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../support/instance.rs"]
mod instance;
mod support;

mod backends;
mod crates;
mod files;
mod interrupts;
mod lines;
mod messages;
mod paths;
mod tool;
