//! The log (`WASM_SECTION_LD_LOG`) of what the linker did and why.

use crate::args::from_bytes;
use crate::backend::Backend;
use crate::demangle;
use crate::error::{Error, Result, os_message};
use crate::input::Modules;
use crate::names;
use crate::plan::{
    Item, Plan, PlannedSection, crate_of, describe_entry, items, items_within, stride,
};
use crate::survey::Survey;
use crate::terminal::say;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{MAIN_SEPARATOR, Path};
use std::time::{Duration, Instant};

/// The environment variable.
pub const VARIABLE: &str = "WASM_SECTION_LD_LOG";

/// The settings of the log: `info`, `debug`, `time` and a path, separated by commas. With a path, it goes to
/// that file, because Cargo hides the output of linkers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// One line for each section (`info`, `debug`).
    sections: bool,
    /// One line for each entry (`debug`).
    entries: bool,
    /// The time of each phase (`time`).
    time: bool,
    /// `None` for standard error.
    file: Option<&'static File>,
}

impl Log {
    /// Reads the settings from the environment variable.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn from_environment() -> Result<Self> {
        let settings = std::env::var_os(VARIABLE).unwrap_or_default();
        let mut log = Self::default();
        for setting in settings.as_encoded_bytes().split(|&byte| byte == b',') {
            log.entries |= setting == b"debug";
            log.sections |= setting == b"debug" || setting == b"info";
            log.time |= setting == b"time";
            if is_path(setting) {
                log.file = Some(open(Path::new(&from_bytes(setting)))?);
            }
        }
        if log.file.is_some() && !log.sections && !log.time {
            (log.sections, log.entries) = (true, true);
        }
        Ok(log)
    }

    /// Writes the output path of this link to the log file, which may contain logs of many links.
    pub fn begin(self, output: &Path) {
        if self.file.is_some() {
            self.say(&format!("link of {}", output.display()));
        }
    }

    fn say(self, line: &str) {
        match self.file {
            None => say(line),
            // One write per line, because other links may log there too. A full disk does not fail the link.
            Some(mut file) => {
                _ = file.write_all(format!("{}\n", names::shown(line)).as_bytes());
            }
        }
    }

    /// Logs the gathered sections, the sections that the backend handles, and the backend.
    ///
    /// # Errors
    /// An object with malformed relocations.
    pub fn log_plan(
        self,
        backend: &Backend,
        survey: &Survey<'_>,
        plan: &Plan,
        modules: &Modules<'_>,
    ) -> Result<()> {
        if !self.sections {
            return Ok(());
        }
        for section in plan.sections.iter().filter(|section| !section.is_empty()) {
            self.section(survey, section, modules)?;
        }
        for section in &plan.left_to_backend {
            self.say(&format!(
                "{section}: left to the linker, because all its entries are data segments of that name; \
                 use --gather={section} to gather it"
            ));
        }
        for name in survey.kept_names() {
            self.say(&format!("{name}: a custom section, kept by --section-keep"));
        }
        for stand_in in plan.kept.stand_ins.iter().filter(|_| self.entries) {
            let object = &modules[stand_in.object].name;
            self.say(&format!("  custom sections alone of {object}"));
        }
        for &object in plan.kept.promoted.iter().filter(|_| self.entries) {
            let object = &modules[object].name;
            self.say(&format!(
                "  all of {object}: its custom sections have relocations"
            ));
        }
        if plan.is_empty() {
            self.say("nothing to gather: the linker gets the original arguments");
        }
        self.say(&format!("the linker is {}", backend.path.display()));
        Ok(())
    }

    fn section(
        self,
        survey: &Survey<'_>,
        section: &PlannedSection,
        modules: &Modules<'_>,
    ) -> Result<()> {
        let items = items(survey, modules, section)?;
        for (name, range) in &section.arrays {
            let items = items_within(&items, range);
            let from = origins(survey, modules, items);
            self.say(&format!("{name}: {}{from}", extent(items)));
            for item in items.iter().filter(|_| self.entries) {
                let entry = &survey[item.entry];
                let what = match item.marked_name(survey) {
                    Some(name) => format!("`{}`", demangle::shown_short(name)),
                    None => describe_entry(survey, item.entry),
                };
                let (offset, size) = (item.offset - range.start, item.size);
                let object = &modules[entry.object].name;
                self.say(&format!("  {offset:>8} +{size:<6} {what} in {object}"));
            }
        }
        Ok(())
    }

    /// Starts a clock.
    pub fn clock(self) -> Clock {
        Clock {
            log: self,
            phases: self.time.then(Vec::new),
            last: Instant::now(),
        }
    }
}

/// Whether a setting is a path, not a keyword.
fn is_path(setting: &[u8]) -> bool {
    let contains = |byte: u8| setting.contains(&byte);
    contains(b'/') || contains(b'.') || contains(MAIN_SEPARATOR as u8)
}

/// Opens a file for appending.
fn open(path: &Path) -> Result<&'static File> {
    let file = File::options().append(true).create(true).open(path);
    let file = file.map_err(|error| {
        let (path, reason) = (path.display(), os_message(&error));
        Error::new(format!("{VARIABLE}: cannot write to {path}: {reason}"))
            .note("use the absolute path of a file in an existing directory")
    })?;
    Ok(Box::leak(Box::new(file)))
}

/// Times the phases of a link.
#[derive(Debug)]
pub struct Clock {
    log: Log,
    phases: Option<Vec<(&'static str, Duration)>>,
    last: Instant,
}

impl Clock {
    /// Records the end of a phase.
    pub fn end_of(&mut self, phase: &'static str) {
        if let Some(phases) = &mut self.phases {
            let now = Instant::now();
            phases.push((phase, now - self.last));
            self.last = now;
        }
    }

    /// Logs the times, in milliseconds.
    pub fn report(&self) {
        let Some(phases) = &self.phases else {
            return;
        };
        let all = ("all", phases.iter().map(|(_, time)| *time).sum());
        for (phase, time) in phases.iter().chain([&all]) {
            self.log
                .say(&format!("{:>9.3} ms  {phase}", time.as_secs_f64() * 1e3));
        }
    }
}

/// The number and size of entries, such as `14 entries of 12 bytes`.
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
    format!("{count} of {all} bytes in total")
}

/// The origins of entries, such as ` from 6 crates and 1 object`.
fn origins(survey: &Survey<'_>, modules: &Modules<'_>, items: &[Item]) -> String {
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
