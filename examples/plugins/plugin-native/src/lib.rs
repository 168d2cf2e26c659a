//! Nothing in Rust: build.rs compiles what is in `native/` and puts it into this crate's library.
#![no_std]
