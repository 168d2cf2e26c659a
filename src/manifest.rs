//! Writes the manifest: the custom section `link_sections` of a linked module, which lists what was gathered.
//!
//! `wasm-section-manifest` has its types, the constants of its format, and the reader. The addresses are
//! relocations of the synthesized object, so the backend fills them in. Relocations of custom sections keep
//! nothing alive: an array that was collected as garbage has the address 0 at both ends.

use crate::hash::HashMap;
use wasm_encoder::Encode;
use wasm_section_manifest::format::{MEMORY64, RELATIVE, VERSION};
use wasm_section_manifest::{Entry, Manifest, Pointer, Section, Value};

/// A manifest in its format.
#[derive(Debug)]
pub struct Written {
    /// The content of the custom section.
    pub bytes: Vec<u8>,
    /// For each section, the offsets in `bytes` of the addresses of its start and its stop.
    pub addresses: Vec<[u32; 2]>,
}

/// Writes a manifest.
pub fn write(manifest: &Manifest) -> Written {
    let mut strings = Strings::new();
    let mut sections = Vec::new();
    let mut addresses = Vec::with_capacity(manifest.sections.len());
    let address_size = if manifest.memory64 { 8 } else { 4 };
    (manifest.sections.len() as u32).encode(&mut sections);
    for section in &manifest.sections {
        let mut body = Vec::new();
        strings.add(&section.name).encode(&mut body);
        let at = body.len();
        for address in [section.start, section.stop] {
            body.extend(address.to_le_bytes().into_iter().take(address_size));
        }
        section_rest(section, &mut strings, &mut body);
        (body.len() as u32).encode(&mut sections);
        let start = (sections.len() + at) as u32;
        addresses.push([start, start + address_size as u32]);
        sections.extend_from_slice(&body);
    }
    let mut bytes = Vec::new();
    VERSION.encode(&mut bytes);
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    (flag(manifest.memory64, MEMORY64) | flag(manifest.relative, RELATIVE)).encode(&mut bytes);
    strings.encode(&mut bytes);
    let before = bytes.len() as u32;
    bytes.extend_from_slice(&sections);
    for offset in addresses.iter_mut().flatten() {
        *offset += before;
    }
    Written { bytes, addresses }
}

fn section_rest<'m>(section: &'m Section, strings: &mut Strings<'m>, out: &mut Vec<u8>) {
    section.size.encode(out);
    section.alignment.encode(out);
    section.stride.unwrap_or(0).encode(out);
    (section.entries.len() as u32).encode(out);
    for each in &section.entries {
        let mut body = Vec::new();
        entry(each, strings, &mut body);
        body.encode(out);
    }
    let title = section.title.as_deref().unwrap_or_default();
    strings.add(title).encode(out);
}

fn entry<'m>(entry: &'m Entry, strings: &mut Strings<'m>, out: &mut Vec<u8>) {
    entry.offset.encode(out);
    entry.size.encode(out);
    let names = [&entry.symbol, &entry.key, &entry.krate];
    for name in names.map(|name| name.as_deref().unwrap_or_default()) {
        strings.add(name).encode(out);
    }
    strings.add(&entry.file).encode(out);
    let member = entry.member.as_deref().unwrap_or_default();
    strings.add(member).encode(out);
    pointers(&entry.pointers, strings, out);
    let name = entry.name.as_deref().unwrap_or_default();
    strings.add(name).encode(out);
    (entry.values.len() as u32).encode(out);
    for each in &entry.values {
        value(each, strings, out);
    }
}

fn value<'m>(value: &'m Value, strings: &mut Strings<'m>, out: &mut Vec<u8>) {
    value.pointer.encode(out);
    value.size.encode(out);
    pointers(&value.pointers, strings, out);
}

fn pointers<'m>(pointers: &'m [Pointer], strings: &mut Strings<'m>, out: &mut Vec<u8>) {
    (pointers.len() as u32).encode(out);
    for each in pointers {
        pointer(each, strings, out);
    }
}

fn pointer<'m>(pointer: &'m Pointer, strings: &mut Strings<'m>, out: &mut Vec<u8>) {
    pointer.offset.encode(out);
    pointer.size.encode(out);
    pointer.kind.number().encode(out);
    strings.add(&pointer.target).encode(out);
    pointer.addend.encode(out);
}

/// Each string once, the empty one first.
struct Strings<'m> {
    all: Vec<&'m str>,
    known: HashMap<&'m str, u32>,
}

impl<'m> Strings<'m> {
    fn new() -> Self {
        Self {
            all: vec![""],
            known: HashMap::from_iter([("", 0)]),
        }
    }

    fn add(&mut self, string: &'m str) -> u32 {
        *self.known.entry(string).or_insert_with(|| {
            self.all.push(string);
            self.all.len() as u32 - 1
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        (self.all.len() as u32).encode(out);
        for string in &self.all {
            string.encode(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wasm_section_manifest::PointerKind;
    use wasm_section_manifest::format::MAX_VALUES;

    fn string() -> impl Strategy<Value = String> {
        "[a-c\u{e9}]{0,3}"
    }

    /// The format has no empty strings: they mean that there is none.
    fn optional() -> impl Strategy<Value = Option<String>> {
        string().prop_map(|string| Some(string).filter(|string| !string.is_empty()))
    }

    /// A pointer in `size` bytes, of which there are at least 8.
    fn pointer(size: u32) -> impl Strategy<Value = Pointer> {
        let size_of = prop_oneof![Just(4), Just(8)];
        (0..=size - 8, size_of, 0..5_u32, string(), any::<i64>()).prop_map(
            |(offset, size, kind, target, addend)| Pointer {
                offset,
                size,
                kind: PointerKind::from_number(kind),
                target,
                addend,
            },
        )
    }

    fn pointers(size: u32) -> impl Strategy<Value = Vec<Pointer>> {
        prop::collection::vec(pointer(size), 0..3)
    }

    fn value() -> impl Strategy<Value = Value> {
        (8..300_u32).prop_flat_map(|size| {
            (any::<u32>(), pointers(size)).prop_map(move |(pointer, pointers)| Value {
                pointer,
                size,
                pointers,
            })
        })
    }

    /// A value may belong to any pointer before it.
    fn belonging(mut values: Vec<Value>, own: usize) -> Vec<Value> {
        let mut known = own as u32;
        values.retain_mut(|value| {
            let has_owner = known > 0;
            if has_owner {
                value.pointer %= known;
                known += value.pointers.len() as u32;
            }
            has_owner
        });
        values
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let values = prop::collection::vec(value(), 0..MAX_VALUES);
        let strings = (optional(), optional(), optional(), optional(), optional());
        (any::<u16>(), 8..300_u32, strings, string(), values).prop_flat_map(
            |(offset, size, (symbol, key, krate, member, name), file, values)| {
                pointers(size).prop_map(move |pointers| Entry {
                    offset: offset.into(),
                    size,
                    symbol: symbol.clone(),
                    key: key.clone(),
                    krate: krate.clone(),
                    file: file.clone(),
                    member: member.clone(),
                    values: belonging(values.clone(), pointers.len()),
                    pointers,
                    name: name.clone(),
                })
            },
        )
    }

    fn section() -> impl Strategy<Value = Section> {
        let entries = prop::collection::vec(entry(), 0..3);
        let numbers = (any::<u32>(), any::<u32>(), 0..16_u32, 0..300_u32);
        (string(), numbers, entries, optional()).prop_map(
            |(name, (start, stop, alignment, stride), entries, title)| Section {
                name,
                start: start.into(),
                stop: stop.into(),
                size: 1 << 20,
                alignment,
                stride: Some(stride).filter(|&stride| stride != 0),
                entries,
                title,
            },
        )
    }

    fn manifest() -> impl Strategy<Value = Manifest> {
        let sections = prop::collection::vec(section(), 0..3);
        (any::<bool>(), any::<bool>(), sections).prop_map(|(memory64, relative, mut sections)| {
            if memory64 {
                sections
                    .iter_mut()
                    .for_each(|section| section.stop |= 1 << 40);
            }
            Manifest {
                memory64,
                relative,
                sections,
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_written_is_read(manifest in manifest()) {
            let written = write(&manifest);
            prop_assert_eq!(Manifest::read(&written.bytes, 0), Ok(manifest));
        }

        /// The backend fills the addresses in, at the offsets that are given to it.
        #[test]
        fn addresses_are_where_they_are_said_to_be(manifest in manifest()) {
            let mut written = write(&manifest);
            let size = if manifest.memory64 { 8 } else { 4 };
            for (number, at) in written.addresses.iter().flatten().enumerate() {
                let at = *at as usize;
                let address = (number as u64 + 1).to_le_bytes();
                written.bytes[at..at + size].copy_from_slice(&address[..size]);
            }
            let read = Manifest::read(&written.bytes, 0).expect("a manifest");
            let addresses = read.sections.iter().flat_map(|section| [section.start, section.stop]);
            let expected: Vec<u64> = (1..=2 * manifest.sections.len() as u64).collect();
            prop_assert_eq!(addresses.collect::<Vec<_>>(), expected);
        }
    }
}
