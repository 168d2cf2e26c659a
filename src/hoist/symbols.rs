//! The global symbols of the synthesized object: each name is defined or referred to by one symbol.

use super::rewrite::Rewrite;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Modules, ObjectId};
use crate::wasm::{
    Builder, Definition, FunctionIndex, Object, SegmentIndex, SymbolFlags, SymbolIndex, SymbolKind,
    SynthSymbol,
};
use std::borrow::Cow;

/// A global symbol of the synthesized object.
#[derive(Debug, Clone, Copy)]
pub struct Global {
    /// The index that the object's [`Builder`] gave it.
    pub symbol: SymbolIndex,
    /// Whether it is data, and not a function.
    pub is_data: bool,
    /// Whether it is defined there.
    pub is_defined: bool,
    /// Whether it is an alias that hoisting adds to a local symbol of `origin`.
    pub is_alias: bool,
    /// The input that defines it or refers to it first. `None` if a script or this linker defines it.
    pub origin: Option<ObjectId>,
}

/// The global symbols of the synthesized object, by name.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    globals: HashMap<String, Global>,
    /// The references to functions that objects declare with more than one signature.
    mismatched: HashMap<String, SymbolIndex>,
}

impl SymbolTable {
    /// The symbol of that name.
    pub(super) fn get(&self, name: &str) -> Option<SymbolIndex> {
        self.globals.get(name).map(|global| global.symbol)
    }

    /// Whether a symbol of that name is defined.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        let known = self.globals.get(name);
        known.is_some_and(|known| known.is_defined)
    }

    /// All of them.
    pub(super) fn into_globals(self) -> HashMap<String, Global> {
        self.globals
    }

    /// Defines data, which may have been referred to before. `origin` is the input that it comes from.
    ///
    /// # Errors
    /// A function has that name.
    pub(super) fn define<'a>(
        &mut self,
        builder: &mut Builder<'a>,
        name: impl Into<Cow<'a, str>>,
        flags: SymbolFlags,
        definition: Definition,
        origin: Option<ObjectId>,
    ) -> Result<SymbolIndex> {
        let name = name.into();
        let symbol = SynthSymbol::Data {
            flags,
            name: name.clone(),
            definition,
        };
        if let Some(known) = self.globals.get_mut(name.as_ref()) {
            check_kind(known, true, &name)?;
            known.is_defined = true;
            known.origin = origin.or(known.origin);
            builder.define(known.symbol, symbol);
            return Ok(known.symbol);
        }
        let symbol = builder.symbol(symbol);
        let global = Global {
            symbol,
            is_data: true,
            is_defined: true,
            is_alias: false,
            origin,
        };
        self.globals.insert(name.into_owned(), global);
        Ok(symbol)
    }

    /// Refers to a symbol of a rewritten object by the name that it has for other objects. A strong
    /// reference makes a weak one strong.
    ///
    /// # Errors
    /// The name is a function in one object and data in another.
    pub(super) fn refer<'a>(
        &mut self,
        builder: &mut Builder<'a>,
        rewrite: &Rewrite<'_>,
        index: SymbolIndex,
    ) -> Result<SymbolIndex> {
        let symbol = rewrite.object.symbol(index);
        let name = rewrite.global_name(index);
        let is_weak = symbol.is_undefined() && symbol.is_weak();
        if let Some(known) = self.globals.get(name.as_ref()).copied() {
            check_kind(&known, symbol.is_data(), symbol.name)?;
            if !is_weak && !known.is_defined {
                builder.strengthen(known.symbol);
            }
            if let SymbolKind::Function(function) = symbol.kind {
                let signature = rewrite.object.signature(function);
                if builder.signature(known.symbol) != Some(signature) {
                    self.mismatched.insert(name.into_owned(), known.symbol);
                }
            }
            return Ok(known.symbol);
        }
        let flags = match is_weak {
            true => SymbolFlags::UNDEFINED | SymbolFlags::BINDING_WEAK,
            false => SymbolFlags::UNDEFINED,
        };
        let own_name = name.to_string().into();
        let reference = match symbol.kind {
            SymbolKind::Function(function) => {
                let is_import = symbol.is_undefined();
                undefined_function(
                    builder,
                    rewrite.object,
                    (function, is_import),
                    own_name,
                    flags,
                )
            }
            _ => SynthSymbol::UndefinedData {
                flags,
                name: own_name,
            },
        };
        let reference = builder.symbol(reference);
        let global = Global {
            symbol: reference,
            is_data: symbol.is_data(),
            is_defined: false,
            is_alias: symbol.is_local(),
            origin: Some(rewrite.id),
        };
        self.globals.insert(name.into_owned(), global);
        Ok(reference)
    }

    /// Gives references to functions the signature of the definition, where objects declare a function with
    /// several signatures. There is one reference for all of them, and wasm-ld replaces a reference whose
    /// signature is not that of the definition by a function that traps.
    pub(super) fn agree_on_signatures(&mut self, builder: &mut Builder<'_>, modules: &Modules<'_>) {
        if self.mismatched.is_empty() {
            return;
        }
        for module in modules.iter() {
            let bytes = module.object_bytes();
            let Ok(object) = Object::parse(&bytes) else {
                continue;
            };
            for symbol in &object.symbols {
                if let SymbolKind::Function(function) = symbol.kind
                    && !symbol.is_undefined()
                    && !symbol.is_local()
                    && let Some(reference) = self.mismatched.remove(symbol.name)
                {
                    builder.set_signature(reference, object.signature(function));
                }
            }
        }
    }
}

/// A reference to a function: imported as the object imports it (`is_import`), or by its name.
fn undefined_function<'a>(
    builder: &mut Builder<'a>,
    object: &Object<'_>,
    (function, is_import): (FunctionIndex, bool),
    name: Cow<'a, str>,
    flags: SymbolFlags,
) -> SynthSymbol<'a> {
    let (module, field) = match object.import(function) {
        Some(import) if is_import => import,
        _ => ("env", name.as_ref()),
    };
    let is_explicit = field != name.as_ref();
    let function = builder.import(module, field, object.signature(function));
    SynthSymbol::UndefinedFunction {
        flags: match is_explicit {
            true => flags | SymbolFlags::EXPLICIT_NAME,
            false => flags,
        },
        name: is_explicit.then_some(name),
        function,
    }
}

/// Rejects a name that is a function in one object and data in another.
fn check_kind(known: &Global, is_data: bool, name: &str) -> Result<()> {
    if known.is_data == is_data {
        return Ok(());
    }
    Err(Error::new(format!("symbol type mismatch: {name}"))
        .note("it is a function in one object and data in another"))
}

/// The definition of a symbol that marks an offset, and has no bytes.
pub(super) fn label(segment: SegmentIndex, offset: u32) -> Definition {
    Definition {
        segment,
        offset,
        size: 0,
    }
}
