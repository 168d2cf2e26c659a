//! `why`: explains why a symbol is in an array: its origin, what decides its position, and what it refers to. If
//! it is in none, what else the module has of that name.

use super::diff::with_manifest;
use super::module::Module;
use super::open::File;
use super::pointers::{PointerReport, demangled};
use super::report::{EntryReport, Report, SectionReport, Source};
use super::{Answer, BAD, BOLD, GOOD, Show};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use wasm_section_ld::error::Result;

/// How many symbols are suggested.
const MAX_SUGGESTIONS: usize = 5;

/// What is known about a symbol.
#[derive(Debug, Serialize)]
pub struct Reason {
    symbol: String,
    /// The entries of that name.
    entries: Vec<Found>,
    /// The entries that refer to it.
    pointed_to_by: Vec<Found>,
    /// The functions of that name.
    functions: Vec<String>,
    /// The entries with a similar name.
    similar: Vec<String>,
    /// The sections that were not gathered. Their entries are not known.
    not_gathered: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Found {
    section: String,
    /// The title of the section.
    title: String,
    /// How many entries the section has.
    of: usize,
    collected: bool,
    /// What decided its position.
    order: String,
    entry: EntryReport,
}

/// Searches for a symbol.
///
/// # Errors
/// The module cannot be read, or has no manifest.
pub fn why(path: &Path, symbol: &str) -> Result<Answer<Reason>> {
    let report = with_manifest(path)?;
    let in_full = |name: &str| name == symbol;
    let in_part = |name: &str| name.contains(symbol);
    let mut entries = entries_named(&report, in_full);
    if entries.is_empty() {
        entries = entries_named(&report, in_part);
    }
    let pointed_to_by = found(&report, |entry| refer_to(&entry.pointers, &in_part));
    let not_gathered = report
        .sections()
        .filter(|section| section.source != Source::Manifest);
    let reason = Reason {
        symbol: symbol.to_owned(),
        functions: functions(path, in_part)?,
        similar: similar(&report, symbol),
        not_gathered: not_gathered.map(|section| section.name.clone()).collect(),
        entries,
        pointed_to_by,
    };
    let live = |found: &Found| !found.collected;
    Ok(Answer {
        good: reason.entries.iter().chain(&reason.pointed_to_by).any(live),
        shown: reason,
    })
}

fn entries_named(report: &Report, is_it: impl Fn(&str) -> bool) -> Vec<Found> {
    let named = |entry: &EntryReport| {
        let title = &entry.title;
        let names = [
            entry.symbol.as_deref(),
            entry.mangled.as_deref(),
            Some(title),
        ];
        names.into_iter().flatten().any(&is_it)
    };
    found(report, |entry| entry.symbol.is_some() && named(entry))
}

fn found(report: &Report, is_it: impl Fn(&EntryReport) -> bool) -> Vec<Found> {
    let sections = report.sections();
    let all = sections.flat_map(|section| {
        let entries = section.entries.iter().filter(|entry| is_it(entry));
        entries.map(move |entry| Found {
            section: section.name.clone(),
            title: section.title.clone(),
            of: section.entries.len(),
            collected: section.collected,
            order: order(section, entry),
            entry: entry.clone(),
        })
    });
    all.collect()
}

/// What decided the position of an entry, as far as keys show it. A script may have decided otherwise.
fn order(section: &SectionReport, entry: &EntryReport) -> String {
    let keys = section
        .entries
        .iter()
        .filter_map(|entry| entry.key.as_deref());
    let keys: BTreeSet<&str> = keys.collect();
    match &entry.key {
        Some(key) => format!("by its key `{key}`, unless a script sets another order"),
        None if keys.is_empty() => {
            "link order, as no entry has a key, unless a script sets another order".to_owned()
        }
        None => "before the entries with a key, as it has none, unless a script sets another order"
            .to_owned(),
    }
}

/// Whether pointers refer to a symbol of that name, directly or through other data.
fn refer_to(pointers: &[PointerReport], is_it: &impl Fn(&str) -> bool) -> bool {
    pointers.iter().any(|pointer| {
        let within = pointer
            .closure
            .as_ref()
            .and_then(|closure| closure.within.as_ref());
        let names = [pointer.target.as_ref(), pointer.function.as_ref(), within];
        let data = pointer.data.as_ref();
        names.into_iter().flatten().any(|name| is_it(name))
            || data.is_some_and(|data| refer_to(&data.pointers, is_it))
    })
}

/// The functions of that name.
fn functions(path: &Path, is_it: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let file = File::open(path)?;
    let mut found = BTreeSet::new();
    for core in file.modules() {
        let module = Module::read(core).map_err(|error| error.in_file(path.display()))?;
        let names = module.function_names().map(demangled);
        found.extend(names.filter(|name| is_it(name)));
    }
    Ok(found.into_iter().take(MAX_SUGGESTIONS).collect())
}

/// Entries whose names contain the last component of the symbol, in upper or lower case.
fn similar(report: &Report, symbol: &str) -> Vec<String> {
    let last = symbol.rsplit("::").next().unwrap_or(symbol).to_lowercase();
    let entries = report.sections().flat_map(|section| &section.entries);
    let alike = |entry: &EntryReport| {
        let title = &entry.title;
        (!last.is_empty() && title.to_lowercase().contains(&last)).then(|| title.clone())
    };
    let all: BTreeSet<_> = entries.filter_map(alike).collect();
    all.into_iter().take(MAX_SUGGESTIONS).collect()
}

impl Show for Reason {
    fn text(&self) -> String {
        let mut text = String::new();
        for found in &self.entries {
            let title = &found.entry.title;
            let _ = writeln!(text, "{BOLD}{title}{BOLD:#} is {}", position(found));
            text += &details(found);
        }
        if !self.entries.is_empty() {
            return text;
        }
        for found in &self.pointed_to_by {
            let _ = writeln!(
                text,
                "`{}` is not an entry, but {BOLD}{}{BOLD:#} refers to it, {}",
                self.symbol,
                found.entry.title,
                position(found)
            );
            text += &details(found);
        }
        if self.pointed_to_by.is_empty() {
            text += &self.absent();
        }
        text
    }
}

/// Indices count from 0, as in a program and in all other output.
fn position(found: &Found) -> String {
    let (section, title) = (&found.section, &found.title);
    let entries = match found.of {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let place = format!("at index {} of {title} ({entries})", found.entry.index);
    if found.collected {
        format!(
            "{place}, {BAD}which was garbage-collected{BAD:#}: nothing live refers to __start_{section} or \
             __stop_{section}"
        )
    } else {
        format!("{GOOD}{place}{GOOD:#}")
    }
}

fn details(found: &Found) -> String {
    let entry = &found.entry;
    let mut text = String::new();
    let mut line = |title: &str, value: &str| {
        let _ = writeln!(text, "  {title:<9} {value}");
    };
    if let Some(address) = entry.address {
        line("where", &format!("{address:#x}, {} bytes", entry.size));
    }
    let from = match &entry.krate {
        Some(krate) => format!("crate {krate}, {}", entry.input()),
        None => entry.input(),
    };
    line("from", &from);
    line("order", &found.order);
    for reference in &entry.references {
        line(
            "refers to",
            &format!("{} at +{}", reference.shown, reference.offset),
        );
    }
    text
}

impl Reason {
    /// Why nothing was found, as far as the module shows it.
    fn absent(&self) -> String {
        let mut text = format!("{BAD}`{}` is in no array{BAD:#}\n", self.symbol);
        let mut line = |hint: String| {
            let _ = writeln!(text, "  {hint}");
        };
        for function in &self.functions {
            line(format!(
                "{function} is a function of the module, but no entry refers to it"
            ));
        }
        for name in &self.similar {
            line(format!("did you mean {name}?"));
        }
        for section in &self.not_gathered {
            line(format!(
                "it may be in {section}, which was not gathered: link with --gather={section}"
            ));
        }
        line(
            "check that its crate or object is linked, and the spelling of its mark. \
             WASM_SECTION_LD_LOG=debug prints each entry that the linker finds. Cargo hides that output: there, \
             set WASM_SECTION_LD_LOG=/tmp/link.log and read the file."
                .to_owned(),
        );
        text
    }
}
