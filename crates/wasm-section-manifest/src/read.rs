//! Reads a manifest, without trust in anything in it.

use super::cursor::Cursor;
use super::format::{MAX_VALUES, MEMORY64, RELATIVE, VERSION};
use super::{CUSTOM_SECTION, Entry, Error, Manifest, Pointer, PointerKind, Section, Value};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How many bytes of strings a manifest may refer to for each of its bytes, and how many any manifest may.
/// Without a limit, a small manifest that refers to one long string from each entry would fill the memory.
const STRING_BYTES: (usize, usize) = (256, 1 << 20);

/// The manifest of a core module.
pub fn find(module: &[u8]) -> Result<Option<Manifest>, Error> {
    let Some(sections) = module.strip_prefix(b"\0asm\x01\0\0\0") else {
        let at = Cursor::new(module, 0);
        return Err(match module.starts_with(b"\0asm") {
            true => {
                at.error("this is a component, or of another version than 1: read core modules")
            }
            false => at.error("this is not a WebAssembly module: it does not begin with `\\0asm`"),
        });
    };
    let mut from = Cursor::new(sections, (module.len() - sections.len()) as u64);
    let mut found = None;
    while !from.is_at_end() {
        let id = from.u8()?;
        let mut section = from.sized()?;
        if id != 0 {
            continue;
        }
        let at = section.clone();
        if section.name()? != CUSTOM_SECTION {
            continue;
        }
        let read = manifest(section.rest(), section.offset())?;
        if found.replace(read).is_some() {
            return Err(at.error("the module has two sections `link_sections`"));
        }
    }
    Ok(found)
}

/// The content of the custom section.
pub fn manifest(content: &[u8], offset: u64) -> Result<Manifest, Error> {
    let mut from = Cursor::new(content, offset);
    let at = from.clone();
    let version = from.u32()?;
    if version != VERSION {
        return Err(at.error(format!(
            "the manifest has version {version}, but only version {VERSION} is supported"
        )));
    }
    let flags = from.u32()?;
    let strings = list(&mut from, Cursor::name)?;
    let limit = STRING_BYTES.0.saturating_mul(content.len());
    let mut reader = Reader {
        memory64: flags & MEMORY64 != 0,
        strings,
        string_bytes: limit.saturating_add(STRING_BYTES.1),
    };
    let sections = list(&mut from, |from| reader.section(&mut from.sized()?))?;
    if !from.is_at_end() {
        // Some linkers put custom sections of one name together.
        return Err(from.error("more follows the last section: two manifests were put together"));
    }
    Ok(Manifest {
        memory64: reader.memory64,
        relative: flags & RELATIVE != 0,
        sections,
    })
}

/// As many items as the number before them says. Nothing is allocated by that number, which may be wrong.
fn list<'a, T>(
    from: &mut Cursor<'a>,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for _ in 0..from.u32()? {
        items.push(item(from)?);
    }
    Ok(items)
}

struct Reader<'a> {
    memory64: bool,
    strings: Vec<&'a str>,
    /// How many bytes of strings may still be referred to.
    string_bytes: usize,
}

impl Reader<'_> {
    fn section(&mut self, from: &mut Cursor<'_>) -> Result<Section, Error> {
        let name = self.string(from)?;
        let (start, stop) = (from.address(self.memory64)?, from.address(self.memory64)?);
        let (size, alignment, stride) = (from.u32()?, from.u32()?, from.u32()?);
        let entries = list(from, |from| {
            let mut from = from.sized()?;
            let at = from.clone();
            let entry = self.entry(&mut from)?;
            if ends_outside(entry.offset, entry.size, size) {
                return Err(at.error(format!("an entry ends outside of its section `{name}`")));
            }
            Ok(entry)
        })?;
        // Older linkers end the section here.
        let title = match from.is_at_end() {
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

    fn entry(&mut self, from: &mut Cursor<'_>) -> Result<Entry, Error> {
        let (offset, size) = (from.u32()?, from.u32()?);
        let symbol = self.optional_string(from)?;
        let key = self.optional_string(from)?;
        let krate = self.optional_string(from)?;
        let file = self.string(from)?;
        let member = self.optional_string(from)?;
        let pointers = self.pointers(from, size, "entry")?;
        let (mut name, mut values) = (None, Vec::new());
        // Older linkers end the entry here.
        if !from.is_at_end() {
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

    /// The values of an entry that has so many pointers of its own.
    fn values(&mut self, from: &mut Cursor<'_>, own: usize) -> Result<Vec<Value>, Error> {
        let at = from.clone();
        let count = from.u32()?;
        if count as usize > MAX_VALUES {
            return Err(at.error(format!(
                "an entry has {count} values, but may have at most {MAX_VALUES}"
            )));
        }
        let mut known = own;
        let mut values = Vec::new();
        for _ in 0..count {
            let at = from.clone();
            let (pointer, size) = (from.u32()?, from.u32()?);
            if pointer as usize >= known {
                return Err(at.error(format!(
                    "a value belongs to pointer {pointer}, but only {known} pointers come before it"
                )));
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

    /// The pointers of an entry or a value, which has `size` bytes.
    fn pointers(
        &mut self,
        from: &mut Cursor<'_>,
        size: u32,
        owner: &str,
    ) -> Result<Vec<Pointer>, Error> {
        list(from, |from| {
            let at = from.clone();
            let pointer = self.pointer(from)?;
            if ends_outside(pointer.offset, pointer.size, size) {
                return Err(at.error(format!("a pointer ends outside of its {owner}")));
            }
            Ok(pointer)
        })
    }

    fn pointer(&mut self, from: &mut Cursor<'_>) -> Result<Pointer, Error> {
        let offset = from.u32()?;
        let at = from.clone();
        let size = from.u32()?;
        if size != 4 && size != 8 {
            return Err(at.error(format!("a pointer has {size} bytes, not 4 or 8")));
        }
        Ok(Pointer {
            offset,
            size,
            kind: PointerKind::from_number(from.u32()?),
            target: self.string(from)?,
            addend: from.s64()?,
        })
    }

    fn string(&mut self, from: &mut Cursor<'_>) -> Result<String, Error> {
        let at = from.clone();
        let index = from.u32()?;
        let Some(string) = self.strings.get(index as usize) else {
            let count = self.strings.len();
            return Err(at.error(format!(
                "string index {index} is out of range: there are {count} strings"
            )));
        };
        let Some(rest) = self.string_bytes.checked_sub(string.len()) else {
            return Err(at.error("the manifest refers to more bytes of strings than it may"));
        };
        self.string_bytes = rest;
        Ok((*string).to_owned())
    }

    /// A string of which the empty one means that there is none.
    fn optional_string(&mut self, from: &mut Cursor<'_>) -> Result<Option<String>, Error> {
        let string = self.string(from)?;
        Ok((!string.is_empty()).then_some(string))
    }
}

fn ends_outside(offset: u32, size: u32, of: u32) -> bool {
    u64::from(offset) + u64::from(size) > of.into()
}
