//! Running the backend.

use super::diagnostics::NameMap;
use super::locate::Backend;
use super::relay::{RunningBackend, relay_output};
use crate::args::CommandLine;
use crate::error::{Error, Result, os_message};
use crate::interrupt;
use crate::temporary::PREFIX;
use memchr::memmem;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};

/// How the backend ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// This program crashed: the signal ended it.
    Signal(PathBuf, i32),
    /// The user interrupted the link by this signal. This process ends by it too.
    Interrupted(i32),
}

/// Counts how often this program has called itself through a backend that is a script or a wrapper: the process
/// that has counted last, and how often.
const DEPTH: &str = "WASM_SECTION_LD_DEPTH";
/// Says to ourselves, as the linker of a wrapper that is our backend, that entries were gathered: the name of the
/// directory with the temporary files of that link.
const GATHERED: &str = "WASM_SECTION_LD_GATHERED";
/// What glibc reads when a program starts (glibc manual, "Tunables").
const TUNABLES: &str = "GLIBC_TUNABLES";
/// The allocator asks for large pages. Most of what small ones take of lld's time, a seventh to a third of
/// the link, is for the first touch of each. Where there are none, or no glibc, it means nothing.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";
/// A wrapper as the backend, and us as its linker, make two.
const MAX_DEPTH: u32 = 4;

/// Whether the backend is a wrapper that runs us as its linker: what there was to gather was
/// gathered before it ran. Then it names files of that link, which no other link does.
pub fn is_inside_gathered_link(line: &CommandLine) -> bool {
    let directory = std::env::var_os(GATHERED).unwrap_or_default();
    let directory = directory.as_encoded_bytes();
    let is_file = |word: &OsString| memmem::find(word.as_encoded_bytes(), directory).is_some();
    let mut arguments = line
        .arguments()
        .flat_map(|(_, argument)| &argument.spelling);
    directory.starts_with(PREFIX.as_bytes()) && arguments.any(is_file)
}

/// How often this program has called itself. What processes have said that we do not run in does not count.
fn depth() -> u32 {
    let said = std::env::var(DEPTH).unwrap_or_default();
    let counted = said.split_once(' ').and_then(|(process, depth)| {
        let process = process.parse().ok()?;
        is_inside(process).then(|| depth.parse().ok()).flatten()
    });
    counted.unwrap_or(0)
}

/// Whether `process` is this process, or one that has started it, or has started that, and so on; as far as the
/// system says.
fn is_inside(process: u32) -> bool {
    let mut next = Some(std::process::id());
    while let Some(id) = next.filter(|&id| id != 0) {
        if id == process || !cfg!(target_os = "linux") {
            return true;
        }
        next = parent(id);
    }
    false
}

/// The process that has started another (Linux, `proc(5)`).
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

fn command(backend: &Backend, arguments: &[OsString]) -> Result<Command> {
    let depth = depth();
    if depth >= MAX_DEPTH {
        return Err(Error::new(format!(
            "the linker {} runs wasm-section-ld again and again",
            backend.path.display()
        ))
        .note("name the linker that does the linking by --section-linker=PATH"));
    }
    let mut command = Command::new(&backend.path);
    if let Some(inner) = &backend.inner {
        command.arg("--wasm-ld-path").arg(inner);
    }
    command
        .args(arguments)
        .env(DEPTH, format!("{} {}", std::process::id(), depth + 1));
    // Not for wrappers, which hand it down to programs that we know nothing of, nor where the user has said
    // what he wants.
    if backend.takes_flavor() && std::env::var_os(TUNABLES).is_none() {
        command.env(TUNABLES, HUGE_PAGES);
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
pub fn replace_process(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    use std::os::unix::process::CommandExt;
    let error = command(backend, arguments)?.exec();
    Err(cannot_run(backend, &error))
}

/// Runs the backend, as the platform cannot replace a process.
///
/// # Errors
/// It cannot be run.
#[cfg(not(unix))]
pub fn replace_process(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    let status = command(backend, arguments)?.status();
    status
        .map(|status| exit_status(backend, status))
        .map_err(|error| cannot_run(backend, &error))
}

/// Runs the backend and passes on what it says, under the names that the user knows, and its errors and
/// warnings to `messages`. `gathered` says that entries were, to ourselves if it is a wrapper that runs us.
///
/// # Errors
/// It cannot be run.
pub fn run(
    backend: &Backend,
    arguments: &[OsString],
    names: &NameMap<'_>,
    gathered: bool,
    messages: &mut (impl Write + Send),
) -> Result<ExitStatus> {
    let mut command = command(backend, arguments)?;
    if gathered {
        command.env(GATHERED, names.directory());
    }
    relay_to(backend, start(backend, command)?, Some(names), messages)
}

/// The same for a link that is not the caller's: how it ended, and its errors and warnings.
///
/// # Errors
/// It cannot be run.
pub fn capture(
    backend: &Backend,
    arguments: &[OsString],
    names: Option<&NameMap<'_>>,
) -> Result<(ExitStatus, Vec<u8>)> {
    let mut command = command(backend, arguments)?;
    if let Some(names) = names {
        command.env(GATHERED, names.directory());
    }
    let mut messages = Vec::new();
    let mut running = start_with_pipes(backend, command)?;
    let status = relay_output(&mut running, names, &mut std::io::sink(), &mut messages);
    Ok((waited(backend, status)?, messages))
}

/// Starts the backend, which is told the rest on its standard input.
///
/// # Errors
/// It cannot be run.
pub fn start_early(backend: &Backend, arguments: &[OsString]) -> Result<RunningBackend> {
    let mut command = command(backend, arguments)?;
    command.stdin(Stdio::piped());
    start(backend, command)
}

/// Starts the backend so that what it says comes as it says it: if the user sees its output and its messages at
/// one place, they come at one place.
///
/// # Errors
/// It cannot be run.
pub fn start(backend: &Backend, mut command: Command) -> Result<RunningBackend> {
    let pipe = outputs_are_one_file().then(std::io::pipe);
    let Some(Ok((merged, to))) = pipe else {
        return start_with_pipes(backend, command);
    };
    let Ok(also_to) = to.try_clone() else {
        return start_with_pipes(backend, command);
    };
    command.stdout(to).stderr(also_to);
    let child = interrupt::spawn(&mut command).map_err(|error| cannot_run(backend, &error))?;
    // It has our ends of the pipe, which would never end.
    drop(command);
    Ok(RunningBackend {
        child,
        merged: Some(merged),
    })
}

fn start_with_pipes(backend: &Backend, mut command: Command) -> Result<RunningBackend> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = interrupt::spawn(&mut command).map_err(|error| cannot_run(backend, &error))?;
    Ok(RunningBackend {
        child,
        merged: None,
    })
}

/// Whether standard output and standard error are one file.
fn outputs_are_one_file() -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::fstat;
        let files = (fstat(std::io::stdout()), fstat(std::io::stderr()));
        matches!(files, (Ok(out), Ok(err)) if (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino))
    }
    #[cfg(not(unix))]
    false
}

/// Runs the backend with the caller's words though this process does not become it.
///
/// # Errors
/// It cannot be run.
pub fn run_inherited(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    let mut command = command(backend, arguments)?;
    let status = interrupt::spawn(&mut command).and_then(|mut child| interrupt::wait(&mut child));
    waited(backend, status)
}

/// Passes on what the backend says, byte for byte if there are no `names` to map, until it ends.
///
/// # Errors
/// It cannot be waited for.
pub fn relay(
    backend: &Backend,
    running: RunningBackend,
    names: Option<&NameMap<'_>>,
) -> Result<ExitStatus> {
    relay_to(backend, running, names, &mut std::io::stderr())
}

/// The same, with its errors and warnings passed on to `messages`.
///
/// # Errors
/// It cannot be waited for.
pub fn relay_to(
    backend: &Backend,
    mut running: RunningBackend,
    names: Option<&NameMap<'_>>,
    messages: &mut (impl Write + Send),
) -> Result<ExitStatus> {
    let status = relay_output(&mut running, names, &mut std::io::stdout(), messages);
    waited(backend, status)
}

/// Standard error, and what was written to it.
#[derive(Default)]
pub struct Tee(pub Vec<u8>);

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        std::io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

fn waited(backend: &Backend, status: std::io::Result<process::ExitStatus>) -> Result<ExitStatus> {
    let status = status.map_err(|error| cannot_run(backend, &error))?;
    Ok(exit_status(backend, status))
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn exit_status(backend: &Backend, status: process::ExitStatus) -> ExitStatus {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match interrupt::is_termination(signal) {
            true => ExitStatus::Interrupted(signal),
            false => ExitStatus::Signal(backend.path.clone(), signal),
        };
    }
    // A status is one byte on Unix; elsewhere a larger one is still a failure.
    ExitStatus::Code(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}
