//! Builds an object from scratch.

use super::index::{SegmentIndex, SymbolIndex};
use super::relocation::Relocation;
use super::synthesized::{Import, Signature, SynthCustom, SynthSegment, SynthSymbol, Synthesized};
use crate::hash::HashMap;
use std::borrow::Cow;
use wasmparser::{RelocationType, SymbolFlags};

/// Builds an object. Added segments, symbols and imports keep their indices until
/// [`finish`](Builder::finish).
#[derive(Debug)]
pub struct Builder<'a> {
    object: Synthesized<'a>,
    type_indices: HashMap<Signature, u32>,
}

impl<'a> Builder<'a> {
    /// An empty object for a memory and a table with 64-bit or 32-bit addresses.
    pub fn new(memory64: bool, table64: bool) -> Self {
        Self {
            object: Synthesized {
                memory64,
                table64,
                types: Vec::new(),
                imports: Vec::new(),
                symbols: Vec::new(),
                segments: Vec::new(),
                custom: None,
            },
            type_indices: HashMap::default(),
        }
    }

    /// Whether the memory has 64-bit addresses.
    pub fn memory64(&self) -> bool {
        self.object.memory64
    }

    /// Sets the custom section of the object. The offsets of `relocations` count from the first byte of
    /// `content`.
    pub fn custom(&mut self, name: &str, content: Vec<u8>, relocations: Vec<Relocation>) {
        self.object.custom = Some(SynthCustom {
            name: name.to_owned(),
            content,
            relocations,
        });
    }

    /// The relocations of a data segment, with offsets from its first byte.
    pub fn relocations(&self, segment: SegmentIndex) -> &[Relocation] {
        &self.object.segments[segment.position()].relocations
    }

    /// Adds a data segment, aligned to two to the power of `alignment`. `flags` are `WASM_SEG_FLAG_…` of
    /// Linking.md.
    pub fn segment(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        alignment: u32,
        flags: u32,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> SegmentIndex {
        self.object.segments.push(SynthSegment {
            name: name.into(),
            alignment,
            flags,
            bytes: bytes.into(),
            relocations: Vec::new(),
        });
        SegmentIndex(self.object.segments.len() as u32 - 1)
    }

    /// Appends `bytes` to a data segment, aligned to two to the power of `alignment`. Returns their offset in
    /// bytes from the segment's beginning, or `None` if the segment would be too large for a module.
    pub fn append(&mut self, segment: SegmentIndex, alignment: u32, bytes: &[u8]) -> Option<u32> {
        let segment = &mut self.object.segments[segment.position()];
        let start = segment.bytes.len().next_multiple_of(1 << alignment);
        let offset = u32::try_from(start).ok()?;
        u32::try_from(start + bytes.len()).ok()?;
        let all = segment.bytes.to_mut();
        all.resize(start, 0);
        all.extend_from_slice(bytes);
        segment.alignment = segment.alignment.max(alignment);
        Some(offset)
    }

    /// The bytes of a data segment.
    pub fn data(&self, segment: SegmentIndex) -> &[u8] {
        &self.object.segments[segment.position()].bytes
    }

    /// Overwrites the bytes at `offset` in a data segment. The segment must contain the whole range.
    pub fn put(&mut self, segment: SegmentIndex, offset: u32, bytes: &[u8]) {
        let start = offset as usize;
        let all = self.object.segments[segment.position()].bytes.to_mut();
        all[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// Sets the name of a data segment.
    pub fn rename(&mut self, segment: SegmentIndex, name: impl Into<Cow<'a, str>>) {
        self.object.segments[segment.position()].name = name.into();
    }

    /// Adds an import of a function. Returns its index among the imported functions.
    pub fn import(&mut self, module: &str, field: &str, signature: &Signature) -> u32 {
        let type_index = self.type_index(signature);
        self.object.imports.push(Import {
            module: module.to_owned(),
            field: field.to_owned(),
            type_index,
        });
        self.object.imports.len() as u32 - 1
    }

    fn type_index(&mut self, signature: &Signature) -> u32 {
        if let Some(&known) = self.type_indices.get(signature) {
            return known;
        }
        let next = self.object.types.len() as u32;
        self.object.types.push(signature.clone());
        self.type_indices.insert(signature.clone(), next);
        next
    }

    /// Sets the signature of an imported function.
    pub fn set_signature(&mut self, symbol: SymbolIndex, signature: &Signature) {
        let type_index = self.type_index(signature);
        if let SynthSymbol::UndefinedFunction { function, .. } =
            &self.object.symbols[symbol.position()]
            && let Some(import) = self.object.imports.get_mut(*function as usize)
        {
            import.type_index = type_index;
        }
    }

    /// Adds a symbol.
    pub fn symbol(&mut self, symbol: SynthSymbol<'a>) -> SymbolIndex {
        self.object.symbols.push(symbol);
        SymbolIndex(self.object.symbols.len() as u32 - 1)
    }

    /// Replaces an undefined or weak symbol.
    pub fn define(&mut self, symbol: SymbolIndex, definition: SynthSymbol<'a>) {
        self.object.symbols[symbol.position()] = definition;
    }

    /// The signature of an imported function; `None` for other symbols.
    pub fn signature(&self, symbol: SymbolIndex) -> Option<&Signature> {
        let SynthSymbol::UndefinedFunction { function, .. } =
            &self.object.symbols[symbol.position()]
        else {
            return None;
        };
        let import = self.object.imports.get(*function as usize)?;
        self.object.types.get(import.type_index as usize)
    }

    /// Makes an undefined symbol strong.
    pub fn strengthen(&mut self, symbol: SymbolIndex) {
        match &mut self.object.symbols[symbol.position()] {
            SynthSymbol::UndefinedData { flags, .. }
            | SynthSymbol::UndefinedFunction { flags, .. } => {
                flags.remove(SymbolFlags::BINDING_WEAK);
            }
            SynthSymbol::Data { .. } => {}
        }
    }

    /// Adds a relocation. `offset` is in bytes from the first byte of `segment`.
    pub fn relocate(
        &mut self,
        segment: SegmentIndex,
        ty: RelocationType,
        offset: u32,
        symbol: SymbolIndex,
        addend: i64,
    ) {
        self.object.segments[segment.position()]
            .relocations
            .push(Relocation {
                ty,
                offset,
                index: symbol.0,
                addend,
            });
    }

    /// Finishes the object. Symbols get their final indices here.
    pub fn finish(mut self) -> Synthesized<'a> {
        self.order_symbols();
        for segment in &mut self.object.segments {
            // LLVM rejects unsorted relocations: "relocations not in offset order".
            segment
                .relocations
                .sort_by_key(|relocation| relocation.offset);
        }
        self.object
    }

    /// Puts undefined symbols before definitions. wasm-ld resolves symbols in order: an undefined symbol must
    /// extract its archive member before a definition in this object resolves it.
    fn order_symbols(&mut self) {
        let is_definition = |symbol: &SynthSymbol<'_>| matches!(symbol, SynthSymbol::Data { .. });
        let symbols = std::mem::take(&mut self.object.symbols);
        let mut definition = symbols.iter().filter(|one| !is_definition(one)).count() as u32;
        let mut reference = 0;
        let index = |symbol| {
            let next = match is_definition(symbol) {
                true => &mut definition,
                false => &mut reference,
            };
            *next += 1;
            *next - 1
        };
        let indices: Vec<u32> = symbols.iter().map(index).collect();
        let (references, definitions): (Vec<_>, Vec<_>) = symbols
            .into_iter()
            .partition(|symbol| !is_definition(symbol));
        self.object.symbols = references;
        self.object.symbols.extend(definitions);
        let of_segments = self
            .object
            .segments
            .iter_mut()
            .map(|segment| &mut segment.relocations);
        let of_custom = self
            .object
            .custom
            .iter_mut()
            .map(|custom| &mut custom.relocations);
        for relocation in of_segments.chain(of_custom).flatten() {
            relocation.index = indices[relocation.index as usize];
        }
    }
}
