//! The linker that re-encodes every input (`tests/programs/reencode.rs`).

use super::linker;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds the re-encoding linker next to our linker, unless it is up to date. It is an example of the package,
/// so `cargo install` does not install it, and Cargo does not build it for these tests.
pub fn reencoder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = linker().parent().expect("a directory of the target");
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("{} is not in a profile directory", directory.display()),
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
