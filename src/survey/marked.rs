//! The marks on the data of an object.

use super::intern::{Interner, NameId};
use super::mark::{Location, Mark, SectionRef, is_whole_name, may_be_mark};
use super::reference::References;
use crate::demangle;
use crate::error::{Error, Result};
use crate::wasm::{
    Object, SEGMENT_TLS, SegmentIndex, Symbol, SymbolFlags, SymbolIndex, SymbolKind,
};

/// The marks on the data of an object.
#[derive(Debug, Default)]
pub struct Marks {
    marks: Vec<Marked>,
    /// For each symbol up to the last that is marked, the number of its mark, counted from 1; 0 for none.
    numbers: Vec<u32>,
    /// The marked symbols whose values are the entries, each with the symbol of its value.
    pub nodes: Vec<(SymbolIndex, SymbolIndex)>,
    /// The sections that they speak of.
    pub names: Interner,
    /// Data that is to be kept, has the text of a mark in its name, and is not marked.
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

    /// Marks what nodes point to. More than one may point to a constant.
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

/// `value`, which `node` points to, is in another entry too.
pub fn in_two_entries(object: &Object<'_>, node: SymbolIndex, value: SymbolIndex) -> Error {
    Error::new(format!(
        "`{}` is the value of two entries",
        demangle::shown(object.symbol(value).name)
    ))
    .at(object.symbol(node).range.start.into())
    .note("let each entry point to a static of its own")
}

/// What a symbol is marked as.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The section that it is an entry of.
    pub section: NameId,
    /// The key to sort by.
    pub key: Option<Box<str>>,
}

/// The marks on data that this object defines.
///
/// # Errors
/// A mark that is not right, or on something that cannot be an entry.
pub fn marks(object: &Object<'_>) -> Result<Marks> {
    let mut marks = Marks::default();
    let mut references = None;
    for (position, symbol) in object.symbols.iter().enumerate() {
        let at = symbol.range.start.into();
        let is_data = symbol.is_data();
        // A path marks data only; what else is in a marked module serves it.
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
        // A path marks the statics that are below it: those in the module itself, and of those further
        // down the ones that are to be kept (`#[used]`). What else is there serves them.
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
pub fn is_thread_local(object: &Object<'_>, segment: SegmentIndex) -> bool {
    let segment = object.segment(segment);
    segment.flags & SEGMENT_TLS != 0
        || segment.name.starts_with(".tdata")
        || segment.name.starts_with(".tbss")
}
