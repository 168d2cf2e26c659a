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
