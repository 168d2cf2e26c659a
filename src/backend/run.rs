//! Running the backend.

use super::find::Backend;
use super::messages::Names;
use super::relay::pass_on;
use crate::error::{Error, Result, os_message};
use crate::interrupt;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// How the backend ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Status(u8),
    /// This program, by this signal.
    Signal(PathBuf, i32),
    /// By this signal, by which this process is to end too: a terminal sends it to both, or what it ended would
    /// be this process if it could have been replaced.
    By(i32),
}

/// Counts how often this program has called itself through a backend that is a script or a wrapper.
const DEPTH: &str = "WASM_SECTION_LD_DEPTH";
/// Says to ourselves, as the linker of a wrapper that is our backend, that entries were gathered.
const GATHERED: &str = "WASM_SECTION_LD_GATHERED";
/// What glibc reads when a program starts (glibc manual, "Tunables").
const TUNABLES: &str = "GLIBC_TUNABLES";
/// The allocator asks for large pages. Most of what small ones take of lld's time, a seventh to a third of
/// the link, is for the first touch of each. Where there are none, or no glibc, it means nothing.
const LARGE_PAGES: &str = "glibc.malloc.hugetlb=1";
/// A wrapper as the backend, and us as its linker, make two.
const MOST_DEPTH: u32 = 4;

/// Whether the backend is a wrapper that runs us as its linker: what there was to gather was
/// gathered before it ran.
pub fn is_inside_gathered_link() -> bool {
    std::env::var_os(GATHERED).is_some()
}

fn command(backend: &Backend, words: &[OsString]) -> Result<Command> {
    let depth = std::env::var(DEPTH)
        .ok()
        .and_then(|depth| depth.parse().ok())
        .unwrap_or(0_u32);
    if depth >= MOST_DEPTH {
        return Err(Error::new(format!(
            "the linker {} runs wasm-section-ld again and again",
            backend.path.display()
        ))
        .note("name the linker that does the linking by --section-linker=PATH"));
    }
    let mut command = Command::new(&backend.path);
    command.args(words).env(DEPTH, (depth + 1).to_string());
    // Not for wrappers, which hand it down to programs that we know nothing of, nor where the user has said
    // what he wants.
    if backend.takes_flavor() && std::env::var_os(TUNABLES).is_none() {
        command.env(TUNABLES, LARGE_PAGES);
    }
    Ok(command)
}

fn cannot_run(backend: &Backend, error: &std::io::Error) -> Error {
    Error::new(format!(
        "cannot run the linker {}: {}",
        backend.path.display(),
        os_message(error)
    ))
    .note("name another by --section-linker=PATH or WASM_SECTION_LD_LINKER")
}

/// Becomes the backend, where the platform can do that.
///
/// # Errors
/// It cannot be run.
#[cfg(unix)]
pub fn replace_process(backend: &Backend, words: &[OsString]) -> Result<Ended> {
    use std::os::unix::process::CommandExt;
    let error = command(backend, words)?.exec();
    Err(cannot_run(backend, &error))
}

/// Runs the backend, as the platform cannot replace a process.
///
/// # Errors
/// It cannot be run.
#[cfg(not(unix))]
pub fn replace_process(backend: &Backend, words: &[OsString]) -> Result<Ended> {
    let status = command(backend, words)?.status();
    status
        .map(|status| ended(backend, status))
        .map_err(|error| cannot_run(backend, &error))
}

/// Runs the backend and passes on what it says, under the names that the user knows. `gathered` says
/// that entries were, to ourselves if it is a wrapper that runs us.
///
/// # Errors
/// It cannot be run.
pub fn run(
    backend: &Backend,
    words: &[OsString],
    names: &Names<'_>,
    gathered: bool,
) -> Result<Ended> {
    let mut command = command(backend, words)?;
    if gathered {
        command.env(GATHERED, "1");
    }
    attend(backend, start(backend, &mut command)?, Some(names))
}

/// The same for a link that is not the caller's: how it ended, and its errors and warnings.
///
/// # Errors
/// It cannot be run.
pub fn run_aside(
    backend: &Backend,
    words: &[OsString],
    names: &Names<'_>,
) -> Result<(Ended, Vec<u8>)> {
    let mut command = command(backend, words)?;
    command.env(GATHERED, "1");
    let mut messages = Vec::new();
    let mut child = start(backend, &mut command)?;
    let status = pass_on(&mut child, Some(names), &mut std::io::sink(), &mut messages);
    Ok((how_it_ended(backend, status)?, messages))
}

/// Starts the backend, which is told the rest on its standard input.
///
/// # Errors
/// It cannot be run.
pub fn start_waiting(backend: &Backend, words: &[OsString]) -> Result<Child> {
    start(backend, command(backend, words)?.stdin(Stdio::piped()))
}

fn start(backend: &Backend, command: &mut Command) -> Result<Child> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    interrupt::spawn(command).map_err(|error| cannot_run(backend, &error))
}

/// Passes on what the backend says, byte for byte if there are no `names` to map, until it ends.
///
/// # Errors
/// It cannot be waited for.
pub fn attend(backend: &Backend, mut child: Child, names: Option<&Names<'_>>) -> Result<Ended> {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let status = pass_on(&mut child, names, &mut stdout, &mut stderr);
    how_it_ended(backend, status)
}

fn how_it_ended(backend: &Backend, status: std::io::Result<ExitStatus>) -> Result<Ended> {
    let status = status.map_err(|error| cannot_run(backend, &error))?;
    Ok(ended(backend, status))
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn ended(backend: &Backend, status: ExitStatus) -> Ended {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match interrupt::is_wish(signal) {
            true => Ended::By(signal),
            false => Ended::Signal(backend.path.clone(), signal),
        };
    }
    // A status is one byte on Unix; elsewhere a larger one is still a failure.
    Ended::Status(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}
