//! Instances of modules: memory, exports and function table.

use wasmi::{Engine, Extern, ExternType, Func, Linker, Memory, Module, Store, Val};

/// An instance of a module.
pub struct Instance {
    /// The data is the list of calls of imported functions.
    store: Store<Vec<String>>,
    instance: wasmi::Instance,
    /// The imported memory, if any.
    imported: Option<Memory>,
}

impl Instance {
    /// Instantiates a module. Imported functions return zero.
    pub fn new(module: &[u8]) -> Self {
        Self::with_host(module, |_, _| 0)
    }

    /// Instantiates a module, with a new memory if it imports one. An imported function that returns an `i32`
    /// returns the result of `host` for its name and its `i32` arguments. Others return zero.
    pub fn with_host(
        module: &[u8],
        host: impl Fn(&str, &[i32]) -> i32 + Clone + Send + Sync + 'static,
    ) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, module).expect("a valid module");
        let mut store = Store::new(&engine, Vec::new());
        let mut linker = Linker::new(&engine);
        let mut imported = None;
        for import in module.imports() {
            let ty = match import.ty() {
                ExternType::Func(ty) => ty,
                ExternType::Memory(ty) => {
                    let memory = Memory::new(&mut store, *ty).expect("a memory");
                    imported = Some(memory);
                    linker
                        .define(import.module(), import.name(), memory)
                        .expect("one memory");
                    continue;
                }
                _ => panic!("an import that is neither a function nor a memory: {import:?}"),
            };
            let (host, field) = (host.clone(), import.name().to_owned());
            let name = format!("{}.{}", import.module(), import.name());
            let function = Func::new(
                &mut store,
                ty.clone(),
                move |mut caller, arguments, results| {
                    caller.data_mut().push(name.clone());
                    let arguments: Vec<i32> = arguments.iter().filter_map(Val::i32).collect();
                    let returned = host(&field, &arguments);
                    for result in results {
                        *result = match Val::default_for_ty(result.ty()) {
                            Val::I32(_) => Val::I32(returned),
                            zero => zero,
                        };
                    }
                    Ok(())
                },
            );
            linker
                .define(import.module(), import.name(), function)
                .expect("imports have different names");
        }
        let instance = linker
            .instantiate_and_start(&mut store, &module)
            .expect("an instance");
        Self {
            store,
            instance,
            imported,
        }
    }

    /// The names of the exports.
    pub fn exports(&self) -> Vec<String> {
        let exports = self.instance.exports(&self.store);
        let mut names: Vec<_> = exports.map(|export| export.name().to_owned()).collect();
        names.sort();
        names
    }

    /// The value of an exported global, such as the address of an exported data symbol.
    pub fn address(&self, name: &str) -> u32 {
        match self.instance.get_export(&self.store, name) {
            Some(Extern::Global(global)) => match global.get(&self.store) {
                Val::I32(value) => value as u32,
                Val::I64(value) => u32::try_from(value).expect("an address of 32 bits"),
                other => panic!("{name} is {other:?}"),
            },
            other => panic!("{name} is not an exported global: {other:?}"),
        }
    }

    /// Calls an exported function with `i32` arguments. Returns its `i32`, or 0 without a result.
    pub fn call(&mut self, name: &str, arguments: &[i32]) -> i32 {
        let function = self
            .instance
            .get_func(&self.store, name)
            .unwrap_or_else(|| panic!("no exported function {name}"));
        self.call_function(function, arguments)
    }

    /// Like [`Self::call`], for a function pointer. The module must be linked with `--export-table`.
    pub fn call_pointer(&mut self, pointer: u32, arguments: &[i32]) -> i32 {
        let table = self
            .instance
            .get_table(&self.store, "__indirect_function_table")
            .expect("an exported table");
        match table.get(&self.store, u64::from(pointer)) {
            Some(value) => match value.as_func() {
                Some(wasmi::Nullable::Val(function)) => {
                    let function = *function;
                    self.call_function(function, arguments)
                }
                _ => panic!("table element {pointer} is null"),
            },
            None => panic!("table index {pointer} is out of range"),
        }
    }

    fn call_function(&mut self, function: Func, arguments: &[i32]) -> i32 {
        let arguments: Vec<Val> = arguments.iter().map(|&value| Val::I32(value)).collect();
        let ty = function.ty(&self.store);
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for_ty(ty))
            .collect();
        function
            .call(&mut self.store, &arguments, &mut results)
            .expect("a call that returns");
        match results.as_slice() {
            [] => 0,
            [Val::I32(value)] => *value,
            other => panic!("results {other:?}"),
        }
    }

    /// The imported functions that the module called, as `MODULE.NAME`, in the order of the calls.
    pub fn called(&self) -> &[String] {
        self.store.data()
    }

    fn memory(&self) -> Memory {
        self.imported.unwrap_or_else(|| {
            self.instance
                .get_memory(&self.store, "memory")
                .expect("an exported memory")
        })
    }

    /// Bytes of the memory.
    pub fn bytes(&self, address: u32, length: u32) -> &[u8] {
        let start = address as usize;
        &self.memory().data(&self.store)[start..start + length as usize]
    }

    /// A 32-bit word in the memory.
    pub fn word(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.bytes(address, 4).try_into().expect("four bytes"))
    }

    /// A NUL-terminated string in the memory.
    pub fn string(&self, address: u32) -> String {
        let rest = &self.memory().data(&self.store)[address as usize..];
        let end = rest.iter().position(|&byte| byte == 0).expect("a NUL");
        String::from_utf8(rest[..end].to_vec()).expect("UTF-8")
    }

    /// The bytes of a section. The module must be linked with `--export=__start_NAME` and
    /// `--export=__stop_NAME`.
    pub fn section(&self, name: &str) -> &[u8] {
        let start = self.address(&format!("__start_{name}"));
        let stop = self.address(&format!("__stop_{name}"));
        self.bytes(start, stop - start)
    }

    /// A section as 32-bit words.
    pub fn words(&self, name: &str) -> Vec<u32> {
        let bytes = self.section(name);
        let (words, rest) = bytes.as_chunks::<4>();
        assert!(
            rest.is_empty(),
            "{} bytes are not 32-bit words",
            bytes.len()
        );
        words.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }
}

/// The flags that let the host read a section of a module without code.
pub fn export_section(name: &str) -> [String; 3] {
    [
        "--no-entry".to_owned(),
        format!("--export=__start_{name}"),
        format!("--export=__stop_{name}"),
    ]
}
