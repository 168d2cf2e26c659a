//! Standard error, and its terminal.

use crate::args::{CommandLine, Id, Meaning};
use crate::names;
use std::io::{IsTerminal, Write};

/// The choice of colours (`--color-diagnostics`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// Always.
    Always,
    /// Never.
    Never,
    /// On a terminal with colours.
    Auto,
}

impl Colors {
    /// The choice of the last option.
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
                // The backend reports an invalid value.
                (Id::ColorDiagnosticsWhen, _) => Some(Self::Auto),
                _ => None,
            }
        });
        asked.last().unwrap_or(Self::Auto)
    }

    /// Whether colours are used.
    pub fn are_shown(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => takes_colors(),
        }
    }
}

/// Whether standard error is a terminal with colours.
pub fn takes_colors() -> bool {
    let terminal = || std::env::var_os("TERM").filter(|terminal| terminal != "dumb");
    std::io::stderr().is_terminal() && (cfg!(windows) || terminal().is_some())
}

/// Writes a line to standard error. Ignores EPIPE.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", names::shown(line));
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
