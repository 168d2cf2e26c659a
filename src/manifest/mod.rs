//! The manifest: the custom section `link_sections` of a linked module, which says what was gathered.
//!
//! The format is in `docs/manifest.md`. Its addresses are relocations of the synthesized object, so
//! the backend fills them in; as relocations of custom sections keep nothing alive, an array that was
//! collected as garbage has the address 0 at both ends.

mod read;
mod write;

pub use read::Contents;
pub use write::Written;

/// The name of the custom section.
pub const SECTION: &str = "link_sections";
/// How many values an entry has at most.
pub const MOST_VALUES: usize = 64;
/// What comes between an entry's name and its number, where others of its section have that name too.
pub const NUMBERED: &str = " #";
/// The version of its format.
pub const VERSION: u32 = 1;

/// Of the flags: addresses have 64 bits.
const WIDE: u32 = 0x1;
/// Of the flags: addresses count from `__memory_base`, functions from `__table_base`.
const RELATIVE: u32 = 0x2;

/// What was gathered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Whether addresses have 64 bits.
    pub wide: bool,
    /// Whether addresses count from `__memory_base`, and functions from `__table_base`: in a shared
    /// library, and in what is position-independent.
    pub relative: bool,
    /// The gathered sections.
    pub sections: Vec<Section>,
}

/// A gathered section: an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The address of its first byte.
    pub start: u64,
    /// The address behind its last byte.
    pub stop: u64,
    /// Its size in bytes.
    pub size: u32,
    /// Its alignment, as a power of two.
    pub alignment: u32,
    /// How many bytes there are from each entry to the next, if that is the same for all.
    pub stride: Option<u32>,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// What people call it, where that is not its name: the same in each version of a program.
    pub title: Option<String>,
}

/// An entry: what one symbol names or, where no symbol says, all that an object has for the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In bytes from the beginning of the section.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// Its symbol, as the object spells it.
    pub symbol: Option<String>,
    /// The key to sort by.
    pub key: Option<String>,
    /// The Rust crate that it came from.
    pub krate: Option<String>,
    /// The object or archive that it came from.
    pub file: String,
    /// The member of the archive.
    pub member: Option<String>,
    /// The addresses in it, by their offsets.
    pub pointers: Vec<Pointer>,
    /// What people call it, different for each entry of the section: the same in each version of a
    /// program. Other linkers than this one may leave it out.
    pub name: Option<String>,
    /// The data that its pointers lead to, and the data that theirs lead to, as far as its object has it.
    pub values: Vec<Value>,
}

/// Data that a pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The number of the pointer: those of the entry count first, then those of its values, in order.
    pub pointer: u32,
    /// From where the pointer points to the end of what the symbol names, in bytes.
    pub size: u32,
    /// The addresses in it, with offsets from where the pointer points.
    pub pointers: Vec<Pointer>,
}

/// An address in an entry, which the linker filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// In bytes from the beginning of the entry.
    pub offset: u32,
    /// 4 or 8 bytes.
    pub size: u32,
    /// Of what it is the address.
    pub kind: PointerKind,
    /// The symbol that it points to, as the object spells it.
    pub target: String,
    /// How many bytes beyond that symbol it points.
    pub addend: i64,
}

/// What a word of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointerKind {
    /// An address in memory.
    Data,
    /// A function, as its index in the table.
    Function,
    /// How far an address is from this word.
    Distance,
}

impl PointerKind {
    /// Each with its number in the format.
    const ALL: [(u32, Self); 3] = [(0, Self::Data), (1, Self::Function), (2, Self::Distance)];
}

impl Entry {
    /// What people call it, without the number.
    pub fn plain_name(&self) -> Option<&str> {
        let name = self.name.as_deref()?;
        Some(match name.rsplit_once(NUMBERED) {
            Some((plain, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => plain,
            _ => name,
        })
    }
}

impl Section {
    /// Whether the linker collected it as garbage, as nothing that is alive reaches it.
    pub fn is_collected(&self) -> bool {
        self.stop == 0 && self.size != 0
    }
}
