//! Reads what a core module says about the addresses of data and functions.

use super::debug_info::{DebugInfo, Frame, Sections};
use super::image::Image;
use super::open::{CoreModule, damaged};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use wasm_section_ld::error::{Error, Result};
use wasm_section_manifest::{CUSTOM_SECTION, Manifest};
use wasmparser::{
    BinaryReaderError, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody,
    KnownCustom, Name, NameMap, Operator, Parser, Payload, TypeRef,
};

/// The size of a page of memory, unless the memory type has another one.
const PAGE: u64 = 65_536;

/// How many instructions of a function are looked up in the debug information.
const MAX_INSTRUCTIONS: usize = 1000;

/// A module.
#[derive(Default)]
pub struct Module<'a> {
    /// Its name in the `name` section.
    pub name: Option<&'a str>,
    /// Its manifest.
    pub manifest: Option<Manifest>,
    /// The initial memory, before any code runs.
    pub image: Image<'a>,
    /// The functions in the table, by their index in the table.
    pub table: BTreeMap<u64, u32>,
    /// Its data segments.
    pub segments: Vec<Segment<'a>>,
    /// The exported addresses: the values of constant globals.
    pub addresses: BTreeMap<&'a str, u64>,
    /// The exported functions.
    pub exports: BTreeMap<u32, &'a str>,
    /// The module and the name of each imported function.
    imports: Vec<(&'a str, &'a str)>,
    function_names: BTreeMap<u32, &'a str>,
    globals: Vec<Option<u64>>,
    /// The imported globals. The values of those in `GOT.func` and `GOT.mem` are known only when the module is
    /// loaded.
    relocated: BTreeSet<(&'a str, &'a str)>,
    is_object: bool,
    /// The functions that are not imported.
    bodies: Vec<FunctionBody<'a>>,
    /// The offset in the file of the content of the code section.
    code_start: u64,
    debug_sections: Sections<'a>,
    debug_info: OnceCell<Option<DebugInfo<'a>>>,
}

/// A data segment.
pub struct Segment<'a> {
    /// Its name in the `name` section.
    pub name: Option<&'a str>,
    /// Its address, if it is known.
    pub start: Option<u64>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Module<'a> {
    /// Reads a module.
    ///
    /// # Errors
    /// The module is damaged, or it is an object file.
    pub fn read(core: CoreModule<'a>) -> Result<Self> {
        let mut module = Self::default();
        let mut pages = (0, PAGE);
        for payload in Parser::new(core.offset).parse_all(core.bytes) {
            match payload.map_err(damaged)? {
                Payload::CustomSection(custom) if custom.name() == CUSTOM_SECTION => {
                    let manifest = Manifest::read(custom.data(), custom.data_offset());
                    let manifest = manifest.map_err(damaged_manifest)?;
                    if module.manifest.replace(manifest).is_some() {
                        return Err(
                            Error::new("the module has two manifests").at(custom.data_offset())
                        );
                    }
                }
                Payload::CustomSection(custom) if custom.name() == "linking" => {
                    module.is_object = true;
                }
                Payload::CustomSection(custom) if custom.name().starts_with(".debug_") => {
                    module.debug_sections.insert(custom.name(), custom.data());
                }
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => module.code_start = unchecked_range.start,
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory.map_err(damaged)?;
                        let size = memory.page_size_log2.filter(|&log| log < 32);
                        pages = (memory.initial, size.map_or(PAGE, |log| 1 << log));
                    }
                }
                Payload::CodeSectionEntry(body) => module.bodies.push(body),
                payload => module.section(payload).map_err(damaged)?,
            }
        }
        if module.is_object {
            return Err(Error::new("this is an object file, not a linked module")
                .note("pass the output of the linker"));
        }
        module.place_passive().map_err(damaged)?;
        module.image = Image::new(pages.0.saturating_mul(pages.1));
        for segment in &module.segments {
            if let Some(start) = segment.start {
                module.image.add(start, segment.bytes);
            }
        }
        Ok(module)
    }

    /// The name of a function: from the `name` section, or else of its import or export.
    pub fn function(&self, index: u32) -> String {
        if let Some(name) = self.function_names.get(&index) {
            return (*name).to_owned();
        }
        if let Some((module, field)) = self.imports.get(index as usize) {
            return format!("{module}.{field}");
        }
        let export = self.exports.get(&index);
        export.map_or_else(|| format!("function {index}"), |name| (*name).to_owned())
    }

    /// Whether the address of a symbol is known only when the module is loaded. `table` is `GOT.func` for a table
    /// index and `GOT.mem` for an address in memory (DynamicLinking.md).
    pub fn is_relocated(&self, table: &str, symbol: &str) -> bool {
        self.relocated.contains(&(table, symbol))
    }

    /// Whether any address is known only when the module is loaded.
    pub fn has_relocated(&self) -> bool {
        let mut modules = self.relocated.iter().map(|(module, _)| *module);
        modules.any(|module| module.starts_with("GOT."))
    }

    /// The function that a function only forwards to: its code has one call, and nothing but that moves data to and from
    /// the stack.
    pub fn forwards_to(&self, function: u32) -> Option<u32> {
        let mut callee = None;
        for operator in self.body(function)?.get_operators_reader().ok()? {
            match operator.ok()? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    if callee.replace(function_index).is_some() {
                        return None;
                    }
                }
                Operator::LocalGet { .. }
                | Operator::LocalSet { .. }
                | Operator::LocalTee { .. }
                | Operator::GlobalGet { .. }
                | Operator::GlobalSet { .. }
                | Operator::I32Const { .. }
                | Operator::I64Const { .. }
                | Operator::I32Add
                | Operator::I32Sub
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I32Load { .. }
                | Operator::I64Load { .. }
                | Operator::F32Load { .. }
                | Operator::F64Load { .. }
                | Operator::I32Load8U { .. }
                | Operator::I32Store { .. }
                | Operator::I64Store { .. }
                | Operator::F32Store { .. }
                | Operator::F64Store { .. }
                | Operator::I32Store8 { .. }
                | Operator::I32And
                | Operator::Return
                | Operator::Drop
                | Operator::Unreachable
                | Operator::End => {}
                _ => return None,
            }
        }
        callee
    }

    /// The addresses of the instructions of a function, from the start of the code section.
    pub fn addresses_of(&self, function: u32) -> Vec<u64> {
        let reader = self.body(function).map(FunctionBody::get_operators_reader);
        let Some(Ok(reader)) = reader else {
            return Vec::new();
        };
        let operators = reader.into_iter_with_offsets().flatten();
        let addresses = operators.filter_map(|(_, at)| at.checked_sub(self.code_start));
        addresses.take(MAX_INSTRUCTIONS).collect()
    }

    /// The functions at an address in the code, the outermost first, by the debug information.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let read = || DebugInfo::read(&self.debug_sections);
        let debug_info = self.debug_info.get_or_init(read).as_ref();
        debug_info.map_or_else(Vec::new, |debug_info| debug_info.frames(address))
    }

    fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        let defined = (function as usize).checked_sub(self.imports.len())?;
        self.bodies.get(defined)
    }

    /// The names of functions.
    pub fn function_names(&self) -> impl Iterator<Item = &'a str> {
        self.function_names.values().copied()
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                            self.imports.push((import.module, import.name));
                        }
                        // `__memory_base` and `__table_base`: addresses are shown relative to them.
                        TypeRef::Global(_) => {
                            self.globals.push(Some(0));
                            self.relocated.insert((import.module, import.name));
                        }
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let value = self.constant(&global?.init_expr)?;
                    self.globals.push(value);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            self.exports.insert(export.index, export.name);
                        }
                        ExternalKind::Global => {
                            let value = self.globals.get(export.index as usize).copied().flatten();
                            self.addresses
                                .extend(value.map(|value| (export.name, value)));
                        }
                        _ => {}
                    }
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element?;
                    if let ElementKind::Active { offset_expr, .. } = element.kind {
                        let start = self.constant(&offset_expr)?;
                        self.elements(start, element.items)?;
                    }
                }
            }
            Payload::DataSection(data) => {
                for segment in data {
                    let segment = segment?;
                    let start = match segment.kind {
                        DataKind::Active { offset_expr, .. } => self.constant(&offset_expr)?,
                        DataKind::Passive => None,
                    };
                    self.segments.push(Segment {
                        name: None,
                        start,
                        bytes: segment.data,
                    });
                }
            }
            Payload::CustomSection(custom) => {
                // A module with a damaged `name` section is valid.
                if let KnownCustom::Name(names) = custom.as_known() {
                    for name in names.into_iter().map_while(Result::ok) {
                        self.names(name);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn names(&mut self, name: Name<'a>) {
        let all = |map: NameMap<'a>| map.into_iter().map_while(Result::ok);
        match name {
            Name::Module { name, .. } => self.name = Some(name),
            Name::Function(map) => {
                let names = all(map).map(|naming| (naming.index, naming.name));
                self.function_names.extend(names);
            }
            Name::Data(map) => {
                for naming in all(map) {
                    if let Some(segment) = self.segments.get_mut(naming.index as usize) {
                        segment.name = Some(naming.name);
                    }
                }
            }
            _ => {}
        }
    }

    fn elements(
        &mut self,
        start: Option<u64>,
        items: ElementItems<'a>,
    ) -> Result<(), BinaryReaderError> {
        let Some(start) = start else {
            return Ok(());
        };
        match items {
            ElementItems::Functions(functions) => {
                for (position, function) in functions.into_iter().enumerate() {
                    let at = start.saturating_add(position as u64);
                    self.table.insert(at, function?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for (position, expression) in expressions.into_iter().enumerate() {
                    let operator = expression?.get_operators_reader().read()?;
                    if let Operator::RefFunc { function_index } = operator {
                        let at = start.saturating_add(position as u64);
                        self.table.insert(at, function_index);
                    }
                }
            }
        }
        Ok(())
    }

    /// The value of a constant expression, if it has only the operators that linkers use.
    fn constant(&self, expression: &ConstExpr<'_>) -> Result<Option<u64>, BinaryReaderError> {
        let mut stack: Vec<u64> = Vec::new();
        for operator in expression.get_operators_reader() {
            let add = |stack: &mut Vec<u64>| Some(stack.pop()?.wrapping_add(stack.pop()?));
            let value = match operator? {
                Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                Operator::I64Const { value } => Some(value.cast_unsigned()),
                Operator::GlobalGet { global_index } => {
                    self.globals.get(global_index as usize).copied().flatten()
                }
                Operator::I32Add => add(&mut stack).map(|sum| u64::from(sum as u32)),
                Operator::I64Add => add(&mut stack),
                Operator::End => return Ok(stack.pop()),
                _ => None,
            };
            match value {
                Some(value) => stack.push(value),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Finds the addresses of the passive segments of a module with threads. `wasm-ld` initializes them by
    /// `memory.init` with constant operands.
    fn place_passive(&mut self) -> Result<(), BinaryReaderError> {
        if self.segments.iter().all(|segment| segment.start.is_some()) {
            return Ok(());
        }
        for body in &self.bodies {
            let mut constants: [Option<u64>; 3] = [None; 3];
            for operator in body.get_operators_reader()? {
                let constant = match operator? {
                    Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                    Operator::I64Const { value } => Some(value.cast_unsigned()),
                    Operator::MemoryInit { data_index, .. } => {
                        let segment = self.segments.get_mut(data_index as usize);
                        if let (Some(segment), [start, Some(0), Some(_)]) = (segment, constants) {
                            segment.start = segment.start.or(start);
                        }
                        None
                    }
                    _ => None,
                };
                let [_, second, third] = constants;
                constants = [second, third, constant];
            }
        }
        Ok(())
    }
}

fn damaged_manifest(error: wasm_section_manifest::Error) -> Error {
    Error::new(error.message())
        .at(error.offset())
        .note("the manifest (custom section `link_sections`) cannot be read: link the module again")
        .note("a newer linker may write a version that needs a newer wasm-sections")
}
