//! Entries, of the three kinds of DESIGN.md, "What is an entry".

use crate::error::Result;
use crate::input::{ObjectId, changed};
use crate::survey::intern::{NameId, StoredName};
use crate::wasm::{
    DataSegment, Object, ObjectBytes, SEGMENT_RETAIN, SectionIndex, SegmentIndex, SymbolFlags,
    SymbolIndex,
};
use smallvec::SmallVec;
use std::ops::Range;

/// An entry of a link section: bytes that become part of its array. The survey keeps nothing else
/// of the object, which is read again when it is rewritten.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The object it comes from.
    pub object: ObjectId,
    /// The link section.
    pub section: NameId,
    /// The sort key from its mark, such as `KEY` of `__link_section__NAME$KEY$UNIQUE`.
    pub key: Option<Box<str>>,
    /// Where it is in the object.
    pub origin: Origin,
    /// Its size in bytes.
    pub size: u32,
    /// The alignment as a power of two, at most that of its segment. Custom sections have none.
    pub alignment: Option<u8>,
    /// The COMDAT group that it is in.
    pub comdat: Option<NameId>,
    /// The symbols that it defines.
    pub symbols: SmallVec<[EntrySymbol; 1]>,
    /// Whether all of them are marked, so that their names need not be parsed again.
    pub all_marked: bool,
    /// Whether the entry itself is in the array, or what it points to.
    pub role: Role,
    /// Whether its segment has `WASM_SEG_FLAG_RETAIN`.
    pub is_retained: bool,
    /// Whether it is in a segment that the backend merges into `.rodata`.
    pub is_read_only: bool,
}

/// The role of an entry in its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is in the array.
    Entry,
    /// The array has the value that it points to. The node itself is dropped.
    Node,
    /// It is in the array because a node points to it: the entry at this distance in
    /// `Survey::entries`, of the same object.
    Value(i32),
}

/// The index of an entry in `Survey::entries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

impl EntryId {
    /// The id of the entry at an index.
    pub(in crate::survey) fn new(position: usize) -> Self {
        Self(position as u32)
    }

    /// An id that no inputs made.
    #[cfg(test)]
    pub fn for_test(position: usize) -> Self {
        Self::new(position)
    }

    /// The index.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

/// Consecutive entries.
#[derive(Debug, Default, Clone)]
pub struct EntryRange(Range<u32>);

impl EntryRange {
    /// The entries at these indices.
    pub(in crate::survey) fn new(positions: Range<usize>) -> Self {
        Self(positions.start as u32..positions.end as u32)
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        self.0.clone().map(EntryId)
    }
}

/// A symbol of an entry.
#[derive(Debug, Clone)]
pub struct EntrySymbol {
    /// Its index in the object.
    pub index: SymbolIndex,
    /// `WASM_SYM_…`.
    pub flags: SymbolFlags,
    /// Its offset from the start of the segment, in bytes.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its name.
    pub name: StoredName,
}

/// What is kept of an object that has entries.
#[derive(Debug)]
pub struct Summary {
    /// Whether its memory has 64-bit addresses.
    pub memory64: bool,
    /// Whether its table has 64-bit indices.
    pub table64: bool,
    /// Whether it has constructors, or retained segments that are not entries. These are roots of
    /// the garbage collection once the object is live.
    pub has_roots: bool,
}

impl Summary {
    /// Summarizes an object with these entries.
    pub fn new(object: &Object<'_>, entries: &[Entry]) -> Self {
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
        }
    }
}

/// Where an entry is in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A whole data segment with the section's name.
    Segment(SegmentIndex),
    /// The bytes of a marked symbol, at this offset of a data segment.
    Symbol(SegmentIndex, u32),
    /// The bytes of a custom section from this offset: the whole section, unless data segments
    /// duplicate the rest.
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

    /// Its offset from the start of its segment or custom section, in bytes.
    pub fn start(self) -> u32 {
        match self {
            Self::Symbol(_, start) | Self::Custom(_, start) => start,
            Self::Segment(_) => 0,
        }
    }

    /// The contents of its segment or section; none if the index is out of range.
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

    /// Its range in its segment or custom section, in bytes.
    pub fn range(&self) -> Range<u32> {
        let start = self.start();
        start..start + self.size
    }

    /// Whether the indices and the range of the entry are valid in `object`.
    fn is_of(&self, object: &Object<'_>) -> bool {
        let symbols = object.symbols.len();
        self.bytes(object).is_some()
            && (self.symbols.iter()).all(|symbol| symbol.index.position() < symbols)
    }

    /// Its bytes in its object.
    pub fn data<'d>(&self, object: &Object<'d>) -> &'d [u8] {
        self.bytes(object).unwrap_or_default()
    }

    fn bytes<'d>(&self, object: &Object<'d>) -> Option<&'d [u8]> {
        let range = self.range();
        let all = self.origin.within(object)?;
        all.get(range.start as usize..range.end as usize)
    }
}

/// Parses the object of these entries again.
///
/// # Errors
/// The file changed in between.
pub fn read_again<'o, 'e>(
    bytes: &'o ObjectBytes<'_>,
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

    /// Its range in bytes, from the start of its segment.
    pub fn range(&self) -> Range<u32> {
        self.offset..self.offset.saturating_add(self.size)
    }
}
