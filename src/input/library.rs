//! The search for `-l` libraries, with the rules of `lld/wasm/Driver.cpp` (`searchLibrary`).

use crate::args::strip_prefix;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// When a backend resolves `-l` to a shared library instead of the archive next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedLibraries {
    /// Never.
    Never,
    /// In a position-independent link, whatever `-Bdynamic` says.
    PositionIndependent,
    /// After `-Bdynamic`, the default of a position-independent link.
    Dynamic,
}

/// The search paths, and the library kinds that are allowed at this position of the command line.
pub struct Search<'a> {
    paths: Vec<&'a Path>,
    /// Whether the link is position-independent.
    pub is_position_independent: bool,
    /// Called only if a shared library exists, because it may run the backend.
    shared: &'a dyn Fn() -> SharedLibraries,
    /// Whether only archives are allowed (`-Bstatic`).
    pub archives_only: bool,
}

impl<'a> Search<'a> {
    /// A search of `paths`, in order, for archives only.
    pub fn new(
        paths: impl Iterator<Item = &'a OsStr>,
        shared: &'a dyn Fn() -> SharedLibraries,
    ) -> Self {
        Self {
            paths: paths.map(Path::new).collect(),
            is_position_independent: false,
            shared,
            archives_only: true,
        }
    }

    /// The file for `-l NAME` or `-l :FILE`. If it is `None`, the backend reports the error, or finds the
    /// file in a path that is not on the command line.
    pub fn find(&self, name: &OsStr) -> Option<PathBuf> {
        if let Some(file) = strip_prefix(name, ":") {
            let mut candidates = self.paths.iter().map(|path| path.join(&file));
            return candidates.find(|candidate| candidate.exists());
        }
        self.paths.iter().find_map(|path| {
            let shared = (!self.archives_only).then(|| path.join(file_name(name, ".so")));
            let shared = shared.filter(|path| path.exists() && self.takes_shared());
            shared.or_else(|| {
                let archive = path.join(file_name(name, ".a"));
                archive.exists().then_some(archive)
            })
        })
    }

    fn takes_shared(&self) -> bool {
        match (self.shared)() {
            SharedLibraries::Never => false,
            SharedLibraries::PositionIndependent => self.is_position_independent,
            SharedLibraries::Dynamic => true,
        }
    }
}

fn file_name(name: &OsStr, suffix: &str) -> OsString {
    let mut file = OsString::from("lib");
    file.push(name);
    file.push(suffix);
    file
}
