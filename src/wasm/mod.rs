//! One object file: parsed, edited, encoded.

mod address_exports;
mod builder;
mod bytes;
mod edit;
mod encode;
mod index;
mod linking;
mod object;
mod outline;
mod parse;
mod relocation;
mod segment;
mod stub;
mod symbol;
mod synthesized;
#[cfg(test)]
mod tests;

pub use address_exports::address_exports;
pub use builder::Builder;
pub use bytes::ObjectBytes;
pub use edit::{Edits, SymbolEdit, TOMBSTONE};
pub use index::{FunctionIndex, SectionIndex, SegmentIndex, SymbolIndex};
pub use linking::{
    RawKind, RawSegments, RawSymbols, SEGMENT_INFO, SYMBOL_TABLE, definitions, has_symbols,
    subsections,
};
pub use object::Object;
pub use outline::{CUSTOM, Header, Headers, Section, Sections};
pub use relocation::Relocation;
pub use segment::{DataSegment, Merged, SEGMENT_RETAIN, SEGMENT_STRINGS, SEGMENT_TLS};
pub use stub::{StubSymbol, prevailing, stub};
pub use symbol::{Definition, Symbol, SymbolKind};
pub use synthesized::{Signature, SynthSymbol, Synthesized};
pub use wasmparser::{RelocationType, SymbolFlags};
