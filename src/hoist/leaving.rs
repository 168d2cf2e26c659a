//! What leaves an object: the entries, and data that serves nothing else, such as the texts that they
//! point to. It becomes part of the synthesized object, where its symbols can stay local: what stays
//! behind would need a global name each.

use crate::error::Result;
use crate::survey::is_c_identifier;
use crate::wasm::{
    Object, Relocation, RelocationType, SEGMENT_RETAIN, SEGMENT_TLS, SectionIndex, SegmentIndex,
    Symbol, SymbolFlags, SymbolIndex,
};
use std::collections::BTreeSet;

/// What becomes of a data segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Its bytes are those of entries.
    Entries,
    /// It goes along with them.
    GoesAlong,
}

/// What leaves an object, and what of that the rest refers to.
#[derive(Debug)]
pub struct Leaving {
    segments: Vec<Fate>,
    /// For each symbol, whether anything that stays refers to it.
    referred: Vec<bool>,
    /// For each symbol, whether anything that leaves does.
    referred_along: Vec<bool>,
}

impl Leaving {
    /// Finds what goes along with the entries' `segments` and custom `sections`.
    ///
    /// # Errors
    /// Relocations that are not right.
    pub fn of(
        object: &Object<'_>,
        segments: &[SegmentIndex],
        sections: &BTreeSet<SectionIndex>,
    ) -> Result<Self> {
        let mut leaving = Self {
            segments: vec![Fate::Stays; object.segments.len()],
            referred: vec![false; object.symbols.len()],
            referred_along: vec![false; object.symbols.len()],
        };
        for segment in segments {
            leaving.segments[segment.position()] = Fate::Entries;
        }
        let mut may_go = leaving.may_go(object);
        leaving.refer_from_sections(object, sections, &mut may_go)?;
        let of_sections = sections.iter().map(|&section| object.relocations(section));
        let of_sections = of_sections.collect::<Result<Vec<_>>>()?.concat();
        leaving.go_along(object, segments, &of_sections, &may_go)?;
        for symbol in of_sections.iter().filter_map(symbol) {
            leaving.referred_along[symbol.position()] = true;
        }
        for (segment, own) in object.relocated_segments()? {
            let referred = match leaving.segments[segment.position()] {
                Fate::Stays => &mut leaving.referred,
                Fate::Entries | Fate::GoesAlong => &mut leaving.referred_along,
            };
            for symbol in own.iter().filter_map(symbol) {
                referred[symbol.position()] = true;
            }
        }
        Ok(leaving)
    }

    /// Whether a segment goes along with the entries.
    pub fn goes_along(&self, segment: SegmentIndex) -> bool {
        self.segments[segment.position()] == Fate::GoesAlong
    }

    /// Whether anything of the object refers to a symbol.
    pub fn is_referred(&self, symbol: SymbolIndex) -> bool {
        self.referred[symbol.position()] || self.referred_along[symbol.position()]
    }

    /// The segments that leave, in order.
    pub fn segments(&self) -> Vec<SegmentIndex> {
        let segments = self.segments.iter().enumerate();
        let leaving = segments.filter(|(_, fate)| **fate != Fate::Stays);
        leaving
            .map(|(position, _)| SegmentIndex(position as u32))
            .collect()
    }

    /// Whether what stays in the object refers to a symbol of what leaves.
    pub fn is_missed(&self, symbol: SymbolIndex) -> bool {
        self.referred[symbol.position()]
    }

    /// Whether a symbol is of what leaves.
    pub fn leaves(&self, symbol: &Symbol<'_>) -> bool {
        let segment = symbol.definition().map(|(segment, _)| segment);
        segment.is_some_and(|segment| self.segments[segment.position()] != Fate::Stays)
    }

    /// Which segments could go along: those that nothing outside of the object can refer to, and
    /// nothing but a reference keeps. One that bears a section's name has its place in that section.
    fn may_go(&self, object: &Object<'_>) -> Vec<bool> {
        let rooted = SEGMENT_RETAIN | SEGMENT_TLS;
        let segments = object.segments.iter().zip(&self.segments);
        let mut may_go: Vec<bool> = segments
            .map(|(segment, fate)| {
                *fate == Fate::Stays
                    && segment.flags & rooted == 0
                    && segment.comdat.is_none()
                    && !is_c_identifier(segment.name)
            })
            .collect();
        let rooted = SymbolFlags::NO_STRIP | SymbolFlags::EXPORTED | SymbolFlags::TLS;
        for symbol in &object.symbols {
            if let Some((segment, _)) = symbol.definition()
                && (!symbol.is_local() || symbol.flags.intersects(rooted))
            {
                may_go[segment.position()] = false;
            }
        }
        may_go
    }

    /// Notes what code, debug information and other sections that stay refer to: that stays too.
    fn refer_from_sections(
        &mut self,
        object: &Object<'_>,
        leaving: &BTreeSet<SectionIndex>,
        may_go: &mut [bool],
    ) -> Result<()> {
        let data = object.data_section();
        for position in 0..object.sections.len() {
            let section = SectionIndex(position as u32);
            if Some(section) == data || leaving.contains(&section) {
                continue;
            }
            for symbol in object.relocations(section)?.iter().filter_map(symbol) {
                self.referred[symbol.position()] = true;
                if let Some((segment, _)) = object.symbol(symbol).definition() {
                    may_go[segment.position()] = false;
                }
            }
        }
        Ok(())
    }

    /// Takes along what is referred to from what leaves and from nowhere else; `of_sections` are the
    /// relocations of the custom sections that leave.
    fn go_along(
        &mut self,
        object: &Object<'_>,
        segments: &[SegmentIndex],
        of_sections: &[Relocation],
        may_go: &[bool],
    ) -> Result<()> {
        let target = |relocation: &Relocation| {
            let (segment, _) = object.symbol(symbol(relocation)?).definition()?;
            may_go[segment.position()].then_some(segment)
        };
        // How many references there are to each, but for those from itself.
        let mut outstanding = vec![0_u32; object.segments.len()];
        let mut count = |from: Option<SegmentIndex>, relocations: &[Relocation]| {
            for to in relocations.iter().filter_map(target) {
                outstanding[to.position()] += u32::from(Some(to) != from);
            }
        };
        for (from, own) in object.relocated_segments()? {
            count(Some(from), own);
        }
        count(None, of_sections);
        let mut reached = Vec::new();
        let mut reach = |segments: &mut [Fate], from, relocations: &[Relocation]| {
            for to in relocations.iter().filter_map(target) {
                let left = &mut outstanding[to.position()];
                *left -= u32::from(Some(to) != from);
                if *left == 0 && segments[to.position()] == Fate::Stays {
                    segments[to.position()] = Fate::GoesAlong;
                    reached.push(to);
                }
            }
            std::mem::take(&mut reached)
        };
        let mut pending = segments.to_vec();
        // Of a segment may be more than one entry.
        pending.sort();
        pending.dedup();
        pending.extend(reach(&mut self.segments, None, of_sections));
        while let Some(from) = pending.pop() {
            let own = object.segment_relocations(from)?;
            pending.extend(reach(&mut self.segments, Some(from), own));
        }
        Ok(())
    }
}

/// The symbol that a relocation refers to, if it refers to one.
fn symbol(relocation: &Relocation) -> Option<SymbolIndex> {
    (relocation.ty != RelocationType::TypeIndexLeb).then(|| relocation.symbol())
}
