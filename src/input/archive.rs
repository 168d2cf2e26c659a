//! Reads regular and thin archives, and writes archives.

use super::map::FileBytes;
use super::module::Name;
use crate::args::from_bytes;
use crate::bitcode::Bitcode;
use crate::error::{Error, Result};
use crate::wasm;
use ar_archive_writer::{ArchiveKind, NewArchiveMember, ObjectReader, write_archive_to_stream};
use object::read::archive::{ArchiveFile, ArchiveMember};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// A member of an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; in a thin archive, a path relative to the archive.
    pub name: String,
    /// Its content.
    pub content: Content<'a>,
}

/// The content of a member.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Bytes in the archive.
    Inside(&'a [u8]),
    /// A file that a thin archive refers to.
    Outside(PathBuf),
}

/// The members of the archive `bytes` at `path`.
///
/// # Errors
/// A truncated or malformed archive.
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
            .note("recreate the archive (llvm-ar rcs): it may be truncated")
            .in_file(path.display())
    }
}

/// The file of a member of a thin archive. Its path is relative to the archive.
fn thin_path(archive: &Path, member: &ArchiveMember<'_>) -> PathBuf {
    let name = PathBuf::from(from_bytes(member.name()));
    archive.parent().unwrap_or(Path::new("")).join(name)
}

/// The names in the archive index that `selects` takes, each with the contents of its member; `None` if there is no
/// index, or one that leads to no member. The contents of members of thin archives are empty.
pub fn index(bytes: &[u8], selects: impl Fn(&[u8]) -> bool) -> Option<Vec<(&[u8], &[u8])>> {
    let archive = ArchiveFile::parse(bytes).ok()?;
    let symbols = archive.symbols().ok()??.filter_map(|symbol| symbol.ok());
    let selected = symbols.filter(|symbol| selects(symbol.name()));
    let members = selected.map(|symbol| {
        let member = archive.member(symbol.offset()).ok()?;
        let contents = match member.is_thin() {
            true => &[],
            false => member.data(bytes).ok()?,
        };
        Some((symbol.name(), contents))
    });
    members.collect()
}

/// Whether the archive is thin: it contains only the paths of its members.
pub fn is_thin(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<thin>\n")
}

/// Opens the member files of a thin archive; empty for a regular archive.
///
/// # Errors
/// The first file that cannot be opened, and its archive.
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
                    .note("a thin archive holds only the names of its members: restore the file or recreate the archive")
                    .in_file(path.display())
            }),
        })
        .collect()
}

/// An input archive.
#[derive(Debug)]
pub struct Archive<'a> {
    /// Its display name.
    pub name: Name,
    /// The names and contents of its members, in order.
    pub members: Vec<(String, &'a [u8])>,
}

/// Whether a new archive has an index of the symbols that its members define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// It has one: linkers may find members only by it. The symbols of wasm and bitcode members are read.
    Full,
    /// It has an empty one.
    Empty,
}

impl Index {
    /// Reads the symbols of members for the archive writer.
    fn reader(self) -> &'static ObjectReader {
        const WITHOUT_SYMBOLS: ObjectReader = ObjectReader {
            get_symbols: |_, _| Ok(false),
            is_64_bit_object_file: |_| false,
            is_ec_object_file: |_| false,
            is_any_arm64_coff: |_| false,
            get_xcoff_member_alignment: |_| 1,
        };
        const WITH_SYMBOLS: ObjectReader = ObjectReader {
            get_symbols,
            ..WITHOUT_SYMBOLS
        };
        match self {
            Self::Full => &WITH_SYMBOLS,
            Self::Empty => &WITHOUT_SYMBOLS,
        }
    }
}

/// In bytes. A system call for less takes longer than the copy.
const BUFFER_SIZE: usize = 1 << 16;

/// Writes an archive of these named members to the file `path`.
///
/// # Errors
/// The file cannot be written.
pub fn write<'a>(
    path: &Path,
    members: impl IntoIterator<Item = (String, Cow<'a, [u8]>)>,
    index: Index,
) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(BUFFER_SIZE, File::create(path)?);
    write_to(&mut file, members, index)?;
    file.flush()
}

/// Writes an archive of these named members. Beyond 4 GiB, its index has 64-bit offsets.
///
/// # Errors
/// A write to `out` fails.
pub fn write_to<'a>(
    out: &mut (impl Write + Seek),
    members: impl IntoIterator<Item = (String, Cow<'a, [u8]>)>,
    index: Index,
) -> io::Result<()> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, bytes)| NewArchiveMember::new(bytes, index.reader(), name))
        .collect();
    write_archive_to_stream(out, &members, ArchiveKind::Gnu, false, None)
}

/// Calls `found` with each global symbol that a member defines. Returns whether it has any.
fn get_symbols(bytes: &[u8], found: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
    let mut is_object = false;
    each_definition(bytes, |name| {
        is_object = true;
        found(name)
    })?;
    Ok(is_object)
}

/// Calls `found` with the name of each global symbol that an object or bitcode defines.
///
/// # Errors
/// The errors of `found`.
pub fn each_definition<E>(
    bytes: &[u8],
    mut found: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    if let Ok(names) = wasm::definitions(bytes) {
        return names.into_iter().try_for_each(found);
    }
    let bitcode = Bitcode::parse(bytes);
    for symbol in bitcode.symbols.iter().flatten() {
        if symbol.is_global() && !symbol.is_undefined() {
            found(symbol.name.as_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};
    use std::io::SeekFrom;

    /// Counts the written bytes, and retains the first 256.
    #[derive(Default)]
    struct Counted {
        first: Vec<u8>,
        count: u64,
    }

    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = 256_usize.saturating_sub(self.first.len());
            self.first.extend(bytes.iter().take(room));
            self.count += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            match to {
                SeekFrom::Current(0) => Ok(self.count),
                _ => Err(io::ErrorKind::Unsupported.into()),
            }
        }
    }

    #[test]
    fn an_index_names_definitions_or_nothing() {
        let object = defining("a");
        let written = |index| {
            let members = [("a.o".to_owned(), Cow::Borrowed(&object[..]))];
            let mut archive = io::Cursor::new(Vec::new());
            write_to(&mut archive, members, index).expect("memory takes all");
            archive.into_inner()
        };
        for (of, expected) in [(Index::Full, &[&b"a"[..]][..]), (Index::Empty, &[])] {
            let archive = written(of);
            let indexed = index(&archive, |_| true).expect("an index");
            let names: Vec<_> = indexed.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, expected, "{of:?}");
            let read = members(Path::new("lib.a"), &archive).expect("an archive");
            let content = Content::Inside(&object[..]);
            let name = "a.o".to_owned();
            assert_eq!(read, [Member { name, content }], "{of:?}");
        }
    }

    /// An object that defines a symbol.
    fn defining(name: &'static str) -> Vec<u8> {
        let mut builder = Builder::new(false, false);
        let segment = builder.segment(".data", 0, 0, &b"x"[..]);
        builder.symbol(SynthSymbol::Data {
            flags: SymbolFlags::empty(),
            name: name.into(),
            definition: Definition {
                segment,
                offset: 0,
                size: 1,
            },
        });
        builder.finish().bytes()
    }

    /// Writes an archive of `members` members of `size` zeros, and one member that defines `last`.
    fn written(members: usize, size: usize) -> Counted {
        let object = defining("last");
        // The system allocates no memory for pages that are never accessed.
        let zeros = vec![0; size];
        let before = (0..members).map(|_| ("zeros.o".to_owned(), Cow::Borrowed(&zeros[..])));
        let last = [("last.o".to_owned(), Cow::Borrowed(&object[..]))];
        let mut archive = Counted::default();
        write_to(&mut archive, before.chain(last), Index::Full)
            .expect("writing to the counter cannot fail");
        archive
    }

    #[test]
    fn beyond_4_gib_offsets_have_64_bits() {
        let large = written(5, 1 << 30);
        assert!(large.count > 5 << 30);
        assert!(large.first.starts_with(b"!<arch>\n/SYM64/ "));
        // After the header of the index: the number of symbols, and the offset of each symbol's member.
        let number = |at: usize| {
            let bytes = large.first[at..].first_chunk().expect("an index");
            u64::from_be_bytes(*bytes)
        };
        assert_eq!(number(68), 1);
        assert!(number(76) > 5 << 30 && number(76) < large.count);
        let small = written(5, 1 << 10);
        assert!(small.first.starts_with(b"!<arch>\n/        "));
    }
}
