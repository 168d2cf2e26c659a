//! Runs `cargo build` with a manifest, and finds the modules that it links.

use super::cargo::{Configuration, is_on_path, is_ours, variable_of};
use super::cargo_options::CargoOptions;
use super::doctor::our_linker;
use super::{FAINT, for_terminal, init};
use anstream::eprintln;
use cargo_metadata::{Artifact, Message};
use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use wasm_section_ld::error::{Error, Result, os_message};
use wasm_section_manifest::CUSTOM_SECTION;
use wasmparser::{Parser, Payload};

/// Makes the linker write a manifest. Cargo does not see it, so it compiles nothing again.
const MANIFEST: &str = "WASM_SECTION_LD_MANIFEST";
/// The directory beside a module for what is made of it.
const DIRECTORY: &str = "wasm-sections";

/// A module that cargo has linked.
pub struct Linked {
    /// Its path.
    pub path: PathBuf,
    /// The module as it was when it was last shown.
    pub last: Option<Vec<u8>>,
    /// The linkers of the build.
    linkers: String,
    /// Whether cargo had linked it before.
    fresh: bool,
}

/// The result of a build.
pub enum Outcome {
    /// The modules. There is at least one.
    Linked(Vec<Linked>),
    /// Cargo failed, and has said why.
    Failed(ExitStatus),
}

/// A build.
pub struct Build<'o> {
    options: &'o CargoOptions,
    /// Further arguments and variables for cargo.
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    /// The linker of each target, or the options that may set them.
    linkers: String,
}

impl<'o> Build<'o> {
    /// A build for the targets of the options or of cargo's configuration.
    ///
    /// # Errors
    /// A target is not a wasm target, its linker cannot be found, or the configuration cannot be read.
    pub fn new(options: &'o CargoOptions) -> Result<Self> {
        let current = std::env::current_dir().map_err(|error| {
            Error::new(format!(
                "cannot find the current directory: {}",
                os_message(&error)
            ))
        })?;
        let configuration = Configuration::read(&current)?;
        let mut build = Self {
            options,
            arguments: Vec::new(),
            variables: vec![(MANIFEST.to_owned(), "1".into())],
            linkers: String::new(),
        };
        let given: Vec<_> = options
            .values("target")
            .map(|target| target.to_string_lossy().into_owned())
            .collect();
        if let Some(other) = given.iter().find(|target| !is_wasm(target)) {
            return Err(Error::new(format!("{other} is not a wasm target")).note(
                "only modules have link sections: pass a target such as wasm32-unknown-unknown",
            ));
        }
        let targets = match given.as_slice() {
            [] => {
                let targets = configuration.wasm_targets();
                let arguments = targets
                    .iter()
                    .map(|target| format!("--target={target}").into());
                build.arguments.extend(arguments);
                targets
            }
            given => given.to_vec(),
        };
        let overridden = options.values("config").any(|value| {
            let value = value.to_string_lossy();
            value.contains("linker") || !value.contains('=')
        });
        if !overridden {
            for target in &targets {
                build.set_linker(target, &configuration, &current)?;
            }
        }
        Ok(build)
    }

    /// Makes cargo use wasm-section-ld, if its configuration names no linker for the target.
    fn set_linker(
        &mut self,
        target: &str,
        configuration: &Configuration,
        current: &Path,
    ) -> Result<()> {
        match configuration.effective_linker(target) {
            Some((by, linker)) if !is_ours(&linker) => {
                self.linkers += &linker;
                self.note(&format!(
                    "{by} sets {linker} as the linker of {target}: without wasm-section-ld there is no manifest"
                ));
            }
            Some((by, linker)) => {
                // Without a directory, rustc searches PATH.
                self.linkers += &linker;
                if !linker.contains(['/', '\\']) && !is_on_path(&linker) {
                    let set = format!("{by} sets it as the linker of {target}");
                    let found = our_linker().map_err(|error| error.note(set))?;
                    self.add_to_path(&found)?;
                }
            }
            None => {
                let linker = our_linker()?;
                self.note(&format!(
                    "no linker is set for {target}: {} is used for this build; `wasm-sections init` sets it in {}",
                    linker.display(),
                    init::config(current).display(),
                ));
                self.linkers += &linker.to_string_lossy();
                let variable = variable_of(target, "LINKER");
                self.variables.push((variable, linker.into()));
            }
        }
        Ok(())
    }

    /// The modules of an artifact. What cargo links for another package only is in the directory `deps`, as tests are.
    fn modules_of(&self, artifact: &Artifact) -> impl Iterator<Item = Linked> {
        let files = artifact.filenames.iter().filter(|file| {
            let directory = file.parent().and_then(|directory| directory.file_name());
            file.extension() == Some("wasm") && (directory != Some("deps") || artifact.profile.test)
        });
        files.map(move |file| {
            let path = file.as_std_path().to_owned();
            let last = std::fs::read(beside(&path, "wasm")).ok();
            let fresh = artifact.fresh;
            Linked {
                path,
                last,
                linkers: self.linkers.clone(),
                fresh,
            }
        })
    }

    /// Prints a note on standard error.
    fn note(&self, text: &str) {
        if !self.options.has("quiet") {
            eprintln!(
                "{}",
                for_terminal(&format!("{FAINT}wasm-sections: {text}{FAINT:#}"))
            );
        }
    }

    /// Adds the directory of a program to PATH.
    fn add_to_path(&mut self, program: &Path) -> Result<()> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = program.parent().map(Path::to_path_buf);
        let directories = std::env::split_paths(&path).chain(own);
        let joined =
            std::env::join_paths(directories).map_err(|error| Error::new(error.to_string()))?;
        self.variables.push(("PATH".to_owned(), joined));
        Ok(())
    }

    /// Builds, and links again what was linked without a manifest.
    ///
    /// # Errors
    /// Cargo cannot be run, a module cannot be read, or nothing is linked.
    pub fn run(&self) -> Result<Outcome> {
        let modules = match self.cargo()? {
            Outcome::Linked(modules) => modules,
            failed => return Ok(failed),
        };
        let mut again = false;
        for module in modules.iter().filter(|module| module.fresh) {
            again |= module.forget_without_manifest()?;
        }
        match again {
            true => self.cargo(),
            false => Ok(Outcome::Linked(modules)),
        }
    }

    fn cargo(&self) -> Result<Outcome> {
        // Cargo sets the variable for its subcommands.
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let failed = |error: std::io::Error| {
            Error::new(format!("cannot run cargo: {}", os_message(&error)))
                .note("the variable CARGO or PATH has to name it")
        };
        let mut cargo = Command::new(program)
            .args(["build", "--message-format=json-render-diagnostics"])
            .args(self.options.arguments())
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut artifacts = Vec::new();
        let output = cargo.stdout.take().map(BufReader::new);
        for message in output.into_iter().flat_map(Message::parse_stream) {
            match message.map_err(failed)? {
                Message::CompilerArtifact(artifact) => artifacts.push(artifact),
                // What a build script or a procedural macro prints.
                Message::TextLine(line) => eprintln!("{line}"),
                _ => {}
            }
        }
        let status = cargo.wait().map_err(failed)?;
        if !status.success() {
            return Ok(Outcome::Failed(status));
        }
        let modules = artifacts
            .iter()
            .flat_map(|artifact| self.modules_of(artifact));
        let mut modules: Vec<_> = modules.collect();
        modules.dedup_by(|one, other| one.path == other.path);
        if modules.is_empty() {
            return Err(nothing_linked(&artifacts));
        }
        Ok(Outcome::Linked(modules))
    }
}

fn nothing_linked(artifacts: &[Artifact]) -> Error {
    let mut libraries = artifacts
        .iter()
        .filter(|artifact| !artifact.target.is_proc_macro());
    let name = libraries
        .next_back()
        .map(|artifact| artifact.target.name.clone());
    let which = name.map_or_else(String::new, |name| format!(" of {name}"));
    Error::new(format!(
        "cargo has linked no module{which}: there is no binary and no cdylib"
    ))
    .note("add `crate-type = [\"cdylib\"]` to [lib] in Cargo.toml, or choose a package with -p")
    .note("--examples and --example NAME build examples")
}

/// The file `NAME.SUFFIX` in the directory for what is made of a module.
fn beside(module: &Path, suffix: &str) -> PathBuf {
    let name = module.file_name().unwrap_or_default();
    let directory = module.with_file_name(DIRECTORY);
    directory.join(name).with_extension(suffix)
}

impl Linked {
    /// The file for a page about it.
    pub fn page(&self) -> PathBuf {
        beside(&self.path, "html")
    }

    /// Keeps the module, to be compared with the next one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self) -> Result<()> {
        let copy = beside(&self.path, "wasm");
        let kept = std::fs::create_dir_all(self.path.with_file_name(DIRECTORY))
            .and_then(|()| std::fs::copy(&self.path, &copy))
            .and_then(|_| std::fs::write(beside(&self.path, "linkers"), &self.linkers));
        kept.map_err(|error| {
            Error::new(format!(
                "cannot write {}: {}",
                copy.display(),
                os_message(&error)
            ))
        })
    }

    /// Removes a module that has no manifest, so that cargo links it again. A module that this command has linked with
    /// the same linker has nothing that a manifest could list.
    fn forget_without_manifest(&self) -> Result<bool> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| {
                Error::new(format!("cannot read the file: {}", os_message(&error)))
                    .in_file(path.display())
            })
        };
        let bytes = read(&self.path)?;
        let linkers = std::fs::read_to_string(beside(&self.path, "linkers"));
        let is_as_before = linkers.is_ok_and(|linkers| linkers == self.linkers);
        if has_manifest(&bytes) || (is_as_before && self.last.as_ref() == Some(&bytes)) {
            return Ok(false);
        }
        // Cargo compares the time of its own copy, which has a hash in its name.
        let directory = self.path.parent().unwrap_or(Path::new("."));
        for directory in [directory.to_path_buf(), directory.join("deps")] {
            for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = file.path();
                let is_module = path
                    .extension()
                    .is_some_and(|extension| extension == "wasm");
                let is_as_long = || {
                    file.metadata()
                        .is_ok_and(|it| it.len() == bytes.len() as u64)
                };
                if is_module && is_as_long() && read(&path)? == bytes {
                    std::fs::remove_file(&path).map_err(|error| {
                        Error::new(format!("cannot remove the file: {}", os_message(&error)))
                            .in_file(path.display())
                    })?;
                }
            }
        }
        Ok(true)
    }
}

fn has_manifest(bytes: &[u8]) -> bool {
    let mut payloads = Parser::new(0).parse_all(bytes);
    payloads.any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name() == CUSTOM_SECTION)
    })
}

fn is_wasm(target: &str) -> bool {
    let stem = Path::new(target).file_stem();
    stem.is_some_and(|stem| stem.to_string_lossy().starts_with("wasm"))
}
