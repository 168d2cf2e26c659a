//! **Distributed slices: elements from all over the program, gathered by the linker.**
//!
//! This is linkme's interface on the platforms that linkme knows, by the same conventions, and on
//! WebAssembly, with [wasm-section-ld] as the linker. Nothing runs to register anything.
//!
//! [wasm-section-ld]: https://crates.io/crates/wasm-section-ld
//!
//! A slice is declared once:
//!
//! ```
//! use linkme::distributed_slice;
//!
//! pub struct Command {
//!     pub name: &'static str,
//!     pub run: fn(i32) -> i32,
//! }
//!
//! #[distributed_slice]
//! pub static COMMANDS: [Command];
//! ```
//!
//! Any crate of the program adds elements:
//!
//! ```
//! # pub struct Command { pub name: &'static str, pub run: fn(i32) -> i32 }
//! # #[linkme::distributed_slice]
//! # pub static COMMANDS: [Command];
//! # use linkme::distributed_slice;
//! #[distributed_slice(COMMANDS)]
//! static TWICE: Command = Command { name: "twice", run: |n| 2 * n };
//!
//! # fn main() {
//! assert_eq!(COMMANDS.len(), 1);
//! for command in COMMANDS {
//!     assert_eq!((command.run)(21), 42, "{}", command.name);
//! }
//! # }
//! ```
//!
//! See [`DistributedSlice`] for all that can be registered, and how.
//!
//! # WebAssembly
//!
//! Any target whose family is wasm works: `wasm32-unknown-unknown`, `wasm32v1-none`,
//! `wasm32-wasip1`. The program is linked by wasm-section-ld, which is one line in
//! `.cargo/config.toml`:
//!
//! ```toml
//! [target.wasm32-unknown-unknown]
//! linker = "wasm-section-ld"
//! ```
//!
//! Another linker stops with `unable to find library -llinker_must_be_wasm_section_ld`.

#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
// Before Rust 1.86 compilers do not expect the `cfg` of Cygwin.
#![allow(unknown_lints, unexpected_cfgs)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod distributed_slice;

pub use crate::distributed_slice::DistributedSlice;
pub use linkme_impl::distributed_slice;

// Not a library: it is how the link fails, with words, where elements would not be gathered.
#[cfg(target_family = "wasm")]
#[link(name = "linker_must_be_wasm_section_ld")]
extern "C" {}
