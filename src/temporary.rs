//! The directory of temporary files. It is removed when dropped, or by the signal handler.

use crate::error::{Error, os_message};
use crate::interrupt;
use std::io::Result;
use std::path::Path;
use tempfile::TempDir;

/// A directory whose files are named by number and kind.
#[derive(Debug)]
pub struct Directory {
    directory: TempDir,
    files: usize,
}

/// The kind of a file, which gives its extension.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An object.
    Object,
    /// An archive.
    Archive,
    /// A response file.
    ResponseFile,
    /// An input that was a pipe.
    Input,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Object => "o",
            Self::Archive => "a",
            Self::ResponseFile => "rsp",
            Self::Input => "i",
        }
    }
}

/// The prefix of directory names.
pub const PREFIX: &str = "wasm-section-ld-";

impl Directory {
    /// Creates a directory in `TMPDIR`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Other users must not read or replace what is linked.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        builder.prefix(PREFIX);
        interrupt::install_handlers();
        let directory = interrupt::defer_signals(|| {
            let directory = builder.tempdir()?;
            #[cfg(unix)]
            on_signal::register(directory.path());
            Ok::<_, std::io::Error>(directory)
        })?;
        Ok(Self {
            directory,
            files: 0,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The name of the next file.
    pub fn name(&mut self, kind: Kind) -> String {
        let name = format!("{}.{}", self.files, kind.extension());
        self.files += 1;
        #[cfg(all(unix, not(target_os = "linux")))]
        on_signal::remove::count(self.files);
        name
    }
}

/// The error for a temporary file that cannot be written. It names the directory, as the file name
/// means nothing to the user.
pub fn cannot_write(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note("set TMPDIR to a directory for temporary files, with room for a copy of the inputs that have entries")
}

/// Cleanup in a signal handler. It allocates nothing and takes no lock (`signal-safety(7)`).
#[cfg(unix)]
pub mod on_signal {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::sync::OnceLock;

    /// The directories of the LTO step and of the final link.
    static DIRECTORIES: [OnceLock<CString>; 2] = [const { OnceLock::new() }; 2];
    /// How often removal is tried. Another thread may add a file meanwhile.
    const MAX_TRIES: usize = 100;

    pub(super) fn register(path: &Path) {
        if let Ok(path) = CString::new(path.as_os_str().as_bytes()) {
            let mut slots = DIRECTORIES.iter();
            let _ = slots.any(|slot| slot.set(path.clone()).is_ok());
        }
    }

    /// Removes the directories.
    pub fn remove() {
        for directory in DIRECTORIES.iter().filter_map(|slot| slot.get()) {
            let is_left = |_: &usize| {
                remove::contents(directory);
                rustix::fs::rmdir(directory) == Err(rustix::io::Errno::NOTEMPTY)
            };
            let _ = (0..MAX_TRIES).take_while(is_left).count();
        }
    }

    /// Removes all files of a directory.
    #[cfg(target_os = "linux")]
    pub mod remove {
        use super::CStr;
        use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, unlinkat};
        use rustix::io::Errno;
        use std::mem::MaybeUninit;
        use std::os::fd::{AsFd, BorrowedFd};

        /// Size of the buffer for directory entries.
        const BUFFER_SIZE: usize = 2048;

        pub fn contents(directory: &CStr) {
            let _ = contents_at(CWD, directory);
        }

        fn contents_at(parent: BorrowedFd<'_>, directory: &CStr) -> Result<(), Errno> {
            let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let directory = openat(parent, directory, how, Mode::empty())?;
            let mut buffer = [MaybeUninit::uninit(); BUFFER_SIZE];
            let mut entries = RawDir::new(&directory, &mut buffer);
            while let Some(Ok(entry)) = entries.next() {
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                let flags = match entry.file_type() {
                    FileType::Directory => {
                        contents_at(directory.as_fd(), name)?;
                        AtFlags::REMOVEDIR
                    }
                    _ => AtFlags::empty(),
                };
                let _ = unlinkat(&directory, name, flags);
            }
            Ok(())
        }
    }

    /// Removes the files whose names are known. These systems cannot read a directory without allocating.
    #[cfg(not(target_os = "linux"))]
    pub mod remove {
        use super::super::Kind;
        use super::CStr;
        use std::io::Write;
        use std::sync::atomic::{AtomicUsize, Ordering};

        /// The highest number of files in a directory.
        static FILES: AtomicUsize = AtomicUsize::new(0);
        const KINDS: [Kind; 4] = [Kind::Object, Kind::Archive, Kind::ResponseFile, Kind::Input];
        /// The longest path in bytes.
        const PATH_MAX: usize = 4096;

        pub fn count(files: usize) {
            FILES.fetch_max(files, Ordering::Relaxed);
        }

        pub fn contents(directory: &CStr) {
            for number in 0..FILES.load(Ordering::Relaxed) {
                for kind in KINDS {
                    let mut path = [0; PATH_MAX];
                    let mut rest = &mut path[..PATH_MAX - 1];
                    let name = format_args!("/{number}.{}", kind.extension());
                    let written = rest.write_all(directory.to_bytes());
                    let written = written.and_then(|()| rest.write_fmt(name));
                    if let (Ok(()), Ok(path)) = (written, CStr::from_bytes_until_nul(&path)) {
                        // Most of these files do not exist.
                        let _ = rustix::fs::unlink(path);
                    }
                }
            }
        }
    }
}
