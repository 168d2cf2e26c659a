//! Temporary files: in a directory, which is removed when dropped or by the signal handler, or in memory.

#[cfg(unix)]
use crate::cleanup;
use crate::error::{Error, Result, os_message};
use crate::interrupt;
use std::ffi::OsStr;
use std::io;
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

/// The environment variable with the path of the directory for temporary files.
const VARIABLE: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

/// The prefix of directory names.
pub const PREFIX: &str = "wasm-section-ld-";

impl TemporaryFiles {
    /// Files in a new directory, in the first of [`places`] where that is possible.
    ///
    /// # Errors
    /// It is not possible in any of them. The error names the first.
    pub fn in_directory(output: &Path) -> Result<Self> {
        let (first, others) = places(output);
        Self::in_first(&first, &others)
    }

    fn in_first(first: &Path, others: &[Option<PathBuf>]) -> Result<Self> {
        Self::create_in(first).or_else(|error| {
            let mut others = others.iter().flatten();
            let created = others.find_map(|place| Self::create_in(place).ok());
            created.ok_or_else(|| cannot_write_to(first, &error))
        })
    }

    fn create_in(place: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Other users must not read or replace what is linked.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        builder.prefix(PREFIX);
        interrupt::install_handlers();
        let directory = interrupt::defer_signals(|| {
            let directory = builder.tempdir_in(place)?;
            #[cfg(unix)]
            cleanup::register(directory.path());
            #[cfg(windows)]
            interrupt::windows::register(directory.path());
            Ok::<_, io::Error>(directory)
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
    pub fn in_memory(count: usize) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        return Ok(Self {
            place: Place::Memory(memory::Descriptors::new(count)?),
            names: 0,
        });
        #[cfg(not(target_os = "linux"))]
        {
            let _ = count;
            Err(io::ErrorKind::Unsupported.into())
        }
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
            Place::Memory(descriptors) => descriptors
                .file()
                .map_err(|error| cannot_make_in_memory(&error)),
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
    pub fn pipe(&mut self) -> Result<(PathBuf, io::PipeWriter)> {
        let made = match &mut self.place {
            Place::Directory(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(target_os = "linux")]
            Place::Memory(descriptors) => descriptors.pipe(),
        };
        made.map_err(|error| cannot_make_in_memory(&error))
    }
}

/// Removes the directory. Windows removes no file that a process has mapped or opened without sharing its
/// removal: a virus scanner, or a child of the backend that has not ended yet. So this tries again for a while.
#[cfg(windows)]
pub fn remove(directory: &Path) -> io::Result<()> {
    use std::time::Duration;
    const MAX_TRIES: u32 = 10;
    for number in 0..MAX_TRIES {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // Two seconds in all.
                std::thread::sleep(Duration::from_millis(2 << number));
            }
            _ => return Ok(()),
        }
    }
    std::fs::remove_dir_all(directory)
}

#[cfg(windows)]
impl Drop for TemporaryFiles {
    fn drop(&mut self) {
        // Ignored as on other systems. The link has its result.
        let _ = remove(self.path());
    }
}

/// Where the directory may be, as for GNU tools: a sandbox may set a `TMPDIR` that it does not have. Where it has no
/// `/tmp` either, the directory of the output can be written.
fn places(output: &Path) -> (PathBuf, [Option<PathBuf>; 2]) {
    let system = cfg!(unix).then(|| PathBuf::from("/tmp"));
    let beside = output
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new(".")).to_owned();
    (std::env::temp_dir(), [system, Some(beside)])
}

/// The error for a temporary file that cannot be written. It names the directory that [`TemporaryFiles`] was created in, as
/// other names mean nothing to the user.
pub fn cannot_write(file: &Path, error: &std::io::Error) -> Error {
    let is_ours = |name: &OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
    let ours = |path: &&Path| path.file_name().is_some_and(is_ours);
    let place = file.ancestors().find(ours).and_then(Path::parent);
    cannot_write_to(place.unwrap_or(file), error)
}

fn cannot_write_to(place: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("cannot write to {}: {}", place.display(), os_message(error)))
        .note(format!("set {VARIABLE} to a directory for temporary files, with room for a copy of the inputs that have entries"))
}

/// The error for a temporary file or pipe in memory that cannot be made.
pub fn cannot_make_in_memory(error: &std::io::Error) -> Error {
    Error::new(format!(
        "cannot make a temporary file in memory: {}",
        os_message(error)
    ))
    .note("raise the limits for open files and memory (ulimit -n, -v)")
}

/// Files without a name in any file system. Other processes of the user open them by the number of the descriptor
/// (`proc_pid_fd(5)`).
#[cfg(target_os = "linux")]
mod memory {
    use rustix::fs::{MemfdFlags, fstat, memfd_create, stat};
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit, setrlimit};
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
            // Other processes of the user cannot open the descriptors of a program that he may not read (`proc(5)`).
            if dumpable_behavior()? != DumpableBehavior::Dumpable {
                return Err(ErrorKind::PermissionDenied.into());
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that takes no directory is passed over, and what is created is in the next.
    #[test]
    fn the_first_place_that_takes_a_directory() {
        let outside = tempfile::tempdir().expect("a directory");
        let missing = outside.path().join("missing");
        let beside = Some(outside.path().to_owned());
        let directory = TemporaryFiles::in_first(&missing, &[None, beside]).expect("a directory");
        assert_eq!(directory.path().parent(), Some(outside.path()));
        drop(directory);
        assert_eq!(outside.path().read_dir().expect("a directory").count(), 0);
        let error = TemporaryFiles::in_first(&missing, &[None, Some(missing.join("below"))]);
        let message = error.expect_err("no place").to_string();
        let expected = format!("cannot write to {}: ", missing.display());
        assert!(message.starts_with(&expected), "{message}");
    }

    #[test]
    fn the_directory_of_the_output_is_the_last_place() {
        for (output, place) in [("out/a.wasm", "out"), ("a.wasm", "."), ("/a.wasm", "/")] {
            let (_, others) = places(Path::new(output));
            assert_eq!(others.last(), Some(&Some(PathBuf::from(place))), "{output}");
        }
    }

    #[test]
    fn an_error_names_the_place() {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        for (file, place) in [
            ("/a/wasm-section-ld-x/0.o", "/a"),
            ("/a/wasm-section-ld-x/output/0.o", "/a"),
            ("/a", "/a"),
        ] {
            let message = cannot_write(Path::new(file), &error).to_string();
            let expected = format!("cannot write to {place}: ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}
