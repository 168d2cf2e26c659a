//! Names that are kept of objects which are not: those of sections and groups once, those of symbols where
//! they are, or in one text.

use crate::hash::HashMap;
use crate::input::Module;
use crate::wasm::Object;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The number of a name that many have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(NonZeroU32);

impl NameId {
    fn new(position: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(position as u32))
    }

    /// Its place among the names.
    pub fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Names, each with a number.
#[derive(Debug, Default)]
pub struct Interner {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
}

impl Interner {
    /// The number of a name.
    pub fn intern(&mut self, name: &str) -> NameId {
        // Most have the section of the one before.
        if let Some(last) = self.names.last()
            && **last == *name
        {
            return NameId::new(self.names.len() - 1);
        }
        if let Some(&known) = self.ids.get(name) {
            return known;
        }
        let id = NameId::new(self.names.len());
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    /// The numbers that the names of another have here, by their places there.
    pub fn intern_all(&mut self, other: &Self) -> Vec<NameId> {
        let names = other.names.iter();
        names.map(|name| self.intern(name)).collect()
    }

    /// The names, in the order of their numbers.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

/// Where the names of an object's entries are.
#[derive(Debug)]
pub enum NameStore<'a> {
    /// In the object.
    Object(&'a [u8]),
    /// Copied, one after the other, as the object is not in memory any more or has other bytes.
    Copied(String),
}

impl<'a> NameStore<'a> {
    /// None yet, of those of an object.
    pub fn of(module: &Module<'a>, object: &Object<'_>) -> Self {
        let within = object.bytes.as_ptr_range();
        let mut names = object.symbols.iter().map(|symbol| symbol.name);
        // A name that is not UTF-8 is elsewhere, as a text.
        let is_elsewhere = |name: &str| !name.is_empty() && !within.contains(&name.as_ptr());
        match module.resident() {
            Some(bytes) if !names.any(is_elsewhere) => Self::Object(bytes),
            _ => Self::Copied(String::new()),
        }
    }

    /// Keeps a name of the object.
    pub fn add(&mut self, name: &str) -> StoredName {
        let start = match self {
            // Objects are smaller than 4 GiB, as their sections and symbols are.
            Self::Object(bytes) => name.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr()),
            Self::Copied(texts) => {
                texts.push_str(name);
                texts.len() - name.len()
            }
        };
        StoredName {
            start: start as u32,
            length: name.len() as u32,
        }
    }
}

/// Where a name is in the texts that it was kept in.
#[derive(Debug, Clone, Copy)]
pub struct StoredName {
    start: u32,
    length: u32,
}

impl StoredName {
    /// The name.
    pub fn of(self, texts: &[u8]) -> &str {
        let start = self.start as usize;
        let name = texts.get(start..start + self.length as usize);
        let name = name.map(str::from_utf8).and_then(Result::ok);
        name.unwrap_or_default()
    }

    /// Where it is once its texts begin at `start` of others.
    #[must_use]
    pub fn shifted(self, start: u32) -> Self {
        Self {
            start: self.start + start,
            ..self
        }
    }
}
