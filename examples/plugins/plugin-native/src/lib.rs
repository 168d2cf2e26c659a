//! No Rust code: build.rs compiles `native/` into this crate's library.
#![no_std]
