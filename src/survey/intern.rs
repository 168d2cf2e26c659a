//! Names that outlive their objects. Sections and COMDAT groups are interned; symbol names stay in
//! the object or are copied into one string.

use crate::hash::HashMap;
use crate::input::Module;
use crate::wasm::Object;
use std::num::NonZeroU32;
use std::sync::Arc;

/// An interned name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(NonZeroU32);

impl NameId {
    fn new(position: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(position as u32))
    }

    /// Its index among the names.
    pub fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The interned names.
#[derive(Debug, Default)]
pub struct Interner {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
}

impl Interner {
    /// Interns a name.
    pub fn intern(&mut self, name: &str) -> NameId {
        // Consecutive entries mostly have the same section.
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

    /// Interns the names of `other`. Returns the new ids, indexed by the old.
    pub fn intern_all(&mut self, other: &Self) -> Vec<NameId> {
        let names = other.names.iter();
        names.map(|name| self.intern(name)).collect()
    }

    /// The names, indexed by [`NameId::position`].
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

/// Where the names of an object's entries are.
#[derive(Debug)]
pub enum NameStore<'a> {
    /// As ranges of the object, which stays in memory.
    Object(&'a [u8]),
    /// Copied into one string: the object does not stay in memory, or a name is not UTF-8.
    Copied(String),
}

impl<'a> NameStore<'a> {
    /// An empty store for the names of an object.
    pub fn of(module: &Module<'a>, object: &Object<'_>) -> Self {
        let within = object.bytes.as_ptr_range();
        let mut names = object.symbols.iter().map(|symbol| symbol.name);
        // A name that is not UTF-8 has an escaped copy outside of the object.
        let is_elsewhere = |name: &str| !name.is_empty() && !within.contains(&name.as_ptr());
        match module.resident() {
            Some(bytes) if !names.any(is_elsewhere) => Self::Object(bytes),
            _ => Self::Copied(String::new()),
        }
    }

    /// Adds a name of the object.
    pub fn add(&mut self, name: &str) -> StoredName {
        let start = match self {
            // Offsets fit 32 bits: objects are smaller than 4 GiB.
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

/// The range of a name in its store, in bytes.
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

    /// The range once its store is appended to another at `start`.
    #[must_use]
    pub fn shifted(self, start: u32) -> Self {
        Self {
            start: self.start + start,
            ..self
        }
    }
}
