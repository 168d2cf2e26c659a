//! What the plain link of the same command line resolves to: which archive members are extracted, and which
//! definition of each symbol wins.
//!
//! The backend decides that, and hoisting preserves it by the order and the binding of symbols. Only where
//! the plan itself depends on it (a weak definition that may lose, a name that two inputs define) are the
//! symbol tables of all inputs read, and the backend's rules (`lld/wasm/SymbolTable.cpp`) followed.

use crate::args::{CommandLine, Id};
use crate::bitcode::Bitcode;
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, ObjectId, Provenance};
use crate::wasm::{Object, SymbolKind};

/// The plain link.
#[derive(Debug, Default)]
pub struct PlainLink {
    /// For each object, whether it is linked.
    linked: Vec<bool>,
    /// The file whose definition of each name wins, or is offered first by an archive.
    definitions: HashMap<Box<str>, Definition>,
}

/// Where a name is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The object; none if it is bitcode.
    pub object: Option<ObjectId>,
    /// Whether that object is linked, and does not only offer the name.
    pub is_linked: bool,
    /// Whether two objects that are linked define it, and neither weakly.
    pub is_duplicate: bool,
}

impl PlainLink {
    /// Follows the backend's rules for all inputs.
    pub fn of(line: &CommandLine, inputs: &Inputs<'_>) -> Self {
        let mut linker = Linker::new(inputs);
        linker.add_files();
        linker.refer_from(line);
        linker.finish()
    }

    /// Whether an object is linked.
    pub fn is_linked(&self, object: ObjectId) -> bool {
        self.linked.get(object.0).copied().unwrap_or_default()
    }

    /// Where a name is defined.
    pub fn definition(&self, name: &str) -> Option<Definition> {
        self.definitions.get(name).copied()
    }
}

/// A file, with the symbols that count for others.
struct File {
    object: Option<ObjectId>,
    /// Whether the backend has made it of bitcode.
    is_compiled: bool,
    is_lazy: bool,
    is_linked: bool,
    symbols: Vec<Symbol>,
}

#[derive(Clone, Copy)]
struct Symbol {
    name: usize,
    is_undefined: bool,
    is_weak: bool,
}

/// What is known of a name.
#[derive(Clone, Copy)]
enum State {
    Unknown,
    Undefined { is_weak: bool },
    Lazy { file: usize },
    Defined { file: usize, is_weak: bool },
}

struct Linker {
    files: Vec<File>,
    names: HashMap<Box<str>, usize>,
    /// For each name.
    states: Vec<State>,
    duplicates: HashSet<usize>,
}

impl Linker {
    fn new(inputs: &Inputs<'_>) -> Self {
        let mut linker = Self {
            files: Vec::with_capacity(inputs.modules.len()),
            names: HashMap::default(),
            states: Vec::new(),
            duplicates: HashSet::default(),
        };
        let mut bitcode = inputs.bitcode.iter().peekable();
        for (position, module) in inputs.modules.iter().enumerate() {
            // What it was made into comes after all files.
            let is_last = module.provenance == Provenance::Compiled;
            let before =
                |other: &&Module<'_>| is_last || other.place.argument < module.place.argument;
            while let Some(other) = bitcode.next_if(before) {
                linker.read_bitcode(other);
            }
            linker.read_object(ObjectId(position), module);
        }
        bitcode.for_each(|other| linker.read_bitcode(other));
        linker
    }

    /// What cannot be read, the backend reports.
    fn read_object(&mut self, id: ObjectId, module: &Module<'_>) {
        let bytes = module.load().unwrap_or_default();
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
        self.files.push(File {
            object: Some(id),
            is_compiled: module.provenance == Provenance::Compiled,
            is_lazy: !module.always_linked(),
            is_linked: false,
            symbols,
        });
    }

    fn read_bitcode(&mut self, module: &Module<'_>) {
        let bitcode = Bitcode::parse(module.lasting().unwrap_or_default());
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
            is_linked: false,
            symbols,
        });
    }

    fn name(&mut self, name: &str) -> usize {
        if let Some(&known) = self.names.get(name) {
            return known;
        }
        let next = self.states.len();
        self.names.insert(name.into(), next);
        self.states.push(State::Unknown);
        next
    }

    fn add_files(&mut self) {
        for file in 0..self.files.len() {
            match self.files[file].is_lazy {
                true => self.offer(file),
                false => self.link(file),
            }
        }
    }

    /// An archive member, or a file between `--start-lib` and `--end-lib`, is linked only if a name that it
    /// defines is undefined.
    fn offer(&mut self, file: usize) {
        for symbol in self.files[file].symbols.clone() {
            if symbol.is_undefined {
                continue;
            }
            match self.states[symbol.name] {
                State::Unknown | State::Undefined { is_weak: true } => {
                    self.states[symbol.name] = State::Lazy { file };
                }
                State::Undefined { is_weak: false } => {
                    self.link(file);
                    return;
                }
                State::Lazy { .. } | State::Defined { .. } => {}
            }
        }
    }

    /// Adds the symbols of a file, one after the other. One that is undefined may bring in another file,
    /// whose symbols come first then.
    fn link(&mut self, file: usize) {
        let mut pending = vec![(file, 0)];
        self.files[file].is_linked = true;
        while let Some((file, next)) = pending.pop() {
            let Some(&symbol) = self.files[file].symbols.get(next) else {
                continue;
            };
            pending.push((file, next + 1));
            let extracted = match symbol.is_undefined {
                true => self.refer(symbol.name, symbol.is_weak),
                false => {
                    self.define(file, symbol);
                    None
                }
            };
            if let Some(extracted) = extracted {
                self.files[extracted].is_linked = true;
                pending.push((extracted, 0));
            }
        }
    }

    /// The file that a reference brings in.
    fn refer(&mut self, name: usize, is_weak: bool) -> Option<usize> {
        let state = &mut self.states[name];
        match *state {
            State::Unknown => *state = State::Undefined { is_weak },
            State::Undefined { is_weak: true } => *state = State::Undefined { is_weak },
            State::Lazy { file } if !is_weak && !self.files[file].is_linked => return Some(file),
            _ => {}
        }
        None
    }

    fn define(&mut self, file: usize, symbol: Symbol) {
        let is_weak = symbol.is_weak;
        let state = &mut self.states[symbol.name];
        match *state {
            // What bitcode defines is where it has been compiled.
            State::Defined { file: other, .. }
                if self.files[file].is_compiled && self.files[other].object.is_none() =>
            {
                *state = State::Defined { file, is_weak };
            }
            State::Defined { is_weak: false, .. } if !is_weak => {
                // With --allow-multiple-definition the first counts.
                self.duplicates.insert(symbol.name);
            }
            State::Defined { is_weak: true, .. } if !is_weak => {
                *state = State::Defined { file, is_weak };
            }
            State::Defined { .. } => {}
            _ => *state = State::Defined { file, is_weak },
        }
    }

    /// What the command line refers to, after all files.
    fn refer_from(&mut self, line: &CommandLine) {
        let options = [Id::Undefined, Id::Export, Id::ExportIfDefined, Id::Entry];
        let mut names: Vec<String> = options
            .into_iter()
            .flat_map(|id| line.values(id))
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        if !line.has(Id::NoEntry) && !line.has(Id::Entry) && !line.has(Id::Shared) {
            names.push("_start".to_owned());
        }
        for name in names {
            if let Some(&name) = self.names.get(name.as_str())
                && let State::Lazy { file } = self.states[name]
                && !self.files[file].is_linked
            {
                self.link(file);
            }
        }
    }

    fn finish(self) -> PlainLink {
        let objects = self
            .files
            .iter()
            .filter_map(|file| Some((file.object?, file)));
        let mut linked = Vec::new();
        for (object, file) in objects {
            linked.resize(linked.len().max(object.0 + 1), false);
            linked[object.0] = file.is_linked;
        }
        let definitions = self.names.into_iter().filter_map(|(name, number)| {
            let (file, is_linked) = match self.states[number] {
                State::Defined { file, .. } => (file, true),
                State::Lazy { file } => (file, false),
                State::Unknown | State::Undefined { .. } => return None,
            };
            let definition = Definition {
                object: self.files[file].object,
                is_linked,
                is_duplicate: self.duplicates.contains(&number),
            };
            Some((name, definition))
        });
        PlainLink {
            linked,
            definitions: definitions.collect(),
        }
    }
}
