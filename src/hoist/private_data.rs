//! The data that moves out of an object: the entries and their private data, which nothing else refers
//! to, such as the strings that they point to.
//!
//! Private data moves because its symbols can stay local in the synthesized object. If it stayed in its
//! object, each symbol that an entry points to would need a global name.

use crate::error::Result;
use crate::survey::is_c_identifier;
use crate::wasm::{
    CUSTOM, Object, Relocation, RelocationType, SEGMENT_RETAIN, SEGMENT_TLS, SectionIndex,
    SegmentIndex, Symbol, SymbolFlags, SymbolIndex,
};
use std::collections::BTreeSet;

/// What a data segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Data that stays in the object.
    Kept,
    /// Entries.
    Entries,
    /// Private data of entries.
    Private,
}

/// The data that moves out of an object, and who refers to which symbol.
#[derive(Debug)]
pub(super) struct MovedData {
    /// For each data segment.
    segments: Vec<Content>,
    /// For each symbol, whether code or data that stays refers to it.
    by_kept: Vec<bool>,
    /// For each symbol, whether a custom section that stays refers to it, such as debug information.
    by_custom: Vec<bool>,
    /// For each symbol, whether anything that moves refers to it.
    by_moved: Vec<bool>,
}

impl MovedData {
    /// Finds the private data of entries that are in these `segments` and custom `sections`.
    ///
    /// # Errors
    /// An invalid relocation.
    pub(super) fn of(
        object: &Object<'_>,
        segments: &[SegmentIndex],
        sections: &BTreeSet<SectionIndex>,
    ) -> Result<Self> {
        let mut moved = Self {
            segments: vec![Content::Kept; object.segments.len()],
            by_kept: vec![false; object.symbols.len()],
            by_custom: vec![false; object.symbols.len()],
            by_moved: vec![false; object.symbols.len()],
        };
        for segment in segments {
            moved.segments[segment.position()] = Content::Entries;
        }
        let mut candidates = moved.private_candidates(object);
        moved.scan_sections(object, sections, &mut candidates)?;
        let of_sections = sections.iter().map(|&section| object.relocations(section));
        let of_sections = of_sections.collect::<Result<Vec<_>>>()?.concat();
        moved.find_private(object, segments, &of_sections, &candidates)?;
        for symbol in of_sections.iter().filter_map(symbol) {
            moved.by_moved[symbol.position()] = true;
        }
        for (segment, own) in object.relocated_segments()? {
            let referred = match moved.segments[segment.position()] {
                Content::Kept => &mut moved.by_kept,
                Content::Entries | Content::Private => &mut moved.by_moved,
            };
            for symbol in own.iter().filter_map(symbol) {
                referred[symbol.position()] = true;
            }
        }
        Ok(moved)
    }

    /// Whether a segment is private data of entries.
    pub(super) fn is_private(&self, segment: SegmentIndex) -> bool {
        self.segments[segment.position()] == Content::Private
    }

    /// Whether anything of the object refers to a symbol.
    pub(super) fn is_referred(&self, symbol: SymbolIndex) -> bool {
        self.is_referred_by_program(symbol) || self.by_custom[symbol.position()]
    }

    /// Whether code or data of the object refers to a symbol.
    pub(super) fn is_referred_by_program(&self, symbol: SymbolIndex) -> bool {
        self.by_kept[symbol.position()] || self.by_moved[symbol.position()]
    }

    /// The segments that move, in the order of their indices.
    pub(super) fn segments(&self) -> Vec<SegmentIndex> {
        let segments = self.segments.iter().enumerate();
        segments
            .filter(|(_, content)| **content != Content::Kept)
            .map(|(position, _)| SegmentIndex(position as u32))
            .collect()
    }

    /// Whether what stays in the object refers to a symbol.
    pub(super) fn is_referred_by_rest(&self, symbol: SymbolIndex) -> bool {
        self.by_kept[symbol.position()] || self.by_custom[symbol.position()]
    }

    /// Whether a symbol is defined in a segment that moves.
    pub(super) fn contains(&self, symbol: &Symbol<'_>) -> bool {
        let segment = symbol.definition().map(|(segment, _)| segment);
        segment.is_some_and(|segment| self.segments[segment.position()] != Content::Kept)
    }

    /// For each segment, whether it could be private data: no other object can refer to it, and the linker
    /// keeps it only if something refers to it. A segment whose name is a C identifier may be part of a
    /// section that a program walks, so it stays where it is.
    fn private_candidates(&self, object: &Object<'_>) -> Vec<bool> {
        let rooted = SEGMENT_RETAIN | SEGMENT_TLS;
        let segments = object.segments.iter().zip(&self.segments);
        let mut candidates: Vec<bool> = segments
            .map(|(segment, content)| {
                *content == Content::Kept
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
                candidates[segment.position()] = false;
            }
        }
        candidates
    }

    /// Notes the symbols that code, debug information and other sections refer to, unless the section
    /// is one of those `moved`. Data that they refer to stays.
    fn scan_sections(
        &mut self,
        object: &Object<'_>,
        moved: &BTreeSet<SectionIndex>,
        candidates: &mut [bool],
    ) -> Result<()> {
        let data = object.data_section();
        for position in 0..object.sections.len() {
            let section = SectionIndex(position as u32);
            if Some(section) == data || moved.contains(&section) {
                continue;
            }
            let is_custom = object.sections[position].id == CUSTOM;
            let referred = match is_custom {
                true => &mut self.by_custom,
                false => &mut self.by_kept,
            };
            for symbol in object.relocations(section)?.iter().filter_map(symbol) {
                referred[symbol.position()] = true;
                if let Some((segment, _)) = object.symbol(symbol).definition() {
                    candidates[segment.position()] = false;
                }
            }
        }
        Ok(())
    }

    /// Finds the data that only entries and their private data refer to. `of_sections` are the relocations
    /// of the custom sections that are entries.
    ///
    /// It counts the references to each candidate, and subtracts those from what moves. A candidate with
    /// none left is private. Candidates that only refer to each other stay, as nothing that moves
    /// reaches them.
    fn find_private(
        &mut self,
        object: &Object<'_>,
        segments: &[SegmentIndex],
        of_sections: &[Relocation],
        candidates: &[bool],
    ) -> Result<()> {
        let target = |relocation: &Relocation| {
            let (segment, _) = object.symbol(symbol(relocation)?).definition()?;
            candidates[segment.position()].then_some(segment)
        };
        // For each segment, the references to it from elsewhere.
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
        let mut subtract = |segments: &mut [Content], from, relocations: &[Relocation]| {
            for to in relocations.iter().filter_map(target) {
                let left = &mut outstanding[to.position()];
                *left -= u32::from(Some(to) != from);
                if *left == 0 && segments[to.position()] == Content::Kept {
                    segments[to.position()] = Content::Private;
                    reached.push(to);
                }
            }
            std::mem::take(&mut reached)
        };
        let mut pending = segments.to_vec();
        // A segment may hold several entries.
        pending.sort();
        pending.dedup();
        pending.extend(subtract(&mut self.segments, None, of_sections));
        while let Some(from) = pending.pop() {
            let own = object.segment_relocations(from)?;
            pending.extend(subtract(&mut self.segments, Some(from), own));
        }
        Ok(())
    }
}

/// The symbol that a relocation refers to, if it refers to one.
fn symbol(relocation: &Relocation) -> Option<SymbolIndex> {
    (relocation.ty != RelocationType::TypeIndexLeb).then(|| relocation.symbol())
}
