//! The plan made into objects: the entries of each gathered section become one data segment of one
//! synthesized object, and the objects they left are edited.
//!
//! Nothing in the synthesized object is a root of the linker's garbage collection, so an array that
//! no live code reaches goes, and what only its entries use goes with it.

mod along;
mod follow;
mod leaving;
mod manifest;
mod moves;
pub mod reencode;
mod relocate;
mod sections;
mod source;

use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Module, ObjectId};
use crate::plan::Plan;
use crate::survey::Survey;
use crate::wasm::{
    Builder, Object, Symbol, SymbolFlags, SymbolIndex, SymbolKind, SynthSymbol, Synthesized,
};
use along::Pools;
use moves::Destination;
pub use moves::Moves;
use sections::Array;
use source::Opened;
use std::borrow::Cow;
use std::fmt::Write;

/// What the backend gets beside the edited objects.
#[derive(Debug)]
pub struct Hoisted<'a> {
    /// The synthesized object, which makes the edited ones part of the link.
    pub object: Synthesized<'a>,
    /// An object to come before it, which asks for what the command line asks for after all files: what
    /// entries refer to is to be asked for last.
    pub asking: Option<Synthesized<'static>>,
    /// Its global symbols.
    pub globals: HashMap<String, Global>,
}

/// A global symbol of the synthesized object.
#[derive(Debug, Clone, Copy)]
pub struct Global {
    /// Its index there.
    pub symbol: SymbolIndex,
    /// Whether it is data, and not a function.
    pub is_data: bool,
    /// Whether it is defined there.
    pub is_defined: bool,
    /// The input that defines it or refers to it first; none where a script or this linker does.
    pub origin: Option<ObjectId>,
}

/// What comes between a symbol's own name and the numbers that make it unique. A dot ends what
/// demanglers read.
pub const UNIQUE: &str = "..section.";

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

/// Makes the objects: one after the other in link order, so that no more than a few are in memory, each
/// read, rid of its entries, encoded and given to `edited`.
///
/// # Errors
/// A relocation that has no meaning in memory, objects of different address sizes, and what `edited` fails
/// with.
pub fn hoist<'s, 'a>(
    survey: &'s Survey<'s>,
    plan: &'s Plan,
    moves: &Moves,
    modules: &[Module<'a>],
    output: Output,
    edited: impl FnMut(ObjectId, Vec<u8>) -> Result<()>,
) -> Result<Hoisted<'a>> {
    let memory64 = address_size(survey, plan, modules)?;
    let table64 = survey.objects.values().any(|object| object.table64);
    let mut hoist = Hoist {
        survey,
        plan,
        output,
        builder: Builder::new(memory64, table64),
        globals: HashMap::default(),
        mismatched: HashMap::default(),
        arrays: Vec::with_capacity(plan.sections.len()),
        pools: plan.sections.iter().map(|_| Pools::default()).collect(),
    };
    hoist.add_arrays();
    hoist.take_from_objects(moves, modules, edited)?;
    hoist.agree_on_signatures(modules);
    hoist.finish_arrays()?;
    if output.manifest {
        hoist.add_manifest(modules)?;
    }
    let object = hoist.builder.finish();
    let refers = object.references().next().is_some();
    let asking = match refers && !plan.asked.is_empty() {
        true => Some(asking(&plan.asked, modules, (memory64, table64))?),
        false => None,
    };
    Ok(Hoisted {
        object,
        asking,
        globals: hoist.globals,
    })
}

/// An object that refers to names as the objects that define them do.
fn asking(
    names: &[(String, ObjectId)],
    modules: &[Module<'_>],
    (memory64, table64): (bool, bool),
) -> Result<Synthesized<'static>> {
    let mut builder = Builder::new(memory64, table64);
    for (name, object) in names {
        let module = &modules[object.0];
        let bytes = module.load()?;
        let object = Object::parse(&bytes).map_err(|error| error.in_file(&module.name))?;
        let defines = |symbol: &&Symbol<'_>| {
            !symbol.is_undefined() && !symbol.is_local() && symbol.name == name
        };
        let kind = object
            .symbols
            .iter()
            .find(defines)
            .map(|symbol| symbol.kind);
        let flags = SymbolFlags::UNDEFINED;
        let symbol = match kind {
            Some(SymbolKind::Function(function)) => SynthSymbol::UndefinedFunction {
                flags,
                function: builder.import("env", name, object.signature(function)),
                name: None,
            },
            Some(SymbolKind::Data(_)) => SynthSymbol::UndefinedData {
                flags,
                name: name.clone().into(),
            },
            // wasm-ld knows no archive member by its globals, tables and tags.
            _ => continue,
        };
        builder.symbol(symbol);
    }
    Ok(builder.finish())
}

/// The names that the synthesized object of a plan asks for, in order.
///
/// # Errors
/// Those of `hoist`.
pub fn references(
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &[Module<'_>],
    output: Output,
) -> Result<Vec<String>> {
    let moves = Moves::of(survey, plan);
    let hoisted = hoist(survey, plan, &moves, modules, output, |_, _| Ok(()))?;
    Ok(hoisted.object.references().map(str::to_owned).collect())
}

/// Whether addresses have 64 bits, which must be so in all objects that have entries or in none.
fn address_size(survey: &Survey<'_>, plan: &Plan, modules: &[Module<'_>]) -> Result<bool> {
    let mut first: Option<(ObjectId, bool)> = None;
    for placed in plan.sections.iter().flat_map(|section| &section.entries) {
        let id = survey[placed.entry].object;
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

struct Hoist<'s, 'a> {
    survey: &'s Survey<'s>,
    plan: &'s Plan,
    output: Output,
    builder: Builder<'a>,
    globals: HashMap<String, Global>,
    /// The references to functions that objects declare with more than one signature.
    mismatched: HashMap<String, SymbolIndex>,
    /// For each section of the plan, what is made of it.
    arrays: Vec<Array>,
    /// For each section of the plan, what went along with its entries.
    pools: Vec<Pools>,
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
fn global_name<'a>(object: &Object<'a>, id: ObjectId, index: SymbolIndex) -> Cow<'a, str> {
    let symbol = object.symbol(index);
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

impl<'a> Hoist<'_, 'a> {
    /// Takes the entries out of all objects that they leave, and gives each that has been edited on.
    fn take_from_objects(
        &mut self,
        moves: &Moves,
        modules: &[Module<'a>],
        mut edited: impl FnMut(ObjectId, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let cores = self.survey.threads.for_objects(moves.objects().len());
        for objects in moves.objects().chunks(cores.at_a_time()) {
            let bytes = cores.try_map(objects, |own| {
                let module = &modules[own.id.0];
                module.load().map_err(|error| error.in_file(&module.name))
            })?;
            let opened = cores.try_map(objects.iter().zip(&bytes), |(own, bytes)| {
                let module = &modules[own.id.0];
                let opened = Opened::read(self.survey, moves, own, module, bytes);
                opened.map_err(|error| error.in_file(&module.name))
            })?;
            let mut emptied = Vec::with_capacity(opened.len());
            // One after the other: what an object refers to may be an entry of any other.
            for mut opened in opened {
                let module = &modules[opened.source.id.0];
                let taken = self.take(moves, &mut opened);
                taken.map_err(|error| error.in_file(&module.name))?;
                module.release();
                emptied.push(opened.emptied());
            }
            let made = cores.try_map(emptied, |emptied| {
                let module = &modules[emptied.id.0];
                emptied.bytes().map_err(|error| error.in_file(&module.name))
            })?;
            for (own, made) in objects.iter().zip(made) {
                edited(own.id, made)?;
            }
        }
        Ok(())
    }

    /// Takes the entries out of an object, and what goes along with them.
    fn take(&mut self, moves: &Moves, opened: &mut Opened<'_, '_, 'a>) -> Result<()> {
        let Opened {
            object,
            source,
            entries,
        } = opened;
        source.is_kept_alive = self.plan.kept_alive.contains(&source.id);
        for (id, entry) in entries.iter() {
            match moves.destination(*id) {
                Destination::At(section, offset) => {
                    self.place(object, source, (*id, entry), (section as usize, offset))?;
                }
                Destination::Copy => self.keep_defined(object, source, entry),
                Destination::Node => self.drop_node(object, source, entry)?,
                Destination::None | Destination::Discarded => {}
            }
        }
        // Only now, when all moved symbols of the object are known: entries may point to each other.
        for (id, entry) in entries.iter() {
            if let Destination::At(section, offset) = moves.destination(*id)
                && let Some(segment) = self.arrays[section as usize].segment
            {
                self.relocate(object, source, entry, offset, segment)?;
            }
        }
        self.relocate_along(object, source)
    }
}
