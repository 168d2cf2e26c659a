//! Inputs of which the backend has compiled the bitcode.

use super::{Bytes, Inputs, Module, Name, Place, Provenance};
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use std::collections::BTreeMap;

/// What has become of bitcode.
#[derive(Debug, Default)]
pub struct Compiled<'a> {
    /// What is linked, as places in [`Inputs::bitcode`]: the objects that were made of it are the last modules.
    pub linked: Vec<usize>,
    /// By where an object is that was compiled alone: its bitcode, in whose place it is among the modules.
    alone: HashMap<*const u8, &'a [u8]>,
}

impl Compiled<'_> {
    /// Where the file or member is that stands on the command line for a module.
    pub fn original(&self, module: &Module<'_>) -> Option<*const u8> {
        let address = module.address()?;
        let bitcode = self.alone.get(&address);
        Some(bitcode.map_or(address, |bitcode| bitcode.as_ptr()))
    }

    /// Whether a module was compiled alone.
    pub fn is_alone(&self, module: &Module<'_>) -> bool {
        let address = module.address();
        address.is_some_and(|address| self.alone.contains_key(&address))
    }
}

/// What the backend makes of bitcode.
#[derive(Debug)]
pub struct FromBitcode {
    /// The objects that are made of what is linked.
    pub objects: Vec<(Name, Vec<u8>)>,
    /// The places in [`Inputs::bitcode`] of what is linked.
    pub linked: HashSet<usize>,
    /// By such a place, the object that was made of what is not linked.
    pub alone: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Inputs<'a> {
    /// The same with what the backend has made of the bitcode. As in the backend, what it made of all that is
    /// linked comes after all other objects; what was compiled alone is in the place of its bitcode.
    ///
    /// # Errors
    /// An archive that is not right.
    pub fn with_compiled(mut self, from: &'a FromBitcode) -> Result<Self> {
        let Some(place) = self.bitcode.first().map(|bitcode| bitcode.place) else {
            return Ok(self);
        };
        let mut compiled = Compiled::default();
        let mut left = Vec::with_capacity(self.bitcode.len());
        let mut alone = Vec::new();
        for (position, module) in std::mem::take(&mut self.bitcode).into_iter().enumerate() {
            if let Some(bytes) = from.alone.get(&position) {
                let original = module.lasting().unwrap_or_default();
                compiled.alone.insert(bytes.as_ptr(), original);
                alone.push(Module {
                    bytes: Bytes::Here(bytes),
                    ..module
                });
                continue;
            }
            if from.linked.contains(&position) {
                compiled.linked.push(left.len());
            }
            left.push(module);
        }
        self.bitcode = left;
        self.insert(alone, &compiled)?;
        let objects = from.objects.iter();
        self.modules.extend(objects.map(|(name, bytes)| Module {
            name: name.clone(),
            bytes: Bytes::Here(bytes),
            place: Place::at(place.argument),
            provenance: Provenance::Compiled,
        }));
        self.compiled = Some(compiled);
        Ok(self)
    }

    /// Puts modules where they stand in link order.
    fn insert(&mut self, modules: Vec<Module<'a>>, compiled: &Compiled<'_>) -> Result<()> {
        // Of each archive that they are in, where its members are.
        let mut archives = BTreeMap::new();
        for module in &modules {
            let argument = module.place.argument;
            let archive = match self.files {
                Some(files) if module.is_member() => files.archive(argument)?,
                _ => None,
            };
            let members = archive.into_iter().flat_map(|archive| archive.members);
            let places = members
                .enumerate()
                .map(|(at, (_, bytes))| (bytes.as_ptr(), at));
            archives.insert(argument, places.collect::<HashMap<_, _>>());
        }
        if modules.is_empty() {
            return Ok(());
        }
        self.modules.extend(modules);
        self.modules.sort_by_key(|module| {
            let argument = module.place.argument;
            let places = archives.get(&argument);
            let at = places.and_then(|places| places.get(&compiled.original(module)?));
            (argument, at.copied().unwrap_or(0))
        });
        Ok(())
    }

    /// Whether the bitcode has been compiled.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    /// The bitcode that is linked and has been compiled.
    pub fn linked_bitcode(&self) -> impl Iterator<Item = &Module<'a>> {
        let linked = self.compiled.iter().flat_map(|compiled| &compiled.linked);
        linked.filter_map(|&position| self.bitcode.get(position))
    }

    /// What was compiled separately, as it is not linked.
    pub fn separately_compiled(&self) -> impl Iterator<Item = &Module<'a>> {
        let compiled = self.compiled.as_ref();
        let is_alone = move |module: &&Module<'_>| compiled.is_some_and(|c| c.is_alone(module));
        self.modules.iter().filter(is_alone)
    }

    /// The bitcode in whose place something else is linked.
    pub fn replaced_bitcode(&self) -> impl Iterator<Item = &Module<'a>> {
        self.linked_bitcode().chain(self.separately_compiled())
    }

    /// Where the file or member is that stands on the command line for a module.
    pub fn original(&self, module: &Module<'_>) -> Option<*const u8> {
        match &self.compiled {
            Some(compiled) => compiled.original(module),
            None => module.address(),
        }
    }
}
