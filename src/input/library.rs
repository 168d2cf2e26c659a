//! Where `-l` finds its file: the rules of `lld/wasm/Driver.cpp` (`searchLibrary`).

use crate::args::strip_prefix;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where a backend takes a shared library for `-l`, if there is one beside the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedLibraries {
    /// Nowhere.
    Never,
    /// In a position-independent link, whatever `-Bdynamic` says.
    PositionIndependent,
    /// After `-Bdynamic`, which is the default of a position-independent link.
    Dynamic,
}

/// The search paths and which kinds of library count at this place of the command line.
pub struct Search<'a> {
    paths: Vec<&'a Path>,
    /// Whether the link is position-independent.
    pub is_position_independent: bool,
    /// Asked only where there is a shared library: it may take running the backend.
    shared: &'a dyn Fn() -> SharedLibraries,
    /// Whether only archives count (`-Bstatic`).
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

    /// The file for `-l NAME`, or for `-l :FILE`. `None` is the backend's to report, which may also
    /// know of paths that are not on the command line.
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
