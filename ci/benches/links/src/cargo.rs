//! The link of a program that cargo builds.

use crate::capture;
use crate::{Result, Setup};
use std::path::Path;
use std::process::Command;

/// How cargo builds it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `cargo build`.
    Dev,
    /// `cargo build --release`.
    Release,
}

/// Builds the workspace in a directory, with this stand-in for the linker, and returns the words of the link, without
/// the output. What was linked before is not built again.
pub fn link(setup: &Setup, workspace: &Path, profile: Profile) -> Result<Vec<String>> {
    let profile = match profile {
        Profile::Dev => "dev",
        Profile::Release => "release",
    };
    let captured = workspace.join(format!("link-{profile}"));
    if !captured.join("words").is_file() {
        let mut cargo = Command::new(&setup.cargo);
        cargo
            .current_dir(workspace)
            .args(["build", "--quiet", "--profile", profile])
            .args(["--target", "wasm32-unknown-unknown"])
            .env("RUSTC", &setup.rustc)
            .env("CARGO_TARGET_DIR", workspace.join("target"))
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                std::env::current_exe()?,
            )
            .env(capture::VARIABLE, &captured);
        if let Some(sysroot) = &setup.sysroot {
            cargo.env("RUSTFLAGS", format!("--sysroot={}", sysroot.display()));
        }
        let output = cargo.output()?;
        if !output.status.success() {
            return Err(format!("{cargo:?}\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    capture::words(&captured)
}
