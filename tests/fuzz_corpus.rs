//! The corpus of the fuzz targets, which holds what once broke something: what the targets check
//! must hold of all of it, and of it damaged a little. (Fuzzing itself: docs/testing.md.)

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::{Path, PathBuf};

/// The inputs of a target, of which there must be some.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&directory).expect("a corpus").flatten();
    let mut inputs: Vec<_> = files
        .map(|file| (file.path(), fs::read(file.path()).expect("an input")))
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 3, "{}", directory.display());
    inputs
}

fn run(target: &str, check: fn(&[u8])) {
    for (path, input) in corpus(target) {
        let checked = std::panic::catch_unwind(|| check(&input));
        assert!(checked.is_ok(), "{}", path.display());
        // Cut off in a few places, and with a few bytes changed: the same ones each time.
        let step = input.len() / 64 + 1;
        for at in (0..input.len()).step_by(step) {
            let mut damaged = input.clone();
            damaged[at] ^= 0x80 >> (at % 8);
            for damaged in [&input[..at], &damaged] {
                let checked = std::panic::catch_unwind(|| check(damaged));
                assert!(
                    checked.is_ok(),
                    "{} damaged at byte {at:#x}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn arguments() {
    run("arguments", checks::arguments);
}

#[test]
fn archive() {
    run("archive", checks::archive);
}

#[test]
fn object() {
    run("object", checks::object);
}

#[test]
fn gather() {
    run("gather", checks::gather);
}

#[test]
fn script() {
    run("script", checks::script);
}

/// Most of the corpus would be of no use if it were not read.
#[test]
fn the_seeds_are_right() {
    use wasm_section_ld::input::archive_members;
    use wasm_section_ld::wasm::Object;
    let good = |target: &str, is_good: fn(&[u8]) -> bool| {
        let corpus = corpus(target);
        corpus.iter().filter(|(_, input)| is_good(input)).count()
    };
    assert!(good("object", |input| Object::parse(input).is_ok()) >= 7);
    assert!(good("gather", |input| Object::parse(input).is_ok()) >= 7);
    assert!(
        good("archive", |input| archive_members(Path::new("x.a"), input)
            .is_ok())
            >= 6
    );
}
