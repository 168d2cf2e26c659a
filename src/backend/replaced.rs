//! The linker that this program replaces. A toolchain that looks for its linker by name, such as Emscripten or clang,
//! finds this program under that name. It should get the linker that it would have run: options and objects differ
//! between versions.

use super::locate::{directory_entries, exe, version_in_name};
use std::cmp::Reverse;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The candidates for the linker in whose place this program is called as `called`, best first. None if that is no
/// name of a linker. Called as `wasm-ld-NN`: the next linker of that name on PATH. Called by any such name: another
/// lld in the same directory. `directories` are those of PATH.
pub fn replaced(called: &Path, directories: &[PathBuf]) -> Vec<PathBuf> {
    let name = called.file_stem().and_then(OsStr::to_str);
    let Some(name) = name else {
        return Vec::new();
    };
    let is_versioned = version_in_name(called).is_some();
    if !is_versioned && !["wasm-ld", "rust-lld"].contains(&name) {
        return Vec::new();
    }
    let mut candidates = Vec::new();
    if is_versioned {
        let on_path = directories.iter();
        candidates.extend(on_path.map(|directory| directory.join(exe(name))));
    }
    let own = match called.components().count() {
        ..2 => {
            let mut on_path = directories.iter();
            on_path.find(|directory| directory.join(exe(name)).is_file())
        }
        _ => None,
    };
    let own = own.map(PathBuf::as_path).or_else(|| called.parent());
    if let Some(own) = own.filter(|own| !own.as_os_str().is_empty()) {
        let names = ["wasm-ld", "rust-lld", "lld"];
        candidates.extend(names.map(|name| own.join(exe(name))));
        let mut versioned = directory_entries(own);
        versioned.retain(|path| version_in_name(path).is_some());
        versioned.sort_by_key(|path| Reverse(version_in_name(path)));
        candidates.extend(versioned);
    }
    candidates
}
