//! The segments of the synthesized object: the arrays with their symbols, and what a script puts
//! between the entries.

use super::{Global, Hoist, global_name};
use crate::error::Result;
use crate::hash::HashMap;
use crate::input::ObjectId;
use crate::plan::{PlannedSection, SymbolDefinition, Value};
use crate::script::Definition as ScriptDefinition;
use crate::survey::{Entry, is_c_identifier, is_marked};
use crate::wasm::{
    Definition, Merged, RelocationType, SEGMENT_RETAIN, SegmentIndex, SymbolFlags, SymbolIndex,
    SynthSymbol,
};
use std::borrow::Cow;

impl<'a> Hoist<'a> {
    /// Makes the segments of all sections, with their symbols; none for a section that is left out.
    pub(super) fn sections(&mut self) -> Result<Vec<Option<SegmentIndex>>> {
        let plan = self.plan;
        let mut segments = Vec::with_capacity(plan.sections.len());
        for section in &plan.sections {
            let segment = (!section.is_empty()).then(|| self.segment(section));
            segments.push(segment.transpose()?);
        }
        for (section, segment) in plan.sections.iter().zip(&segments) {
            let Some(segment) = *segment else {
                continue;
            };
            for placed in &section.entries {
                let entry = &self.survey.entries[placed.entry.0];
                self.define_entry(entry, placed.offset, segment)?;
            }
            for symbol in last_definitions(&section.symbols) {
                self.define_symbol(symbol, section, segment)?;
            }
            self.define_bounds(section, segment);
        }
        for (section, segment) in plan.sections.iter().zip(&segments) {
            self.relocate_data(section, *segment, &segments);
        }
        Ok(segments)
    }

    fn segment(&mut self, section: &PlannedSection) -> Result<SegmentIndex> {
        let mut bytes = vec![0; section.size as usize];
        for fill in &section.fills {
            let gap = &mut bytes[fill.range.start as usize..fill.range.end as usize];
            let pattern = fill.pattern.iter().cycle();
            gap.iter_mut()
                .zip(pattern)
                .for_each(|(byte, fill)| *byte = *fill);
        }
        for placed in &section.entries {
            let entry = &self.survey.entries[placed.entry.0];
            let data = entry.data(&self.survey.objects[entry.object]);
            let start = placed.offset as usize;
            bytes[start..start + data.len()].copy_from_slice(data);
        }
        for item in &section.data {
            if let Value::Number(number) | Value::Absolute(number) = item.value {
                let (start, size) = (item.offset as usize, item.size as usize);
                bytes[start..start + size].copy_from_slice(&number.to_le_bytes()[..size]);
            }
        }
        let kind = self.segment_kind(section, &bytes)?;
        let name = format!("{}.{}", kind.name(), section.name);
        let flags = if section.keep { SEGMENT_RETAIN } else { 0 };
        let alignment = section.alignment;
        Ok(self.builder.segment(name, alignment, flags, bytes))
    }

    /// Which of the output's segments an array belongs to.
    fn segment_kind(&self, section: &PlannedSection, bytes: &[u8]) -> Result<Merged> {
        let entries = || {
            section
                .entries
                .iter()
                .map(|placed| &self.survey.entries[placed.entry.0])
        };
        let is_read_only = |entry: &Entry<'_>| {
            let object = &self.survey.objects[entry.object];
            let segment = entry.segment().map(|segment| object.segment(segment));
            segment.is_some_and(|segment| segment.merged == Some(Merged::ReadOnly))
        };
        if entries().all(is_read_only) {
            return Ok(Merged::ReadOnly);
        }
        if !section.data.is_empty() || bytes.iter().any(|&byte| byte != 0) {
            return Ok(Merged::Data);
        }
        for entry in entries() {
            if self.has_relocations(entry)? {
                return Ok(Merged::Data);
            }
        }
        Ok(Merged::Zeros)
    }

    /// Defines an entry's symbols where it is now.
    fn define_entry(
        &mut self,
        entry: &Entry<'_>,
        offset: u32,
        segment: SegmentIndex,
    ) -> Result<()> {
        let object = &self.survey.objects[entry.object];
        for &index in &entry.symbols {
            let symbol = object.symbol(index);
            if !self.is_needed(entry, index)? {
                continue;
            }
            let name = global_name(self.survey, entry.object, index);
            // A weak definition that another overrides is there already.
            let Some((_, range)) = symbol
                .definition()
                .filter(|_| !self.globals.contains_key(name.as_ref()))
            else {
                continue;
            };
            let flags = moved_flags(symbol.flags, is_marked(symbol.name));
            let definition = Definition {
                segment,
                offset: offset + (range.start - entry.start()),
                size: range.end - range.start,
            };
            let moved = self.define(name, flags, definition, Some(entry.object));
            self.stands_for(entry.object, index, moved)?;
        }
        Ok(())
    }

    /// Whether anything may refer to an entry's symbol.
    fn is_needed(&mut self, entry: &Entry<'_>, index: SymbolIndex) -> Result<bool> {
        if self.output.symbols || self.source(entry.object)?.leaving.is_referred(index) {
            return Ok(true);
        }
        let object = &self.survey.objects[entry.object];
        let symbol = object.symbol(index);
        // Of those of which there may be more, another object may mean this one.
        let is_only = || {
            let comdat = entry.segment().and_then(|from| object.segment(from).comdat);
            !symbol.is_weak() && comdat.is_none()
        };
        let is_unused = is_only() && self.survey.is_unreferred_mark(entry, symbol.name);
        Ok(!symbol.is_local() && !is_unused)
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
        if self.globals.contains_key(name) {
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
        self.define(name.clone(), flags, place(segment, offset), None);
        Ok(())
    }

    /// Defines `__start_NAME` and `__stop_NAME`: weak, as whoever defines them himself has the
    /// last word with ELF linkers too (`PROVIDE_HIDDEN`).
    fn define_bounds(&mut self, section: &PlannedSection, segment: SegmentIndex) {
        if !is_c_identifier(&section.name) {
            return;
        }
        for (prefix, offset) in [("__start_", 0), ("__stop_", section.size)] {
            let name = format!("{prefix}{}", section.name);
            if !self.globals.contains_key(&name) {
                let flags = SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::BINDING_WEAK;
                self.define(name, flags, place(segment, offset), None);
            }
        }
    }

    pub(super) fn define(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        flags: SymbolFlags,
        definition: Definition,
        origin: Option<ObjectId>,
    ) -> SymbolIndex {
        let name = name.into();
        let symbol = self.builder.symbol(SynthSymbol::Data {
            flags,
            name: name.clone(),
            definition,
        });
        let global = Global {
            symbol,
            is_data: true,
            origin,
        };
        self.globals.insert(name.into_owned(), global);
        symbol
    }

    /// Addresses that a script puts into a section.
    fn relocate_data(
        &mut self,
        section: &PlannedSection,
        segment: Option<SegmentIndex>,
        segments: &[Option<SegmentIndex>],
    ) {
        for item in &section.data {
            let (Value::Relative(target, addend), Some(segment)) = (item.value, segment) else {
                continue;
            };
            // What a script speaks of is laid out.
            let Some(target) = segments.get(target).copied().flatten() else {
                continue;
            };
            let ty = match item.size {
                8 => RelocationType::MemoryAddrI64,
                _ => RelocationType::MemoryAddrI32,
            };
            let name = format!(".Lsection.{}", target.0);
            let start = match self.globals.get(&name) {
                Some(start) => start.symbol,
                None => self.define(name, SymbolFlags::BINDING_LOCAL, place(target, 0), None),
            };
            let addend = addend.cast_signed();
            self.builder
                .relocate(segment, ty, item.offset, start, addend);
        }
    }
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
/// refers to it from outside. A marked one is nobody's to see, nor is one that was local: for
/// Emscripten, clang says of all that is `used` that it is exported.
fn moved_flags(flags: SymbolFlags, marked: bool) -> SymbolFlags {
    let moved = flags - (SymbolFlags::NO_STRIP | SymbolFlags::BINDING_LOCAL);
    if marked || flags.contains(SymbolFlags::BINDING_LOCAL) {
        (moved - SymbolFlags::EXPORTED) | SymbolFlags::VISIBILITY_HIDDEN
    } else {
        moved
    }
}
