//! An object made from nothing: data segments, their symbols and their relocations.

use super::encode;
use super::index::{SegmentIndex, SymbolIndex};
use super::linking::{LINKING_VERSION, SEGMENT_INFO, SYMBOL_TABLE};
use super::outline::{DATA, IMPORT};
use super::relocation::Relocation;
use super::symbol::Definition;
use crate::hash::HashMap;
use std::borrow::Cow;
use std::io::Write;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    Encode, EntityType, MemoryType, Module, RawSection, RefType, TableType, TypeSection,
};
use wasmparser::{BinaryReader, ConstExpr, DataKind, RelocationType, SymbolFlags};

pub use wasmparser::FuncType as Signature;

/// Builds an object.
#[derive(Debug)]
pub struct Builder<'a> {
    memory64: bool,
    table64: bool,
    types: Vec<Signature>,
    type_indices: HashMap<Signature, u32>,
    imports: Vec<Import>,
    symbols: Vec<SynthSymbol<'a>>,
    segments: Vec<SynthSegment<'a>>,
    custom: Option<SynthCustom>,
}

/// An object that was built, not written yet.
#[derive(Debug)]
pub struct Synthesized<'a>(Builder<'a>);

impl Synthesized<'_> {
    /// The names of the symbols for which archive members are extracted, in order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.0.references()
    }

    /// Writes the file, section by section.
    ///
    /// # Errors
    /// `out` does not take it.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        self.0.write(out)
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A vector takes all.
        let _ = self.write(&mut bytes);
        bytes
    }
}

/// A custom section with relocations.
#[derive(Debug)]
struct SynthCustom {
    name: String,
    content: Vec<u8>,
    relocations: Vec<Relocation>,
}

#[derive(Debug)]
struct Import {
    module: String,
    field: String,
    type_index: u32,
}

#[derive(Debug)]
struct SynthSegment<'a> {
    name: Cow<'a, str>,
    alignment: u32,
    flags: u32,
    bytes: Cow<'a, [u8]>,
    relocations: Vec<Relocation>,
}

/// A symbol of the object that is built.
#[derive(Debug)]
pub enum SynthSymbol<'a> {
    /// Data, here.
    Data {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name.
        name: Cow<'a, str>,
        /// Where it is.
        definition: Definition,
    },
    /// Data, elsewhere.
    UndefinedData {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name.
        name: Cow<'a, str>,
    },
    /// A function, elsewhere.
    UndefinedFunction {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name, if it is not the import's field.
        name: Option<Cow<'a, str>>,
        /// The index among the imported functions.
        function: u32,
    },
}

impl<'a> Builder<'a> {
    /// An empty object for a memory and a table with 64-bit or 32-bit addresses.
    pub fn new(memory64: bool, table64: bool) -> Self {
        Self {
            memory64,
            table64,
            types: Vec::new(),
            type_indices: HashMap::default(),
            imports: Vec::new(),
            symbols: Vec::new(),
            segments: Vec::new(),
            custom: None,
        }
    }

    /// Whether addresses in its memory have 64 bits.
    pub fn memory64(&self) -> bool {
        self.memory64
    }

    /// Gives it a custom section, whose relocations have offsets into `content`.
    pub fn custom(&mut self, name: &str, content: Vec<u8>, relocations: Vec<Relocation>) {
        self.custom = Some(SynthCustom {
            name: name.to_owned(),
            content,
            relocations,
        });
    }

    /// The relocations of a data segment, with offsets from its first byte.
    pub fn relocations(&self, segment: SegmentIndex) -> &[Relocation] {
        &self.segments[segment.position()].relocations
    }

    /// Adds a data segment; its alignment is a power of two, its flags are `WASM_SEGMENT_FLAG_…`.
    pub fn segment(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        alignment: u32,
        flags: u32,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> SegmentIndex {
        self.segments.push(SynthSegment {
            name: name.into(),
            alignment,
            flags,
            bytes: bytes.into(),
            relocations: Vec::new(),
        });
        SegmentIndex(self.segments.len() as u32 - 1)
    }

    /// Adds `bytes` at the end of a data segment, at an address that is a multiple of two to the
    /// `alignment`. Where they begin, in bytes from the segment's beginning; none if it would be too
    /// large for a module.
    pub fn append(&mut self, segment: SegmentIndex, alignment: u32, bytes: &[u8]) -> Option<u32> {
        let segment = &mut self.segments[segment.position()];
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
        &self.segments[segment.position()].bytes
    }

    /// Puts `bytes` into a data segment at `offset`, where there is room for them.
    pub fn put(&mut self, segment: SegmentIndex, offset: u32, bytes: &[u8]) {
        let start = offset as usize;
        let all = self.segments[segment.position()].bytes.to_mut();
        all[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// Gives a data segment another name.
    pub fn rename(&mut self, segment: SegmentIndex, name: impl Into<Cow<'a, str>>) {
        self.segments[segment.position()].name = name.into();
    }

    /// Adds an import of a function, and gives its index.
    pub fn import(&mut self, module: &str, field: &str, signature: &Signature) -> u32 {
        let type_index = self.type_index(signature);
        self.imports.push(Import {
            module: module.to_owned(),
            field: field.to_owned(),
            type_index,
        });
        self.imports.len() as u32 - 1
    }

    fn type_index(&mut self, signature: &Signature) -> u32 {
        if let Some(&known) = self.type_indices.get(signature) {
            return known;
        }
        let next = self.types.len() as u32;
        self.types.push(signature.clone());
        self.type_indices.insert(signature.clone(), next);
        next
    }

    /// Gives a symbol that is an imported function another signature.
    pub fn set_signature(&mut self, symbol: SymbolIndex, signature: &Signature) {
        let type_index = self.type_index(signature);
        if let SynthSymbol::UndefinedFunction { function, .. } = &self.symbols[symbol.position()]
            && let Some(import) = self.imports.get_mut(*function as usize)
        {
            import.type_index = type_index;
        }
    }

    /// Adds a symbol.
    pub fn symbol(&mut self, symbol: SynthSymbol<'a>) -> SymbolIndex {
        self.symbols.push(symbol);
        SymbolIndex(self.symbols.len() as u32 - 1)
    }

    /// Puts a symbol in the place of one that was undefined, or weak.
    pub fn define(&mut self, symbol: SymbolIndex, definition: SynthSymbol<'a>) {
        self.symbols[symbol.position()] = definition;
    }

    /// The signature of a symbol that is an imported function.
    pub fn signature(&self, symbol: SymbolIndex) -> Option<&Signature> {
        let SynthSymbol::UndefinedFunction { function, .. } = &self.symbols[symbol.position()]
        else {
            return None;
        };
        let import = self.imports.get(*function as usize)?;
        self.types.get(import.type_index as usize)
    }

    /// Makes a reference strong.
    pub fn strengthen(&mut self, symbol: SymbolIndex) {
        match &mut self.symbols[symbol.position()] {
            SynthSymbol::UndefinedData { flags, .. }
            | SynthSymbol::UndefinedFunction { flags, .. } => {
                flags.remove(SymbolFlags::BINDING_WEAK);
            }
            SynthSymbol::Data { .. } => {}
        }
    }

    /// Adds a relocation whose offset counts from the first byte of `segment`.
    pub fn relocate(
        &mut self,
        segment: SegmentIndex,
        ty: RelocationType,
        offset: u32,
        symbol: SymbolIndex,
        addend: i64,
    ) {
        self.segments[segment.position()]
            .relocations
            .push(Relocation {
                ty,
                offset,
                index: symbol.0,
                addend,
            });
    }

    /// The names of the symbols for which archive members are extracted, in order.
    fn references(&self) -> impl Iterator<Item = &str> {
        self.symbols.iter().filter_map(|symbol| match symbol {
            SynthSymbol::UndefinedData { flags, name }
            | SynthSymbol::UndefinedFunction {
                flags,
                name: Some(name),
                ..
            } => (!flags.contains(SymbolFlags::BINDING_WEAK)).then_some(name.as_ref()),
            SynthSymbol::UndefinedFunction {
                flags, function, ..
            } => {
                let import = self.imports.get(*function as usize)?;
                (!flags.contains(SymbolFlags::BINDING_WEAK)).then_some(import.field.as_str())
            }
            SynthSymbol::Data { .. } => None,
        })
    }

    /// The object, to which nothing more is added.
    pub fn finish(mut self) -> Synthesized<'a> {
        self.order_symbols();
        for segment in &mut self.segments {
            // LLVM: "relocations not in offset order" is an error.
            segment
                .relocations
                .sort_by_key(|relocation| relocation.offset);
        }
        Synthesized(self)
    }

    /// Puts references before definitions. The linker reads symbols in order, and what is defined here is to
    /// be no reason against extracting the member that it is from.
    fn order_symbols(&mut self) {
        let is_definition = |symbol: &SynthSymbol<'_>| matches!(symbol, SynthSymbol::Data { .. });
        let mut order: Vec<u32> = (0..self.symbols.len() as u32).collect();
        order.sort_by_key(|&index| is_definition(&self.symbols[index as usize]));
        let mut indices = vec![0; order.len()];
        for (position, &index) in order.iter().enumerate() {
            indices[index as usize] = position as u32;
        }
        let mut given: Vec<_> = std::mem::take(&mut self.symbols)
            .into_iter()
            .map(Some)
            .collect();
        let ordered = order
            .iter()
            .filter_map(|&index| given[index as usize].take());
        self.symbols = ordered.collect();
        let of_segments = self
            .segments
            .iter_mut()
            .map(|segment| &mut segment.relocations);
        let of_custom = self.custom.iter_mut().map(|custom| &mut custom.relocations);
        for relocation in of_segments.chain(of_custom).flatten() {
            relocation.index = indices[relocation.index as usize];
        }
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        /// The data section comes third, after types and imports.
        const DATA_SECTION: u32 = 2;
        /// What may follow it.
        const CUSTOM_SECTION: u32 = 3;
        let mut module = Module::new();
        module.section(&self.type_section());
        module.section(&RawSection {
            id: IMPORT,
            data: &self.imports(),
        });
        out.write_all(&module.finish())?;
        let mut section = Vec::new();
        let starts = encode::section(DATA, &mut section, |section| self.data_section(section));
        out.write_all(&section)?;
        if let Some(custom) = &self.custom {
            section.clear();
            let content = |section: &mut Vec<u8>| section.extend(&custom.content);
            encode::custom_section(&custom.name, &mut section, content);
            out.write_all(&section)?;
        }
        section.clear();
        encode::custom_section("linking", &mut section, |section| self.linking(section));
        out.write_all(&section)?;
        let relocations = self
            .segments
            .iter()
            .zip(starts)
            .flat_map(|(segment, start)| {
                segment
                    .relocations
                    .iter()
                    .map(move |relocation| Relocation {
                        offset: start + relocation.offset,
                        ..*relocation
                    })
            });
        let count = |segment: &SynthSegment<'_>| segment.relocations.len();
        let count = self.segments.iter().map(count).sum();
        section.clear();
        append_relocations("DATA", DATA_SECTION, count, relocations, &mut section);
        out.write_all(&section)?;
        if let Some(custom) = &self.custom {
            let relocations = custom.relocations.iter().copied();
            let count = relocations.len();
            section.clear();
            append_relocations(
                &custom.name,
                CUSTOM_SECTION,
                count,
                relocations,
                &mut section,
            );
            out.write_all(&section)?;
        }
        Ok(())
    }

    fn type_section(&self) -> TypeSection {
        let mut section = TypeSection::new();
        for signature in &self.types {
            // Only signatures with type indices can fail here, and objects that LLVM links have
            // none: "file has unmodeled reference or GC types".
            if let Ok(signature) = RoundtripReencoder.func_type(signature.clone()) {
                section.ty().func_type(&signature);
            }
        }
        section
    }

    /// The payload of the import section. (`wasm-encoder` takes names in UTF-8 only.)
    fn imports(&self) -> Vec<u8> {
        let mut section = Vec::new();
        let mut import = |module: &str, field: &str, ty: EntityType| {
            encode::name(module, &mut section);
            encode::name(field, &mut section);
            ty.encode(&mut section);
        };
        let memory = MemoryType {
            minimum: 0,
            maximum: None,
            memory64: self.memory64,
            shared: false,
            page_size_log2: None,
        };
        import("env", "__linear_memory", memory.into());
        for function in &self.imports {
            let ty = EntityType::Function(function.type_index);
            import(&function.module, &function.field, ty);
        }
        if self.needs_table() {
            let table = TableType {
                element_type: RefType::FUNCREF,
                table64: self.table64,
                minimum: 0,
                maximum: None,
                shared: false,
            };
            import("env", "__indirect_function_table", table.into());
        }
        let count = 1 + self.imports.len() as u32 + u32::from(self.needs_table());
        let mut payload = Vec::with_capacity(section.len() + 5);
        count.encode(&mut payload);
        payload.extend(section);
        payload
    }

    /// Whether something here is the address of a function. Then the object refers to the table, as
    /// those of compilers do: the linker makes one only where it is referred to, and does not
    /// survive function addresses without it.
    fn needs_table(&self) -> bool {
        let mut relocations = self
            .segments
            .iter()
            .flat_map(|segment| &segment.relocations);
        relocations.any(|relocation| {
            matches!(
                relocation.ty,
                RelocationType::TableIndexI32 | RelocationType::TableIndexI64
            )
        })
    }

    /// The data section. Where in it the bytes of each segment begin.
    fn data_section(&self, out: &mut Vec<u8>) -> Vec<u32> {
        // `i32.const 0` or `i64.const 0`, and `end`. The linker places the segments anew.
        let start: &[u8] = if self.memory64 {
            &[0x42, 0, 0x0b]
        } else {
            &[0x41, 0, 0x0b]
        };
        let kind = DataKind::Active {
            memory_index: 0,
            offset_expr: ConstExpr::new(BinaryReader::new(start, 0)),
        };
        let section = out.len();
        (self.segments.len() as u32).encode(out);
        let starts = self.segments.iter().map(|segment| {
            encode::data_segment(&kind, &segment.bytes, out);
            (out.len() - section - segment.bytes.len()) as u32
        });
        starts.collect()
    }

    /// The content of the `linking` section.
    fn linking(&self, out: &mut Vec<u8>) {
        LINKING_VERSION.encode(out);
        encode::section(SEGMENT_INFO, out, |out| {
            (self.segments.len() as u32).encode(out);
            for segment in &self.segments {
                encode::segment_info(&segment.name, segment.alignment, segment.flags, out);
            }
        });
        let table = self.needs_table();
        encode::section(SYMBOL_TABLE, out, |out| {
            (self.symbols.len() as u32 + u32::from(table)).encode(out);
            for symbol in &self.symbols {
                symbol.encode(out);
            }
            if table {
                // No relocation names it, so it is a root.
                let flags = SymbolFlags::UNDEFINED | SymbolFlags::NO_STRIP;
                encode::table_symbol(flags, 0, out);
            }
        });
    }
}

impl SynthSymbol<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            SynthSymbol::Data {
                flags,
                name,
                definition,
            } => encode::data_symbol(*flags, name, Some(*definition), out),
            SynthSymbol::UndefinedData { flags, name } => {
                encode::data_symbol(*flags, name, None, out);
            }
            SynthSymbol::UndefinedFunction {
                flags,
                name,
                function,
            } => encode::function_symbol(*flags, *function, name.as_deref(), out),
        }
    }
}

/// The section that holds the relocations of another, `count` of them, if there are any.
fn append_relocations(
    of: &str,
    index: u32,
    count: usize,
    relocations: impl Iterator<Item = Relocation>,
    out: &mut Vec<u8>,
) {
    if count > 0 {
        let write = |out: &mut Vec<u8>| encode::relocations(index, count, relocations, out);
        encode::custom_section(&format!("reloc.{of}"), out, write);
    }
}
