//! The linker that this program replaces. A toolchain that looks for its linker by name, such as Emscripten or clang,
//! finds this program under that name. It should get the linker that it would have run: options and objects differ
//! between versions.

use super::locate::{exe, newest_versioned, version_in_name};
use std::ffi::OsStr;
use std::iter;
use std::path::{Path, PathBuf};

/// The candidates for the linker in whose place this program is called as `called`, best first. None if that is no
/// name of a linker. Called as `wasm-ld-NN`: the next linker of that name on PATH. Called by any such name: another
/// lld in the same directory. `directories` are those of PATH.
pub fn replaced(called: &Path, directories: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let version = version_in_name(called);
    let name = called.file_stem().and_then(OsStr::to_str);
    let name = name.filter(|name| version.is_some() || ["wasm-ld", "rust-lld"].contains(name));
    let on_path = |name: &str| {
        let file = exe(name);
        directories
            .iter()
            .map(move |directory| directory.join(&file))
    };
    let next = name.filter(|_| version.is_some()).map(on_path);
    let own = name.and_then(|name| match called.parent() {
        None => None,
        // The caller has found it on PATH.
        Some(parent) if parent.as_os_str().is_empty() => {
            let found = on_path(name).find(|path| path.is_file())?;
            found.parent().map(Path::to_path_buf)
        }
        Some(parent) => Some(parent.to_path_buf()),
    });
    let beside = own.into_iter().flat_map(|own| {
        let names = ["wasm-ld", "rust-lld", "lld"].map(|name| own.join(exe(name)));
        // Reads the directory only if none of these is there.
        let versioned = iter::once_with(move || newest_versioned(&[own])).flatten();
        names.into_iter().chain(versioned)
    });
    next.into_iter().flatten().chain(beside)
}
