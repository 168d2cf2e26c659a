//! The manifest of what was gathered, as a custom section of the synthesized object.

use super::{Base, Hoist, own_name, sections::place};
use crate::error::Result;
use crate::input::{Module, Name};
use crate::manifest::{Entry, Manifest, Pointer, PointerKind, SECTION, Section};
use crate::plan::{Item, crate_of, items, items_within, stride};
use crate::wasm::{Relocation, RelocationType, SymbolFlags, SymbolIndex};
use std::path::Path;

impl Hoist<'_, '_> {
    /// Adds the manifest. The relocations of the sections must be there.
    ///
    /// The symbols at both ends of a section are local ones of the manifest's own: relocations of a
    /// custom section keep nothing alive, and no name of theirs is in the output.
    pub(super) fn add_manifest(&mut self, modules: &[Module<'_>]) -> Result<()> {
        let mut manifest = Manifest {
            wide: self.builder.memory64(),
            relative: self.output.base == Base::MemoryBase,
            sections: Vec::new(),
        };
        let mut ends = Vec::new();
        for (number, section) in self.plan.sections.iter().enumerate() {
            let Some(segment) = self.arrays[number].segment else {
                continue;
            };
            let items = items(self.survey, modules, section)?;
            let mut relocations = self.builder.relocations(segment).to_vec();
            relocations.sort_by_key(|relocation| relocation.offset);
            for (number, (name, range)) in section.arrays.iter().enumerate() {
                let items = items_within(&items, range);
                let entries = items
                    .iter()
                    .map(|item| self.manifest_entry(item, range.start, &relocations, modules));
                manifest.sections.push(Section {
                    name: name.clone(),
                    start: 0,
                    stop: 0,
                    size: range.end - range.start,
                    alignment: section.alignment,
                    stride: stride(items),
                    entries: entries.collect(),
                });
                let prefix = format!(".Lmanifest.{}.{number}", segment.0);
                for (end, offset) in [("start", range.start), ("stop", range.end)] {
                    let name = format!("{prefix}.{end}");
                    let local = SymbolFlags::BINDING_LOCAL;
                    ends.push(self.define(name, local, place(segment, offset), None)?);
                }
            }
        }
        let ty = match manifest.wide {
            true => RelocationType::MemoryAddrI64,
            false => RelocationType::MemoryAddrI32,
        };
        let written = manifest.write();
        let fields = written.addresses.into_iter().flatten();
        let relocations = fields.zip(ends);
        let relocations = relocations.map(|(offset, symbol)| Relocation {
            ty,
            offset,
            index: symbol.0,
            addend: 0,
        });
        let relocations = relocations.collect();
        self.builder.custom(SECTION, written.bytes, relocations);
        Ok(())
    }

    fn manifest_entry(
        &self,
        item: &Item,
        start: u32,
        relocations: &[Relocation],
        modules: &[Module<'_>],
    ) -> Entry {
        let entry = &self.survey[item.entry];
        let name = &modules[entry.object.0].name;
        let before = |end: u32| relocations.partition_point(|relocation| relocation.offset < end);
        let own = &relocations[before(item.offset)..before(item.offset + item.size)];
        Entry {
            offset: item.offset - start,
            size: item.size,
            symbol: item.name(self.survey).map(str::to_owned),
            key: entry.key.as_deref().map(str::to_owned),
            krate: crate_of(self.survey, modules, item).map(Into::into),
            file: file_for_all(name),
            member: name.member().map(str::to_owned),
            pointers: own
                .iter()
                .filter_map(|relocation| self.manifest_pointer(relocation, item.offset))
                .collect(),
        }
    }

    fn manifest_pointer(&self, relocation: &Relocation, start: u32) -> Option<Pointer> {
        use RelocationType::*;
        let (size, kind) = match relocation.ty {
            MemoryAddrI32 => (4, PointerKind::Data),
            MemoryAddrI64 => (8, PointerKind::Data),
            MemoryAddrLocrelI32 => (4, PointerKind::Distance),
            TableIndexI32 => (4, PointerKind::Function),
            TableIndexI64 => (8, PointerKind::Function),
            _ => return None,
        };
        let target = self.builder.symbol_name(SymbolIndex(relocation.index));
        Some(Pointer {
            offset: relocation.offset - start,
            size,
            kind,
            target: own_name(target).to_owned(),
            addend: relocation.addend,
        })
    }
}

/// The name of a file without what differs from one machine to another: of an absolute path, its last
/// component.
fn file_for_all(name: &Name) -> String {
    let path = name.file();
    let last = path.file_name().map(Path::new);
    let shown = match path.is_relative() {
        true => path,
        false => last.unwrap_or(path),
    };
    shown.to_string_lossy().into_owned()
}
