//! Names that outlive their objects. Sections and COMDAT groups are interned; symbol names are copied into one
//! string.

use crate::hash::HashMap;
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

/// The names of symbols, one after another.
#[derive(Debug, Default)]
pub struct NameStore(String);

impl NameStore {
    /// Adds a name.
    pub fn add(&mut self, name: &str) -> StoredName {
        self.0.push_str(name);
        StoredName {
            // Offsets fit 32 bits: objects are smaller than 4 GiB, and `append` checks.
            start: (self.0.len() - name.len()) as u32,
            length: name.len() as u32,
        }
    }

    /// Adds all names of `other`. Returns how far they move; none beyond 4 GiB.
    pub fn append(&mut self, other: &Self) -> Option<u32> {
        let start = u32::try_from(self.0.len()).ok()?;
        self.0.push_str(&other.0);
        u32::try_from(self.0.len()).ok().map(|_| start)
    }

    /// A name.
    pub fn get(&self, name: StoredName) -> &str {
        let start = name.start as usize;
        let text = self.0.get(start..start + name.length as usize);
        text.unwrap_or_default()
    }
}

/// The range of a name in its store, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct StoredName {
    start: u32,
    length: u32,
}

impl StoredName {
    /// The range once its store is appended to another at `start`.
    #[must_use]
    pub fn shifted(self, start: u32) -> Self {
        Self {
            start: self.start + start,
            ..self
        }
    }
}
