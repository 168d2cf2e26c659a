//! Iterates over the section headers of a module. This runs on every input, so it touches only the pages
//! with headers and names.

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

/// A section.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    /// Its id in the binary format.
    pub id: u8,
    /// The escaped name (`names`) of a custom section; empty for other sections.
    pub name: Cow<'a, str>,
    /// The section including its header, as offsets into the module.
    pub range: Range<usize>,
    /// The payload, without the name of a custom section. Relocation offsets are relative to its first
    /// byte. (Linking.md specifies this only for sections without a name; LLVM does it for all.)
    pub content: &'a [u8],
}

impl<'a> Section<'a> {
    /// The offset of the content in the module.
    pub fn content_start(&self) -> usize {
        self.range.end - self.content.len()
    }

    /// A reader of the content, with offsets into the module.
    pub fn reader(&self) -> BinaryReader<'a> {
        BinaryReader::new(self.content, self.content_start() as u64)
    }
}

/// A section header: the id, and the extent of the payload.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The id in the binary format.
    pub id: u8,
    /// The offset of the header in the module.
    start: usize,
    /// The offset of the payload in the module.
    payload_start: usize,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    /// The bytes of a custom section's name.
    ///
    /// # Errors
    /// A name that extends past the end of the section.
    pub fn name(&self) -> Result<&'a [u8]> {
        self.split_name().map(|(name, _)| name)
    }

    /// The section.
    ///
    /// # Errors
    /// A custom section whose name extends past its end.
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
        // Fast path: a length of one byte.
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

/// An iterator over the section headers of a module.
///
/// A section that extends past the end of the module is an error, and the last item.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    module: &'a [u8],
    position: usize,
}

impl<'a> Headers<'a> {
    /// The section headers of `module`.
    ///
    /// # Errors
    /// A version that is not 1.
    pub fn of(module: &'a [u8]) -> Result<Self> {
        let mut reader = BinaryReader::new(module, 0);
        let header = reader.read_bytes(8).map_err(truncated)?;
        if header != b"\0asm\x01\0\0\0" {
            // The message of `wasm-ld`.
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
        let (id, payload_start, payload) = match read_fast(rest) {
            Some(header) => header,
            None => read_slow(rest, start as u64).map_err(truncated)?,
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

/// The id, the length of the header, and the payload of the section at the start of `bytes`. LLVM pads the
/// size to five bytes; reading all five at once takes a third of the time. `None` if that is not possible.
fn read_fast(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let (size, length) = leb128fmt::decode_u32(*rest.first_chunk()?)?;
    let payload = rest.get(length..)?.get(..size as usize)?;
    Some((*id, 1 + length, payload))
}

/// Like [`read_fast`], for any section. `start` is its offset in the module.
fn read_slow(bytes: &[u8], start: u64) -> wasmparser::Result<(u8, usize, &[u8])> {
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

/// An iterator over the sections of a module.
///
/// A section that extends past the end of the module is an error, and the last item.
#[derive(Debug, Clone)]
pub struct Sections<'a>(Headers<'a>);

impl<'a> Sections<'a> {
    /// The sections of the module `bytes`.
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

/// `count`, limited to the number of items of at least `size` bytes that fit in `reader`. Guards allocations
/// against a `count` from damaged input.
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
    fn a_name_may_be_invalid_utf_8() {
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
