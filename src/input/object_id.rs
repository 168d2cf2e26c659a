//! The modules of a link, their ids, and a map by id: a table, as each phase looks up the object of every entry.

use super::module::Module;
use std::ops::{Deref, Index};

/// The index of a module in [`Modules`], which is link order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(usize);

impl ObjectId {
    /// The index.
    pub fn position(self) -> usize {
        self.0
    }

    /// An id that no inputs made.
    #[cfg(test)]
    pub fn for_test(position: usize) -> Self {
        Self(position)
    }
}

/// The wasm modules of a link, in link order.
#[derive(Debug, Default)]
pub struct Modules<'a>(pub(super) Vec<Module<'a>>);

impl<'a> Modules<'a> {
    /// The modules with their ids.
    pub fn with_ids(&self) -> impl Iterator<Item = (ObjectId, &Module<'a>)> {
        let modules = self.0.iter().enumerate();
        modules.map(|(position, module)| (ObjectId(position), module))
    }

    /// Adds a module after all others.
    pub(super) fn push(&mut self, module: Module<'a>) -> ObjectId {
        self.0.push(module);
        ObjectId(self.0.len() - 1)
    }
}

impl<'a> Deref for Modules<'a> {
    type Target = [Module<'a>];

    fn deref(&self) -> &[Module<'a>] {
        &self.0
    }
}

impl<'a> FromIterator<Module<'a>> for Modules<'a> {
    fn from_iter<I: IntoIterator<Item = Module<'a>>>(modules: I) -> Self {
        Self(modules.into_iter().collect())
    }
}

impl<'a> Index<ObjectId> for Modules<'a> {
    type Output = Module<'a>;

    fn index(&self, id: ObjectId) -> &Module<'a> {
        &self.0[id.0]
    }
}

/// Something for each of some objects, in link order.
#[derive(Debug)]
pub struct ObjectMap<T>(Vec<Option<Box<T>>>);

impl<T> ObjectMap<T> {
    /// What there is for an object.
    pub fn get(&self, id: ObjectId) -> Option<&T> {
        self.0.get(id.0)?.as_deref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: ObjectId) -> Option<&mut T> {
        self.0.get_mut(id.0)?.as_deref_mut()
    }

    /// Puts something there for an object.
    pub fn insert(&mut self, id: ObjectId, value: T) {
        *self.slot(id) = Some(Box::new(value));
    }

    /// Takes out what there is for an object.
    pub fn remove(&mut self, id: ObjectId) -> Option<T> {
        self.0.get_mut(id.0)?.take().map(|value| *value)
    }

    /// All there is, in link order.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectId, &T)> {
        let slots = self.0.iter().enumerate();
        slots.filter_map(|(position, slot)| Some((ObjectId(position), slot.as_deref()?)))
    }

    /// All there is, in link order, without saying for which objects.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten().map(|value| &**value)
    }

    fn slot(&mut self, id: ObjectId) -> &mut Option<Box<T>> {
        if self.0.len() <= id.0 {
            self.0.resize_with(id.0 + 1, || None);
        }
        &mut self.0[id.0]
    }
}

impl<T: Default> ObjectMap<T> {
    /// What there is for an object, made if there is nothing yet.
    pub fn get_or_default(&mut self, id: ObjectId) -> &mut T {
        self.slot(id).get_or_insert_default()
    }
}

impl<T> Default for ObjectMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// # Panics
/// There is no value for that object.
impl<T> Index<ObjectId> for ObjectMap<T> {
    type Output = T;

    fn index(&self, id: ObjectId) -> &T {
        match self.get(id) {
            Some(value) => value,
            None => unreachable!("no value for object {}", id.0),
        }
    }
}

impl<T> FromIterator<(ObjectId, T)> for ObjectMap<T> {
    fn from_iter<I: IntoIterator<Item = (ObjectId, T)>>(iter: I) -> Self {
        let mut map = Self::default();
        for (id, value) in iter {
            map.insert(id, value);
        }
        map
    }
}

impl<T> IntoIterator for ObjectMap<T> {
    type Item = (ObjectId, T);
    type IntoIter = std::iter::FilterMap<
        std::iter::Enumerate<std::vec::IntoIter<Option<Box<T>>>>,
        fn((usize, Option<Box<T>>)) -> Option<(ObjectId, T)>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let slots = self.0.into_iter().enumerate();
        slots.filter_map(|(position, slot)| Some((ObjectId(position), *slot?)))
    }
}
