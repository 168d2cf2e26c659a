//! What jobs are linked for.

use crate::args;
use std::ffi::OsString;

/// Objects of one machine are linked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    Wasm32,
    Wasm64,
    Shared,
    Pie,
    Shared64,
}

impl Machine {
    pub fn is_wasm64(self) -> bool {
        matches!(self, Machine::Wasm64 | Machine::Shared64)
    }

    /// Whether modules are loaded at any place.
    pub fn is_pic(self) -> bool {
        matches!(self, Machine::Shared | Machine::Pie | Machine::Shared64)
    }

    pub fn compiler_flags(self) -> Vec<&'static str> {
        let bits = match self.is_wasm64() {
            true => "--target=wasm64-unknown-unknown",
            false => "--target=wasm32-unknown-unknown",
        };
        let pic = ["-fPIC", "-fvisibility=hidden"];
        let pic = pic.into_iter().filter(|_| self.is_pic());
        [bits].into_iter().chain(pic).collect()
    }

    /// What the linker has to be told.
    pub fn words(self) -> Vec<OsString> {
        match self {
            Machine::Wasm32 => args!["--export-table"].to_vec(),
            Machine::Wasm64 => args!["--export-table", "-mwasm64"].to_vec(),
            Machine::Shared => args!["-shared", "--experimental-pic"].to_vec(),
            Machine::Shared64 => args!["-shared", "--experimental-pic", "-mwasm64"].to_vec(),
            Machine::Pie => args!["-pie", "--experimental-pic", "--import-memory"].to_vec(),
        }
    }
}
