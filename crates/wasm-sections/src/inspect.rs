//! `inspect`: a table for each section.

use super::pointers::PointerReport;
use super::report::{EntryReport, ModuleReport, Report, SectionReport, Source};
use super::{Answer, BOLD, FAINT, Show};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;
use std::path::Path;
use wasm_section_ld::error::{Error, Result};

/// Reads a module, and only one section of it if that is asked for.
///
/// # Errors
/// The module cannot be read, or has no section of that name.
pub fn inspect(path: &Path, section: Option<&str>) -> Result<Answer<Report>> {
    let mut report = Report::of(path)?;
    if let Some(name) = section {
        let known: Vec<_> = report
            .sections()
            .map(|section| section.title.clone())
            .collect();
        for module in &mut report.modules {
            let is_it = |section: &SectionReport| section.name == name || section.title == name;
            module.sections.retain(is_it);
        }
        if report.sections().next().is_none() {
            return Err(Error::new(format!("there is no section `{name}`"))
                .note(match known.is_empty() {
                    true => "it has no link section".to_owned(),
                    false => format!("its link sections are: {}", known.join(", ")),
                })
                .in_file(path.display()));
        }
    }
    Ok(Answer {
        shown: report,
        good: true,
    })
}

impl Show for Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for module in &self.modules {
            let label = [self.file.as_str(), &module.label].join(" ");
            let _ = writeln!(text, "{BOLD}{}{BOLD:#}", label.trim_end());
            for section in &module.sections {
                text += &section_text(section, module.relative);
            }
            text += &notes(module, self.modules.len() == 1);
        }
        text += &self.note_of_manifests();
        if self.modules.is_empty() {
            let _ = writeln!(text, "{}: the component has no core module", self.file);
        }
        text
    }
}

impl Report {
    /// Which modules of a component have no manifest.
    fn note_of_manifests(&self) -> String {
        let without = self.modules.iter().filter(|module| !module.manifest);
        let without: Vec<_> = without.map(|module| module.label.as_str()).collect();
        let which = match without.len() {
            0 => return String::new(),
            _ if self.modules.len() == 1 => return String::new(),
            all if all == self.modules.len() => "any of the modules".to_owned(),
            _ => without.join(", "),
        };
        format!("\n{FAINT}There is no manifest in {which}: {GUESSED}{FAINT:#}\n")
    }
}

/// The limits of a report without a manifest.
const GUESSED: &str = "sections are known from exports and names of data segments, and what words refer to is \
    guessed. Link with --section-manifest to see the entries.";

/// Notes that explain what is shown, or why nothing is.
fn notes(module: &ModuleReport, alone: bool) -> String {
    let mut text = String::new();
    let mut note = |note: &str| {
        let _ = writeln!(text, "\n{FAINT}{note}{FAINT:#}");
    };
    if module.relative {
        note("Addresses are relative to __memory_base, and table indices to __table_base.");
    }
    if !module.manifest {
        if alone {
            note(&format!("There is no manifest: {GUESSED}"));
        }
        if module.sections.is_empty() {
            note("No section is exported, and no data segment has the name of a section.");
        }
    } else if module.sections.is_empty() {
        note("Nothing was gathered.");
    }
    text
}

fn section_text(section: &SectionReport, relative: bool) -> String {
    let mut text = format!("\n{BOLD}{}{BOLD:#}: {}", section.title, extent(section));
    match (section.start, section.stop) {
        (Some(start), Some(stop)) => {
            let base = if relative { "__memory_base + " } else { "" };
            let _ = write!(text, " at {base}{start:#x}..{stop:#x}");
        }
        _ => text += ", garbage-collected: nothing live refers to it",
    }
    text += match section.source {
        Source::Manifest => "",
        Source::Exports => ", known from its exported start and stop symbols",
        Source::SegmentName => ", not gathered: a data segment has its name",
    };
    if section.title != section.name {
        let _ = write!(text, ", {FAINT}section {}{FAINT:#}", section.name);
    }
    text.push('\n');
    if !section.entries.is_empty() {
        let _ = writeln!(text, "{}", entry_table(&section.entries).trim_fmt());
    }
    if !section.guesses.is_empty() {
        let _ = writeln!(
            text,
            "{}",
            guess_table(section.start, &section.guesses).trim_fmt()
        );
    }
    text
}

/// `14 entries of 12 bytes`.
pub fn extent(section: &SectionReport) -> String {
    if section.source != Source::Manifest {
        return format!("{} bytes", section.size);
    }
    let count = section.entries.len();
    let entries = if count == 1 { "entry" } else { "entries" };
    match (section.stride, section.entries.first()) {
        (Some(stride), Some(first)) if stride == first.size => {
            format!("{count} {entries} of {stride} bytes")
        }
        _ => format!("{count} {entries} in {} bytes", section.size),
    }
}

fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles);
    // Lines in a file or a pipe are not wrapped.
    let width = terminal_size::terminal_size().map(|(width, _)| width.0);
    match width.filter(|_| std::io::IsTerminal::is_terminal(&std::io::stdout())) {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table
}

fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn address(address: Option<u64>) -> Cell {
    right(address.map_or("-".to_owned(), |address| format!("{address:#x}")))
}

fn entry_table(entries: &[EntryReport]) -> Table {
    let keys = entries.iter().any(|entry| entry.key.is_some());
    let mut titles = vec!["#", "address", "size", "entry", "from", "refers to"];
    if keys {
        titles.insert(3, "key");
    }
    let mut table = table(&titles);
    for entry in entries {
        let references: Vec<_> = entry
            .references
            .iter()
            .map(|reference| reference.shown.as_str())
            .collect();
        let mut row = vec![
            right(entry.index),
            address(entry.address),
            right(entry.size),
            Cell::new(&entry.title),
            Cell::new(entry.origin()),
            Cell::new(references.join("\n")),
        ];
        if keys {
            row.insert(3, Cell::new(entry.key.as_deref().unwrap_or_default()));
        }
        table.add_row(row);
    }
    table
}

fn guess_table(start: Option<u64>, guesses: &[PointerReport]) -> Table {
    let mut table = table(&["address", "may refer to"]);
    for guess in guesses {
        let at = start.and_then(|start| start.checked_add(guess.offset.into()));
        table.add_row([address(at), Cell::new(guess.title())]);
    }
    table
}
