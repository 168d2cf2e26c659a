//! A module whose JavaScript `wasm-bindgen` makes.

use arithmetic as _;
use bits as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The array as the program itself reads it.
#[wasm_bindgen]
pub fn describe(n: i32) -> Vec<String> {
    let commands = registry::commands().iter();
    let line = |command: &registry::Command| {
        let (name, version) = (command.name, command.version);
        format!("{name} {version}: {}", (command.run)(n))
    };
    commands.map(line).collect()
}

/// The addresses of the first byte of the array and of the one after its last.
#[wasm_bindgen]
pub fn bounds() -> Vec<usize> {
    let range = registry::commands().as_ptr_range();
    vec![range.start.addr(), range.end.addr()]
}

/// The memory, as `WebAssembly.Memory`.
#[wasm_bindgen]
pub fn wasm_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// The table that function pointers refer to. `wasm-bindgen` does not keep the linker's export of it.
#[wasm_bindgen]
pub fn wasm_table() -> JsValue {
    wasm_bindgen::function_table()
}
