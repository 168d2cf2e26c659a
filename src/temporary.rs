//! The directory of temporary files, which goes when it is dropped, and also where the process ends
//! without that: in the handler of a signal.

use crate::error::{Error, os_message};
use crate::interrupt;
use std::io::Result;
use std::path::Path;
use tempfile::TempDir;

/// A directory and the names of the files in it: a number, and what is in the file.
#[derive(Debug)]
pub struct Directory {
    directory: TempDir,
    files: usize,
}

/// What is in a file, as its extension.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An object.
    Object,
    /// An archive.
    Archive,
    /// The arguments of the backend.
    ResponseFile,
    /// An input that only we could read.
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

/// What the names of these directories begin with.
pub const PREFIX: &str = "wasm-section-ld-";

impl Directory {
    /// Makes one in the directory of `TMPDIR`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Nobody else is to read what is linked, nor to change it on its way to the backend.
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

/// A temporary file that cannot be written. The names of temporary files mean nothing to the user, that of their
/// directory does.
pub fn cannot_write(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note("the directory of temporary files is that of TMPDIR; it needs room for the inputs that have entries")
}

/// For the handler of a signal, after which this process ends: without an allocation and without a lock, as
/// handlers must (`signal-safety(7)`).
#[cfg(unix)]
pub mod on_signal {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::sync::OnceLock;

    /// One for what is linked and, before it, one for the bitcode in it.
    static DIRECTORIES: [OnceLock<CString>; 2] = [const { OnceLock::new() }; 2];
    /// How often it is tried: another thread may write a file just now, and can write none when the directory
    /// is gone.
    const MAX_TRIES: usize = 100;

    pub(super) fn register(path: &Path) {
        if let Ok(path) = CString::new(path.as_os_str().as_bytes()) {
            let mut slots = DIRECTORIES.iter();
            let _ = slots.any(|slot| slot.set(path.clone()).is_ok());
        }
    }

    /// Removes what there is.
    pub fn remove() {
        for directory in DIRECTORIES.iter().filter_map(|slot| slot.get()) {
            let is_left = |_: &usize| {
                remove::contents(directory);
                rustix::fs::rmdir(directory) == Err(rustix::io::Errno::NOTEMPTY)
            };
            let _ = (0..MAX_TRIES).take_while(is_left).count();
        }
    }

    /// All that is in a directory.
    #[cfg(target_os = "linux")]
    pub mod remove {
        use super::CStr;
        use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, unlinkat};
        use rustix::io::Errno;
        use std::mem::MaybeUninit;
        use std::os::fd::{AsFd, BorrowedFd};

        /// What the kernel hands out at once, in bytes.
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

    /// The files of which we know the names, as such a system has no call that reads a directory without an
    /// allocation.
    #[cfg(not(target_os = "linux"))]
    pub mod remove {
        use super::super::Kind;
        use super::CStr;
        use std::io::Write;
        use std::sync::atomic::{AtomicUsize, Ordering};

        /// No directory has more files.
        static FILES: AtomicUsize = AtomicUsize::new(0);
        const KINDS: [Kind; 4] = [Kind::Object, Kind::Archive, Kind::ResponseFile, Kind::Input];
        /// What the system takes for a path (`PATH_MAX`).
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
                        // Most are not there.
                        let _ = rustix::fs::unlink(path);
                    }
                }
            }
        }
    }
}
