//! Archives that are written: their members with a symbol index, as older linkers extract by that alone.

use crate::bitcode::Bitcode;
use crate::names;
use crate::wasm::{Object, SymbolKind};
use ar_archive_writer::{ArchiveKind, NewArchiveMember, ObjectReader, write_archive_to_stream};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

/// How the writer of archives looks into members: none is of another format.
static READER: ObjectReader = ObjectReader {
    get_symbols,
    is_64_bit_object_file: |_| false,
    is_ec_object_file: |_| false,
    is_any_arm64_coff: |_| false,
    get_xcoff_member_alignment: |_| 1,
};

/// Writes a file that is an archive of these members, each with its name.
///
/// # Errors
/// The file cannot be written.
pub fn write<'a>(
    path: &Path,
    members: impl IntoIterator<Item = (String, Cow<'a, [u8]>)>,
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write_to(&mut file, members)?;
    file.flush()
}

/// Writes an archive of these members. Beyond 4 GiB its symbol index has 64-bit offsets.
///
/// # Errors
/// `out` does not take it.
pub fn write_to<'a>(
    out: &mut (impl Write + Seek),
    members: impl IntoIterator<Item = (String, Cow<'a, [u8]>)>,
) -> io::Result<()> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, bytes)| NewArchiveMember::new(bytes, &READER, name))
        .collect();
    write_archive_to_stream(out, &members, ArchiveKind::Gnu, false, None)
}

/// Calls `found` with each symbol that a member offers. Whether the member is an object.
fn get_symbols(bytes: &[u8], found: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
    let mut is_object = false;
    each_offered(bytes, |name| {
        is_object = true;
        found(&names::bytes(name))
    })?;
    Ok(is_object)
}

/// Calls `found` with each name that an object or bitcode defines for others, as a text.
///
/// # Errors
/// What `found` fails with.
pub fn each_offered<E>(
    bytes: &[u8],
    mut found: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    if let Ok(object) = Object::parse(bytes) {
        for symbol in &object.symbols {
            let is_section = matches!(symbol.kind, SymbolKind::Section(_));
            if !symbol.is_undefined() && !symbol.is_local() && !is_section {
                found(symbol.name)?;
            }
        }
        return Ok(());
    }
    let bitcode = Bitcode::parse(bytes);
    for symbol in bitcode.symbols.iter().flatten() {
        if symbol.is_global() && !symbol.is_undefined() {
            found(symbol.name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};
    use std::io::SeekFrom;

    /// Counts what is written, and has the first of it.
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

    /// The archive of so many members that nobody reads, before one that defines `last`.
    fn written(members: usize, size: usize) -> Counted {
        let mut builder = Builder::new(false, false);
        let segment = builder.segment(".data", 0, 0, &b"x"[..]);
        builder.symbol(SynthSymbol::Data {
            flags: SymbolFlags::empty(),
            name: "last".into(),
            definition: Definition {
                segment,
                offset: 0,
                size: 1,
            },
        });
        let object = builder.finish().bytes();
        // The system gives no memory to what is never looked at.
        let zeros = vec![0; size];
        let before = (0..members).map(|_| ("zeros.o".to_owned(), Cow::Borrowed(&zeros[..])));
        let last = [("last.o".to_owned(), Cow::Borrowed(&object[..]))];
        let mut archive = Counted::default();
        write_to(&mut archive, before.chain(last)).expect("a sink takes all");
        archive
    }

    #[test]
    fn beyond_4_gib_offsets_have_64_bits() {
        let large = written(5, 1 << 30);
        assert!(large.count > 5 << 30);
        assert!(large.first.starts_with(b"!<arch>\n/SYM64/ "));
        // Behind the header of the index: how many symbols there are, and where the member of each is.
        let number = |at: usize| {
            let bytes = large.first[at..].first_chunk().expect("the index");
            u64::from_be_bytes(*bytes)
        };
        assert_eq!(number(68), 1);
        assert!(number(76) > 5 << 30 && number(76) < large.count);
        let small = written(5, 1 << 10);
        assert!(small.first.starts_with(b"!<arch>\n/        "));
    }
}
