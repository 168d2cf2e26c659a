//! The type of plugins, and the array of them.
#![no_std]

pub struct Plugin {
    pub name: &'static str,
    pub run: fn(i32) -> i32,
}

unsafe extern "C" {
    static __start_PLUGINS: [Plugin; 0];
    static PLUGINS_WITHOUT_KEY: [Plugin; 0];
    static __stop_PLUGINS: [Plugin; 0];
}

/// All plugins: those with a key, and then those without one.
pub fn plugins() -> &'static [Plugin] {
    between(&raw const __start_PLUGINS, &raw const __stop_PLUGINS)
}

/// The plugins with a key.
pub fn plugins_with_key() -> &'static [Plugin] {
    between(&raw const __start_PLUGINS, &raw const PLUGINS_WITHOUT_KEY)
}

fn between(start: *const [Plugin; 0], stop: *const [Plugin; 0]) -> &'static [Plugin] {
    let count = (stop.addr() - start.addr()) / size_of::<Plugin>();
    // SAFETY: the section has only `Plugin`s, and the linker makes one array of them.
    unsafe { core::slice::from_raw_parts(start.cast(), count) }
}
