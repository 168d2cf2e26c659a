//! The messages of this program, in the format and colours of `wasm-ld`.

use crate::args::CommandLine;
use crate::error::Error;
use crate::terminal::{Colors, say, takes_colors};
use std::cell::Cell;

/// Prints errors and warnings.
#[derive(Debug)]
pub struct Diagnostics {
    /// The prefix of messages: the name of the program.
    program: String,
    in_colors: Cell<bool>,
}

impl Diagnostics {
    /// Diagnostics with the prefix `program`.
    pub fn new(program: String) -> Self {
        Self {
            program,
            in_colors: Cell::new(takes_colors()),
        }
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
