//! A signal comes while the backend runs: the backend ends too, and nothing is left.

use super::{BEFORE, command, entry, nothing_changed, wait_until};
use crate::args;
use crate::support::{Work, linker};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::time::Duration;

/// Whether a process has ended, though nobody has asked how.
fn has_ended(id: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
    status.is_ok_and(|status| {
        status
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a process");
}

#[test]
fn a_signal_ends_the_backend_too_and_nothing_is_left() {
    let work = Work::new();
    let object = entry(&work);
    let running = work.file("running");
    // The last has nothing to say.
    let signals = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT].map(|signal| (signal, ""));
    for (signal, quiet) in signals.into_iter().chain([(Signal::TERM, " >&- 2>&-")]) {
        let sleep = format!("echo $$ >pid; mv pid running; exec sleep 90{quiet}");
        let backend = work.script("backend", &sleep);
        let _ = fs::remove_file(&running);
        let child = command(&work, &backend)
            .arg(&object)
            .spawn()
            .expect("our linker");
        wait_until("the backend runs", || running.exists());
        assert_eq!(fs::read_dir(work.file("tmp")).expect("tmp").count(), 1);
        send(&child, signal);
        let id = Pid::from_child(&child);
        wait_until("our linker has ended", || has_ended(id));
        let output = child.wait_with_output().expect("our linker");
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
        let id = fs::read_to_string(&running).expect("a process id");
        let id = id
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        assert!(test_kill_process(id).is_err(), "the backend runs on");
        nothing_changed(&work);
    }
}

/// A terminal sends it to both.
#[test]
fn a_signal_to_the_group_is_no_failure_of_the_backend() {
    let work = Work::new();
    let object = entry(&work);
    let running = work.file("running");
    let backend = work.script("backend", ": >running; exec sleep 90");
    let mut command = command(&work, &backend);
    let child = command
        .arg(&object)
        .process_group(0)
        .spawn()
        .expect("our linker");
    wait_until("the backend runs", || running.exists());
    let group = Pid::from_child(&child);
    rustix::process::kill_process_group(group, Signal::INT).expect("a group");
    let output = child.wait_with_output().expect("our linker");
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    nothing_changed(&work);
}

#[test]
fn the_backend_has_time_to_clean_up_after_a_signal() {
    let work = Work::new();
    let object = entry(&work);
    let (running, cleaned) = (work.file("running"), work.file("cleaned"));
    let backend = work.script(
        "backend",
        "trap 'sleep 0.2; : >cleaned; exit 7' TERM\n: >running\nwhile :; do sleep 0.05; done",
    );
    let child = command(&work, &backend)
        .arg(&object)
        .spawn()
        .expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::TERM);
    let output = child.wait_with_output().expect("our linker");
    assert_eq!(output.status.signal(), Some(Signal::TERM.as_raw()));
    assert!(cleaned.exists(), "the backend had no time");
    nothing_changed(&work);
}

/// `nohup make`.
#[test]
fn a_signal_that_the_caller_ignores_is_ignored() {
    let work = Work::new();
    let object = entry(&work);
    let (running, go) = (work.file("running"), work.file("go"));
    let backend = work.script(
        "backend",
        ": >running\nwhile [ ! -e go ]; do sleep 0.05; done\nexit 5",
    );
    work.write("out.wasm", BEFORE);
    let mut shell = Command::new("/bin/sh");
    let mut words = args!["-c", r#"trap "" HUP; exec "$0" "$@""#, linker()].to_vec();
    words.extend(args![object, "--no-entry", "-o", "out.wasm"]);
    shell.args(words).current_dir(work.path());
    shell
        .env("WASM_SECTION_LD_LINKER", &backend)
        .env("TMPDIR", work.file("tmp"));
    let mut child = shell.spawn().expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(100));
    fs::write(go, "").expect("a file");
    assert_eq!(child.wait().expect("our linker").code(), Some(5));
    nothing_changed(&work);
}
