//! The promises of the contract, each tested on real toolchains: the sources are compiled, linked
//! by our program, instantiated, and what is in memory is compared with what the sources say.
//!
//! `ci/setup` must have run.

// Helpers of tests are tests too: what they do not expect is a failed test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod support;

mod bad_backend;
mod bad_input;
mod bad_marks;
mod bad_objects;
mod entries;
mod readme;
mod scripts_gnu;
