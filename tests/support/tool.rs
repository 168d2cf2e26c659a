//! Runs `wasm-sections`.

use super::{Work, linker, reading, tool};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The result of a run.
pub struct Said {
    /// The exit status: 0, 1 or 2.
    pub status: i32,
    /// The standard output.
    pub text: String,
    /// The standard error.
    pub errors: String,
}

impl Said {
    /// The JSON output. The command must not have reported errors.
    pub fn json(&self) -> Value {
        assert_eq!(self.errors, "");
        serde_json::from_str(&self.text).expect("JSON")
    }
}

/// The program of `crates/wasm-sections`, built by the first test that needs it.
///
/// Cargo builds only the programs of the tests' own package. So this runs Cargo again, and the program is never
/// older than its sources. It uses the target directory and the profile of the linker.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = linker().parent().expect("a directory");
        let profile = match directory.file_name().and_then(OsStr::to_str) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("the linker is not in a profile directory: {directory:?}"),
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
            let is_program = message["target"]["name"] == "wasm-sections";
            message["executable"]
                .as_str()
                .filter(|_| is_program)
                .map(PathBuf::from)
        });
        programs
            .next()
            .expect("the path of the program in the messages of cargo")
    })
}

/// A command for the program, in the directory of a test.
pub fn wasm_sections(work: &Work) -> Command {
    let mut command = Command::new(program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = linker().parent().map(Path::to_path_buf);
    let directories = own.into_iter().chain(std::env::split_paths(&path));
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

/// Runs a command, which must not end by a signal.
pub fn said(command: &mut Command) -> Said {
    let output = command.output().expect("a program that can be run");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Said {
        status: output.status.code().expect("an exit status"),
        text: text(&output.stdout),
        errors: text(&output.stderr),
    }
}

impl Work {
    /// Runs `wasm-sections` in this directory.
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
