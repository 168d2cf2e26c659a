//! Pools of private data: small segments of one array's entries are put together. wasm-ld takes longer to
//! read many small segments and symbols than to link them.

use super::output::Output;
use super::rewrite::Place;
use super::symbols::label;
use crate::plan::PlannedSection;
use crate::wasm::{
    Builder, DataSegment, Merged, SEGMENT_STRINGS, SegmentIndex, SymbolFlags, SymbolIndex,
    SynthSymbol,
};

/// In bytes. A larger segment takes longer to copy than to link as a segment of its own.
const MOST_BYTES: usize = 4096;
/// As a power of two. Segments that are aligned more would waste space between them.
const MOST_ALIGNMENT: u32 = 4;

/// A pool: a segment of the synthesized object, and a symbol at its beginning.
#[derive(Debug, Clone, Copy)]
struct Pool {
    segment: SegmentIndex,
    symbol: SymbolIndex,
}

/// The pools of all arrays.
#[derive(Debug)]
pub(super) struct Pools {
    /// For each section of the plan, a pool for each segment of the output.
    sections: Vec<[Option<Pool>; Merged::ALL.len()]>,
}

impl Pools {
    /// No pools yet, for so many sections of a plan.
    pub(super) fn new(sections: usize) -> Self {
        Self {
            sections: vec![[None; Merged::ALL.len()]; sections],
        }
    }

    /// Whether a segment of private data can be put into a pool. Not where users want to see each segment.
    pub(super) fn takes(segment: &DataSegment<'_>, output: Output) -> bool {
        !output.symbols
            && !output.manifest
            && segment.data.len() <= MOST_BYTES
            && segment.alignment <= MOST_ALIGNMENT
            // wasm-ld merges strings itself.
            && segment.flags & SEGMENT_STRINGS == 0
    }

    /// Puts a segment into the pool of the section at `position` in the plan. `None` if the segment is
    /// not merged with others in the output, or the pool is full.
    pub(super) fn add(
        &mut self,
        builder: &mut Builder<'_>,
        (position, section): (usize, &PlannedSection),
        segment: &DataSegment<'_>,
    ) -> Option<Place> {
        let merged = segment.merged?;
        let pool = self.sections.get_mut(position)?.get_mut(merged as usize)?;
        let Pool { segment: pool, .. } = *pool.get_or_insert_with(|| {
            let name = format!("{}.{}", merged.name(), section.name);
            let segment = builder.segment(name, 0, 0, Vec::new());
            let symbol = builder.symbol(SynthSymbol::Data {
                flags: SymbolFlags::BINDING_LOCAL,
                name: format!(".Lprivate.{}", segment.0).into(),
                definition: label(segment, 0),
            });
            Pool { segment, symbol }
        });
        let offset = builder.append(pool, segment.alignment, segment.data)?;
        Some(Place {
            segment: pool,
            offset,
        })
    }

    /// The symbol at the beginning of a segment, if that is a pool of the section at `position`.
    pub(super) fn symbol(&self, position: usize, segment: SegmentIndex) -> Option<SymbolIndex> {
        let mut pools = self.sections.get(position)?.iter().flatten();
        let pool = pools.find(|pool| pool.segment == segment)?;
        Some(pool.symbol)
    }
}
