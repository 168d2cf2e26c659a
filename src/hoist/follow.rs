//! The values that the pointers of an entry lead to, as far as they are in its own object.

use crate::demangle;
use crate::error::Result;
use crate::names;
use crate::survey::{Entry, Origin};
use crate::wasm::{Object, Relocation, RelocationType, SegmentIndex};
use std::ops::Range;
use wasm_section_manifest::format::MAX_VALUES;
use wasm_section_manifest::{Pointer, PointerKind, Value};

/// The most pointers that all values of one entry may have.
const MOST_POINTERS: usize = 256;

/// An entry's pointers and what they lead to.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// The pointers of the entry itself.
    pub(super) pointers: Vec<Pointer>,
    /// The values that pointers lead to, breadth first.
    pub(super) values: Vec<Value>,
    /// The bytes of the entry and of the values, without addresses, and the names of the targets that are not in
    /// the object. It does not depend on the layout, so entries can be ordered by it.
    pub(super) content: Vec<u8>,
}

/// Bytes of a data segment.
type Place = (SegmentIndex, Range<u32>);

/// A value, or the entry itself, and its pointers.
struct Found {
    place: Option<Place>,
    /// The position of the value whose pointer leads here.
    from: usize,
    pointers: Vec<(Pointer, Option<Place>)>,
}

/// Follows the pointers in `part` of an entry's bytes.
///
/// # Errors
/// An invalid relocation of the object.
pub(super) fn follow(object: &Object<'_>, entry: &Entry, part: Range<u32>) -> Result<Followed> {
    let mut followed = Followed::default();
    let bytes = entry.data(object);
    let bytes = bytes.get(part.start as usize..part.end as usize);
    let range = entry.start() + part.start..entry.start() + part.end;
    let (place, relocations, start) = match entry.origin {
        Origin::Custom(section, _) => {
            let mut all = object.relocations(section)?;
            all.retain(|one| range.contains(&one.offset));
            (None, all, range.start)
        }
        Origin::Segment(segment) | Origin::Symbol(segment, _) => {
            let all = object.relocations_within(segment, range.clone())?;
            let start = object.segment(segment).offset + range.start;
            (Some((segment, range)), all.to_vec(), start)
        }
    };
    let pointers = pointers(object, &relocations, start);
    followed.add_content(bytes.unwrap_or_default(), &pointers);
    followed.pointers = pointers
        .iter()
        .map(|(pointer, _)| pointer.clone())
        .collect();
    let mut found = vec![Found {
        place,
        from: 0,
        pointers,
    }];
    let (mut number, mut at, mut left) = (0, 0, MOST_POINTERS);
    while let Some(Found { pointers, .. }) = found.get_mut(at) {
        for (_, place) in std::mem::take(pointers) {
            if let Some((segment, range)) = place
                && found.len() <= MAX_VALUES
                && !is_within_itself(&found, at, &(segment, range.clone()))
            {
                let value = value(object, (segment, range), at)?;
                if let Some(rest) = left.checked_sub(value.pointers.len()) {
                    left = rest;
                    followed.add(object, number, &value);
                    found.push(value);
                }
            }
            number += 1;
        }
        at += 1;
    }
    Ok(followed)
}

/// The value at a place of the object.
fn value(object: &Object<'_>, (segment, range): Place, from: usize) -> Result<Found> {
    let relocations = object.relocations_within(segment, range.clone())?;
    let start = object.segment(segment).offset + range.start;
    Ok(Found {
        pointers: pointers(object, relocations, start),
        place: Some((segment, range)),
        from,
    })
}

/// Whether a place is one of those on the way from the entry to it: then its pointer closes a cycle.
fn is_within_itself(found: &[Found], mut at: usize, place: &Place) -> bool {
    loop {
        match found.get(at) {
            Some(one) if one.place.as_ref() == Some(place) => return true,
            Some(one) if at != 0 => at = one.from,
            _ => return false,
        }
    }
}

/// The pointers that relocations write, with offsets from `start`, and the place that each leads to.
fn pointers(
    object: &Object<'_>,
    relocations: &[Relocation],
    start: u32,
) -> Vec<(Pointer, Option<Place>)> {
    let pointer = |relocation: &Relocation| {
        let (size, kind) = size_and_kind(relocation.ty)?;
        let pointer = Pointer {
            offset: relocation.offset.checked_sub(start)?,
            size,
            kind,
            target: names::shown(object.symbol(relocation.symbol()).name).into_owned(),
            addend: relocation.addend,
        };
        let place = (kind == PointerKind::Data).then(|| place(object, relocation));
        Some((pointer, place.flatten()))
    };
    relocations.iter().filter_map(pointer).collect()
}

/// The size in bytes and the kind of the pointer that a relocation writes. `None` if it writes none.
fn size_and_kind(ty: RelocationType) -> Option<(u32, PointerKind)> {
    use RelocationType::*;
    Some(match ty {
        MemoryAddrI32 => (4, PointerKind::Data),
        MemoryAddrI64 => (8, PointerKind::Data),
        MemoryAddrLocrelI32 => (4, PointerKind::Distance),
        // In a custom section that becomes an array, a function's offset becomes its index.
        TableIndexI32 | FunctionOffsetI32 => (4, PointerKind::Function),
        TableIndexI64 | FunctionOffsetI64 => (8, PointerKind::Function),
        _ => return None,
    })
}

/// The place that a pointer leads to: from its target to the end of the symbol. `None` if that is not in this
/// object, or if a definition in another object may win.
fn place(object: &Object<'_>, relocation: &Relocation) -> Option<Place> {
    let symbol = object.symbol(relocation.symbol());
    let (segment, range) = symbol.definition()?;
    let of = object.segment(segment);
    let is_only = symbol.is_local() || !symbol.is_weak();
    let start = i64::from(range.start).checked_add(relocation.addend)?;
    let start = u32::try_from(start).ok()?;
    let is_inside =
        (range.start..range.end).contains(&start) && range.end as usize <= of.data.len();
    (is_only && of.comdat.is_none() && is_inside).then_some((segment, start..range.end))
}

impl Followed {
    fn add(&mut self, object: &Object<'_>, pointer: u32, found: &Found) {
        let Some((segment, range)) = &found.place else {
            return;
        };
        let data = object.segment(*segment).data;
        let bytes = data.get(range.start as usize..range.end as usize);
        self.add_content(bytes.unwrap_or_default(), &found.pointers);
        self.values.push(Value {
            pointer,
            size: range.end - range.start,
            pointers: found.pointers.iter().map(|(one, _)| one.clone()).collect(),
        });
    }

    fn add_content(&mut self, bytes: &[u8], pointers: &[(Pointer, Option<Place>)]) {
        let start = self.content.len();
        self.content.extend_from_slice(bytes);
        for (pointer, _) in pointers {
            let at = start + pointer.offset as usize;
            if let Some(word) = self.content.get_mut(at..at + pointer.size as usize) {
                word.fill(0);
            }
        }
        for (pointer, _) in pointers.iter().filter(|(_, place)| place.is_none()) {
            let target = demangle::shown_short(&pointer.target);
            self.content.extend_from_slice(target.as_bytes());
        }
    }
}
