//! The components of a path.

use crate::demangle;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The components of a path, from the outermost to the innermost.
pub type Components<'s> = SmallVec<[Component<'s>; 8]>;

/// A component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component<'s> {
    /// What it is.
    pub namespace: Namespace,
    /// What tells it from others of the same name, 0 for the first: of a crate, its hash. The legacy
    /// scheme has none.
    pub disambiguator: u64,
    /// As it is in the symbol; empty where it has no name.
    pub(super) raw: &'s str,
    pub(super) encoding: Encoding,
    /// Of v0, how to cut the symbol off after it; none where a demangler does not print it.
    pub(super) cut: Option<Cut>,
}

/// What a component is.
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
    /// A constant without a name, as in `const { … }` or the length of an array.
    Constant,
    /// An allocation in the value of the static that the path so far names; it has no name.
    Nested,
    /// An `impl`, in the module before it; it has no name. Without a module before it, that is not
    /// known: see [`Path::homes`](super::Path::homes).
    Impl,
    /// One of [`Namespace::Type`] and [`Namespace::Value`]: the legacy scheme does not tell which.
    Item,
    /// Any other: what compilers make themselves.
    Other,
}

/// How a name is written in a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Of v0, with its length and what comes before it.
    Punycode,
    /// Of the legacy scheme, with `$…$` and `..`.
    Legacy,
}

/// Where to cut a symbol off after a component so that it is a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// In bytes after `_R`.
    pub(super) end: usize,
    /// How many `N` and `I` at the beginning are open there.
    pub(super) open: usize,
}

impl<'s> Component<'s> {
    /// Its name as the source has it, without generic arguments; empty for what has none. Of the legacy
    /// scheme, an `impl` is named by its header.
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
