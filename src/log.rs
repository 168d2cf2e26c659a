//! What the linker did and why, on standard error, if `WASM_SECTION_LD_LOG` asks.

use crate::backend::Backend;
use crate::input::{Module, ObjectId};
use crate::plan::{Plan, PlannedSection, describe_entry, object_count};
use crate::survey::Survey;
use std::collections::BTreeSet;
use std::io::Write;

/// The environment variable that asks.
pub const VARIABLE: &str = "WASM_SECTION_LD_LOG";

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Quiet,
    /// One line a section (`info`).
    Info,
    /// Each entry too, and each object that is linked because it has entries (`debug`).
    Debug,
}

impl Level {
    /// What the environment asks for.
    pub fn from_environment() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Ok("info") => Level::Info,
            Ok("debug") => Level::Debug,
            _ => Level::Quiet,
        }
    }
}

/// Says a line on standard error. Who closed it does not want to know.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says what was decided: what is gathered, what is left to the backend and why, and which backend
/// it is.
pub fn decided(
    level: Level,
    backend: &Backend,
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &[Module<'_>],
) {
    if level < Level::Info {
        return;
    }
    for section in plan.sections.iter().filter(|section| !section.is_empty()) {
        say_section(level, survey, section, modules);
    }
    for section in &plan.left {
        say(&format!(
            "{section}: left to the linker, as all its entries are data segments of that name; \
             --gather={section} gathers it"
        ));
    }
    if plan.is_empty() {
        say("nothing to gather: the linker is run as we were called");
    } else if level >= Level::Debug {
        let entries = plan.leaving().map(|id| &survey.entries[id.0]);
        let objects: BTreeSet<ObjectId> = entries.map(|entry| entry.object).collect();
        for id in objects.iter().filter(|id| !modules[id.0].always_linked()) {
            let name = &modules[id.0].name;
            say(&format!("linked because it has entries: {name}"));
        }
    }
    say(&format!("the linker is {}", backend.path.display()));
}

fn say_section(
    level: Level,
    survey: &Survey<'_>,
    section: &PlannedSection,
    modules: &[Module<'_>],
) {
    let entries = section.entries.len();
    let objects = object_count(survey, section);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    say(&format!(
        "{}: {entries} input{} of {} bytes in all from {objects} object{}",
        section.name,
        plural(entries),
        section.size,
        plural(objects),
    ));
    for placed in section.entries.iter().filter(|_| level >= Level::Debug) {
        let entry = &survey.entries[placed.entry.0];
        say(&format!(
            "  {:>8} +{:<6} {} in {}",
            placed.offset,
            entry.data.len(),
            describe_entry(survey, entry),
            modules[entry.object.0].name
        ));
    }
}
