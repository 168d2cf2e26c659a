//! Damages real objects: finds the byte of an index, an offset or a size, and changes it.

use std::ops::Range;
use wasmparser::{BinaryReader, Parser, Payload, SymbolInfo, SymbolInfoMap};

/// An object to damage.
#[derive(Clone)]
pub struct Damage {
    /// The object.
    pub bytes: Vec<u8>,
}

/// A field of a data symbol's entry in the symbol table.
#[derive(Clone, Copy)]
pub enum SymbolField {
    Kind,
    /// The segment of a data symbol, or the function of a function symbol.
    Index,
    Offset,
    Size,
}

/// A field of a relocation.
#[derive(Clone, Copy)]
pub enum RelocationField {
    Type,
    Offset,
    Symbol,
}

impl Damage {
    /// The object with `value` in place of the one-byte LEB128 at `at`.
    pub fn with(&self, at: usize, value: u8) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        assert!(bytes[at] < 0x80, "byte {at:#x} is part of a longer LEB128");
        assert_ne!(bytes[at], value, "no damage");
        bytes[at] = value;
        bytes
    }

    /// The content of a section other than a custom section.
    pub fn section(&self, id: u8) -> Range<usize> {
        self.payloads()
            .filter_map(|payload| payload.as_section())
            .find(|(found, _)| *found == id)
            .map(|(_, range)| range.start as usize..range.end as usize)
            .unwrap_or_else(|| panic!("no section {id}"))
    }

    /// The content of a custom section, after its name.
    pub fn custom(&self, name: &str) -> Range<usize> {
        let range = |payload| match payload {
            Payload::CustomSection(section) if section.name() == name => {
                let start = section.data_offset() as usize;
                Some(start..start + section.data().len())
            }
            _ => None,
        };
        self.payloads()
            .find_map(range)
            .unwrap_or_else(|| panic!("no section {name}"))
    }

    /// A whole section with its header, by its content.
    pub fn whole_section(&self, content: Range<usize>) -> Range<usize> {
        let mut reader = BinaryReader::new(&self.bytes[8..], 8);
        loop {
            let start = reader.original_position() as usize;
            reader.read_u8().expect("an id");
            reader.read_reader().expect("a section");
            let end = reader.original_position() as usize;
            if (start..end).contains(&content.start) {
                return start..end;
            }
        }
    }

    /// The ends of the sections.
    pub fn section_ends(&self) -> Vec<usize> {
        let mut reader = BinaryReader::new(&self.bytes[8..], 8);
        let mut ends = vec![8];
        while !reader.eof() {
            reader.read_u8().expect("an id");
            reader.read_reader().expect("a section");
            ends.push(reader.original_position() as usize);
        }
        ends
    }

    /// The payload of a subsection of `linking`.
    pub fn subsection(&self, id: u8) -> BinaryReader<'_> {
        let mut reader = self.reader(self.custom("linking"));
        reader.read_var_u32().expect("a version");
        loop {
            let found = reader.read_u8().expect("a subsection");
            let payload = reader.read_reader().expect("a payload");
            if found == id {
                return payload;
            }
        }
    }

    /// The offset of a field of the symbol `name`.
    pub fn symbol(&self, name: &str, field: SymbolField) -> usize {
        const SYMBOL_TABLE: u8 = 8;
        let symbols = SymbolInfoMap::new(self.subsection(SYMBOL_TABLE)).expect("symbols");
        let (at, _) = symbols
            .into_iter_with_offsets()
            .map(|item| item.expect("a symbol"))
            .find(|(_, info)| symbol_name(info) == Some(name))
            .unwrap_or_else(|| panic!("no symbol {name}"));
        let mut reader = self.reader(at as usize..self.bytes.len());
        if matches!(field, SymbolField::Kind) {
            return at as usize;
        }
        let kind = reader.read_u8().expect("a kind");
        reader.read_var_u32().expect("flags");
        if kind == 1 {
            reader.read_string().expect("a name");
        }
        let skip = match field {
            SymbolField::Kind | SymbolField::Index => 0,
            SymbolField::Offset => 1,
            SymbolField::Size => 2,
        };
        skip_numbers(&mut reader, skip)
    }

    /// The offset of a field of the relocation at `index` of a relocation section.
    pub fn relocation(&self, section: &str, index: usize, field: RelocationField) -> usize {
        let range = self.custom(section);
        let mut reader = self.reader(range.clone());
        skip_numbers(&mut reader, 2);
        for _ in 0..index {
            let ty = reader.read_u8().expect("a type");
            skip_numbers(&mut reader, 2);
            // Of the relocation types in the tests, only these two have no addend.
            const TABLE_INDEX_I32: u8 = 2;
            const FUNCTION_INDEX_LEB: u8 = 0;
            if ty != TABLE_INDEX_I32 && ty != FUNCTION_INDEX_LEB {
                reader.read_var_i32().expect("an addend");
            }
        }
        let at = reader.original_position() as usize;
        match field {
            RelocationField::Type => at,
            RelocationField::Offset => at + 1,
            RelocationField::Symbol => {
                reader.read_u8().expect("a type");
                skip_numbers(&mut reader, 1)
            }
        }
    }

    fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        Parser::new(0)
            .parse_all(&self.bytes)
            .map(|payload| payload.expect("a valid object"))
    }

    fn reader(&self, range: Range<usize>) -> BinaryReader<'_> {
        BinaryReader::new(&self.bytes[range.clone()], range.start as u64)
    }
}

/// Skips LEB128 numbers. Returns the offset after them.
pub fn skip_numbers(reader: &mut BinaryReader<'_>, count: usize) -> usize {
    for _ in 0..count {
        reader.read_var_u32().expect("a number");
    }
    reader.original_position() as usize
}

fn symbol_name<'a>(info: &SymbolInfo<'a>) -> Option<&'a str> {
    match *info {
        SymbolInfo::Data { name, .. } => Some(name),
        SymbolInfo::Func { name, .. } => name,
        _ => None,
    }
}
