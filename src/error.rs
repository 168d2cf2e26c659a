//! What went wrong, where, and what to do about it: the linker's user interface.

use std::fmt;

/// An error with its context: the file (and archive member), the byte offset in that file,
/// what is wrong, and what to do.
///
/// It is shown in the form that `wasm-ld` uses: one line, and further lines that begin with `>>>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    file: Option<String>,
    offset: Option<u64>,
    notes: Vec<String>,
    others: Vec<Error>,
}

/// The result of everything that reads input.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `what` is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: None,
            offset: None,
            notes: Vec::new(),
            others: Vec::new(),
        }
    }

    /// An error of an object file that is not as its format says.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::new(what).note("the object is damaged or in a newer format: rebuild it")
    }

    /// Says in which file it is, shown as `file` or `archive(member)`. The innermost name is kept.
    #[must_use]
    pub fn in_file(mut self, file: impl fmt::Display) -> Self {
        self.file.get_or_insert_with(|| file.to_string());
        self
    }

    /// Says at which byte of the file (of the member, in an archive) it is.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Adds errors that were found with this one.
    #[must_use]
    pub fn with(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.others.extend(others);
        self
    }

    /// This error, without those that were found with it, and then each of those.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    /// Adds a line: the other place that matters, or what to do.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(offset) = self.offset {
            write!(f, " (at byte {offset:#x})")?;
        }
        for note in &self.notes {
            write!(f, "\n>>> {note}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Self {
        let what = match error.message() {
            // Of the section, that is, and not of the file.
            "unexpected end-of-file" => "unexpected end of section",
            message => message,
        };
        Error::damaged(what).at(error.offset())
    }
}

/// What the operating system says of `error`, in the words of `strerror`, without Rust's suffix. LLVM uses these
/// words on Windows too, where the system has its own, in the language of the user.
pub fn os_message(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let words = match error.kind() {
        // Found without asking the system to read it.
        ErrorKind::IsADirectory => "Is a directory",
        kind if cfg!(windows) => match kind {
            ErrorKind::NotFound => "No such file or directory",
            ErrorKind::PermissionDenied => "Permission denied",
            ErrorKind::AlreadyExists => "File exists",
            ErrorKind::NotADirectory => "Not a directory",
            ErrorKind::StorageFull => "No space left on device",
            ErrorKind::InvalidFilename => "Filename too long",
            _ => "",
        },
        _ => "",
    };
    if !words.is_empty() {
        return words.to_owned();
    }
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_the_byte_and_what_to_do() {
        let error = Error::new("symbol index 7 is out of range")
            .at(0x1f)
            .note("rebuild the object")
            .in_file("libx.a(y.o)")
            .in_file("libx.a");
        assert_eq!(
            error.to_string(),
            "libx.a(y.o): symbol index 7 is out of range (at byte 0x1f)\n>>> rebuild the object"
        );
    }
}
