//! The rewrite of an object: what moves to the synthesized object, and the edits that follow.

use super::names::{UNIQUE, global_name};
use super::private_data::MovedData;
use crate::error::{Error, Result};
use crate::input::ObjectId;
use crate::plan::{Disposition, KeptHere, ObjectRewrite, Rewrites};
use crate::survey::{Entry, EntryId, Origin, Survey};
use crate::wasm::{
    Edits, Object, SectionIndex, SegmentIndex, Symbol, SymbolEdit, SymbolFlags, SymbolIndex,
    SymbolKind,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// An entry that is removed from its object.
#[derive(Clone, Copy)]
pub(super) struct Removed<'s> {
    pub(super) id: EntryId,
    pub(super) entry: &'s Entry,
    pub(super) disposition: Disposition,
}

impl<'s> Removed<'s> {
    /// The entries that are removed from an object.
    pub(super) fn of(
        survey: &'s Survey<'_>,
        rewrites: &Rewrites,
        rewrite: &ObjectRewrite,
    ) -> Vec<Self> {
        let removed = rewrites.removed(rewrite).map(|(id, disposition)| Self {
            id,
            entry: &survey[id],
            disposition,
        });
        removed.collect()
    }
}

/// An object while its entries move out of it.
pub(super) struct Rewrite<'o> {
    pub(super) id: ObjectId,
    pub(super) object: &'o Object<'o>,
    pub(super) moved: MovedData,
    /// The position in the plan of the one array that all of its entries are in, if there is only one.
    pub(super) only_section: Option<usize>,
    /// Custom sections whose bytes are entries, and nothing else, and those of `--section-keep` that move.
    sections: BTreeSet<SectionIndex>,
    /// The symbols that custom sections of `--section-keep` refer to.
    roots: BTreeSet<SymbolIndex>,
    /// Further names for symbols that stay.
    aliases: Vec<(SymbolIndex, String)>,
    /// The symbols of removed entries that stay defined here.
    defined: BTreeMap<SymbolIndex, SymbolFlags>,
    /// For each symbol, its symbol in the synthesized object.
    symbols: Vec<Option<PackedIndex>>,
    /// For each segment of private data, its place in the synthesized object.
    private: Vec<Option<PackedPlace>>,
    /// Those of them whose relocations have not been added yet.
    pending: Vec<(SegmentIndex, Place)>,
}

impl<'o> Rewrite<'o> {
    /// Finds what moves out of an object with these entries. `kept` are its sections of `--section-keep`.
    ///
    /// # Errors
    /// An invalid relocation.
    pub(super) fn new(
        id: ObjectId,
        object: &'o Object<'o>,
        removed: &[Removed<'_>],
        only_section: Option<usize>,
        kept: Option<&KeptHere>,
    ) -> Result<Self> {
        let (mut segments, mut sections) = (Vec::new(), BTreeSet::new());
        for Removed { entry, .. } in removed {
            match entry.origin {
                Origin::Segment(segment) | Origin::Symbol(segment, _) => segments.push(segment),
                Origin::Custom(section, _) => {
                    // A section with more than the entry is kept, for tools that read the module.
                    let content = object.sections.get(section.position());
                    let is_whole =
                        content.is_some_and(|all| all.content.len() == entry.size as usize);
                    if is_whole && !kept.is_some_and(|kept| kept.stays.contains(&section)) {
                        sections.insert(section);
                    }
                }
            }
        }
        let moved = MovedData::of(object, &segments, &sections)?;
        let roots = match kept {
            Some(kept) => {
                sections.extend(&kept.removed);
                roots(object, &kept.roots)?
            }
            None => BTreeSet::new(),
        };
        Ok(Self {
            id,
            object,
            moved,
            only_section,
            sections,
            roots,
            aliases: Vec::new(),
            defined: BTreeMap::new(),
            symbols: vec![None; object.symbols.len()],
            private: vec![None; object.segments.len()],
            pending: Vec::new(),
        })
    }

    /// The name under which other objects can refer to a symbol.
    pub(super) fn global_name(&self, index: SymbolIndex) -> Cow<'o, str> {
        global_name(self.object, self.id, index)
    }

    /// Keeps a symbol of a removed entry defined here, with these flags set besides its own.
    pub(super) fn keep_defined(&mut self, index: SymbolIndex, flags: SymbolFlags) {
        self.defined.insert(index, flags);
    }

    /// Gives a symbol that stays a second, global name.
    pub(super) fn add_alias(&mut self, index: SymbolIndex, name: String) {
        self.aliases.push((index, name));
    }

    /// The symbol of the synthesized object for one of this object, if there is one.
    pub(super) fn synthesized_symbol(&self, index: SymbolIndex) -> Option<SymbolIndex> {
        self.symbols[index.position()].map(|packed| SymbolIndex(packed.get()))
    }

    /// Records the symbol of the synthesized object for one of this object.
    pub(super) fn set_synthesized_symbol(&mut self, index: SymbolIndex, symbol: SymbolIndex) {
        self.symbols[index.position()] = PackedIndex::new(symbol.0);
    }

    /// The place in the synthesized object of a segment of private data, if it has one yet.
    pub(super) fn private_place(&self, segment: SegmentIndex) -> Option<Place> {
        self.private[segment.position()].map(PackedPlace::get)
    }

    /// Records the place in the synthesized object of a segment of private data. If it has relocations,
    /// [`next_pending`](Self::next_pending) will give it.
    ///
    /// # Errors
    /// An index that is too large, or an invalid relocation.
    pub(super) fn set_private_place(&mut self, segment: SegmentIndex, place: Place) -> Result<()> {
        self.private[segment.position()] = Some(PackedPlace::new(place)?);
        if !self.object.segment_relocations(segment)?.is_empty() {
            self.pending.push((segment, place));
        }
        Ok(())
    }

    /// A segment of private data whose relocations have not been added yet, and its place in the
    /// synthesized object. It is given once.
    pub(super) fn next_pending(&mut self) -> Option<(SegmentIndex, Place)> {
        self.pending.pop()
    }

    /// The aliases that keep what kept custom sections refer to alive. What moved lives as long as its array.
    fn named_roots(&self) -> Vec<(SymbolIndex, String)> {
        let stay = |index: &&SymbolIndex| !self.moved.contains(self.object.symbol(**index));
        let roots = self.roots.iter().filter(stay);
        let symbols = &self.object.symbols;
        let name = |index: SymbolIndex| {
            let (own, id) = (self.object.symbol(index).name, self.id.position());
            // Other aliases have smaller numbers.
            format!("{own}{UNIQUE}{id}.{}", symbols.len() + index.position())
        };
        roots.map(|&index| (index, name(index))).collect()
    }

    /// The edits that leave the object without what moved out of it. `is_kept_alive` is whether it must
    /// be live whenever it is linked.
    pub(super) fn edits(mut self, is_kept_alive: bool) -> Edits {
        self.sections.extend(embedded_bitcode(self.object));
        let symbols = self.object.symbols.iter().enumerate();
        let edits = symbols.filter_map(|(position, symbol)| {
            let index = SymbolIndex(position as u32);
            if let Some(flags) = self.defined.get(&index) {
                return Some((index, SymbolEdit::Defined(*flags)));
            }
            let is_undefined = self.moved.contains(symbol) && self.moved.is_referred_by_rest(index);
            is_undefined.then(|| {
                (
                    index,
                    SymbolEdit::Undefined(self.global_name(index).into_owned()),
                )
            })
        });
        Edits {
            symbols: edits.collect(),
            keeps_alive: is_kept_alive.then(|| format!("{UNIQUE}alive.{}", self.id.position())),
            roots: self.named_roots(),
            aliases: self.aliases,
            segments: self.moved.segments(),
            sections: self.sections,
            reencode: false,
        }
    }
}

/// The data and functions of the object that relocations of `sections` refer to. Weak ones may be of a COMDAT group
/// that is linked from another object.
fn roots(object: &Object<'_>, sections: &[SectionIndex]) -> Result<BTreeSet<SymbolIndex>> {
    let mut roots = BTreeSet::new();
    for &section in sections {
        for relocation in object.relocations(section)? {
            let index = SymbolIndex(relocation.index);
            let symbol = object.symbols.get(index.position());
            let is_root = |symbol: &&Symbol<'_>| {
                let is_kind = matches!(symbol.kind, SymbolKind::Function(_) | SymbolKind::Data(_));
                is_kind && !symbol.is_undefined() && !symbol.is_weak()
            };
            roots.extend(symbol.filter(is_root).map(|_| index));
        }
    }
    Ok(roots)
}

/// The sections with the bitcode that an object was compiled from: two thirds of the bytes of a Rust
/// library. The backend ignores them and leaves them out of its output.
fn embedded_bitcode(object: &Object<'_>) -> impl Iterator<Item = SectionIndex> {
    let is_section =
        |symbol: &Symbol<'_>, index| matches!(symbol.kind, SymbolKind::Section(of) if of == index);
    let sections = object.custom_sections();
    let embedded =
        sections.filter(|(_, section)| [".llvmbc", ".llvmcmd"].contains(&&*section.name));
    embedded.map(|(index, _)| index).filter(move |&index| {
        let mut symbols = object.symbols.iter();
        object.relocation_section(index).is_none()
            && !symbols.any(|symbol| is_section(symbol, index))
    })
}

/// A place in a data segment of the synthesized object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: SegmentIndex,
    /// In bytes from the segment's beginning.
    pub(super) offset: u32,
}

/// An index whose `Option` has the same size: there is one for each symbol.
#[derive(Debug, Clone, Copy)]
struct PackedIndex(NonZeroU32);

impl PackedIndex {
    /// `None` for an index that is too large.
    fn new(index: u32) -> Option<Self> {
        index.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    fn get(self) -> u32 {
        self.0.get() - 1
    }
}

/// A [`Place`] whose `Option` has the same size.
#[derive(Debug, Clone, Copy)]
struct PackedPlace {
    segment: PackedIndex,
    offset: u32,
}

impl PackedPlace {
    fn new(place: Place) -> Result<Self> {
        let too_many = || Error::new("there are too many data segments for one object");
        Ok(Self {
            segment: PackedIndex::new(place.segment.0).ok_or_else(too_many)?,
            offset: place.offset,
        })
    }

    fn get(self) -> Place {
        Place {
            segment: SegmentIndex(self.segment.get()),
            offset: self.offset,
        }
    }
}
