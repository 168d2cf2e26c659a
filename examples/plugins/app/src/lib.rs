//! Prints every entry of every registry. The linked crates decide which entries there are.

use plugin_math as _;
use plugin_native as _;
use plugin_text as _;
use plugin_time as _;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn print(text: *const u8, bytes: usize);
}

fn line(text: String) {
    // SAFETY: the host reads the text and keeps nothing.
    unsafe { print(text.as_ptr(), text.len()) }
}

#[unsafe(no_mangle)]
pub extern "C" fn run() {
    line(format!("PLUGINS: {} entries", registry::plugins().len()));
    for plugin in registry::plugins() {
        line(format!("  {}(20) = {}", plugin.name, (plugin.run)(20)));
    }
    line(format!("COMMANDS: {} entries", registry::commands().len()));
    for command in registry::commands() {
        line(format!(
            "  {}: {}",
            command.name(),
            command.execute("water the plants")
        ));
    }
    line(format!("POINTERS: {} entries", registry::pointers().len()));
    for pointers in registry::pointers() {
        line(format!("  {}(20) = {}", pointers.text(), pointers.run(20)));
    }
}
