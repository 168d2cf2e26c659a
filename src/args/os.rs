//! Helpers for arguments, which need not be UTF-8.

use std::ffi::{OsStr, OsString};

/// `text` without `prefix`; `None` if it does not begin with `prefix`.
pub fn strip_prefix(text: &OsStr, prefix: &str) -> Option<OsString> {
    let rest = text.as_encoded_bytes().strip_prefix(prefix.as_bytes())?;
    Some(from_bytes(rest))
}

/// The string with these bytes: verbatim on Unix, decoded as UTF-8 elsewhere.
#[cfg(unix)]
pub fn from_bytes(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

/// The string with these bytes: verbatim on Unix, decoded as UTF-8 elsewhere.
#[cfg(not(unix))]
pub fn from_bytes(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
