//! The promises of the contract, each tested on real toolchains: the sources are compiled, linked
//! by our program, instantiated, and what is in memory is compared with what the sources say.
//!
//! `ci/setup` must have run.

mod support;

mod entries;
mod readme;
mod scripts_gnu;
