//! An object with references that come before those of the synthesized object.

use crate::error::Result;
use crate::input::{Module, Modules, ObjectId, Provenance};
use crate::wasm::{Builder, Object, Symbol, SymbolFlags, SymbolKind, SynthSymbol, Synthesized};

/// An object that refers to `names`, each by the kind and signature that its symbol has in the object that defines
/// it. A name without an object is defined in bitcode, and so by one of the compiled objects.
///
/// # Errors
/// An input that cannot be read again.
pub(super) fn requests(
    names: &[(String, Option<ObjectId>)],
    modules: &Modules<'_>,
    mut builder: Builder<'static>,
) -> Result<Synthesized<'static>> {
    for (name, object) in names {
        match object {
            Some(object) => _ = refer(name, &modules[*object], &mut builder)?,
            None => {
                let is_compiled = |module: &&Module<'_>| module.provenance == Provenance::Compiled;
                for module in modules.iter().filter(is_compiled) {
                    if refer(name, module, &mut builder)? {
                        break;
                    }
                }
            }
        }
    }
    Ok(builder.finish())
}

/// Refers to a name that the module may define. Returns whether it does.
fn refer(name: &str, module: &Module<'_>, builder: &mut Builder<'static>) -> Result<bool> {
    let bytes = module.load()?;
    let object = Object::parse(&bytes).map_err(|error| error.in_file(&module.name))?;
    let defines =
        |symbol: &&Symbol<'_>| !symbol.is_undefined() && !symbol.is_local() && symbol.name == name;
    let Some(definition) = object.symbols.iter().find(defines) else {
        return Ok(false);
    };
    let flags = SymbolFlags::UNDEFINED;
    let symbol = match definition.kind {
        SymbolKind::Function(function) => SynthSymbol::UndefinedFunction {
            flags,
            function: builder.import("env", name, object.signature(function)),
            name: None,
        },
        SymbolKind::Data(_) => SynthSymbol::UndefinedData {
            flags,
            name: name.to_owned().into(),
        },
        // wasm-ld does not extract members for globals, tables and tags.
        _ => return Ok(true),
    };
    builder.symbol(symbol);
    Ok(true)
}
