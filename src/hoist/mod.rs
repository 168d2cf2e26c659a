//! The plan made into objects: the entries of each gathered section become one data segment of one
//! synthesized object, and the objects that they came from are rewritten without them.
//!
//! Nothing in the synthesized object is a root of the linker's garbage collection. An array that no live
//! code reaches is removed, and what only its entries refer to is removed with it.

mod arrays;
mod entry_symbols;
mod follow;
mod manifest;
mod names;
mod output;
mod pools;
mod private_data;
mod relocate;
mod requests;
mod rewrite;
mod stand_in;
mod symbols;
mod synthesize;

pub use names::UNIQUE;
pub use output::{Base, Output};
pub use stand_in::stand_in;
pub use symbols::Global;

use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Module, Modules, ObjectId};
use crate::plan::{ObjectRewrite, Plan, Reference, Rewrites};
use crate::survey::{Survey, read_again};
use crate::wasm::{Builder, Synthesized};
use rewrite::{Removed, Rewrite};
use synthesize::Synthesis;

/// Receives the rewritten objects, one at a time and in link order, so that not all of them are in memory
/// at once.
pub trait Sink {
    /// Takes the bytes of a rewritten object.
    ///
    /// # Errors
    /// They cannot be stored. Hoisting ends with this error.
    fn rewritten(&mut self, object: ObjectId, bytes: Vec<u8>) -> Result<()>;
}

/// Keeps the objects in memory.
impl Sink for Vec<(ObjectId, Vec<u8>)> {
    fn rewritten(&mut self, object: ObjectId, bytes: Vec<u8>) -> Result<()> {
        self.push((object, bytes));
        Ok(())
    }
}

/// A [`Sink`] that drops the objects.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Sink for Discard {
    fn rewritten(&mut self, _: ObjectId, _: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// What the backend gets besides the rewritten objects.
#[derive(Debug)]
pub struct Hoisted<'a> {
    /// The synthesized object. It is linked last.
    pub object: Synthesized<'a>,
    /// An object to be linked just before it, with references to the names that the command line refers to
    /// after all files. Without it, the references of entries would come first.
    pub requests: Option<Synthesized<'static>>,
    /// The global symbols of the synthesized object, by name.
    pub globals: HashMap<String, Global>,
}

/// Makes the objects: the rewritten ones, which `sink` receives, and the synthesized one.
///
/// # Errors
/// A relocation that has no meaning in memory, objects of different address sizes, an input that has
/// changed since the survey, and the errors of `sink`.
pub fn hoist<'s, 'a>(
    survey: &'s Survey<'s>,
    plan: &'s Plan,
    rewrites: &Rewrites,
    modules: &Modules<'a>,
    output: Output,
    sink: &mut impl Sink,
) -> Result<Hoisted<'a>> {
    let memory64 = address_size(survey, plan, modules)?;
    let table64 = survey.objects.values().any(|object| object.table64);
    let builder = Builder::new(memory64, table64);
    let mut synthesis = Synthesis::new(survey, plan, output, builder);
    rewrite_objects(&mut synthesis, survey, plan, rewrites, modules, sink)?;
    synthesis.finish(modules)?;
    if output.manifest {
        manifest::add(&mut synthesis, survey, plan, modules, output.base)?;
    }
    let object = synthesis.builder.finish();
    let has_references = object.references().next().is_some();
    // Compiled objects come last too, and have references of their own.
    let has_references = has_references || modules.iter().any(Module::is_compiled);
    let requests = match has_references && !plan.extracted_by_command_line.is_empty() {
        true => {
            let builder = Builder::new(memory64, table64);
            Some(requests::requests(
                &plan.extracted_by_command_line,
                modules,
                builder,
            )?)
        }
        false => None,
    };
    Ok(Hoisted {
        object,
        requests,
        globals: synthesis.symbols.into_globals(),
    })
}

/// The references by which the synthesized object of a plan extracts archive members, in order.
///
/// # Errors
/// Those of [`hoist`].
pub fn references(
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &Modules<'_>,
    output: Output,
) -> Result<Vec<Reference>> {
    let rewrites = Rewrites::of(survey, plan);
    let hoisted = hoist(survey, plan, &rewrites, modules, output, &mut Discard)?;
    let reference = |name: &str| {
        let global = hoisted.globals.get(name).filter(|global| global.is_alias);
        Reference {
            name: name.to_owned(),
            alias_in: global.and_then(|global| global.origin),
        }
    };
    Ok(hoisted.object.references().map(reference).collect())
}

/// Whether addresses have 64 bits.
///
/// # Errors
/// Objects that have entries do not agree.
fn address_size(survey: &Survey<'_>, plan: &Plan, modules: &Modules<'_>) -> Result<bool> {
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
                .note(format!("{} is {}", modules[other].name, bits(size)))
                .note("build all inputs for one target")
                .in_file(&modules[id].name));
            }
            Some(_) => {}
        }
    }
    Ok(first.is_some_and(|(_, memory64)| memory64))
}

/// Moves the entries out of all objects, and hands each rewritten object to `sink`. One object is in memory at a time.
fn rewrite_objects<'a>(
    synthesis: &mut Synthesis<'_, 'a>,
    survey: &Survey<'_>,
    plan: &Plan,
    rewrites: &Rewrites,
    modules: &Modules<'a>,
    sink: &mut impl Sink,
) -> Result<()> {
    for one in rewrites.objects() {
        let module = &modules[one.object];
        let rewritten = rewrite(synthesis, survey, plan, rewrites, one, module);
        sink.rewritten(
            one.object,
            rewritten.map_err(|error| error.in_file(&module.name))?,
        )?;
    }
    Ok(())
}

/// Moves the entries out of an object. Returns the rewritten one.
fn rewrite<'a>(
    synthesis: &mut Synthesis<'_, 'a>,
    survey: &Survey<'_>,
    plan: &Plan,
    rewrites: &Rewrites,
    one: &ObjectRewrite,
    module: &Module<'a>,
) -> Result<Vec<u8>> {
    let id = one.object;
    let bytes = module.object_bytes();
    let removed = Removed::of(survey, rewrites, one);
    let object = read_again(&bytes, removed.iter().map(|removed| removed.entry))?;
    module.release();
    let only_section = rewrites.only_section(one);
    let mut rewrite = Rewrite::new(id, &object, &removed, only_section, plan.kept.here(id))?;
    module.release();
    synthesis.move_entries(&mut rewrite, &removed)?;
    module.release();
    let edits = rewrite.edits(plan.kept_alive.contains(&id));
    edits.apply(&object)
}
