//! An object as the model sees it: its segments, symbols and references, in their order.

use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{
    ComdatSymbolKind, DataKind, ImportSectionReader, KnownCustom, Linking, Parser, Payload,
    RelocSectionReader, SymbolFlags, SymbolInfo, TypeRef,
};

#[derive(Debug, Default)]
pub struct Object {
    pub segments: Vec<Segment>,
    pub symbols: Vec<Symbol>,
    pub customs: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Default)]
pub struct Segment {
    pub name: String,
    pub is_retained: bool,
    pub group: Option<String>,
    pub bytes: Vec<u8>,
    pub references: Vec<Reference>,
    place: Range<u64>,
}

#[derive(Debug, Clone)]
pub struct Reference {
    pub offset: u32,
    pub symbol: usize,
    pub addend: i64,
}

#[derive(Debug)]
pub struct Symbol {
    pub name: String,
    pub is_function: bool,
    pub flags: SymbolFlags,
    /// Where data is: a segment, and a range of it.
    pub place: Option<(usize, Range<u32>)>,
}

impl Symbol {
    pub fn is_undefined(&self) -> bool {
        self.flags.contains(SymbolFlags::UNDEFINED)
    }

    pub fn is_local(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_LOCAL)
    }

    pub fn is_weak(&self) -> bool {
        self.flags.contains(SymbolFlags::BINDING_WEAK)
    }

    pub fn is_used(&self) -> bool {
        self.flags.contains(SymbolFlags::NO_STRIP)
    }
}

impl Object {
    pub fn parse(bytes: &[u8]) -> Self {
        let mut object = Self::default();
        let mut functions = Vec::new();
        let mut data_section = (0, 0_u64);
        let mut relocations = Vec::new();
        for (index, payload) in sections(bytes).enumerate() {
            match payload {
                Payload::ImportSection(imports) => functions = imported(imports),
                Payload::DataSection(section) => {
                    data_section = (index, section.range().start);
                    for data in section {
                        let data = data.expect("a segment");
                        assert!(matches!(data.kind, DataKind::Active { .. }));
                        let place = data.range.end - data.data.len() as u64..data.range.end;
                        object.segments.push(Segment {
                            bytes: data.data.to_vec(),
                            place,
                            ..Segment::default()
                        });
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Linking(linking) => {
                        for part in linking.subsections() {
                            object.read_linking(part.expect("linking"), &functions);
                        }
                    }
                    KnownCustom::Reloc(own) => relocations.push(own),
                    _ => {
                        let custom = (section.name().to_owned(), section.data().to_vec());
                        object.customs.push(custom);
                    }
                },
                _ => {}
            }
        }
        for own in relocations {
            object.read_relocations(own, data_section);
        }
        object
    }

    fn read_relocations(&mut self, own: RelocSectionReader<'_>, (index, base): (usize, u64)) {
        if own.section_index() as usize != index {
            return;
        }
        for entry in own.entries() {
            let entry = entry.expect("a relocation");
            let at = base + u64::from(entry.offset);
            let mut segments = self.segments.iter_mut();
            let segment = segments.find(|segment| segment.place.contains(&at));
            let segment = segment.expect("a place in a segment");
            segment.references.push(Reference {
                offset: (at - segment.place.start) as u32,
                symbol: entry.index as usize,
                addend: entry.addend,
            });
        }
    }

    fn read_linking(&mut self, part: Linking<'_>, functions: &[String]) {
        match part {
            Linking::SegmentInfo(segments) => {
                for (own, info) in self.segments.iter_mut().zip(segments) {
                    let info = info.expect("a segment");
                    info.name.clone_into(&mut own.name);
                    own.is_retained = info.flags.bits() & 4 != 0;
                }
            }
            Linking::ComdatInfo(groups) => {
                for group in groups {
                    let group = group.expect("a group");
                    for member in group.symbols {
                        let member = member.expect("a member");
                        if member.kind == ComdatSymbolKind::Data {
                            self.segments[member.index as usize].group =
                                Some(group.name.to_owned());
                        }
                    }
                }
            }
            Linking::SymbolTable(symbols) => {
                for symbol in symbols {
                    self.symbols
                        .push(read(symbol.expect("a symbol"), functions));
                }
            }
            _ => {}
        }
    }

    /// The symbols of data in a segment, in order of their places.
    pub fn symbols_of(&self, segment: usize) -> Vec<(&Symbol, Range<u32>)> {
        let symbols = self.symbols.iter();
        let mut own: Vec<_> = symbols
            .filter_map(|symbol| match &symbol.place {
                Some((of, range)) if *of == segment => Some((symbol, range.clone())),
                _ => None,
            })
            .collect();
        own.sort_by_key(|(_, range)| (range.start, range.end));
        own
    }

    /// What it defines for others.
    pub fn defines(&self) -> impl Iterator<Item = &Symbol> {
        let symbols = self.symbols.iter();
        symbols.filter(|symbol| !symbol.is_local() && !symbol.is_undefined())
    }
}

/// The sections of a module: those that relocations count.
fn sections(bytes: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    let payloads = Parser::new(0).parse_all(bytes);
    let payloads = payloads.map(|payload| payload.expect("an object"));
    payloads.filter(|payload| payload.as_section().is_some())
}

fn imported(imports: ImportSectionReader<'_>) -> Vec<String> {
    let imports = imports
        .into_imports()
        .map(|import| import.expect("an import"));
    let functions = imports.filter(|import| matches!(import.ty, TypeRef::Func(_)));
    functions.map(|import| import.name.to_owned()).collect()
}

fn read(symbol: SymbolInfo<'_>, functions: &[String]) -> Symbol {
    let none = |flags| Symbol {
        name: String::new(),
        is_function: false,
        flags,
        place: None,
    };
    match symbol {
        SymbolInfo::Func { flags, index, name } => {
            let imported = || functions[index as usize].clone();
            Symbol {
                name: name.map_or_else(imported, str::to_owned),
                is_function: true,
                ..none(flags)
            }
        }
        SymbolInfo::Data {
            flags,
            name,
            symbol,
        } => Symbol {
            name: name.to_owned(),
            place: symbol.map(|place| {
                let end = place.offset + place.size;
                (place.index as usize, place.offset..end)
            }),
            ..none(flags)
        },
        SymbolInfo::Table { flags, .. }
        | SymbolInfo::Global { flags, .. }
        | SymbolInfo::Event { flags, .. }
        | SymbolInfo::Section { flags, .. } => none(flags),
    }
}

/// The names of what a module exports and imports.
pub fn externals(module: &[u8]) -> BTreeMap<String, String> {
    let mut externals = BTreeMap::new();
    for payload in sections(module) {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.expect("an import");
                    let name = format!("import {}.{}", import.module, import.name);
                    externals.insert(name, import.name.to_owned());
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.expect("an export");
                    let name = format!("export {:?} {}", export.kind, export.name);
                    externals.insert(name, export.name.to_owned());
                }
            }
            _ => {}
        }
    }
    externals
}
