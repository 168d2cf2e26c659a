//! What jobs are linked for.

use crate::args;
use std::ffi::OsString;

/// Objects of one target are linked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Wasm32,
    Wasm64,
    /// Position-independent code, for a shared library.
    Shared,
    /// The same, for an executable.
    Pie,
}

pub const TARGETS: [Target; 4] = [Target::Wasm32, Target::Wasm64, Target::Shared, Target::Pie];

impl Target {
    pub fn is_wasm64(self) -> bool {
        self == Target::Wasm64
    }

    /// Whether modules are loaded at any place.
    pub fn is_pic(self) -> bool {
        matches!(self, Target::Shared | Target::Pie)
    }

    /// What compilers have to be told, beside what is always said.
    pub fn compiler_flags(self) -> Vec<&'static str> {
        let bits = match self.is_wasm64() {
            true => "--target=wasm64-unknown-unknown",
            false => "--target=wasm32-unknown-unknown",
        };
        let pic = ["-fPIC", "-fvisibility=hidden"];
        [bits]
            .into_iter()
            .chain(pic.into_iter().filter(|_| self.is_pic()))
            .collect()
    }

    /// What the linker has to be told, in one of the spellings.
    pub fn words(self, spelling: usize) -> Vec<OsString> {
        let pick = |spellings: &[&str]| spellings[spelling % spellings.len()].to_owned();
        match self {
            Target::Wasm32 => args!["--export-table"].to_vec(),
            Target::Wasm64 => args!["--export-table", pick(&["-mwasm64", "-m"])]
                .into_iter()
                .chain((!spelling.is_multiple_of(2)).then(|| "wasm64".into()))
                .collect(),
            Target::Shared => args![pick(&["-shared", "--shared"]), "--experimental-pic"].to_vec(),
            Target::Pie => args![
                pick(&["-pie", "--pie"]),
                "--experimental-pic",
                "--import-memory"
            ]
            .to_vec(),
        }
    }
}
