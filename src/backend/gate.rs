//! Gates: what lets the backend start to read its inputs while others are still being written.
//!
//! wasm-ld opens and parses its inputs in the order of the command line. A gate is an input before files that are
//! not written yet: a pipe that gives an empty archive, but not before these files are complete. Until then the
//! backend waits at the gate.

use crate::error::Result;
use crate::temporary::{TemporaryFiles, cannot_make_in_memory};
use std::io::{PipeWriter, Write};
use std::path::PathBuf;

/// An archive without members.
pub const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// A closed gate. If it is dropped, the backend reads an empty file, which is an error.
#[derive(Debug)]
pub struct Gate(PipeWriter);

impl Gate {
    /// Creates a gate. Returns its path too.
    ///
    /// # Errors
    /// The temporary files are not in memory, or there are too many.
    pub fn create(files: &mut TemporaryFiles) -> Result<(PathBuf, Self)> {
        let (path, writer) = files.pipe()?;
        Ok((path, Self(writer)))
    }

    /// Lets the backend pass.
    ///
    /// # Errors
    /// The pipe cannot be written.
    pub fn open(mut self) -> Result<()> {
        // This is far less than a pipe holds, so it does not block. The end of the data comes with the end of `self`.
        let written = self.0.write_all(EMPTY_ARCHIVE);
        written.map_err(|error| cannot_make_in_memory(&error))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs;
    use std::thread;
    use std::time::Duration;

    fn gate() -> (TemporaryFiles, PathBuf, Gate) {
        let mut files = TemporaryFiles::in_memory(1).expect("files in memory");
        let (path, gate) = Gate::create(&mut files).expect("a gate");
        (files, path, gate)
    }

    #[test]
    fn a_reader_waits_until_the_gate_opens() {
        let (_files, path, gate) = gate();
        let reader = thread::spawn(move || fs::read(path).expect("an archive"));
        thread::sleep(Duration::from_millis(20));
        assert!(!reader.is_finished());
        gate.open().expect("an open gate");
        assert_eq!(reader.join().expect("a reader"), EMPTY_ARCHIVE);
    }

    #[test]
    fn a_reader_passes_a_gate_that_is_open() {
        let (_files, path, gate) = gate();
        gate.open().expect("an open gate");
        assert_eq!(fs::read(path).expect("an archive"), EMPTY_ARCHIVE);
    }

    #[test]
    fn a_gate_that_is_dropped_ends_the_file() {
        let (_files, path, gate) = gate();
        let reader = thread::spawn(move || fs::read(path).expect("a file"));
        thread::sleep(Duration::from_millis(20));
        drop(gate);
        assert_eq!(reader.join().expect("a reader"), b"");
    }
}
