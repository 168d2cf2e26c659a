//! The symbols of LLVM bitcode.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bounded(data, checks::bitcode));
