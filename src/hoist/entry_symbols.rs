//! What becomes of the symbols of entries: in their object, and in the synthesized one.

use super::output::Output;
use super::rewrite::{Removed, Rewrite};
use crate::demangle;
use crate::error::{Error, Result};
use crate::plan::{Plan, Winner};
use crate::survey::{Entry, EntrySymbol, Survey, is_marked};
use crate::wasm::{Symbol, SymbolFlags, SymbolIndex};
use smallvec::SmallVec;
use std::ops::Range;

/// Decides which symbols of entries are kept, and how.
#[derive(Clone, Copy)]
pub(super) struct EntrySymbols<'s> {
    survey: &'s Survey<'s>,
    plan: &'s Plan,
    output: Output,
}

/// A symbol that moves with its entry into an array.
pub(super) struct MovedSymbol {
    pub(super) index: SymbolIndex,
    pub(super) flags: SymbolFlags,
    /// In bytes from the first of its old segment.
    pub(super) range: Range<u32>,
}

impl<'s> EntrySymbols<'s> {
    pub(super) fn new(survey: &'s Survey<'s>, plan: &'s Plan, output: Output) -> Self {
        Self {
            survey,
            plan,
            output,
        }
    }

    /// Keeps the global symbols of a removed entry defined in its object. There they shadow what archives
    /// offer, and an archive member is extracted for them, as in the plain link; the definitions in the
    /// synthesized object, which comes last, override them. Two strong definitions stay strong, so that the
    /// backend reports them.
    pub(super) fn keep_defined(self, rewrite: &mut Rewrite<'_>, entry: &Entry) {
        for EntrySymbol { index, .. } in &entry.symbols {
            let symbol = rewrite.object.symbol(*index);
            if symbol.is_local() || !self.is_needed(rewrite, entry, (*index, symbol)) {
                continue;
            }
            let is_duplicate = self.plan.winners.get(symbol.name) == Some(&Winner::Duplicate);
            let binding = match is_duplicate && !symbol.is_weak() {
                true => SymbolFlags::empty(),
                false => SymbolFlags::BINDING_WEAK,
            };
            let flags = binding | (moved_flags(symbol) & SymbolFlags::VISIBILITY_HIDDEN);
            rewrite.keep_defined(*index, flags);
        }
    }

    /// Keeps the symbols of a node defined in its object, for other definitions of the same name and for
    /// debug information.
    ///
    /// # Errors
    /// Code or data refers to the node.
    pub(super) fn remove_node(self, rewrite: &mut Rewrite<'_>, entry: &Entry) -> Result<()> {
        self.keep_defined(rewrite, entry);
        for EntrySymbol { index, .. } in &entry.symbols {
            let symbol = rewrite.object.symbol(*index);
            let is_only = !self.plan.winners.contains_key(symbol.name);
            let by_others = !symbol.is_local()
                && is_only
                && !self.survey.is_unreferred_mark(entry, symbol.name);
            if by_others || rewrite.moved.is_referred_by_program(*index) {
                return Err(Error::new(format!(
                    "`{}` is referred to, but it is in no array: what it points to is",
                    demangle::shown(symbol.name)
                ))
                .at(symbol.range.start.into())
                .note("take the reference out, or let it refer to the value"));
            }
            if symbol.is_local() && rewrite.moved.is_referred_by_rest(*index) {
                rewrite.keep_defined(*index, SymbolFlags::BINDING_LOCAL);
            }
        }
        Ok(())
    }

    /// The symbols that an entry defines in its array: those that something may refer to, but for those
    /// whose name another input defines for the link.
    pub(super) fn moved(
        self,
        rewrite: &Rewrite<'_>,
        Removed { id, entry, .. }: Removed<'_>,
    ) -> SmallVec<[MovedSymbol; 1]> {
        let moved = entry
            .symbols
            .iter()
            .filter_map(|EntrySymbol { index, .. }| {
                let symbol = rewrite.object.symbol(*index);
                let winner = self.plan.winners.get(symbol.name);
                let wins =
                    symbol.is_local() || winner.is_none_or(|winner| *winner == Winner::Entry(id));
                if !wins || !self.is_needed(rewrite, entry, (*index, symbol)) {
                    return None;
                }
                let (_, range) = symbol.definition()?;
                Some(MovedSymbol {
                    index: *index,
                    flags: moved_flags(symbol),
                    range,
                })
            });
        moved.collect()
    }

    /// Whether anything may refer to a symbol of an entry.
    fn is_needed(
        self,
        rewrite: &Rewrite<'_>,
        entry: &Entry,
        (index, symbol): (SymbolIndex, &Symbol<'_>),
    ) -> bool {
        if self.output.symbols || rewrite.moved.is_referred(index) {
            return true;
        }
        // If several inputs define the name, a reference elsewhere may mean this definition.
        let is_only = !self.plan.winners.contains_key(symbol.name) && entry.comdat.is_none();
        let is_unused = is_only && self.survey.is_unreferred_mark(entry, symbol.name);
        !symbol.is_local() && !is_unused
    }
}

/// The flags of a symbol in the synthesized object. It is no root of garbage collection. It is global, as
/// its object refers to it from outside, and strong, as it overrides the definition that its object keeps. A
/// symbol that was local or has a mark is hidden, and not exported even if clang says so: for Emscripten it
/// flags as exported all that is `used`.
fn moved_flags(symbol: &Symbol<'_>) -> SymbolFlags {
    let own = SymbolFlags::NO_STRIP | SymbolFlags::BINDING_LOCAL | SymbolFlags::BINDING_WEAK;
    let moved = symbol.flags - own;
    if symbol.is_local() || is_marked(symbol.name) {
        (moved - SymbolFlags::EXPORTED) | SymbolFlags::VISIBILITY_HIDDEN
    } else {
        moved
    }
}
