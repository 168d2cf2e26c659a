//! Checks of links that must fail.

use super::{Linked, Work, tool};
use crate::args;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// The contents of an output file that exists before the link.
const BEFORE: &str = "the output of the last good build";

impl Work {
    /// The message of a link that fails. Checks that the status is 1, that it does not panic, that it neither
    /// creates nor changes the output, and that no temporary file remains or is in the message.
    pub fn refused<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        self.refused_with(&tool("WSL_WASM_LD"), arguments)
    }

    /// Like [`Self::refused`], with the given backend.
    pub fn refused_with<S: AsRef<OsStr>>(&self, backend: &Path, arguments: &[S]) -> String {
        self.check_refused(|| self.link_with(backend, arguments))
    }

    /// Like [`Self::refused`], for a function that links to `out.wasm`.
    pub fn check_refused(&self, link: impl Fn() -> Linked) -> String {
        let output = self.file("out.wasm");
        let message = self.check_message(&link());
        assert!(!output.exists(), "the output file remains");
        fs::write(&output, BEFORE).expect("an output file");
        let again = self.check_message(&link());
        assert_eq!(again, message, "another message if an output exists");
        let after = fs::read(&output).expect("an output file");
        assert!(after == BEFORE.as_bytes(), "the output file has changed");
        fs::remove_file(output).expect("an output file");
        message
    }

    /// Creates an executable copy of `from`. Another process writes it: a child of another test could inherit a
    /// descriptor of this process, and a file that is open for writing cannot be executed.
    pub fn executable(&self, from: &Path, to: &Path) {
        self.run("install", args!["-m", "755", from, to]);
    }

    fn check_message(&self, linked: &Linked) -> String {
        assert_eq!(linked.status, Some(1), "{}", linked.stderr);
        self.check_orderly(linked);
        linked.stderr.clone()
    }

    /// Checks a link with any status: it does not panic, and temporary files neither remain nor are in the
    /// message.
    pub fn check_orderly(&self, linked: &Linked) {
        let message = &linked.stderr;
        assert!(!message.contains("panicked"), "{message}");
        assert_ne!(linked.status, Some(101), "{message}");
        let temporary = self.file("tmp");
        assert!(
            !message.contains(&temporary.display().to_string()),
            "a temporary file in the message: {message}"
        );
        let remaining = fs::read_dir(temporary).expect("tmp").count();
        assert_eq!(remaining, 0, "temporary files remain");
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

/// Asserts that a message contains each of `parts`.
pub fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no `{part}`: {message}");
    }
}
