//! Writing a manifest, with places for the linker to fill in.

use super::{Entry, Manifest, Pointer, PointerKind, RELATIVE, Section, VERSION, Value, WIDE};
use crate::hash::HashMap;
use wasm_encoder::Encode;

/// A manifest, written.
#[derive(Debug)]
pub struct Written {
    /// The content of the custom section.
    pub bytes: Vec<u8>,
    /// For each section, where in `bytes` the addresses of its start and its stop are.
    pub addresses: Vec<[u32; 2]>,
}

impl Manifest {
    /// The content of the custom section.
    pub fn write(&self) -> Written {
        let mut strings = Strings::new();
        let mut sections = Vec::new();
        let mut addresses = Vec::with_capacity(self.sections.len());
        (self.sections.len() as u32).encode(&mut sections);
        for section in &self.sections {
            let mut body = Vec::new();
            strings.add(&section.name).encode(&mut body);
            let at = body.len();
            self.address(section.start, &mut body);
            self.address(section.stop, &mut body);
            section_rest(section, &mut strings, &mut body);
            (body.len() as u32).encode(&mut sections);
            let start = (sections.len() + at) as u32;
            addresses.push([start, start + self.address_size()]);
            sections.extend_from_slice(&body);
        }
        let mut bytes = Vec::new();
        VERSION.encode(&mut bytes);
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        (flag(self.wide, WIDE) | flag(self.relative, RELATIVE)).encode(&mut bytes);
        strings.encode(&mut bytes);
        let before = bytes.len() as u32;
        bytes.extend_from_slice(&sections);
        for place in addresses.iter_mut().flatten() {
            *place += before;
        }
        Written { bytes, addresses }
    }

    /// How many bytes an address has.
    pub fn address_size(&self) -> u32 {
        if self.wide { 8 } else { 4 }
    }

    fn address(&self, address: u64, out: &mut Vec<u8>) {
        let size = self.address_size() as usize;
        out.extend(address.to_le_bytes().into_iter().take(size));
    }
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
    let number = |kind| PointerKind::ALL.iter().find(|(_, known)| *known == kind);
    number(pointer.kind).map_or(0, |(n, _)| *n).encode(out);
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
