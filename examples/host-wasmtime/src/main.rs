//! Lists the registries of a module without calling any of its exports, then calls the functions of one
//! through the table: `host-wasmtime MODULE`.

use wasm_section_manifest::{Manifest, PointerKind, Section};
use wasmtime::{Engine, Error, Linker, Memory, Module, Result, Store, Table};

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1);
    let path = path.ok_or_else(|| Error::msg("usage: host-wasmtime MODULE"))?;
    let bytes = std::fs::read(path)?;
    // None if the module was linked without --section-manifest.
    let manifest = Manifest::find(&bytes)?.unwrap_or_default();

    let engine = Engine::default();
    let module = Module::new(&engine, &bytes)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "print", |_text: u32, _bytes: u32| ())?;
    let instance = linker.instantiate(&mut store, &module)?;
    let missing = |what| Error::msg(format!("the module exports no {what}"));
    let memory = instance.get_memory(&mut store, "memory");
    let memory = memory.ok_or_else(|| missing("memory"))?;
    let table = instance.get_table(&mut store, "__indirect_function_table");
    let table = table.ok_or_else(|| missing("table; link with --export-table"))?;

    for section in &manifest.sections {
        println!("{}: {} bytes", section.display_name(), section.size);
        for entry in &section.entries {
            let kinds = entry.pointers.iter().map(|pointer| match pointer.kind {
                PointerKind::Data => "data",
                PointerKind::Function => "function",
                PointerKind::Distance => "distance",
                _ => "other",
            });
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            let name = entry.name.as_deref().unwrap_or("entry");
            let (size, krate) = (entry.size, entry.krate.as_deref().unwrap_or_default());
            println!("  {name}: {size} bytes from {krate}: {kinds}");
        }
        if section.name == "PLUGINS" {
            run_plugins(section, &mut store, memory, table)?;
        }
    }
    Ok(())
}

/// An entry is a `struct Plugin { name: &str, run: fn(i32) -> i32 }`.
fn run_plugins(
    section: &Section,
    store: &mut Store<()>,
    memory: Memory,
    table: Table,
) -> Result<()> {
    for entry in &section.entries {
        let at = section.start as usize + entry.offset as usize;
        let [name, length, run] = words(memory.data(&store), at)?;
        let outside = || Error::msg("a name outside of memory");
        let text = memory.data(&store).get(name as usize..);
        let text = text.and_then(|text| text.get(..length as usize));
        let name = String::from_utf8_lossy(text.ok_or_else(outside)?).into_owned();
        let function = table.get(&mut *store, run.into());
        let function = function.and_then(|function| function.as_func()?.copied());
        let function = function.ok_or_else(|| Error::msg(format!("no function {run}")))?;
        let result = function.typed::<i32, i32>(&*store)?.call(&mut *store, 20)?;
        println!("  {name}(20) = {result}");
    }
    Ok(())
}

/// Little-endian words of memory.
fn words<const N: usize>(memory: &[u8], at: usize) -> Result<[u32; N]> {
    let bytes = memory.get(at..).and_then(|bytes| bytes.get(..4 * N));
    let bytes = bytes.ok_or_else(|| Error::msg("an entry outside of memory"))?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(std::array::from_fn(|index| {
        u32::from_le_bytes(words[index])
    }))
}
