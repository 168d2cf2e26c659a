//! Backends that do not do what they should.

use super::{command, entry, nothing_changed, nothing_left};
use crate::support::Work;
use crate::support::refusal::says;
use std::fs;

#[test]
fn a_backend_that_is_killed() {
    let work = Work::new();
    let object = entry(&work);
    let backend = work.script("backend", "kill -9 $$");
    let mut command = command(&work, &backend);
    let output = command.arg(&object).output().expect("our linker");
    assert_eq!(output.status.code(), Some(128 + 9), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr);
    says(&message, &["backend", "terminated by signal 9", ">>> "]);
    nothing_changed(&work);
}

#[test]
fn a_backend_that_writes_half_of_the_output_and_fails() {
    let work = Work::new();
    let object = entry(&work);
    let script = "while [ \"$1\" != -o ]; do shift; done\nprintf half >\"$2\"\n";
    for (end, status) in [
        ("echo no more >&2; exit 1", 1),
        ("echo no more >&2; exit 3", 3),
        ("kill -9 $$", 128 + 9),
    ] {
        let backend = work.script("backend", &format!("{script}{end}"));
        let output = command(&work, &backend)
            .arg(&object)
            .output()
            .expect("our linker");
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr);
        match status {
            // What it has to say it says itself.
            1 | 3 => assert_eq!(message, "no more\n"),
            _ => says(&message, &["backend", "terminated by signal 9", ">>> "]),
        }
        nothing_left(&work);
        // The backend itself did that.
        assert_eq!(
            fs::read_to_string(work.file("out.wasm")).expect("it"),
            "half"
        );
    }
}

/// Both at once, each more than a pipe holds; and what is a temporary name between them is mapped.
#[test]
fn a_backend_that_prints_a_megabyte_of_what_is_no_text() {
    const NOISE: usize = 1 << 20;
    let work = Work::new();
    let object = entry(&work);
    let noise: Vec<u8> = (0..NOISE).map(|at| 0x80 | (at * 7 % 128) as u8).collect();
    work.write("noise", &noise);
    let backend = work.script(
        "backend",
        "cat noise >&2 & cat noise; wait; for file; do case $file in */0.o) echo $file >&2;; esac; done; exit 5",
    );
    let mut command = command(&work, &backend);
    let output = command.arg(&object).output().expect("our linker");
    assert_eq!(output.status.code(), Some(5));
    assert!(output.stdout == noise, "{} bytes", output.stdout.len());
    let (said, rest) = output.stderr.split_at(NOISE.min(output.stderr.len()));
    assert!(said == noise);
    assert_eq!(
        String::from_utf8_lossy(rest),
        format!("{}\n", object.display())
    );
    nothing_changed(&work);
}
