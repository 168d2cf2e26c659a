//! Programs in Rust as inputs: crates compiled one by one, and the words of their link.

use crate::capture;
use crate::{Result, Setup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that is made of crates.
pub struct Program<'a> {
    setup: &'a Setup,
    directory: PathBuf,
    flags: Vec<&'static str>,
    externs: Vec<String>,
}

impl<'a> Program<'a> {
    /// A program of this name, whose crates are compiled with `flags`.
    pub fn new(setup: &'a Setup, name: &str, flags: &[&'static str]) -> Result<Self> {
        let directory = setup.work.join(name);
        fs::create_dir_all(&directory)?;
        Ok(Self {
            setup,
            directory,
            flags: flags.to_vec(),
            externs: Vec::new(),
        })
    }

    /// Compiles a crate that those after it may use.
    pub fn library(&mut self, name: &str, source: &str) -> Result<()> {
        let rlib = self.directory.join(format!("lib{name}.rlib"));
        let file = self.source(name, source)?;
        if !is_newer(&rlib, &file) {
            let output = format!("-o{}", rlib.display());
            run(self.rustc(name, &file, "rlib").arg(output))?;
        }
        self.externs.push(name.to_owned());
        Ok(())
    }

    /// Compiles the program itself, and gives the words of its link without the output.
    pub fn link(&self, name: &str, source: &str) -> Result<Vec<String>> {
        let captured = self.directory.join(format!("{name}.link"));
        let file = self.source(name, source)?;
        if !is_newer(&captured.join("words"), &file) {
            let linker = std::env::current_exe()?;
            run(self
                .rustc(name, &file, "cdylib")
                .env(capture::VARIABLE, &captured)
                .arg(format!("-Clinker={}", linker.display()))
                .arg("-o")
                .arg(self.directory.join(format!("{name}.wasm"))))?;
        }
        capture::words(&captured)
    }

    /// Writes a source, if it is not there already.
    fn source(&self, name: &str, source: &str) -> Result<PathBuf> {
        let file = self.directory.join(format!("{name}.rs"));
        if fs::read(&file).ok().as_deref() != Some(source.as_bytes()) {
            fs::write(&file, source)?;
        }
        Ok(file)
    }

    fn rustc(&self, name: &str, file: &Path, kind: &str) -> Command {
        let mut rustc = Command::new(&self.setup.rustc);
        rustc
            .args([
                "--edition=2024",
                "--target=wasm32-unknown-unknown",
                "-Awarnings",
            ])
            .args(["--crate-name", name, "--crate-type", kind])
            .args(&self.flags)
            .arg(format!("-L{}", self.directory.display()))
            .arg(file);
        if let Some(sysroot) = &self.setup.sysroot {
            rustc.arg("--sysroot").arg(sysroot);
        }
        for library in &self.externs {
            let rlib = self.directory.join(format!("lib{library}.rlib"));
            rustc.arg(format!("--extern={library}={}", rlib.display()));
        }
        rustc
    }
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    matches!((modified(made), modified(source)), (Ok(made), Ok(source)) if made >= source)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}
