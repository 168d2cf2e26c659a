//! Reading a manifest. Nothing in it is trusted.

use super::{
    Entry, MOST_VALUES, Manifest, Pointer, PointerKind, RELATIVE, Section, VERSION, Value, WIDE,
};
use crate::error::{Error, Result};
use std::cell::Cell;
use wasmparser::BinaryReader;

/// The content of a custom section `link_sections`, and where in its file it begins.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    /// The bytes behind the section's name.
    pub bytes: &'a [u8],
    /// The offset of the first of them in the file.
    pub offset: u64,
}

impl Contents<'_> {
    /// Reads it.
    ///
    /// # Errors
    /// What is not as the format says, with its offset in the file, and a version that is not known.
    pub fn read(self) -> Result<Manifest> {
        let mut from = BinaryReader::new(self.bytes, self.offset);
        self.manifest(&mut from).map_err(|error| {
            error.note("the manifest (custom section `link_sections`) is damaged: link again")
        })
    }

    fn manifest(self, from: &mut BinaryReader<'_>) -> Result<Manifest> {
        let version = number(from)?;
        if version != VERSION {
            return Err(Error::new(format!(
                "the manifest has version {version}, and only {VERSION} is known"
            ))
            .at(self.offset));
        }
        let flags = number(from)?;
        let count = number(from)?;
        let mut strings = Vec::new();
        for _ in 0..count {
            strings.push(from.read_string().map_err(damaged)?);
        }
        let reader = Reader {
            wide: flags & WIDE != 0,
            strings,
            left: Cell::new(MOST.0 * self.bytes.len() + MOST.1),
        };
        let count = number(from)?;
        let mut sections = Vec::new();
        for _ in 0..count {
            sections.push(reader.section(&mut from.read_reader().map_err(damaged)?)?);
        }
        if !from.eof() {
            return Err(Error::new(
                "something follows the manifest's last section: it is there twice",
            )
            .at(from.original_position()));
        }
        Ok(Manifest {
            wide: reader.wide,
            relative: flags & RELATIVE != 0,
            sections,
        })
    }
}

struct Reader<'a> {
    wide: bool,
    strings: Vec<&'a str>,
    /// How many bytes of strings may still be referred to.
    left: Cell<usize>,
}

/// How many bytes of strings a byte of a manifest may stand for, and how many any manifest may: few
/// entries that refer to one long string again and again would else fill the memory.
const MOST: (usize, usize) = (256, 1 << 20);

impl Reader<'_> {
    fn section(&self, from: &mut BinaryReader<'_>) -> Result<Section> {
        let name = self.string(from)?;
        let (start, stop) = (self.address(from)?, self.address(from)?);
        let (size, alignment, stride) = (number(from)?, number(from)?, number(from)?);
        let count = number(from)?;
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let mut from = from.read_reader().map_err(damaged)?;
            let at = from.original_position();
            let entry = self.entry(&mut from)?;
            let end = u64::from(entry.offset) + u64::from(entry.size);
            if end > size.into() {
                return Err(
                    Error::new(format!("an entry ends outside of its section `{name}`")).at(at),
                );
            }
            entries.push(entry);
        }
        let title = match from.eof() {
            true => None,
            false => self.optional_string(from)?,
        };
        Ok(Section {
            name,
            start,
            stop,
            size,
            alignment,
            stride: (stride != 0).then_some(stride),
            entries,
            title,
        })
    }

    fn entry(&self, from: &mut BinaryReader<'_>) -> Result<Entry> {
        let (offset, size) = (number(from)?, number(from)?);
        let symbol = self.optional_string(from)?;
        let key = self.optional_string(from)?;
        let krate = self.optional_string(from)?;
        let file = self.string(from)?;
        let member = self.optional_string(from)?;
        let pointers = self.pointers(from, size, "entry")?;
        let (mut name, mut values) = (None, Vec::new());
        // A manifest of an older linker ends here.
        if !from.eof() {
            name = self.optional_string(from)?;
            values = self.values(from, pointers.len())?;
        }
        Ok(Entry {
            offset,
            size,
            symbol,
            key,
            krate,
            file,
            member,
            pointers,
            name,
            values,
        })
    }

    /// What the pointers of an entry lead to; it has so many itself.
    fn values(&self, from: &mut BinaryReader<'_>, own: usize) -> Result<Vec<Value>> {
        let at = from.original_position();
        let count = number(from)?;
        if count as usize > MOST_VALUES {
            let message = format!("an entry has {count} values, and {MOST_VALUES} are the most");
            return Err(Error::new(message).at(at));
        }
        let mut known = own;
        let mut values = Vec::new();
        for _ in 0..count {
            let at = from.original_position();
            let (pointer, size) = (number(from)?, number(from)?);
            if pointer as usize >= known {
                let message =
                    format!("there is no pointer {pointer} before this value: {known} are");
                return Err(Error::new(message).at(at));
            }
            let pointers = self.pointers(from, size, "value")?;
            known += pointers.len();
            values.push(Value {
                pointer,
                size,
                pointers,
            });
        }
        Ok(values)
    }

    /// The pointers of `what`, which has `size` bytes.
    fn pointers(&self, from: &mut BinaryReader<'_>, size: u32, what: &str) -> Result<Vec<Pointer>> {
        let count = number(from)?;
        let mut pointers = Vec::new();
        for _ in 0..count {
            let at = from.original_position();
            let pointer = self.pointer(from)?;
            let end = u64::from(pointer.offset) + u64::from(pointer.size);
            if end > size.into() {
                return Err(Error::new(format!("a pointer ends outside of its {what}")).at(at));
            }
            pointers.push(pointer);
        }
        Ok(pointers)
    }

    fn pointer(&self, from: &mut BinaryReader<'_>) -> Result<Pointer> {
        let offset = number(from)?;
        let at = from.original_position();
        let size = number(from)?;
        if size != 4 && size != 8 {
            return Err(Error::new(format!("a pointer of {size} bytes")).at(at));
        }
        let at = from.original_position();
        let kind = number(from)?;
        let Some((_, kind)) = PointerKind::ALL.iter().find(|(known, _)| *known == kind) else {
            return Err(Error::new(format!("a pointer of unknown kind {kind}")).at(at));
        };
        Ok(Pointer {
            offset,
            size,
            kind: *kind,
            target: self.string(from)?,
            addend: from.read_var_i64().map_err(damaged)?,
        })
    }

    fn address(&self, from: &mut BinaryReader<'_>) -> Result<u64> {
        if self.wide {
            from.read_u64().map_err(damaged)
        } else {
            from.read_u32().map(u64::from).map_err(damaged)
        }
    }

    fn string(&self, from: &mut BinaryReader<'_>) -> Result<String> {
        let at = from.original_position();
        let index = number(from)?;
        match self.strings.get(index as usize) {
            Some(string) => {
                let left = self.left.get().checked_sub(string.len());
                self.left.set(left.ok_or_else(|| {
                    Error::new("strings are referred to so often that they fill the memory").at(at)
                })?);
                Ok((*string).to_owned())
            }
            None => Err(Error::new(format!(
                "there is no string {index}: there are {}",
                self.strings.len()
            ))
            .at(at)),
        }
    }

    fn optional_string(&self, from: &mut BinaryReader<'_>) -> Result<Option<String>> {
        let string = self.string(from)?;
        Ok((!string.is_empty()).then_some(string))
    }
}

fn number(from: &mut BinaryReader<'_>) -> Result<u32> {
    from.read_var_u32().map_err(damaged)
}

fn damaged(error: wasmparser::Error) -> Error {
    Error::new(error.message()).at(error.offset())
}
