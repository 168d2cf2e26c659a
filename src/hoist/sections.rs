//! The segments of the synthesized object: the arrays with their symbols, and what a script puts
//! between the entries.

use super::source::Source;
use super::{Global, Hoist, global_name};
use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::ObjectId;
use crate::plan::{PlannedSection, SymbolDefinition, Value, Winner};
use crate::script::Definition as ScriptDefinition;
use crate::survey::{Entry, EntryId, EntrySymbol, is_c_identifier, is_marked};
use crate::wasm::{
    Definition, Merged, Object, RelocationType, SEGMENT_RETAIN, SegmentIndex, Symbol, SymbolEdit,
    SymbolFlags, SymbolIndex, SynthSymbol,
};
use std::borrow::Cow;

/// The alignment of an array without bytes, as a power of two. What would be in it is not known, and a slice of
/// it has to be aligned all the same: that of an allocator, which is enough for any type.
const EMPTY_ALIGNMENT: u32 = 4;

/// The array of a section.
#[derive(Debug)]
pub(super) struct Array {
    /// The synthesized object's segment for it; none for a section that is left out.
    pub(super) segment: Option<SegmentIndex>,
    /// Whether all of its entries are read-only.
    is_read_only: bool,
}

impl<'a> Hoist<'_, 'a> {
    /// Makes the arrays of all sections, with what a script puts into them, and no entries yet.
    pub(super) fn add_arrays(&mut self) {
        for section in &self.plan.sections {
            let segment = (!section.is_empty()).then(|| {
                let flags = if section.keep { SEGMENT_RETAIN } else { 0 };
                let bytes = without_entries(section);
                let alignment = match section.size {
                    0 => section.alignment.max(EMPTY_ALIGNMENT),
                    _ => section.alignment,
                };
                self.builder.segment("", alignment, flags, bytes)
            });
            self.arrays.push(Array {
                segment,
                is_read_only: true,
            });
        }
    }

    /// Puts an entry where it goes, and defines its symbols there.
    pub(super) fn place(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        (id, entry): (EntryId, &Entry),
        (section, offset): (usize, u32),
    ) -> Result<()> {
        let array = &mut self.arrays[section];
        array.is_read_only &= entry.is_read_only;
        match array.segment {
            Some(segment) => {
                self.builder.put(segment, offset, entry.data(object));
                self.keep_defined(object, source, entry);
                self.define_entry(object, source, (id, entry), (segment, offset))
            }
            None => Ok(()),
        }
    }

    /// Defines the symbols of the sections, and gives the arrays their names, now that all entries are
    /// there.
    pub(super) fn finish_arrays(&mut self) -> Result<()> {
        let plan = self.plan;
        for (number, section) in plan.sections.iter().enumerate() {
            let Some(segment) = self.arrays[number].segment else {
                continue;
            };
            for symbol in last_definitions(&section.symbols) {
                self.define_symbol(symbol, section, segment)?;
            }
            self.define_bounds(section, segment)?;
        }
        for (number, section) in plan.sections.iter().enumerate() {
            if let Some(segment) = self.arrays[number].segment {
                self.relocate_data(section, segment)?;
                let kind = self.kind(section, &self.arrays[number], segment);
                let name = format!("{}.{}", kind.name(), section.name);
                self.builder.rename(segment, name);
            }
        }
        Ok(())
    }

    /// Which of the output's segments an array belongs to.
    fn kind(&self, section: &PlannedSection, array: &Array, segment: SegmentIndex) -> Merged {
        let is_zero = || self.builder.data(segment).iter().all(|&byte| byte == 0);
        if array.is_read_only {
            Merged::ReadOnly
        } else if section.data.is_empty()
            && self.builder.relocations(segment).is_empty()
            && is_zero()
        {
            Merged::Zeros
        } else {
            Merged::Data
        }
    }

    /// Keeps the global symbols of what leaves an object defined there. They shadow what archives offer at
    /// that place of the command line, an archive member is extracted for them, and the synthesized object
    /// overrides them at the end. Two strong definitions stay two: the backend reports them.
    pub(super) fn keep_defined(&self, object: &Object<'_>, source: &mut Source<'a>, entry: &Entry) {
        for EntrySymbol { index, .. } in &entry.symbols {
            let symbol = object.symbol(*index);
            if symbol.is_local() || !self.is_needed(source, entry, (*index, symbol)) {
                continue;
            }
            let is_duplicate = self.plan.winners.get(symbol.name) == Some(&Winner::Duplicate);
            let binding = match is_duplicate && !symbol.is_weak() {
                true => SymbolFlags::empty(),
                false => SymbolFlags::BINDING_WEAK,
            };
            let flags = binding | (moved_flags(symbol) & SymbolFlags::VISIBILITY_HIDDEN);
            source.defined.insert(*index, SymbolEdit::Defined(flags));
        }
    }

    /// Keeps the symbols of a node defined, for those who define it too, and for debug information.
    ///
    /// # Errors
    /// Anything else refers to it.
    pub(super) fn drop_node(
        &self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        entry: &Entry,
    ) -> Result<()> {
        self.keep_defined(object, source, entry);
        for EntrySymbol { index, .. } in &entry.symbols {
            let symbol = object.symbol(*index);
            let is_only = !self.plan.winners.contains_key(symbol.name);
            let by_others = !symbol.is_local()
                && is_only
                && !self.survey.is_unreferred_mark(entry, symbol.name);
            if by_others || source.leaving.is_pointed_to(*index) {
                return Err(Error::new(format!(
                    "`{}` is referred to, but it is in no array: what it points to is",
                    demangle::shown(symbol.name)
                ))
                .at(symbol.range.start.into())
                .note("take the reference out, or let it refer to the value"));
            }
            if symbol.is_local() && source.leaving.is_missed(*index) {
                let defined = SymbolEdit::Defined(SymbolFlags::BINDING_LOCAL);
                source.defined.insert(*index, defined);
            }
        }
        Ok(())
    }

    /// Defines an entry's symbols where it is now.
    fn define_entry(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        (id, entry): (EntryId, &Entry),
        (segment, offset): (SegmentIndex, u32),
    ) -> Result<()> {
        for EntrySymbol { index, .. } in &entry.symbols {
            let symbol = object.symbol(*index);
            let winner = self.plan.winners.get(symbol.name);
            let wins =
                symbol.is_local() || winner.is_none_or(|winner| *winner == Winner::Entry(id));
            if !wins || !self.is_needed(source, entry, (*index, symbol)) {
                continue;
            }
            let Some((_, range)) = symbol.definition() else {
                continue;
            };
            let name = global_name(object, source.id, *index);
            let definition = Definition {
                segment,
                offset: offset + (range.start - entry.start()),
                size: range.end - range.start,
            };
            let flags = moved_flags(symbol);
            let moved = self.define(source.kept_name(name), flags, definition, Some(source.id))?;
            source.stands_for(*index, moved);
        }
        Ok(())
    }

    /// Whether anything may refer to an entry's symbol.
    fn is_needed(
        &self,
        source: &Source<'_>,
        entry: &Entry,
        (index, symbol): (SymbolIndex, &Symbol<'_>),
    ) -> bool {
        if self.output.symbols || source.leaving.is_referred(index) {
            return true;
        }
        // Of those of which there may be more, another object may mean this one.
        let is_only = !self.plan.winners.contains_key(symbol.name) && entry.comdat.is_none();
        let is_unused = is_only && self.survey.is_unreferred_mark(entry, symbol.name);
        !symbol.is_local() && !is_unused
    }

    /// Defines a symbol of a script.
    fn define_symbol(
        &mut self,
        symbol: &SymbolDefinition,
        section: &PlannedSection,
        segment: SegmentIndex,
    ) -> Result<()> {
        let name = &symbol.name.value;
        let provided = SymbolFlags::BINDING_WEAK;
        let flags = match symbol.definition {
            ScriptDefinition::Plain => SymbolFlags::empty(),
            ScriptDefinition::Hidden => SymbolFlags::VISIBILITY_HIDDEN,
            ScriptDefinition::Provide => provided,
            ScriptDefinition::ProvideHidden => provided | SymbolFlags::VISIBILITY_HIDDEN,
        };
        if self.is_defined(name) {
            return match flags.contains(provided) {
                true => Ok(()),
                false => Err(symbol.name.span.error(format!(
                    "duplicate symbol: {name} is an entry of an object too"
                ))),
            };
        }
        let offset = u32::try_from(symbol.offset).ok();
        let size = section.size;
        let Some(offset) = offset.filter(|&offset| offset <= size) else {
            let offset = symbol.offset.cast_signed();
            return Err(symbol.name.span.error(format!(
                "symbol `{name}` is outside of its section: at {offset} of {size} bytes"
            )));
        };
        self.define(name.clone(), flags, place(segment, offset), None)?;
        Ok(())
    }

    fn is_defined(&self, name: &str) -> bool {
        let known = self.globals.get(name);
        known.is_some_and(|known| known.is_defined)
    }

    /// Defines `__start_NAME` and `__stop_NAME`: weak, as whoever defines them himself has the
    /// last word with ELF linkers too (`PROVIDE_HIDDEN`).
    fn define_bounds(&mut self, section: &PlannedSection, segment: SegmentIndex) -> Result<()> {
        let arrays = section.arrays.iter();
        for (array, range) in arrays.filter(|(array, _)| is_c_identifier(array)) {
            for (prefix, offset) in [("__start_", range.start), ("__stop_", range.end)] {
                let name = format!("{prefix}{array}");
                if !self.is_defined(&name) {
                    let flags = SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::BINDING_WEAK;
                    self.define(name, flags, place(segment, offset), None)?;
                }
            }
        }
        Ok(())
    }

    /// Defines a symbol, which may have been referred to before.
    pub(super) fn define(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        flags: SymbolFlags,
        definition: Definition,
        origin: Option<ObjectId>,
    ) -> Result<SymbolIndex> {
        let name = name.into();
        let symbol = SynthSymbol::Data {
            flags,
            name: name.clone(),
            definition,
        };
        if let Some(known) = self.globals.get_mut(name.as_ref()) {
            check_kind(known, true, &name)?;
            known.is_defined = true;
            known.origin = origin.or(known.origin);
            self.builder.define(known.symbol, symbol);
            return Ok(known.symbol);
        }
        let symbol = self.builder.symbol(symbol);
        let global = Global {
            symbol,
            is_data: true,
            is_defined: true,
            origin,
        };
        self.globals.insert(name.into_owned(), global);
        Ok(symbol)
    }

    /// Addresses that a script puts into a section.
    fn relocate_data(&mut self, section: &PlannedSection, segment: SegmentIndex) -> Result<()> {
        for item in &section.data {
            let Value::Relative(target, addend) = item.value else {
                continue;
            };
            // What a script speaks of is laid out.
            let Some(target) = self.arrays.get(target).and_then(|array| array.segment) else {
                continue;
            };
            let ty = match item.size {
                8 => RelocationType::MemoryAddrI64,
                _ => RelocationType::MemoryAddrI32,
            };
            let name = format!(".Lsection.{}", target.0);
            let start = match self.globals.get(&name) {
                Some(start) => start.symbol,
                None => self.define(name, SymbolFlags::BINDING_LOCAL, place(target, 0), None)?,
            };
            let addend = addend.cast_signed();
            self.builder
                .relocate(segment, ty, item.offset, start, addend);
        }
        Ok(())
    }
}

/// The bytes of a section without its entries: what a script puts between them.
fn without_entries(section: &PlannedSection) -> Vec<u8> {
    let mut bytes = vec![0; section.size as usize];
    for fill in &section.fills {
        let gap = &mut bytes[fill.range.start as usize..fill.range.end as usize];
        let pattern = fill.pattern.iter().cycle();
        gap.iter_mut()
            .zip(pattern)
            .for_each(|(byte, fill)| *byte = *fill);
    }
    for item in &section.data {
        if let Value::Number(number) | Value::Absolute(number) = item.value {
            let (start, size) = (item.offset as usize, item.size as usize);
            bytes[start..start + size].copy_from_slice(&number.to_le_bytes()[..size]);
        }
    }
    bytes
}

/// Refuses a name that is a function in one object and data in another.
pub(super) fn check_kind(known: &Global, is_data: bool, name: &str) -> Result<()> {
    if known.is_data == is_data {
        return Ok(());
    }
    Err(Error::new(format!("symbol type mismatch: {name}"))
        .note("it is a function in one object and data in another"))
}

/// Of the definitions of one symbol, the last: as in GNU ld.
fn last_definitions(symbols: &[SymbolDefinition]) -> impl Iterator<Item = &SymbolDefinition> {
    let named = symbols.iter().enumerate();
    let last: HashMap<&str, usize> = named
        .clone()
        .map(|(position, symbol)| (symbol.name.value.as_str(), position))
        .collect();
    let is_last = move |position, symbol: &SymbolDefinition| {
        last.get(symbol.name.value.as_str()) == Some(&position)
    };
    named.filter_map(move |(position, symbol)| is_last(position, symbol).then_some(symbol))
}

/// A symbol that names a place and no bytes.
pub(super) fn place(segment: SegmentIndex, offset: u32) -> Definition {
    Definition {
        segment,
        offset,
        size: 0,
    }
}

/// The flags of a symbol that has moved. It is no root any more, and no local one, as its object
/// refers to it from outside. It is not weak, as it overrides the definition that its object keeps. A marked
/// one is nobody's to see, nor is one that was local: for Emscripten, clang says of all that is `used` that
/// it is exported.
fn moved_flags(symbol: &Symbol<'_>) -> SymbolFlags {
    let own = SymbolFlags::NO_STRIP | SymbolFlags::BINDING_LOCAL | SymbolFlags::BINDING_WEAK;
    let moved = symbol.flags - own;
    if symbol.is_local() || is_marked(symbol.name) {
        (moved - SymbolFlags::EXPORTED) | SymbolFlags::VISIBILITY_HIDDEN
    } else {
        moved
    }
}
