//! The pure core: from the objects of a link to the objects that take their place. It runs no process, and
//! reads neither files nor the environment.

pub mod stubs;

use crate::args::{CommandLine, Id};
use crate::error::{Error, Result};
use crate::hoist::{self, Base, Hoisted, Output, Sink};
use crate::input::{Inputs, ObjectId};
use crate::plan::{self, Plan, Reference, Resolved, Resolver, Rewrites};
use crate::script::Script;
use crate::survey::{self, Survey, WithEntries};
use std::fmt;

/// How a link gathers.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The arguments of the link, without the program's name. Inputs that it names are not opened.
    pub line: &'a CommandLine,
    /// The linker script in force.
    pub script: &'a Script,
    /// Whether the module gets a manifest of its arrays (`--section-manifest`).
    pub manifest: bool,
    /// Whether the linker that follows keeps segments with `WASM_SEG_FLAG_RETAIN`, as `wasm-ld` does from
    /// LLVM 19 on. Called only where that decides who gathers a section.
    pub retains: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("Options");
        options
            .field("line", &self.line)
            .field("manifest", &self.manifest);
        options.finish_non_exhaustive()
    }
}

impl Options<'_> {
    /// The properties of the output.
    pub fn output(&self) -> Output {
        let shows_symbols = [Id::Map, Id::PrintMap, Id::TraceSymbol];
        Output {
            base: match self.line.is_position_independent() {
                true => Base::MemoryBase,
                false => Base::Zero,
            },
            symbols: shows_symbols.into_iter().any(|id| self.line.has(id)),
            manifest: self.manifest,
        }
    }
}

/// The result of gathering.
#[derive(Debug)]
pub struct Gathered<'a> {
    /// The arrays, and where each entry is in them.
    pub plan: Plan,
    /// Objects with the custom sections of `--section-keep`, each to be linked unconditionally just before the
    /// object with this id or, for a member, before its archive.
    pub stand_ins: Vec<(ObjectId, Vec<u8>)>,
    /// The objects to link after all others; none if there is nothing to gather.
    pub hoisted: Option<Hoisted<'a>>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Gathers the entries of the link sections among `inputs`. Each object that entries leave is handed to
/// `sink`, in link order, and takes the place of the original. Inputs with `--section-keep` must be [`promoted`]
/// first.
///
/// # Errors
/// A malformed object, an invalid mark or script, the errors of `sink`, and bitcode with entries, which has to be
/// compiled first.
pub fn gather<'a>(
    inputs: &Inputs<'a>,
    options: &Options<'_>,
    sink: &mut impl Sink,
) -> Result<Gathered<'a>> {
    let survey = survey(inputs, options)?;
    if let Some(first) = bitcode_with_entries(&survey, inputs, options).first() {
        let error =
            Error::new("this LLVM bitcode has entries of link sections, and is not compiled");
        return Err(error
            .note("compile it first, by the linker's link-time optimization")
            .in_file(&inputs.bitcode[first.position].name));
    }
    let plan = plan(&survey, inputs, options)?;
    let warnings = [&inputs.warnings, &survey.warnings, &plan.warnings];
    let warnings = warnings.into_iter().flatten().cloned().collect();
    let hoisted = match plan.is_empty() {
        true => None,
        false => {
            let rewrites = Rewrites::of(&survey, &plan);
            let (modules, output) = (&inputs.modules, options.output());
            let hoisted = hoist::hoist(&survey, &plan, &rewrites, modules, output, sink)?;
            plan.gathers().then_some(hoisted)
        }
    };
    let stand_ins = plan.kept.stand_ins.iter();
    let stand_ins = stand_ins
        .map(|one| hoist::stand_in(&inputs.modules, one).map(|bytes| (one.object, bytes)))
        .collect::<Result<_>>()?;
    Ok(Gathered {
        plan,
        stand_ins,
        hoisted,
        warnings,
    })
}

/// Finds what there is to gather.
///
/// # Errors
/// A malformed object, and an invalid mark.
pub fn survey<'a>(inputs: &Inputs<'a>, options: &Options<'_>) -> Result<Survey<'a>> {
    survey::survey(options.line, options.script, inputs)
}

/// The inputs, with the lazy objects promoted that a custom section of `--section-keep` is tied to.
///
/// # Errors
/// A malformed object.
pub fn promoted<'a>(mut inputs: Inputs<'a>, line: &CommandLine) -> Result<Inputs<'a>> {
    if line.has(Id::Keep) {
        let promoted = plan::promoted(&inputs, line)?;
        inputs.promote(promoted);
    }
    Ok(inputs)
}

/// The bitcode that has to be compiled before its entries can be gathered.
pub fn bitcode_with_entries(
    survey: &Survey<'_>,
    inputs: &Inputs<'_>,
    options: &Options<'_>,
) -> Vec<WithEntries> {
    if inputs.bitcode.is_empty() || inputs.is_compiled() {
        return Vec::new();
    }
    let resolver = Resolver::new(survey, inputs, options.line);
    let resolved = resolve(&resolver, survey, inputs, options, &[]);
    survey.bitcode_with_entries(resolved.gathers(survey))
}

/// Plans the arrays. What entries refer to may extract archive members that define the names of entries: then
/// the entries are resolved again with these references, until that changes nothing.
///
/// # Errors
/// A section that cannot be laid out, and a script that cannot be executed.
pub fn plan(survey: &Survey<'_>, inputs: &Inputs<'_>, options: &Options<'_>) -> Result<Plan> {
    let resolver = Resolver::new(survey, inputs, options.line);
    let plan_of = |resolved: &Resolved| plan::plan(survey, inputs, options.script, resolved);
    let mut resolved = resolve(&resolver, survey, inputs, options, &[]);
    let depends_on_references = resolver.depends_on_references();
    let mut before = Vec::new();
    loop {
        let plan = plan_of(&resolved)?;
        if !depends_on_references || plan.is_empty() {
            return Ok(plan);
        }
        let references = hoist::references(survey, &plan, &inputs.modules, options.output())?;
        let next = resolve(&resolver, survey, inputs, options, &references);
        if next == resolved {
            return Ok(plan);
        }
        before.push(std::mem::replace(&mut resolved, next));
        // An entry that extracts its own second definition: the backend reports both.
        if before.contains(&resolved) {
            return plan_of(&before[0]);
        }
    }
}

fn resolve(
    resolver: &Resolver<'_>,
    survey: &Survey<'_>,
    inputs: &Inputs<'_>,
    options: &Options<'_>,
    references: &[Reference],
) -> Resolved {
    plan::resolve(
        resolver,
        survey,
        &inputs.modules,
        references,
        options.retains,
    )
}
