//! Arguments are bytes that need not be UTF-8; these few helpers take them apart as such.

use std::ffi::{OsStr, OsString};

/// The rest of `text` after `prefix`, if it begins with it.
pub fn strip_prefix(text: &OsStr, prefix: &str) -> Option<OsString> {
    let rest = text.as_encoded_bytes().strip_prefix(prefix.as_bytes())?;
    Some(from_bytes(rest))
}

/// The text that `bytes` encode: as they are on Unix, as UTF-8 elsewhere.
#[cfg(unix)]
pub fn from_bytes(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

/// The text that `bytes` encode: as they are on Unix, as UTF-8 elsewhere.
#[cfg(not(unix))]
pub fn from_bytes(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
