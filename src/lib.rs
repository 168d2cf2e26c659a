//! `wasm-section-ld`: a drop-in for `wasm-ld` that gives WebAssembly link sections.
//!
//! Many crates or C files each put entries into a named section. The entries become one array in linear
//! memory, with every pointer resolved, and `__start_NAME` and `__stop_NAME` at its ends.
//!
//! The program is [`driver::main`]. Its core is [`gather`](gather::gather()), which others can call in their
//! own process: it runs no process, and reads neither files nor the environment.
//!
//! ```text
//! args ─▶ input ─▶ survey ─▶ plan ─▶ hoist ─▶ backend
//!                 └────── gather ──────┘
//! ```
//!
//! # Example
//!
//! Two objects have an entry each of the section `NUMBERS`, and a third asks for its bounds:
//!
//! ```
//! use wasm_section_ld::args::CommandLine;
//! use wasm_section_ld::gather::{Options, gather};
//! use wasm_section_ld::input::Inputs;
//! use wasm_section_ld::script::Script;
//! use wasm_section_ld::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};
//!
//! /// An object with one entry: a `__link_section__NUMBERS` symbol for four bytes.
//! fn object(number: u32) -> Vec<u8> {
//!     let mut object = Builder::new(false, false);
//!     let segment = object.segment(".data.number", 2, 0, number.to_le_bytes().to_vec());
//!     object.symbol(SynthSymbol::Data {
//!         flags: SymbolFlags::empty(),
//!         name: format!("__link_section__NUMBERS$${number}").into(),
//!         definition: Definition { segment, offset: 0, size: 4 },
//!     });
//!     object.finish().bytes()
//! }
//!
//! let objects = [object(1), object(2)];
//! let mut inputs = Inputs::default();
//! inputs.add_object("one.o", &objects[0]);
//! inputs.add_object("two.o", &objects[1]);
//!
//! let line = CommandLine::parse(vec!["--no-entry".into()])?;
//! let options = Options {
//!     line: &line,
//!     script: &Script::default(),
//!     manifest: false,
//!     retains: &|| true,
//! };
//! let mut rewritten = Vec::new();
//! let gathered = gather(&inputs, &options, &mut rewritten)?;
//!
//! let section = &gathered.plan.sections[0];
//! assert_eq!((section.name.as_str(), section.size), ("NUMBERS", 8));
//! // Link the rewritten objects in place of the originals, and the synthesized one last.
//! assert_eq!(rewritten.len(), 2);
//! let synthesized = gathered.hoisted.expect("an array").object.bytes();
//! assert!(synthesized.starts_with(b"\0asm"));
//! # Ok::<(), wasm_section_ld::error::Error>(())
//! ```
//!
//! Versions follow this API: [`gather`](gather::gather()) with its arguments and results. What the other modules
//! offer beyond that is for this program, its tests and its tools, and may change with any release.

pub mod args;
pub mod backend;
pub mod bitcode;
#[cfg(unix)]
mod cleanup;
pub mod demangle;
pub mod driver;
pub mod error;
pub mod gather;
mod hash;
mod heap;
pub mod hoist;
pub mod input;
pub mod interrupt;
pub mod mangling;
pub mod manifest;
mod names;
pub mod parallel;
pub mod plan;
pub mod script;
pub mod survey;
mod temporary;
mod terminal;
pub mod wasm;
