//! Inputs that another program changes while they are linked.
//!
//! We and the backend read an input at different times. If it is another in between, the output is made of two
//! builds, and nobody would know.

use super::map::FileId;
use super::{ArchiveContent, Files, InputFile, archive_members, changed};
use crate::error::Result;
use crate::parallel::Cores;
use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// What a file was at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    id: FileId,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// That of the file at `path`, of which `metadata` are.
    pub fn of(path: &Path, metadata: &Metadata) -> Self {
        Self {
            id: FileId::of(path, metadata),
            length: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    fn is_still_at(&self, path: &Path) -> bool {
        let metadata = path.metadata();
        metadata.is_ok_and(|metadata| Self::of(path, &metadata) == *self)
    }
}

impl Files {
    /// Checks that all inputs are what they were, but for one that the `output` was written over.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_unchanged(&self, output: &Path) -> Result<()> {
        Cores::for_objects(self.files.len())
            .try_map(&self.files, |file| check(file, output))
            .map(|_| ())
    }
}

fn check(file: &InputFile, output: &Path) -> Result<()> {
    let is_same = |stamp: &Stamp, path: &Path| stamp.is_still_at(path) || is_one(path, output);
    if let Some(stamp) = file.bytes.stamp()
        && !is_same(stamp, &file.path)
    {
        return Err(changed().in_file(file.path.display()));
    }
    if file.thin.is_empty() {
        return Ok(());
    }
    let members = archive_members(&file.path, file.bytes.bytes())?;
    for (member, bytes) in members.iter().zip(&file.thin) {
        if let (ArchiveContent::Outside(path), Some(stamp)) = (&member.content, bytes.stamp())
            && !is_same(stamp, path)
        {
            return Err(changed().in_file(path.display()));
        }
    }
    Ok(())
}

/// Whether two paths lead to one file.
fn is_one(path: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(path).is_some_and(|path| Some(path) == real(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::FileBytes;
    use std::fs;

    #[test]
    fn a_file_is_another_when_its_time_length_or_number_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.o");
        let open = || {
            fs::write(&path, b"one").expect("written");
            let file = FileBytes::open(&path).expect("a file");
            file.stamp().cloned().expect("a stamp")
        };
        let stamp = open();
        assert!(stamp.is_still_at(&path));
        let file = fs::File::options().write(true).open(&path).expect("it");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
        assert!(!stamp.is_still_at(&path), "the time");
        let stamp = open();
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        fs::write(&path, b"longer").expect("written");
        file.set_modified(modified.expect("a time")).expect("set");
        assert!(!stamp.is_still_at(&path), "the length");
        let stamp = open();
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let other = directory.path().join("other");
        fs::write(&other, b"one").expect("written");
        let file = fs::File::options().write(true).open(&other).expect("it");
        file.set_modified(modified.expect("a time")).expect("set");
        fs::rename(&other, &path).expect("renamed");
        assert!(!stamp.is_still_at(&path), "the number");
        fs::remove_file(&path).expect("removed");
        assert!(!stamp.is_still_at(&path), "there is none");
    }
}
