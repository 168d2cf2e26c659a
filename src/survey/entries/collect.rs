//! The entries of one object.

use super::duplicate::Duplicates;
use super::entry::{Entry, EntrySymbol, Origin, Role};
use super::node;
use crate::demangle;
use crate::error::{Error, Result};
use crate::input::ObjectId;
use crate::survey::intern::{Interner, NameId, NameStore};
use crate::survey::mark::{
    MARK_PREFIX, is_c_identifier, is_marked, is_whole_name, may_be_mark, why_unmarked,
};
use crate::survey::marked::{Marked, Marks, is_thread_local};
use crate::survey::selection::{Selection, is_reserved};
use crate::wasm::{
    Merged, Object, SEGMENT_RETAIN, SectionIndex, SegmentIndex, Symbol, SymbolIndex,
};
use smallvec::SmallVec;
use std::cell::LazyCell;
use std::ops::Range;

/// The entries of an object.
#[derive(Debug)]
pub struct Collected {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The names of their symbols.
    pub symbol_names: NameStore,
    /// The names of their sections and COMDAT groups.
    pub names: Interner,
    /// Names of segments and custom sections that become entries if another object selects them.
    pub candidates: Vec<Box<str>>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Collects the entries of an object: those of its segments, in order, then those of its custom
/// sections.
///
/// # Errors
/// A mark on something that cannot be an entry.
pub fn collect(
    id: ObjectId,
    object: &Object<'_>,
    mut marks: Marks,
    selection: &Selection,
) -> Result<Collected> {
    let by_segment = SymbolsBySegment::of(object);
    let collected = Collected {
        entries: Vec::with_capacity(marks.count()),
        symbol_names: NameStore::default(),
        names: std::mem::take(&mut marks.names),
        candidates: Vec::new(),
        warnings: Vec::new(),
    };
    let mut collector = Collector {
        id,
        object,
        marks,
        groups: vec![None; object.comdats.len()],
        collected,
    };
    for (position, segment) in object.segments.iter().enumerate() {
        let index = SegmentIndex(position as u32);
        let symbols = by_segment.get(index);
        let is_marked = |&symbol: &SymbolIndex| collector.marks.get(symbol).is_some();
        if symbols.iter().any(is_marked) {
            collector.marked(&Segment {
                index,
                symbols,
                sizeless: is_sizeless(object, symbols),
            })?;
        } else if selection.selects_segments(segment.name) {
            collector.named(index, symbols)?;
        } else if is_c_identifier(segment.name) {
            collector.candidate(segment.name);
        }
    }
    node::values(
        object,
        &collector.marks.nodes,
        &mut collector.collected.entries,
    )?;
    collector.warn_of_unmarked();
    let duplicates = LazyCell::new(|| Duplicates::of(object));
    for (index, section) in object.custom_sections() {
        if !selection.selects_custom_sections(&section.name) {
            if is_c_identifier(&section.name) && !is_reserved(section.name.as_bytes()) {
                collector.candidate(&section.name);
            }
        } else {
            for range in duplicates.entries(index, section) {
                collector.custom(index, &section.name, range);
            }
        }
    }
    Ok(collector.collected)
}

/// The marked symbols that the object references strongly and does not define.
pub fn undefined_marks<'a>(object: &Object<'a>) -> impl Iterator<Item = &'a str> {
    let marked = |symbol: &&Symbol<'a>| {
        let is_mark = || is_whole_name(symbol.name) || symbol.is_data() && is_marked(symbol.name);
        symbol.is_undefined() && !symbol.is_weak() && may_be_mark(symbol.name) && is_mark()
    };
    let marked = object.symbols.iter().filter(marked);
    marked.map(|symbol| symbol.name)
}

/// The symbols that are defined in each data segment.
struct SymbolsBySegment {
    /// Grouped by segment.
    symbols: Vec<SymbolIndex>,
    /// For each segment, the start of its range in `symbols`; then the end of the last.
    starts: Vec<u32>,
}

impl SymbolsBySegment {
    fn of(object: &Object<'_>) -> Self {
        let defined = || {
            let symbols = object.symbols.iter().enumerate();
            symbols.filter_map(|(position, symbol)| {
                let (segment, _) = symbol.definition()?;
                Some((segment.position(), SymbolIndex(position as u32)))
            })
        };
        let mut starts = vec![0; object.segments.len() + 1];
        for (segment, _) in defined() {
            starts[segment + 1] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let mut symbols = vec![SymbolIndex(0); total as usize];
        for (segment, symbol) in defined() {
            symbols[next[segment] as usize] = symbol;
            next[segment] += 1;
        }
        Self { symbols, starts }
    }

    fn get(&self, segment: SegmentIndex) -> &[SymbolIndex] {
        let start = |position: usize| self.starts[position] as usize;
        let position = segment.position();
        &self.symbols[start(position)..start(position + 1)]
    }
}

fn is_sizeless(object: &Object<'_>, symbols: &[SymbolIndex]) -> bool {
    symbols.iter().all(|&symbol| {
        let definition = object.symbol(symbol).definition();
        definition.is_some_and(|(_, range)| range == (0..0))
    })
}

/// Collects the entries of an object.
struct Collector<'o> {
    id: ObjectId,
    object: &'o Object<'o>,
    marks: Marks,
    /// For each COMDAT group of the object, its interned name, once it is needed.
    groups: Vec<Option<NameId>>,
    collected: Collected,
}

/// A segment that contains marked entries.
struct Segment<'o> {
    index: SegmentIndex,
    /// The symbols that are defined in it.
    symbols: &'o [SymbolIndex],
    /// Whether none of them has a size.
    sizeless: bool,
}

impl Collector<'_> {
    /// The whole segment is one entry, as an input section is for ELF linkers.
    fn named(&mut self, index: SegmentIndex, symbols: &[SymbolIndex]) -> Result<()> {
        let segment = self.object.segment(index);
        if is_thread_local(self.object, index) {
            return Err(Error::new(format!(
                "an entry of section `{}` is thread-local",
                segment.name
            ))
            .at(segment.range.start.into())
            .note("each thread has its own copy, so it has no single address"));
        }
        let origin = Origin::Segment(index);
        let section = self.section(segment.name);
        let mut entry = self.entry(section, origin, segment.data.len() as u32);
        for &symbol in symbols {
            entry.symbols.push(self.symbol(symbol));
        }
        self.collected.entries.push(entry);
        Ok(())
    }

    /// A part of a custom section.
    fn custom(&mut self, index: SectionIndex, name: &str, range: Range<u32>) {
        let section = self.section(name);
        let origin = Origin::Custom(index, range.start);
        let entry = self.entry(section, origin, range.end - range.start);
        self.collected.entries.push(entry);
    }

    /// Each marked symbol is an entry. A second symbol for the same bytes (an alias) belongs to the
    /// same entry.
    fn marked(&mut self, from: &Segment<'_>) -> Result<()> {
        let segment = self.object.segment(from.index);
        let first = self.collected.entries.len();
        let mut symbols = from.symbols.to_vec();
        let range = |symbol| self.range(from, symbol);
        let beyond = |&&symbol: &&SymbolIndex| range(symbol).end as usize > segment.data.len();
        if let Some(&symbol) = symbols.iter().find(beyond) {
            return Err(Error::damaged(format!(
                "symbol `{}` extends past the end of its segment `{}`",
                self.name(symbol),
                segment.name
            ))
            .at(self.object.symbol(symbol).range.start.into()));
        }
        // Of symbols with the same start, the marked ones come first, the longest first.
        symbols.sort_by_key(|&symbol| {
            let range = range(symbol);
            let marked = self.marks.get(symbol).is_some();
            (range.start, !marked, std::cmp::Reverse(range.end))
        });
        for symbol in symbols {
            let range = self.range(from, symbol);
            let mark = self.marks.get(symbol);
            if let Some(entry) = self.collected.entries[first..].last()
                && let taken = entry.range()
                && (range.start < taken.end || range == taken)
            {
                let is_marked = mark.is_some();
                let same_section = mark.is_none_or(|mark| mark.section == entry.section);
                if range.end > taken.end || !same_section {
                    return Err(self.overlap(symbol));
                }
                let symbol = self.symbol(symbol);
                if let Some(entry) = self.collected.entries.last_mut() {
                    entry.symbols.push(symbol);
                    entry.all_marked &= is_marked;
                }
                continue;
            }
            let Some(Marked { section, key }) = mark.cloned() else {
                return Err(self.shared(from, symbol));
            };
            let size = range.end - range.start;
            let origin = Origin::Symbol(from.index, range.start);
            let mut entry = self.entry(section, origin, size);
            entry.key = key;
            entry.symbols.push(self.symbol(symbol));
            entry.all_marked = true;
            self.collected.entries.push(entry);
        }
        Ok(())
    }

    /// Warns of retained data with a mark in its name that is not an entry: it was probably meant
    /// to be one.
    fn warn_of_unmarked(&mut self) {
        for &symbol in &self.marks.unmarked {
            let entries = self.collected.entries.iter();
            let is_entry = |entry: &Entry| entry.symbols.iter().any(|own| own.index == symbol);
            if entries.clone().any(is_entry) {
                continue;
            }
            let name = self.object.symbol(symbol).name;
            self.collected.warnings.push(format!(
                "`{}` is retained and has `{}` in its name, but is not an entry: {}",
                demangle::shown(name),
                String::from_utf8_lossy(MARK_PREFIX),
                why_unmarked(name)
            ));
        }
    }

    fn section(&mut self, name: &str) -> NameId {
        self.collected.names.intern(name)
    }

    /// An entry, without its symbols.
    fn entry(&mut self, section: NameId, origin: Origin, size: u32) -> Entry {
        let segment = origin.segment().map(|index| self.object.segment(index));
        let group = match origin {
            Origin::Custom(section, _) => self.object.section_comdat(section),
            _ => segment.and_then(|segment| segment.comdat),
        };
        let start = origin.start();
        Entry {
            object: self.id,
            section,
            key: None,
            origin,
            size,
            // Inside a segment, the offset limits the alignment.
            alignment: segment.map(|segment| segment.alignment.min(start.trailing_zeros()) as u8),
            comdat: group.map(|group| self.comdat(group)),
            symbols: SmallVec::new(),
            all_marked: false,
            role: Role::Entry,
            is_retained: segment.is_some_and(|segment| segment.flags & SEGMENT_RETAIN != 0),
            is_read_only: segment.is_some_and(|segment| segment.merged == Some(Merged::ReadOnly)),
        }
    }

    fn symbol(&mut self, index: SymbolIndex) -> EntrySymbol {
        let symbol = self.object.symbol(index);
        let (_, range) = symbol.definition().unwrap_or((SegmentIndex(0), 0..0));
        EntrySymbol {
            index,
            flags: symbol.flags,
            offset: range.start,
            size: range.end - range.start,
            name: self.collected.symbol_names.add(symbol.name),
        }
    }

    /// Interned once per group: names may be long, and groups may have many entries.
    fn comdat(&mut self, group: u32) -> NameId {
        let names = &mut self.collected.names;
        let name = self.object.comdats[group as usize];
        *self.groups[group as usize].get_or_insert_with(|| names.intern(name))
    }

    /// Records a name that becomes an entry if another object has a mark for it.
    fn candidate(&mut self, name: &str) {
        let candidates = &mut self.collected.candidates;
        if candidates.last().is_none_or(|last| **last != *name) {
            candidates.push(name.into());
        }
    }

    /// The bytes of the symbol, from the start of its segment. Assembler code may omit the size: if
    /// no symbol of the segment has one, the symbol covers the whole segment.
    fn range(&self, from: &Segment<'_>, symbol: SymbolIndex) -> Range<u32> {
        if from.sizeless {
            return 0..self.object.segment(from.index).data.len() as u32;
        }
        let definition = self.object.symbol(symbol).definition();
        definition.map_or(0..0, |(_, range)| range)
    }

    fn name(&self, symbol: SymbolIndex) -> String {
        demangle::shown(self.object.symbol(symbol).name).into_owned()
    }

    fn shared(&self, from: &Segment<'_>, symbol: SymbolIndex) -> Error {
        let marked = from
            .symbols
            .iter()
            .find(|&&symbol| self.marks.get(symbol).is_some());
        Error::new(format!(
            "the marked symbol `{}` shares its data segment `{}` with `{}`, which is not marked",
            marked.map(|&symbol| self.name(symbol)).unwrap_or_default(),
            self.object.segment(from.index).name,
            self.name(symbol),
        ))
        .at(self.object.symbol(symbol).range.start.into())
        .note(
            "give each variable a segment of its own: with -fdata-sections and without a section \
             attribute in C, by `.section` in assembler",
        )
    }

    fn overlap(&self, symbol: SymbolIndex) -> Error {
        Error::new(format!(
            "the bytes of `{}` are in two entries",
            self.name(symbol)
        ))
        .at(self.object.symbol(symbol).range.start.into())
        .note("an address can be one entry of one section only")
    }
}
