//! Link jobs that nobody would think of. Where nothing is marked, the link is the backend's own,
//! byte for byte, also when every input is encoded anew on its way; where entries are marked, the
//! arrays are what a model of a few lines says, and all else is as it was.
//!
//! `PROPTEST_CASES` says how many.

mod flags;
mod gathered;
mod links;
mod marked;
mod model;
mod observed;
mod plain;
mod pool;
mod source;
mod target;
mod ways;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Enough to find what is broken, and few enough for `ci/test`.
const CASES: u32 = 24;

fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok();
    TestRunner::new(ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}
