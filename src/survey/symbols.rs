//! Questions about the symbols of all inputs. Few scripts ask them, so they are answered then.

use crate::hash::{HashMap, HashSet};
use crate::input::Module;
use crate::wasm::Object;

/// The global symbols that objects define which are linked whatever refers to them.
pub fn defined_symbols(modules: &[Module<'_>]) -> HashSet<String> {
    let linked = modules.iter().filter(|module| module.always_linked());
    let mut defined = HashSet::default();
    for bytes in linked.filter_map(|module| module.load().ok()) {
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        let symbols = object.symbols.iter();
        let global = symbols.filter(|symbol| !symbol.is_undefined() && !symbol.is_local());
        defined.extend(global.map(|symbol| symbol.name.to_owned()));
    }
    defined
}

/// Of `names`, those that are undefined symbols of an object, each with the first such object.
pub fn referrers<'n, 'm>(
    modules: impl Iterator<Item = &'m Module<'m>>,
    names: &HashSet<&'n str>,
) -> HashMap<&'n str, &'m Module<'m>> {
    let mut referrers = HashMap::default();
    for module in modules.filter(|_| !names.is_empty()) {
        let bytes = module.load().unwrap_or_default();
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        for symbol in object.symbols.iter().filter(|symbol| symbol.is_undefined()) {
            if let Some(name) = names.get(symbol.name) {
                referrers.entry(*name).or_insert(module);
            }
        }
    }
    referrers
}
