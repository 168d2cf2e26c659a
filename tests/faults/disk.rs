//! The disk is full: each of the temporary files in turn is one too large.

use super::{BEFORE, entry, entry_of, failed};
use crate::args;
use crate::support::refusal::says;
use crate::support::{Work, linker};
use std::ffi::OsString;
use std::process::{Command, Output};

/// Room for what is small, in blocks of 512 bytes.
const ROOM: usize = 20;

/// Links where no file may be larger than that, by a backend that writes none.
fn link(work: &Work, blocks: usize, words: &[OsString]) -> Output {
    work.write("out.wasm", BEFORE);
    let backend = work.script("backend", "exit 0");
    let limit = format!(r#"ulimit -f {blocks}; exec "$0" "$@""#);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(args!["-c", limit, linker()])
        .args(args!["--no-entry", "-o", "out.wasm"])
        .args(words)
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    shell.output().expect("our linker")
}

/// What is too large fails, and it is that: with room for it, and without it, the same link goes well.
fn fails_for(work: &Work, words: &[OsString], but_for: &[OsString]) {
    for blocks in [0, 1, ROOM] {
        let message = failed(work, &link(work, blocks, words));
        says(
            &message,
            &["cannot write to", "File too large", "TMPDIR", "room"],
        );
    }
    for (blocks, words) in [(1 << 20, words), (ROOM, but_for)] {
        let output = link(work, blocks, words);
        assert!(output.status.success(), "{blocks}: {output:?}");
    }
}

#[test]
fn while_the_array_is_written() {
    let work = Work::new();
    let large = entry_of(&work, "large", 200_000);
    fails_for(&work, &args![large], &args![entry(&work)]);
}

/// An object with a small entry and much else, of which only the entry leaves it.
#[test]
fn while_a_rewritten_object_is_written() {
    let work = Work::new();
    let object = |name: &str, size: usize| {
        let symbol = format!("__link_section__NUMBERS$${name}");
        let source = format!("int entry __asm__(\"{symbol}\") = 7; char other[{size}] = {{ 1 }};");
        work.c_with(name, &source, &["-fdata-sections"])
    };
    let (large, small) = (object("large", 200_000), object("small", 4));
    fails_for(&work, &args![large], &args![small]);
    // Also of an archive.
    let archive = work.archive("large.a", &[&large]);
    fails_for(&work, &args![archive], &args![small]);
}

/// An archive that is linked whole is given as its members.
#[test]
fn while_a_member_is_written() {
    let work = Work::new();
    let large = work.c("large", "char other[200000] = { 1 };");
    let small = entry(&work);
    let archives = [
        work.archive("large.a", &[&small, &large]),
        work.archive("small.a", &[&small]),
    ];
    let [large, small] = archives.map(|archive| args!["--whole-archive", archive]);
    fails_for(&work, &large, &small);
}

#[test]
fn while_the_arguments_are_written() {
    let work = Work::new();
    let names = (0..4_000).map(|number| format!("--export-if-defined=f{number}").into());
    let small = args![entry(&work)];
    let large: Vec<OsString> = names.chain(small.clone()).collect();
    fails_for(&work, &large, &small);
}
