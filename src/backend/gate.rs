//! Gates: what lets the backend start to read its inputs while others are still being written.
//!
//! wasm-ld opens and parses its inputs in the order of the command line. A gate is an input before files that are
//! not written yet: a FIFO that gives an empty archive, but not before these files are complete. Until then the
//! backend waits at the gate.

use std::fs::{self, File};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

/// An archive without members.
pub const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// A closed gate. If it is dropped, the backend reads an empty file, which is an error.
#[derive(Debug)]
pub struct Gate {
    fifo: File,
    path: PathBuf,
    /// Where the file is written that replaces the FIFO.
    open_path: PathBuf,
}

impl Gate {
    /// Whether this platform has gates.
    pub const ARE_POSSIBLE: bool = cfg!(target_os = "linux");

    /// Creates a gate at `path`. `open_path` is a path for a file on the same file system.
    ///
    /// # Errors
    /// The file system has no FIFOs.
    #[cfg(target_os = "linux")]
    pub fn create(path: PathBuf, open_path: PathBuf) -> Result<Self> {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Opened for both, a FIFO opens at once (`fifo(7)`), here and in the backend.
        let fifo = File::options().read(true).write(true).open(&path)?;
        Ok(Self {
            fifo,
            path,
            open_path,
        })
    }

    /// There are none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn create(_: PathBuf, _: PathBuf) -> Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the backend pass.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn open(mut self) -> Result<()> {
        // If the backend opens the path later, it finds a file: a FIFO that was closed here keeps no data, and
        // blocks.
        fs::write(&self.open_path, EMPTY_ARCHIVE)?;
        fs::rename(&self.open_path, &self.path)?;
        // If it has opened the FIFO, it gets the data, and the end of it when this end is closed. This is far less
        // than a pipe holds, so it does not block.
        self.fifo.write_all(EMPTY_ARCHIVE)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn gate(directory: &tempfile::TempDir) -> (PathBuf, Gate) {
        let path = directory.path().join("gate.a");
        let gate = Gate::create(path.clone(), directory.path().join("open.a"));
        (path, gate.expect("a gate"))
    }

    #[test]
    fn a_reader_waits_until_the_gate_opens() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, gate) = gate(&directory);
        let reader = thread::spawn(move || fs::read(path).expect("an archive"));
        thread::sleep(Duration::from_millis(20));
        assert!(!reader.is_finished());
        gate.open().expect("an open gate");
        assert_eq!(reader.join().expect("a reader"), EMPTY_ARCHIVE);
    }

    #[test]
    fn a_reader_passes_a_gate_that_is_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, gate) = gate(&directory);
        gate.open().expect("an open gate");
        assert_eq!(fs::read(path).expect("an archive"), EMPTY_ARCHIVE);
    }

    #[test]
    fn a_gate_that_is_dropped_ends_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, gate) = gate(&directory);
        let reader = thread::spawn(move || fs::read(path).expect("a file"));
        thread::sleep(Duration::from_millis(20));
        drop(gate);
        assert_eq!(reader.join().expect("a reader"), b"");
    }
}
