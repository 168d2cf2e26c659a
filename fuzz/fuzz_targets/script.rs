//! Linker scripts, and what they say carried out on real entries.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bounded(data, checks::script));
