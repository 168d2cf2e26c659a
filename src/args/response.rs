//! Expands response files (`@FILE`) like `cl::ExpandResponseFiles` of LLVM.
//!
//! `winsplit` implements the Windows quoting. The GNU quoting (libiberty, LLVM's `TokenizeGNUCommandLine`) is
//! not that of a shell: a backslash escapes the next byte even in single quotes, and `#` does not begin a
//! comment. So crates for shell quoting cannot parse it.

use super::os;
use crate::error::{Error, Result, os_message};
use crate::hash::HashMap;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The quoting of a response file (`--rsp-quoting`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// GNU quoting, the default except on Windows.
    Posix,
    /// The quoting of `CommandLineToArgvW`, the default on Windows.
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
    pub arguments: Vec<OsString>,
    /// Whether one of the files is a pipe, which cannot be read again.
    pub read_once: bool,
}

/// Replaces each `@FILE` by the arguments in the file, recursively.
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
    let arguments = expansion.expand(arguments)?;
    Ok(Expanded {
        arguments,
        read_once: expansion.read_once,
    })
}

/// The file that `argument` names, if it is of the form `@FILE`.
pub fn file_of(argument: &OsStr) -> Option<PathBuf> {
    os::strip_prefix(argument, "@")
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
}

/// The maximum number of arguments. Without a limit, response files that each name the next one twice exhaust
/// the memory.
const MAX_ARGUMENTS: usize = 1 << 24;

struct Expansion {
    quoting: Quoting,
    /// The files that are being expanded, outermost first.
    open: Vec<PathBuf>,
    /// The expanded arguments of files. Each file is read once.
    known: HashMap<PathBuf, Rc<[OsString]>>,
    read_once: bool,
}

impl Expansion {
    fn expand(&mut self, arguments: &[OsString]) -> Result<Vec<OsString>> {
        let mut expanded = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let file = file_of(argument);
            match file.map(|file| self.file(&file)).transpose()?.flatten() {
                Some(inner) => expanded.extend(inner.iter().cloned()),
                // As in LLVM and libiberty, it is an ordinary argument if there is no such file.
                None => expanded.push(argument.clone()),
            }
            if expanded.len() > MAX_ARGUMENTS {
                let error = Error::new("too many arguments in response files");
                return Err(error
                    .note("name each of the inner files once")
                    .in_file(argument.display()));
            }
        }
        Ok(expanded)
    }

    /// The expanded arguments of a file; `None` if it does not exist.
    fn file(&mut self, file: &Path) -> Result<Option<Rc<[OsString]>>> {
        // Detects loops through different names of the same file.
        let identity = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        if self.open.contains(&identity) {
            return Err(Error::new("this response file includes itself")
                .note("remove the inner `@` argument, or name another file")
                .in_file(file.display()));
        }
        if let Some(arguments) = self.known.get(&identity) {
            return Ok(Some(Rc::clone(arguments)));
        }
        let Some(bytes) = self.read(file)? else {
            return Ok(None);
        };
        let inner = split(file, &bytes, self.quoting)?;
        self.open.push(identity.clone());
        let arguments: Rc<[OsString]> = self.expand(&inner)?.into();
        self.open.pop();
        self.known.insert(identity, Rc::clone(&arguments));
        Ok(Some(arguments))
    }

    /// The contents of a file; `None` if it does not exist.
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

/// The arguments in the response file `file` with the contents `bytes`.
///
/// # Errors
/// Invalid UTF-8 with Windows quoting, or invalid UTF-16 after a UTF-16 byte order mark.
pub fn split(file: &Path, bytes: &[u8], quoting: Quoting) -> Result<Vec<OsString>> {
    let bytes = as_utf8(bytes).map_err(|error| error.in_file(file.display()))?;
    match quoting {
        Quoting::Posix => Ok(split_gnu(&bytes)),
        Quoting::Windows => {
            let text = std::str::from_utf8(&bytes).map_err(|error| {
                Error::new("a response file in Windows quoting must be UTF-8")
                    .note("save it as UTF-8, or use --rsp-quoting=posix if it has that quoting")
                    .at(error.valid_up_to() as u64)
                    .in_file(file.display())
            })?;
            Ok(winsplit::split(text).into_iter().map(Into::into).collect())
        }
    }
}

/// `bytes` without a byte order mark, converted from UTF-16 if they have its mark. As in LLVM, both are accepted:
/// editors on Windows write a UTF-8 mark, and MSBuild writes UTF-16.
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
            "this response file begins with a UTF-16 byte order mark, but is not valid UTF-16",
        )
        .note("save it as UTF-8")),
    }
}

/// Splits `text` with GNU quoting.
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

/// The contents of a response file with `arguments`.
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

/// Backslashes are special only before a double quote. There each is doubled, and the quote is escaped.
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
    fn gnu_quoting_is_not_shell_quoting() {
        assert_eq!(
            gnu("a 'b c'  \"d\\\"e\" f\\ g"),
            ["a", "b c", "d\"e", "f g"]
        );
        assert_eq!(gnu(r"'it\'s'"), ["it's"]);
        assert_eq!(gnu("#a '' x\"y\"z"), ["#a", "", "xyz"]);
        assert_eq!(gnu("one\ntwo\r\nthree\\"), ["one", "two", "three\\"]);
    }

    #[test]
    fn utf16_with_a_byte_order_mark() {
        let text = "a \u{e9}\u{1f600}\n'b c'";
        let arguments = ["a", "\u{e9}\u{1f600}", "b c"];
        let encoded = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(unit).collect()
        };
        let file = Path::new("r.rsp");
        for mut bytes in [encoded(u16::to_le_bytes), encoded(u16::to_be_bytes)] {
            let split_as = |bytes: &[u8]| split(file, bytes, Quoting::Posix);
            assert_eq!(split_as(&bytes).expect("UTF-16"), arguments);
            bytes.push(b'x');
            let error = split_as(&bytes).expect_err("half a code unit").to_string();
            assert!(error.contains("r.rsp: this response file"), "{error}");
            bytes.pop();
            bytes.truncate(bytes.len() - 14);
            assert!(split_as(&bytes).is_err(), "half a surrogate pair");
        }
    }

    proptest! {
        #[test]
        fn written_arguments_are_read_back(arguments in proptest::collection::vec("[ -~\t\n]{0,12}", 0..6)) {
            let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
            prop_assert_eq!(split_gnu(&write(&arguments, Quoting::Posix)), arguments);
        }

        #[test]
        fn written_windows_arguments_are_read_back(
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
