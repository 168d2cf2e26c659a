//! Response files: `@FILE` stands for the arguments in FILE, as `cl::ExpandResponseFiles` of LLVM
//! reads them.
//!
//! The Windows quoting is `winsplit`'s. The other one is GNU's (libiberty, LLVM's
//! `TokenizeGNUCommandLine`) and not a shell's: a backslash escapes the next byte inside quotes of
//! either kind too, and `#` begins no comment; so no shell-quoting crate reads it right.

use super::os;
use crate::error::{Error, Result, os_message};
use crate::hash::HashMap;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

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

/// Arguments with response files expanded.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The arguments.
    pub words: Vec<OsString>,
    /// Whether one of the files was a pipe, which nobody can read again.
    pub read_once: bool,
}

/// `arguments` with each `@FILE` replaced by what the file holds, to any depth.
///
/// # Errors
/// A response file that cannot be read, or that includes itself.
pub fn expand(arguments: &[OsString], quoting: Quoting) -> Result<Expanded> {
    let mut expansion = Expansion {
        quoting,
        open: Vec::new(),
        known: HashMap::default(),
        read_once: false,
    };
    let words = expansion.expand(arguments)?;
    Ok(Expanded {
        words,
        read_once: expansion.read_once,
    })
}

/// The file that `argument` names, if it is of the form `@FILE`.
pub fn file_of(argument: &OsStr) -> Option<PathBuf> {
    os::strip_prefix(argument, "@")
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
}

/// More arguments than this are no command line: response files that name others twice, which name others
/// twice, would fill the memory.
const MOST_ARGUMENTS: usize = 1 << 24;

struct Expansion {
    quoting: Quoting,
    /// The files that are being expanded, each named by the one before.
    open: Vec<PathBuf>,
    /// What files stand for, which are read once however often they are named.
    known: HashMap<PathBuf, Rc<[OsString]>>,
    read_once: bool,
}

impl Expansion {
    fn expand(&mut self, arguments: &[OsString]) -> Result<Vec<OsString>> {
        let mut expanded = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let file = file_of(argument);
            match file.map(|file| self.file(&file)).transpose()?.flatten() {
                Some(words) => expanded.extend(words.iter().cloned()),
                // As LLVM and libiberty: what names no file is the name of something else.
                None => expanded.push(argument.clone()),
            }
            if expanded.len() > MOST_ARGUMENTS {
                let error = Error::new("the arguments in response files are too many");
                return Err(error
                    .note("name each of the inner files once")
                    .in_file(argument.display()));
            }
        }
        Ok(expanded)
    }

    /// What a file stands for, if there is one.
    fn file(&mut self, file: &Path) -> Result<Option<Rc<[OsString]>>> {
        // Two names of one file are one file: the loop is found however it is spelt.
        let identity = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        if self.open.contains(&identity) {
            return Err(Error::new("this response file includes itself")
                .note("take the inner `@` argument out, or name another file")
                .in_file(file.display()));
        }
        if let Some(words) = self.known.get(&identity) {
            return Ok(Some(Rc::clone(words)));
        }
        let Some(bytes) = self.read(file)? else {
            return Ok(None);
        };
        let inner = split(file, &bytes, self.quoting)?;
        self.open.push(identity.clone());
        let words: Rc<[OsString]> = self.expand(&inner)?.into();
        self.open.pop();
        self.known.insert(identity, Rc::clone(&words));
        Ok(Some(words))
    }

    /// What is in a file, if there is one.
    fn read(&mut self, file: &Path) -> Result<Option<Vec<u8>>> {
        let read = File::open(file).and_then(|mut opened| {
            let mut bytes = Vec::new();
            opened.read_to_end(&mut bytes)?;
            Ok((opened.metadata()?, bytes))
        });
        match read {
            Ok((metadata, bytes)) => {
                self.read_once |= !metadata.is_file();
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(format!(
                "cannot open response file {}: {}",
                file.display(),
                os_message(&error)
            ))
            .note("an argument that begins with `@` names a file of further arguments")),
        }
    }
}

/// The arguments in the response file `file`, which holds `bytes`.
///
/// # Errors
/// Text that is not UTF-8, in Windows quoting, and what is no text of the encoding that it says it is.
pub fn split(file: &Path, bytes: &[u8], quoting: Quoting) -> Result<Vec<OsString>> {
    let bytes = as_utf8(bytes).map_err(|error| error.in_file(file.display()))?;
    match quoting {
        Quoting::Posix => Ok(split_gnu(&bytes)),
        Quoting::Windows => {
            let text = std::str::from_utf8(&bytes).map_err(|error| {
                Error::new("a response file in Windows quoting must be UTF-8")
                    .note("save it as UTF-8, or say --rsp-quoting=posix if it is quoted so")
                    .at(error.valid_up_to() as u64)
                    .in_file(file.display())
            })?;
            Ok(winsplit::split(text).into_iter().map(Into::into).collect())
        }
    }
}

/// `bytes` without a byte order mark, from UTF-16 if the mark is of that: editors on Windows write the one, and
/// MSBuild the other. LLVM takes both.
fn as_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    let unit = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).into()),
    };
    let (units, rest) = bytes.get(2..).unwrap_or_default().as_chunks::<2>();
    let text = char::decode_utf16(units.iter().copied().map(unit)).collect::<Result<String, _>>();
    match text {
        Ok(text) if rest.is_empty() => Ok(text.into_bytes().into()),
        _ => Err(Error::new(
            "this response file begins with the mark of UTF-16, and is no such text",
        )
        .note("save it as UTF-8")),
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

    #[test]
    fn utf16_by_its_mark() {
        let text = "a \u{e9}\u{1f600}\n'b c'";
        let words = ["a", "\u{e9}\u{1f600}", "b c"];
        let encoded = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(unit).collect()
        };
        let file = Path::new("r.rsp");
        for mut bytes in [encoded(u16::to_le_bytes), encoded(u16::to_be_bytes)] {
            let split_as = |bytes: &[u8]| split(file, bytes, Quoting::Posix);
            assert_eq!(split_as(&bytes).expect("text"), words);
            bytes.push(b'x');
            let error = split_as(&bytes).expect_err("half a unit").to_string();
            assert!(error.contains("r.rsp: this response file"), "{error}");
            bytes.pop();
            bytes.truncate(bytes.len() - 14);
            assert!(split_as(&bytes).is_err(), "half of a pair");
        }
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
