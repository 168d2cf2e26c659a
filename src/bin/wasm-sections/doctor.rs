//! `doctor`: is all there that a link needs? The answer is a link on trial.

use super::module::Module;
use super::open::File;
use super::report::Report;
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show, init};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use toml_edit::DocumentMut;
use wasm_section_ld::args::CommandLine;
use wasm_section_ld::backend::Backend;
use wasm_section_ld::error::{Error, Result, os_message};
use wasm_section_ld::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};

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
            let trial = Trial::new(program, backend)?;
            checks.extend(trial.checks());
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
        Error::new("it is neither beside this program nor on PATH")
            .note("cargo install wasm-section-ld brings both")
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
struct Trial {
    program: PathBuf,
    backend: PathBuf,
    directory: TempDir,
}

impl Trial {
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
                advice: Some(
                    "name another linker by --linker, and for links by WASM_SECTION_LD_LINKER"
                        .to_owned(),
                ),
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
    fn link(&self, wide: bool, more: &[&str]) -> Result<()> {
        let (object, output) = ("trial.o", self.directory.path().join("trial.wasm"));
        let written = std::fs::write(self.directory.path().join(object), trial_object(wide));
        written.map_err(|error| Error::new(format!("cannot write: {}", os_message(&error))))?;
        let own = [
            object,
            "--no-entry",
            "--export=__start_TRIAL",
            "--export=__stop_TRIAL",
            "--section-manifest",
            "-o",
            "trial.wasm",
        ];
        self.run(&[&own[..], more].concat())?;
        let report = Report::of(&output)?;
        let mut sections = report.sections();
        let start = sections.find(|section| section.name == "TRIAL");
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

/// An object with an entry of section TRIAL.
fn trial_object(wide: bool) -> Vec<u8> {
    let mut builder = Builder::new(wide, wide);
    let segment = builder.segment(".rodata.trial".to_owned(), 0, 0, BYTES.to_vec());
    builder.symbol(SynthSymbol::Data {
        flags: SymbolFlags::empty(),
        name: "__link_section__TRIAL$$trial".into(),
        definition: Definition {
            segment,
            offset: 0,
            size: BYTES.len() as u32,
        },
    });
    builder.finish().bytes()
}

/// What cargo knows of us, in a project of cargo's.
fn cargo() -> Option<Check> {
    let current = std::env::current_dir().ok()?;
    let is_project = |directory: &Path| directory.join("Cargo.toml").is_file();
    current
        .ancestors()
        .find(|directory| is_project(directory))?;
    let path = init::config(&current);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let document: DocumentMut = text.parse().unwrap_or_default();
    let targets = document
        .get("target")
        .and_then(|targets| targets.as_table_like());
    let names = targets.into_iter().flat_map(|targets| targets.iter());
    let ours = names.filter(|(name, _)| {
        let linker = init::linker_of(&document, name);
        linker.is_some_and(|linker| linker.contains("wasm-section-ld"))
    });
    let ours: Vec<_> = ours.map(|(name, _)| name.to_owned()).collect();
    let file = path.display();
    Some(match ours.as_slice() {
        [] => Check {
            what: "Cargo",
            state: State::Note,
            found: format!("{file} names wasm-section-ld for no target"),
            advice: Some("wasm-sections init writes it there".to_owned()),
        },
        targets => Check {
            what: "Cargo",
            state: State::Good,
            found: format!("{file} names wasm-section-ld for {}", targets.join(" and ")),
            advice: None,
        },
    })
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
