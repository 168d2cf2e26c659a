//! Builds Rust crates directly with rustc. Without cargo, a build takes a fraction of a second.

use super::{Instance, Linked, Work, linker, setting, text, tool};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The target.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The flag that allows unstable options, such as legacy mangling since 1.96.
pub const UNSTABLE: &str = "-Zunstable-options";

/// Crates that are built with the same flags. Each crate depends on the previous ones.
#[derive(Clone)]
pub struct Rust<'w> {
    work: &'w Work,
    flags: Vec<String>,
    crates: Vec<String>,
    nightly: bool,
}

/// rustc with the sysroot of the target, without warnings about the names of marks and about the declarations of
/// `__start_NAME`.
pub fn rustc() -> Command {
    rustc_of("WSL_RUSTC", "WSL_SYSROOT")
}

fn rustc_of(compiler: &str, sysroot: &str) -> Command {
    let mut command = Command::new(tool(compiler));
    let sysroot = setting(sysroot);
    if !sysroot.is_empty() {
        command.arg(format!("--sysroot={sysroot}"));
    }
    command
        .args(["--target", TARGET, "--edition=2024", "-Cpanic=abort"])
        .args(["-Anonstandard-style", "-Aimproper-ctypes"])
        .env_remove("RUSTC_BOOTSTRAP")
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
    command
}

/// The cargo of that rustc, without the variables that the cargo that runs the tests sets for its own build.
pub fn cargo() -> Command {
    let mut command = Command::new(tool("WSL_CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUST") {
            command.env_remove(&name);
        }
    }
    let sysroot = setting("WSL_SYSROOT");
    if !sysroot.is_empty() {
        command.env("CARGO_ENCODED_RUSTFLAGS", format!("--sysroot={sysroot}"));
    }
    command
        .env("RUSTC", tool("WSL_RUSTC"))
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
    command
}

impl<'w> Rust<'w> {
    /// No crates, with our linker and these flags.
    pub fn new<S: AsRef<str>>(work: &'w Work, flags: &[S]) -> Self {
        let rust = Self {
            work,
            flags: Vec::new(),
            crates: Vec::new(),
            nightly: false,
        };
        rust.with(flags)
    }

    /// The same with more flags for later builds.
    pub fn with<S: AsRef<str>>(&self, flags: &[S]) -> Self {
        let mut more = self.clone();
        let flags = flags.iter().map(|flag| flag.as_ref().to_owned());
        more.flags.extend(flags);
        more
    }

    /// The same with the nightly compiler, whose default is v0 mangling.
    pub fn nightly(&self) -> Self {
        let mut nightly = self.clone();
        nightly.nightly = true;
        nightly
    }

    /// Builds a library. It must compile without warnings.
    pub fn rlib(&mut self, name: &str, source: &str) -> PathBuf {
        let rlib = self.work.file(&format!("lib{name}.rlib"));
        let Output { status, stderr, .. } = self.rustc(name, "rlib", source);
        let stderr = text(&stderr);
        assert!(status.success() && stderr.is_empty(), "{name}: {stderr}");
        if !self.crates.iter().any(|known| known == name) {
            self.crates.push(name.to_owned());
        }
        rlib
    }

    /// Compiles a library to an object. It must compile without warnings.
    pub fn object(&self, name: &str, source: &str) -> PathBuf {
        let flags = ["--emit=obj", "-Ccodegen-units=1"];
        let Output { status, stderr, .. } = self.with(&flags).rustc(name, "rlib", source);
        let stderr = text(&stderr);
        assert!(status.success() && stderr.is_empty(), "{name}: {stderr}");
        self.work.file(&format!("{name}.o"))
    }

    /// Builds and links a program to `NAME.wasm`. rustc shows the messages of the linker as warnings.
    pub fn program(&self, name: &str, source: &str) -> Linked {
        let output = self.work.file(&format!("{name}.wasm"));
        let built = self.rustc(name, "cdylib", source);
        Linked {
            status: built.status.code(),
            stdout: text(&built.stdout),
            stderr: text(&built.stderr),
            output,
        }
    }

    /// Builds a program and instantiates it. It must build without warnings.
    pub fn instance(&self, source: &str) -> Instance {
        Instance::new(&self.program("program", source).silent())
    }

    fn rustc(&self, name: &str, kind: &str, source: &str) -> Output {
        let mut command = match self.nightly {
            true => rustc_of("WSL_RUSTC_NIGHTLY", "WSL_SYSROOT_NIGHTLY"),
            false => rustc(),
        };
        command
            .args(["--crate-type", kind, "--crate-name", name])
            .arg(self.work.write(&format!("{name}.rs"), source))
            .arg("-L")
            .arg(self.work.path())
            // As in cargo. With `-o`, LTO keeps the original objects of the crates on the command line.
            .arg("--out-dir")
            .arg(self.work.path())
            .current_dir(self.work.path());
        for library in &self.crates {
            command.args(["--extern", library]);
        }
        if kind == "cdylib" {
            command
                .arg(format!("-Clinker={}", linker().display()))
                .args(["-Clinker-flavor=wasm-ld", "-Wlinker-messages"]);
        }
        command.args(&self.flags);
        if self.flags.iter().any(|flag| flag == UNSTABLE) {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command.output().expect("a rustc that can be run")
    }
}
