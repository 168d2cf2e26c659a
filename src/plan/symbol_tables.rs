//! The symbol tables of all inputs, objects and bitcode, in link order.

use crate::bitcode::Bitcode;
use crate::hash::HashMap;
use crate::input::{Inputs, Module, ObjectId};
use crate::wasm::{Object, SymbolKind};

/// The symbol tables of all inputs.
#[derive(Debug, Default)]
pub struct SymbolTables {
    /// The files, in link order.
    pub files: Vec<File>,
    /// For each object, the index of its file.
    objects: Vec<usize>,
    /// The index of each name.
    names: HashMap<Box<str>, usize>,
}

/// A file with its global symbols.
#[derive(Debug)]
pub struct File {
    /// The object; none if it is bitcode.
    pub object: Option<ObjectId>,
    /// Whether the backend has compiled it from bitcode.
    pub is_compiled: bool,
    /// Whether it is linked only if it defines a name that is undefined.
    pub is_lazy: bool,
    /// The symbols, in the order of its symbol table.
    pub symbols: Box<[Symbol]>,
}

/// A global symbol.
#[derive(Debug, Clone, Copy)]
pub struct Symbol {
    /// The index of its name.
    pub name: usize,
    /// Whether it is a reference.
    pub is_undefined: bool,
    /// Whether it is weak.
    pub is_weak: bool,
}

impl SymbolTables {
    /// Reads them. The backend reports unreadable files.
    pub fn read(inputs: &Inputs<'_>) -> Self {
        let mut tables = Self::default();
        let mut bitcode = inputs.bitcode.iter().peekable();
        for (id, module) in inputs.modules.with_ids() {
            // Compiled objects come after all files.
            let is_last = module.is_compiled();
            let before =
                |other: &&Module<'_>| is_last || other.place.argument < module.place.argument;
            while let Some(other) = bitcode.next_if(before) {
                tables.read_bitcode(other);
            }
            tables.read_object(id, module);
        }
        bitcode.for_each(|other| tables.read_bitcode(other));
        tables
    }

    /// The index of an object's file.
    pub fn file_of(&self, object: ObjectId) -> Option<usize> {
        self.objects.get(object.position()).copied()
    }

    /// The index of a name, if a file has a symbol of it.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// How many names there are.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    fn read_object(&mut self, id: ObjectId, module: &Module<'_>) {
        let bytes = module.object_bytes();
        let mut symbols = Vec::new();
        if let Ok(object) = Object::parse(&bytes) {
            let symbols_of = object.symbols.iter().filter(|symbol| {
                !symbol.is_local() && !matches!(symbol.kind, SymbolKind::Section(_))
            });
            symbols.extend(symbols_of.map(|symbol| Symbol {
                name: self.name(symbol.name),
                is_undefined: symbol.is_undefined(),
                is_weak: symbol.is_weak(),
            }));
        }
        self.objects.push(self.files.len());
        self.files.push(File {
            object: Some(id),
            is_compiled: module.is_compiled(),
            is_lazy: !module.always_linked(),
            symbols: symbols.into(),
        });
    }

    fn read_bitcode(&mut self, module: &Module<'_>) {
        let bitcode = Bitcode::parse(module.contents());
        let global = bitcode.symbols.iter().flatten();
        let global = global.filter(|symbol| symbol.is_global());
        let symbols = global.map(|symbol| Symbol {
            name: self.name(symbol.name),
            is_undefined: symbol.is_undefined(),
            is_weak: symbol.is_weak(),
        });
        let symbols = symbols.collect();
        self.files.push(File {
            object: None,
            is_compiled: false,
            is_lazy: !module.always_linked(),
            symbols,
        });
    }

    fn name(&mut self, name: &str) -> usize {
        if let Some(&known) = self.names.get(name) {
            return known;
        }
        let next = self.names.len();
        self.names.insert(name.into(), next);
        next
    }
}
