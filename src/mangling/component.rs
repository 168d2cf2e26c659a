//! The components of a path.

use crate::demangle;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The components of a path, from the outermost to the innermost.
pub type Components<'s> = SmallVec<[Component<'s>; 8]>;

/// A component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component<'s> {
    /// The kind of item.
    pub namespace: Namespace,
    /// Distinguishes it from others of the same name. 0 for the first; the hash for a crate. Always 0 in the
    /// legacy scheme.
    pub disambiguator: u64,
    /// Its encoded name in the symbol; empty if it has no name.
    pub(super) raw: &'s str,
    pub(super) encoding: Encoding,
    /// v0 only: where to truncate the symbol after it; `None` if a demangler does not print it.
    pub(super) cut: Option<Cut>,
}

/// The kind of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// The crate.
    Crate,
    /// A module, a type or a trait.
    Type,
    /// A function, a static or a constant.
    Value,
    /// A closure; it has no name.
    Closure,
    /// A constant without a name, such as `const { … }` or an array length.
    Constant,
    /// An allocation in the value of the preceding static; it has no name.
    Nested,
    /// An `impl` in the preceding module; it has no name. If no module precedes it, its module is one of
    /// [`Path::impl_modules`](super::Path::impl_modules).
    Impl,
    /// [`Namespace::Type`] or [`Namespace::Value`]: the legacy scheme does not distinguish them.
    Item,
    /// Any other component, such as a compiler-generated shim.
    Other,
}

/// How a symbol encodes a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Verbatim.
    Plain,
    /// v0 Punycode. The raw name includes the `u` and the length.
    Punycode,
    /// Legacy escapes: `$…$` and `..`.
    Legacy,
}

/// Where to truncate a symbol so that it ends with a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The end, in bytes after `_R`.
    pub(super) end: usize,
    /// The number of leading `N` and `I` that are still open at `end`.
    pub(super) open: usize,
}

impl<'s> Component<'s> {
    /// The name in the source, without generic arguments; empty if it has none. In the legacy scheme, the
    /// name of an `impl` is its header.
    pub fn name(&self) -> Cow<'s, str> {
        let symbol = match self.encoding {
            Encoding::Plain => return self.raw.into(),
            Encoding::Punycode => format!("_RC{}", self.raw),
            Encoding::Legacy => {
                format!("_ZN{}{}17h0123456789abcdefE", self.raw.len(), self.raw)
            }
        };
        match demangle::rust_path(&symbol) {
            Some(Ok(name)) => name.into(),
            _ => self.raw.into(),
        }
    }
}
