//! An object that entries leave: where they were and where they go, and what the synthesized object has of
//! it.

use super::along::Along;
use super::global_name;
use super::leaving::Leaving;
use crate::error::Result;
use crate::input::{ObjectId, ObjectMap};
use crate::plan::Plan;
use crate::survey::{Origin, Survey};
use crate::wasm::{Edits, Object, SectionIndex, SegmentIndex, Symbol, SymbolIndex, SymbolKind};
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// An index that takes no more room where there may be none: there is one for each symbol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compact(NonZeroU32);

impl Compact {
    /// None for an index that no file has room for.
    pub(super) fn new(index: u32) -> Option<Self> {
        index.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    pub(super) fn get(self) -> u32 {
        self.0.get() - 1
    }
}

/// Where the entries of an object were, and where they go.
#[derive(Default)]
pub(super) struct Left {
    pub(super) segments: Vec<SegmentIndex>,
    pub(super) sections: BTreeSet<SectionIndex>,
    pub(super) home: Home,
}

/// The sections of the plan that entries of an object go to.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    #[default]
    None,
    /// All to the one of this number.
    Section(usize),
    Several,
}

impl Home {
    fn and(self, section: usize) -> Self {
        match self {
            Self::None => Self::Section(section),
            Self::Section(only) if only == section => self,
            _ => Self::Several,
        }
    }
}

/// An object that entries leave.
pub(super) struct Source {
    pub(super) leaving: Leaving,
    /// Custom sections that were entries.
    sections: BTreeSet<SectionIndex>,
    /// Further names for symbols that stay.
    pub(super) aliases: Vec<(SymbolIndex, String)>,
    /// For each of its symbols, the one of the synthesized object, if there is one.
    pub(super) symbols: Vec<Option<Compact>>,
    /// For each of its segments that went along, where it is now.
    pub(super) segments: Vec<Option<Along>>,
    pub(super) home: Home,
}

impl Source {
    pub(super) fn new(object: &Object<'_>, left: Left) -> Result<Self> {
        Ok(Self {
            leaving: Leaving::of(object, &left.segments, &left.sections)?,
            sections: left.sections,
            home: left.home,
            aliases: Vec::new(),
            symbols: vec![None; object.symbols.len()],
            segments: vec![None; object.segments.len()],
        })
    }

    /// What changes in the object, now that all of it is known.
    pub(super) fn edits(self, survey: &Survey<'_>, id: ObjectId) -> Edits {
        let object = &survey.objects[id];
        let name = |symbol| global_name(survey, id, symbol).into_owned();
        let mut sections = self.sections;
        sections.extend(embedded_bitcode(object));
        Edits {
            moved: self.leaving.moved(object, name),
            aliases: self.aliases,
            segments: self.leaving.segments(),
            sections,
            anew: false,
        }
    }
}

/// The sections with the bitcode that an object was made of, two thirds of those in a Rust library. The
/// backend has no use for them, and leaves them out of its output.
fn embedded_bitcode(object: &Object<'_>) -> impl Iterator<Item = SectionIndex> {
    let is_section =
        |symbol: &Symbol<'_>, index| matches!(symbol.kind, SymbolKind::Section(of) if of == index);
    let sections = object.custom_sections();
    let embedded = sections.filter(|(_, section)| [".llvmbc", ".llvmcmd"].contains(&section.name));
    embedded.map(|(index, _)| index).filter(move |&index| {
        let mut symbols = object.symbols.iter();
        object.relocation_section(index).is_none()
            && !symbols.any(|symbol| is_section(symbol, index))
    })
}

/// Where entries leave their objects.
pub(super) fn left(survey: &Survey<'_>, plan: &Plan) -> ObjectMap<Left> {
    let mut left: ObjectMap<Left> = ObjectMap::default();
    for id in plan.leaving() {
        let entry = &survey.entries[id.0];
        let left = left.get_or_default(entry.object);
        match entry.origin {
            Origin::Segment(segment) | Origin::Symbol(segment, _) => left.segments.push(segment),
            Origin::Custom(section) => _ = left.sections.insert(section),
        }
    }
    for (number, section) in plan.sections.iter().enumerate() {
        for placed in &section.entries {
            let left = left.get_or_default(survey.entries[placed.entry.0].object);
            left.home = left.home.and(number);
        }
    }
    left
}
