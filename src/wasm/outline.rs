//! A module's sections by their headers alone: what must be known of every input, so it touches
//! only the pages that headers and names are in, and keeps nothing.

use crate::error::{Error, Result};
use crate::names;
use std::borrow::Cow;
use std::ops::Range;
use wasmparser::BinaryReader;

/// The id of a custom section in the binary format.
pub const CUSTOM: u8 = 0;
/// The id of the import section.
pub const IMPORT: u8 = 2;
/// The id of the data section.
pub const DATA: u8 = 11;
/// The id of the data count section.
pub const DATA_COUNT: u8 = 12;

/// One section.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    /// Its id in the binary format.
    pub id: u8,
    /// The name of a custom section, as a text; empty for others.
    pub name: Cow<'a, str>,
    /// The section with its header, as offsets into the module.
    pub range: Range<usize>,
    /// What is inside: what follows id and size or, in a custom section, the name. Offsets of
    /// relocations count from its first byte. (Linking.md says so only of sections without a name;
    /// LLVM counts so in all.)
    pub content: &'a [u8],
}

impl<'a> Section<'a> {
    /// Where the content begins, as an offset into the module.
    pub fn content_start(&self) -> usize {
        self.range.end - self.content.len()
    }

    /// A reader of the content whose errors have offsets into the module.
    pub fn reader(&self) -> BinaryReader<'a> {
        BinaryReader::new(self.content, self.content_start() as u64)
    }
}

/// A section by its id and its size alone.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Its id in the binary format.
    pub id: u8,
    /// Where it begins, as an offset into the module.
    start: usize,
    /// Where its payload does.
    payload_start: usize,
    /// What follows id and size.
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    /// The bytes of a custom section's name.
    ///
    /// # Errors
    /// A name that goes beyond the end of the section.
    pub fn name(&self) -> Result<&'a [u8]> {
        self.split_name().map(|(name, _)| name)
    }

    /// The section.
    ///
    /// # Errors
    /// A custom section whose name goes beyond its end.
    pub fn section(&self) -> Result<Section<'a>> {
        let (name, content) = match self.id {
            CUSTOM => self.split_name()?,
            _ => (&[][..], self.payload),
        };
        Ok(Section {
            id: self.id,
            name: names::text(name),
            range: self.start..self.payload_start + self.payload.len(),
            content,
        })
    }

    fn split_name(&self) -> Result<(&'a [u8], &'a [u8])> {
        // Read at once, as most are.
        if let Some((&length, rest)) = self.payload.split_first()
            && length < 0x80
            && let Some(parts) = rest.split_at_checked(length.into())
        {
            return Ok(parts);
        }
        let mut reader = BinaryReader::new(self.payload, self.payload_start as u64);
        let length = reader.read_var_u32()?;
        let name = reader.read_bytes(length as usize)?;
        Ok((name, &self.payload[reader.current_position()..]))
    }
}

/// The sections of a module one after another by their headers, nothing of them kept.
///
/// An item is an error where a section goes beyond the end of the module, and is then the last.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    module: &'a [u8],
    position: usize,
}

impl<'a> Headers<'a> {
    /// Those of `module`.
    ///
    /// # Errors
    /// A version that is not 1.
    pub fn of(module: &'a [u8]) -> Result<Self> {
        let mut reader = BinaryReader::new(module, 0);
        let header = reader.read_bytes(8).map_err(truncated)?;
        if header != b"\0asm\x01\0\0\0" {
            // In the words of `wasm-ld`.
            let version = header.iter().skip(4).rev();
            let version = version.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
            return Err(Error::damaged(format!("invalid version number: {version}")).at(4));
        }
        Ok(Self {
            module,
            position: header.len(),
        })
    }

    fn header(&mut self) -> Result<Header<'a>> {
        let start = self.position;
        let rest = &self.module[start..];
        let (id, payload_start, payload) = match at_once(rest) {
            Some(header) => header,
            None => one_by_one(rest, start as u64).map_err(truncated)?,
        };
        let payload_start = start + payload_start;
        self.position = payload_start + payload.len();
        Ok(Header {
            id,
            start,
            payload_start,
            payload,
        })
    }
}

/// Id, length of id and size, and payload, of a section that `bytes` begin with. LLVM gives the size five
/// bytes always: to read these at once takes a third of the time. None for what is not read so.
fn at_once(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let (size, length) = leb128fmt::decode_u32(*rest.first_chunk()?)?;
    let payload = rest.get(length..)?.get(..size as usize)?;
    Some((*id, 1 + length, payload))
}

/// The same of any section; `start` is where it is in its module.
fn one_by_one(bytes: &[u8], start: u64) -> wasmparser::Result<(u8, usize, &[u8])> {
    let mut reader = BinaryReader::new(bytes, start);
    let id = reader.read_u8()?;
    let size = reader.read_var_u32()?;
    let length = reader.current_position();
    Ok((id, length, reader.read_bytes(size as usize)?))
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<Header<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position == self.module.len() {
            return None;
        }
        let header = self.header();
        if header.is_err() {
            self.position = self.module.len();
        }
        Some(header)
    }
}

/// The sections of a module one after another, nothing of them kept.
///
/// An item is an error where a section goes beyond the end of the module, and is then the last.
#[derive(Debug, Clone)]
pub struct Sections<'a>(Headers<'a>);

impl<'a> Sections<'a> {
    /// Those of the module `bytes`.
    ///
    /// # Errors
    /// A version that is not 1.
    pub fn of(bytes: &'a [u8]) -> Result<Self> {
        Headers::of(bytes).map(Self)
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.next()?;
        Some(header.and_then(|header| header.section()))
    }
}

/// How many of what an input says that it has `count` there can be in what `reader` has, each of `size`
/// bytes or more.
pub fn at_most(count: u32, reader: &BinaryReader<'_>, size: usize) -> usize {
    (count as usize).min(reader.bytes_remaining() / size)
}

fn truncated(error: wasmparser::Error) -> Error {
    Error::new("unexpected end of file inside a section")
        .at(error.offset())
        .note("the file is truncated or damaged: rebuild it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CustomSection, Module, TypeSection};

    fn parse(bytes: &[u8]) -> Result<Vec<Section<'_>>> {
        Sections::of(bytes)?.collect()
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_no_error() {
        let module = b"\0asm\x01\0\0\0\0\x04\x02\xff\xfeX\0\x02\x01y";
        let sections = parse(module).expect("a module");
        let names: Vec<_> = sections.iter().map(|section| &*section.name).collect();
        assert_eq!(names, ["\u{10f7ff}\u{10f7fe}", "y"]);
        assert_eq!(sections[0].content, b"X");
    }

    #[test]
    fn sections_with_their_ranges() {
        let mut module = Module::new();
        module.section(&TypeSection::new());
        module.section(&CustomSection {
            name: "x".into(),
            data: (&[1, 2, 3]).into(),
        });
        let bytes = module.finish();
        let sections = parse(&bytes).expect("a module");
        let [_, custom] = &sections[..] else {
            panic!("two sections: {sections:?}");
        };
        assert_eq!((&*custom.name, custom.content), ("x", &[1, 2, 3][..]));
        assert_eq!(&bytes[custom.content_start()..], [1, 2, 3]);
        assert_eq!(custom.range.end, bytes.len());
        for end in 9..bytes.len() {
            let parsed = parse(&bytes[..end]);
            assert_eq!(parsed.is_ok(), end == sections[0].range.end, "{end}");
        }
    }
}
