//! Nodes: marked statics whose array holds the values that they point to.

use super::entry::{Entry, Role};
use crate::error::Result;
use crate::hash::HashMap;
use crate::survey::marked::in_two_entries;
use crate::wasm::{Object, SymbolIndex};

/// Links each node of an object to its value. Compilers merge equal constants, so several nodes may
/// point to one value: the first gets the value with its symbols, the others get copies.
///
/// # Errors
/// A value that cannot be copied, or that is part of another entry.
pub fn values(
    object: &Object<'_>,
    nodes: &[(SymbolIndex, SymbolIndex)],
    entries: &mut Vec<Entry>,
) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let mut places = HashMap::default();
    for (position, entry) in entries.iter().enumerate() {
        let symbols = entry.symbols.iter();
        places.extend(symbols.map(|symbol| (symbol.index, position)));
    }
    for &(node_symbol, value_symbol) in nodes {
        let place = |symbol| places.get(symbol).copied();
        let (Some(at), Some(value_at)) = (place(&node_symbol), place(&value_symbol)) else {
            continue;
        };
        // This symbol is an alias of a node.
        if entries[at].role == Role::Node {
            continue;
        }
        let (node, value) = (&entries[at], &entries[value_at]);
        let definition = object.symbol(value_symbol).definition();
        let is_whole = definition.is_some_and(|(_, range)| range == value.range());
        let is_used = value.role != Role::Entry;
        if at == value_at
            || !is_whole
            || node.comdat != value.comdat
            || value.role == Role::Node
            || is_used && !may_be_copied(value)
        {
            return Err(in_two_entries(object, node_symbol, value_symbol));
        }
        let (section, key) = (node.section, node.key.clone());
        let value_at = match is_used {
            true => {
                let mut copy = value.clone();
                copy.symbols.clear();
                entries.push(copy);
                entries.len() - 1
            }
            false => value_at,
        };
        entries[at].role = Role::Node;
        let value = &mut entries[value_at];
        value.role = Role::Value((at as i32).wrapping_sub(value_at as i32));
        value.all_marked = false;
        value.section = section;
        value.key = key;
    }
    Ok(())
}

/// Whether the value may be duplicated: it is read-only, and no other object can observe its
/// address.
fn may_be_copied(value: &Entry) -> bool {
    value.is_read_only && value.comdat.is_none() && value.symbols.iter().all(|one| one.is_local())
}
