//! The promises of the contract, each tested on real toolchains: the sources are compiled, linked
//! by our program, instantiated, and what is in memory is compared with what the sources say.
//!
//! `ci/setup` must have run.

// Helpers of tests are tests too: what they do not expect is a failed test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]
// Elsewhere, the tests that are Unix's alone leave some helpers unused.
#![cfg_attr(not(unix), allow(unused_imports, dead_code))]

mod support;

mod after_linking;
mod alike;
mod any_names;
mod arrays;
mod asyncify;
#[cfg(unix)]
mod backend;
#[cfg(unix)]
mod bad_backend;
mod bad_input;
mod bad_marks;
mod bad_objects;
mod beside;
mod build_systems;
mod by_reference;
mod cargo_sections;
#[cfg(unix)]
mod clang_driver;
mod components;
mod crates;
mod custom_relocations;
mod custom_sections;
mod determinism;
mod differential;
mod documents;
mod drop_in;
#[cfg(unix)]
mod emscripten;
mod entries;
mod extracted_by_entries;
#[cfg(unix)]
mod faults;
mod fuzz_corpus;
mod gatherer;
#[cfg(unix)]
mod growth;
mod hands_off;
#[cfg(unix)]
mod hermetic;
mod host_js;
#[cfg(target_os = "linux")]
mod in_memory;
mod instrumented;
#[cfg(unix)]
mod javascript;
mod kept_in_rust;
mod kept_sections;
#[cfg(unix)]
mod languages;
mod linkme;
mod lto;
mod lto_place;
mod lua;
mod manifest;
mod manifest_names;
mod manners;
mod many;
mod map;
mod marks_table;
mod member_order;
mod members;
mod messages;
mod never_dead;
mod never_lost;
mod newest_rustc;
mod no_trace;
mod once;
mod originals;
mod other_linkers;
mod output_options;
mod partial;
mod pointers;
mod position_independent;
mod private_data;
mod publishing;
mod readme;
mod reencoded;
mod reference;
mod resolution;
mod response;
mod rust;
mod rust_programs;
mod rust_statics;
mod script_errors;
mod script_examples;
mod script_keys;
mod scripts;
mod scripts_between;
mod scripts_gnu;
mod scripts_wild;
#[cfg(unix)]
mod security;
mod server;
#[cfg(unix)]
mod sysroot;
mod threads;
mod tool_damage;
mod tool_diff;
mod tool_doctor;
mod tool_init;
mod tool_inspect;
mod tool_names;
mod tool_page;
mod tool_why;
mod undeclared;
mod waiting;
mod wasi;
mod wasm64;
#[cfg(unix)]
mod wild;
mod worlds;
