//! A module that runs, wherever it is loaded and however wide its addresses are.

use std::collections::{BTreeMap, BTreeSet};
use wasmi::{
    Engine, Extern, ExternType, Func, Global, Linker, Memory, Module, Mutability, Nullable, Ref,
    Store, Table, Val, ValType,
};

/// Where position-independent modules go: no round number.
const MEMORY_BASE: u64 = 1_040;
const TABLE_BASE: u64 = 3;

pub struct Loaded {
    store: Store<()>,
    instance: wasmi::Instance,
    memory: Memory,
    table: Option<Table>,
    base: u64,
    is_wide: bool,
    functions: BTreeSet<String>,
    data: BTreeSet<String>,
}

impl Loaded {
    /// Instantiates a module, relocates its data and runs its constructors.
    pub fn new(bytes: &[u8], is_pic: bool, is_wide: bool) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, bytes).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let (mut memory, mut table) = (None, None);
        let (mut of_data, mut of_functions) = (Vec::new(), Vec::new());
        let address = |value: u64| match is_wide {
            true => Val::I64(value as i64),
            false => Val::I32(value as i32),
        };
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let external: Extern = match import.ty() {
                ExternType::Func(ty) => zero(&mut store, ty).into(),
                ExternType::Memory(ty) => {
                    let own = Memory::new(&mut store, *ty).expect("a memory");
                    memory = Some(own);
                    own.into()
                }
                ExternType::Table(ty) => {
                    let own = Table::new(&mut store, *ty, Ref::Func(Nullable::Null));
                    let mut own = own.expect("a table");
                    grow(&mut store, &mut own, 64);
                    table = Some(own);
                    own.into()
                }
                ExternType::Global(ty) => {
                    let value = match name {
                        "__memory_base" => MEMORY_BASE,
                        "__table_base" => TABLE_BASE,
                        "__stack_pointer" => 60_000,
                        _ => 0,
                    };
                    let value = match ty.content() {
                        ValType::I64 => Val::I64(value as i64),
                        _ => Val::I32(value as i32),
                    };
                    let global = Global::new(&mut store, value, ty.mutability());
                    match from {
                        "GOT.mem" => of_data.push((name.to_owned(), global)),
                        "GOT.func" => of_functions.push((name.to_owned(), global)),
                        _ => {}
                    }
                    debug_assert!(from == "env" || ty.mutability() == Mutability::Var);
                    global.into()
                }
            };
            linker.define(from, name, external).expect("names differ");
        }
        let instance = linker.instantiate_and_start(&mut store, &module);
        let instance = instance.expect("an instance");
        let exported = |name| instance.get_export(&store, name);
        let memory = memory.or_else(|| exported("memory").and_then(Extern::into_memory));
        let table =
            table.or_else(|| exported("__indirect_function_table").and_then(Extern::into_table));
        let exports = instance.exports(&store);
        let (mut functions, mut data) = (BTreeSet::new(), BTreeSet::new());
        for export in exports {
            match export.ty(&store) {
                ExternType::Func(ty)
                    if ty.params().is_empty() && !export.name().starts_with("__wasm") =>
                {
                    functions.insert(export.name().to_owned());
                }
                ExternType::Global(_) => {
                    data.insert(export.name().to_owned());
                }
                _ => {}
            }
        }
        let mut loaded = Self {
            store,
            instance,
            memory: memory.expect("a memory"),
            table,
            base: if is_pic { MEMORY_BASE } else { 0 },
            is_wide,
            functions,
            data,
        };
        for (name, global) in of_data {
            if let Some(at) = loaded.address(&name) {
                global
                    .set(&mut loaded.store, address(at))
                    .expect("a variable");
            }
        }
        for (name, global) in of_functions {
            if let Some(index) = loaded.index_of(&name) {
                global
                    .set(&mut loaded.store, address(index))
                    .expect("a variable");
            }
        }
        for name in ["__wasm_apply_data_relocs", "__wasm_call_ctors"] {
            if let Some(function) = loaded.instance.get_func(&loaded.store, name) {
                function
                    .call(&mut loaded.store, &[], &mut [])
                    .expect("a start");
            }
        }
        loaded
    }

    /// The functions without parameters that it exports, and what each gives, called in order of names.
    pub fn results(&mut self) -> BTreeMap<String, u32> {
        let names = self.functions.clone();
        names
            .into_iter()
            .map(|name| {
                let result = self.call(&name, &[]);
                (name, result)
            })
            .collect()
    }

    /// The words at the addresses that it exports.
    pub fn words(&self) -> BTreeMap<String, u32> {
        let names = self.data.iter();
        let words = names.filter_map(|name| Some((name.clone(), self.word(self.address(name)?)?)));
        words.collect()
    }

    pub fn call(&mut self, name: &str, arguments: &[i32]) -> u32 {
        let function = self.instance.get_func(&self.store, name);
        self.run(function.expect("a function"), arguments)
    }

    /// Calls the function at an index of the table.
    pub fn call_pointer(&mut self, index: u64) -> u32 {
        let table = self.table.expect("a table");
        let function = match table.get(&self.store, index) {
            Some(Ref::Func(Nullable::Val(function))) => function,
            other => panic!("{other:?} at {index} of the table"),
        };
        self.run(function, &[])
    }

    fn run(&mut self, function: Func, arguments: &[i32]) -> u32 {
        let arguments: Vec<_> = arguments.iter().map(|&value| Val::I32(value)).collect();
        let ty = function.ty(&self.store);
        let mut results: Vec<_> = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for_ty(ty))
            .collect();
        let done = function.call(&mut self.store, &arguments, &mut results);
        done.expect("a call that returns");
        match results[..] {
            [Val::I32(value)] => value as u32,
            _ => 0,
        }
    }

    /// The address of a symbol.
    fn address(&self, name: &str) -> Option<u64> {
        let global = self.instance.get_global(&self.store, name)?;
        Some(self.base + number(&global.get(&self.store)))
    }

    fn index_of(&mut self, name: &str) -> Option<u64> {
        let function = self.instance.get_func(&self.store, name)?;
        let mut table = self.table?;
        let index = table.size(&self.store);
        grow(&mut self.store, &mut table, 1);
        let value = Ref::Func(Nullable::Val(function));
        table.set(&mut self.store, index, value).expect("a place");
        Some(index)
    }

    fn word(&self, at: u64) -> Option<u32> {
        let bytes = self.memory.data(&self.store).get(at as usize..)?.get(..4)?;
        Some(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    /// The bytes between the bounds of a section.
    pub fn section(&self, name: &str) -> Vec<u8> {
        let [start, stop] =
            ["__start_", "__stop_"].map(|bound| self.address(&format!("{bound}{name}")));
        let (start, stop) = (start.expect("a start"), stop.expect("a stop"));
        self.memory.data(&self.store)[start as usize..stop as usize].to_vec()
    }

    /// A section as pointers.
    pub fn pointers(&self, name: &str) -> Vec<u64> {
        let size = if self.is_wide { 8 } else { 4 };
        let section = self.section(name);
        let pointers = section.chunks(size);
        let read = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |n, &byte| n << 8 | u64::from(byte))
        };
        pointers.map(read).collect()
    }

    pub fn pointee(&self, at: u64) -> Option<u32> {
        (at != 0).then(|| self.word(at).expect("an address in memory"))
    }

    pub fn string(&self, at: u64) -> String {
        let rest = &self.memory.data(&self.store)[at as usize..];
        let end = rest.iter().position(|&byte| byte == 0).expect("a NUL");
        String::from_utf8_lossy(&rest[..end]).into_owned()
    }
}

fn number(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        other => panic!("{other:?} is no address"),
    }
}

fn grow(store: &mut Store<()>, table: &mut Table, by: u64) {
    let null = Ref::Func(Nullable::Null);
    table.grow(store, by, null).expect("a table that grows");
}

/// A function that gives zero.
fn zero(store: &mut Store<()>, ty: &wasmi::FuncType) -> Func {
    Func::new(store, ty.clone(), |_, _, results| {
        for result in results {
            *result = Val::default_for_ty(result.ty());
        }
        Ok(())
    })
}
