//! The directory of temporary files, which goes when it is dropped, and also where the process ends
//! without that: in the handler of a signal.

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
    Arguments,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Object => "o",
            Self::Archive => "a",
            Self::Arguments => "rsp",
        }
    }
}

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
        let directory = builder.prefix("wasm-section-ld-").tempdir()?;
        #[cfg(unix)]
        on_signal::remember(directory.path());
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
        #[cfg(unix)]
        on_signal::count(self.files);
        name
    }
}

/// For the handler of a signal, after which this process ends.
#[cfg(unix)]
pub mod on_signal {
    use super::Kind;
    use std::ffi::CStr;
    use std::fmt::Arguments;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// One for what is linked and, before it, one for the bitcode in it.
    static DIRECTORIES: [OnceLock<Box<[u8]>>; 2] = [const { OnceLock::new() }; 2];
    /// No directory has more files.
    static FILES: AtomicUsize = AtomicUsize::new(0);
    const KINDS: [Kind; 3] = [Kind::Object, Kind::Archive, Kind::Arguments];
    /// What the system takes for a path (`PATH_MAX` of Linux).
    const LONGEST_PATH: usize = 4096;

    pub(super) fn remember(path: &Path) {
        let path = path.as_os_str().as_bytes();
        let _ = DIRECTORIES.iter().any(|slot| slot.set(path.into()).is_ok());
    }

    pub(super) fn count(files: usize) {
        FILES.fetch_max(files, Ordering::Relaxed);
    }

    /// Removes what there is: without an allocation and without a lock, as handlers must
    /// (`signal-safety(7)`).
    pub fn remove() {
        for directory in DIRECTORIES.iter().filter_map(|slot| slot.get()) {
            for number in 0..FILES.load(Ordering::Relaxed) {
                for kind in KINDS {
                    // Most are not there.
                    let name = format_args!("/{number}.{}", kind.extension());
                    with_path(directory, name, |path| _ = rustix::fs::unlink(path));
                }
            }
            with_path(directory, format_args!(""), |path| {
                _ = rustix::fs::rmdir(path)
            });
        }
    }

    fn with_path(directory: &[u8], name: Arguments<'_>, remove: impl FnOnce(&CStr)) {
        let mut path = [0; LONGEST_PATH];
        let mut rest = &mut path[..LONGEST_PATH - 1];
        let written = rest
            .write_all(directory)
            .and_then(|()| rest.write_fmt(name));
        if let (Ok(()), Ok(path)) = (written, CStr::from_bytes_until_nul(&path)) {
            remove(path);
        }
    }
}
