//! Opening and mapping a file: the one place of the project that needs `unsafe`.

use crate::error::{Error, Result, os_message};
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;
#[cfg(not(unix))]
use std::path::PathBuf;

/// From this many bytes on it takes longer to read a file than to map it.
const WORTH_MAPPING: u64 = 16 << 10;

/// From this many bytes on a file takes more memory than it costs time to map it again.
const WORTH_RELEASING: usize = 16 << 20;

/// The bytes of a file, mapped where it can be mapped and read where it cannot (pipes), or where it is
/// small.
#[derive(Debug)]
pub struct FileBytes {
    bytes: Bytes,
    id: FileId,
}

/// What tells one file from another, whatever it is called.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum FileId {
    /// The device, and the file's number there.
    #[cfg(unix)]
    Number(u64, u64),
    /// The path, without links, as the system has no such numbers.
    #[cfg(not(unix))]
    Path(PathBuf),
    /// No file.
    None,
}

#[cfg(unix)]
fn id(_: &Path, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId::Number(metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn id(path: &Path, _: &Metadata) -> FileId {
    FileId::Path(path.canonicalize().unwrap_or_else(|_| path.to_path_buf()))
}

#[derive(Debug)]
enum Bytes {
    Mapped(memmap2::Mmap),
    /// Not in memory: it has so many bytes.
    Unread(usize),
    Read(Vec<u8>),
}

impl FileBytes {
    /// Opens `path`.
    ///
    /// # Errors
    /// In the words of `wasm-ld`: `cannot open PATH: REASON`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_io(path).map_err(|error| cannot_open(path, &error))
    }

    /// A file that is read when it is asked for, and its first bytes: one of so many that they are not to be
    /// in memory at once. None for what is no file, is large, or is smaller than those.
    pub fn open_unread(path: &Path) -> Option<(Self, [u8; 8])> {
        let mut file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() >= WORTH_MAPPING {
            return None;
        }
        let mut first = [0; 8];
        file.read_exact(&mut first).ok()?;
        let unread = Self {
            bytes: Bytes::Unread(metadata.len() as usize),
            id: id(path, &metadata),
        };
        Some((unread, first))
    }

    /// The bytes of the file, which is at `path`; those of an unread one are read.
    ///
    /// # Errors
    /// It cannot be read again, or is another now.
    pub fn load(&self, path: &Path) -> Result<Cow<'_, [u8]>> {
        let Bytes::Unread(length) = self.bytes else {
            return Ok(Cow::Borrowed(self.bytes()));
        };
        // Room for one more, to see that there is none.
        let mut bytes = Vec::with_capacity(length + 1);
        let read = File::open(path)
            .and_then(|file| file.take(length as u64 + 1).read_to_end(&mut bytes))
            .map_err(|error| cannot_open(path, &error))?;
        match read == length {
            true => Ok(Cow::Owned(bytes)),
            false => Err(changed()),
        }
    }

    /// Whether it is read when it is asked for.
    pub fn is_unread(&self) -> bool {
        matches!(self.bytes, Bytes::Unread(_))
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self {
            bytes: Bytes::Read(Vec::new()),
            id: FileId::None,
        }
    }

    /// Which file it is.
    pub fn id(&self) -> &FileId {
        &self.id
    }

    fn open_io(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let bytes = if metadata.is_file() && metadata.len() >= WORTH_MAPPING {
            Bytes::Mapped(map(&file)?)
        } else {
            let mut bytes = Vec::with_capacity(metadata.len() as usize);
            // A pipe says that it has none, and so do the files of `/proc`.
            let most = match metadata.len() {
                0 => u64::MAX,
                length => length,
            };
            file.take(most).read_to_end(&mut bytes)?;
            Bytes::Read(bytes)
        };
        let id = id(path, &metadata);
        Ok(Self { bytes, id })
    }

    /// Lets the system take back the memory of a large file, until it is read again.
    pub fn release(&self) {
        if let Bytes::Mapped(map) = &self.bytes
            && map.len() >= WORTH_RELEASING
        {
            release(map);
        }
    }

    /// How many bytes the file has.
    pub fn size(&self) -> usize {
        match &self.bytes {
            Bytes::Unread(length) => *length,
            _ => self.bytes().len(),
        }
    }

    /// The bytes; of an unread file none.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Read(bytes) => bytes,
            Bytes::Unread(_) => &[],
        }
    }
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Error {
    let what = format!("cannot open {}: {}", path.display(), os_message(error));
    match what_to_do(error.kind(), path) {
        Some(note) => Error::new(what).note(note),
        None => Error::new(what),
    }
}

/// An input is not what it was when it was read before.
pub fn changed() -> Error {
    Error::new("this was changed while it was read")
        .note("another program writes to an input of this link: link again when it is done")
}

fn what_to_do(kind: ErrorKind, path: &Path) -> Option<&'static str> {
    match kind {
        // With a file, it would not have come here.
        ErrorKind::NotFound if path.as_os_str().as_encoded_bytes().starts_with(b"@") => {
            Some("an argument that begins with `@` names a file of further arguments")
        }
        ErrorKind::NotFound => Some("build it first, or correct the path"),
        ErrorKind::PermissionDenied => Some("make it readable for the user who links"),
        ErrorKind::IsADirectory => {
            Some("name the files in it, or search it for libraries by -L DIRECTORY")
        }
        _ => None,
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<memmap2::Mmap> {
    #[cfg(unix)]
    truncation::watch();
    // SAFETY: the mapping is private and only read. What cannot be ruled out is that another
    // process changes the file meanwhile: as with any linker that maps its inputs, the link is then
    // not defined. If it truncates the file, `truncation` says so.
    unsafe { memmap2::Mmap::map(file) }
}

#[allow(unsafe_code)]
fn release(map: &memmap2::Mmap) {
    // SAFETY: the mapping is of a file and only read. What is read again is what the file has: the same
    // bytes, by what `map` relies on.
    #[cfg(unix)]
    let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    #[cfg(not(unix))]
    let _ = map;
}

/// A page of a mapping that is beyond the end of its file, since another process has truncated it,
/// cannot be read: that is `SIGBUS`, which would end us without a word.
#[cfg(unix)]
mod truncation {
    use crate::temporary::on_signal;
    use signal_hook::consts::SIGBUS;
    use signal_hook::low_level;
    use std::io::Write;
    use std::sync::Once;

    const MESSAGE: &[u8] = b"wasm-section-ld: error: an input was truncated while it was read\n\
        >>> another program writes to an input of this link: link again when it is done\n";

    /// Says what has happened, and takes away temporary files.
    #[allow(unsafe_code)]
    pub fn watch() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let end = || {
                let _ = std::io::stderr().write_all(MESSAGE);
                on_signal::remove();
                low_level::exit(1);
            };
            // SAFETY: what a handler may do is limited (`signal-safety(7)`). Writing to standard
            // error, which has no buffer, is `write`, and no one has its lock while they read an
            // input; removing files is `unlink` and `rmdir`; ending is `_exit`.
            let _ = unsafe { low_level::register(SIGBUS, end) };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unread_file_is_the_same_or_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.o");
        std::fs::write(&path, b"0123456789").expect("written");
        let (file, first) = FileBytes::open_unread(&path).expect("a small file");
        assert_eq!(first, *b"01234567");
        assert!(file.is_unread() && file.bytes().is_empty());
        assert_eq!(*file.load(&path).expect("the same"), *b"0123456789");
        for other in [&b"012345678"[..], b"01234567890"] {
            std::fs::write(&path, other).expect("written");
            let error = file.load(&path).expect_err("another").to_string();
            assert!(error.contains("changed while it was read"), "{error}");
        }
        std::fs::remove_file(&path).expect("removed");
        let error = file.load(&path).expect_err("none").to_string();
        assert!(error.contains("cannot open"), "{error}");
    }

    #[test]
    fn only_small_files_wait_to_be_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.o");
        for size in [0, 7, WORTH_MAPPING as usize] {
            std::fs::write(&path, vec![0; size]).expect("written");
            assert!(FileBytes::open_unread(&path).is_none(), "{size}");
        }
        assert!(FileBytes::open_unread(directory.path()).is_none());
    }
}
