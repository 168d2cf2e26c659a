//! One object file: parsed, edited, encoded.

mod builder;
mod edit;
mod encode;
mod index;
mod linking;
mod object;
mod outline;
mod parse;
mod relocation;
mod stub;
mod symbol;
mod synthesized;

pub use builder::Builder;
pub use edit::{Edits, SymbolEdit, TOMBSTONE};
pub use index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
pub use linking::{Named, Segments, Symbols};
pub use object::{
    DataSegment, Merged, Object, SEGMENT_INFO, SEGMENT_RETAIN, SEGMENT_STRINGS, SEGMENT_TLS,
    SYMBOL_TABLE, has_symbols, subsections,
};
pub use outline::{CUSTOM, Header, Headers, Section, Sections};
pub use relocation::Relocation;
pub use stub::{StubSymbol, prevailing, stub};
pub use symbol::{Definition, Symbol, SymbolKind};
pub use synthesized::{Signature, SynthSymbol, Synthesized};
pub use wasmparser::{RelocationType, SymbolFlags};
