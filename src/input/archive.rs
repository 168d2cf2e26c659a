//! Archives and their members, thin ones too.

use super::map::FileBytes;
use crate::args::from_bytes;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use object::read::archive::{ArchiveFile, ArchiveMember};
use std::ops::Range;
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

/// An archive like `bytes` whose members have other contents: those that `content` gives, or their
/// own. `None` for a thin archive, and for one that is not in GNU's format.
///
/// # Errors
/// An archive that ends early or whose headers are not right.
pub fn with_contents<'a>(
    path: &Path,
    bytes: &'a [u8],
    content: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
) -> Result<Option<Vec<u8>>> {
    let malformed = malformed(path);
    let mut headers = Vec::new();
    for member in ArchiveFile::parse(bytes).map_err(&malformed)?.members() {
        let member = member.map_err(&malformed)?;
        // Before the content, that is, unless the name is there, as BSD's archives have it.
        let header = member.file_range().0.checked_sub(HEADER as u64);
        match (member.header(), header.map(|header| header as usize)) {
            (Some(raw), Some(header)) if !raw.name.starts_with(b"#1/") && !member.is_thin() => {
                headers.push((header, member.data(bytes).map_err(&malformed)?));
            }
            _ => return Ok(None),
        }
    }
    // First the symbol table and the long names.
    let first = headers.first().map_or(bytes.len(), |(header, _)| *header);
    let mut archive = bytes[..first].to_vec();
    let mut moved = HashMap::default();
    for (header, old) in headers {
        let new = content(old).unwrap_or(old);
        moved.insert(header as u32, archive.len() as u32);
        archive.extend_from_slice(&bytes[header..header + SIZE.start]);
        archive.extend_from_slice(format!("{:<10}`\n", new.len()).as_bytes());
        archive.extend_from_slice(new);
        if new.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    Ok(move_symbols(&mut archive, &moved).then_some(archive))
}

/// The length of a member's header, and where in it the member's size is (`ar(5)`).
const HEADER: usize = 60;
const SIZE: Range<usize> = 48..58;

/// Lets the symbol table, if there is one, say where the members are now. Whether that is done.
fn move_symbols(archive: &mut [u8], moved: &HashMap<u32, u32>) -> bool {
    const TABLE: &[u8] = b"!<arch>\n/               ";
    if !archive.starts_with(TABLE) {
        // Without a symbol table the backend looks into the members.
        return !archive.starts_with(b"!<arch>\n__.SYMDEF")
            && !archive.starts_with(b"!<arch>\n/SYM64/");
    }
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).ok();
    let Some((count, offsets)) = archive
        .get_mut(b"!<arch>\n".len() + HEADER..)
        .and_then(|table| table.split_at_mut_checked(4))
    else {
        return false;
    };
    let count = word(count).unwrap_or_default() as usize;
    offsets.chunks_exact_mut(4).take(count).all(|offset| {
        let new = word(offset).and_then(|old| moved.get(&old));
        new.map(|new| offset.copy_from_slice(&new.to_be_bytes()))
            .is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and the member.
    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let header = format!("{name:<16}{:<32}{:<10}`\n", 0, content.len());
        let pad = &b"\n"[..content.len() % 2];
        [header.as_bytes(), content, pad].concat()
    }

    #[test]
    fn other_contents_in_an_archive_with_a_symbol_table() {
        let archive = |a: &[u8], b: &[u8]| {
            let start = 8 + HEADER as u32 + 16;
            let b_start = start + member("a.o/", a).len() as u32;
            let words = [2, b_start, start].map(u32::to_be_bytes).concat();
            let table = member("/", &[&words[..], b"b\0a\0"].concat());
            [
                b"!<arch>\n".to_vec(),
                table,
                member("a.o/", a),
                member("b.o/", b),
            ]
            .concat()
        };
        let path = Path::new("libx.a");
        let old = archive(b"three", b"b");
        let content = |old: &[u8]| (old == b"three").then_some(&b"content"[..]);
        let new = with_contents(path, &old, content).expect("an archive");
        assert_eq!(new, Some(archive(b"content", b"b")));
        let same = with_contents(path, &old, |_| None).expect("an archive");
        assert_eq!(same, Some(old));
    }
}
