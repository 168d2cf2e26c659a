//! Policy applied: which sections are gathered, which of their entries, in which order and where.

mod alignment;
mod array;
mod body;
mod checks;
mod contiguity;
mod evaluate;
mod gatherer;
mod identical;
mod image;
mod items;
mod kept_sections;
mod layout;
mod liveness;
mod output;
mod output_section;
mod plain_link;
mod preserved;
mod resolve;
mod rewrites;
mod selection;
mod symbol_tables;
#[cfg(test)]
mod testing;
mod undeclared;

pub use evaluate::Value;
pub use items::{Item, crate_of, items, items_within, stride};
pub use kept_sections::{Kept, KeptHere, StandIn, promoted};
pub use output::{DataItem, Fill, Placed, Plan, PlannedSection, SymbolDefinition, describe_entry};
pub use plain_link::Reference;
pub use preserved::preserved_symbols;
pub use resolve::{Resolution, Resolver, Winner};
pub use rewrites::{Disposition, ObjectRewrite, Rewrites};
pub use undeclared::{Undeclared, undeclared};

use crate::error::Result;
use crate::input::{Inputs, Modules};
use crate::script::Script;
use crate::survey::{Role, Survey};
use alignment::Alignments;
use gatherer::{Conditions, Gatherers};
use layout::Layout;
use resolve::EntryResolution;
use selection::Selection;

/// Plans the arrays: selects entries by the script, and lays them out.
///
/// # Errors
/// A section larger than 4 GiB, and errors in the script.
pub fn plan(
    survey: &Survey<'_>,
    inputs: &Inputs<'_>,
    script: &Script,
    Resolved {
        resolution,
        gatherers,
    }: &Resolved,
) -> Result<Plan> {
    let left = &gatherers.left_to_backend;
    let selected = |resolved| {
        let ids = survey.ids();
        ids.filter(|id| {
            resolution.entries[id.position()] == resolved && !left.contains(&survey[*id].section)
        })
        .collect::<Vec<_>>()
    };
    let comdat_duplicates = selected(EntryResolution::ComdatDuplicate);
    let entries = selected(EntryResolution::Selected).into_iter();
    let (nodes, entries): (_, Vec<_>) = entries.partition(|id| survey[*id].role == Role::Node);
    let modules = &inputs.modules;
    let alignments = Alignments::of(survey, &entries);
    let selection = Selection::of(survey, modules, &alignments, entries, script)?;
    let layout = Layout::of(survey, modules, &alignments, script, selection)?;
    checks::check(survey, modules, script, &layout)?;
    let left = left.iter().map(|section| survey.section_name(*section));
    Ok(Plan {
        sections: layout.image.sections,
        comdat_duplicates,
        nodes,
        discarded: layout.discarded,
        left_to_backend: left.map(str::to_owned).collect(),
        winners: resolution.winners.clone(),
        kept_alive: resolution.kept_alive.clone(),
        extracted_by_command_line: resolution.extracted_by_command_line.clone(),
        kept: Kept::of(survey, modules),
        warnings: layout.warnings,
    })
}

/// The resolution of the entries, and who gathers each section.
#[derive(Debug, Default, PartialEq)]
pub struct Resolved {
    resolution: Resolution,
    gatherers: Gatherers,
}

impl Resolved {
    /// Tells whether this linker gathers a section of a name, which may have entries in bitcode alone.
    pub fn gathers<'s>(&self, survey: &'s Survey<'_>) -> impl Fn(&str) -> bool + use<'s> {
        self.gatherers.gathers(survey)
    }
}

/// Resolves the entries, and decides who gathers each section. `references` are those of the synthesized object.
/// `retains` says whether the backend honours `WASM_SEG_FLAG_RETAIN`.
pub fn resolve(
    resolver: &Resolver<'_>,
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    references: &[Reference],
    retains: impl Fn() -> bool,
) -> Resolved {
    let resolution = resolver.resolve(modules, references);
    let conditions = Conditions {
        is_position_independent: resolver.is_position_independent(),
        retains: &retains,
    };
    let gatherers = Gatherers::of(survey, modules, &resolution, &conditions);
    Resolved {
        resolution,
        gatherers,
    }
}
