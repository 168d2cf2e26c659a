//! Processes of the backend: their environment, outputs and exit status.

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

/// Counts nested runs of this program through a backend that is a script or a wrapper: the process that
/// has counted last, and its depth.
const DEPTH: &str = "WASM_SECTION_LD_DEPTH";
/// Set for a wrapper that runs this program as its linker: the name of the directory of temporary files
/// of the link that has gathered.
const GATHERED: &str = "WASM_SECTION_LD_GATHERED";
/// glibc reads this at program start (glibc manual, "Tunables").
const TUNABLES: &str = "GLIBC_TUNABLES";
/// Enables huge pages for lld's allocator. Page faults on small pages take a seventh to a third of a
/// link. A system without huge pages or glibc ignores this.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";
/// A wrapper that runs this program makes two.
const MAX_DEPTH: u32 = 4;

/// Whether this is the linker of a wrapper that an outer link runs, which has gathered already. Its
/// command line names temporary files of that link.
pub fn is_inside_gathered_link(line: &CommandLine) -> bool {
    let directory = std::env::var_os(GATHERED).unwrap_or_default();
    let directory = directory.as_encoded_bytes();
    let is_file = |word: &OsString| memmem::find(word.as_encoded_bytes(), directory).is_some();
    let mut arguments = line
        .arguments()
        .flat_map(|(_, argument)| &argument.spelling);
    directory.starts_with(PREFIX.as_bytes()) && arguments.any(is_file)
}

/// The depth of nested runs. A value that is inherited from an unrelated process does not count.
fn depth() -> u32 {
    let said = std::env::var(DEPTH).unwrap_or_default();
    let counted = said.split_once(' ').and_then(|(process, depth)| {
        let process = process.parse().ok()?;
        is_inside(process).then(|| depth.parse().ok()).flatten()
    });
    counted.unwrap_or(0)
}

/// Whether `process` is this process or one of its ancestors. Always true where the system does not
/// tell.
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

/// The parent of a process (Linux, `proc(5)`).
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

fn command(backend: &Backend, arguments: &[OsString]) -> Result<Command> {
    let depth = depth();
    if depth >= MAX_DEPTH {
        return Err(Error::new(format!(
            "the linker {} runs wasm-section-ld in a loop",
            backend.path.display()
        ))
        .note("give the path of the linker to run with --section-linker=PATH"));
    }
    let mut command = Command::new(&backend.path);
    if let Some(inner) = &backend.inner {
        command.arg("--wasm-ld-path").arg(inner);
    }
    command
        .args(arguments)
        .env(DEPTH, format!("{} {}", std::process::id(), depth + 1));
    // Wrappers pass their environment on to unknown programs. A value set by the user wins.
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
    .note("use another linker with --section-linker=PATH or WASM_SECTION_LD_LINKER")
}

/// Becomes the backend.
///
/// # Errors
/// It cannot be run.
#[cfg(unix)]
pub fn replace_process(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    use std::os::unix::process::CommandExt;
    let error = command(backend, arguments)?.exec();
    Err(cannot_run(backend, &error))
}

/// Runs the backend: this platform cannot replace a process.
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

/// Runs the backend and relays its output under the names that the user knows, its errors and warnings
/// to `messages`. `gathered` tells a nested run of this program that this link has gathered.
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

/// Runs the backend for a link that the user does not see, and returns its errors and warnings.
///
/// # Errors
/// It cannot be run.
pub fn capture(
    backend: &Backend,
    arguments: &[OsString],
    names: Option<&NameMap<'_>>,
) -> Result<(ExitStatus, Vec<u8>)> {
    capture_with_output(backend, arguments, names, &mut std::io::sink())
}

/// The same, and writes what the backend prints to `stdout`.
///
/// # Errors
/// It cannot be run.
pub fn capture_with_output(
    backend: &Backend,
    arguments: &[OsString],
    names: Option<&NameMap<'_>>,
    stdout: &mut (impl Write + Send),
) -> Result<(ExitStatus, Vec<u8>)> {
    let mut command = command(backend, arguments)?;
    if let Some(names) = names {
        command.env(GATHERED, names.directory());
    }
    let mut messages = Vec::new();
    let mut running = start_with_pipes(backend, command)?;
    let status = relay_output(&mut running, names, stdout, &mut messages);
    Ok((waited(backend, status)?, messages))
}

/// Starts the backend, which reads its arguments from standard input.
///
/// # Errors
/// It cannot be run.
pub fn start_early(backend: &Backend, arguments: &[OsString]) -> Result<RunningBackend> {
    let mut command = command(backend, arguments)?;
    command.stdin(Stdio::piped());
    start(backend, command)
}

/// Starts the backend. If standard output and standard error are one file, both use one pipe, which
/// keeps their order.
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
    // The command holds the write ends of the pipe. Close them, or reading never ends.
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

/// Runs the backend with our standard output and standard error.
///
/// # Errors
/// It cannot be run.
pub fn run_inherited(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    let mut command = command(backend, arguments)?;
    let status = interrupt::spawn(&mut command).and_then(|mut child| interrupt::wait(&mut child));
    waited(backend, status)
}

/// Relays the backend's output until it ends, byte for byte without `names`.
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

/// As `relay`, with errors and warnings to `messages`.
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

/// Copies to standard error, and keeps what was written.
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
    // Exit codes over 255 exist on Windows. They are failures.
    ExitStatus::Code(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}
