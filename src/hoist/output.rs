//! What the output is to be like.

/// What addresses of the output count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The beginning of memory.
    Zero,
    /// `__memory_base`, in position-independent output.
    MemoryBase,
}

/// What the output is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// What its addresses count from.
    pub base: Base,
    /// Whether every entry keeps its symbols, referred to or not: for link maps and traces.
    pub symbols: bool,
    /// Whether it gets a manifest.
    pub manifest: bool,
}
