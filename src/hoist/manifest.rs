//! The manifest of what was gathered, as a custom section of the synthesized object.

use super::follow::{Followed, follow};
use super::output::Base;
use super::symbols::label;
use super::synthesize::Synthesis;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Modules, Name};
use crate::manifest::write;
use crate::names;
use crate::plan::{Item, Plan, PlannedSection, crate_of, items, items_within, stride};
use crate::survey::{Survey, entry_name, read_again, section_title};
use crate::wasm::{Relocation, RelocationType, SymbolFlags};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use wasm_section_manifest::format::NUMBER_SEPARATOR;
use wasm_section_manifest::{CUSTOM_SECTION, Entry, Manifest, Section};

/// Adds the manifest to the synthesized object. The relocations of the arrays must be there.
///
/// Its symbols at both ends of an array are local ones of its own. Relocations of a custom section keep
/// nothing alive, and the names of local symbols are not in the output.
///
/// # Errors
/// An input that cannot be parsed again.
pub(super) fn add(
    synthesis: &mut Synthesis<'_, '_>,
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &Modules<'_>,
    base: Base,
) -> Result<()> {
    let describe = Describe { survey, modules };
    let mut manifest = Manifest {
        memory64: synthesis.builder.memory64(),
        relative: base == Base::MemoryBase,
        sections: Vec::new(),
    };
    let mut ends = Vec::new();
    for (position, section) in plan.sections.iter().enumerate() {
        let Some(segment) = synthesis.arrays.segment(position) else {
            continue;
        };
        let items = items(survey, modules, section)?;
        for (number, (name, range)) in section.arrays.iter().enumerate() {
            let items = items_within(&items, range);
            let array = describe.section(section, (name, range), items)?;
            manifest.sections.push(array);
            let prefix = format!(".Lmanifest.{}.{number}", segment.0);
            for (end, offset) in [("start", range.start), ("stop", range.end)] {
                ends.push(synthesis.symbols.define(
                    &mut synthesis.builder,
                    format!("{prefix}.{end}"),
                    SymbolFlags::BINDING_LOCAL,
                    label(segment, offset),
                    None,
                )?);
            }
        }
    }
    tell_sections_apart(&mut manifest.sections);
    let ty = match manifest.memory64 {
        true => RelocationType::MemoryAddrI64,
        false => RelocationType::MemoryAddrI32,
    };
    let written = write(&manifest);
    let fields = written.addresses.into_iter().flatten();
    let relocations = fields.zip(ends).map(|(offset, symbol)| Relocation {
        ty,
        offset,
        index: symbol.0,
        addend: 0,
    });
    let relocations = relocations.collect();
    synthesis
        .builder
        .custom(CUSTOM_SECTION, written.bytes, relocations);
    Ok(())
}

/// Describes arrays.
struct Describe<'s> {
    survey: &'s Survey<'s>,
    modules: &'s Modules<'s>,
}

impl Describe<'_> {
    /// An array of a section and its items.
    fn section(
        &self,
        section: &PlannedSection,
        (name, range): (&str, &Range<u32>),
        items: &[Item],
    ) -> Result<Section> {
        let mut followed = self.follow_all(items)?;
        let names = self.names(items, &followed);
        let parts = items.iter().zip(&mut followed).zip(names);
        let entries = parts.map(|((item, followed), name)| {
            let entry = &self.survey[item.entry];
            let file = &self.modules[entry.object].name;
            Entry {
                offset: item.offset - range.start,
                size: item.size,
                symbol: item
                    .name(self.survey)
                    .map(|name| names::shown(name).into_owned()),
                key: entry.key.as_deref().map(str::to_owned),
                krate: crate_of(self.survey, self.modules, item).map(Into::into),
                file: file_for_all(file),
                member: file.member().map(str::to_owned),
                pointers: std::mem::take(&mut followed.pointers),
                name,
                values: std::mem::take(&mut followed.values),
            }
        });
        Ok(Section {
            name: names::shown(name).into_owned(),
            start: 0,
            stop: 0,
            size: range.end - range.start,
            alignment: section.alignment,
            stride: stride(items),
            entries: entries.collect(),
            title: self.title(section, range),
        })
    }

    /// Follows the pointers of the items. Each object is parsed once, whatever the order of the items.
    fn follow_all(&self, items: &[Item]) -> Result<Vec<Followed>> {
        let mut by_object: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (position, item) in items.iter().enumerate() {
            let object = self.survey[item.entry].object;
            by_object.entry(object).or_default().push(position);
        }
        let mut followed: Vec<Followed> = items.iter().map(|_| Followed::default()).collect();
        for (object, own) in by_object {
            let module = &self.modules[object];
            let mut look_into = || {
                let bytes = module.object_bytes();
                let entry = |&position: &usize| &self.survey[items[position].entry];
                let object = read_again(&bytes, own.iter().map(entry))?;
                for position in &own {
                    let item = &items[*position];
                    let part = item.start..item.start + item.size;
                    followed[*position] = follow(&object, entry(position), part)?;
                }
                Ok(())
            };
            look_into().map_err(|error: Error| error.in_file(&module.name))?;
            module.release();
        }
        Ok(followed)
    }

    /// The names of the items for people. Items with the same name are numbered in the order of their content:
    /// the compiler may order them differently in each version of a crate.
    fn names(&self, items: &[Item], followed: &[Followed]) -> Vec<Option<String>> {
        let name = |item: &Item| {
            let name = item.marked_name(self.survey).map(entry_name);
            name.map(|name| names::shown(&name).into_owned())
        };
        let mut names: Vec<_> = items.iter().map(name).collect();
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by(|&a, &b| {
            let by_name = names[a].cmp(&names[b]);
            by_name.then_with(|| followed[a].content.cmp(&followed[b].content))
        });
        let mut in_order: Vec<_> = order.iter().map(|&at| names[at].take()).collect();
        tell_apart(in_order.iter_mut().flatten());
        for (at, name) in order.into_iter().zip(in_order) {
            names[at] = name;
        }
        names
    }

    /// The name of a section for people. The symbol of an entry without bytes may give it.
    fn title(&self, section: &PlannedSection, range: &Range<u32>) -> Option<String> {
        let within = |offset: u32| range.start <= offset && offset <= range.end;
        let entries = section.entries.iter().filter(|one| within(one.offset));
        let entries = entries.map(|one| &self.survey[one.entry]);
        let mut symbols = entries.filter(|entry| entry.size == 0).flat_map(|entry| {
            let symbols = entry.symbols.iter();
            symbols.map(|symbol| self.survey.name(symbol))
        });
        symbols.find_map(section_title)
    }
}

/// Numbers sections with the same title, such as those of two versions of a crate, in the order of their
/// entries' names.
fn tell_sections_apart(sections: &mut [Section]) {
    let mut titled: Vec<_> = sections.iter_mut().collect();
    titled.retain(|section| section.title.is_some());
    titled.sort_by_cached_key(|section| {
        let names = section.entries.iter().map(|entry| entry.name.clone());
        names.collect::<Vec<_>>()
    });
    let titles = titled.into_iter();
    tell_apart(titles.filter_map(|section| section.title.as_mut()));
}

/// Numbers each name that is not the first of its kind, which has index 0.
fn tell_apart<'n>(names: impl Iterator<Item = &'n mut String>) {
    let mut known: HashMap<String, u32> = HashMap::default();
    for name in names {
        let index = known.entry(name.clone()).or_insert(0);
        if *index > 0 {
            *name += &format!("{NUMBER_SEPARATOR}{index}");
        }
        *index += 1;
    }
}

/// The name of a file without what differs from one machine to another: a relative path, or the last component
/// of an absolute one.
fn file_for_all(name: &Name) -> String {
    let path = name.file();
    let last = path.file_name().map(Path::new);
    let shown = match path.is_relative() {
        true => path,
        false => last.unwrap_or(path),
    };
    shown.to_string_lossy().into_owned()
}
