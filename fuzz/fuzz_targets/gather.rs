//! One object all the way: survey, plan, relocations, the objects that are made.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bounded(data, checks::gather));
