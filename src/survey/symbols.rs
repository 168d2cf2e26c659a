//! Questions about the symbols of all inputs. Few scripts ask them, so they are answered then.

use crate::input::Module;
use crate::wasm::Object;
use std::collections::HashSet;

/// The global symbols that objects define which are linked whatever refers to them.
pub fn defined_symbols(modules: &[Module<'_>]) -> HashSet<String> {
    let linked = modules.iter().filter(|module| module.always_linked());
    let objects = linked.filter_map(|module| Object::parse(module.bytes).ok());
    let mut defined = HashSet::new();
    for object in objects {
        let symbols = object.symbols.iter();
        let global = symbols.filter(|symbol| !symbol.is_undefined() && !symbol.is_local());
        defined.extend(global.map(|symbol| symbol.name.to_owned()));
    }
    defined
}

/// Whether an object has an undefined symbol of that name.
pub fn refers_to(module: &Module<'_>, name: &str) -> bool {
    let object = || Object::parse(module.bytes).ok();
    memchr::memmem::find(module.bytes, name.as_bytes()).is_some()
        && object().is_some_and(|object| {
            let mut symbols = object.symbols.iter();
            symbols.any(|symbol| symbol.is_undefined() && symbol.name == name)
        })
}
