//! Links of units that say what they see: which definition of a name won, which archive members were
//! extracted, in which order constructors ran. All of that must be what the plain link of the same command
//! line gives, with what entries refer to asked for at its end; the arrays are what a model says.
//!
//! `PROPTEST_CASES` says how many jobs, `DIFFERENTIAL_SEED` with which one to begin, and
//! `DIFFERENTIAL_FAILURES` how many failures to look for.

mod core;
mod failed;
mod fallback;
mod job;
mod loaded;
mod machine;
mod model;
mod object;
mod run;
mod seen;
mod unit;

use job::Kind;
use run::Bench;
use std::collections::HashSet;

/// Enough to find what is broken, and few enough for `ci/test`.
const CASES: u64 = 8;
/// The first of these. The same each time, so that a change is what makes a difference.
const FIRST: u64 = 1;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn check(kind: Kind) {
    let first = setting("DIFFERENTIAL_SEED").unwrap_or(FIRST);
    let most = setting("DIFFERENTIAL_FAILURES").unwrap_or(1);
    let count = setting("PROPTEST_CASES").unwrap_or(CASES);
    let bench = Bench::new();
    let failures = bench.run(kind, first, count, most as usize);
    println!("{kind:?} from {first}: {:?}", bench.counts.borrow());
    assert!(
        failures.is_empty(),
        "{}\n{} failures",
        failures.join("\n\n"),
        failures.len()
    );
    assert!(count < CASES || bench.counts.borrow().get("link") > 1);
}

/// What units can have, some unit has.
#[test]
fn every_feature_is_in_some_unit() {
    let features = job::UNITS.iter().flat_map(|unit| &unit.features);
    let kinds: HashSet<_> = features.map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 20);
}

#[test]
fn links_of_wasm32_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Wasm32);
}

#[test]
fn links_of_wasm64_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Wasm64);
}

#[test]
fn links_of_position_independent_code_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Pic);
}

#[test]
fn links_of_position_independent_wasm64_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Pic64);
}

#[test]
fn links_of_partial_links_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Partial);
}

#[test]
fn links_with_bitcode_are_the_plain_ones_but_for_the_arrays() {
    check(Kind::Bitcode);
}
