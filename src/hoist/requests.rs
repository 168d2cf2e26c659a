//! An object with references that come before those of the synthesized object.

use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::{Module, Modules, ObjectId};
use crate::wasm::{Builder, Object, SymbolFlags, SymbolKind, SynthSymbol, Synthesized};
use std::collections::BTreeMap;
use wasmparser::FuncType;

/// An object that refers to `names`, each by the kind and signature that its symbol has in the object that defines
/// it. A name without an object is defined in bitcode, and so by one of the compiled objects.
///
/// # Errors
/// An input that cannot be parsed again.
pub(super) fn requests(
    names: &[(String, Option<ObjectId>)],
    modules: &Modules<'_>,
    mut builder: Builder<'static>,
) -> Result<Synthesized<'static>> {
    let compiled = modules.with_ids();
    let compiled = compiled.filter(|(_, module)| module.is_compiled());
    let compiled: Vec<ObjectId> = compiled.map(|(id, _)| id).collect();
    // Many names may be those of one object, which is parsed once.
    let mut by_object: BTreeMap<ObjectId, HashSet<&str>> = BTreeMap::new();
    for (name, object) in names {
        let objects = match object {
            Some(object) => std::slice::from_ref(object),
            None => &compiled,
        };
        for object in objects {
            by_object.entry(*object).or_default().insert(name);
        }
    }
    let mut found: HashMap<&str, Definition> = HashMap::default();
    for (id, names) in by_object {
        let module = &modules[id];
        let definitions = definitions(module, &names).map_err(|e| e.in_file(&module.name))?;
        for (name, definition) in definitions {
            found.entry(name).or_insert(definition);
        }
    }
    for (name, _) in names {
        let flags = SymbolFlags::UNDEFINED;
        let symbol = match found.get(&**name) {
            Some(Definition::Function(signature)) => SynthSymbol::UndefinedFunction {
                flags,
                function: builder.import("env", name, signature),
                name: None,
            },
            Some(Definition::Data) => SynthSymbol::UndefinedData {
                flags,
                name: name.to_owned().into(),
            },
            // wasm-ld does not extract members for globals, tables and tags.
            Some(Definition::Other) | None => continue,
        };
        builder.symbol(symbol);
    }
    Ok(builder.finish())
}

/// What defines a name.
enum Definition {
    Function(FuncType),
    Data,
    Other,
}

/// Those of `names` that a module defines.
fn definitions<'n>(
    module: &Module<'_>,
    names: &HashSet<&'n str>,
) -> Result<Vec<(&'n str, Definition)>> {
    let bytes = module.object_bytes();
    let object = Object::parse(&bytes)?;
    let defined = object
        .symbols
        .iter()
        .filter(|symbol| !symbol.is_undefined() && !symbol.is_local());
    let defined = defined.filter_map(|symbol| {
        let definition = match symbol.kind {
            SymbolKind::Function(function) => {
                Definition::Function(object.signature(function).clone())
            }
            SymbolKind::Data(_) => Definition::Data,
            _ => Definition::Other,
        };
        Some((*names.get(symbol.name)?, definition))
    });
    Ok(defined.collect())
}
