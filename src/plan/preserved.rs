//! The symbols that the optimizer must keep when the backend compiles bitcode. Entries, and the members that they
//! extract, refer to them, and the backend does not see these references yet.

use super::plain_link::PlainLink;
use crate::args::CommandLine;
use crate::bitcode::Bitcode;
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module};
use crate::survey::{Survey, WithEntries};
use crate::wasm::{Object, SymbolKind};

/// The global names that linked bitcode defines and that are names of its entries, or that entries of archive members
/// may refer to, directly or not.
pub fn preserved_symbols(
    survey: &Survey<'_>,
    inputs: &Inputs<'_>,
    line: &CommandLine,
    with_entries: &[WithEntries],
) -> Vec<String> {
    let plain = PlainLink::of(line, inputs);
    let is_of_linked_bitcode = |name: &str| {
        let definition = plain.definition(name);
        definition.is_some_and(|definition| definition.is_linked && definition.object.is_none())
    };
    let mut preserved = Vec::new();
    for entries in with_entries {
        let is_linked = inputs.bitcode[entries.position].always_linked();
        let names = entries.globals.iter();
        preserved.extend(
            names
                .filter(|name| is_linked || is_of_linked_bitcode(name))
                .cloned(),
        );
    }
    let of_objects = survey.objects.iter().map(|(id, _)| &inputs.modules[id]);
    let of_bitcode = with_entries
        .iter()
        .map(|with| &inputs.bitcode[with.position]);
    let lazy = of_objects
        .chain(of_bitcode)
        .filter(|module| !module.always_linked());
    let promoted = inputs.modules.iter().filter(|module| module.is_promoted());
    let lazy = lazy.chain(promoted);
    let mut pending: Vec<&Module<'_>> = lazy.collect();
    if pending.is_empty() {
        return preserved;
    }
    let offers = Offers::of(inputs);
    let mut seen: HashSet<String> = preserved.iter().cloned().collect();
    while let Some(module) = pending.pop() {
        for name in Globals::of(module).undefined {
            if seen.contains(&name) {
                continue;
            }
            if is_of_linked_bitcode(&name) {
                preserved.push(name.clone());
            } else if let Some(lazy) = offers.0.get(&name) {
                pending.push(lazy);
            }
            seen.insert(name);
        }
    }
    preserved
}

/// The first lazy file that defines each name.
struct Offers<'m>(HashMap<String, &'m Module<'m>>);

impl<'m> Offers<'m> {
    fn of(inputs: &'m Inputs<'_>) -> Self {
        let modules = inputs.modules.iter().chain(&inputs.bitcode);
        let mut offers = HashMap::default();
        for module in modules.filter(|module| !module.always_linked()) {
            for name in Globals::of(module).defined {
                offers.entry(name).or_insert(module);
            }
        }
        Self(offers)
    }
}

/// The global names that an object or bitcode defines, and those that it refers to.
#[derive(Default)]
struct Globals {
    defined: Vec<String>,
    undefined: Vec<String>,
}

impl Globals {
    fn of(module: &Module<'_>) -> Self {
        let mut globals = Self::default();
        let bytes = module.object_bytes();
        let object = Object::parse(&bytes);
        let symbols = object.iter().flat_map(|object| &object.symbols);
        let symbols = symbols
            .filter(|symbol| !symbol.is_local() && !matches!(symbol.kind, SymbolKind::Section(_)));
        for symbol in symbols {
            globals.add(symbol.name, symbol.is_undefined());
        }
        if object.is_err() {
            let bitcode = Bitcode::parse(&bytes);
            let symbols = bitcode.symbols.iter().flatten();
            for symbol in symbols.filter(|symbol| symbol.is_global()) {
                globals.add(symbol.name, symbol.is_undefined());
            }
        }
        globals
    }

    fn add(&mut self, name: &str, is_undefined: bool) {
        match is_undefined {
            true => self.undefined.push(name.to_owned()),
            false => self.defined.push(name.to_owned()),
        }
    }
}
