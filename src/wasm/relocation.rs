//! The relocations of an object, checked and sorted by offset.

use super::index::{SegmentIndex, SymbolIndex};
use super::outline::{DATA, Section, at_most};
use super::segment::DataSegment;
use super::symbol::{Symbol, SymbolKind};
use crate::error::{Error, Result};
use std::iter::Peekable;
use std::ops::Range;
use wasmparser::{RelocSectionReader, RelocationType};

/// The minimum size of a relocation, in bytes.
const SMALLEST_RELOCATION: usize = 3;

/// A relocation with a checked offset and symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Its type, `R_WASM_…`.
    pub ty: RelocationType,
    /// In bytes from the start of the section's content.
    pub offset: u32,
    /// The symbol index, or the type index for `R_WASM_TYPE_INDEX_LEB`.
    pub index: u32,
    /// The addend.
    pub addend: i64,
}

/// The relocations of the data section, sorted by offset.
#[derive(Debug, Default)]
pub struct DataRelocations {
    all: Vec<Relocation>,
    /// For each segment, the end of its range in `all`.
    ends: Vec<u32>,
}

impl Relocation {
    /// The symbol it refers to.
    pub fn symbol(&self) -> SymbolIndex {
        SymbolIndex(self.index)
    }
}

impl DataRelocations {
    /// Splits the relocations `all` of the data section by segment.
    pub fn new(all: Vec<Relocation>, segments: &[DataSegment<'_>]) -> Self {
        let mut end = 0;
        let ends = segments.iter().map(|segment| {
            // `read` has checked that each relocation is within one segment.
            let beyond = segment.offset as usize + segment.data.len();
            let own = all[end..].iter();
            end += own
                .take_while(|relocation| (relocation.offset as usize) < beyond)
                .count();
            end as u32
        });
        let ends = ends.collect();
        Self { all, ends }
    }

    /// All relocations.
    pub fn all(&self) -> &[Relocation] {
        &self.all
    }

    /// The relocations of a segment.
    pub fn of(&self, segment: SegmentIndex) -> &[Relocation] {
        let position = segment.position();
        let start = position
            .checked_sub(1)
            .map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[position] as usize]
    }

    /// The segments with relocations, and their relocations, in order.
    pub fn by_segment(&self) -> impl Iterator<Item = (SegmentIndex, &[Relocation])> {
        let segments = (0..self.ends.len()).map(|position| SegmentIndex(position as u32));
        let segments = segments.map(|segment| (segment, self.of(segment)));
        segments.filter(|(_, own)| !own.is_empty())
    }
}

/// Reads the relocations of the section `target` from the relocation section `from`, sorted by offset.
///
/// # Errors
/// A relocation out of range, or one whose symbol is out of range or of the wrong kind.
pub fn read(
    from: &Section<'_>,
    target: &Section<'_>,
    segments: &[DataSegment<'_>],
    symbols: &[Symbol<'_>],
) -> Result<Vec<Relocation>> {
    let reader = from.reader();
    let entries = RelocSectionReader::new(reader.clone())?.entries();
    let most = at_most(entries.count(), &reader, SMALLEST_RELOCATION);
    let mut segments = segments.iter().peekable();
    let mut relocations: Vec<Relocation> = Vec::with_capacity(most);
    for item in entries.into_iter_with_offsets() {
        let (at, entry) = item?;
        let range = entry.relocation_range().ok();
        let Some(range) = range.filter(|range| range.end <= target.content.len()) else {
            return Err(Error::damaged("relocation offset is outside its section").at(at));
        };
        if relocations
            .last()
            .is_some_and(|last| last.offset > entry.offset)
        {
            return Err(Error::damaged("relocations are not sorted by offset").at(at));
        }
        if target.id == DATA && !is_in_one(&mut segments, &range) {
            return Err(Error::damaged("relocation is not within one data segment").at(at));
        }
        let relocation = Relocation {
            ty: entry.ty,
            offset: entry.offset,
            index: entry.index,
            addend: entry.addend,
        };
        check_symbol(&relocation, symbols).map_err(|error| error.at(at))?;
        relocations.push(relocation);
    }
    Ok(relocations)
}

fn check_symbol(relocation: &Relocation, symbols: &[Symbol<'_>]) -> Result<()> {
    use RelocationType::*;
    if relocation.ty == TypeIndexLeb {
        return Ok(());
    }
    let Some(symbol) = symbols.get(relocation.index as usize) else {
        return Err(Error::damaged(format!(
            "symbol index {} of a relocation is out of range: there are {} symbols",
            relocation.index,
            symbols.len()
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
        "relocation type does not match the kind of symbol `{}`",
        symbol.name
    )))
}

/// Whether `range` of the data section is within the data of one segment. Skips the segments that end
/// before `range`.
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
