//! Console events, and a linker that is killed: the backend ends, and so do temporary files.

use crate::support::{Work, built, linker, number, reading, said};
use std::fs;
use std::os::windows::process::CommandExt;
use std::time::{Duration, Instant};

/// A console of its own, without a window.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;
/// The exit status after a console event.
const CONTROL_C_EXIT: &str = "0xc000013a";

/// The event of Ctrl-C. The handler treats all events in the same way, and Wine can send no other.
const CTRL_C_EVENT: &str = "0";

/// Starts a link with a backend that does not end, in a console of its own, and sends an event. Returns the exit
/// status of the linker.
fn interrupted(work: &Work, event: &str) -> String {
    work.write("1.o", number(1));
    let program = built(r"examples\stand-in.exe");
    let mut command = work.command(&program);
    command
        .env("STAND_IN", "interrupt")
        .env("WASM_SECTION_LD_LINKER", &program)
        .arg(event)
        .arg(linker())
        .args(["1.o", "--no-entry", "-o", "out.wasm"])
        .args(reading())
        .creation_flags(CREATE_NO_WINDOW);
    let began = Instant::now();
    // The backend has the pipes too: this returns when it has ended.
    let said = said(&mut command);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "the backend ran on"
    );
    assert!(!work.file("out.wasm").exists());
    fs::read_to_string(work.file("status")).expect("a status")
}

#[test]
fn ctrl_c() {
    let work = Work::new();
    assert_eq!(interrupted(&work, CTRL_C_EVENT), CONTROL_C_EXIT);
    work.has_no_temporaries();
}

#[test]
fn the_backend_ends_with_a_linker_that_is_killed() {
    let work = Work::new();
    assert_eq!(interrupted(&work, "kill"), "0x1");
}
