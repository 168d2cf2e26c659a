//! The directory of temporary files. It is removed when dropped, or by the signal handler.

#[cfg(unix)]
use crate::cleanup;
use crate::error::{Error, Result, os_message};
use crate::interrupt;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
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

/// The prefix of directory names.
pub const PREFIX: &str = "wasm-section-ld-";

impl Directory {
    /// Creates a directory in the first of [`places`] where that is possible.
    ///
    /// # Errors
    /// It is not possible in any of them. The error names the first.
    pub fn new(output: &Path) -> Result<Self> {
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

    fn create_in(place: &Path) -> std::io::Result<Self> {
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

/// The error for a temporary file that cannot be written. It names the directory that [`Directory`] was created in, as
/// other names mean nothing to the user.
pub fn cannot_write(file: &Path, error: &std::io::Error) -> Error {
    let is_ours = |name: &OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
    let ours = |path: &&Path| path.file_name().is_some_and(is_ours);
    let place = file.ancestors().find(ours).and_then(Path::parent);
    cannot_write_to(place.unwrap_or(file), error)
}

fn cannot_write_to(place: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("cannot write to {}: {}", place.display(), os_message(error)))
        .note("set TMPDIR to a directory for temporary files, with room for a copy of the inputs that have entries")
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
        let directory = Directory::in_first(&missing, &[None, beside]).expect("a directory");
        assert_eq!(directory.path().parent(), Some(outside.path()));
        drop(directory);
        assert_eq!(outside.path().read_dir().expect("a directory").count(), 0);
        let error = Directory::in_first(&missing, &[None, Some(missing.join("below"))]);
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
