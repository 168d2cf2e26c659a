//! Opens and maps files.

use crate::error::{Error, Result, os_message};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

/// From this size in bytes, mapping a file is faster than reading it.
const WORTH_MAPPING: u64 = 16 << 10;

/// Up to this size in bytes, mapping all pages at once is faster than a page fault for each that is read.
const WORTH_POPULATING: u64 = 1 << 20;

/// From this size in bytes, releasing pages is worth the page faults of reading them again.
const WORTH_RELEASING: usize = 16 << 20;

/// The bytes of a file. Large files are mapped; small files and pipes are read.
#[derive(Debug)]
pub struct FileBytes {
    bytes: Bytes,
    id: FileId,
    /// `None` if it cannot be read again.
    stamp: Option<Stamp>,
}

/// The identity of a file, independent of its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileId {
    /// The device and inode numbers; on Windows, the serial number of the volume and the index of the file.
    Number(u64, u64),
    /// No file, or one that the system does not identify.
    None,
}

impl FileId {
    /// The identity of an open file with this `metadata`.
    #[cfg(unix)]
    fn of(_: &File, metadata: &Metadata) -> Self {
        Self::in_metadata(metadata)
    }

    /// The identity of the file with this `metadata`.
    #[cfg(unix)]
    fn in_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self::Number(metadata.dev(), metadata.ino())
    }

    /// The identity of an open file with this `metadata`, which does not contain it.
    #[cfg(windows)]
    fn of(file: &File, _: &Metadata) -> Self {
        use winapi_util::{HandleRef, file::information};
        information(HandleRef::from_file(file)).map_or(Self::None, |found| {
            Self::Number(found.volume_serial_number(), found.file_index())
        })
    }
}

/// The identity, length and modification time of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    id: FileId,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn new(id: FileId, metadata: &Metadata) -> Self {
        Self {
            id,
            length: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    /// The stamp of the file at `path`.
    #[cfg(unix)]
    fn at(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self::new(FileId::in_metadata(&metadata), &metadata))
    }

    /// The stamp of the file at `path`.
    #[cfg(windows)]
    fn at(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(Self::new(FileId::of(&file, &metadata), &metadata))
    }

    /// Whether the file at `path` still has this stamp.
    pub fn is_still_at(&self, path: &Path) -> bool {
        Self::at(path).is_ok_and(|stamp| stamp == *self)
    }
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapping),
    Read(Vec<u8>),
}

/// A mapping of a file.
#[derive(Debug)]
struct Mapping {
    /// Dropped before the mapping.
    #[cfg(unix)]
    _watched: super::truncation::Guard,
    map: memmap2::Mmap,
}

impl FileBytes {
    /// Opens `path`.
    ///
    /// # Errors
    /// The message of `wasm-ld`: `cannot open PATH: REASON`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_io(path).map_err(|error| cannot_open(path, &error))
    }

    fn open_io(path: &Path) -> std::io::Result<Self> {
        // A pipe can be opened only once.
        let file = File::open(path).map_err(|error| match cfg!(windows) && path.is_dir() {
            // Windows opens no directory as a file, and says only that access is denied.
            true => ErrorKind::IsADirectory.into(),
            false => error,
        })?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let id = FileId::of(&file, &metadata);
        let length = metadata.len();
        let bytes = if metadata.is_file() && length >= WORTH_MAPPING {
            Bytes::Mapped(map(path, &file, length)?)
        } else {
            // Pipes and files in `/proc` report length 0.
            let most = if length == 0 { u64::MAX } else { length };
            let mut bytes = Vec::with_capacity(length as usize);
            file.take(most).read_to_end(&mut bytes)?;
            Bytes::Read(bytes)
        };
        Ok(Self {
            bytes,
            stamp: metadata
                .is_file()
                .then(|| Stamp::new(id.clone(), &metadata)),
            id,
        })
    }

    /// Whether the file is a pipe, which cannot be read again.
    pub fn is_read_once(&self) -> bool {
        self.stamp.is_none() && self.id != FileId::None
    }

    /// The stamp of the file when it was opened; `None` for a pipe.
    pub fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self {
            bytes: Bytes::Read(Vec::new()),
            id: FileId::None,
            stamp: None,
        }
    }

    /// The identity of the file.
    pub fn id(&self) -> &FileId {
        &self.id
    }

    /// Lets the system reclaim the pages of a large file.
    pub fn release(&self) {
        if let Bytes::Mapped(Mapping { map, .. }) = &self.bytes
            && map.len() >= WORTH_RELEASING
        {
            release(map);
        }
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(mapping) => &mapping.map,
            Bytes::Read(bytes) => bytes,
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

/// The error for an input that changed during the link.
pub fn changed() -> Error {
    Error::new("the file changed during the link")
        .note("another program is writing to this input: link again when it is done")
}

fn what_to_do(kind: ErrorKind, path: &Path) -> Option<&'static str> {
    match kind {
        // An existing response file would have been expanded.
        ErrorKind::NotFound if path.as_os_str().as_encoded_bytes().starts_with(b"@") => {
            Some("an argument that begins with `@` names a file of further arguments")
        }
        ErrorKind::NotFound => Some("build it first, or correct the path"),
        ErrorKind::PermissionDenied => Some("make it readable for the user who links"),
        ErrorKind::IsADirectory => {
            Some("name the files in it, or search it for libraries with -L DIRECTORY")
        }
        _ => None,
    }
}

#[allow(unsafe_code)]
fn map(path: &Path, file: &File, length: u64) -> std::io::Result<Mapping> {
    #[cfg(not(unix))]
    let _ = path;
    let mut options = memmap2::MmapOptions::new();
    if length <= WORTH_POPULATING {
        options.populate();
    }
    // SAFETY: the mapping is private and read-only. Another process may still change the file, as with any
    // linker that maps its inputs: `truncation` reports truncated files, and `Files::check_unchanged` reports
    // changed files.
    let map = unsafe { options.map(file) }?;
    Ok(Mapping {
        #[cfg(unix)]
        _watched: super::truncation::watch(path, &map),
        map,
    })
}

#[allow(unsafe_code)]
fn release(map: &memmap2::Mmap) {
    // SAFETY: the mapping is of a file and read-only. Released pages are read from the file again, which has
    // the same bytes under the assumption of `map`.
    #[cfg(unix)]
    let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    #[cfg(not(unix))]
    let _ = map;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_detects_another_time_length_or_inode() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.o");
        let open = || {
            std::fs::write(&path, b"one").expect("written");
            let file = FileBytes::open(&path).expect("a file");
            file.stamp().cloned().expect("a stamp")
        };
        let stamp = open();
        assert!(stamp.is_still_at(&path));
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
        assert!(!stamp.is_still_at(&path), "the time");
        let stamp = open();
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        std::fs::write(&path, b"longer").expect("written");
        file.set_modified(modified.expect("a time")).expect("set");
        assert!(!stamp.is_still_at(&path), "the length");
        drop(file);
        let stamp = open();
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        let other = directory.path().join("other");
        std::fs::write(&other, b"one").expect("written");
        let file = std::fs::File::options()
            .write(true)
            .open(&other)
            .expect("a file");
        file.set_modified(modified.expect("a time")).expect("set");
        std::fs::rename(&other, &path).expect("renamed");
        assert!(!stamp.is_still_at(&path), "the inode number");
        std::fs::remove_file(&path).expect("removed");
        assert!(!stamp.is_still_at(&path), "no file");
    }
}
