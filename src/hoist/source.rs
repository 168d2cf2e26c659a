//! An object that entries leave: where they were and where they go, and what the synthesized object has of
//! it.

use super::along::Along;
use super::leaving::Leaving;
use super::moves::{Destination, Moves, ObjectMoves};
use super::{UNIQUE, global_name};
use crate::error::Result;
use crate::input::{Module, ObjectId};
use crate::survey::{Entry, EntryId, Origin, Survey, read_again};
use crate::wasm::{
    Edits, Object, SectionIndex, SegmentIndex, Symbol, SymbolEdit, SymbolIndex, SymbolKind,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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
    pub(super) fn and(self, section: usize) -> Self {
        match self {
            Self::None => Self::Section(section),
            Self::Section(only) if only == section => self,
            _ => Self::Several,
        }
    }
}

/// What becomes of an object that entries leave.
pub(super) struct Source<'a> {
    pub(super) id: ObjectId,
    pub(super) leaving: Leaving,
    /// Custom sections that were entries.
    sections: BTreeSet<SectionIndex>,
    /// Further names for symbols that stay.
    pub(super) aliases: Vec<(SymbolIndex, String)>,
    /// Symbols of entries that stay defined.
    pub(super) defined: BTreeMap<SymbolIndex, SymbolEdit>,
    /// Whether one of them makes the object alive.
    pub(super) is_kept_alive: bool,
    /// For each of its symbols, the one of the synthesized object, if there is one.
    symbols: Vec<Option<Compact>>,
    /// For each of its segments that went along, where it is now.
    pub(super) segments: Vec<Option<Along>>,
    /// Those of them that have relocations.
    pub(super) along: Vec<(SegmentIndex, Along)>,
    pub(super) home: Home,
    /// Its bytes, where they are in memory until the end.
    bytes: Option<&'a [u8]>,
}

impl<'a> Source<'a> {
    pub(super) fn new<'e>(
        (id, module): (ObjectId, &Module<'a>),
        object: &Object<'_>,
        entries: impl Iterator<Item = &'e Entry>,
        home: Home,
    ) -> Result<Self> {
        let (mut segments, mut sections) = (Vec::new(), BTreeSet::new());
        for entry in entries {
            match entry.origin {
                Origin::Segment(segment) | Origin::Symbol(segment, _) => segments.push(segment),
                Origin::Custom(section, _) => {
                    // What else there is in it is for those who read it from outside.
                    let content = object.sections.get(section.position());
                    if content.is_some_and(|all| all.content.len() == entry.size as usize) {
                        sections.insert(section);
                    }
                }
            }
        }
        Ok(Self {
            id,
            leaving: Leaving::of(object, &segments, &sections)?,
            sections,
            home,
            aliases: Vec::new(),
            defined: BTreeMap::new(),
            is_kept_alive: false,
            symbols: vec![None; object.symbols.len()],
            segments: vec![None; object.segments.len()],
            along: Vec::new(),
            bytes: module.resident(),
        })
    }

    /// What the synthesized object has of a part of the object: the same, or a copy.
    pub(super) fn kept(&self, part: &[u8]) -> Cow<'a, [u8]> {
        match self.lasting(part) {
            Some(part) => Cow::Borrowed(part),
            None => Cow::Owned(part.to_vec()),
        }
    }

    /// The same of a name, which may be a new one.
    pub(super) fn kept_name<'n>(&self, name: impl Into<Cow<'n, str>>) -> Cow<'a, str> {
        let name = name.into();
        let lasting = self.lasting(name.as_bytes()).map(str::from_utf8);
        match lasting {
            Some(Ok(name)) => Cow::Borrowed(name),
            _ => Cow::Owned(name.into_owned()),
        }
    }

    /// A part of the object's bytes, as a part of those that are in memory until the end.
    fn lasting(&self, part: &[u8]) -> Option<&'a [u8]> {
        let bytes = self.bytes?;
        let start = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        bytes.get(start..start.checked_add(part.len())?)
    }

    /// Remembers which symbol of the synthesized object one of the object is.
    pub(super) fn stands_for(&mut self, index: SymbolIndex, symbol: SymbolIndex) {
        self.symbols[index.position()] = Compact::new(symbol.0);
    }

    /// Which symbol of the synthesized object one of the object is, if that is known.
    pub(super) fn standing_for(&self, index: SymbolIndex) -> Option<SymbolIndex> {
        let known = self.symbols[index.position()];
        known.map(|known| SymbolIndex(known.get()))
    }

    /// What changes in the object, now that all of it is known.
    pub(super) fn edits(self, object: &Object<'_>) -> Edits {
        let mut sections = self.sections;
        sections.extend(embedded_bitcode(object));
        let mut defined = self.defined;
        let symbols = object.symbols.iter().enumerate();
        let symbol_edits = symbols.filter_map(|(position, symbol)| {
            let index = SymbolIndex(position as u32);
            let name = || global_name(object, self.id, index).into_owned();
            let is_missed = self.leaving.leaves(symbol) && self.leaving.is_missed(index);
            let undefined = is_missed.then(|| SymbolEdit::Undefined(name()));
            Some((index, defined.remove(&index).or(undefined)?))
        });
        Edits {
            symbols: symbol_edits.collect(),
            keeps_alive: self
                .is_kept_alive
                .then(|| format!("{UNIQUE}alive.{}", self.id.0)),
            aliases: self.aliases,
            segments: self.leaving.segments(),
            sections,
            reencode: false,
        }
    }
}

/// An object that entries leave, read.
pub(super) struct Opened<'s, 'o, 'a> {
    pub(super) object: Object<'o>,
    pub(super) source: Source<'a>,
    pub(super) entries: Vec<(EntryId, &'s Entry)>,
}

/// The same, of which the entries have been taken.
pub(super) struct Emptied<'o> {
    pub(super) id: ObjectId,
    object: Object<'o>,
    edits: Edits,
}

impl<'s, 'o, 'a> Opened<'s, 'o, 'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// It is not right.
    pub(super) fn read(
        survey: &'s Survey<'_>,
        moves: &Moves,
        own: &ObjectMoves,
        module: &Module<'a>,
        bytes: &'o [u8],
    ) -> Result<Self> {
        let ids = own.entries.clone().map(EntryId::new);
        let entries = ids.map(|id| (id, &survey[id]));
        let entries: Vec<_> = entries
            .filter(|(id, _)| moves.destination(*id) != Destination::None)
            .collect();
        let object = read_again(bytes, entries.iter().map(|(_, entry)| *entry))?;
        module.release();
        let home = moves.home(&entries);
        let leaving = entries.iter().map(|(_, entry)| *entry);
        let source = Source::new((own.id, module), &object, leaving, home)?;
        module.release();
        Ok(Self {
            object,
            source,
            entries,
        })
    }

    /// What is left of it is edited, and what it took to know how is not needed any more.
    pub(super) fn emptied(self) -> Emptied<'o> {
        Emptied {
            id: self.source.id,
            edits: self.source.edits(&self.object),
            object: self.object,
        }
    }
}

impl Emptied<'_> {
    /// The object without what has left it.
    ///
    /// # Errors
    /// A removed section that the rest of the object refers to by an offset.
    pub(super) fn bytes(self) -> Result<Vec<u8>> {
        self.edits.apply(&self.object)
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
