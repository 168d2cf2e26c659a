//! The messages of this program, in the format and colours of `wasm-ld`.

use crate::args::CommandLine;
use crate::error::Error;
use crate::terminal::{Colors, say, takes_colors};
use std::cell::Cell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Prints errors and warnings.
#[derive(Debug)]
pub struct Diagnostics {
    /// The path or name by which the program was called.
    called: Option<PathBuf>,
    /// The prefix of messages: the name of the program.
    program: String,
    in_colors: Cell<bool>,
}

impl Diagnostics {
    /// Diagnostics of a program that was called as `called`.
    pub fn new(called: Option<OsString>) -> Self {
        let called = called.map(PathBuf::from);
        Self {
            program: program_name(called.as_deref()),
            called,
            in_colors: Cell::new(takes_colors()),
        }
    }

    /// The path or name by which the program was called.
    pub fn called(&self) -> Option<&Path> {
        self.called.as_deref()
    }

    /// Applies `--color-diagnostics`.
    pub fn set_colors(&self, line: &CommandLine) {
        self.in_colors.set(Colors::of(line).are_shown());
    }

    /// Prints an error.
    pub fn error(&self, error: &Error) {
        self.say("error: ", "\x1b[0;31m", error);
    }

    /// Prints a warning.
    pub fn warning(&self, warning: &str) {
        self.say("warning: ", "\x1b[0;35m", warning);
    }

    /// Prints a note on a message of the backend.
    pub fn note(&self, note: &str) {
        say(&format!("{}: note: {note}", self.program));
    }

    fn say(&self, kind: &str, color: &str, what: impl std::fmt::Display) {
        let program = &self.program;
        match self.in_colors.get() {
            true => say(&format!("{program}: {color}{kind}\x1b[0m{what}")),
            false => say(&format!("{program}: {kind}{what}")),
        }
    }
}

/// The prefix of messages: the name of the program, as in lld.
fn program_name(called: Option<&Path>) -> String {
    let stem = called.and_then(Path::file_stem);
    stem.map_or_else(
        || "wasm-section-ld".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
