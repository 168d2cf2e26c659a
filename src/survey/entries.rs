//! The entries of one object: the three kinds of DESIGN.md, "What is an entry".

use super::double::Doubles;
use super::mark::{Mark, Place, Told, is_whole_name};
use super::reference::References;
use super::wanted::Wanted;
use crate::demangle;
use crate::error::{Error, Result};
use crate::input::ObjectId;
use crate::wasm::{
    Object, SEGMENT_TLS, SectionIndex, SegmentIndex, Symbol, SymbolFlags, SymbolIndex, SymbolKind,
};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::cell::LazyCell;
use std::ops::Range;

/// An entry of a link section: bytes that become part of its array.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The object it comes from.
    pub object: ObjectId,
    /// The link section.
    pub section: Cow<'a, str>,
    /// The key that its mark gives.
    pub key: Option<Cow<'a, str>>,
    /// Where it is in the object.
    pub origin: Origin,
    /// How many bytes it has.
    pub size: u32,
    /// The symbols that it defines.
    pub symbols: SmallVec<[SymbolIndex; 4]>,
    /// Whether each of them bears a mark, so that its name need not be looked at again.
    pub all_marked: bool,
}

/// Where an entry is in its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// All of a data segment that bears the section's name.
    Segment(SegmentIndex),
    /// What a name-marked symbol names: this range of a data segment.
    Symbol(SegmentIndex, Range<u32>),
    /// All of a custom section.
    Custom(SectionIndex),
}

impl Entry<'_> {
    /// The data segment it is in.
    pub fn segment(&self) -> Option<SegmentIndex> {
        match self.origin {
            Origin::Segment(segment) | Origin::Symbol(segment, _) => Some(segment),
            Origin::Custom(_) => None,
        }
    }

    /// Where it begins in its segment, in bytes.
    pub fn start(&self) -> u32 {
        match &self.origin {
            Origin::Symbol(_, range) => range.start,
            Origin::Segment(_) | Origin::Custom(_) => 0,
        }
    }

    /// Where it is in its segment, in bytes.
    pub fn range(&self) -> Range<u32> {
        let start = self.start();
        start..start + self.size
    }

    /// Its bytes, in its object.
    pub fn data<'d>(&self, object: &Object<'d>) -> &'d [u8] {
        match &self.origin {
            Origin::Segment(segment) => object.segment(*segment).data,
            Origin::Symbol(segment, range) => {
                &object.segment(*segment).data[range.start as usize..range.end as usize]
            }
            Origin::Custom(section) => object.sections[section.position()].content,
        }
    }
}

/// The marks on the data of an object.
#[derive(Debug, Default)]
pub struct Marks<'a> {
    /// In the order of the symbols.
    marks: Vec<Marked<'a>>,
    /// For each symbol up to the last that is marked, the number of its mark, counted from 1; 0 for none.
    numbers: Vec<u32>,
}

impl<'a> Marks<'a> {
    /// The mark of a symbol.
    pub fn get(&self, symbol: SymbolIndex) -> Option<&Marked<'a>> {
        let number = *self.numbers.get(symbol.position())?;
        self.marks.get(number.checked_sub(1)? as usize)
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Marked<'a>> {
        self.marks.iter()
    }

    /// Adds the mark of a symbol.
    fn push(&mut self, symbol: SymbolIndex, mark: Marked<'a>) {
        self.marks.push(mark);
        self.numbers.resize(symbol.position(), 0);
        self.numbers.push(self.marks.len() as u32);
    }
}

/// What a symbol is marked as.
#[derive(Debug, Clone)]
pub struct Marked<'a> {
    /// The section that it is an entry of.
    pub section: Cow<'a, str>,
    /// The key to sort by.
    pub key: Option<Cow<'a, str>>,
}

/// The entries of an object, in the order of its segments and then of its custom sections.
///
/// # Errors
/// A mark on something that cannot be an entry.
pub fn collect<'a>(
    id: ObjectId,
    object: &Object<'a>,
    marks: &Marks<'a>,
    wanted: &Wanted,
) -> Result<Vec<Entry<'a>>> {
    let by_segment = SymbolsBySegment::of(object);
    let mut entries = Vec::with_capacity(marks.iter().len());
    for (position, segment) in object.segments.iter().enumerate() {
        let index = SegmentIndex(position as u32);
        let symbols = by_segment.get(index);
        let marked = symbols.iter().any(|&symbol| marks.get(symbol).is_some());
        let collector = Collector {
            id,
            object,
            index,
            symbols,
            sizeless: is_sizeless(object, symbols),
            marks,
        };
        if marked {
            collector.marked(&mut entries)?;
        } else if wanted.has_segments(segment.name) {
            entries.push(collector.named()?);
        }
    }
    let doubles = LazyCell::new(|| Doubles::of(object));
    for (index, section) in object.custom_sections() {
        if !wanted.has_custom_sections(section.name) || doubles.has(index, section) {
            continue;
        }
        entries.push(Entry {
            object: id,
            section: section.name.into(),
            key: None,
            origin: Origin::Custom(index),
            size: section.content.len() as u32,
            symbols: SmallVec::new(),
            all_marked: false,
        });
    }
    Ok(entries)
}

/// The marked symbols that the object refers to and does not define: the name of each, and where
/// its entry of the symbol table is, in bytes from the beginning of the object.
pub fn undefined_marks<'a>(object: &Object<'a>) -> impl Iterator<Item = (&'a str, u64)> {
    let marked = |symbol: &&Symbol<'a>| symbol.is_undefined() && is_whole_name(symbol.name);
    object
        .symbols
        .iter()
        .filter(marked)
        .map(|symbol| (symbol.name, symbol.range.start.into()))
}

/// The symbols that are defined in each data segment.
struct SymbolsBySegment {
    /// Segment after segment.
    symbols: Vec<SymbolIndex>,
    /// For each segment, where in `symbols` its own begin; and the end of all.
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

/// The marks on data that this object defines.
///
/// # Errors
/// A mark that is not right, or on something that cannot be an entry.
pub fn marks<'a>(object: &Object<'a>) -> Result<Marks<'a>> {
    let mut marks = Marks::default();
    let mut references = None;
    for (position, symbol) in object.symbols.iter().enumerate() {
        let at = symbol.range.start.into();
        let is_data = symbol.is_data();
        // A path marks data only; what else is in a marked module serves it.
        if !is_data && !is_whole_name(symbol.name) {
            continue;
        }
        let Some(mark) = Mark::parse(symbol.name).map_err(|error| error.at(at))? else {
            continue;
        };
        if is_data && symbol.is_undefined() {
            continue;
        }
        // A path marks the statics that are below it: those in the module itself, and of those further
        // down the ones that are to be kept (`#[used]`). What else is there serves them.
        let is_used = symbol.flags.contains(SymbolFlags::NO_STRIP);
        let counts = match mark.place {
            Place::WholeName | Place::Parent => true,
            Place::Ancestor => is_used,
        };
        if !counts {
            continue;
        }
        if let Some(what) = not_an_entry(object, symbol) {
            let of = match &mark.section {
                Told::ByName(section) => format!(" of section `{section}`"),
                Told::ByReference => String::new(),
            };
            return Err(Error::new(format!(
                "`{}` is marked as an entry{of}, but it is {what}",
                demangle::shown(symbol.name),
            ))
            .at(at)
            .note("an entry is a static with an address of its own in linear memory"));
        }
        let section = match mark.section {
            Told::ByName(section) => section,
            Told::ByReference => {
                let references = match &mut references {
                    Some(known) => known,
                    unknown => unknown.insert(References::of(object)?),
                };
                let section = references.section(object, symbol);
                section.map_err(|error| error.at(at))?
            }
        };
        // One place in memory for what many have in common.
        let section = match marks.marks.last() {
            Some(last) if last.section == section => last.section.clone(),
            _ => section,
        };
        let key = mark.key;
        let index = SymbolIndex(position as u32);
        marks.push(index, Marked { section, key });
    }
    Ok(marks)
}

/// Why what the symbol names cannot be an entry.
fn not_an_entry(object: &Object<'_>, symbol: &Symbol<'_>) -> Option<&'static str> {
    match symbol.kind {
        SymbolKind::Data(_) => {}
        SymbolKind::Function(_) => return Some("a function"),
        SymbolKind::Global => return Some("a wasm global"),
        SymbolKind::Table => return Some("a table"),
        SymbolKind::Tag => return Some("a tag"),
        SymbolKind::Section(_) => return Some("a section"),
    }
    if symbol.flags.contains(SymbolFlags::TLS) {
        return Some("thread-local");
    }
    match symbol.definition() {
        None => Some("an absolute address"),
        Some((segment, _)) => is_thread_local(object, segment).then_some("thread-local"),
    }
}

/// Older objects say it by the segment's name alone, and `wasm-ld` goes by that too.
fn is_thread_local(object: &Object<'_>, segment: SegmentIndex) -> bool {
    let segment = object.segment(segment);
    segment.flags & SEGMENT_TLS != 0
        || segment.name.starts_with(".tdata")
        || segment.name.starts_with(".tbss")
}

fn is_sizeless(object: &Object<'_>, symbols: &[SymbolIndex]) -> bool {
    symbols.iter().all(|&symbol| {
        let definition = object.symbol(symbol).definition();
        definition.is_some_and(|(_, range)| range == (0..0))
    })
}

/// The entries in one segment.
struct Collector<'o, 'a> {
    id: ObjectId,
    object: &'o Object<'a>,
    index: SegmentIndex,
    /// The symbols that are defined in the segment.
    symbols: &'o [SymbolIndex],
    /// Whether none of them says how large it is.
    sizeless: bool,
    marks: &'o Marks<'a>,
}

impl<'a> Collector<'_, 'a> {
    /// The segment is one entry, as an input section is for ELF linkers.
    fn named(&self) -> Result<Entry<'a>> {
        let segment = self.object.segment(self.index);
        if is_thread_local(self.object, self.index) {
            return Err(Error::new(format!(
                "an entry of section `{}` is thread-local",
                segment.name
            ))
            .at(segment.range.start.into())
            .note("each thread has its own copy, so there is no one address for an array"));
        }
        Ok(Entry {
            object: self.id,
            section: segment.name.into(),
            key: None,
            origin: Origin::Segment(self.index),
            size: segment.data.len() as u32,
            symbols: self.symbols.into(),
            all_marked: false,
        })
    }

    /// Each marked symbol is an entry; a second symbol for the same bytes (an alias) goes with it.
    fn marked(&self, entries: &mut Vec<Entry<'a>>) -> Result<()> {
        let segment = self.object.segment(self.index);
        let first = entries.len();
        let mut symbols = self.symbols.to_vec();
        let beyond = |&&symbol: &&SymbolIndex| self.range(symbol).end as usize > segment.data.len();
        if let Some(&symbol) = symbols.iter().find(beyond) {
            return Err(Error::damaged(format!(
                "symbol `{}` goes beyond the end of its segment `{}`",
                self.name(symbol),
                segment.name
            ))
            .at(self.object.symbol(symbol).range.start.into()));
        }
        // Marked ones first among those that begin together, and the longest of them.
        symbols.sort_by_key(|&symbol| {
            let range = self.range(symbol);
            let marked = self.marks.get(symbol).is_some();
            (range.start, !marked, std::cmp::Reverse(range.end))
        });
        for symbol in symbols {
            let range = self.range(symbol);
            let mark = self.marks.get(symbol);
            if let Some(entry) = entries[first..].last_mut()
                && let Origin::Symbol(_, taken) = &entry.origin
                && (range.start < taken.end || range == *taken)
            {
                let same_section = mark.is_none_or(|mark| mark.section == entry.section);
                if range.end > taken.end || !same_section {
                    return Err(self.overlap(symbol));
                }
                entry.symbols.push(symbol);
                entry.all_marked &= mark.is_some();
                continue;
            }
            let Some(mark) = mark else {
                return Err(self.shared(symbol));
            };
            entries.push(Entry {
                object: self.id,
                section: mark.section.clone(),
                key: mark.key.clone(),
                size: range.end - range.start,
                origin: Origin::Symbol(self.index, range),
                symbols: smallvec![symbol],
                all_marked: true,
            });
        }
        Ok(())
    }

    /// What the symbol names. Assembler code may leave out a symbol's size: then, alone in its
    /// segment, it names all of it.
    fn range(&self, symbol: SymbolIndex) -> Range<u32> {
        if self.sizeless {
            return 0..self.object.segment(self.index).data.len() as u32;
        }
        let definition = self.object.symbol(symbol).definition();
        definition.map_or(0..0, |(_, range)| range)
    }

    fn name(&self, symbol: SymbolIndex) -> String {
        demangle::shown(self.object.symbol(symbol).name).into_owned()
    }

    fn shared(&self, symbol: SymbolIndex) -> Error {
        let marked = self
            .symbols
            .iter()
            .find(|&&symbol| self.marks.get(symbol).is_some());
        Error::new(format!(
            "the marked symbol `{}` shares its data segment `{}` with `{}`, which is not marked",
            marked.map(|&symbol| self.name(symbol)).unwrap_or_default(),
            self.object.segment(self.index).name,
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
            "the bytes of `{}` would have to be in two entries at once",
            self.name(symbol)
        ))
        .at(self.object.symbol(symbol).range.start.into())
        .note("one place in memory can be an entry of one section, once")
    }
}
