//! The objects for bitcode that has been compiled. A stub with its symbols replaces each file, and the
//! objects of the LTO step come after all other files, as in the backend.

use crate::bitcode::Bitcode;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::hoist::Hoisted;
use crate::input::{Inputs, Module};
use crate::wasm::{Object, Signature, StubSymbol, Symbol, SymbolKind, prevailing, stub};

/// The replacement of each bitcode file, as a module among `bitcode` or `modules` and its bytes.
pub fn replacements<'m, 'a>(inputs: &'m Inputs<'a>) -> Vec<(&'m Module<'a>, Vec<u8>)> {
    if !inputs.is_compiled() {
        return Vec::new();
    }
    let symbols: Vec<_> = inputs
        .linked_bitcode()
        .map(|module| (module, Bitcode::parse(module.contents())))
        .collect();
    let named = symbols
        .iter()
        .flat_map(|(_, bitcode)| bitcode.symbols.iter().flatten().map(|symbol| symbol.name));
    let known = Known::of(inputs, named.collect());
    let stubs = symbols
        .iter()
        .map(|(module, bitcode)| (*module, known.stub(bitcode)));
    let linked = stubs.collect::<Vec<_>>();
    let alone = inputs
        .separately_compiled()
        .map(|module| (module, module.contents().to_vec()));
    linked.into_iter().chain(alone).collect()
}

/// What objects know of the names in bitcode.
struct Known<'n> {
    memory64: bool,
    /// Signatures of functions. Definitions come before references, and objects of the LTO step before
    /// others.
    functions: HashMap<&'n str, (u8, Signature)>,
    data: HashSet<&'n str>,
    /// Import module and field of undefined functions. Objects must agree on them.
    imports: HashMap<&'n str, (String, String)>,
    /// Names that archive members and lazy files define.
    offered: HashSet<&'n str>,
}

impl<'n> Known<'n> {
    fn of(inputs: &Inputs<'_>, names: HashSet<&'n str>) -> Self {
        let mut known = Self {
            memory64: false,
            functions: HashMap::default(),
            data: HashSet::default(),
            imports: HashMap::default(),
            offered: HashSet::default(),
        };
        for module in inputs.modules.iter() {
            let bytes = module.object_bytes();
            let Ok(object) = Object::parse(&bytes) else {
                continue;
            };
            if module.is_compiled() {
                known.memory64 |= object.memory64;
            }
            for symbol in object.symbols.iter().filter(|symbol| !symbol.is_local()) {
                if let Some(name) = names.get(symbol.name) {
                    known.note(name, &object, symbol, module.is_compiled());
                    if !symbol.is_undefined() && !module.always_linked() {
                        known.offered.insert(name);
                    }
                }
            }
            module.release();
        }
        let lazy = inputs
            .bitcode
            .iter()
            .filter(|module| !module.always_linked());
        for module in lazy {
            let bitcode = Bitcode::parse(module.contents());
            let symbols = bitcode.symbols.iter().flatten();
            for symbol in symbols.filter(|symbol| symbol.is_global() && !symbol.is_undefined()) {
                known.offered.extend(names.get(symbol.name));
            }
        }
        known
    }

    fn note(&mut self, name: &'n str, object: &Object<'_>, symbol: &Symbol<'_>, is_compiled: bool) {
        match symbol.kind {
            SymbolKind::Function(function) => {
                let rank = u8::from(!symbol.is_undefined()) + 2 * u8::from(is_compiled);
                let signature = object.signature(function);
                if let Some((module, field)) = object.import(function) {
                    let own = || (module.to_owned(), field.to_owned());
                    self.imports.entry(name).or_insert_with(own);
                }
                let best = self.functions.get(name).map(|(rank, _)| *rank);
                if best.is_none_or(|best| best < rank) {
                    self.functions.insert(name, (rank, signature.clone()));
                }
            }
            SymbolKind::Data(_) => {
                self.data.insert(name);
            }
            SymbolKind::Global | SymbolKind::Section(_) | SymbolKind::Tag | SymbolKind::Table => {}
        }
    }

    /// The stub of a file. It has only names that lazy files define: such a symbol may extract a member, or
    /// prevent that. The objects of the LTO step define everything else. A weak reference extracts nothing,
    /// so it is left out. A name that no object knows is declared as data, since its kind does not matter.
    fn stub(&self, bitcode: &Bitcode<'_>) -> Vec<u8> {
        let all = || bitcode.symbols.iter().flatten();
        let global = all().filter(|symbol| symbol.is_global());
        let symbols = global
            .filter(|s| self.offered.contains(s.name) && !(s.is_undefined() && s.is_weak()))
            .map(|symbol| StubSymbol {
                name: symbol.name,
                signature: self
                    .functions
                    .get(symbol.name)
                    .filter(|_| symbol.is_function() || !self.data.contains(symbol.name))
                    .map(|(_, signature)| signature),
                is_defined: !symbol.is_undefined(),
                is_hidden: symbol.is_hidden(),
                comdat: symbol.comdat.filter(|_| !symbol.is_undefined()),
                import: self
                    .imports
                    .get(symbol.name)
                    .map(|(module, field)| (module.as_str(), field.as_str())),
            });
        let symbols: Vec<_> = symbols.collect();
        let comdats = all().filter_map(|symbol| symbol.comdat).collect();
        stub(self.memory64, &symbols, &comdats)
    }
}

/// Finishes the objects of the LTO step, so that their definitions override those of the stubs.
pub struct Finished<'a> {
    /// The names that the synthesized object defines.
    moved: HashSet<&'a str>,
    /// The names in the stubs.
    stood_for: HashSet<&'a str>,
}

impl<'a> Finished<'a> {
    /// For a link where `hoisted` comes last.
    pub fn new(inputs: &'a Inputs<'_>, hoisted: Option<&'a Hoisted<'_>>) -> Self {
        let moved = hoisted
            .filter(|_| inputs.is_compiled())
            .into_iter()
            .flat_map(|hoisted| &hoisted.globals)
            .filter(|(_, global)| global.is_defined)
            .map(|(name, _)| name.as_str());
        let tables = inputs
            .linked_bitcode()
            .map(|module| Bitcode::parse(module.contents()));
        let symbols = tables.flat_map(|table| table.symbols.into_iter().flatten());
        Self {
            moved: moved.collect(),
            stood_for: symbols.map(|symbol| symbol.name).collect(),
        }
    }

    /// The finished object.
    ///
    /// # Errors
    /// A malformed object.
    pub fn object(&self, module: &Module<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        let prevails = |name: &str| self.stood_for.contains(name) && !self.moved.contains(name);
        prevailing(&bytes.into(), prevails).map_err(|error| error.in_file(&module.name))
    }
}
