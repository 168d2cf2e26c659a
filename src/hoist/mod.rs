//! The plan made into objects: the entries of each gathered section become one data segment of one
//! synthesized object, and the objects they left are edited.
//!
//! Nothing in the synthesized object is a root of the linker's garbage collection, so an array that
//! no live code reaches goes, and what only its entries use goes with it.

mod along;
mod leaving;
mod manifest;
pub mod reencode;
mod relocate;
mod sections;
mod source;

use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Module, ObjectId, ObjectMap};
use crate::parallel;
use crate::plan::Plan;
use crate::survey::Survey;
use crate::wasm::{Builder, Edits, Object, SegmentIndex, Symbol, SymbolIndex, Synthesized};
use along::{Along, Pools};
use source::{Compact, Source, left};
use std::borrow::Cow;
use std::fmt::Write;

/// What the backend gets.
#[derive(Debug)]
pub struct Hoisted<'a> {
    /// The synthesized object, which makes the edited ones part of the link. Where there is none,
    /// they are linked if the objects that they stand for would be.
    pub object: Option<Synthesized<'a>>,
    /// The objects that entries left, edited.
    pub edited: ObjectMap<EditedObject<'a>>,
    /// The global symbols of the synthesized object.
    pub globals: HashMap<String, Global>,
}

/// An object and what changes in it: all of them, written, may be as much as the inputs.
#[derive(Debug)]
pub struct EditedObject<'a> {
    object: &'a Object<'a>,
    edits: Edits,
    /// Whether it counts what is linked before it: it has constructors, or a weak definition that another
    /// may override.
    pub order_counts: bool,
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
    /// Whether every entry is to bear its symbols, and not only those that something refers to: for
    /// people who asked to see them.
    pub symbols: bool,
    /// Whether it is to have a manifest.
    pub manifest: bool,
}

/// Makes the objects.
///
/// # Errors
/// A relocation that has no meaning in memory, or objects of different address sizes.
pub fn hoist<'a>(
    survey: &'a Survey<'a>,
    plan: &'a Plan,
    modules: &[Module<'_>],
    output: Output,
) -> Result<Hoisted<'a>> {
    let memory64 = address_size(survey, plan, modules)?;
    let table64 = survey.objects.values().any(|object| object.table64);
    let in_object = |id: ObjectId| move |error: Error| error.in_file(&modules[id.0].name);
    let left = left(survey, plan).into_iter().collect();
    let sources = parallel::map(left, |(id, left)| {
        let source = Source::new(&survey.objects[id], left).map_err(in_object(id))?;
        Ok((id, source))
    });
    let mut hoist = Hoist {
        survey,
        plan,
        output,
        builder: Builder::new(memory64, table64),
        sources: sources.into_iter().collect::<Result<_>>()?,
        globals: HashMap::default(),
        pools: plan.sections.iter().map(|_| Pools::default()).collect(),
        along: Vec::new(),
    };
    let segments = hoist.sections()?;
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
    hoist.relocate_along(in_object)?;
    if output.manifest {
        hoist.add_manifest(modules, &segments)?;
    }
    let Hoist {
        builder,
        sources,
        globals,
        ..
    } = hoist;
    let edited = parallel::map(sources.into_iter().collect(), |(id, source)| {
        let edits = source.edits(survey, id);
        (id, EditedObject::new(&survey.objects[id], edits))
    });
    Ok(Hoisted {
        edited: edited.into_iter().collect(),
        object: Some(builder.finish()),
        globals,
    })
}

impl<'a> EditedObject<'a> {
    fn new(object: &'a Object<'a>, edits: Edits) -> Self {
        let is_weak_definition =
            |symbol: &Symbol<'_>| symbol.is_weak() && !symbol.is_undefined() && !symbol.is_local();
        Self {
            order_counts: object.has_constructors || object.symbols.iter().any(is_weak_definition),
            object,
            edits,
        }
    }

    /// The file after the edits.
    ///
    /// # Errors
    /// A removed section that the rest of the object refers to by an offset.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        self.edits.apply(self.object)
    }
}

/// Whether addresses have 64 bits, which must be so in all objects that have entries or in none.
fn address_size(survey: &Survey<'_>, plan: &Plan, modules: &[Module<'_>]) -> Result<bool> {
    let mut first: Option<(ObjectId, bool)> = None;
    for placed in plan.sections.iter().flat_map(|section| &section.entries) {
        let id = survey.entries[placed.entry.0].object;
        let memory64 = survey.objects[id].memory64;
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
    plan: &'a Plan,
    output: Output,
    builder: Builder<'a>,
    sources: ObjectMap<Source>,
    globals: HashMap<String, Global>,
    /// For each section of the plan, what went along with its entries.
    pools: Vec<Pools>,
    /// The segments with relocations that went along with entries, and where they are now.
    along: Vec<(ObjectId, SegmentIndex, Along)>,
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

/// The name under which other objects can refer to a symbol: its own or, for a local one, a unique one.
fn global_name<'a>(survey: &Survey<'a>, id: ObjectId, index: SymbolIndex) -> Cow<'a, str> {
    let symbol = survey.objects[id].symbol(index);
    if symbol.is_local() {
        // Room for two numbers, so that it need not grow.
        let mut name = String::with_capacity(symbol.name.len() + UNIQUE.len() + 2 * 20 + 1);
        name.push_str(symbol.name);
        name.push_str(UNIQUE);
        let _ = write!(name, "{}.{}", id.0, index.0);
        name.into()
    } else {
        symbol.name.into()
    }
}

impl Hoist<'_> {
    fn source(&mut self, id: ObjectId) -> Result<&mut Source> {
        // Only of objects that entries leave.
        let unknown = || Error::new("an entry of an object that no entry leaves");
        self.sources.get_mut(id).ok_or_else(unknown)
    }

    /// Remembers which symbol of the synthesized object one of an input is.
    fn stands_for(&mut self, id: ObjectId, index: SymbolIndex, symbol: SymbolIndex) -> Result<()> {
        self.source(id)?.symbols[index.position()] = Compact::new(symbol.0);
        Ok(())
    }

    /// Which symbol of the synthesized object one of an input is, if that is known.
    fn standing_for(&mut self, id: ObjectId, index: SymbolIndex) -> Result<Option<SymbolIndex>> {
        let known = self.source(id)?.symbols[index.position()];
        Ok(known.map(|known| SymbolIndex(known.get())))
    }
}
