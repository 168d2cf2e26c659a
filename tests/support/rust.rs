//! Rust crates, built by rustc itself: no cargo, so that a build takes a fraction of a second.

use super::{Instance, Linked, Work, linker, setting, text, tool};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The target of all that is built here.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The flag that allows options that are not stable, such as legacy mangling since 1.96.
pub const UNSTABLE: &str = "-Zunstable-options";

/// Crates that are built with the same flags, each seeing those before it.
#[derive(Clone)]
pub struct Rust<'w> {
    work: &'w Work,
    flags: Vec<String>,
    crates: Vec<String>,
    nightly: bool,
}

/// rustc with the sysroot that has the target, quiet about the names of modules that are marks and
/// about the declarations of `__start_NAME`.
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

/// The cargo that goes with that rustc, without what the cargo that runs the tests leaves in the
/// environment for its own build.
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
    /// No crates yet, and our linker.
    pub fn new<S: AsRef<str>>(work: &'w Work, flags: &[S]) -> Self {
        let rust = Self {
            work,
            flags: Vec::new(),
            crates: Vec::new(),
            nightly: false,
        };
        rust.with(flags)
    }

    /// The same with more flags, for what is built from now on.
    pub fn with<S: AsRef<str>>(&self, flags: &[S]) -> Self {
        let mut more = self.clone();
        let flags = flags.iter().map(|flag| flag.as_ref().to_owned());
        more.flags.extend(flags);
        more
    }

    /// The same by a compiler that mangles by v0 unless it is told otherwise.
    pub fn nightly(&self) -> Self {
        let mut nightly = self.clone();
        nightly.nightly = true;
        nightly
    }

    /// Builds a library, which must go without a word.
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

    /// Compiles a library to an object, which must go without a word.
    pub fn object(&self, name: &str, source: &str) -> PathBuf {
        let flags = ["--emit=obj", "-Ccodegen-units=1"];
        let Output { status, stderr, .. } = self.with(&flags).rustc(name, "rlib", source);
        let stderr = text(&stderr);
        assert!(status.success() && stderr.is_empty(), "{name}: {stderr}");
        self.work.file(&format!("{name}.o"))
    }

    /// Builds and links a program, to `NAME.wasm`. What the linker prints comes as rustc's
    /// warnings.
    pub fn program(&self, name: &str, source: &str) -> Linked {
        let output = self.work.file(&format!("{name}.wasm"));
        let done = self.rustc(name, "cdylib", source);
        Linked {
            status: done.status.code(),
            stdout: text(&done.stdout),
            stderr: text(&done.stderr),
            output,
        }
    }

    /// Builds what must link without a word, and gives an instance of it.
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
            // As cargo does. With `-o`, LTO would leave the crates' first objects on the link line.
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
        command.output().expect("a rustc that runs")
    }
}
