//! Links that must be refused: what every refusal has in common is checked here, once.

use super::{Linked, Work, tool};
use crate::args;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// What an output file holds that was there before the link.
const BEFORE: &str = "the output of the last good build";

impl Work {
    /// The message of a link that is refused: status 1, no panic, no output, none changed, no
    /// temporary file, and none in the message.
    pub fn refused<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        self.refused_with(&tool("WSL_WASM_LD"), arguments)
    }

    /// The same with that backend.
    pub fn refused_with<S: AsRef<OsStr>>(&self, backend: &Path, arguments: &[S]) -> String {
        self.check_refused(|| self.link_with(backend, arguments))
    }

    /// The same for any way to link to `out.wasm`.
    pub fn check_refused(&self, link: impl Fn() -> Linked) -> String {
        let output = self.file("out.wasm");
        let message = self.check_message(&link());
        assert!(!output.exists(), "an output file was left");
        fs::write(&output, BEFORE).expect("an output file");
        let again = self.check_message(&link());
        assert_eq!(again, message, "another message where there is an output");
        let after = fs::read(&output).expect("the output file is still there");
        assert!(after == BEFORE.as_bytes(), "the output file was changed");
        fs::remove_file(output).expect("an output file");
        message
    }

    /// A copy of `from` that can be run. It is not this process that writes it: a program cannot be
    /// run while a child that another test starts just now still has it open for writing.
    pub fn executable(&self, from: &Path, to: &Path) {
        self.run("install", args!["-m", "755", from, to]);
    }

    fn check_message(&self, linked: &Linked) -> String {
        assert_eq!(linked.status, Some(1), "{}", linked.stderr);
        self.check_orderly(linked);
        linked.stderr.clone()
    }

    /// Whether the link succeeded or not: no panic, and temporary files neither left nor shown.
    pub fn check_orderly(&self, linked: &Linked) {
        let message = &linked.stderr;
        assert!(!message.contains("panicked"), "{message}");
        assert_ne!(linked.status, Some(101), "{message}");
        let temporary = self.file("tmp");
        assert!(
            !message.contains(&temporary.display().to_string()),
            "a temporary name: {message}"
        );
        let left = fs::read_dir(temporary).expect("tmp").count();
        assert_eq!(left, 0, "temporary files were left");
    }
}

/// The byte offset in a message.
pub fn offset_in(message: &str) -> usize {
    let (_, rest) = message
        .split_once("(at byte 0x")
        .unwrap_or_else(|| panic!("no byte offset: {message}"));
    let (digits, _) = rest.split_once(')').expect("a closing parenthesis");
    usize::from_str_radix(digits, 16).expect("hexadecimal digits")
}

/// Asserts that a message has each of `parts`.
pub fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "not `{part}`: {message}");
    }
}
