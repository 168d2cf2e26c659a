//! What the linker did and why, on standard error, if `WASM_SECTION_LD_LOG` asks.

use crate::backend::Backend;
use crate::demangle;
use crate::error::Result;
use crate::input::Module;
use crate::plan::{
    Item, Plan, PlannedSection, crate_of, describe_entry, items, items_within, stride,
};
use crate::survey::Survey;
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

/// The environment variable that asks.
pub const VARIABLE: &str = "WASM_SECTION_LD_LOG";

/// What is said: `info`, `debug` and `time`, with commas between them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// One line a section (`info`, `debug`).
    sections: bool,
    /// Each entry too (`debug`).
    entries: bool,
    /// How long each phase took (`time`).
    time: bool,
}

impl Log {
    /// What the environment asks for.
    pub fn from_environment() -> Self {
        let mut log = Self::default();
        for word in std::env::var(VARIABLE).unwrap_or_default().split(',') {
            log.entries |= word == "debug";
            log.sections |= word == "debug" || word == "info";
            log.time |= word == "time";
        }
        log
    }

    /// Says what was decided: what is gathered, what is left to the backend and why, and which
    /// backend it is.
    ///
    /// # Errors
    /// Relocations of an object that are not right.
    pub fn decided(
        self,
        backend: &Backend,
        survey: &Survey<'_>,
        plan: &Plan,
        modules: &[Module<'_>],
    ) -> Result<()> {
        if !self.sections {
            return Ok(());
        }
        for section in plan.sections.iter().filter(|section| !section.is_empty()) {
            self.section(survey, section, modules)?;
        }
        for section in &plan.left {
            say(&format!(
                "{section}: left to the linker, as all its entries are data segments of that name; \
                 --gather={section} gathers it"
            ));
        }
        if plan.is_empty() {
            say("nothing to gather: the linker is run as we were called");
        }
        say(&format!("the linker is {}", backend.path.display()));
        Ok(())
    }

    fn section(
        self,
        survey: &Survey<'_>,
        section: &PlannedSection,
        modules: &[Module<'_>],
    ) -> Result<()> {
        let items = items(survey, modules, section)?;
        for (name, range) in &section.arrays {
            let items = items_within(&items, range);
            let from = origins(survey, modules, items);
            say(&format!("{name}: {}{from}", extent(items)));
            for item in items.iter().filter(|_| self.entries) {
                let entry = &survey[item.entry];
                let what = match item.marked_name(survey) {
                    Some(name) => format!("`{}`", demangle::shown_short(name)),
                    None => describe_entry(survey, item.entry),
                };
                let (offset, size) = (item.offset - range.start, item.size);
                let object = &modules[entry.object.0].name;
                say(&format!("  {offset:>8} +{size:<6} {what} in {object}"));
            }
        }
        Ok(())
    }

    /// Begins to take the time, if that is asked for.
    pub fn clock(self) -> Clock {
        Clock {
            phases: self.time.then(Vec::new),
            last: Instant::now(),
        }
    }
}

/// Says a line on standard error. Who closed it does not want to know.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How long each phase of a link took.
#[derive(Debug)]
pub struct Clock {
    phases: Option<Vec<(&'static str, Duration)>>,
    last: Instant,
}

impl Clock {
    /// A phase has ended.
    pub fn end_of(&mut self, phase: &'static str) {
        if let Some(phases) = &mut self.phases {
            let now = Instant::now();
            phases.push((phase, now - self.last));
            self.last = now;
        }
    }

    /// Says how long the phases took, in milliseconds.
    pub fn report(&self) {
        let Some(phases) = &self.phases else {
            return;
        };
        let all = ("all", phases.iter().map(|(_, time)| *time).sum());
        for (phase, time) in phases.iter().chain([&all]) {
            say(&format!("{:>9.3} ms  {phase}", time.as_secs_f64() * 1e3));
        }
    }
}

/// `14 entries of 12 bytes`.
fn extent(items: &[Item]) -> String {
    let count = counted(items.len(), "entry", "entries");
    if items.is_empty() {
        return count;
    }
    let first = items.first().map_or(0, |item| item.size);
    if stride(items) == Some(first) {
        return format!("{count} of {}", counted(first as usize, "byte", "bytes"));
    }
    let all: u64 = items.iter().map(|item| u64::from(item.size)).sum();
    format!("{count} of {all} bytes in all")
}

/// ` from 6 crates and 1 object`.
fn origins(survey: &Survey<'_>, modules: &[Module<'_>], items: &[Item]) -> String {
    let mut crates = BTreeSet::new();
    let mut objects = BTreeSet::new();
    for item in items {
        match crate_of(survey, modules, item) {
            Some(krate) => _ = crates.insert(krate),
            None => _ = objects.insert(survey[item.entry].object),
        }
    }
    let counts = [
        (crates.len(), "crate", "crates"),
        (objects.len(), "object", "objects"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let counts: Vec<_> = counts.map(|(n, one, more)| counted(n, one, more)).collect();
    match counts.is_empty() {
        true => String::new(),
        false => format!(" from {}", counts.join(" and ")),
    }
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
