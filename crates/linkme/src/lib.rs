//! The package `wasm-section-linkme` under the name `linkme`. A patch in a `Cargo.toml` replaces only a package
//! of the same name.

#![no_std]

// The package `wasm-section-linkme`: its library is also named `linkme`.
#[doc(no_inline)]
pub use ::linkme::*;
