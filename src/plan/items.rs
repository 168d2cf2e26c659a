//! The items of an array, for reports: what each symbol names, and the crate it comes from.

use super::output::PlannedSection;
use crate::demangle::is_hash;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Modules, Name};
use crate::survey::{Entry, EntryId, Origin, Survey, crate_of_symbol, read_again};
use crate::wasm::Object;
use std::borrow::Cow;
use std::ops::Range;

/// The part of an entry that one symbol names. An entry whose symbols do not cover it is one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The entry that it is in.
    pub entry: EntryId,
    /// In bytes from the beginning of the entry.
    pub start: u32,
    /// In bytes from the beginning of the array.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// The symbol, as an index into the entry's `symbols`.
    pub symbol: Option<usize>,
}

impl Item {
    /// The name of its symbol.
    pub fn name<'s>(&self, survey: &'s Survey<'_>) -> Option<&'s str> {
        let entry = &survey[self.entry];
        let symbol = entry.symbols.get(self.symbol?)?;
        Some(survey.name(symbol))
    }

    /// The name of the marked symbol. For an entry that is marked by reference, that is the symbol that refers
    /// to it.
    pub fn marked_name<'s>(&self, survey: &'s Survey<'_>) -> Option<&'s str> {
        let Some(node) = survey.node(self.entry) else {
            return self.name(survey);
        };
        let node = &survey[node];
        Some(survey.name(node.symbols.first()?))
    }
}

/// The items of a section, in order. Entries without bytes have none.
///
/// # Errors
/// An object with malformed relocations.
pub fn items(
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    section: &PlannedSection,
) -> Result<Vec<Item>> {
    let entry = |id: EntryId| &survey[id];
    // Each object is parsed once, in any order of the section.
    let mut by_object: Vec<EntryId> = section.entries.iter().map(|one| one.entry).collect();
    by_object.retain(|&id| parts(entry(id)).is_none());
    by_object.sort();
    let mut looked_into: HashMap<EntryId, Parts> = HashMap::default();
    for ids in by_object.chunk_by(|&a, &b| entry(a).object == entry(b).object) {
        let module = &modules[entry(ids[0]).object];
        let mut look_into = || {
            let bytes = module.object_bytes();
            let object = read_again(&bytes, ids.iter().map(|&id| entry(id)))?;
            for &id in ids {
                looked_into.insert(id, parts_of(&object, entry(id))?);
            }
            Ok(())
        };
        look_into().map_err(|error: Error| error.in_file(&module.name))?;
    }
    let mut items = Vec::with_capacity(section.entries.len());
    for placed in &section.entries {
        let known = looked_into.remove(&placed.entry);
        let parts = known.or_else(|| parts(entry(placed.entry)));
        for (range, symbol) in parts.unwrap_or_default() {
            items.push(Item {
                entry: placed.entry,
                start: range.start,
                offset: placed.offset + range.start,
                size: range.end - range.start,
                symbol,
            });
        }
    }
    Ok(items)
}

/// The items in one output section, of all items of its segment.
pub fn items_within<'i>(items: &'i [Item], array: &Range<u32>) -> &'i [Item] {
    let before = |offset: u32| items.partition_point(|item| item.offset < offset);
    &items[before(array.start)..before(array.end)]
}

/// The distance in bytes from each item to the next, if it is the same for all.
pub fn stride(items: &[Item]) -> Option<u32> {
    let first = items.first()?;
    let mut steps = items.windows(2).map(|pair| match pair {
        [a, b] => (b.offset.wrapping_sub(a.offset), b.size),
        _ => (0, 0),
    });
    let Some((step, size)) = steps.next() else {
        return Some(first.size);
    };
    (size == first.size && steps.all(|next| next == (step, size))).then_some(step)
}

/// The Rust crate that an item is from, if it is from one: that of its symbol's path or, of what has
/// none, the one that the file was made for.
pub fn crate_of<'a>(
    survey: &Survey<'_>,
    modules: &'a Modules<'_>,
    item: &Item,
) -> Option<Cow<'a, str>> {
    let entry = &survey[item.entry];
    let by_symbol = item.marked_name(survey).and_then(crate_of_symbol);
    let by_file = || crate_of_file(&modules[entry.object].name).map(Cow::Borrowed);
    by_symbol.map(Cow::Owned).or_else(by_file)
}

/// The ranges of an entry's bytes that its symbols name, each with the index of the symbol.
type Parts = Vec<(Range<u32>, Option<usize>)>;

/// The parts of an entry, if they do not depend on its bytes.
fn parts(entry: &Entry) -> Option<Parts> {
    let all = 0..entry.size;
    if all.is_empty() {
        return Some(Vec::new());
    }
    let is_whole = match (&entry.origin, &entry.symbols[..]) {
        (Origin::Segment(_), [only]) => only.range() == all || only.size == 0,
        (Origin::Segment(_), symbols) => symbols.is_empty(),
        _ => true,
    };
    is_whole.then(|| whole(entry))
}

/// All of an entry, with its first symbol.
fn whole(entry: &Entry) -> Parts {
    vec![(0..entry.size, (!entry.symbols.is_empty()).then_some(0))]
}

/// The parts of an entry that is all of a segment.
fn parts_of(object: &Object<'_>, entry: &Entry) -> Result<Parts> {
    let Origin::Segment(segment) = entry.origin else {
        return Ok(whole(entry));
    };
    let symbols = entry.symbols.iter().enumerate();
    let mut named: Vec<_> = symbols
        .map(|(place, symbol)| (symbol.range(), place))
        .filter(|(range, _)| !range.is_empty() && range.end <= entry.size)
        .collect();
    named.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut parts: Parts = Vec::with_capacity(named.len());
    let mut gaps = Vec::new();
    let mut end = 0;
    for (range, symbol) in named {
        // Another name for the same item.
        if range.end <= end {
            continue;
        }
        if range.start < end {
            return Ok(whole(entry));
        }
        gaps.push(end..range.start);
        end = range.end;
        parts.push((range, Some(symbol)));
    }
    gaps.push(end..entry.size);
    let data = entry.data(object);
    for gap in gaps.into_iter().filter(|gap| !gap.is_empty()) {
        let bytes = &data[gap.start as usize..gap.end as usize];
        let is_padding = bytes.iter().all(|&byte| byte == 0)
            && object.relocations_within(segment, gap)?.is_empty();
        if !is_padding {
            return Ok(whole(entry));
        }
    }
    Ok(if parts.is_empty() {
        whole(entry)
    } else {
        parts
    })
}

/// The crate that an rlib is, or that an object was compiled of: `libNAME-HASH.rlib`,
/// `NAME-HASH.….rcgu.o`.
fn crate_of_file(name: &Name) -> Option<&str> {
    let file = name.file().file_name()?.to_str()?;
    let stem = match name.member() {
        Some(_) => file.strip_suffix(".rlib")?.strip_prefix("lib")?,
        None => file.strip_suffix(".rcgu.o")?.split('.').next()?,
    };
    match stem.rsplit_once('-') {
        Some((name, hash)) if is_hash(hash) => Some(name),
        _ => Some(stem),
    }
}
