//! The plan made into objects: the entries of each gathered section become one data segment of one
//! synthesized object, and the objects they left are edited.
//!
//! Nothing in the synthesized object is a root of the linker's garbage collection, so an array that
//! no live code reaches goes, and what only its entries use goes with it.

mod manifest;
pub mod reencode;
mod relocate;
mod sections;

use crate::error::{Error, Result};
use crate::input::{Module, ObjectId};
use crate::plan::Plan;
use crate::survey::{Entry, Origin, Survey, is_marked};
use crate::wasm::{Builder, Edits, SymbolIndex};
use std::collections::{BTreeMap, HashMap, HashSet, btree_map};

pub use crate::wasm::EMPTIED_SEGMENT;

/// What the backend gets.
#[derive(Debug)]
pub struct Hoisted {
    /// The synthesized object, which makes the edited ones part of the link. Where there is none,
    /// they are linked if the objects that they stand for would be.
    pub object: Option<Vec<u8>>,
    /// The objects that entries left, edited.
    pub edited: BTreeMap<ObjectId, Vec<u8>>,
    /// The marked symbols that were moved: exports of them were never the author's.
    pub marks: HashSet<String>,
    /// The global symbols of the synthesized object.
    pub globals: HashMap<String, Global>,
}

/// A global symbol of the synthesized object.
#[derive(Debug, Clone, Copy)]
pub struct Global {
    /// Its index there.
    pub symbol: SymbolIndex,
    /// Whether it is data, and not a function.
    pub is_data: bool,
    /// The input that defines it or refers to it first; none where a script or this linker does.
    pub origin: Option<ObjectId>,
}

/// What comes between a symbol's own name and the numbers that make it unique. A dot ends what
/// demanglers read.
pub const UNIQUE: &str = "..section.";

/// The name that a symbol has in its own object.
pub fn own_name(name: &str) -> &str {
    name.split_once(UNIQUE).map_or(name, |(own, _)| own)
}

/// What addresses of the output count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The beginning of memory.
    Zero,
    /// `__memory_base`, in position-independent output.
    MemoryBase,
}

/// What the output is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// What its addresses count from.
    pub base: Base,
    /// Whether it is to have a manifest.
    pub manifest: bool,
}

/// Makes the objects, with a manifest if one is asked for.
///
/// # Errors
/// A relocation that has no meaning in memory, or objects of different address sizes.
pub fn hoist(
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &[Module<'_>],
    output: Output,
) -> Result<Hoisted> {
    let mut hoist = Hoist {
        survey,
        base: output.base,
        builder: Builder::new(
            address_size(survey, plan, modules)?,
            survey.objects.values().any(|object| object.table64),
        ),
        sources: BTreeMap::new(),
        globals: HashMap::new(),
        marks: HashSet::new(),
    };
    let in_object = |id: ObjectId| move |error: Error| error.in_file(&modules[id.0].name);
    for id in plan.leaving() {
        let entry = &survey.entries[id.0];
        hoist.leave(entry).map_err(in_object(entry.object))?;
    }
    let segments = hoist.sections(plan)?;
    // Only now, when all moved symbols are known: entries may point to each other.
    for (section, &segment) in plan.sections.iter().zip(&segments) {
        for placed in &section.entries {
            let entry = &survey.entries[placed.entry.0];
            if let Some(segment) = segment {
                hoist
                    .relocate(entry, placed.offset, segment)
                    .map_err(in_object(entry.object))?;
            }
        }
    }
    if output.manifest {
        hoist.add_manifest(plan, modules, &segments)?;
    }
    let mut edited = BTreeMap::new();
    for (id, source) in &hoist.sources {
        let object = &survey.objects[id];
        edited.insert(*id, source.edits.apply(object).map_err(in_object(*id))?);
    }
    Ok(Hoisted {
        object: Some(hoist.builder.finish()),
        edited,
        marks: hoist.marks,
        globals: hoist.globals,
    })
}

/// Whether addresses have 64 bits, which must be so in all objects that have entries or in none.
fn address_size(survey: &Survey<'_>, plan: &Plan, modules: &[Module<'_>]) -> Result<bool> {
    let mut first: Option<(ObjectId, bool)> = None;
    for placed in plan.sections.iter().flat_map(|section| &section.entries) {
        let id = survey.entries[placed.entry.0].object;
        let memory64 = survey.objects[&id].memory64;
        match first {
            None => first = Some((id, memory64)),
            Some((other, size)) if size != memory64 => {
                let bits = |memory64| if memory64 { "wasm64" } else { "wasm32" };
                return Err(Error::new(format!(
                    "{} object file can't be linked with {} object files",
                    bits(memory64),
                    bits(size)
                ))
                .note(format!("{} is {}", modules[other.0].name, bits(size)))
                .note("build all inputs for one target")
                .in_file(&modules[id.0].name));
            }
            Some(_) => {}
        }
    }
    Ok(first.is_some_and(|(_, memory64)| memory64))
}

struct Hoist<'a> {
    survey: &'a Survey<'a>,
    base: Base,
    builder: Builder,
    sources: BTreeMap<ObjectId, Source>,
    globals: HashMap<String, Global>,
    marks: HashSet<String>,
}

/// An object that entries leave.
struct Source {
    edits: Edits,
    /// For each of its symbols, the one of the synthesized object, if there is one.
    symbols: Vec<Option<SymbolIndex>>,
}

impl Hoist<'_> {
    /// Takes an entry out of its object: what it defines is defined elsewhere from now on.
    fn leave(&mut self, entry: &Entry<'_>) -> Result<()> {
        let object = &self.survey.objects[&entry.object];
        for &index in &entry.symbols {
            let name = object.symbol(index).name;
            if is_marked(name) {
                self.marks.insert(name.to_owned());
            }
            let name = self.global_name(entry.object, index);
            self.source(entry.object)?
                .edits
                .undefine
                .insert(index, name);
        }
        let edits = &mut self.source(entry.object)?.edits;
        match entry.origin {
            Origin::Segment(segment) | Origin::Symbol(segment, _) => {
                edits.empty.insert(segment);
            }
            Origin::Custom(section) => {
                edits.remove.insert(section);
            }
        }
        Ok(())
    }

    /// The name under which other objects can refer to a symbol: its own or, for a local one, a
    /// unique one.
    fn global_name(&self, id: ObjectId, index: SymbolIndex) -> String {
        let symbol = self.survey.objects[&id].symbol(index);
        if symbol.is_local() {
            format!("{}{UNIQUE}{}.{}", symbol.name, id.0, index.0)
        } else {
            symbol.name.to_owned()
        }
    }

    fn source(&mut self, id: ObjectId) -> Result<&mut Source> {
        Ok(match self.sources.entry(id) {
            btree_map::Entry::Occupied(source) => source.into_mut(),
            btree_map::Entry::Vacant(vacant) => {
                let object = &self.survey.objects[&id];
                // Before anything is made of it.
                object.data_relocations()?;
                vacant.insert(Source {
                    edits: Edits::default(),
                    symbols: vec![None; object.symbols.len()],
                })
            }
        })
    }

    /// Remembers which symbol of the synthesized object one of an input is.
    fn stands_for(&mut self, id: ObjectId, index: SymbolIndex, symbol: SymbolIndex) -> Result<()> {
        self.source(id)?.symbols[index.position()] = Some(symbol);
        Ok(())
    }
}
