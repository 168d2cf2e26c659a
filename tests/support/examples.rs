//! Examples that a script of their own builds.

use super::{Work, linker, setting, tool};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of an example.
pub fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples").join(name)
}

impl Work {
    /// Runs `build.sh` of an example in this directory, with our linker and this backend. It must print no
    /// warning.
    pub fn build_example(&self, name: &str, argument: impl AsRef<OsStr>, backend: &Path) {
        let flags = match setting("WSL_SYSROOT") {
            "" => String::new(),
            sysroot => format!("--sysroot={sysroot}"),
        };
        let output = Command::new(example(name).join("build.sh"))
            .arg(argument)
            .current_dir(self.path())
            .env("CLANG", tool("WSL_CLANG"))
            .env("AR", tool("WSL_AR"))
            .env("RUSTC", tool("WSL_RUSTC"))
            .env("RUSTFLAGS", flags)
            .env("LINKER", linker())
            .env("WASM_OPT", tool("WSL_WASM_OPT"))
            .env("WASM_TOOLS", tool("WSL_WASM_TOOLS"))
            .env("WASI_HEADERS", setting("WSL_WASI_HEADERS"))
            .env("WASI_LIB", setting("WSL_WASI_LIBC"))
            .env("WASM_SECTION_LD_LINKER", backend)
            .output()
            .expect("a shell");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {message}", backend.display());
        assert!(message.is_empty(), "{}: {message}", backend.display());
    }
}
