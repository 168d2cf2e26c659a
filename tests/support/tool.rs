//! `wasm-sections`, run.

use super::{Work, linker, reading, tool};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What it did.
pub struct Said {
    /// The exit status: 0, 1 or 2.
    pub status: i32,
    /// What it printed.
    pub text: String,
    /// What it printed as errors.
    pub errors: String,
}

impl Said {
    /// What it printed as JSON, of a command that was asked for that.
    pub fn json(&self) -> Value {
        assert_eq!(self.errors, "");
        serde_json::from_str(&self.text).expect("JSON")
    }
}

/// The program of `crates/wasm-sections`, built by the first test that asks for it.
///
/// Cargo builds programs of the tests' own package only. Cargo is therefore called again, so that the
/// program is never older than its sources. It is built into the same directory and with the same profile as
/// the linker.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = linker().parent().expect("a directory");
        let profile = match directory.file_name().and_then(OsStr::to_str) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("the linker is not in a directory of a profile: {directory:?}"),
        };
        let target_directory = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let build = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--package=wasm-sections"])
            .args([
                "--message-format=json-render-diagnostics",
                "--profile",
                profile,
            ])
            .arg("--target-dir")
            .arg(target_directory.expect("a target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo");
        assert!(
            build.status.success(),
            "`cargo build --package wasm-sections` failed:\n{}",
            String::from_utf8_lossy(&build.stderr)
        );
        let messages = build.stdout.split(|&byte| byte == b'\n');
        let messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let mut programs = messages.filter_map(|message| {
            let is_it = message["target"]["name"] == "wasm-sections";
            message["executable"]
                .as_str()
                .filter(|_| is_it)
                .map(PathBuf::from)
        });
        programs
            .next()
            .expect("cargo names the program that it built")
    })
}

/// The program, in a directory of a test.
pub fn wasm_sections(work: &Work) -> Command {
    let mut command = Command::new(program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = linker().parent().map(Path::to_path_buf);
    let directories = beside.into_iter().chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(directories).expect("a path"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(work.path())
        .env("TMPDIR", work.file("tmp"))
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("CARGO_HOME", work.file("cargo-home"));
    command
}

/// What a command did, which may not crash.
pub fn said(command: &mut Command) -> Said {
    let output = command.output().expect("a program that runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Said {
        status: output.status.code().expect("no signal"),
        text: text(&output.stdout),
        errors: text(&output.stderr),
    }
}

impl Work {
    /// Runs `wasm-sections` here.
    pub fn sections<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        said(wasm_sections(self).args(arguments))
    }

    /// Links objects with a manifest to `NAME`, for a host that reads the section `read`.
    pub fn with_manifest(&self, name: &str, read: &str, objects: &[PathBuf]) -> PathBuf {
        let mut arguments = reading(read, objects);
        arguments.push("--section-manifest".into());
        let module = self.link(arguments).silent();
        self.write(name, module)
    }
}
