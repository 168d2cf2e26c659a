//! What a file says of its link sections: what `inspect` shows, and what the other commands look
//! into.

use super::follow::{follow, guesses};
use super::module::Module;
use super::open::File;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use wasm_section_ld::demangle;
use wasm_section_ld::error::Result;
use wasm_section_ld::manifest;
use wasm_section_ld::survey::is_c_identifier;

/// A file.
#[derive(Debug, Serialize)]
pub struct Report {
    /// As it was called.
    pub file: String,
    /// Its core modules: one, or those of a component.
    pub modules: Vec<ModuleReport>,
}

/// A core module.
#[derive(Debug, Serialize)]
pub struct ModuleReport {
    /// Which of a component's modules it is.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub label: String,
    /// Its name in the `name` section.
    pub name: Option<String>,
    /// Whether it has a manifest.
    pub manifest: bool,
    /// Whether addresses count from `__memory_base`, and functions from `__table_base`.
    pub relative: bool,
    /// The size of memory at first, in bytes.
    pub memory: u64,
    /// Its link sections.
    pub sections: Vec<SectionReport>,
    /// Its data segments.
    pub segments: Vec<SegmentReport>,
}

/// How it is known that there is a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The manifest says it.
    Manifest,
    /// `__start_NAME` and `__stop_NAME` are exported.
    Exports,
    /// A data segment has its name.
    SegmentName,
}

/// A link section.
#[derive(Debug, Serialize)]
pub struct SectionReport {
    pub name: String,
    pub source: Source,
    /// The address of the first byte; none if it was collected as garbage.
    pub start: Option<u64>,
    /// The address behind the last byte.
    pub stop: Option<u64>,
    /// In bytes.
    pub size: u64,
    /// In bytes; the manifest says it.
    pub alignment: Option<u64>,
    /// Bytes from each entry to the next, if that is the same for all.
    pub stride: Option<u32>,
    /// Whether it was collected as garbage.
    pub collected: bool,
    /// What the manifest says is in it.
    pub entries: Vec<EntryReport>,
    /// Without a manifest: what its words may point to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<PointerReport>,
}

/// An entry.
#[derive(Debug, Clone, Serialize)]
pub struct EntryReport {
    /// Its place in the array, from 0.
    pub index: usize,
    /// None if the section was collected.
    pub address: Option<u64>,
    /// In bytes from the section's start.
    pub offset: u32,
    pub size: u32,
    /// Its symbol, demangled.
    pub symbol: Option<String>,
    /// What people call it: the symbol without its mark.
    pub title: String,
    /// Its symbol as the object spells it.
    pub mangled: Option<String>,
    pub key: Option<String>,
    #[serde(rename = "crate")]
    pub krate: Option<String>,
    pub file: String,
    pub member: Option<String>,
    pub pointers: Vec<PointerReport>,
}

/// A word of an entry that points somewhere.
#[derive(Debug, Clone, Serialize)]
pub struct PointerReport {
    /// In bytes from the entry's first; of a guess, from the section's.
    pub offset: u32,
    pub kind: &'static str,
    /// What is in memory there before any code runs.
    pub value: Option<u64>,
    /// The symbol that it points to, demangled.
    pub target: Option<String>,
    /// Bytes beyond that symbol.
    pub addend: i64,
    /// The function that is there in the table, by its name in the module.
    pub function: Option<String>,
    /// Its index in the module.
    pub function_index: Option<u32>,
    /// The text that it points to.
    pub text: Option<String>,
    /// How the end of the text is known: by the `next-word`, which would be its length, or by a `nul`.
    pub text_end: Option<&'static str>,
}

/// A data segment.
#[derive(Debug, Serialize)]
pub struct SegmentReport {
    pub name: Option<String>,
    pub start: Option<u64>,
    pub size: u64,
}

impl Report {
    /// Looks into a file.
    ///
    /// # Errors
    /// It cannot be read, or is not as the format says.
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

/// Sections whose both ends are exported.
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

/// Sections that were left to the linker: data segments that have a name like that.
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
        let pointers = entry.pointers.iter();
        let symbol = entry.symbol.as_deref().map(demangled);
        Self {
            index,
            address,
            offset: entry.offset,
            size: entry.size,
            title: title(&symbol),
            symbol,
            mangled: entry.symbol.clone(),
            key: entry.key.clone(),
            krate: entry.krate.clone(),
            file: entry.file.clone(),
            member: entry.member.clone(),
            pointers: pointers
                .map(|pointer| follow(pointer, entry, address, module))
                .collect(),
        }
    }

    /// Where it is from, for people.
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

    /// The input that it is from, in full.
    pub fn input(&self) -> String {
        match &self.member {
            Some(member) => format!("{}({member})", self.file),
            None => self.file.clone(),
        }
    }
}

impl PointerReport {
    /// What it leads to, for people.
    pub fn title(&self) -> String {
        if let Some(text) = &self.text {
            return format!("{text:?}");
        }
        let beyond = match self.addend {
            0 => String::new(),
            addend => format!("{addend:+}"),
        };
        let target = self
            .target
            .clone()
            .map(|target| format!("{target}{beyond}"));
        match (self.kind, &self.function, target) {
            ("function", Some(function), _) => format!("fn {function}"),
            ("function", None, Some(target)) => format!("fn {target}"),
            // Made by a compiler, and known to nobody.
            (_, _, Some(target)) if target.starts_with(".L") && self.value.is_some() => {
                format!("data at {:#x}", self.value.unwrap_or_default())
            }
            (_, _, Some(target)) => format!("&{target}"),
            (_, _, None) => self
                .value
                .map_or("?".to_owned(), |value| format!("{value:#x}")),
        }
    }
}

/// A symbol without its mangling.
pub fn demangled(symbol: &str) -> String {
    match demangle::rust_path(symbol) {
        Some(Ok(path)) => path,
        _ => demangle::as_llvm(symbol).unwrap_or_else(|| without_hash(symbol).to_owned()),
    }
}

/// Names that `wasm-bindgen` has demangled end with Rust's hash.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if demangle::is_hash(hash) => path,
        _ => name,
    }
}

/// What people call an entry of that symbol.
fn title(symbol: &Option<String>) -> String {
    let title = symbol.as_deref().map(without_mark);
    title.unwrap_or_else(|| "(no symbol)".to_owned())
}

/// What is left of a symbol when its mark is taken away: `__link_section__NAME$KEY$` in front, or the
/// components of a path that are marks.
fn without_mark(symbol: &str) -> String {
    const SECTION: &str = "__link_section__";
    let whole = || symbol.strip_prefix(SECTION)?.splitn(3, '$').nth(2);
    if let Some(unique) = whole() {
        return unique.to_owned();
    }
    let is_mark = |part: &&str| part.starts_with(SECTION) || part.starts_with("__link_order__");
    let parts = symbol.split("::").filter(|part| !is_mark(part));
    parts.collect::<Vec<_>>().join("::")
}
