//! Response files: `@FILE` stands for the arguments in FILE, as `cl::ExpandResponseFiles` of LLVM
//! reads them.
//!
//! The Windows quoting is `winsplit`'s. The other one is GNU's (libiberty, LLVM's
//! `TokenizeGNUCommandLine`) and not a shell's: a backslash escapes the next byte inside quotes of
//! either kind too, and `#` begins no comment; so no shell-quoting crate reads it right.

use super::os;
use crate::error::{Error, Result, os_message};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How a response file is quoted (`--rsp-quoting`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// GNU's, the default but on Windows.
    Posix,
    /// That of `CommandLineToArgvW`, the default on Windows.
    Windows,
}

impl Default for Quoting {
    fn default() -> Self {
        if cfg!(windows) {
            Quoting::Windows
        } else {
            Quoting::Posix
        }
    }
}

/// `arguments` with each `@FILE` replaced by what the file holds, to any depth.
///
/// # Errors
/// A response file that cannot be read, or that includes itself.
pub fn expand(arguments: &[OsString], quoting: Quoting) -> Result<Vec<OsString>> {
    let mut expanded = Vec::new();
    let mut open = Vec::new();
    expand_into(arguments, quoting, &mut open, &mut expanded)?;
    Ok(expanded)
}

/// The file that `argument` names, if it is of the form `@FILE`.
pub fn file_of(argument: &OsStr) -> Option<PathBuf> {
    os::strip_prefix(argument, "@")
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
}

fn expand_into(
    arguments: &[OsString],
    quoting: Quoting,
    open: &mut Vec<PathBuf>,
    expanded: &mut Vec<OsString>,
) -> Result<()> {
    for argument in arguments {
        let Some(file) = file_of(argument) else {
            expanded.push(argument.clone());
            continue;
        };
        // As LLVM and libiberty: what names no file is the name of something else.
        let Some(inner) = read(&file, quoting)? else {
            expanded.push(argument.clone());
            continue;
        };
        // Two names of one file are one file: the loop is found however it is spelt.
        let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
        if open.contains(&identity) {
            return Err(Error::new("this response file includes itself")
                .note("take the inner `@` argument out, or name another file")
                .in_file(file.display()));
        }
        open.push(identity);
        expand_into(&inner, quoting, open, expanded)?;
        open.pop();
    }
    Ok(())
}

/// The arguments in a file, or none if there is no such file.
fn read(file: &Path, quoting: Quoting) -> Result<Option<Vec<OsString>>> {
    match std::fs::read(file) {
        Ok(bytes) => split(file, &bytes, quoting).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!(
            "cannot open response file {}: {}",
            file.display(),
            os_message(&error)
        ))
        .note("an argument that begins with `@` names a file of further arguments")),
    }
}

/// The arguments in the response file `file`, which holds `bytes`.
///
/// # Errors
/// Text that is not UTF-8, in Windows quoting.
pub fn split(file: &Path, bytes: &[u8], quoting: Quoting) -> Result<Vec<OsString>> {
    // LLVM accepts a byte order mark here, which editors on Windows write.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match quoting {
        Quoting::Posix => Ok(split_gnu(bytes)),
        Quoting::Windows => {
            let text = std::str::from_utf8(bytes).map_err(|error| {
                Error::new("a response file in Windows quoting must be UTF-8")
                    .note("save it as UTF-8, or say --rsp-quoting=posix if it is quoted so")
                    .at(error.valid_up_to() as u64)
                    .in_file(file.display())
            })?;
            Ok(winsplit::split(text).into_iter().map(Into::into).collect())
        }
    }
}

/// Splits `text` by GNU's quoting.
fn split_gnu(text: &[u8]) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut current: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let escaped = bytes.next().unwrap_or(b'\\');
                current.get_or_insert_default().push(escaped);
            }
            _ if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => {
                quote = Some(byte);
                current.get_or_insert_default();
            }
            b' ' | b'\t' | b'\r' | b'\n' if quote.is_none() => {
                arguments.extend(current.take().map(|argument| os::from_bytes(&argument)));
            }
            _ => current.get_or_insert_default().push(byte),
        }
    }
    arguments.extend(current.map(|argument| os::from_bytes(&argument)));
    arguments
}

/// The bytes of a response file, in `quoting`, that stands for `arguments`.
pub fn write(arguments: &[OsString], quoting: Quoting) -> Vec<u8> {
    let mut text = Vec::new();
    for argument in arguments {
        let bytes = argument.as_encoded_bytes();
        match quoting {
            Quoting::Posix => quote_gnu(bytes, &mut text),
            Quoting::Windows => quote_windows(bytes, &mut text),
        }
        text.push(b'\n');
    }
    text
}

fn quote_gnu(argument: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    for &byte in argument {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
}

/// Backslashes count only before a double quote: there each is doubled, and the quote escaped.
fn quote_windows(argument: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    let mut backslashes = 0;
    for &byte in argument {
        match byte {
            b'\\' => backslashes += 1,
            b'"' => {
                text.extend(std::iter::repeat_n(b'\\', 2 * backslashes + 1));
                backslashes = 0;
            }
            _ => {
                text.extend(std::iter::repeat_n(b'\\', backslashes));
                backslashes = 0;
            }
        }
        if byte != b'\\' {
            text.push(byte);
        }
    }
    text.extend(std::iter::repeat_n(b'\\', 2 * backslashes));
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gnu(text: &str) -> Vec<OsString> {
        split_gnu(text.as_bytes())
    }

    #[test]
    fn gnu_quoting_is_not_a_shells() {
        assert_eq!(
            gnu("a 'b c'  \"d\\\"e\" f\\ g"),
            ["a", "b c", "d\"e", "f g"]
        );
        assert_eq!(gnu(r"'it\'s'"), ["it's"]);
        assert_eq!(gnu("#a '' x\"y\"z"), ["#a", "", "xyz"]);
        assert_eq!(gnu("one\ntwo\r\nthree\\"), ["one", "two", "three\\"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(arguments in proptest::collection::vec("[ -~\t\n]{0,12}", 0..6)) {
            let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
            prop_assert_eq!(split_gnu(&write(&arguments, Quoting::Posix)), arguments);
        }

        #[test]
        fn what_is_written_for_windows_is_read_back(
            arguments in proptest::collection::vec(r#"[a-z \\"]{1,12}"#, 1..5)
        ) {
            let text = String::from_utf8(write(
                &arguments.iter().map(Into::into).collect::<Vec<_>>(),
                Quoting::Windows,
            ))?;
            prop_assert_eq!(winsplit::split(&text), arguments);
        }
    }
}
