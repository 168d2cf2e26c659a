//! One object file: parsed, edited, encoded.

mod edit;
mod encode;
mod index;
mod object;
mod outline;
mod synth;

pub use edit::{Edits, Moved, PLACE_HOLDER};
pub use encode::Definition;
pub use index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
pub use object::{
    DataSegment, Object, Relocation, SEGMENT_INFO, SEGMENT_RETAIN, SEGMENT_TLS, SYMBOL_TABLE,
    Symbol, subsections,
};
pub use outline::{CUSTOM, Section, Sections};
pub use synth::{Builder, Signature, SynthSymbol};
pub use wasmparser::{RelocationType, SymbolFlags, SymbolInfo};
