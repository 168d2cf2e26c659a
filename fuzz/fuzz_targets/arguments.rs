//! The words of a command line, and response files.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bounded(data, checks::arguments));
