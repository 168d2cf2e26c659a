//! The name of a symbol: read by its structure.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bounded(data, checks::names));
