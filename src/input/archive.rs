//! Archives and their members, thin ones too.

use super::map::FileBytes;
use crate::args::from_bytes;
use crate::error::{Error, Result};
use object::read::archive::{ArchiveFile, ArchiveMember};
use std::path::{Path, PathBuf};

/// A member of an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name as the archive has it; of a thin archive, a path relative to the archive.
    pub name: String,
    /// Where its bytes are.
    pub content: Content<'a>,
}

/// Where the bytes of a member are.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// In the archive.
    Inside(&'a [u8]),
    /// In a file of its own: the archive is thin.
    Outside(PathBuf),
}

/// The members of the archive `bytes`, which is the file `path`.
///
/// # Errors
/// An archive that ends early or whose headers are not right.
pub fn members<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<Member<'a>>> {
    let malformed = malformed(path);
    let archive = ArchiveFile::parse(bytes).map_err(&malformed)?;
    archive
        .members()
        .map(|member| {
            let member = member.map_err(&malformed)?;
            let content = if member.is_thin() {
                Content::Outside(thin_path(path, &member))
            } else {
                Content::Inside(member.data(bytes).map_err(&malformed)?)
            };
            let name = match str::from_utf8(member.name()) {
                Ok(name) => name.to_owned(),
                Err(_) => String::from_utf8_lossy(member.name()).into_owned(),
            };
            Ok(Member { name, content })
        })
        .collect()
}

fn malformed(path: &Path) -> impl Fn(object::read::Error) -> Error {
    move |error| {
        Error::new(format!("malformed archive: {error}"))
            .note("make the archive again (llvm-ar rcs), it may have been cut off")
            .in_file(path.display())
    }
}

/// A thin archive names its members relative to itself.
fn thin_path(archive: &Path, member: &ArchiveMember<'_>) -> PathBuf {
    let name = PathBuf::from(from_bytes(member.name()));
    archive.parent().unwrap_or(Path::new("")).join(name)
}

/// The names in the symbol index of an archive; none if it has no index.
pub fn index(bytes: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let symbols = ArchiveFile::parse(bytes).ok()?.symbols().ok()??;
    Some(symbols.filter_map(|symbol| Some(symbol.ok()?.name())))
}

/// Whether the archive holds only the names of its members.
pub fn is_thin(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<thin>\n")
}

/// Opens the members of a thin archive, which are files.
///
/// # Errors
/// The first file that cannot be opened, with the archive that names it.
pub fn open_thin(path: &Path, bytes: &[u8]) -> Result<Vec<FileBytes>> {
    if !is_thin(bytes) {
        return Ok(Vec::new());
    }
    members(path, bytes)?
        .iter()
        .map(|member| match &member.content {
            Content::Inside(_) => Ok(FileBytes::empty()),
            Content::Outside(file) => FileBytes::open(file).map_err(|error| {
                error
                    .note("a thin archive holds only the names of its members: put the file back, or make the archive again")
                    .in_file(path.display())
            }),
        })
        .collect()
}
