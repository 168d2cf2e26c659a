//! The link sections of a file. `inspect` prints this report, and the other commands search it.

use super::follow::{follow, guesses, masked};
use super::module::Module;
use super::open::File;
use super::pointers::{PointerReport, demangled};
use super::references::{Reference, references};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use wasm_section_ld::error::Result;
use wasm_section_ld::survey::is_c_identifier;
use wasm_section_manifest as manifest;

/// A file.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its path, as given on the command line.
    pub file: String,
    /// Its core modules: one, or those of a component.
    pub modules: Vec<ModuleReport>,
}

/// A core module.
#[derive(Debug, Serialize)]
pub struct ModuleReport {
    /// Which module of a component it is.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub label: String,
    /// Its name in the `name` section.
    pub name: Option<String>,
    /// Whether it has a manifest.
    pub manifest: bool,
    /// Whether addresses count from `__memory_base`, and functions from `__table_base`.
    pub relative: bool,
    /// The initial size of memory, in bytes.
    pub memory: u64,
    /// Its link sections.
    pub sections: Vec<SectionReport>,
    /// Its data segments.
    pub segments: Vec<SegmentReport>,
}

/// How a section is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It is in the manifest.
    Manifest,
    /// `__start_NAME` and `__stop_NAME` are exported.
    Exports,
    /// A data segment has its name. The linker did not gather it.
    SegmentName,
}

/// A link section.
#[derive(Debug, Serialize)]
pub struct SectionReport {
    pub name: String,
    /// The name that is shown: the title in the manifest, or else the name.
    pub title: String,
    pub source: Source,
    /// The address of the first byte; none if the section was garbage-collected.
    pub start: Option<u64>,
    /// The address of the byte after the last byte.
    pub stop: Option<u64>,
    /// In bytes.
    pub size: u64,
    /// In bytes; only the manifest has it.
    pub alignment: Option<u64>,
    /// The number of bytes from each entry to the next, if it is the same for all entries.
    pub stride: Option<u32>,
    /// Whether it was garbage-collected.
    pub collected: bool,
    /// Its entries, from the manifest.
    pub entries: Vec<EntryReport>,
    /// Without a manifest: what its words may refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<PointerReport>,
}

/// An entry.
#[derive(Debug, Clone, Serialize)]
pub struct EntryReport {
    /// Its index in the array.
    pub index: usize,
    /// None if the section was garbage-collected.
    pub address: Option<u64>,
    /// Its offset from the start of the section, in bytes.
    pub offset: u32,
    pub size: u32,
    /// Its symbol, demangled.
    pub symbol: Option<String>,
    /// The name that is shown: the name in the manifest, or else the symbol without its mark.
    pub title: String,
    /// The title without the number that makes it unique.
    #[serde(skip)]
    pub plain_title: String,
    /// Whether the manifest has a name for it.
    #[serde(skip)]
    pub is_named: bool,
    /// Its symbol, mangled.
    pub mangled: Option<String>,
    pub key: Option<String>,
    #[serde(rename = "crate")]
    pub krate: Option<String>,
    pub file: String,
    pub member: Option<String>,
    pub pointers: Vec<PointerReport>,
    /// The texts, functions and other data that its pointers refer to, directly or through other data.
    pub references: Vec<Reference>,
    /// Its bytes, with zeros in place of addresses and of the lengths of texts.
    #[serde(skip)]
    pub content: Option<Vec<u8>>,
}

/// A data segment.
#[derive(Debug, Serialize)]
pub struct SegmentReport {
    pub name: Option<String>,
    pub start: Option<u64>,
    pub size: u64,
}

impl Report {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn of(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let mut modules = Vec::new();
        for core in file.modules() {
            let module = Module::read(core).map_err(|error| error.in_file(path.display()))?;
            modules.push(ModuleReport::of(core.label, &module));
        }
        Ok(Self {
            file: path.display().to_string(),
            modules,
        })
    }

    /// All sections of all modules.
    pub fn sections(&self) -> impl Iterator<Item = &SectionReport> {
        self.modules.iter().flat_map(|module| &module.sections)
    }

    /// Whether a module has a manifest.
    pub fn has_manifest(&self) -> bool {
        self.modules.iter().any(|module| module.manifest)
    }
}

impl ModuleReport {
    fn of(label: &str, module: &Module<'_>) -> Self {
        let mut sections = Vec::new();
        if let Some(manifest) = &module.manifest {
            let known = manifest.sections.iter();
            sections.extend(known.map(|section| SectionReport::by_manifest(section, module)));
        }
        let known: BTreeSet<String> = sections.iter().map(|s| s.name.clone()).collect();
        let others = by_exports(module).chain(by_segments(module));
        for section in others.filter(|section| !known.contains(&section.name)) {
            if sections.iter().all(|other| other.name != section.name) {
                sections.push(section);
            }
        }
        let segments = module.segments.iter().map(|segment| SegmentReport {
            name: segment.name.map(str::to_owned),
            start: segment.start,
            size: segment.bytes.len() as u64,
        });
        Self {
            label: label.to_owned(),
            name: module.name.map(str::to_owned),
            manifest: module.manifest.is_some(),
            relative: module
                .manifest
                .as_ref()
                .is_some_and(|manifest| manifest.relative),
            memory: module.image.size(),
            sections,
            segments: segments.collect(),
        }
    }
}

impl SectionReport {
    fn by_manifest(section: &manifest::Section, module: &Module<'_>) -> Self {
        let collected = section.is_collected();
        let live = |address| (!collected).then_some(address);
        let entries = section.entries.iter().enumerate();
        let entries = entries.map(|(index, entry)| {
            let address = live(section.start.wrapping_add(entry.offset.into()));
            EntryReport::of(index, entry, address, module)
        });
        Self {
            name: section.name.clone(),
            title: section.display_name().to_owned(),
            source: Source::Manifest,
            start: live(section.start),
            stop: live(section.stop),
            size: section.size.into(),
            alignment: 1_u64.checked_shl(section.alignment),
            stride: section.stride,
            collected,
            entries: entries.collect(),
            guesses: Vec::new(),
        }
    }

    fn guessed(name: &str, source: Source, start: u64, size: u64, module: &Module<'_>) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            source,
            start: Some(start),
            stop: Some(start.saturating_add(size)),
            size,
            alignment: None,
            stride: None,
            collected: false,
            entries: Vec::new(),
            guesses: guesses(start, size, module),
        }
    }
}

/// Sections whose start and stop symbols are exported.
fn by_exports(module: &Module<'_>) -> impl Iterator<Item = SectionReport> {
    module.addresses.iter().filter_map(|(name, &start)| {
        let name = name.strip_prefix("__start_")?;
        let stop = *module.addresses.get(format!("__stop_{name}").as_str())?;
        let size = stop.checked_sub(start)?;
        Some(SectionReport::guessed(
            name,
            Source::Exports,
            start,
            size,
            module,
        ))
    })
}

/// Sections that were not gathered: data segments whose names are C identifiers.
fn by_segments(module: &Module<'_>) -> impl Iterator<Item = SectionReport> {
    module.segments.iter().filter_map(|segment| {
        let name = segment.name.filter(|name| is_c_identifier(name))?;
        let size = segment.bytes.len() as u64;
        Some(SectionReport::guessed(
            name,
            Source::SegmentName,
            segment.start?,
            size,
            module,
        ))
    })
}

impl EntryReport {
    fn of(
        index: usize,
        entry: &manifest::Entry,
        address: Option<u64>,
        module: &Module<'_>,
    ) -> Self {
        let symbol = entry.symbol.as_deref().map(demangled);
        let plain_title = match entry.plain_name() {
            Some(name) => name.to_owned(),
            None => title(&symbol),
        };
        let title = entry.name.clone().unwrap_or_else(|| plain_title.clone());
        let pointers = follow(entry, &title, address, module);
        Self {
            index,
            address,
            offset: entry.offset,
            size: entry.size,
            title,
            plain_title,
            is_named: entry.name.is_some(),
            symbol,
            mangled: entry.symbol.clone(),
            key: entry.key.clone(),
            krate: entry.krate.clone(),
            file: entry.file.clone(),
            member: entry.member.clone(),
            references: references(&pointers),
            content: masked(address, entry.size, &pointers, module),
            pointers,
        }
    }

    /// Its crate, archive member or object, without directories.
    pub fn origin(&self) -> String {
        let file = Path::new(&self.file);
        let file = file
            .file_name()
            .map_or(self.file.clone(), |name| name.to_string_lossy().into());
        match (&self.krate, &self.member) {
            (Some(krate), _) => krate.clone(),
            (None, Some(member)) => format!("{file}({member})"),
            (None, None) => file,
        }
    }

    /// The object, or the archive and its member, as the manifest has it.
    pub fn input(&self) -> String {
        match &self.member {
            Some(member) => format!("{}({member})", self.file),
            None => self.file.clone(),
        }
    }
}

/// The beginning of a mark with the name of a section.
const SECTION: &str = "__link_section__";

/// Whether a component of a path is a mark.
pub fn is_mark(part: &str) -> bool {
    part.starts_with(SECTION) || part.starts_with("__link_order__")
}

/// The title of an entry with that symbol.
fn title(symbol: &Option<String>) -> String {
    let title = symbol.as_deref().map(without_mark);
    title.unwrap_or_else(|| "(no symbol)".to_owned())
}

/// A symbol without its mark: without the prefix `__link_section__NAME$KEY$`, or without the components of a path
/// that are marks.
fn without_mark(symbol: &str) -> String {
    let whole = || symbol.strip_prefix(SECTION)?.splitn(3, '$').nth(2);
    if let Some(unique) = whole() {
        return unique.to_owned();
    }
    let parts = symbol.split("::").filter(|part| !is_mark(part));
    parts.collect::<Vec<_>>().join("::")
}
