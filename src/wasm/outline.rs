//! A module's sections by their headers alone: what must be known of every input, so it touches
//! only the pages that headers and names are in, and keeps nothing.

use crate::error::{Error, Result};
use std::ops::Range;
use wasmparser::BinaryReader;

/// The id of a custom section in the binary format.
pub const CUSTOM: u8 = 0;
/// The id of the data section.
pub const DATA: u8 = 11;
/// The id of the data count section.
pub const DATA_COUNT: u8 = 12;

/// What is shown of a name that is not UTF-8.
const NOT_UTF_8: &str = "\u{fffd}";

/// One section.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    /// Its id in the binary format.
    pub id: u8,
    /// The name of a custom section, empty for others.
    pub name: &'a str,
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

/// The sections of a module one after another, nothing of them kept.
///
/// An item is an error where a section goes beyond the end of the module, and is then the last.
#[derive(Debug, Clone)]
pub struct Sections<'a> {
    reader: BinaryReader<'a>,
    failed: bool,
}

impl<'a> Sections<'a> {
    /// Those of the module `bytes`.
    ///
    /// # Errors
    /// A version that is not 1.
    pub fn of(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = BinaryReader::new(bytes, 0);
        let header = reader.read_bytes(8).map_err(truncated)?;
        if header != b"\0asm\x01\0\0\0" {
            // In the words of `wasm-ld`.
            let version = header.iter().skip(4).rev();
            let version = version.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
            return Err(Error::damaged(format!("invalid version number: {version}")).at(4));
        }
        Ok(Self {
            reader,
            failed: false,
        })
    }

    fn section(&mut self) -> Result<Section<'a>> {
        let reader = &mut self.reader;
        let start = reader.current_position();
        let id = reader.read_u8().map_err(truncated)?;
        let size = reader.read_var_u32().map_err(truncated)?;
        let payload_start = reader.current_position();
        let payload = reader.read_bytes(size as usize).map_err(truncated)?;
        let (name, content) = match id {
            CUSTOM => split_name(payload, payload_start)?,
            _ => ("", payload),
        };
        Ok(Section {
            id,
            name,
            range: start..reader.current_position(),
            content,
        })
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.reader.eof() {
            return None;
        }
        let section = self.section();
        self.failed = section.is_err();
        Some(section)
    }
}

fn split_name(payload: &[u8], start: usize) -> Result<(&str, &[u8])> {
    let mut reader = BinaryReader::new(payload, start as u64);
    let length = reader.read_var_u32()?;
    // As LLVM, which takes any bytes. What is not UTF-8 is the name of nothing that is gathered.
    let name = str::from_utf8(reader.read_bytes(length as usize)?);
    let name = name.unwrap_or(NOT_UTF_8);
    Ok((name, &payload[reader.current_position()..]))
}

fn truncated(error: wasmparser::Error) -> Error {
    Error::new("this wasm file ends in the middle of a section")
        .at(error.offset())
        .note("build it again, it was cut off or damaged")
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
        let names: Vec<_> = sections.iter().map(|section| section.name).collect();
        assert_eq!(names, ["\u{fffd}", "y"]);
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
        assert_eq!((custom.name, custom.content), ("x", &[1, 2, 3][..]));
        assert_eq!(&bytes[custom.content_start()..], [1, 2, 3]);
        assert_eq!(custom.range.end, bytes.len());
        for end in 9..bytes.len() {
            let parsed = parse(&bytes[..end]);
            assert_eq!(parsed.is_ok(), end == sections[0].range.end, "{end}");
        }
    }
}
