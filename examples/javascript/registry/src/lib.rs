//! The registry of commands. It knows none of the crates that register.

/// An entry. JavaScript reads it from memory, so the order of the fields is fixed.
#[repr(C)]
pub struct Command {
    pub name: &'static str,
    pub version: u32,
    pub run: extern "C" fn(i32) -> i32,
}

/// Registers a function: `command!(NAME, "name", version, function);`
#[macro_export]
macro_rules! command {
    ($entry:ident, $name:literal, $version:literal, $run:path) => {
        const _: () = {
            #[used]
            #[unsafe(export_name = concat!(
                        "__link_section__COMMANDS$$", module_path!(), "::", stringify!($entry)
                    ))]
            static ENTRY: $crate::Command = $crate::Command {
                name: $name,
                version: $version,
                run: $run,
            };
        };
    };
}

#[allow(improper_ctypes)] // `&str`
#[link(name = "linker_must_be_wasm_section_ld")] // with any other linker, an error
unsafe extern "C" {
    static __start_COMMANDS: [Command; 0];
    static __stop_COMMANDS: [Command; 0];
}

/// All commands of all crates.
pub fn commands() -> &'static [Command] {
    let (start, stop) = (&raw const __start_COMMANDS, &raw const __stop_COMMANDS);
    let count = (stop.addr() - start.addr()) / size_of::<Command>();
    // SAFETY: the section has only `Command`s, and the linker makes one array of them.
    unsafe { core::slice::from_raw_parts(start.cast(), count) }
}
