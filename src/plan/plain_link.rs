//! A simulation of the plain link of the same command line: which archive members are extracted, and which
//! definition of each symbol prevails.
//!
//! The backend decides that, and hoisting preserves it by the order and the binding of symbols. The simulation is
//! needed only if the plan depends on it: a weak definition, or a name that two inputs define. It reads
//! the symbol tables of all inputs and follows `lld/wasm/SymbolTable.cpp`.

use super::symbol_tables::{Symbol, SymbolTables};
use crate::args::{ArgumentIndex, CommandLine, Id};
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, ObjectId};
use crate::names;
use crate::survey::{EntrySymbol, dropped_exports};
use crate::wasm::{Object, SymbolFlags};
use std::ffi::OsStr;
use std::rc::Rc;

/// The plain link.
#[derive(Debug, Clone)]
pub struct PlainLink {
    tables: Rc<SymbolTables>,
    /// For each file that is linked, how many were linked before it.
    linked: Vec<Option<usize>>,
    /// How many files are linked.
    count: usize,
    /// For each name.
    states: Vec<State>,
    duplicates: HashSet<usize>,
    /// What the command line extracts after all files, in order: the name, and the object unless it is bitcode.
    extracted_by_command_line: Vec<(String, Option<ObjectId>)>,
    /// The names that the command line exports.
    exports: HashSet<String>,
    /// Whether it exports all symbols that are not hidden.
    exports_all: bool,
}

/// The state of a name in the symbol table.
#[derive(Debug, Clone, Copy)]
enum State {
    Unknown,
    Undefined { is_weak: bool },
    Lazy { file: usize },
    Defined { file: usize, is_weak: bool },
}

/// Where a name is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The object; none if it is bitcode.
    pub object: Option<ObjectId>,
    /// Whether that object is linked. Else it is a lazy archive member that defines the name.
    pub is_linked: bool,
    /// Whether two linked objects have strong definitions.
    pub is_duplicate: bool,
}

/// A reference of the synthesized object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The symbol.
    pub name: String,
    /// The object, if the symbol is an alias that hoisting adds to one of its local symbols.
    pub alias_in: Option<ObjectId>,
}

impl PlainLink {
    /// Simulates the link of all inputs.
    pub fn of(line: &CommandLine, inputs: &Inputs<'_>) -> Self {
        let tables = SymbolTables::read(inputs);
        let mut link = PlainLink {
            linked: vec![None; tables.files.len()],
            count: 0,
            states: vec![State::Unknown; tables.name_count()],
            tables: Rc::new(tables),
            duplicates: HashSet::default(),
            extracted_by_command_line: Vec::new(),
            exports: HashSet::default(),
            exports_all: false,
        };
        let exports = line.exports().map(|(_, name, _)| name);
        link.exports = exports
            .map(|name| names::text(name.as_encoded_bytes()).into_owned())
            .collect();
        link.exports_all = line.has(Id::ExportAll) || line.has(Id::Shared);
        link.add_files(false);
        link.refer_from(line);
        // Compiled objects come after all references.
        link.add_files(true);
        link
    }

    /// The same link with the synthesized object last, which has these references.
    pub fn with_references(&self, references: &[Reference]) -> Self {
        let mut link = self.clone();
        for reference in references {
            match reference.alias_in.map(|object| link.tables.file_of(object)) {
                Some(Some(file)) if link.linked[file].is_none() => link.link(file),
                Some(_) => {}
                None => _ = link.extract(&reference.name),
            }
        }
        link
    }

    /// Whether an object is linked.
    pub fn is_linked(&self, object: ObjectId) -> bool {
        self.position(object).is_some()
    }

    /// How many files are linked before an object; none if it is not linked.
    pub fn position(&self, object: ObjectId) -> Option<usize> {
        self.linked[self.tables.file_of(object)?]
    }

    /// Where a name is defined: in the file whose definition prevails or, if none is linked, in the file that a
    /// reference would extract.
    pub fn definition(&self, name: &str) -> Option<Definition> {
        let number = self.tables.index_of(name)?;
        let (file, is_linked) = match self.states[number] {
            State::Defined { file, .. } => (file, true),
            State::Lazy { file } => (file, false),
            State::Unknown | State::Undefined { .. } => return None,
        };
        Some(Definition {
            object: self.tables.files[file].object,
            is_linked,
            is_duplicate: self.duplicates.contains(&number),
        })
    }

    /// The names for which the command line extracts files after all others, in order, each with the object;
    /// none if it is bitcode.
    pub fn extracted_by_command_line(&self) -> &[(String, Option<ObjectId>)] {
        &self.extracted_by_command_line
    }

    /// Whether a file that is linked, other than `object`, refers to a name.
    pub fn is_referred(&self, name: &str, object: ObjectId) -> bool {
        let Some(number) = self.tables.index_of(name) else {
            return false;
        };
        let files = self.tables.files.iter().zip(&self.linked);
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

    /// Whether more than one file defines one of `names`, and one of them is not linked. Then members that
    /// entries extract may change which definition prevails.
    pub fn has_lazy_alternatives<'n>(&self, names: impl Iterator<Item = &'n str>) -> bool {
        let numbers = names.filter_map(|name| self.tables.index_of(name));
        // How many files define each, and whether one of them is not linked.
        let mut found: HashMap<usize, (bool, bool)> =
            numbers.map(|number| (number, (false, false))).collect();
        let files = self.tables.files.iter().zip(&self.linked);
        files.into_iter().any(|(file, linked)| {
            let mut defined = file.symbols.iter().filter(|symbol| !symbol.is_undefined);
            defined.any(|symbol| {
                let Some((is_defined, has_lazy)) = found.get_mut(&symbol.name) else {
                    return false;
                };
                *has_lazy |= linked.is_none();
                std::mem::replace(is_defined, true) && *has_lazy
            })
        })
    }

    fn add_files(&mut self, compiled: bool) {
        for file in 0..self.tables.files.len() {
            if self.tables.files[file].is_compiled != compiled {
                continue;
            }
            match self.tables.files[file].is_lazy {
                true => self.offer(file),
                false => self.link(file),
            }
        }
    }

    /// Adds the definitions of an archive member, or of a file between `--start-lib` and `--end-lib`. It is linked
    /// only if a name that it defines is undefined.
    fn offer(&mut self, file: usize) {
        let tables = Rc::clone(&self.tables);
        for symbol in &tables.files[file].symbols {
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

    /// Adds the symbols of a file, one after the other. An undefined one may extract another file, whose symbols
    /// come first then.
    fn link(&mut self, file: usize) {
        let mut pending = vec![(file, 0)];
        self.note_linked(file);
        while let Some((file, next)) = pending.pop() {
            let Some(&symbol) = self.tables.files[file].symbols.get(next) else {
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

    /// Adds a reference. Returns the file that it extracts.
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
        let files = &self.tables.files;
        match *state {
            // The compiled object now has the definition.
            State::Defined { file: other, .. }
                if files[file].is_compiled && files[other].object.is_none() =>
            {
                *state = State::Defined { file, is_weak };
            }
            State::Defined { is_weak: false, .. } if !is_weak => {
                // With --allow-multiple-definition the first wins.
                self.duplicates.insert(symbol.name);
            }
            State::Defined { is_weak: true, .. } if !is_weak => {
                *state = State::Defined { file, is_weak };
            }
            State::Defined { .. } => {}
            _ => *state = State::Defined { file, is_weak },
        }
    }

    /// Adds the references of the command line, which come after all files (`lld/wasm/Driver.cpp`).
    fn refer_from(&mut self, line: &CommandLine) {
        const DESTRUCTORS: &str = "__wasm_call_dtors";
        for name in command_line_references(line) {
            let name = names::text(name.as_encoded_bytes());
            if let Some(file) = self.extract(&name) {
                let object = self.tables.files[file].object;
                self.extracted_by_command_line
                    .push((name.into_owned(), object));
            }
        }
        if !line.has(Id::Shared) {
            self.extract(DESTRUCTORS);
        }
    }

    /// Extracts the lazy file that defines a name, if there is one. Returns that file.
    fn extract(&mut self, name: &str) -> Option<usize> {
        let number = self.tables.index_of(name)?;
        let State::Lazy { file } = self.states[number] else {
            return None;
        };
        if self.linked[file].is_some() {
            return None;
        }
        self.link(file);
        Some(file)
    }
}

/// The names that the command line refers to, in the order in which the backend extracts members for them.
/// Exports of marked symbols that rustc derives are not passed on.
fn command_line_references(line: &CommandLine) -> impl Iterator<Item = &OsStr> {
    let undefined = line.values(Id::Undefined);
    let dropped: HashSet<ArgumentIndex> = dropped_exports(line).collect();
    let exports = line.exports();
    let exports = exports.filter(move |(index, ..)| !dropped.contains(index));
    let exports = exports.map(|(_, symbol, _)| symbol);
    let is_program = !line.has(Id::NoEntry) && !line.has(Id::Shared);
    let default = is_program.then_some(OsStr::new("_start"));
    let entry = line.values(Id::Entry).last().or(default);
    undefined.chain(exports).chain(entry)
}

/// A superset of [`PlainLink::extracted_by_command_line`] without a simulation: the names that an archive's symbol index
/// has and that no file mentions which is linked anyway. A reference to any other of them has no effect, since its
/// member is linked already. `None` if only a simulation can tell.
pub fn may_be_extracted_by_command_line(
    line: &CommandLine,
    inputs: &Inputs<'_>,
) -> Option<Vec<(String, Option<ObjectId>)>> {
    let asked: Vec<&OsStr> = command_line_references(line).collect();
    let is_lazy = |module: &Module<'_>| !module.always_linked();
    if asked.is_empty() || !inputs.modules.iter().any(is_lazy) {
        return Some(Vec::new());
    }
    let names = asked.iter().map(|name| name.as_encoded_bytes()).collect();
    let found = inputs.files?.in_symbol_indexes(&names)?;
    let count = found.len();
    let mut offered: HashMap<&[u8], &[u8]> = found.into_iter().collect();
    let is_contested = offered.len() < count;
    for module in inputs.modules.iter().filter(|module| !is_lazy(module)) {
        if offered.is_empty() {
            return Some(Vec::new());
        }
        let bytes = module.object_bytes();
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        for symbol in object.symbols.iter().filter(|symbol| !symbol.is_local()) {
            if !(symbol.is_undefined() && symbol.is_weak()) {
                offered.remove(names::bytes(symbol.name).as_ref());
            }
        }
    }
    if offered.is_empty() {
        return Some(Vec::new());
    }
    if is_contested || !inputs.bitcode.is_empty() {
        return None;
    }
    let members: HashSet<_> = offered.values().map(|bytes| bytes.as_ptr()).collect();
    let with_address = inputs.modules.with_ids().filter_map(|(id, module)| {
        let address = module.address();
        members.contains(&address).then_some((address, id))
    });
    let objects: HashMap<_, _> = with_address.collect();
    let mut extracted = Vec::new();
    for name in asked {
        if let Some(member) = offered.remove(name.as_encoded_bytes()) {
            let object = objects.get(&member.as_ptr())?;
            let name = names::text(name.as_encoded_bytes()).into_owned();
            extracted.push((name, Some(*object)));
        }
    }
    Some(extracted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Data, TestLink, object, object_with};

    fn linked(options: &[&str], objects: &[(&str, Vec<u8>)]) -> Vec<bool> {
        let test = TestLink::new(options, objects);
        let plain = PlainLink::of(&test.line, &test.inputs);
        (0..objects.len())
            .map(|object| plain.is_linked(ObjectId::for_test(object)))
            .collect()
    }

    fn defines(name: &str) -> Vec<u8> {
        object(&[Data::new(".data", name)], &[])
    }

    #[test]
    fn only_strong_references_extract_members() {
        let weak = SymbolFlags::UNDEFINED | SymbolFlags::BINDING_WEAK;
        for (reference, is_linked) in [
            (object(&[], &["x"]), true),
            (object_with(&[], &[("x", weak)]), false),
            (object(&[], &["y"]), false),
        ] {
            let member = ("lib.a(x.o)", defines("x"));
            let first = [("a.o", reference.clone()), member.clone()];
            assert_eq!(linked(&[], &first), [true, is_linked]);
            let last = [member, ("a.o", reference)];
            assert_eq!(linked(&[], &last), [is_linked, true]);
        }
    }

    #[test]
    fn of_members_that_define_a_name_the_first_is_extracted() {
        let objects = [
            ("lib.a(1.o)", defines("x")),
            ("lib.a(2.o)", object(&[Data::new(".data", "x")], &["y"])),
            ("a.o", object(&[], &["x"])),
        ];
        assert_eq!(linked(&[], &objects), [true, false, true]);
    }

    #[test]
    fn members_extract_members() {
        let objects = [
            ("a.o", object(&[], &["x"])),
            ("lib.a(y.o)", defines("y")),
            ("lib.a(x.o)", object(&[Data::new(".data", "x")], &["y"])),
            ("lib.a(z.o)", defines("z")),
        ];
        assert_eq!(linked(&[], &objects), [true, true, true, false]);
    }

    #[test]
    fn the_command_line_extracts_members_after_all_files() {
        let objects = [
            ("lib.a(x.o)", defines("x")),
            ("lib.a(y.o)", defines("y")),
            ("lib.a(start.o)", defines("_start")),
        ];
        let test = TestLink::new(&["--export=y", "-u", "x"], &objects);
        let plain = PlainLink::of(&test.line, &test.inputs);
        let asked = [("x", 0), ("y", 1), ("_start", 2)];
        let asked = asked.map(|(name, object)| (name.to_owned(), Some(ObjectId::for_test(object))));
        assert_eq!(plain.extracted_by_command_line(), asked);
        assert_eq!(linked(&["--no-entry"], &objects), [false; 3]);
        assert_eq!(linked(&["-e", "y"], &objects), [false, true, false]);
    }

    #[test]
    fn a_strong_definition_wins_and_two_are_duplicates() {
        let weak = object(&[Data::new(".data", "x").weak()], &[]);
        let strong = defines("x");
        let definition = |objects: &[(&str, Vec<u8>)]| {
            let test = TestLink::new(&[], objects);
            let plain = PlainLink::of(&test.line, &test.inputs);
            let found = plain.definition("x").expect("a definition");
            (found.object, found.is_linked, found.is_duplicate)
        };
        let at = |object| Some(ObjectId::for_test(object));
        let (weak, strong) = (("weak.o", weak), ("strong.o", strong));
        let late = [weak.clone(), strong.clone()];
        assert_eq!(definition(&late), (at(1), true, false));
        let two = [strong.clone(), weak.clone(), strong.clone()];
        assert_eq!(definition(&two), (at(0), true, true));
        let member = ("lib.a(strong.o)", strong.1);
        assert_eq!(definition(&[weak, member.clone()]), (at(0), true, false));
        assert_eq!(definition(&[member]), (at(0), false, false));
    }

    #[test]
    fn references_of_entries_extract_members_last() {
        let objects = [
            ("lib.a(x.o)", defines("x")),
            ("a.o", object(&[Data::new(".data", "x").weak()], &[])),
            (
                "lib.a(y.o)",
                object(&[Data::new(".data", "y"), Data::new(".data.x", "x")], &[]),
            ),
        ];
        let test = TestLink::new(&[], &objects);
        let plain = PlainLink::of(&test.line, &test.inputs);
        assert!(
            plain.has_lazy_alternatives(["x"].into_iter())
                && !plain.has_lazy_alternatives(["y"].into_iter())
        );
        let extended = plain.with_references(&["x", "y"].map(|name| Reference {
            name: name.to_owned(),
            alias_in: None,
        }));
        let is_linked =
            |link: &PlainLink| [0, 1, 2].map(|object| link.is_linked(ObjectId::for_test(object)));
        assert_eq!(is_linked(&plain), [false, true, false]);
        assert_eq!(is_linked(&extended), [false, true, true]);
        let of_x = extended.definition("x").expect("a definition");
        assert_eq!(of_x.object, Some(ObjectId::for_test(2)));
        assert!(
            extended.is_referred("x", ObjectId::for_test(0))
                == plain.is_referred("x", ObjectId::for_test(0))
        );
    }
}
