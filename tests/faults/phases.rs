//! A signal comes in every phase of a link: nothing is left of it, neither files nor processes, and it ends by
//! that signal. Where it cannot be caught, the backend ends too.

use super::{command, entry_of, nothing_changed, nothing_left, processes, wait_until};
use crate::args;
use crate::support::{Work, setting, tool};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SIGNALS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

fn end(child: Child, work: &Work, signal: Signal) {
    let output = child.wait_with_output().expect("our linker");
    assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    wait_until("the backend has ended", || processes(work).is_empty());
    nothing_changed(work);
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a process");
}

/// An input from which nothing comes, behind `first`.
fn waiting_for_input(work: &Work, first: &Path) -> Child {
    let pipe = work.file("pipe.o");
    if !pipe.exists() {
        work.run("mkfifo", [&pipe]);
    }
    let mut command = command(work, &tool("WSL_WASM_LD"));
    command.args([first, &pipe]).spawn().expect("our linker")
}

#[test]
fn while_inputs_are_read() {
    let work = Work::new();
    let small = work.c("small", "int small = 1;");
    for signal in SIGNALS {
        let child = waiting_for_input(&work, &small);
        // With the backend, which waits for its arguments.
        wait_until("it waits", || processes(&work).len() == 2);
        // As long as it takes to open the first.
        std::thread::sleep(Duration::from_millis(50));
        send(&child, signal);
        end(child, &work, signal);
    }
}

/// Stops our linker for a while at a call of the system, and sends it each signal there.
fn interrupted_at(work: &Work, call: &str, when: &str, words: &[std::ffi::OsString]) {
    for signal in SIGNALS {
        let strace = interrupted_by(signal, work, (call, when), words);
        // It ends as what it traces.
        end(strace, work, signal);
    }
}

fn interrupted_by(
    signal: Signal,
    work: &Work,
    (call, when): (&str, &str),
    words: &[std::ffi::OsString],
) -> Child {
    let link = command(work, &tool("WSL_WASM_LD"));
    let trace = work.file("trace");
    let mut traced = Command::new(setting("WSL_STRACE"));
    traced
        .arg("-o")
        .arg(&trace)
        .arg("-e")
        .arg(format!("inject={call}:{when}=1500000:when=1"))
        .arg(link.get_program())
        .args(link.get_args())
        .args(words)
        .current_dir(work.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in link.get_envs() {
        traced.env(name, value.expect("a value"));
    }
    let strace = traced.spawn().expect("strace");
    let id = strace.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let child = || {
        let children = fs::read_to_string(&children).ok()?;
        let child = Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)?;
        let program = fs::read_link(format!("/proc/{}/exe", child.as_raw_nonzero())).ok()?;
        program.ends_with("wasm-section-ld").then_some(child)
    };
    wait_until("our linker runs", || child().is_some());
    std::thread::sleep(Duration::from_millis(500));
    kill_process(child().expect("our linker"), signal).expect("a process");
    strace
}

#[test]
fn when_the_temporary_directory_has_just_been_made() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    // With this option the files are not in memory, as lld names them.
    interrupted_at(&work, "mkdir", "delay_exit", &args![object, "--verbose"]);
}

#[test]
fn when_a_temporary_file_has_been_made_in_memory() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    interrupted_at(&work, "memfd_create", "delay_exit", &args![object]);
}

#[test]
fn while_temporary_files_are_written() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    interrupted_at(&work, "write", "delay_enter", &args![object]);
}

#[test]
fn when_the_backend_has_just_been_started() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    let calls = "fork,vfork,clone,clone3";
    interrupted_at(&work, calls, "delay_exit", &args![object]);
}

/// In bitcode that is compiled first, the backend writes files of its own.
#[test]
fn while_bitcode_is_compiled() {
    let work = Work::new();
    let source = r#"int entry __asm__("__link_section__NUMBERS$$entry") = 7;"#;
    let object = work.c_with("entry", source, &["-flto"]);
    let script = "for word; do case $word in --lto-obj-path=*) object=${word#*=};; esac; done\n\
        : >\"$object\"; : >\"${object%/*}/output/more\"; : >running; exec sleep 90";
    let backend = work.script("backend", script);
    let running = work.file("running");
    for signal in SIGNALS {
        let _ = fs::remove_file(&running);
        let mut command = command(&work, &backend);
        let child = command.arg(&object).spawn().expect("our linker");
        wait_until("the backend runs", || running.exists());
        send(&child, signal);
        end(child, &work, signal);
    }
}

/// It may want to go on.
#[test]
fn while_a_backend_runs_that_ignores_signals() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    let script = "trap '' TERM\n: >running\nwhile :; do sleep 0.05; done";
    let backend = work.script("backend", script);
    let running = work.file("running");
    let mut command = command(&work, &backend);
    let child = command.arg(&object).spawn().expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::TERM);
    end(child, &work, Signal::TERM);
}

#[test]
fn what_cannot_be_caught_ends_the_backend_too() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    let script = ": >running; sleep 2; while [ \"$1\" != -o ]; do shift; done\necho late >\"$2\"";
    let backend = work.script("backend", script);
    let running = work.file("running");
    let mut command = command(&work, &backend);
    // It is killed before it can say that, so that this cannot be seen from its output.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.arg(&object).spawn().expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::KILL);
    let status = child.wait().expect("our linker");
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    // `sleep` is no child of ours, and writes nothing.
    std::thread::sleep(Duration::from_millis(2500));
    let output = fs::read_to_string(work.file("out.wasm")).expect("the last output");
    assert_eq!(output, super::BEFORE);
}

/// The backend has been started, and waits for its arguments.
#[test]
fn what_cannot_be_caught_ends_a_backend_that_waits() {
    let work = Work::new();
    let object = entry_of(&work, "entry", 4);
    let mut child = interrupted_by(
        Signal::KILL,
        &work,
        ("memfd_create", "delay_enter"),
        &args![object],
    );
    wait_until("the backend has ended", || processes(&work).is_empty());
    nothing_left(&work);
    child.wait().expect("our linker");
}
