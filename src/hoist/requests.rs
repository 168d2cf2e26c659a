//! An object that asks for names before the synthesized object does.

use crate::error::Result;
use crate::input::{Modules, ObjectId};
use crate::wasm::{Builder, Object, Symbol, SymbolFlags, SymbolKind, SynthSymbol, Synthesized};

/// An object that refers to `names`, each by the kind and signature that its symbol has in the input that
/// defines it.
///
/// # Errors
/// An input that cannot be read again.
pub(super) fn requests(
    names: &[(String, ObjectId)],
    modules: &Modules<'_>,
    mut builder: Builder<'static>,
) -> Result<Synthesized<'static>> {
    for (name, object) in names {
        let module = &modules[*object];
        let bytes = module.load()?;
        let object = Object::parse(&bytes).map_err(|error| error.in_file(&module.name))?;
        let defines = |symbol: &&Symbol<'_>| {
            !symbol.is_undefined() && !symbol.is_local() && symbol.name == name
        };
        let kind = object
            .symbols
            .iter()
            .find(defines)
            .map(|symbol| symbol.kind);
        let flags = SymbolFlags::UNDEFINED;
        let symbol = match kind {
            Some(SymbolKind::Function(function)) => SynthSymbol::UndefinedFunction {
                flags,
                function: builder.import("env", name, object.signature(function)),
                name: None,
            },
            Some(SymbolKind::Data(_)) => SynthSymbol::UndefinedData {
                flags,
                name: name.clone().into(),
            },
            // wasm-ld does not extract members for globals, tables and tags.
            _ => continue,
        };
        builder.symbol(symbol);
    }
    Ok(builder.finish())
}
