//! Temporary files: in a directory, which is removed when dropped or by the signal handler, or in memory.

#[cfg(unix)]
use crate::cleanup;
use crate::error::{Error, os_message};
use crate::interrupt;
use std::io::Result;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The temporary files of a link. They are named by number.
#[derive(Debug)]
pub struct TemporaryFiles {
    place: Place,
    /// The number of names given.
    names: usize,
}

#[derive(Debug)]
enum Place {
    Directory(TempDir),
    #[cfg(target_os = "linux")]
    Memory(memory::Descriptors),
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
    /// In the order of the kinds.
    const EXTENSIONS: [&'static str; 4] = ["o", "a", "rsp", "i"];

    fn extension(self) -> &'static str {
        Self::EXTENSIONS[self as usize]
    }
}

/// The prefix of directory names.
pub const PREFIX: &str = "wasm-section-ld-";

impl TemporaryFiles {
    /// Files in a new directory in `TMPDIR`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn in_directory() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Other users must not read or replace what is linked.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        builder.prefix(PREFIX);
        interrupt::install_handlers();
        let directory = interrupt::defer_signals(|| {
            let directory = builder.tempdir()?;
            #[cfg(unix)]
            cleanup::register(directory.path());
            Ok::<_, std::io::Error>(directory)
        })?;
        Ok(Self {
            place: Place::Directory(directory),
            names: 0,
        })
    }

    /// Files in memory, which vanish with this process. Making files in a directory takes most of the time of a link of
    /// many small archives.
    ///
    /// # Errors
    /// The system has no such files, or too few.
    pub fn in_memory(count: usize) -> Result<Self> {
        #[cfg(target_os = "linux")]
        return Ok(Self {
            place: Place::Memory(memory::Descriptors::new(count)?),
            names: 0,
        });
        #[cfg(not(target_os = "linux"))]
        {
            let _ = count;
            Err(std::io::ErrorKind::Unsupported.into())
        }
    }

    /// Whether the files are in memory.
    pub fn are_in_memory(&self) -> bool {
        !matches!(self.place, Place::Directory(_))
    }

    /// The directory that their paths begin with.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Directory(directory) => directory.path(),
            #[cfg(target_os = "linux")]
            Place::Memory(descriptors) => descriptors.path(),
        }
    }

    /// The path of the next file, to be written.
    ///
    /// # Errors
    /// A file in memory that cannot be made.
    pub fn file(&mut self, kind: Kind) -> Result<PathBuf> {
        match &mut self.place {
            Place::Directory(_) => {
                let name = self.name(kind);
                Ok(self.path().join(name))
            }
            #[cfg(target_os = "linux")]
            Place::Memory(descriptors) => descriptors.file(),
        }
    }

    /// A name that no other file or archive member of this link has.
    pub fn name(&mut self, kind: Kind) -> String {
        let name = format!("{}.{}", self.names, kind.extension());
        self.names += 1;
        #[cfg(all(unix, not(target_os = "linux")))]
        cleanup::remove::count(self.names, &Kind::EXTENSIONS);
        name
    }

    /// A pipe, and the path from which another process reads it.
    ///
    /// # Errors
    /// The files are not in memory, or there are too many.
    pub fn pipe(&mut self) -> Result<(PathBuf, std::io::PipeWriter)> {
        match &mut self.place {
            Place::Directory(_) => Err(std::io::ErrorKind::Unsupported.into()),
            #[cfg(target_os = "linux")]
            Place::Memory(descriptors) => descriptors.pipe(),
        }
    }
}

/// The error for a temporary file that cannot be written. It names the directory, as the file name
/// means nothing to the user.
pub fn cannot_write(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note("set TMPDIR to a directory for temporary files, with room for a copy of the inputs that have entries")
}

/// Files without a name in any file system. Other processes of the user open them by the number of the descriptor
/// (`proc_pid_fd(5)`).
#[cfg(target_os = "linux")]
mod memory {
    use rustix::fs::{MemfdFlags, fstat, memfd_create, stat};
    use rustix::process::{Resource, getrlimit, setrlimit};
    use std::io::{Error, ErrorKind, PipeWriter, Result, pipe};
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::path::{Path, PathBuf};

    /// Descriptors that other parts of this process may need.
    const OTHERS: u64 = 64;

    #[derive(Debug)]
    pub struct Descriptors {
        path: PathBuf,
        /// Open until the backend has ended.
        open: Vec<OwnedFd>,
    }

    impl Descriptors {
        /// Room for `count` descriptors.
        pub fn new(count: usize) -> Result<Self> {
            let path = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
            allow(count as u64 + OTHERS)?;
            let mut descriptors = Self {
                path,
                open: Vec::with_capacity(count),
            };
            // `/proc` may be missing, or that of another namespace.
            let probe = descriptors.file()?;
            let named = stat(&probe)?;
            let is_there = descriptors
                .open
                .last()
                .is_some_and(|file| fstat(file).is_ok_and(|file| file.st_ino == named.st_ino));
            match is_there {
                true => Ok(descriptors),
                false => Err(ErrorKind::Unsupported.into()),
            }
        }

        pub fn path(&self) -> &Path {
            &self.path
        }

        pub fn file(&mut self) -> Result<PathBuf> {
            let file = memfd_create("wasm-section-ld", MemfdFlags::CLOEXEC)?;
            Ok(self.add(file))
        }

        /// The reading end stays open, so that the pipe keeps its data.
        pub fn pipe(&mut self) -> Result<(PathBuf, PipeWriter)> {
            let (reader, writer) = pipe()?;
            Ok((self.add(reader.into()), writer))
        }

        fn add(&mut self, descriptor: OwnedFd) -> PathBuf {
            let number = descriptor.as_fd().as_raw_fd();
            self.open.push(descriptor);
            self.path.join(number.to_string())
        }
    }

    /// Raises the limit of this process for open files if necessary.
    fn allow(count: u64) -> Result<()> {
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current.is_some_and(|current| current < count) {
            if limit.maximum.is_some_and(|most| most < count) {
                return Err(Error::from(ErrorKind::QuotaExceeded));
            }
            limit.current = Some(count);
            setrlimit(Resource::Nofile, limit)?;
        }
        Ok(())
    }
}
