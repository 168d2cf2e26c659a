//! An array taken apart for people: the items that are in it, and who brought each.

use super::{EntryId, PlannedSection};
use crate::demangle::is_hash;
use crate::error::Result;
use crate::input::{Module, Name};
use crate::survey::{Entry, Origin, Survey, crate_of_symbol};
use crate::wasm::SymbolIndex;
use std::borrow::Cow;
use std::ops::Range;

/// What one symbol names. Where the symbols do not tell what is what in an entry, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The entry that it is in.
    pub entry: EntryId,
    /// In bytes from the beginning of the array.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// The symbol, in the entry's object.
    pub symbol: Option<SymbolIndex>,
}

/// The items of a section, in order. What has no bytes is none.
///
/// # Errors
/// Relocations of an object that are not right.
pub fn items(survey: &Survey<'_>, section: &PlannedSection) -> Result<Vec<Item>> {
    let mut items = Vec::with_capacity(section.entries.len());
    for placed in &section.entries {
        let entry = &survey.entries[placed.entry.0];
        for (range, symbol) in parts(survey, entry)? {
            items.push(Item {
                entry: placed.entry,
                offset: placed.offset + range.start,
                size: range.end - range.start,
                symbol,
            });
        }
    }
    Ok(items)
}

/// How many bytes there are from each item to the next, if that is the same for all.
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
    survey: &Survey<'a>,
    modules: &'a [Module<'_>],
    item: &Item,
) -> Option<Cow<'a, str>> {
    let entry = &survey.entries[item.entry.0];
    let object = &survey.objects[entry.object];
    let by_symbol = item
        .symbol
        .and_then(|symbol| crate_of_symbol(object.symbol(symbol).name));
    let by_file = || crate_of_file(&modules[entry.object.0].name).map(Cow::Borrowed);
    by_symbol.map(Cow::Owned).or_else(by_file)
}

/// The ranges of an entry's bytes that its symbols name.
fn parts(survey: &Survey<'_>, entry: &Entry<'_>) -> Result<Vec<(Range<u32>, Option<SymbolIndex>)>> {
    let all = 0..entry.size;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let whole = vec![(all, entry.symbols.first().copied())];
    let Origin::Segment(segment) = entry.origin else {
        return Ok(whole);
    };
    let object = &survey.objects[entry.object];
    let definition = |&index: &SymbolIndex| {
        let (_, range) = object.symbol(index).definition()?;
        (!range.is_empty() && range.end <= entry.size).then_some((range, index))
    };
    let mut named: Vec<_> = entry.symbols.iter().filter_map(definition).collect();
    named.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut parts: Vec<(Range<u32>, Option<SymbolIndex>)> = Vec::with_capacity(named.len());
    let mut gaps = Vec::new();
    let mut end = 0;
    for (range, symbol) in named {
        // Another name for what has one.
        if range.end <= end {
            continue;
        }
        if range.start < end {
            return Ok(whole);
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
            return Ok(whole);
        }
    }
    Ok(if parts.is_empty() { whole } else { parts })
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
