//! `doctor`: is all there that a link needs? The answer is a link on trial.

use super::cargo::Configuration;
use super::module::Module;
use super::open::File;
use super::report::Report;
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show, init};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use wasm_section_ld::args::CommandLine;
use wasm_section_ld::backend::Backend;
use wasm_section_ld::error::{Error, Result, os_message};
use wasm_section_ld::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};

/// What to do about a linker that does not link.
const ANOTHER: &str = "name another linker by --linker, and for links by WASM_SECTION_LD_LINKER";

/// What is linked on trial.
const BYTES: [u8; 4] = *b"here";

/// What was looked at.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    state: State,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    /// Good to know, and nothing wrong.
    Note,
    Bad,
}

/// Looks.
///
/// # Errors
/// Nothing can be linked on trial, as there is no room for files.
pub fn doctor(linker: Option<&Path>) -> Result<Answer<Diagnosis>> {
    let mut checks = Vec::new();
    if let Some(program) = checked(&mut checks, "wasm-section-ld", our_linker()) {
        let backend = checked(&mut checks, "the linker that links", backend(linker));
        if let Some(backend) = backend {
            let test_link = TestLink::new(program, backend)?;
            checks.extend(test_link.checks());
        }
    }
    checks.extend(cargo());
    Ok(Answer {
        good: checks.iter().all(|check| check.state != State::Bad),
        shown: Diagnosis { checks },
    })
}

/// Adds a check of whether a program is there.
fn checked(checks: &mut Vec<Check>, what: &'static str, found: Result<PathBuf>) -> Option<PathBuf> {
    checks.push(match &found {
        Ok(path) => Check {
            what,
            state: State::Good,
            found: path.display().to_string(),
            advice: None,
        },
        Err(error) => Check {
            what,
            state: State::Bad,
            found: error.to_string(),
            advice: None,
        },
    });
    found.ok()
}

/// The linker that came with this program, or the one on PATH.
fn our_linker() -> Result<PathBuf> {
    let name = format!("wasm-section-ld{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|path| Some(path.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Nothing is run from the current directory.
    let on_path = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let directories = beside.into_iter().chain(on_path);
    let mut candidates = directories.map(|directory| directory.join(&name));
    candidates.find(|path| path.is_file()).ok_or_else(|| {
        Error::new("wasm-section-ld is neither in the directory of this program nor on PATH")
            .note("install it with `cargo install --path .` in its repository")
    })
}

fn backend(linker: Option<&Path>) -> Result<PathBuf> {
    let words = linker.map(|path| {
        let mut word = std::ffi::OsString::from("--section-linker=");
        word.push(path);
        word
    });
    let line = CommandLine::parse(words.into_iter().collect())?;
    Ok(Backend::find(&line)?.path)
}

/// Links on trial.
struct TestLink {
    program: PathBuf,
    backend: PathBuf,
    directory: TempDir,
}

impl TestLink {
    fn new(program: PathBuf, backend: PathBuf) -> Result<Self> {
        let directory = tempfile::tempdir().map_err(|error| {
            Error::new(format!(
                "cannot make a directory for a link on trial: {}",
                os_message(&error)
            ))
        })?;
        Ok(Self {
            program,
            backend,
            directory,
        })
    }

    fn checks(&self) -> Vec<Check> {
        if let Some(check) = self.not_wasm_ld() {
            return vec![check];
        }
        let mut checks = vec![self.versions()];
        checks.push(match self.link(false, &[]) {
            Ok(()) => Check {
                what: "a link on trial",
                state: State::Good,
                found: "an entry was gathered, and is in memory where the manifest says".to_owned(),
                advice: None,
            },
            Err(error) => Check {
                what: "a link on trial",
                state: State::Bad,
                found: error.to_string(),
                advice: Some(ANOTHER.to_owned()),
            },
        });
        let can = |what, linked: Result<()>| {
            let (state, found) = match linked {
                Ok(()) => (State::Good, "yes".to_owned()),
                Err(_) => (State::Note, "no".to_owned()),
            };
            Check {
                what,
                state,
                found,
                advice: None,
            }
        };
        checks.push(can(
            "can it link for wasm64?",
            self.link(true, &["-mwasm64"]),
        ));
        let shared = ["-shared", "--experimental-pic"];
        checks.push(can(
            "can it link shared libraries?",
            self.link(false, &shared),
        ));
        checks
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut linker = std::ffi::OsString::from("--section-linker=");
        linker.push(&self.backend);
        let output = Command::new(&self.program)
            .arg(linker)
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Error::new(format!("it cannot be run: {}", os_message(&error))))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(said.trim_end().to_owned()))
    }

    /// What the program says of itself that is to link, if that is no linker for wasm.
    fn not_wasm_ld(&self) -> Option<Check> {
        let mut command = Command::new(&self.backend);
        command.arg("--version").stdin(Stdio::null());
        let output = command.output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let first = said.lines().find(|line| !line.trim().is_empty());
        let is_other = first.is_some_and(is_for_other_formats);
        let is_silent = first.is_none() && output.status.success();
        (is_other || is_silent).then(|| Check {
            what: "the linker that links",
            state: State::Bad,
            found: format!(
                "{} is no wasm-ld: {}",
                self.backend.display(),
                match first {
                    Some(first) => format!("it says of itself `{first}`"),
                    None => "it says nothing of itself".to_owned(),
                }
            ),
            advice: Some(ANOTHER.to_owned()),
        })
    }

    fn versions(&self) -> Check {
        let what = "versions";
        match self.run(&["--version"]) {
            Ok(said) => Check {
                what,
                state: State::Good,
                found: said.trim_end().replace('\n', ", "),
                advice: None,
            },
            Err(error) => Check {
                what,
                state: State::Bad,
                found: error.to_string(),
                advice: Some("this is no linker that says which version it is".to_owned()),
            },
        }
    }

    /// Links an object with one entry, and looks whether it is where it should be.
    fn link(&self, memory64: bool, more: &[&str]) -> Result<()> {
        let (object, output) = ("test.o", self.directory.path().join("test.wasm"));
        let written = std::fs::write(self.directory.path().join(object), test_object(memory64));
        written.map_err(|error| Error::new(format!("cannot write: {}", os_message(&error))))?;
        let own = [
            object,
            "--no-entry",
            "--export=__start_TEST",
            "--export=__stop_TEST",
            "--section-manifest",
            "-o",
            "test.wasm",
        ];
        self.run(&[&own[..], more].concat())?;
        let report = Report::of(&output)?;
        let mut sections = report.sections();
        let start = sections.find(|section| section.name == "TEST");
        let start = start.and_then(|section| section.start);
        let file = File::open(&output)?;
        for core in file.modules() {
            let module = Module::read(core)?;
            let bytes = start.and_then(|start| module.image.read(start, BYTES.len() as u64));
            if bytes.as_deref() == Some(&BYTES) {
                return Ok(());
            }
        }
        Err(Error::new("what was linked has no array with the entry"))
    }
}

/// Whether a program that says this of itself links, if anything, for other platforms than wasm.
fn is_for_other_formats(version: &str) -> bool {
    const OTHERS: [&str; 7] = [
        "GNU ld",
        "GNU gold",
        "gcc",
        "g++",
        "coreutils",
        "mold",
        // `ld.lld`; `wasm-ld` does not say so.
        "LLD",
    ];
    let is_elf = version.contains("compatible with GNU linkers");
    let is_wrapper = version.contains("Emscripten") || version.contains("Wild");
    let mut others = OTHERS.iter().filter(|&&other| other != "LLD" || is_elf);
    !is_wrapper && others.any(|other| version.contains(other))
}

/// An object with an entry of section TEST.
fn test_object(memory64: bool) -> Vec<u8> {
    let mut builder = Builder::new(memory64, memory64);
    let segment = builder.segment(".rodata.test".to_owned(), 0, 0, BYTES.to_vec());
    builder.symbol(SynthSymbol::Data {
        flags: SymbolFlags::empty(),
        name: "__link_section__TEST$$entry".into(),
        definition: Definition {
            segment,
            offset: 0,
            size: BYTES.len() as u32,
        },
    });
    builder.finish().bytes()
}

/// What cargo does with us, in a project of cargo's.
fn cargo() -> Vec<Check> {
    let what = "Cargo";
    let Ok(current) = std::env::current_dir() else {
        return Vec::new();
    };
    let mut directories = current.ancestors();
    if !directories.any(|directory| directory.join("Cargo.toml").is_file()) {
        return Vec::new();
    }
    let configuration = match Configuration::read(&current) {
        Ok(configuration) => configuration,
        Err(error) => {
            return vec![Check {
                what,
                state: State::Bad,
                found: error.to_string(),
                advice: Some("cargo stops there: correct the file".to_owned()),
            }];
        }
    };
    let findings = configuration.findings();
    if findings.is_empty() {
        let file = init::config(&current);
        return vec![Check {
            what,
            state: State::Note,
            found: format!("{} names wasm-section-ld for no target", file.display()),
            advice: Some("wasm-sections init writes it there".to_owned()),
        }];
    }
    let checks = findings.into_iter().map(|finding| Check {
        what,
        state: match finding.advice {
            None => State::Good,
            Some(_) => State::Bad,
        },
        found: finding.found,
        advice: finding.advice,
    });
    checks.collect()
}

impl Show for Diagnosis {
    fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let (style, word) = match check.state {
                State::Good => (GOOD, "ok"),
                State::Note => (BOLD, "note"),
                State::Bad => (BAD, "bad"),
            };
            let found = check.found.replace('\n', "\n       ");
            let _ = writeln!(text, "{style}{word:<5}{style:#}  {}: {found}", check.what);
            if let Some(advice) = &check.advice {
                let _ = writeln!(text, "       {FAINT}{advice}{FAINT:#}");
            }
        }
        text
    }
}
