//! A built object and its encoding: data segments, symbols and relocations.

use super::encode;
use super::linking::{LINKING_VERSION, SEGMENT_INFO, SYMBOL_TABLE};
use super::outline::{DATA, IMPORT};
use super::relocation::Relocation;
use super::symbol::Definition;
use std::borrow::Cow;
use std::io::Write;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    Encode, EntityType, MemoryType, Module, RawSection, RefType, TableType, TypeSection,
};
use wasmparser::{BinaryReader, ConstExpr, DataKind, RelocationType, SymbolFlags};

pub use wasmparser::FuncType as Signature;

/// A finished object of [`Builder`](super::Builder), not yet encoded.
#[derive(Debug)]
pub struct Synthesized<'a> {
    pub(super) memory64: bool,
    pub(super) table64: bool,
    pub(super) types: Vec<Signature>,
    pub(super) imports: Vec<Import>,
    pub(super) symbols: Vec<SynthSymbol<'a>>,
    pub(super) segments: Vec<SynthSegment<'a>>,
    pub(super) custom: Option<SynthCustom>,
}

/// A custom section with relocations.
#[derive(Debug)]
pub(super) struct SynthCustom {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    pub(super) relocations: Vec<Relocation>,
}

#[derive(Debug)]
pub(super) struct Import {
    pub(super) module: String,
    pub(super) field: String,
    pub(super) type_index: u32,
}

#[derive(Debug)]
pub(super) struct SynthSegment<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) alignment: u32,
    pub(super) flags: u32,
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) relocations: Vec<Relocation>,
}

/// A symbol of the object.
#[derive(Debug)]
pub enum SynthSymbol<'a> {
    /// Defined data.
    Data {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name.
        name: Cow<'a, str>,
        /// Its definition.
        definition: Definition,
    },
    /// Undefined data.
    UndefinedData {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name.
        name: Cow<'a, str>,
    },
    /// An undefined function.
    UndefinedFunction {
        /// `WASM_SYM_…`.
        flags: SymbolFlags,
        /// Its name, if it differs from the field of the import.
        name: Option<Cow<'a, str>>,
        /// Its index among the imported functions.
        function: u32,
    },
}

impl Synthesized<'_> {
    /// The names of the strong undefined symbols, which extract archive members, in order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
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

    /// The encoded file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to a vector cannot fail.
        let _ = self.write(&mut bytes);
        bytes
    }

    /// Writes the file, section by section.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        /// The index of the data section, after types and imports.
        const DATA_SECTION: u32 = 2;
        /// The index of the optional custom section.
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
            // This fails only for signatures with type indices. LLVM rejects objects with such signatures:
            // "file has unmodeled reference or GC types".
            if let Ok(signature) = RoundtripReencoder.func_type(signature.clone()) {
                section.ty().func_type(&signature);
            }
        }
        section
    }

    /// The payload of the import section. (`wasm-encoder` accepts only UTF-8 names.)
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

    /// Whether a relocation is the address of a function. The object must then import the function table, like
    /// objects of compilers: wasm-ld creates the table only if an object refers to it, and crashes on function
    /// addresses without it.
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

    /// Writes the data section. Returns the offset of each segment's bytes in it.
    fn data_section(&self, out: &mut Vec<u8>) -> Vec<u32> {
        // `i32.const 0` or `i64.const 0`, and `end`. The linker assigns the addresses.
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
                // No relocation refers to it, so only the no-strip flag keeps it live.
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

/// Appends the relocation section of the section `of`, which has the index `index`, if `count` is not 0.
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
