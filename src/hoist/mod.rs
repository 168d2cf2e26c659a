//! The plan made into objects: the entries of each gathered section become one data segment of one
//! synthesized object, and the objects they left are edited.
//!
//! Nothing in the synthesized object is a root of the linker's garbage collection, so an array that
//! no live code reaches goes, and what only its entries use goes with it.

mod relocate;

use crate::error::{Error, Result};
use crate::input::{Module, ObjectId};
use crate::plan::{Plan, PlannedSection};
use crate::survey::{Entry, Origin, Survey, is_marked};
use crate::wasm::{
    Builder, Definition, Edits, Object, Relocation, SegmentIndex, SymbolFlags, SymbolIndex,
    SynthSymbol,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the backend gets.
#[derive(Debug)]
pub struct Hoisted {
    /// The synthesized object.
    pub object: Vec<u8>,
    /// The objects that entries left, edited.
    pub edited: BTreeMap<ObjectId, Vec<u8>>,
    /// The marked symbols that were moved: exports of them were never the author's.
    pub marks: HashSet<String>,
    /// For each symbol of the synthesized object, the input that defines it or refers to it first,
    /// for messages.
    pub origins: HashMap<String, ObjectId>,
}

/// What comes between a symbol's own name and the numbers that make it unique. A dot ends what
/// demanglers read.
pub const UNIQUE: &str = "..section.";

/// Makes the objects.
///
/// # Errors
/// A relocation that has no meaning in memory, or objects of different address sizes.
pub fn hoist(survey: &Survey<'_>, plan: &Plan, modules: &[Module<'_>]) -> Result<Hoisted> {
    let memory64 = address_size(survey, plan, modules)?;
    let mut hoist = Hoist {
        survey,
        builder: Builder::new(memory64),
        edits: BTreeMap::new(),
        relocations: BTreeMap::new(),
        moved: HashMap::new(),
        by_name: HashMap::new(),
        marks: HashSet::new(),
        origins: HashMap::new(),
    };
    let in_object = |id: ObjectId| move |error: Error| error.in_file(&modules[id.0].name);
    let mut segments = Vec::new();
    for section in &plan.sections {
        segments.push(
            hoist
                .section(section)
                .map_err(|(id, error)| in_object(id)(error))?,
        );
    }
    // Only now, when all moved symbols are known: entries may point to each other.
    for (section, segment) in plan.sections.iter().zip(segments) {
        for placed in &section.entries {
            let entry = &survey.entries[placed.entry.0];
            hoist
                .relocate(entry, placed.offset, segment)
                .map_err(in_object(entry.object))?;
        }
    }
    let mut edited = BTreeMap::new();
    for (id, edits) in &hoist.edits {
        let object = &survey.objects[id];
        edited.insert(*id, edits.apply(object).map_err(in_object(*id))?);
    }
    Ok(Hoisted {
        object: hoist.builder.finish(),
        edited,
        marks: hoist.marks,
        origins: hoist.origins,
    })
}

/// Whether addresses have 64 bits, which must be so in all objects that have entries or in none.
fn address_size(survey: &Survey<'_>, plan: &Plan, modules: &[Module<'_>]) -> Result<bool> {
    let mut first: Option<(ObjectId, bool)> = None;
    for placed in plan.sections.iter().flat_map(|section| &section.entries) {
        let id = survey.entries[placed.entry.0].object;
        let memory64 = survey.objects[&id].memory64;
        match first {
            None => first = Some((id, memory64)),
            Some((other, size)) if size != memory64 => {
                let bits = |memory64| if memory64 { "wasm64" } else { "wasm32" };
                return Err(Error::new(format!(
                    "{} object file can't be linked with {} object files",
                    bits(memory64),
                    bits(size)
                ))
                .note(format!("{} is {}", modules[other.0].name, bits(size)))
                .note("build all inputs for one target")
                .in_file(&modules[id.0].name));
            }
            Some(_) => {}
        }
    }
    Ok(first.is_some_and(|(_, memory64)| memory64))
}

struct Hoist<'a> {
    survey: &'a Survey<'a>,
    builder: Builder,
    edits: BTreeMap<ObjectId, Edits>,
    /// The relocations of the data section of each object, read once.
    relocations: BTreeMap<ObjectId, Vec<Relocation>>,
    /// Symbols of objects that have a place in the synthesized object.
    moved: HashMap<(ObjectId, SymbolIndex), SymbolIndex>,
    /// Global symbols of the synthesized object, and whether they are data.
    by_name: HashMap<String, (SymbolIndex, bool)>,
    marks: HashSet<String>,
    origins: HashMap<String, ObjectId>,
}

impl Hoist<'_> {
    /// Makes a section's segment with its symbols.
    fn section(
        &mut self,
        section: &PlannedSection,
    ) -> std::result::Result<SegmentIndex, (ObjectId, Error)> {
        let mut bytes = vec![0; section.size as usize];
        let mut segment = SegmentKind::default();
        for placed in &section.entries {
            let entry = &self.survey.entries[placed.entry.0];
            let start = placed.offset as usize;
            bytes[start..start + entry.data.len()].copy_from_slice(entry.data);
            segment.add(self.survey, entry);
            self.leave(entry).map_err(|error| (entry.object, error))?;
        }
        let has_relocations = section.entries.iter().any(|placed| {
            !self
                .relocations_of(&self.survey.entries[placed.entry.0])
                .is_empty()
        });
        let name = segment.name(&section.name, &bytes, has_relocations);
        let segment = self.builder.segment(name, section.alignment, bytes);
        self.bounds(section, segment);
        for placed in &section.entries {
            self.define(&self.survey.entries[placed.entry.0], placed.offset, segment);
        }
        for id in &section.overridden {
            let entry = &self.survey.entries[id.0];
            self.leave(entry).map_err(|error| (entry.object, error))?;
            let object = &self.survey.objects[&entry.object];
            for &symbol in &entry.symbols {
                let name = object.symbol(symbol).name.to_owned();
                self.edits_of(entry.object).undefine.insert(symbol, name);
            }
        }
        Ok(segment)
    }

    /// Defines `__start_NAME` and `__stop_NAME`: weak, as whoever defines them himself has the
    /// last word with ELF linkers too (`PROVIDE_HIDDEN`).
    fn bounds(&mut self, section: &PlannedSection, segment: SegmentIndex) {
        for (prefix, offset) in [("__start_", 0), ("__stop_", section.size)] {
            let name = format!("{prefix}{}", section.name);
            let symbol = self.builder.symbol(SynthSymbol::Data {
                flags: SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::BINDING_WEAK,
                name: name.clone(),
                definition: Definition {
                    segment,
                    offset,
                    size: 0,
                },
            });
            self.by_name.insert(name, (symbol, true));
        }
    }

    /// Takes an entry out of its object.
    fn leave(&mut self, entry: &Entry<'_>) -> Result<()> {
        let object = &self.survey.objects[&entry.object];
        if let Some(data) = object.data_section()
            && !self.relocations.contains_key(&entry.object)
        {
            self.relocations
                .insert(entry.object, object.relocations(data)?);
        }
        let edits = self.edits_of(entry.object);
        match entry.origin {
            Origin::Segment(segment) | Origin::Symbol(segment, _) => {
                edits.empty.insert(segment);
            }
            Origin::Custom(section) => {
                edits.remove.insert(section);
            }
        }
        Ok(())
    }

    /// Defines an entry's symbols where it is now.
    fn define(&mut self, entry: &Entry<'_>, offset: u32, segment: SegmentIndex) {
        let object = &self.survey.objects[&entry.object];
        for &index in &entry.symbols {
            let symbol = object.symbol(index);
            let Some((_, range)) = symbol.definition() else {
                continue;
            };
            let name = self.global_name(entry.object, index);
            self.edits_of(entry.object)
                .undefine
                .insert(index, name.clone());
            if is_marked(symbol.name) {
                self.marks.insert(symbol.name.to_owned());
            }
            // A weak definition that another overrides.
            if self.by_name.contains_key(&name) {
                continue;
            }
            let moved = self.builder.symbol(SynthSymbol::Data {
                flags: moved_flags(symbol.flags(), is_marked(symbol.name)),
                name: name.clone(),
                definition: Definition {
                    segment,
                    offset: offset + (range.start - entry.start()),
                    size: range.end - range.start,
                },
            });
            self.moved.insert((entry.object, index), moved);
            self.origins.insert(name.clone(), entry.object);
            self.by_name.insert(name, (moved, true));
        }
    }

    /// The name under which other objects can refer to a symbol: its own or, for a local one, a
    /// unique one.
    fn global_name(&self, id: ObjectId, index: SymbolIndex) -> String {
        let symbol = self.survey.objects[&id].symbol(index);
        if symbol.is_local() {
            format!("{}{UNIQUE}{}.{}", symbol.name, id.0, index.0)
        } else {
            symbol.name.to_owned()
        }
    }

    fn edits_of(&mut self, id: ObjectId) -> &mut Edits {
        self.edits.entry(id).or_default()
    }
}

/// The flags of a symbol that has moved. It is no root any more; a marked one is nobody's to see.
fn moved_flags(flags: SymbolFlags, marked: bool) -> SymbolFlags {
    let flags = flags - SymbolFlags::NO_STRIP;
    if marked {
        (flags - SymbolFlags::EXPORTED) | SymbolFlags::VISIBILITY_HIDDEN
    } else if flags.contains(SymbolFlags::BINDING_LOCAL) {
        (flags - SymbolFlags::BINDING_LOCAL) | SymbolFlags::VISIBILITY_HIDDEN
    } else {
        flags
    }
}

/// Which of the output's segments an array belongs to, by what its entries were in.
#[derive(Debug, Default)]
struct SegmentKind {
    writable: bool,
}

impl SegmentKind {
    fn add(&mut self, survey: &Survey<'_>, entry: &Entry<'_>) {
        let object: &Object<'_> = &survey.objects[&entry.object];
        let read_only = entry
            .segment()
            .is_some_and(|segment| object.segment(segment).name.starts_with(".rodata"));
        self.writable |= !read_only;
    }

    /// The backend merges what begins with `.rodata.`, `.data.` and `.bss.` into one segment each.
    fn name(&self, section: &str, bytes: &[u8], has_relocations: bool) -> String {
        let kind = if !self.writable {
            ".rodata"
        } else if has_relocations || bytes.iter().any(|&byte| byte != 0) {
            ".data"
        } else {
            ".bss"
        };
        format!("{kind}.{section}")
    }
}
