//! Names that are unique in a program, for procedural macros that make link sections and entries.
//!
//! A name has to be a literal in the macro's output, so it cannot come from `module_path!()`, and
//! rustc's own way to tell apart two versions of one crate is not open to macros. What tells crates
//! apart for rustc is the crate's name and the `-C metadata` that cargo gives it; both are on the
//! command line of the compiler that runs the macro, so they are what a name is made of here too.
//! Inside a crate a counter tells names apart, whatever source line or macro they come from.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Sixteen hexadecimal digits that no other call gives, in this crate or in another one of the
/// program. `kind` tells apart macros that have a counter each; `ident` is what is named.
///
/// The same source gives the same names: nothing depends on time, paths or addresses.
pub fn unique(kind: &str, ident: &str) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let mut hash = Fnv::new();
    for part in crate_identity() {
        hash.write(&part);
    }
    for part in [kind, env!("CARGO_PKG_VERSION"), ident, &count] {
        hash.write(part);
    }
    hash.finish()
}

/// What the crate that is being compiled is known by.
fn crate_identity() -> Vec<String> {
    let variables = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_CRATE_NAME"];
    let mut identity: Vec<String> = variables
        .iter()
        .map(|name| env::var(name).unwrap_or_default())
        .collect();
    let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    identity.extend(identity_on_command_line(arguments));
    identity
}

/// `--crate-name NAME`, `--test`, and each `-C metadata=…`, in either spelling.
fn identity_on_command_line(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut identity = Vec::new();
    let mut previous = String::new();
    for argument in arguments {
        let codegen = match argument.strip_prefix("-C") {
            Some(option) if !option.is_empty() => Some(option),
            _ if previous == "-C" || previous == "--codegen" => Some(argument.as_str()),
            _ => argument.strip_prefix("--codegen="),
        };
        let is_metadata = codegen.map_or(false, |option| option.starts_with("metadata="));
        let is_name = previous == "--crate-name" || argument.starts_with("--crate-name=");
        if is_metadata || is_name || argument == "--test" {
            identity.push(argument.clone());
        }
        previous = argument;
    }
    identity
}

/// FNV-1a with 64 bits, mixed at the end: short, and the same everywhere.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    /// A part, ended so that `a`, `bc` and `ab`, `c` differ.
    fn write(&mut self, part: &str) {
        for byte in part.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(self) -> String {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{:016x}", mixed ^ (mixed >> 29))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(words: &[&str]) -> Vec<String> {
        identity_on_command_line(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn names_are_unique_and_of_one_length() {
        let names: std::collections::HashSet<_> =
            (0..1000).map(|_| unique("test", "NAME")).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 16));
    }

    #[test]
    fn what_tells_crates_apart() {
        let cargo = [
            "rustc",
            "--crate-name",
            "a",
            "-C",
            "metadata=1",
            "-C",
            "opt-level=3",
        ];
        assert_eq!(identity(&cargo), ["a", "metadata=1"]);
        let joined = [
            "rustc",
            "--crate-name=a",
            "-Cmetadata=1",
            "--codegen=metadata=2",
            "--test",
        ];
        assert_eq!(
            identity(&joined),
            [
                "--crate-name=a",
                "-Cmetadata=1",
                "--codegen=metadata=2",
                "--test"
            ]
        );
    }

    #[test]
    fn parts_are_kept_apart() {
        let of = |parts: &[&str]| {
            let mut hash = Fnv::new();
            parts.iter().for_each(|part| hash.write(part));
            hash.finish()
        };
        assert_ne!(of(&["a", "bc"]), of(&["ab", "c"]));
    }
}
