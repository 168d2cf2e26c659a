//! The types of entries, and the arrays that the linker makes of them.
//!
//! There is no code for an array and no list of its members: every entry of a linked crate is in it.

use core::ffi::{CStr, c_char};
use core::slice;

/// An entry of the section `PLUGINS`.
///
/// C adds entries too (`plugin-native/native/plugins.c`). On wasm32, a `&str` is a pointer and a length
/// in this order, and a Rust `fn(i32) -> i32` has the signature of C. The language does not guarantee either.
#[repr(C)]
pub struct Plugin {
    /// The crate that registered it, and its name: `crate::name`.
    pub name: &'static str,
    pub run: fn(i32) -> i32,
}

/// An entry of the section `COMMANDS` is a `&'static dyn Command`.
pub trait Command: Sync {
    /// `crate::name`, as in [`Plugin::name`].
    fn name(&self) -> &'static str;
    fn execute(&self, argument: &str) -> String;
}

/// An entry of the section `POINTERS`, written in assembler (`plugin-native/native/pointers.s`).
#[repr(C)]
pub struct Pointers {
    text: *const c_char,
    run: extern "C" fn(i32) -> i32,
}

impl Pointers {
    /// The string that the first pointer points to.
    pub fn text(&self) -> &'static str {
        // SAFETY: the entries of POINTERS point to strings that end in NUL and never change.
        let text = unsafe { CStr::from_ptr(self.text) };
        text.to_str().unwrap_or("(not UTF-8)")
    }

    /// Calls the function that the second pointer points to.
    pub fn run(&self, argument: i32) -> i32 {
        (self.run)(argument)
    }
}

// The linker defines the symbols at both ends of each section. They are declared as arrays of length zero. With
// any other size, the compiler could assume that the two addresses differ, and an empty section has
// `start == stop`.
#[allow(improper_ctypes)] // `&str` and `dyn Command`; see `Plugin`.
unsafe extern "C" {
    static __start_PLUGINS: [Plugin; 0];
    static __stop_PLUGINS: [Plugin; 0];
    static __start_COMMANDS: [&'static dyn Command; 0];
    static __stop_COMMANDS: [&'static dyn Command; 0];
    static __start_POINTERS: [Pointers; 0];
    static __stop_POINTERS: [Pointers; 0];
}

/// Every plugin of the program.
pub fn plugins() -> &'static [Plugin] {
    // SAFETY: only `Plugin`s are put into this section.
    unsafe { between(&raw const __start_PLUGINS, &raw const __stop_PLUGINS) }
}

/// Every command of the program.
pub fn commands() -> &'static [&'static dyn Command] {
    // SAFETY: only `&'static dyn Command`s are put into this section.
    unsafe { between(&raw const __start_COMMANDS, &raw const __stop_COMMANDS) }
}

/// Every pair of pointers of the program.
pub fn pointers() -> &'static [Pointers] {
    // SAFETY: only `Pointers` are put into this section.
    unsafe { between(&raw const __start_POINTERS, &raw const __stop_POINTERS) }
}

/// The entries from `start` to `stop`.
///
/// # Safety
///
/// They must be the ends of a section whose entries are all of type `T`.
unsafe fn between<T>(start: *const [T; 0], stop: *const [T; 0]) -> &'static [T] {
    let bytes = stop.addr() - start.addr();
    // SAFETY: the linker lays the entries out as one array, and nothing ever changes them.
    unsafe { slice::from_raw_parts(start.cast(), bytes / size_of::<T>()) }
}

/// Registers a function as a [`Plugin`]: `register_plugin!(square, |n| n * n);`
///
/// The entry is a static with a name that the linker knows: `__link_section__`, the section,
/// `$`, a key to sort by (here none), `$`, and anything that makes the name unique.
#[macro_export]
macro_rules! register_plugin {
    ($name:ident, $run:expr) => {
        const _: () = {
            #[used]
            #[unsafe(export_name = concat!(
                                "__link_section__PLUGINS$$", module_path!(), "::", stringify!($name)
                            ))]
            static ENTRY: $crate::Plugin = $crate::Plugin {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $run,
            };
        };
    };
}
