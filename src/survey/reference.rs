//! Entries that name their section by reference: they point to a function whose name contains the section
//! name (`__link_section_of__NAME`).

use super::mark::{SectionFunction, section_function};
use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::wasm::{Object, Symbol, SymbolFlags, SymbolIndex};
use std::collections::BTreeSet;
use wasmparser::RelocationType;

/// The references from an object's data to section functions.
pub struct References<'a> {
    /// Sorted by offset.
    references: Vec<Reference>,
    /// The distinct section functions.
    functions: Vec<SectionFunction<'a>>,
}

struct Reference {
    /// The offset of the relocation in the data section.
    offset: u32,
    /// An index into `functions`.
    function: usize,
    /// Incremented at each change of `function`. Two references with the same `run` have the same function,
    /// and so do all references between them.
    run: usize,
}

impl<'a> References<'a> {
    /// Reads the relocations of the data section.
    ///
    /// # Errors
    /// A malformed relocation, or a section name that is empty or not a C identifier.
    pub fn of(object: &Object<'a>) -> Result<Self> {
        let mut of_symbol: HashMap<SymbolIndex, Option<usize>> = HashMap::default();
        let mut of_name: HashMap<SectionFunction<'a>, usize> = HashMap::default();
        let mut references: Vec<Reference> = Vec::new();
        for relocation in object.data_relocations()? {
            if relocation.ty == RelocationType::TypeIndexLeb {
                continue;
            }
            let symbol = relocation.symbol();
            let function = match of_symbol.get(&symbol) {
                Some(&known) => known,
                None => {
                    let next = of_name.len();
                    let of = object.symbol(symbol);
                    let name = section_function(of.name);
                    let name = name.map_err(|error| error.at(of.range.start.into()))?;
                    let function = name.map(|name| *of_name.entry(name).or_insert(next));
                    of_symbol.insert(symbol, function);
                    function
                }
            };
            if let Some(function) = function {
                let run = references
                    .last()
                    .map_or(0, |last| last.run + usize::from(last.function != function));
                references.push(Reference {
                    offset: relocation.offset,
                    function,
                    run,
                });
            }
        }
        let mut functions: Vec<(SectionFunction<'a>, usize)> = of_name.into_iter().collect();
        functions.sort_by_key(|(_, index)| *index);
        let functions = functions.into_iter().map(|(name, _)| name).collect();
        Ok(Self {
            references,
            functions,
        })
    }

    /// The section function that `symbol` points to.
    ///
    /// # Errors
    /// It points to no section function, or to different ones.
    pub fn section(&self, object: &Object<'_>, symbol: &Symbol<'_>) -> Result<SectionFunction<'a>> {
        let own = self.within(object, symbol);
        let found = match own {
            [first, .., last] if first.run != last.run => {
                let functions: BTreeSet<usize> = own.iter().map(|one| one.function).collect();
                functions.len()
            }
            [first, ..] => return Ok(self.functions[first.function].clone()),
            [] => 0,
        };
        Err(Error::new(format!(
            "`{}` must point to exactly one `__link_section_of__NAME` function; found {found}",
            demangle::shown(symbol.name),
        ))
        .note(
            "a static in a module `__link_section_by_reference__` points to the function that names its \
             section: one whose path has a component `__link_section_of__NAME` or \
             `__link_section_of_values__NAME`",
        ))
    }

    /// The references in the data of `symbol`.
    fn within(&self, object: &Object<'_>, symbol: &Symbol<'_>) -> &[Reference] {
        let Some((segment, range)) = symbol.definition() else {
            return &[];
        };
        let base = object.segment(segment).offset;
        let before = |end: u32| {
            let end = base.saturating_add(end);
            self.references.partition_point(|one| one.offset < end)
        };
        &self.references[before(range.start)..before(range.end)]
    }

    /// The symbol of the value that the data of `node` points to; `None` if the value is zero-sized.
    ///
    /// # Errors
    /// `node` points to no value that this object defines, to several, or into the middle of one.
    pub fn value(object: &Object<'_>, node: &Symbol<'_>) -> Result<Option<SymbolIndex>> {
        let error = || {
            Error::new(format!(
                "`{}` must point to exactly one value that the same object defines",
                demangle::shown(node.name),
            ))
            .at(node.range.start.into())
        };
        let (segment, range) = node.definition().ok_or_else(error)?;
        let relocations = object.relocations_within(segment, range)?.iter();
        let data = relocations.filter(|one| {
            one.ty != RelocationType::TypeIndexLeb && object.symbol(one.symbol()).is_data()
        });
        let data: Vec<_> = data.collect();
        let [pointer] = data[..] else {
            // A zero-sized value has no symbol to point to.
            return if data.is_empty() {
                Ok(None)
            } else {
                Err(error())
            };
        };
        let value = object.symbol(pointer.symbol());
        let (_, bytes) = value.definition().ok_or_else(error)?;
        let is_address = matches!(
            pointer.ty,
            RelocationType::MemoryAddrI32 | RelocationType::MemoryAddrI64
        );
        if pointer.addend != 0 || !is_address || value.flags.contains(SymbolFlags::TLS) {
            return Err(error());
        }
        Ok((!bytes.is_empty()).then(|| pointer.symbol()))
    }
}
