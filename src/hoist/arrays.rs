//! The arrays: for each section of the plan a segment of the synthesized object, with the section's
//! symbols and what a script puts between the entries.

use super::rewrite::Place;
use super::symbols::{SymbolTable, label};
use crate::error::Result;
use crate::hash::HashMap;
use crate::plan::{Plan, PlannedSection, SymbolDefinition, Value};
use crate::script::Definition as ScriptDefinition;
use crate::survey::{Entry, is_c_identifier};
use crate::wasm::{
    Builder, Merged, Object, RelocationType, SEGMENT_RETAIN, SegmentIndex, SymbolFlags,
};

/// The alignment of an array without bytes, as a power of two. The type of its elements is not known, but a
/// slice of them must be aligned. 16 bytes are enough for any type, as they are for an allocator.
const EMPTY_ALIGNMENT: u32 = 4;

/// The array of a section.
#[derive(Debug)]
struct Array {
    /// Its segment; none for a section that the plan leaves out.
    segment: Option<SegmentIndex>,
    /// Whether all of its entries are read-only.
    is_read_only: bool,
}

/// The arrays of a plan.
#[derive(Debug)]
pub(super) struct Arrays(Vec<Array>);

impl Arrays {
    /// Adds the arrays of all sections to the object, with what a script puts into them, and no entries
    /// yet.
    pub(super) fn new(builder: &mut Builder<'_>, plan: &Plan) -> Self {
        let arrays = plan.sections.iter().map(|section| Array {
            segment: (!section.is_empty()).then(|| {
                let flags = if section.keep { SEGMENT_RETAIN } else { 0 };
                let alignment = match section.size {
                    0 => section.alignment.max(EMPTY_ALIGNMENT),
                    _ => section.alignment,
                };
                builder.segment("", alignment, flags, without_entries(section))
            }),
            is_read_only: true,
        });
        Self(arrays.collect())
    }

    /// The segment of the array at that position in the plan; none for a section that is left out.
    pub(super) fn segment(&self, section: usize) -> Option<SegmentIndex> {
        self.0.get(section)?.segment
    }

    /// Copies an entry to its offset in the array at that position in the plan. Where it is now, unless
    /// the section is left out.
    pub(super) fn place(
        &mut self,
        builder: &mut Builder<'_>,
        object: &Object<'_>,
        entry: &Entry,
        (section, offset): (usize, u32),
    ) -> Option<Place> {
        let array = self.0.get_mut(section)?;
        array.is_read_only &= entry.is_read_only;
        let segment = array.segment?;
        builder.put(segment, offset, entry.data(object));
        Some(Place { segment, offset })
    }

    /// Defines the symbols of the sections, and names the segments, once all entries are placed.
    ///
    /// # Errors
    /// A symbol of a script that an object defines too, or that is outside of its section.
    pub(super) fn finish(
        &self,
        builder: &mut Builder<'_>,
        symbols: &mut SymbolTable,
        plan: &Plan,
    ) -> Result<()> {
        let mut definer = Definer { builder, symbols };
        let sections = plan.sections.iter().zip(&self.0);
        let sections =
            sections.filter_map(|(section, array)| Some((section, array, array.segment?)));
        for (section, _, segment) in sections.clone() {
            for symbol in last_definitions(&section.symbols) {
                definer.define_symbol(symbol, section, segment)?;
            }
            definer.define_bounds(section, segment)?;
        }
        for (section, array, segment) in sections {
            self.relocate_data(&mut definer, section, segment)?;
            let merged = array.merged(definer.builder, section, segment);
            let name = format!("{}.{}", merged.name(), section.name);
            definer.builder.rename(segment, name);
        }
        Ok(())
    }

    /// Adds the relocations of addresses that a script puts into a section.
    fn relocate_data(
        &self,
        definer: &mut Definer<'_, '_>,
        section: &PlannedSection,
        segment: SegmentIndex,
    ) -> Result<()> {
        for item in &section.data {
            let Value::Relative(target, addend) = item.value else {
                continue;
            };
            // The layout keeps every section that a script refers to, so its segment exists.
            let Some(target) = self.segment(target) else {
                continue;
            };
            let ty = match item.size {
                8 => RelocationType::MemoryAddrI64,
                _ => RelocationType::MemoryAddrI32,
            };
            let name = format!(".Lsection.{}", target.0);
            let Definer { builder, symbols } = definer;
            let start = match symbols.get(&name) {
                Some(start) => start,
                None => {
                    let local = SymbolFlags::BINDING_LOCAL;
                    symbols.define(builder, name, local, label(target, 0), None)?
                }
            };
            builder.relocate(segment, ty, item.offset, start, addend.cast_signed());
        }
        Ok(())
    }
}

impl Array {
    /// The segment of the output that an array becomes a part of.
    fn merged(
        &self,
        builder: &Builder<'_>,
        section: &PlannedSection,
        segment: SegmentIndex,
    ) -> Merged {
        let is_zero = || builder.data(segment).iter().all(|&byte| byte == 0);
        if self.is_read_only {
            Merged::ReadOnly
        } else if section.data.is_empty() && builder.relocations(segment).is_empty() && is_zero() {
            Merged::Zeros
        } else {
            Merged::Data
        }
    }
}

/// Defines the symbols of sections.
struct Definer<'d, 'a> {
    builder: &'d mut Builder<'a>,
    symbols: &'d mut SymbolTable,
}

impl Definer<'_, '_> {
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
        if self.symbols.is_defined(name) {
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
        self.define(name.clone(), flags, segment, offset)
    }

    /// Defines `__start_NAME` and `__stop_NAME`. They are weak and hidden: a program that defines them
    /// itself overrides them, as with ELF linkers (`PROVIDE_HIDDEN`).
    fn define_bounds(&mut self, section: &PlannedSection, segment: SegmentIndex) -> Result<()> {
        let arrays = section.arrays.iter();
        for (array, range) in arrays.filter(|(array, _)| is_c_identifier(array)) {
            for (prefix, offset) in [("__start_", range.start), ("__stop_", range.end)] {
                let name = format!("{prefix}{array}");
                if !self.symbols.is_defined(&name) {
                    let flags = SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::BINDING_WEAK;
                    self.define(name, flags, segment, offset)?;
                }
            }
        }
        Ok(())
    }

    fn define(
        &mut self,
        name: String,
        flags: SymbolFlags,
        segment: SegmentIndex,
        offset: u32,
    ) -> Result<()> {
        let label = label(segment, offset);
        self.symbols
            .define(self.builder, name, flags, label, None)?;
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
