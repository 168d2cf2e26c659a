//! The marks on the data of an object.

use super::mark::{Mark, Place, Told, is_possible, is_whole_name};
use super::names::{Interner, NameId};
use super::reference::References;
use crate::demangle;
use crate::error::{Error, Result};
use crate::wasm::{
    Object, SEGMENT_TLS, SegmentIndex, Symbol, SymbolFlags, SymbolIndex, SymbolKind,
};

/// The marks on the data of an object.
#[derive(Debug, Default)]
pub struct Marks {
    /// In the order of the symbols.
    marks: Vec<Marked>,
    /// For each symbol up to the last that is marked, the number of its mark, counted from 1; 0 for none.
    numbers: Vec<u32>,
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
    fn push(&mut self, symbol: SymbolIndex, section: &str, key: Option<Box<str>>) {
        let section = self.names.intern(section);
        self.marks.push(Marked { section, key });
        self.numbers.resize(symbol.position(), 0);
        self.numbers.push(self.marks.len() as u32);
    }
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
        let Some(mark) = mark.filter(|mark| mark.place != Place::Value) else {
            if is_data && is_used && is_possible(symbol.name) {
                marks.unmarked.push(SymbolIndex(position as u32));
            }
            continue;
        };
        // A path marks the statics that are below it: those in the module itself, and of those further
        // down the ones that are to be kept (`#[used]`). What else is there serves them.
        let counts = match mark.place {
            Place::WholeName | Place::Parent => true,
            Place::Ancestor => is_used,
            Place::Value => false,
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
        let key = mark.key.map(|key| key.into_owned().into());
        marks.push(SymbolIndex(position as u32), &section, key);
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
pub fn is_thread_local(object: &Object<'_>, segment: SegmentIndex) -> bool {
    let segment = object.segment(segment);
    segment.flags & SEGMENT_TLS != 0
        || segment.name.starts_with(".tdata")
        || segment.name.starts_with(".tbss")
}
