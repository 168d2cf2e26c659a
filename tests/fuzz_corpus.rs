//! The corpus of the fuzz targets, which holds what once broke something: what the targets check
//! must hold of all of it, and of it damaged a little. (Fuzzing itself: docs/testing.md.)

#[path = "../fuzz/checks.rs"]
pub mod checks;

use crate::args;
use crate::support::{Work, tool};
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
        let checked = std::panic::catch_unwind(|| checks::bounded(&input, check));
        assert!(checked.is_ok(), "{}", path.display());
        // Cut off in a few places, and with a few bytes changed: the same ones each time.
        let step = input.len() / 64 + 1;
        for at in (0..input.len()).step_by(step) {
            let mut damaged = input.clone();
            damaged[at] ^= 0x80 >> (at % 8);
            for damaged in [&input[..at], &damaged] {
                let checked = std::panic::catch_unwind(|| checks::bounded(damaged, check));
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
fn names() {
    run("names", checks::names);
}

#[test]
fn bitcode() {
    run("bitcode", checks::bitcode);
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

/// An edited object is one that the backend takes, if it takes the original, and what is linked of
/// it is valid.
#[test]
fn the_backend_takes_what_is_edited() {
    let work = Work::new();
    let backend = tool("WSL_WASM_LD");
    // Everything stays in the output, so that everything is looked at.
    let flags = |path: &Path| {
        args![
            "--no-entry",
            "--no-gc-sections",
            "--allow-undefined",
            "--strip-debug",
            path
        ]
    };
    let mut taken = 0;
    for (path, _) in corpus("gather").into_iter().chain(corpus("object")) {
        let plain = work.plain_link(&backend, flags(&path));
        if plain.status != Some(0) {
            continue;
        }
        let gather = ["--gather=NUMBERS", "--gather=TEXTS", "-u__start_POINTERS"];
        let gather = gather.map(Into::into).into_iter();
        let ours = work.link(flags(&path).into_iter().chain(gather));
        // What only we refuse is a mark that is not right.
        if ours.status == Some(1) && ours.stderr.starts_with("wasm-section-ld: error: ") {
            continue;
        }
        let module = ours.module();
        work.run(tool("WSL_WASM_VALIDATE"), [ours.output.as_os_str()]);
        taken += usize::from(!module.is_empty());
    }
    assert!(taken >= 6, "only {taken} of the corpus were linked");
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
    assert!(good("object", |input| Object::parse(&input.into()).is_ok()) >= 7);
    assert!(good("gather", |input| Object::parse(&input.into()).is_ok()) >= 7);
    assert!(
        good("archive", |input| archive_members(Path::new("x.a"), input)
            .is_ok())
            >= 6
    );
}
