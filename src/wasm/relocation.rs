//! The relocations of an object, checked and in the order of their offsets.

use super::index::{SectionIndex, SegmentIndex, SymbolIndex};
use super::object::{DataSegment, Object};
use super::outline::DATA;
use super::parse::{SMALLEST_RELOCATION, at_most};
use super::symbol::SymbolKind;
use crate::error::{Error, Result};
use std::iter::Peekable;
use std::ops::Range;
use wasmparser::{RelocSectionReader, RelocationType};

/// A relocation whose offset and symbol have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Its type, `R_WASM_…`.
    pub ty: RelocationType,
    /// From where the section's offsets count.
    pub offset: u32,
    /// The symbol, or the type for `R_WASM_TYPE_INDEX_LEB`.
    pub index: u32,
    /// Added to the address.
    pub addend: i64,
}

/// The relocations of the data section, in the order of their offsets.
#[derive(Debug, Default)]
pub(super) struct DataRelocations {
    all: Vec<Relocation>,
    /// For each segment, where in `all` its own end.
    ends: Vec<u32>,
}

impl Relocation {
    /// The symbol it refers to.
    pub fn symbol(&self) -> SymbolIndex {
        SymbolIndex(self.index)
    }
}

impl Object<'_> {
    /// The relocations of a section, in the order of their offsets.
    ///
    /// # Errors
    /// A relocation outside the section, or of a symbol that is not there or not of its kind.
    pub fn relocations(&self, section: SectionIndex) -> Result<Vec<Relocation>> {
        let Some(from) = self.relocation_section(section) else {
            return Ok(Vec::new());
        };
        let target = &self.sections[section.position()];
        let reader = self.sections[from.position()].reader();
        let entries = RelocSectionReader::new(reader.clone())?.entries();
        let most = at_most(entries.count(), &reader, SMALLEST_RELOCATION);
        let mut segments = self.segments.iter().peekable();
        let mut relocations: Vec<Relocation> = Vec::with_capacity(most);
        for item in entries.into_iter_with_offsets() {
            let (at, entry) = item?;
            let range = entry.relocation_range().ok();
            let Some(range) = range.filter(|range| range.end <= target.content.len()) else {
                return Err(Error::damaged("this relocation is outside its section").at(at));
            };
            if relocations
                .last()
                .is_some_and(|last| last.offset > entry.offset)
            {
                return Err(
                    Error::damaged("relocations are not in the order of their offsets").at(at),
                );
            }
            if target.id == DATA && !is_in_one(&mut segments, &range) {
                return Err(Error::damaged(
                    "this relocation is not inside the bytes of one data segment",
                )
                .at(at));
            }
            let relocation = Relocation {
                ty: entry.ty,
                offset: entry.offset,
                index: entry.index,
                addend: entry.addend,
            };
            self.check_symbol(&relocation)
                .map_err(|error| error.at(at))?;
            relocations.push(relocation);
        }
        Ok(relocations)
    }

    /// The relocations of the data section, in the order of their offsets. They are read once.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn data_relocations(&self) -> Result<&[Relocation]> {
        self.by_segment().map(|relocations| &relocations.all[..])
    }

    /// The relocations of a data segment, with offsets in the data section.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn segment_relocations(&self, segment: SegmentIndex) -> Result<&[Relocation]> {
        let DataRelocations { all, ends } = self.by_segment()?;
        let position = segment.position();
        let start = position.checked_sub(1).map_or(0, |before| ends[before]);
        Ok(&all[start as usize..ends[position] as usize])
    }

    /// The relocations of a range of a data segment, which is in bytes from the segment's first.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn relocations_within(
        &self,
        segment: SegmentIndex,
        range: Range<u32>,
    ) -> Result<&[Relocation]> {
        let all = self.segment_relocations(segment)?;
        let base = self.segment(segment).offset;
        // What a symbol says of its size may be more than there is room for.
        let before = |end: u32| {
            let end = base.saturating_add(end);
            all.partition_point(|relocation| relocation.offset < end)
        };
        Ok(&all[before(range.start)..before(range.end)])
    }

    /// The relocations of each data segment that has some, in order.
    ///
    /// # Errors
    /// As of [`Object::relocations`].
    pub fn relocated_segments(
        &self,
    ) -> Result<impl Iterator<Item = (SegmentIndex, &[Relocation])>> {
        let DataRelocations { all, ends } = self.by_segment()?;
        let mut start = 0;
        let segments = ends.iter().enumerate().map(move |(position, &end)| {
            let own = &all[start..end as usize];
            start = end as usize;
            (SegmentIndex(position as u32), own)
        });
        Ok(segments.filter(|(_, own)| !own.is_empty()))
    }

    fn by_segment(&self) -> Result<&DataRelocations> {
        if let Some(known) = self.data_relocations.get() {
            return Ok(known);
        }
        let section = self.data_section();
        let read = section.map(|section| self.relocations(section));
        let all = read.transpose()?.unwrap_or_default();
        let mut end = 0;
        let ends = self.segments.iter().map(|segment| {
            // Each is inside of one segment, which was checked.
            let beyond = segment.offset as usize + segment.data.len();
            let own = all[end..].iter();
            end += own
                .take_while(|relocation| (relocation.offset as usize) < beyond)
                .count();
            end as u32
        });
        let ends = ends.collect();
        Ok(self
            .data_relocations
            .get_or_init(|| DataRelocations { all, ends }))
    }

    fn check_symbol(&self, relocation: &Relocation) -> Result<()> {
        use RelocationType::*;
        if relocation.ty == TypeIndexLeb {
            return Ok(());
        }
        let Some(symbol) = self.symbols.get(relocation.index as usize) else {
            return Err(Error::damaged(format!(
                "symbol index {} of this relocation is out of range: there are {} symbols",
                relocation.index,
                self.symbols.len()
            )));
        };
        let fits = match relocation.ty {
            MemoryAddrI32 | MemoryAddrI64 | MemoryAddrLocrelI32 => symbol.is_data(),
            TableIndexI32 | TableIndexI64 | FunctionOffsetI32 | FunctionOffsetI64
            | FunctionIndexI32 => matches!(symbol.kind, SymbolKind::Function(_)),
            _ => true,
        };
        if fits {
            return Ok(());
        }
        Err(Error::damaged(format!(
            "this relocation's type does not fit the kind of its symbol `{}`",
            symbol.name
        )))
    }
}

/// Whether `range` of the data section is inside the bytes of one segment: the first of `segments`, once
/// those are left out that end before it.
fn is_in_one<'s>(
    segments: &mut Peekable<impl Iterator<Item = &'s DataSegment<'s>>>,
    range: &Range<usize>,
) -> bool {
    let end = |segment: &DataSegment<'_>| segment.offset as usize + segment.data.len();
    while segments
        .next_if(|segment| end(segment) <= range.start)
        .is_some()
    {}
    segments
        .peek()
        .is_some_and(|segment| segment.offset as usize <= range.start && range.end <= end(segment))
}
