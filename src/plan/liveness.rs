//! What keeps an entry alive in the garbage collection of `wasm-ld` where no code refers to it.

use crate::survey::{Entry, EntrySymbol};
use crate::wasm::SymbolFlags;

/// What keeps an entry, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// A global symbol that is `used` (`WASM_SYM_NO_STRIP`): a root of the garbage collection.
    Root,
    /// A reference. No symbol is `used`, so the author expects the entry to be collected otherwise.
    Reference,
    /// Its segment's flag (`WASM_SEG_FLAG_RETAIN`), which `wasm-ld` honours from LLVM 19 on.
    Retain,
    /// Nothing. A local symbol that is `used` is no root. Compilers before LLVM 19 emit nothing else, and
    /// partial links by `wasm-ld` before LLVM 23 drop `WASM_SEG_FLAG_RETAIN`.
    Nothing,
}

impl Keeper {
    /// What keeps `entry`.
    pub fn of(entry: &Entry) -> Self {
        let is_used = |symbol: &EntrySymbol| symbol.flags.contains(SymbolFlags::NO_STRIP);
        if entry.symbols.iter().any(is_root) {
            Self::Root
        } else if entry.is_retained {
            Self::Retain
        } else if !entry.symbols.is_empty() && !entry.symbols.iter().any(is_used) {
            Self::Reference
        } else {
            Self::Nothing
        }
    }

    /// Whether the entry stays in a link that has its object, even if nothing refers to it. That holds for
    /// `WASM_SEG_FLAG_RETAIN` only with a backend that honours it.
    pub fn needs_no_reference(self) -> bool {
        matches!(self, Self::Root | Self::Retain)
    }
}

/// Whether a symbol is a root of the backend's garbage collection.
pub fn is_root(symbol: &EntrySymbol) -> bool {
    symbol.flags.contains(SymbolFlags::NO_STRIP) && !symbol.is_local()
}
