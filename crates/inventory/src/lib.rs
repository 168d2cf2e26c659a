//! The package `wasm-section-inventory` under the name `inventory`. A patch in a `Cargo.toml` replaces only a package
//! of the same name.

#![no_std]

// The package `wasm-section-inventory`: its library is also named `inventory`.
#[doc(no_inline)]
pub use ::inventory::*;
