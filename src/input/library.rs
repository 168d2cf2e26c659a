//! Where `-l` finds its file: the rules of `lld/wasm/Driver.cpp` (`searchLibrary`).

use crate::args::strip_prefix;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The search paths and which kinds of library count at this place of the command line.
#[derive(Debug)]
pub struct Search<'a> {
    paths: Vec<&'a Path>,
    /// Whether only archives count (`-Bstatic`).
    pub archives_only: bool,
}

impl<'a> Search<'a> {
    /// A search of `paths`, in order, for archives only.
    pub fn new(paths: impl Iterator<Item = &'a OsStr>) -> Self {
        Self {
            paths: paths.map(Path::new).collect(),
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
            shared
                .into_iter()
                .chain([path.join(file_name(name, ".a"))])
                .find(|candidate| candidate.exists())
        })
    }
}

fn file_name(name: &OsStr, suffix: &str) -> OsString {
    let mut file = OsString::from("lib");
    file.push(name);
    file.push(suffix);
    file
}
