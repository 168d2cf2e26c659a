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
use crate::names;
use crate::survey::{EntrySymbol, is_marked};
use crate::wasm::{Object, SymbolFlags, SymbolKind};
use std::ffi::OsStr;
use std::rc::Rc;

/// The plain link.
#[derive(Debug, Clone)]
pub struct PlainLink {
    files: Rc<[File]>,
    /// For each object, which file it is.
    objects: Rc<[usize]>,
    names: Rc<HashMap<Box<str>, usize>>,
    /// For each file that is linked, how many were before it.
    linked: Vec<Option<usize>>,
    /// How many files are linked.
    count: usize,
    /// For each name.
    states: Vec<State>,
    duplicates: HashSet<usize>,
    /// What the command line extracts after all files, in order: a name, and the object that defines it.
    asked: Vec<(String, ObjectId)>,
    /// The names that the command line exports.
    exports: HashSet<String>,
    /// Whether it exports all that is not hidden.
    exports_all: bool,
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
        let mut link = Reader::read(inputs);
        let exports = line.exports().map(|(_, name, _)| name);
        link.exports = exports
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        link.exports_all = line.has(Id::ExportAll) || line.has(Id::Shared);
        link.add_files();
        link.refer_from(line);
        link
    }

    /// The same link, in which the synthesized object refers to `names` after all else.
    pub fn with_references<'n>(&self, names: impl Iterator<Item = &'n str>) -> Self {
        let mut link = self.clone();
        names.for_each(|name| {
            link.extract(name);
        });
        link
    }

    /// Whether an object is linked.
    pub fn is_linked(&self, object: ObjectId) -> bool {
        self.position(object).is_some()
    }

    /// How many files the backend links before an object, if it links that.
    pub fn position(&self, object: ObjectId) -> Option<usize> {
        let file = self.objects.get(object.0)?;
        self.linked[*file]
    }

    /// Where a name is defined: in the file whose definition wins or, where none is linked, in the one that
    /// is extracted for it.
    pub fn definition(&self, name: &str) -> Option<Definition> {
        let number = *self.names.get(name)?;
        let (file, is_linked) = match self.states[number] {
            State::Defined { file, .. } => (file, true),
            State::Lazy { file } => (file, false),
            State::Unknown | State::Undefined { .. } => return None,
        };
        Some(Definition {
            object: self.files[file].object,
            is_linked,
            is_duplicate: self.duplicates.contains(&number),
        })
    }

    /// What the command line extracts after all files, in order.
    pub fn asked(&self) -> &[(String, ObjectId)] {
        &self.asked
    }

    /// Whether a file that is linked, other than `object`, refers to a name.
    pub fn is_referred(&self, name: &str, object: ObjectId) -> bool {
        let Some(&number) = self.names.get(name) else {
            return false;
        };
        let files = self.files.iter().zip(&self.linked);
        let mut others =
            files.filter(|(file, linked)| linked.is_some() && file.object != Some(object));
        others.any(|(file, _)| {
            let mut symbols = file.symbols.iter();
            symbols.any(|symbol| symbol.name == number && symbol.is_undefined)
        })
    }

    /// Whether the output exports a symbol.
    pub fn is_exported(&self, symbol: &EntrySymbol, name: &str) -> bool {
        self.exports_all
            || symbol.flags.contains(SymbolFlags::EXPORTED)
            || self.exports.contains(name)
    }

    /// Those of `names` that more than one file defines, of which one at least is not linked: what entries
    /// extract may decide which definition wins.
    pub fn has_open<'n>(&self, names: impl Iterator<Item = &'n str>) -> bool {
        let numbers = names.filter_map(|name| self.names.get(name).copied());
        // How many files define each, and whether one of them is not linked.
        let mut found: HashMap<usize, (bool, bool)> =
            numbers.map(|number| (number, (false, false))).collect();
        let files = self.files.iter().zip(&self.linked);
        files.into_iter().any(|(file, linked)| {
            let mut defined = file.symbols.iter().filter(|symbol| !symbol.is_undefined);
            defined.any(|symbol| {
                let Some((is_defined, is_open)) = found.get_mut(&symbol.name) else {
                    return false;
                };
                *is_open |= linked.is_none();
                std::mem::replace(is_defined, true) && *is_open
            })
        })
    }
}

/// A file, with the symbols that count for others.
#[derive(Debug)]
struct File {
    object: Option<ObjectId>,
    /// Whether the backend has made it of bitcode.
    is_compiled: bool,
    is_lazy: bool,
    symbols: Box<[Symbol]>,
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    name: usize,
    is_undefined: bool,
    is_weak: bool,
}

/// What is known of a name.
#[derive(Debug, Clone, Copy)]
enum State {
    Unknown,
    Undefined { is_weak: bool },
    Lazy { file: usize },
    Defined { file: usize, is_weak: bool },
}

/// Reads the symbol tables of all inputs.
#[derive(Default)]
struct Reader {
    files: Vec<File>,
    objects: Vec<usize>,
    names: HashMap<Box<str>, usize>,
}

impl Reader {
    fn read(inputs: &Inputs<'_>) -> PlainLink {
        let mut reader = Self::default();
        let mut bitcode = inputs.bitcode.iter().peekable();
        for (position, module) in inputs.modules.iter().enumerate() {
            // What it was made into comes after all files.
            let is_last = module.provenance == Provenance::Compiled;
            let before =
                |other: &&Module<'_>| is_last || other.place.argument < module.place.argument;
            while let Some(other) = bitcode.next_if(before) {
                reader.read_bitcode(other);
            }
            reader.read_object(ObjectId(position), module);
        }
        bitcode.for_each(|other| reader.read_bitcode(other));
        PlainLink {
            linked: vec![None; reader.files.len()],
            count: 0,
            states: vec![State::Unknown; reader.names.len()],
            files: reader.files.into(),
            objects: reader.objects.into(),
            names: reader.names.into(),
            duplicates: HashSet::default(),
            asked: Vec::new(),
            exports: HashSet::default(),
            exports_all: false,
        }
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
        self.objects.push(self.files.len());
        self.files.push(File {
            object: Some(id),
            is_compiled: module.provenance == Provenance::Compiled,
            is_lazy: !module.always_linked(),
            symbols: symbols.into(),
        });
    }

    fn read_bitcode(&mut self, module: &Module<'_>) {
        let bitcode = Bitcode::parse(module.resident().unwrap_or_default());
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

impl PlainLink {
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
        let files = Rc::clone(&self.files);
        for symbol in &files[file].symbols {
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
        self.note_linked(file);
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
                self.note_linked(extracted);
                pending.push((extracted, 0));
            }
        }
    }

    fn note_linked(&mut self, file: usize) {
        self.linked[file] = Some(self.count);
        self.count += 1;
    }

    /// The file that a reference brings in.
    fn refer(&mut self, name: usize, is_weak: bool) -> Option<usize> {
        let state = &mut self.states[name];
        match *state {
            State::Unknown => *state = State::Undefined { is_weak },
            State::Undefined { is_weak: true } => *state = State::Undefined { is_weak },
            State::Lazy { file } if !is_weak && self.linked[file].is_none() => return Some(file),
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

    /// What the command line refers to, after all files (`lld/wasm/Driver.cpp`).
    fn refer_from(&mut self, line: &CommandLine) {
        const DESTRUCTORS: &str = "__wasm_call_dtors";
        for name in asked_names(line) {
            let name = names::text(name.as_encoded_bytes());
            if let Some(object) = self.extract(&name) {
                self.asked.push((name.into_owned(), object));
            }
        }
        if !line.has(Id::Shared) {
            self.extract(DESTRUCTORS);
        }
    }

    /// Extracts the file that offers a name, if there is one. The object that it is.
    fn extract(&mut self, name: &str) -> Option<ObjectId> {
        let number = *self.names.get(name)?;
        let State::Lazy { file } = self.states[number] else {
            return None;
        };
        if self.linked[file].is_some() {
            return None;
        }
        self.link(file);
        self.files[file].object
    }
}

/// The names that the command line refers to, in the order in which the backend extracts members for them.
/// Exports of marked symbols that rustc derives are not passed on.
fn asked_names(line: &CommandLine) -> impl Iterator<Item = &OsStr> {
    let undefined = line.values(Id::Undefined);
    let exports = line
        .exports()
        .filter(|(_, symbol, is_derived)| !(*is_derived && symbol.to_str().is_some_and(is_marked)));
    let exports = exports.map(|(_, symbol, _)| symbol);
    let is_program = !line.has(Id::NoEntry) && !line.has(Id::Shared);
    let default = is_program.then_some(OsStr::new("_start"));
    let entry = line.values(Id::Entry).last().or(default);
    undefined.chain(exports).chain(entry)
}

/// Whether the command line may extract members after all files. The symbol indexes of the archives tell,
/// and what is always linked, as that is asked for earlier.
pub fn asks_for_members(line: &CommandLine, inputs: &Inputs<'_>) -> bool {
    let names: HashSet<&[u8]> = asked_names(line).map(OsStr::as_encoded_bytes).collect();
    let is_lazy = |module: &Module<'_>| !module.always_linked();
    if !inputs.modules.iter().any(is_lazy) {
        return false;
    }
    let Some(mut offered) = inputs
        .files
        .and_then(|files| files.in_symbol_indexes(&names))
    else {
        return true;
    };
    for module in inputs.modules.iter().filter(|module| !is_lazy(module)) {
        if offered.is_empty() {
            return false;
        }
        let bytes = module.load().unwrap_or_default();
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        for symbol in object.symbols.iter().filter(|symbol| !symbol.is_local()) {
            if !(symbol.is_undefined() && symbol.is_weak()) {
                offered.remove(names::bytes(symbol.name).as_ref());
            }
        }
    }
    !offered.is_empty()
}
