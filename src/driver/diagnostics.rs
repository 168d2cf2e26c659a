//! What this linker says of its own, in the form and the colours of `wasm-ld`.

use crate::args::CommandLine;
use crate::error::Error;
use crate::terminal::{Colors, say, takes_colors};
use std::cell::Cell;

/// Says errors and warnings.
#[derive(Debug)]
pub struct Diagnostics {
    /// What messages begin with: the name that the program was called by.
    program: String,
    in_colors: Cell<bool>,
}

impl Diagnostics {
    /// For the program of that name.
    pub fn new(program: String) -> Self {
        Self {
            program,
            in_colors: Cell::new(takes_colors()),
        }
    }

    /// Uses colours if that is asked for.
    pub fn set_colors(&self, line: &CommandLine) {
        self.in_colors.set(Colors::of(line).are_shown());
    }

    /// Says an error.
    pub fn error(&self, error: &Error) {
        self.say("error: ", "\x1b[0;31m", error);
    }

    /// Says a warning.
    pub fn warning(&self, warning: &str) {
        self.say("warning: ", "\x1b[0;35m", warning);
    }

    /// Says more of what the linker has said.
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
