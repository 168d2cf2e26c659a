//! What this linker says of its own, in the form and the colours of `wasm-ld`.

use crate::args::{CommandLine, Id, Meaning};
use crate::error::Error;
use crate::log::say;
use std::cell::Cell;
use std::io::IsTerminal;

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
    pub fn heed(&self, line: &CommandLine) {
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

/// Whether messages are to be in colours (`--color-diagnostics`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// Always.
    Always,
    /// Never.
    Never,
    /// On a terminal that has colours.
    Auto,
}

impl Colors {
    /// What the last option says.
    pub fn of(line: &CommandLine) -> Self {
        let asked = line.arguments().filter_map(|(_, argument)| {
            let Meaning::Option(id, value) = &argument.meaning else {
                return None;
            };
            match (id, value.as_encoded_bytes()) {
                (Id::NoColorDiagnostics, _) | (Id::ColorDiagnosticsWhen, b"never") => {
                    Some(Self::Never)
                }
                (Id::ColorDiagnostics, _) | (Id::ColorDiagnosticsWhen, b"always") => {
                    Some(Self::Always)
                }
                // What is none of these the backend reports.
                (Id::ColorDiagnosticsWhen, _) => Some(Self::Auto),
                _ => None,
            }
        });
        asked.last().unwrap_or(Self::Auto)
    }

    /// Whether they are shown.
    pub fn are_shown(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => takes_colors(),
        }
    }
}

/// Whether messages go to a terminal that has colours.
fn takes_colors() -> bool {
    let terminal = || std::env::var_os("TERM").filter(|terminal| terminal != "dumb");
    std::io::stderr().is_terminal() && (cfg!(windows) || terminal().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_option_counts() {
        let colors = |words: &[&str]| {
            let words = words.iter().map(Into::into).collect();
            Colors::of(&CommandLine::parse(words).expect("no response files"))
        };
        assert_eq!(colors(&["a.o"]), Colors::Auto);
        assert_eq!(colors(&["-color-diagnostics"]), Colors::Always);
        assert_eq!(
            colors(&["--color-diagnostics", "--no-color-diagnostics"]),
            Colors::Never
        );
        for (when, expected) in [
            ("always", Colors::Always),
            ("never", Colors::Never),
            ("auto", Colors::Auto),
        ] {
            let option = format!("--color-diagnostics={when}");
            assert_eq!(colors(&["--no-color-diagnostics", &option]), expected);
        }
    }
}
