//! Reads the manifest of a linked WebAssembly module: the custom section [`link_sections`](CUSTOM_SECTION).
//!
//! `wasm-section-ld --section-manifest` writes the section. It lists the arrays that the linker gathered, where
//! each is in memory, and which entries it has. A host can therefore read the arrays of a module before it runs
//! any code of it.
//!
//! ```
//! use wasm_section_manifest::{Manifest, PointerKind};
//!
//! # let string = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
//! # let sized = |bytes: Vec<u8>| [vec![bytes.len() as u8], bytes].concat();
//! # let entry = sized(vec![0, 8, 2, 0, 3, 4, 0, 1, 4, 4, 1, 5, 0, 6, 0]);
//! # let mut section = vec![1, 0x00, 0x04, 0, 0, 0x08, 0x04, 0, 0, 8, 2, 8, 1];
//! # section.extend(entry);
//! # section.push(0);
//! # let strings = ["", "PLUGINS", "__link_section__PLUGINS$$square", "math", "libmath.rlib", "square", "math::square"];
//! # let mut custom = [string("link_sections"), vec![1, 0, strings.len() as u8]].concat();
//! # strings.iter().for_each(|text| custom.extend(string(text)));
//! # custom.push(1);
//! # custom.extend(sized(section));
//! # let mut module = b"\0asm\x01\0\0\0\0".to_vec();
//! # module.extend([0x80 | custom.len() as u8 & 0x7f, (custom.len() >> 7) as u8]);
//! # module.extend(custom);
//! let manifest = Manifest::find(&module)?.expect("a module that was linked with --section-manifest");
//!
//! let plugins = manifest.section("PLUGINS").expect("a section of that name");
//! assert_eq!((plugins.start, plugins.stop, plugins.size), (0x400, 0x408, 8));
//!
//! // One entry: 8 bytes at the start of the array, the second word of which is an index into the table.
//! let [entry] = plugins.entries.as_slice() else { panic!("one entry") };
//! assert_eq!((entry.offset, entry.size), (0, 8));
//! assert_eq!(entry.name.as_deref(), Some("math::square"));
//! assert_eq!(entry.krate.as_deref(), Some("math"));
//! assert_eq!(entry.pointers[0].offset, 4);
//! assert_eq!(entry.pointers[0].kind, PointerKind::Function);
//! assert_eq!(entry.pointers[0].target, "square");
//! # Ok::<(), wasm_section_manifest::Error>(())
//! ```
//!
//! # Format
//!
//! `docs/manifest.md` in the repository of wasm-section-ld specifies the format and what each field means.
//! [`format`] has its constants, for programs that write it. The crate reads version 1, as all linkers so far
//! write it. A linker that is newer than this crate may add fields, which are skipped, and kinds of pointers,
//! which are [`PointerKind::Other`].
//!
//! # Untrusted modules
//!
//! Damaged input gives an [`Error`] that says at which byte it is. Nothing panics, and the memory that a manifest
//! takes is bounded by a multiple of its size. Addresses are *not* checked: a manifest may name memory that the
//! module does not have. Check each address against the memory of the instance before you read it.
//!
//! The crate needs `alloc`, and not `std`.

#![no_std]

extern crate alloc;

mod cursor;
mod read;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The name of the custom section.
pub const CUSTOM_SECTION: &str = "link_sections";

/// The constants of the format, for programs that write it.
pub mod format {
    /// The version, which is the first number of the section.
    pub const VERSION: u32 = 1;
    /// The flag for [`Manifest::memory64`](crate::Manifest::memory64).
    pub const MEMORY64: u32 = 0x1;
    /// The flag for [`Manifest::relative`](crate::Manifest::relative).
    pub const RELATIVE: u32 = 0x2;
    /// The largest number of [`values`](crate::Entry::values) that an entry may have.
    pub const MAX_VALUES: usize = 64;
    /// What separates a name from its number, where several entries or sections have that name: `name #1` for the second.
    pub const NUMBER_SEPARATOR: &str = " #";
}

/// The gathered sections of a module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Whether addresses have 64 bits.
    pub memory64: bool,
    /// Whether addresses count from `__memory_base`, and table indices from `__table_base`. They do in a shared
    /// library and in a position-independent executable.
    pub relative: bool,
    /// The gathered sections, in the order in which the linker laid them out.
    pub sections: Vec<Section>,
}

/// A gathered section: one array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The address of its first byte.
    pub start: u64,
    /// The address of the byte after its last byte.
    pub stop: u64,
    /// Its size in bytes.
    pub size: u32,
    /// The power of two that is its alignment: 3 for 8 bytes.
    pub alignment: u32,
    /// The number of bytes from each entry to the next, if it is the same for all entries.
    pub stride: Option<u32>,
    /// Its entries, in the order of their offsets.
    pub entries: Vec<Entry>,
    /// A name for people, if it differs from `name`. Unlike `name` it has no hash, so it is the same in each
    /// build of a program.
    pub title: Option<String>,
}

/// An entry: the data of one symbol. Where symbols do not divide the data, all that one object has for the
/// section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its offset from the start of the section, in bytes.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its symbol as the object spells it: mangled.
    pub symbol: Option<String>,
    /// The key that it is sorted by.
    pub key: Option<String>,
    /// The Rust crate that defines it.
    pub krate: Option<String>,
    /// The object or archive that it comes from.
    pub file: String,
    /// The member of that archive.
    pub member: Option<String>,
    /// The pointers in it.
    pub pointers: Vec<Pointer>,
    /// A name for people, unique in its section. It has no hash, so it is the same in each build of a program.
    /// Older linkers do not write it.
    pub name: Option<String>,
    /// The data that its pointers refer to, and the data that the pointers in those values refer to, as far as
    /// it is in the object of the entry. Older linkers do not write it.
    pub values: Vec<Value>,
}

/// Data that a pointer refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The index of the pointer that refers to it. The pointers of the entry come first, then those of its
    /// values, in order.
    pub pointer: u32,
    /// The number of bytes from the address in the pointer to the end of the symbol's data.
    pub size: u32,
    /// The pointers in it. Their offsets count from the address in the pointer that refers to this value.
    pub pointers: Vec<Pointer>,
}

/// A word that the linker filled in, by a relocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Its offset from the start of the entry or value, in bytes.
    pub offset: u32,
    /// Its size in bytes: 4 or 8.
    pub size: u32,
    /// What the word is.
    pub kind: PointerKind,
    /// The symbol that it refers to, as the object spells it: mangled.
    pub target: String,
    /// The offset from that symbol, in bytes.
    pub addend: i64,
}

/// What a word that the linker filled in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PointerKind {
    /// An address in memory.
    Data,
    /// A function: its index in the table `__indirect_function_table`.
    Function,
    /// The distance in bytes from this word to an address.
    Distance,
    /// A kind that this version of the crate does not know, with its number in the format.
    Other(u32),
}

/// Why a manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    offset: u64,
}

impl Manifest {
    /// Finds the manifest of a core module, and reads it. `None` if there is none: the module was linked without
    /// `--section-manifest`, or the linker found nothing to gather.
    ///
    /// # Errors
    /// `module` is not a core module, or its sections or its manifest are damaged. Of a component, read the core
    /// modules in it one by one.
    pub fn find(module: &[u8]) -> Result<Option<Self>, Error> {
        read::find(module)
    }

    /// Reads the content of a custom section [`link_sections`](CUSTOM_SECTION): the bytes that follow its name.
    /// `offset` is where they begin in the file, for errors; 0 if you do not know it.
    ///
    /// # Errors
    /// The bytes are not as the format says, or are of a version that is not known.
    pub fn read(content: &[u8], offset: u64) -> Result<Self, Error> {
        read::manifest(content, offset)
    }

    /// The section of that name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// Whether the linker collected the section as garbage, because nothing that is alive refers to it. It has
    /// no address then.
    #[must_use]
    pub fn is_collected(&self) -> bool {
        self.stop == 0 && self.size != 0
    }

    /// Its title, or else its name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

impl Entry {
    /// Its name without the number that makes it unique.
    #[must_use]
    pub fn plain_name(&self) -> Option<&str> {
        let name = self.name.as_deref()?;
        Some(match name.rsplit_once(format::NUMBER_SEPARATOR) {
            Some((plain, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => plain,
            _ => name,
        })
    }
}

impl PointerKind {
    /// Its number in the format.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Data => 0,
            Self::Function => 1,
            Self::Distance => 2,
            Self::Other(number) => number,
        }
    }

    /// The kind of a number in the format.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Data,
            1 => Self::Function,
            2 => Self::Distance,
            other => Self::Other(other),
        }
    }
}

impl Error {
    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The offset in the file, in bytes, of what is wrong.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {:#x})", self.message, self.offset)
    }
}

impl core::error::Error for Error {}
