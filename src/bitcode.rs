//! LLVM bitcode: the symbol table that LLVM stores next to the code for linkers
//! (`llvm/Object/IRSymtab.h`), and its container (LLVM Bitcode File Format, "Bitstream Format").

use std::ops::Range;

/// A parsed bitcode file.
#[derive(Debug)]
pub struct Bitcode<'a> {
    /// Its symbol table; `None` if it has none, or one of an unknown version.
    pub symbols: Option<Vec<Symbol<'a>>>,
    /// The code: everything before the symbol table and the string table.
    pub code: &'a [u8],
}

/// An entry of the symbol table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// The section that the source assigns.
    pub section: Option<&'a str>,
    flags: u32,
    /// The COMDAT group it is in.
    pub comdat: Option<&'a str>,
}

/// Symbol flags (`storage::Symbol::FlagBits`).
const VISIBILITY: u32 = 0b11;
const HAS_UNCOMMON: u32 = 1 << 2;
const UNDEFINED: u32 = 1 << 3;
const WEAK: u32 = 1 << 4;
const GLOBAL: u32 = 1 << 10;
/// An LLVM intrinsic variable such as `llvm.used`; linkers ignore it.
const FORMAT_SPECIFIC: u32 = 1 << 11;
const EXECUTABLE: u32 = 1 << 13;
/// The COMDAT index of a symbol that is in no COMDAT group.
const NO_COMDAT: u32 = u32::MAX;

impl Symbol<'_> {
    /// Whether it is undefined.
    pub fn is_undefined(&self) -> bool {
        self.flags & UNDEFINED != 0
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.flags & WEAK != 0
    }

    /// Whether other files can refer to it.
    pub fn is_global(&self) -> bool {
        self.flags & (GLOBAL | FORMAT_SPECIFIC) == GLOBAL
    }

    /// Whether its visibility is hidden or protected.
    pub fn is_hidden(&self) -> bool {
        self.flags & VISIBILITY != 0
    }

    /// Whether it is data that this file defines.
    pub fn is_defined_data(&self) -> bool {
        self.flags & (UNDEFINED | EXECUTABLE) == 0
    }

    /// Whether it is a function.
    pub fn is_function(&self) -> bool {
        self.flags & EXECUTABLE != 0
    }
}

impl<'a> Bitcode<'a> {
    /// Parses a bitcode file. Never fails: the backend reports malformed files.
    pub fn parse(bytes: &'a [u8]) -> Self {
        let blocks: Vec<Block<'a>> = Blocks(Bits::new(unwrapped(bytes))).collect();
        let tables = blocks.iter().find(|block| block.is_table());
        let code = tables.map_or(bytes.len(), |block| {
            block.content.as_ptr().addr() - bytes.as_ptr().addr()
        });
        Self {
            symbols: symbols(&blocks),
            code: bytes.get(..code).unwrap_or(bytes),
        }
    }
}

/// Removes the optional wrapper header: magic, version, offset and size of the bitcode.
fn unwrapped(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"\xde\xc0\x17\x0b") {
        return bytes;
    }
    let inner = (word(bytes, 8), word(bytes, 12));
    let (Some(offset), Some(size)) = inner else {
        return bytes;
    };
    let range = offset as usize..(offset as usize).saturating_add(size as usize);
    bytes.get(range).unwrap_or(bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// The symbols of a file with exactly one symbol table and one string table.
fn symbols<'a>(blocks: &[Block<'a>]) -> Option<Vec<Symbol<'a>>> {
    let only = |id| {
        let mut found = blocks.iter().filter(|block| block.id == id);
        let block = found.next()?;
        found.next().is_none().then(|| block.blob()).flatten()
    };
    SymbolTable {
        bytes: only(SYMTAB)?,
        strings: only(STRTAB)?,
    }
    .read()
}

struct SymbolTable<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
}

impl<'a> SymbolTable<'a> {
    /// Reads `storage::Header`: the version, the producer, and the ranges of modules, COMDAT groups,
    /// symbols and uncommons.
    fn read(&self) -> Option<Vec<Symbol<'a>>> {
        const COMDATS: usize = 20;
        const SYMBOLS: usize = 28;
        const UNCOMMONS: usize = 36;
        const SYMBOL_SIZE: usize = 24;
        let (uncommon_size, section) = match word(self.bytes, 0)? {
            1..=3 => (24, 16),
            // Version 4 has 64-bit sizes of common symbols.
            4 => (28, 20),
            _ => return None,
        };
        let mut uncommon = word(self.bytes, UNCOMMONS)? as usize;
        let first = word(self.bytes, SYMBOLS)? as usize;
        let count = word(self.bytes, SYMBOLS + 4)? as usize;
        let table = self
            .bytes
            .get(first..first.checked_add(count.checked_mul(SYMBOL_SIZE)?)?)?;
        let groups = (word(self.bytes, COMDATS)?, word(self.bytes, COMDATS + 4)?);
        // The symbols follow the groups. Newer versions have larger groups.
        let group_size = (first as u32).checked_sub(groups.0);
        let group_size = group_size.and_then(|size| size.checked_div(groups.1));
        let mut symbols = Vec::with_capacity(count);
        for symbol in table.chunks_exact(SYMBOL_SIZE) {
            let flags = word(symbol, 20)?;
            let mut name = None;
            if flags & HAS_UNCOMMON != 0 {
                name = Some(self.string(self.bytes, uncommon.checked_add(section)?)?);
                uncommon = uncommon.checked_add(uncommon_size)?;
            }
            symbols.push(Symbol {
                name: self.string(symbol, 0)?,
                section: name.filter(|name| !name.is_empty()),
                flags,
                comdat: match word(symbol, 16)? {
                    NO_COMDAT => None,
                    group => {
                        let at = group.checked_mul(group_size?)?.checked_add(groups.0)?;
                        Some(self.string(self.bytes, at as usize)?)
                    }
                },
            });
        }
        Some(symbols)
    }

    fn string(&self, bytes: &[u8], at: usize) -> Option<&'a str> {
        let start = word(bytes, at)? as usize;
        let length = word(bytes, at.checked_add(4)?)? as usize;
        let text = self.strings.get(start..start.checked_add(length)?)?;
        std::str::from_utf8(text).ok()
    }
}

/// `STRTAB_BLOCK_ID` and `SYMTAB_BLOCK_ID` of `llvm/Bitcode/LLVMBitCodes.h`.
const STRTAB: u64 = 23;
const SYMTAB: u64 = 25;

/// A top-level block.
struct Block<'a> {
    id: u64,
    /// The width of an abbreviation id in it, in bits.
    width: u32,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    fn is_table(&self) -> bool {
        [STRTAB, SYMTAB].contains(&self.id)
    }

    /// The blob of a block that contains one abbreviation definition and one record with a blob.
    fn blob(&self) -> Option<&'a [u8]> {
        const DEFINE_ABBREVIATION: u64 = 2;
        const FIRST_ABBREVIATION: u64 = 4;
        let mut bits = Bits::new(self.content);
        if bits.fixed(self.width)? != DEFINE_ABBREVIATION {
            return None;
        }
        for _ in 0..bits.variable(5)? {
            let is_literal = bits.fixed(1)? == 1;
            if is_literal {
                bits.variable(8)?;
                continue;
            }
            // The encodings Fixed (1) and VBR (2) have a width.
            if matches!(bits.fixed(3)?, 1 | 2) {
                bits.variable(5)?;
            }
        }
        if bits.fixed(self.width)? != FIRST_ABBREVIATION {
            return None;
        }
        let length = usize::try_from(bits.variable(6)?).ok()?;
        bits.align();
        let start = bits.at / 8;
        self.content.get(start..start.checked_add(length)?)
    }
}

/// An iterator over the top-level blocks.
struct Blocks<'a>(Bits<'a>);

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        const MAGIC: usize = 4 * 8;
        const ENTER_BLOCK: u64 = 1;
        let bits = &mut self.0;
        bits.at = bits.at.max(MAGIC);
        if bits.fixed(2)? != ENTER_BLOCK {
            return None;
        }
        let id = bits.variable(8)?;
        let width = u32::try_from(bits.variable(4)?).ok()?;
        bits.align();
        let word_count = usize::try_from(bits.fixed(32)?).ok()?;
        let range = bits.bytes(word_count.checked_mul(4)?)?;
        Some(Block {
            id,
            width,
            content: bits.bytes.get(range)?,
        })
    }
}

/// A bit reader, least significant bit first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The position in bits.
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of `width` bits, at most 64.
    fn fixed(&mut self, width: u32) -> Option<u64> {
        let mut value = 0;
        for bit in 0..width.min(64) {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u64::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    /// A VBR number in chunks of `width` bits. The highest bit of a chunk is set if more follow.
    fn variable(&mut self, width: u32) -> Option<u64> {
        let more = 1 << (width - 1);
        let (mut value, mut shift) = (0, 0);
        loop {
            let chunk = self.fixed(width)?;
            value |= (chunk & (more - 1)).checked_shl(shift)?;
            if chunk & more == 0 {
                return Some(value);
            }
            shift += width - 1;
        }
    }

    /// Aligns to 32 bits.
    fn align(&mut self) {
        self.at = self.at.next_multiple_of(32);
    }

    /// Skips bytes. Returns their range.
    fn bytes(&mut self, count: usize) -> Option<Range<usize>> {
        let start = self.at / 8;
        let end = start.checked_add(count)?;
        self.at = end.checked_mul(8)?;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `static int a __attribute__((section("NUMBERS"), used)); int f(void) { return g(); }`
    const OBJECT: &[u8] = include_bytes!("../fuzz/corpus/bitcode/small.bc");

    #[test]
    fn symbols_with_their_sections() {
        let bitcode = Bitcode::parse(OBJECT);
        let symbols = bitcode.symbols.expect("a symbol table");
        let named = |name| symbols.iter().find(|symbol| symbol.name == name);
        let a = named("a").expect("a symbol");
        assert_eq!(a.section, Some("NUMBERS"));
        assert!(a.is_defined_data() && !a.is_global());
        let f = named("f").expect("a symbol");
        assert!(f.section.is_none() && f.is_global() && !f.is_defined_data());
        assert!(named("g").expect("a symbol").is_undefined());
        assert!(bitcode.code.len() < OBJECT.len());
    }

    #[test]
    fn in_a_wrapper() {
        let numbers = [0x0b17_c0de, 0, 20, OBJECT.len() as u32, 7];
        let header = numbers.iter().flat_map(|number: &u32| number.to_le_bytes());
        let wrapped: Vec<u8> = header.chain(OBJECT.iter().copied()).collect();
        assert_eq!(
            Bitcode::parse(&wrapped).symbols,
            Bitcode::parse(OBJECT).symbols
        );
    }

    proptest! {
        #[test]
        fn damaged_bitcode_never_panics(at in 0..OBJECT.len(), byte in 0_u8.., length in 0..OBJECT.len()) {
            let mut bytes = OBJECT.to_vec();
            bytes[at] = byte;
            Bitcode::parse(&bytes);
            Bitcode::parse(&bytes[..length]);
        }
    }
}
