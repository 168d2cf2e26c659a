//! What is kept of an object: its entries, of the three kinds of DESIGN.md, "What is an entry".

use crate::error::Result;
use crate::input::{ObjectId, changed};
use crate::survey::intern::{NameId, NameStore, StoredName};
use crate::wasm::{
    DataSegment, Object, SEGMENT_RETAIN, SectionIndex, SegmentIndex, SymbolFlags, SymbolIndex,
};
use smallvec::SmallVec;
use std::ops::Range;

/// An entry of a link section: bytes that become part of its array. All that is kept of its object, which
/// is read again when the entries leave it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The object it comes from.
    pub object: ObjectId,
    /// The link section.
    pub section: NameId,
    /// The key that its mark gives.
    pub key: Option<Box<str>>,
    /// Where it is in the object.
    pub origin: Origin,
    /// How many bytes it has.
    pub size: u32,
    /// The alignment of its segment, as a power of two. Custom sections state none.
    pub alignment: Option<u8>,
    /// The COMDAT group that it is in.
    pub comdat: Option<NameId>,
    /// The symbols that it defines.
    pub symbols: SmallVec<[EntrySymbol; 1]>,
    /// Whether each of them bears a mark, so that its name need not be looked at again.
    pub all_marked: bool,
    /// Whether it is in the array itself.
    pub role: Role,
    /// Whether its segment is to be kept (`WASM_SEG_FLAG_RETAIN`).
    pub is_retained: bool,
    /// Whether it is in a segment that the backend merges into `.rodata`.
    pub is_read_only: bool,
}

/// What an entry is to its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is in the array.
    Entry,
    /// What it points to is, and it leaves its object.
    Node,
    /// It is in the array, as a node points to it: the one so many entries further on, of the same object.
    Value(i32),
}

/// The place of an entry in a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

impl EntryId {
    /// That of the entry at a place among all.
    pub fn new(position: usize) -> Self {
        Self(position as u32)
    }

    /// The place.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

/// A symbol of an entry.
#[derive(Debug, Clone)]
pub struct EntrySymbol {
    /// Its index in the object.
    pub index: SymbolIndex,
    /// `WASM_SYM_…`.
    pub flags: SymbolFlags,
    /// From the first byte of the segment.
    pub offset: u32,
    /// Of what it names, in bytes.
    pub size: u32,
    /// Its name.
    pub name: StoredName,
}

/// What is kept of an object that has entries.
#[derive(Debug)]
pub struct Summary<'a> {
    /// Whether its memory has 64-bit addresses.
    pub memory64: bool,
    /// Whether its table has 64-bit indices.
    pub table64: bool,
    /// Whether it has constructors, or segments that are retained and no entries. They count if any of its
    /// symbols is alive.
    pub has_roots: bool,
    /// All of it, where that has the names of its entries' symbols.
    pub bytes: Option<&'a [u8]>,
}

impl<'a> Summary<'a> {
    /// That of an object with these entries, whose names are in these texts.
    pub fn new(object: &Object<'_>, texts: &NameStore<'a>, entries: &[Entry]) -> Self {
        let is_retained = |segment: &DataSegment<'_>| segment.flags & SEGMENT_RETAIN != 0;
        let retained = object.segments.iter().filter(|one| is_retained(one));
        let mut of_entries: Vec<_> = entries
            .iter()
            .filter(|entry| entry.is_retained)
            .filter_map(Entry::segment)
            .collect();
        of_entries.sort();
        of_entries.dedup();
        Self {
            memory64: object.memory64,
            table64: object.table64,
            has_roots: object.has_constructors || retained.count() > of_entries.len(),
            bytes: match texts {
                NameStore::Object(bytes) => Some(bytes),
                NameStore::Copied(_) => None,
            },
        }
    }
}

/// Where an entry is in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// All of a data segment that bears the section's name.
    Segment(SegmentIndex),
    /// What a name-marked symbol names: it begins at this offset of a data segment.
    Symbol(SegmentIndex, u32),
    /// Of a custom section what begins at this offset: all of it, but where data segments have the rest.
    Custom(SectionIndex, u32),
}

impl Origin {
    /// The data segment it is in.
    pub fn segment(self) -> Option<SegmentIndex> {
        match self {
            Self::Segment(segment) | Self::Symbol(segment, _) => Some(segment),
            Self::Custom(..) => None,
        }
    }

    /// Where it begins in its segment, in bytes.
    pub fn start(self) -> u32 {
        match self {
            Self::Symbol(_, start) | Self::Custom(_, start) => start,
            Self::Segment(_) => 0,
        }
    }

    /// All of the segment or section that it is in, if there is such a one.
    fn within<'d>(self, object: &Object<'d>) -> Option<&'d [u8]> {
        match self {
            Self::Segment(segment) | Self::Symbol(segment, _) => {
                let segment = object.segments.get(segment.position());
                segment.map(|segment| segment.data)
            }
            Self::Custom(section, _) => {
                let section = object.sections.get(section.position());
                section.map(|section| section.content)
            }
        }
    }
}

impl Entry {
    /// The data segment it is in.
    pub fn segment(&self) -> Option<SegmentIndex> {
        self.origin.segment()
    }

    /// Where it begins in its segment, in bytes.
    pub fn start(&self) -> u32 {
        self.origin.start()
    }

    /// Where it is in its segment, in bytes.
    pub fn range(&self) -> Range<u32> {
        let start = self.start();
        start..start + self.size
    }

    /// Whether there is such an entry in an object.
    fn is_of(&self, object: &Object<'_>) -> bool {
        let symbols = object.symbols.len();
        self.bytes(object).is_some()
            && (self.symbols.iter()).all(|symbol| symbol.index.position() < symbols)
    }

    /// Its bytes, in its object.
    pub fn data<'d>(&self, object: &Object<'d>) -> &'d [u8] {
        self.bytes(object).unwrap_or_default()
    }

    fn bytes<'d>(&self, object: &Object<'d>) -> Option<&'d [u8]> {
        let range = self.range();
        let all = self.origin.within(object)?;
        all.get(range.start as usize..range.end as usize)
    }
}

/// The object that these are entries of, in its bytes, which may have been read again.
///
/// # Errors
/// It is another now: another program writes to the file.
pub fn read_again<'o, 'e>(
    bytes: &'o [u8],
    entries: impl IntoIterator<Item = &'e Entry>,
) -> Result<Object<'o>> {
    let object = Object::parse(bytes)?;
    match entries.into_iter().all(|entry| entry.is_of(&object)) {
        true => Ok(object),
        false => Err(changed()),
    }
}

impl EntrySymbol {
    /// Whether it is seen only inside its object.
    pub fn is_local(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_LOCAL)
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_WEAK)
    }

    /// What it names, in bytes from the first of its segment.
    pub fn range(&self) -> Range<u32> {
        self.offset..self.offset.saturating_add(self.size)
    }
}
