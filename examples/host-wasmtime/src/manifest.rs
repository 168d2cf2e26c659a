//! Reads the manifest of a module: the custom section `link_sections` (docs/manifest.md).

use wasmparser::{BinaryReader, Parser, Payload, Result};

/// An array that the linker made.
pub struct Section {
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its first byte's address.
    pub start: u64,
    /// In bytes.
    pub size: u32,
    pub entries: Vec<Entry>,
}

pub struct Entry {
    /// In bytes from the section's start.
    pub offset: u32,
    pub size: u32,
    /// The Rust crate that it came from.
    pub krate: String,
    /// What it points to.
    pub pointers: Vec<Kind>,
    /// What people call it.
    pub name: String,
}

/// What a word of an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    Function,
    Distance,
}

/// The sections of a module; none if it was linked without `--section-manifest`.
pub fn sections(module: &[u8]) -> Result<Vec<Section>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(custom) = payload?
            && custom.name() == "link_sections"
        {
            let from = BinaryReader::new(custom.data(), custom.data_offset());
            return read(from);
        }
    }
    Ok(Vec::new())
}

fn read(mut from: BinaryReader<'_>) -> Result<Vec<Section>> {
    assert_eq!(from.read_var_u32()?, 1, "the version of link_sections");
    let wide = from.read_var_u32()? & 1 != 0;
    let strings = list(&mut from, |from| from.read_string().map(str::to_owned))?;
    list(&mut from, |from| {
        section(&mut from.read_reader()?, wide, &strings)
    })
}

fn section(from: &mut BinaryReader<'_>, wide: bool, strings: &[String]) -> Result<Section> {
    let name = string(from, strings)?;
    let address = |from: &mut BinaryReader<'_>| match wide {
        true => from.read_u64(),
        false => from.read_u32().map(u64::from),
    };
    let (start, _stop) = (address(from)?, address(from)?);
    let size = from.read_var_u32()?;
    let (_alignment, _stride) = (from.read_var_u32()?, from.read_var_u32()?);
    let entries = list(from, |from| entry(&mut from.read_reader()?, strings))?;
    let title = last_string(from, strings)?.unwrap_or_else(|| name.clone());
    Ok(Section {
        name,
        title,
        start,
        size,
        entries,
    })
}

fn entry(from: &mut BinaryReader<'_>, strings: &[String]) -> Result<Entry> {
    let (offset, size) = (from.read_var_u32()?, from.read_var_u32()?);
    let (_symbol, _key) = (string(from, strings)?, string(from, strings)?);
    let krate = string(from, strings)?;
    let (_file, _member) = (string(from, strings)?, string(from, strings)?);
    let pointers = list(from, |from| {
        let (_offset, _size) = (from.read_var_u32()?, from.read_var_u32()?);
        let kind = match from.read_var_u32()? {
            0 => Kind::Data,
            1 => Kind::Function,
            _ => Kind::Distance,
        };
        let (_target, _addend) = (string(from, strings)?, from.read_var_i64()?);
        Ok(kind)
    })?;
    Ok(Entry {
        offset,
        size,
        krate,
        pointers,
        // What the pointers lead to would follow.
        name: last_string(from, strings)?.unwrap_or_else(|| "entry".to_owned()),
    })
}

/// A field that older linkers did not write, and that may be empty.
fn last_string(from: &mut BinaryReader<'_>, strings: &[String]) -> Result<Option<String>> {
    let text = match from.eof() {
        true => String::new(),
        false => string(from, strings)?,
    };
    Ok((!text.is_empty()).then_some(text))
}

fn string(from: &mut BinaryReader<'_>, strings: &[String]) -> Result<String> {
    let index = from.read_var_u32()?;
    Ok(strings.get(index as usize).cloned().unwrap_or_default())
}

fn list<'a, T>(
    from: &mut BinaryReader<'a>,
    item: impl Fn(&mut BinaryReader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = from.read_var_u32()?;
    (0..count).map(|_| item(from)).collect()
}
