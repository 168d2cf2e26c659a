//! `doctor`: checks the installation, and links a test object.

use super::cargo::Configuration;
use super::module;
use super::open::File;
use super::report::Report;
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show, init};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use wasm_encoder::{
    ConstExpr, CustomSection, DataSection, Encode, ImportSection, MemoryType, Module,
};
use wasm_section_ld::args::CommandLine;
use wasm_section_ld::backend::Backend;
use wasm_section_ld::error::{Error, Result, os_message};

/// What to do about a backend that does not link.
const ANOTHER: &str =
    "name another linker: with --linker here, and with WASM_SECTION_LD_LINKER for links";

/// The content of the test entry.
const BYTES: [u8; 4] = *b"here";

/// The checks and their results.
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
    /// Worth knowing, but not a problem.
    Note,
    Bad,
}

/// Checks the installation.
///
/// # Errors
/// The temporary directory for the test link cannot be created.
pub fn doctor(linker: Option<&Path>) -> Result<Answer<Diagnosis>> {
    let mut checks = Vec::new();
    if let Some(program) = checked(&mut checks, "wasm-section-ld", our_linker()) {
        let backend = checked(&mut checks, "backend", backend(linker));
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

/// Adds a check of whether a program was found.
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

/// wasm-section-ld in the directory of this program, or on PATH.
///
/// # Errors
/// It is in neither.
pub fn our_linker() -> Result<PathBuf> {
    let name = format!("wasm-section-ld{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|path| Some(path.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A relative directory on PATH would run a program from the current directory.
    let on_path = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let directories = beside.into_iter().chain(on_path);
    let mut candidates = directories.map(|directory| directory.join(&name));
    candidates.find(|path| path.is_file()).ok_or_else(|| {
        Error::new("wasm-section-ld is neither in the directory of this program nor on PATH")
            .note("install it with `cargo install --path .` in its repository")
    })
}

fn backend(linker: Option<&Path>) -> Result<PathBuf> {
    let arguments = linker.map(|path| {
        let mut argument = std::ffi::OsString::from("--section-linker=");
        argument.push(path);
        argument
    });
    let line = CommandLine::parse(arguments.into_iter().collect())?;
    Ok(Backend::find(&line, None)?.path)
}

/// A test link.
struct TestLink {
    program: PathBuf,
    backend: PathBuf,
    directory: TempDir,
}

impl TestLink {
    fn new(program: PathBuf, backend: PathBuf) -> Result<Self> {
        let directory = tempfile::tempdir().map_err(|error| {
            Error::new(format!(
                "cannot create a directory for the test link: {}",
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
                what: "test link",
                state: State::Good,
                found: "an entry was gathered, and is at the address in the manifest".to_owned(),
                advice: None,
            },
            Err(error) => Check {
                what: "test link",
                state: State::Bad,
                found: error.to_string(),
                advice: Some(ANOTHER.to_owned()),
            },
        });
        let optional = |what, linked: Result<()>| {
            let (state, found) = match linked {
                Ok(()) => (State::Good, "supported".to_owned()),
                Err(_) => (State::Note, "not supported".to_owned()),
            };
            Check {
                what,
                state,
                found,
                advice: None,
            }
        };
        checks.push(optional("wasm64", self.link(true, &["-mwasm64"])));
        let shared = ["-shared", "--experimental-pic"];
        checks.push(optional("shared libraries", self.link(false, &shared)));
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
            .map_err(|error| Error::new(format!("cannot run it: {}", os_message(&error))))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(printed.trim_end().to_owned()))
    }

    /// Fails if the backend identifies itself as something else than a linker for WebAssembly.
    fn not_wasm_ld(&self) -> Option<Check> {
        let mut command = Command::new(&self.backend);
        command.arg("--version").stdin(Stdio::null());
        let output = command.output().ok()?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        let first = printed.lines().find(|line| !line.trim().is_empty());
        let is_other = first.is_some_and(is_for_other_formats);
        let is_silent = first.is_none() && output.status.success();
        (is_other || is_silent).then(|| Check {
            what: "backend",
            state: State::Bad,
            found: format!(
                "{} is not wasm-ld: {}",
                self.backend.display(),
                match first {
                    Some(first) => format!("it identifies itself as `{first}`"),
                    None => "it prints no version".to_owned(),
                }
            ),
            advice: Some(ANOTHER.to_owned()),
        })
    }

    fn versions(&self) -> Check {
        let what = "versions";
        match self.run(&["--version"]) {
            Ok(printed) => Check {
                what,
                state: State::Good,
                found: printed.trim_end().replace('\n', ", "),
                advice: None,
            },
            Err(error) => Check {
                what,
                state: State::Bad,
                found: error.to_string(),
                advice: Some("a linker has to answer --version".to_owned()),
            },
        }
    }

    /// Links an object with one entry, and checks that the entry is at the address in the manifest.
    fn link(&self, memory64: bool, more: &[&str]) -> Result<()> {
        let (object, output) = ("test.o", self.directory.path().join("test.wasm"));
        let written = std::fs::write(self.directory.path().join(object), test_object(memory64));
        written.map_err(|error| {
            Error::new(format!(
                "cannot write the test object: {}",
                os_message(&error)
            ))
        })?;
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
            let module = module::Module::read(core)?;
            let bytes = start.and_then(|start| module.image.read(start, BYTES.len() as u64));
            if bytes.as_deref() == Some(&BYTES) {
                return Ok(());
            }
        }
        Err(Error::new("the output has no array with the entry"))
    }
}

/// Whether a program with this version line links other formats than WebAssembly, or nothing.
fn is_for_other_formats(version: &str) -> bool {
    const OTHERS: [&str; 7] = [
        "GNU ld",
        "GNU gold",
        "gcc",
        "g++",
        "coreutils",
        "mold",
        // `ld.lld`, which also claims to be compatible with GNU linkers. `wasm-ld` does not.
        "LLD",
    ];
    let is_elf = version.contains("compatible with GNU linkers");
    let is_wrapper = version.contains("Emscripten") || version.contains("Wild");
    let mut others = OTHERS.iter().filter(|&&other| other != "LLD" || is_elf);
    !is_wrapper && others.any(|other| version.contains(other))
}

/// An object with one entry of section TEST, as compilers write objects.
fn test_object(memory64: bool) -> Vec<u8> {
    let mut imports = ImportSection::new();
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64,
        shared: false,
        page_size_log2: None,
    };
    imports.import("env", "__linear_memory", memory);
    let mut data = DataSection::new();
    let start = match memory64 {
        true => ConstExpr::i64_const(0),
        false => ConstExpr::i32_const(0),
    };
    data.active(0, &start, BYTES);
    let mut module = Module::new();
    module.section(&imports).section(&data);
    module.section(&CustomSection {
        name: "linking".into(),
        data: linking().into(),
    });
    module.finish()
}

/// The content of the section `linking`: one data segment, and the symbol that marks it (tool-conventions,
/// Linking.md). wasm-encoder does not write the names of segments.
fn linking() -> Vec<u8> {
    const VERSION: u32 = 2;
    const SEGMENT_INFO: u8 = 5;
    const SYMBOL_TABLE: u8 = 8;
    const SYMBOL_DATA: u8 = 1;
    let mut segments = Vec::new();
    let (count, alignment, flags) = (1_u32, 0_u32, 0_u32);
    count.encode(&mut segments);
    ".rodata.test".encode(&mut segments);
    alignment.encode(&mut segments);
    flags.encode(&mut segments);
    let mut symbols = Vec::new();
    count.encode(&mut symbols);
    symbols.push(SYMBOL_DATA);
    flags.encode(&mut symbols);
    "__link_section__TEST$$entry".encode(&mut symbols);
    let (segment, offset, size) = (0_u32, 0_u32, BYTES.len() as u32);
    segment.encode(&mut symbols);
    offset.encode(&mut symbols);
    size.encode(&mut symbols);
    let mut linking = Vec::new();
    VERSION.encode(&mut linking);
    for (kind, content) in [(SEGMENT_INFO, segments), (SYMBOL_TABLE, symbols)] {
        linking.push(kind);
        content.as_slice().encode(&mut linking);
    }
    linking
}

/// Which linker cargo uses, if the current directory is in a package.
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
                advice: Some("correct the file: cargo stops at this error".to_owned()),
            }];
        }
    };
    let findings = configuration.findings();
    if findings.is_empty() {
        let file = init::config(&current);
        return vec![Check {
            what,
            state: State::Note,
            found: format!(
                "{} names wasm-section-ld as the linker of no target",
                file.display()
            ),
            advice: Some("`wasm-sections init` adds it".to_owned()),
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
