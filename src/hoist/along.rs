//! What goes along with entries: segments that nothing else refers to. Those of a section's entries are
//! put together, as what is made of many small segments and symbols takes the backend longer to read
//! than to link.

use super::sections::place;
use super::source::{Compact, Home, Source};
use super::{Hoist, Target};
use crate::error::{Error, Result};
use crate::wasm::{
    DataSegment, Definition, Merged, Object, SEGMENT_STRINGS, SegmentIndex, SymbolFlags,
    SymbolIndex, SynthSymbol,
};
use std::ops::Range;

/// To copy more than this takes longer than to have a segment for it.
const MOST_BYTES: usize = 4096;
/// What is aligned more stays alone, so that little is lost between.
const MOST_ALIGNMENT: u32 = 4;

/// What goes along with the entries of one section, put together: a segment for each kind, and a
/// symbol at its beginning.
#[derive(Debug, Default)]
pub(super) struct Pools([Option<(SegmentIndex, SymbolIndex)>; Merged::ALL.len()]);

/// Where a segment of an input is that went along.
#[derive(Debug, Clone, Copy)]
pub(super) struct Along {
    segment: Compact,
    /// In bytes from the segment's beginning.
    offset: u32,
}

impl Along {
    fn new(segment: SegmentIndex, offset: u32) -> Result<Self> {
        let too_many = || Error::new("there are too many data segments for one object");
        Ok(Self {
            segment: Compact::new(segment.0).ok_or_else(too_many)?,
            offset,
        })
    }

    fn segment(&self) -> SegmentIndex {
        SegmentIndex(self.segment.get())
    }
}

impl Pools {
    /// The symbol at the beginning of a segment, if that is of these.
    fn symbol(&self, segment: SegmentIndex) -> Option<SymbolIndex> {
        let mut pools = self.0.iter().flatten();
        let (_, symbol) = pools.find(|(pool, _)| *pool == segment)?;
        Some(*symbol)
    }
}

impl<'a> Hoist<'_, 'a> {
    /// What a symbol names that goes along: `range` of the segment `from`.
    pub(super) fn target_along(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        index: SymbolIndex,
        (from, range): (SegmentIndex, Range<u32>),
    ) -> Result<Target> {
        let along = self.take_along(object, source, from)?;
        let pools = match source.home {
            Home::Section(section) => self.pools.get(section),
            Home::None | Home::Several => None,
        };
        if let Some(symbol) = pools.and_then(|pools| pools.symbol(along.segment())) {
            let addend = i64::from(along.offset) + i64::from(range.start);
            return Ok(Target { symbol, addend });
        }
        let symbol = object.symbol(index);
        let symbol = self.builder.symbol(SynthSymbol::Data {
            flags: symbol.flags,
            name: source.kept_name(symbol.name),
            definition: Definition {
                segment: along.segment(),
                offset: range.start,
                size: range.end - range.start,
            },
        });
        source.stands_for(index, symbol);
        Ok(symbol.into())
    }

    /// Gives the synthesized object the relocations of what went along with entries, which may take
    /// along more.
    pub(super) fn relocate_along(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
    ) -> Result<()> {
        while let Some((from, along)) = source.along.pop() {
            let base = object.segment(from).offset;
            for relocation in object.segment_relocations(from)? {
                let offset = along.offset + (relocation.offset - base);
                self.give(object, source, relocation, (along.segment(), offset))?;
            }
        }
        Ok(())
    }

    /// The place in the synthesized object of a segment that goes along with entries.
    fn take_along(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        from: SegmentIndex,
    ) -> Result<Along> {
        if let Some(known) = source.segments[from.position()] {
            return Ok(known);
        }
        let old = object.segment(from);
        let (segment, offset) = match self.pool(source.home, old) {
            Some(pooled) => pooled,
            None => {
                let (name, data) = (source.kept_name(old.name), source.kept(old.data));
                let builder = &mut self.builder;
                let segment = builder.segment(name, old.alignment, old.flags, data);
                (segment, 0)
            }
        };
        let along = Along::new(segment, offset)?;
        source.segments[from.position()] = Some(along);
        if !object.segment_relocations(from)?.is_empty() {
            source.along.push((from, along));
        }
        Ok(along)
    }

    /// Puts a segment together with others that live as long as it: those of one section's entries.
    /// None where that cannot be known, where it does not pay, or where people want to see each.
    fn pool(&mut self, home: Home, old: &DataSegment<'_>) -> Option<(SegmentIndex, u32)> {
        let Home::Section(section) = home else {
            return None;
        };
        let kind = old.merged?;
        let is_alone = self.output.symbols
            || self.output.manifest
            || old.data.len() > MOST_BYTES
            || old.alignment > MOST_ALIGNMENT
            // The backend merges those itself.
            || old.flags & SEGMENT_STRINGS != 0;
        if is_alone {
            return None;
        }
        let segment = match self.pools[section].0[kind as usize] {
            Some((segment, _)) => segment,
            None => {
                let name = format!("{}.{}", kind.name(), self.plan.sections[section].name);
                let segment = self.builder.segment(name, 0, 0, Vec::new());
                let symbol = self.builder.symbol(SynthSymbol::Data {
                    flags: SymbolFlags::BINDING_LOCAL,
                    name: format!(".Lalong.{}", segment.0).into(),
                    definition: place(segment, 0),
                });
                self.pools[section].0[kind as usize] = Some((segment, symbol));
                segment
            }
        };
        let offset = self.builder.append(segment, old.alignment, old.data)?;
        Some((segment, offset))
    }
}
