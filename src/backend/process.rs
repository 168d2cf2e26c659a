//! Processes of the backend: their environment, outputs and exit status.

use super::diagnostics::NameMap;
use super::locate::Backend;
use super::relay::{RunningBackend, relay_output};
use crate::args::CommandLine;
use crate::error::{Error, Result, os_message};
use crate::heap::{self, TUNABLES};
use crate::interrupt;
use crate::temporary::PREFIX;
use memchr::memmem;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};

/// The exit status of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// A signal killed this program; on Windows, an exception.
    Signal(PathBuf, i32),
    /// The user interrupted the link by this signal. This process ends by it too.
    Interrupted(i32),
}

/// The depth of nested runs of this program through a backend that is a script or wrapper: the id of the last
/// process that set it, and the depth.
const DEPTH: &str = "WASM_SECTION_LD_DEPTH";
/// Tells a nested run that the outer link has gathered: the name of the outer link's directory of temporary
/// files.
const GATHERED: &str = "WASM_SECTION_LD_GATHERED";
/// Enables huge pages for lld's allocator. Page faults on small pages take a seventh to a third of a
/// link. A system without huge pages or glibc ignores this.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";
/// A wrapper that runs this program has depth two.
const MAX_DEPTH: u32 = 4;

/// Whether a wrapper runs this program inside a link that has already gathered: the command line names
/// temporary files of that link.
pub fn is_inside_gathered_link(line: &CommandLine) -> bool {
    let directory = std::env::var_os(GATHERED).unwrap_or_default();
    let directory = directory.as_encoded_bytes();
    let is_temporary =
        |argument: &OsString| memmem::find(argument.as_encoded_bytes(), directory).is_some();
    let mut arguments = line
        .arguments()
        .flat_map(|(_, argument)| &argument.spelling);
    directory.starts_with(PREFIX.as_bytes()) && arguments.any(is_temporary)
}

/// The depth of nested runs. Ignores a value from a process that is not an ancestor.
fn depth() -> u32 {
    let value = std::env::var(DEPTH).unwrap_or_default();
    let depth = value.split_once(' ').and_then(|(process, depth)| {
        let process = process.parse().ok()?;
        is_self_or_ancestor(process)
            .then(|| depth.parse().ok())
            .flatten()
    });
    depth.unwrap_or(0)
}

/// Whether `process` is this process or one of its ancestors. Always true on systems other than Linux.
fn is_self_or_ancestor(process: u32) -> bool {
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
    // Only for lld itself: wrappers pass their environment to other programs. A value set by the user wins.
    if backend.takes_flavor() && !heap::is_configured() {
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

/// Replaces this process by the backend.
///
/// # Errors
/// The backend cannot be run.
#[cfg(unix)]
pub fn replace_process(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    use std::os::unix::process::CommandExt;
    let error = command(backend, arguments)?.exec();
    Err(cannot_run(backend, &error))
}

/// Runs the backend, and ends as it does. Windows cannot replace a process.
///
/// # Errors
/// The backend cannot be run.
#[cfg(windows)]
pub fn replace_process(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    Ok(match run_inherited(backend, arguments)? {
        ExitStatus::Signal(_, exception) => ExitStatus::Interrupted(exception),
        status => status,
    })
}

/// Runs the backend and relays its output with the names of inputs. Errors and warnings go to `messages`. If
/// `gathered`, nested runs of this program do not gather again.
///
/// # Errors
/// The backend cannot be run.
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

/// Runs the backend for an internal link, and returns its errors and warnings.
///
/// # Errors
/// The backend cannot be run.
pub fn capture(
    backend: &Backend,
    arguments: &[OsString],
    names: Option<&NameMap<'_>>,
) -> Result<(ExitStatus, Vec<u8>)> {
    capture_with_output(backend, arguments, names, &mut std::io::sink())
}

/// Like [`capture`], and writes the standard output of the backend to `stdout`.
///
/// # Errors
/// The backend cannot be run.
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

/// Starts the backend with a pipe as standard input, from which it reads its arguments.
///
/// # Errors
/// The backend cannot be run.
pub fn start_early(backend: &Backend, arguments: &[OsString]) -> Result<RunningBackend> {
    let mut command = command(backend, arguments)?;
    command.stdin(Stdio::piped());
    start(backend, command)
}

/// Starts the backend. If standard output and standard error are the same file, both use one pipe, which
/// preserves their order.
///
/// # Errors
/// The backend cannot be run.
pub fn start(backend: &Backend, mut command: Command) -> Result<RunningBackend> {
    let pipe = outputs_are_same_file().then(std::io::pipe);
    let Some(Ok((merged, to))) = pipe else {
        return start_with_pipes(backend, command);
    };
    let Ok(also_to) = to.try_clone() else {
        return start_with_pipes(backend, command);
    };
    command.stdout(to).stderr(also_to);
    let child = interrupt::spawn(&mut command).map_err(|error| cannot_run(backend, &error))?;
    // Close the write ends of the pipe in the command. Otherwise reading never ends.
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

/// Whether standard output and standard error are the same file.
fn outputs_are_same_file() -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::fstat;
        let files = (fstat(std::io::stdout()), fstat(std::io::stderr()));
        matches!(files, (Ok(out), Ok(err)) if (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino))
    }
    #[cfg(windows)]
    {
        windows::outputs_are_same_file()
    }
}

#[cfg(windows)]
mod windows {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Foundation::CompareObjectHandles;

    #[allow(unsafe_code)]
    pub fn outputs_are_same_file() -> bool {
        let (output, messages) = (std::io::stdout(), std::io::stderr());
        // SAFETY: the standard streams are not closed. Invalid handles are not the same object.
        unsafe { CompareObjectHandles(output.as_raw_handle(), messages.as_raw_handle()) != 0 }
    }
}

/// Runs the backend with our standard output and standard error.
///
/// # Errors
/// The backend cannot be run.
pub fn run_inherited(backend: &Backend, arguments: &[OsString]) -> Result<ExitStatus> {
    let mut command = command(backend, arguments)?;
    let status = interrupt::spawn(&mut command).and_then(|mut child| interrupt::wait(&mut child));
    waited(backend, status)
}

/// Relays the output of the backend until it ends; verbatim without `names`.
///
/// # Errors
/// Waiting for the backend fails.
pub fn relay(
    backend: &Backend,
    running: RunningBackend,
    names: Option<&NameMap<'_>>,
) -> Result<ExitStatus> {
    relay_to(backend, running, names, &mut std::io::stderr())
}

/// Like [`relay`], but errors and warnings go to `messages`.
///
/// # Errors
/// Waiting for the backend fails.
pub fn relay_to(
    backend: &Backend,
    mut running: RunningBackend,
    names: Option<&NameMap<'_>>,
    messages: &mut (impl Write + Send),
) -> Result<ExitStatus> {
    let status = relay_output(&mut running, names, &mut std::io::stdout(), messages);
    waited(backend, status)
}

/// Copies to standard error, and records the bytes.
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

fn exit_status(backend: &Backend, status: process::ExitStatus) -> ExitStatus {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(windows)]
    let signal = status
        .code()
        .filter(|&code| interrupt::windows::is_exception(code));
    if let Some(signal) = signal {
        return match interrupt::is_termination(signal) {
            true => ExitStatus::Interrupted(signal),
            false => ExitStatus::Signal(backend.path.clone(), signal),
        };
    }
    // Windows has exit codes above 255. They are failures.
    ExitStatus::Code(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}
