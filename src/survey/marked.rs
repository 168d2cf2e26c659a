//! The marked symbols of an object.

use super::intern::{Interner, NameId};
use super::mark::{Location, Mark, SectionRef, is_whole_name, may_be_mark};
use super::reference::References;
use crate::demangle;
use crate::error::{Error, Result};
use crate::wasm::{
    Object, SEGMENT_TLS, SegmentIndex, Symbol, SymbolFlags, SymbolIndex, SymbolKind,
};

/// The marked symbols of an object.
#[derive(Debug, Default)]
pub struct Marks {
    marks: Vec<Marked>,
    /// For each symbol, 1 plus the index of its mark, or 0. It ends at the last marked symbol.
    numbers: Vec<u32>,
    /// The nodes, each with the symbol of its value.
    pub nodes: Vec<(SymbolIndex, SymbolIndex)>,
    /// The sections that the marks name.
    pub names: Interner,
    /// Retained data with the prefix of a mark in its name that is not marked.
    pub unmarked: Vec<SymbolIndex>,
}

impl Marks {
    /// The mark of a symbol.
    pub fn get(&self, symbol: SymbolIndex) -> Option<&Marked> {
        let number = *self.numbers.get(symbol.position())?;
        self.marks.get(number.checked_sub(1)? as usize)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.marks.len()
    }

    /// Adds the mark of a symbol.
    fn push(&mut self, symbol: SymbolIndex, mark: Marked) {
        self.marks.push(mark);
        let position = symbol.position();
        self.numbers.resize(self.numbers.len().max(position + 1), 0);
        self.numbers[position] = self.marks.len() as u32;
    }

    /// Marks the values of nodes. Several nodes may share a constant.
    fn push_values(&mut self, object: &Object<'_>) -> Result<()> {
        let by_name = self.marks.len();
        for (node, value) in self.nodes.clone() {
            let number = self.numbers.get(value.position());
            match (number.map_or(0, |&number| number as usize), self.get(node)) {
                (0, Some(mark)) => {
                    let mark = mark.clone();
                    self.push(value, mark);
                }
                (number, _) if number > by_name => {}
                _ => return Err(in_two_entries(object, node, value)),
            }
        }
        Ok(())
    }
}

/// The error for a value of `node` that is part of another entry.
pub fn in_two_entries(object: &Object<'_>, node: SymbolIndex, value: SymbolIndex) -> Error {
    Error::new(format!(
        "`{}` is the value of two entries",
        demangle::shown(object.symbol(value).name)
    ))
    .at(object.symbol(node).range.start.into())
    .note("let each entry point to a static of its own")
}

/// What the mark of a symbol says.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The section that it is an entry of.
    pub section: NameId,
    /// The key to sort by.
    pub key: Option<Box<str>>,
}

/// Reads the marks of the data that the object defines.
///
/// # Errors
/// A malformed mark, or a mark on something that cannot be an entry.
pub fn marks(object: &Object<'_>) -> Result<Marks> {
    let mut marks = Marks::default();
    let mut references = None;
    for (position, symbol) in object.symbols.iter().enumerate() {
        let at = symbol.range.start.into();
        let is_data = symbol.is_data();
        // A marked module marks its statics. Its functions are helpers.
        if !is_data && !is_whole_name(symbol.name) {
            continue;
        }
        let mark = Mark::parse(symbol.name).map_err(|error| error.at(at))?;
        if is_data && symbol.is_undefined() {
            continue;
        }
        let is_used = symbol.flags.contains(SymbolFlags::NO_STRIP);
        let Some(mark) = mark.filter(|mark| mark.location != Location::Value) else {
            if is_data && is_used && may_be_mark(symbol.name) {
                marks.unmarked.push(SymbolIndex(position as u32));
            }
            continue;
        };
        // A marked module marks its own statics. Further down only `#[used]` statics are entries:
        // others belong to code, such as the statics of a logging macro in a closure.
        let counts = match mark.location {
            Location::WholeName | Location::Parent => true,
            Location::Ancestor => is_used,
            Location::Value => false,
        };
        if !counts {
            continue;
        }
        if let Some(what) = not_an_entry(object, symbol) {
            let of = match &mark.section {
                SectionRef::ByName(section) => format!(" of section `{section}`"),
                SectionRef::ByReference => String::new(),
            };
            return Err(Error::new(format!(
                "`{}` is marked as an entry{of}, but it is {what}",
                demangle::shown(symbol.name),
            ))
            .at(at)
            .note("an entry is a static with an address of its own in linear memory"));
        }
        let (section, values) = match mark.section {
            SectionRef::ByName(section) => (section, false),
            SectionRef::ByReference => {
                let references = match &mut references {
                    Some(known) => known,
                    unknown => unknown.insert(References::of(object)?),
                };
                let of = references.section(object, symbol);
                let of = of.map_err(|error| error.at(at))?;
                (of.section, of.values)
            }
        };
        let index = SymbolIndex(position as u32);
        if values && let Some(value) = References::value(object, symbol)? {
            marks.nodes.push((index, value));
        }
        let section = marks.names.intern(&section);
        let key = mark.key.map(|key| key.into_owned().into());
        marks.push(index, Marked { section, key });
    }
    marks.push_values(object)?;
    Ok(marks)
}

/// Why the symbol cannot be an entry, as a noun phrase; none if it can.
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

/// Whether a segment is thread-local. Older objects lack the flag, so `wasm-ld` also checks the
/// name.
pub fn is_thread_local(object: &Object<'_>, segment: SegmentIndex) -> bool {
    let segment = object.segment(segment);
    segment.flags & SEGMENT_TLS != 0
        || segment.name.starts_with(".tdata")
        || segment.name.starts_with(".tbss")
}
