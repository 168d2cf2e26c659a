//! The linker that encodes every input anew (`tests/programs/reencode.rs`).

use super::linker;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds it beside our linker, unless it is there and up to date. It is an example of the package, so
/// that nobody installs it, and Cargo builds examples for a test only if told.
pub fn reencoder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = linker().parent().expect("a directory of the target");
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!(
                "{} is not in the directory of a profile",
                directory.display()
            ),
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--example", "reencode"])
            .args(["--profile", profile, "--target-dir"])
            .arg(directory.parent().expect("a target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo").success(), "reencode cannot be built");
        directory.join("examples").join("reencode")
    })
}
