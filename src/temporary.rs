//! The directory of temporary files. It is removed when dropped, or by the signal handler.

#[cfg(unix)]
use crate::cleanup;
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

impl Directory {
    /// Creates a directory in `TMPDIR`; on Windows, in `TMP` or `TEMP`.
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
            cleanup::register(directory.path());
            #[cfg(windows)]
            interrupt::windows::register(directory.path());
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
        cleanup::remove::count(self.files, &Kind::EXTENSIONS);
        name
    }
}

/// Removes the directory. Windows removes no file that a process has mapped or opened without sharing its
/// removal: a virus scanner, or a child of the backend that has not ended yet. So this tries again for a while.
#[cfg(windows)]
pub fn remove(directory: &Path) -> Result<()> {
    use std::time::Duration;
    const MAX_TRIES: u32 = 10;
    for number in 0..MAX_TRIES {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                // Two seconds in all.
                std::thread::sleep(Duration::from_millis(2 << number));
            }
            _ => return Ok(()),
        }
    }
    std::fs::remove_dir_all(directory)
}

#[cfg(windows)]
impl Drop for Directory {
    fn drop(&mut self) {
        // Ignored as on other systems. The link has its result.
        let _ = remove(self.path());
    }
}

/// The error for a temporary file that cannot be written. It names the directory, as the file name
/// means nothing to the user.
pub fn cannot_write(error: &std::io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!("cannot write to {}: {}", directory.display(), os_message(error)))
        .note(format!("set {VARIABLE} to a directory for temporary files, with room for a copy of the inputs that have entries"))
}
