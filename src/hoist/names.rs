//! The names by which objects refer to each other's symbols.

use crate::input::ObjectId;
use crate::wasm::{Object, SymbolIndex};
use std::borrow::Cow;
use std::fmt::Write;

/// What stands between the own name of a local symbol and the numbers that make it unique in the link.
/// Demanglers stop at the first dot.
pub const UNIQUE: &str = "..section.";

/// The name under which other objects can refer to a symbol: its own or, for a local symbol, a unique
/// one.
pub(super) fn global_name<'o>(
    object: &Object<'o>,
    id: ObjectId,
    index: SymbolIndex,
) -> Cow<'o, str> {
    let symbol = object.symbol(index);
    if !symbol.is_local() {
        return symbol.name.into();
    }
    // Room for two numbers of 20 digits: the name is allocated once.
    let mut name = String::with_capacity(symbol.name.len() + UNIQUE.len() + 2 * 20 + 1);
    name.push_str(symbol.name);
    name.push_str(UNIQUE);
    // Writing to a string does not fail.
    let _ = write!(name, "{}.{}", id.position(), index.0);
    name.into()
}
