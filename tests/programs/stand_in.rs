//! A stand-in for the backend in tests/windows, and the program that interrupts a link there.
//!
//! The variable `STAND_IN` says what it does. It creates a file `ready` in the current directory at the moment
//! for which the test waits.

// It is part of a test: what it does not expect is a failed test. It leaves a child on purpose.
#![allow(clippy::expect_used, clippy::panic, clippy::zombie_processes)]

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(60);
/// How long a child holds temporary files after the backend has ended.
const LINGER: Duration = Duration::from_millis(500);
/// The number of lines on each output.
const ALTERNATIONS: u32 = 100;
/// The exception code of an access violation.
const ACCESS_VIOLATION: u32 = 0xc000_0005;

fn main() -> ExitCode {
    let action = std::env::var("STAND_IN").expect("STAND_IN");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match action.as_str() {
        // The backend holds its inputs, and does not end.
        "hold" => {
            let _files = inputs(&arguments);
            ready();
            sleep(FOREVER);
        }
        // A child of the backend holds the inputs, and the backend ends.
        "linger" => {
            // Otherwise the linker would read from its pipes until the child ends.
            keep_outputs();
            let child = std::env::current_exe().expect("the path of this program");
            let mut child = Command::new(child);
            child.args(&arguments).env("STAND_IN", "lingering child");
            child.stdin(Stdio::null()).stdout(Stdio::null());
            child.stderr(Stdio::null()).spawn().expect("a child");
            wait_until_ready();
        }
        "lingering child" => {
            let _files = inputs(&arguments);
            ready();
            sleep(LINGER);
        }
        // Lines on standard output and standard error in turn.
        "alternate" => {
            for number in 0..ALTERNATIONS {
                println!("{number} out");
                eprintln!("{number} err");
            }
        }
        "crash" => std::process::exit(ACCESS_VIOLATION.cast_signed()),
        "interrupt" => return interrupt(&arguments),
        other => panic!("STAND_IN={other}"),
    }
    ExitCode::SUCCESS
}

fn ready() {
    fs::write("ready", "").expect("a file");
}

fn wait_until_ready() {
    let began = Instant::now();
    while !Path::new("ready").exists() {
        assert!(began.elapsed() < FOREVER, "the backend is not ready");
        sleep(Duration::from_millis(10));
    }
}

/// Opens the temporary files among the arguments, so that nobody can remove them.
fn inputs(arguments: &[String]) -> Vec<File> {
    let temporary = |argument: &&String| argument.contains("wasm-section-ld-");
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(windows)]
    {
        const FILE_SHARE_READ: u32 = 1;
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, FILE_SHARE_READ);
    }
    let paths = arguments.iter().filter(temporary);
    let files: Vec<_> = paths
        .map(|path| options.open(path).expect("an input"))
        .collect();
    assert!(!files.is_empty(), "no temporary files: {arguments:?}");
    files
}

/// Child processes do not inherit standard output and standard error, if they have other ones.
#[cfg(windows)]
#[allow(unsafe_code)]
fn keep_outputs() {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
    let (output, messages) = (std::io::stdout(), std::io::stderr());
    for handle in [output.as_raw_handle(), messages.as_raw_handle()] {
        // SAFETY: the standard streams are not closed.
        let set = unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
        assert_ne!(set, 0, "{}", std::io::Error::last_os_error());
    }
}

#[cfg(not(windows))]
fn keep_outputs() {}

/// Runs a program (the arguments after the first), sends a console event (the first) when the backend is ready,
/// and writes the program's exit status to the file `status`.
fn interrupt(arguments: &[String]) -> ExitCode {
    let [event, program, arguments @ ..] = arguments else {
        panic!("EVENT PROGRAM ARGUMENT...");
    };
    let mut child = Command::new(program);
    child.args(arguments).env("STAND_IN", "hold");
    let mut child = child.spawn().expect("a program");
    wait_until_ready();
    match event.as_str() {
        "kill" => child.kill().expect("a process to kill"),
        event => send(event.parse().expect("a number")),
    }
    let status = child.wait().expect("a status").code();
    fs::write("status", format!("{:#x}", status.unwrap_or_default())).expect("a file");
    ExitCode::SUCCESS
}

/// Sends an event to all processes of this console, but ignores it itself.
#[cfg(windows)]
#[allow(unsafe_code)]
fn send(event: u32) {
    use windows_sys::Win32::System::Console::{GenerateConsoleCtrlEvent, SetConsoleCtrlHandler};
    use windows_sys::core::BOOL;

    unsafe extern "system" fn ignore(_: u32) -> BOOL {
        1
    }
    // SAFETY: the handler lives as long as the program.
    assert_ne!(unsafe { SetConsoleCtrlHandler(Some(ignore), 1) }, 0);
    // SAFETY: nothing is borrowed.
    let sent = unsafe { GenerateConsoleCtrlEvent(event, 0) };
    assert_ne!(sent, 0, "{}", std::io::Error::last_os_error());
}

#[cfg(not(windows))]
fn send(_: u32) {
    panic!("only Windows has console events");
}
