//! Standard error, and the terminal that it may be.

use crate::args::{CommandLine, Id, Meaning};
use crate::names;
use std::io::{IsTerminal, Write};

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
