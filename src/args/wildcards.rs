//! Wildcards in arguments, which on Windows each program expands itself, and no shell. LLVM does it
//! (`WildcardExpand`), so lld does.

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{
    FindClose, FindFirstFileW, FindNextFileW, WIN32_FIND_DATAW,
};

/// Replaces each argument with `*` or `?` by the files that it matches. It stays as it is if there are none, as
/// for an option with such a character. As in LLVM, only the file name may have wildcards.
pub fn expand(arguments: Vec<OsString>) -> Vec<OsString> {
    let has_none = |argument: &OsString| !has_wildcards(argument);
    if arguments.iter().all(has_none) {
        return arguments;
    }
    let mut expanded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let names = match has_wildcards(&argument) {
            true => matching(&argument),
            false => Vec::new(),
        };
        if names.is_empty() {
            expanded.push(argument);
            continue;
        }
        let directory = Path::new(&argument).parent().unwrap_or(Path::new(""));
        expanded.extend(names.iter().map(|name| directory.join(name).into()));
    }
    expanded
}

/// Whether LLVM looks for files that the argument matches.
fn has_wildcards(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    let is_exempt = matches!(bytes, b"/?" | b"-?") || bytes.starts_with(br"\\?\");
    !is_exempt && memchr::memchr2(b'*', b'?', bytes).is_some()
}

/// The names of the files that a path with wildcards in its file name matches, in the order of the system.
#[allow(unsafe_code)]
fn matching(path: &OsStr) -> Vec<OsString> {
    let path: Vec<u16> = path.encode_wide().chain([0]).collect();
    let mut names = Vec::new();
    let mut found = WIN32_FIND_DATAW::default();
    // SAFETY: the path is null-terminated, and the system fills the structure.
    let search = unsafe { FindFirstFileW(path.as_ptr(), &raw mut found) };
    if search == INVALID_HANDLE_VALUE {
        return names;
    }
    loop {
        let name = found.cFileName.split(|&unit| unit == 0).next();
        let name = OsString::from_wide(name.unwrap_or_default());
        // The directory and its parent are no inputs.
        if name != "." && name != ".." {
            names.push(name);
        }
        // SAFETY: the search is open, and the system fills the structure.
        if unsafe { FindNextFileW(search, &raw mut found) } == 0 {
            break;
        }
    }
    // SAFETY: the search is open, and not used afterwards.
    let _ = unsafe { FindClose(search) };
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_files() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["a1.o", "a2.o", "b.a"] {
            std::fs::write(directory.path().join(name), "").expect("a file");
        }
        let argument = |name: &str| directory.path().join(name).into_os_string();
        let expanded = |name: &str| {
            let mut files = expand(vec!["--first".into(), argument(name), "last".into()]);
            assert_eq!(files.remove(0), "--first");
            assert_eq!(files.pop(), Some("last".into()));
            files.sort();
            files
        };
        assert_eq!(expanded("a?.o"), ["a1.o", "a2.o"].map(argument));
        assert_eq!(expanded("*"), ["a1.o", "a2.o", "b.a"].map(argument));
        for same in ["c*", "a1.o", "nowhere\\*.o"] {
            assert_eq!(expanded(same), [argument(same)]);
        }
        for same in ["--export=f*", "/?", r"\\?\C:\*.o"] {
            assert_eq!(expand(vec![same.into()]), [same]);
        }
    }
}
