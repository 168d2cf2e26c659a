//! The synthesized object: the arrays, the private data of their entries, and what both refer to.

use super::arrays::Arrays;
use super::entry_symbols::EntrySymbols;
use super::output::Output;
use super::pools::Pools;
use super::relocate::entry_relocations;
use super::rewrite::{Place, Removed, Rewrite};
use super::symbols::SymbolTable;
use crate::error::Result;
use crate::input::Modules;
use crate::plan::{Disposition, Plan};
use crate::survey::Survey;
use crate::wasm::{Builder, Definition, Relocation, SegmentIndex, SymbolIndex, SynthSymbol};
use std::ops::Range;

/// The synthesized object while entries move into it.
pub(super) struct Synthesis<'s, 'a> {
    survey: &'s Survey<'s>,
    plan: &'s Plan,
    output: Output,
    entry_symbols: EntrySymbols<'s>,
    pub(super) builder: Builder<'a>,
    pub(super) symbols: SymbolTable,
    pub(super) arrays: Arrays,
    pools: Pools,
}

/// A symbol of the synthesized object, and what is added to its address.
#[derive(Clone, Copy)]
struct Target {
    symbol: SymbolIndex,
    addend: i64,
}

impl From<SymbolIndex> for Target {
    fn from(symbol: SymbolIndex) -> Self {
        Self { symbol, addend: 0 }
    }
}

impl<'s, 'a> Synthesis<'s, 'a> {
    /// An object with the arrays of a plan, without entries.
    pub(super) fn new(
        survey: &'s Survey<'s>,
        plan: &'s Plan,
        output: Output,
        mut builder: Builder<'a>,
    ) -> Self {
        Self {
            survey,
            plan,
            output,
            entry_symbols: EntrySymbols::new(survey, plan, output),
            arrays: Arrays::new(&mut builder, plan),
            builder,
            symbols: SymbolTable::default(),
            pools: Pools::new(plan.sections.len()),
        }
    }

    /// Moves the entries out of an object, with their private data.
    ///
    /// # Errors
    /// A relocation or a symbol that cannot be moved.
    pub(super) fn move_entries(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        removed: &[Removed<'_>],
    ) -> Result<()> {
        for &one in removed {
            match one.disposition {
                Disposition::Placed { section, offset } => {
                    self.place(rewrite, one, (section as usize, offset))?;
                }
                Disposition::Duplicate => self.entry_symbols.keep_defined(rewrite, one.entry),
                Disposition::Node => self.entry_symbols.remove_node(rewrite, one.entry)?,
                Disposition::Stays | Disposition::Discarded => {}
            }
        }
        // Entries may point to each other, so all of their symbols are defined before.
        for Removed {
            entry, disposition, ..
        } in removed
        {
            if let Disposition::Placed { section, offset } = *disposition
                && let Some(segment) = self.arrays.segment(section as usize)
            {
                let place = Place { segment, offset };
                let section = self.survey.section(entry);
                let base = self.output.base;
                let (start, relocations) = entry_relocations(rewrite.object, entry, section, base)?;
                self.relocate(rewrite, &relocations, (start, place))?;
            }
        }
        // The relocations of private data may reach more of it.
        while let Some((from, place)) = rewrite.next_pending() {
            let start = rewrite.object.segment(from).offset;
            let relocations = rewrite.object.segment_relocations(from)?;
            self.relocate(rewrite, relocations, (start, place))?;
        }
        Ok(())
    }

    /// Completes the object, but for the manifest, when all entries have moved.
    ///
    /// # Errors
    /// A symbol of a script that an object defines too, or that is outside of its section.
    pub(super) fn finish(&mut self, modules: &Modules<'_>) -> Result<()> {
        self.symbols.agree_on_signatures(&mut self.builder, modules);
        self.arrays
            .finish(&mut self.builder, &mut self.symbols, self.plan)
    }

    /// Copies an entry to its place in an array, and defines its symbols there.
    fn place(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        removed: Removed<'_>,
        array: (usize, u32),
    ) -> Result<()> {
        let entry = removed.entry;
        let Some(place) = self
            .arrays
            .place(&mut self.builder, rewrite.object, entry, array)
        else {
            return Ok(());
        };
        self.entry_symbols.keep_defined(rewrite, entry);
        for moved in self.entry_symbols.moved(rewrite, removed) {
            let definition = Definition {
                segment: place.segment,
                offset: place.offset + (moved.range.start - entry.start()),
                size: moved.range.end - moved.range.start,
            };
            let name = rewrite.global_name(moved.index).into_owned();
            let symbol = self.symbols.define(
                &mut self.builder,
                name,
                moved.flags,
                definition,
                Some(rewrite.id),
            )?;
            rewrite.set_synthesized_symbol(moved.index, symbol);
        }
        Ok(())
    }

    /// Adds relocations of an input for bytes that begin at the offset `start` there, and are at `place`
    /// here.
    fn relocate(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        relocations: &[Relocation],
        (start, place): (u32, Place),
    ) -> Result<()> {
        for relocation in relocations {
            let Target { symbol, addend } = self.target(rewrite, relocation.symbol())?;
            self.builder.relocate(
                place.segment,
                relocation.ty,
                place.offset + (relocation.offset - start),
                symbol,
                relocation.addend.wrapping_add(addend),
            );
        }
        Ok(())
    }

    /// The target here of a reference to a symbol of an input.
    fn target(&mut self, rewrite: &mut Rewrite<'_>, index: SymbolIndex) -> Result<Target> {
        if let Some(known) = rewrite.synthesized_symbol(index) {
            return Ok(known.into());
        }
        let symbol = rewrite.object.symbol(index);
        if let Some((segment, range)) = symbol.definition()
            && rewrite.moved.is_private(segment)
        {
            return self.private_target(rewrite, index, (segment, range));
        }
        // It stays in its object, or is defined elsewhere.
        let reference = self.symbols.refer(&mut self.builder, rewrite, index)?;
        if symbol.is_local() {
            let name = rewrite.global_name(index).into_owned();
            rewrite.add_alias(index, name);
        }
        rewrite.set_synthesized_symbol(index, reference);
        Ok(reference.into())
    }

    /// The target here of a reference to private data, which is `range` of the segment `from`.
    fn private_target(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        index: SymbolIndex,
        (from, range): (SegmentIndex, Range<u32>),
    ) -> Result<Target> {
        let place = self.place_private(rewrite, from)?;
        let pool = rewrite
            .only_section
            .and_then(|section| self.pools.symbol(section, place.segment));
        if let Some(symbol) = pool {
            let addend = i64::from(place.offset) + i64::from(range.start);
            return Ok(Target { symbol, addend });
        }
        let symbol = rewrite.object.symbol(index);
        let symbol = self.builder.symbol(SynthSymbol::Data {
            flags: symbol.flags,
            name: symbol.name.to_owned().into(),
            definition: Definition {
                segment: place.segment,
                offset: range.start,
                size: range.end - range.start,
            },
        });
        rewrite.set_synthesized_symbol(index, symbol);
        Ok(symbol.into())
    }

    /// The place here of a segment of private data, which moves if it has not moved yet.
    fn place_private(&mut self, rewrite: &mut Rewrite<'_>, from: SegmentIndex) -> Result<Place> {
        if let Some(known) = rewrite.private_place(from) {
            return Ok(known);
        }
        let old = rewrite.object.segment(from);
        // Data in a pool lives as long as the array. Private data of entries of several arrays lives as
        // long as any of them, so it gets a segment of its own.
        let pooled = rewrite
            .only_section
            .filter(|_| Pools::takes(old, self.output))
            .and_then(|section| {
                let planned = &self.plan.sections[section];
                self.pools.add(&mut self.builder, (section, planned), old)
            });
        let place = pooled.unwrap_or_else(|| {
            let (name, data) = (old.name.to_owned(), old.data.to_vec());
            let segment = self.builder.segment(name, old.alignment, old.flags, data);
            Place { segment, offset: 0 }
        });
        rewrite.set_private_place(from, place)?;
        Ok(place)
    }
}
