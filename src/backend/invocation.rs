//! An invocation of the backend, with its arguments on the command line or sent later.
//!
//! Loading lld takes as long as our work on a link of a hundred crates. So lld starts before the inputs are read, with
//! its standard input as a response file, and blocks until the arguments arrive.

use super::command::{LinkCommand, are_short};
use super::diagnostics::NameMap;
use super::locate::Backend;
use super::process::{self, ExitStatus};
use super::relay::RunningBackend;
use crate::args::{CommandLine, Edits};
use crate::error::Result;
use crate::interrupt;
use crate::terminal::Colors;
use std::ffi::OsString;
use std::io::Write;
use std::mem;

/// An invocation of the backend.
pub struct Invocation<'a> {
    line: &'a CommandLine,
    backend: &'a Backend,
    /// The backend, if it was started early.
    started: Option<RunningBackend>,
    /// The arguments, once they are given.
    arguments: Vec<OsString>,
}

impl<'a> Invocation<'a> {
    /// An invocation that has not started.
    pub fn new(line: &'a CommandLine, backend: &'a Backend) -> Self {
        Self {
            line,
            backend,
            started: None,
            arguments: Vec::new(),
        }
    }

    /// Starts the backend early, if that is possible and not visible to the user. This process cannot
    /// become the backend afterwards.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn start_early(&mut self) -> Result<()> {
        if self.started.is_none() && early_start::is_possible(self.line, self.backend) {
            let arguments = self.with_flavor(vec![early_start::ARGUMENTS.into()]);
            self.started = Some(process::start_early(self.backend, &arguments)?);
        }
        Ok(())
    }

    /// The backend.
    pub fn backend(&self) -> &Backend {
        self.backend
    }

    /// Whether the backend was started early.
    pub fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// Sets the command that the backend runs with. A backend that was started early gets its arguments now.
    ///
    /// # Errors
    /// A response file that cannot be written.
    pub fn set_command(&mut self, command: &mut LinkCommand<'_>) -> Result<()> {
        // Only a command line has a maximum length.
        let arguments = match self.has_started() {
            true => command.all_arguments(self.line),
            false => command.arguments(self.line)?,
        };
        self.set_arguments(arguments);
        Ok(())
    }

    fn set_arguments(&mut self, arguments: Vec<OsString>) {
        if let Some(running) = &mut self.started {
            early_start::send_arguments(&mut running.child, &arguments);
        }
        self.arguments = arguments;
    }

    /// Runs the backend with the caller's own arguments, in place of this process if possible. The arguments
    /// must not contain options of ours.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn run_unchanged(mut self) -> Result<ExitStatus> {
        self.set_arguments(self.line.original().to_vec());
        let arguments = mem::take(&mut self.arguments);
        if cfg!(windows) && !are_short(&arguments) {
            // It was short enough for us, but the path of the backend may be longer, and `-flavor wasm` is added.
            let (arguments, _file) = self.short_arguments()?;
            return process::replace_process(self.backend, &self.with_flavor(arguments));
        }
        let Some(running) = self.started.take() else {
            return process::replace_process(self.backend, &self.with_flavor(arguments));
        };
        Ok(match process::relay(self.backend, running, None)? {
            ExitStatus::Signal(_, signal) => ExitStatus::Interrupted(signal),
            status => status,
        })
    }

    /// Runs the backend with its command and relays its output with the names of inputs. If `gathered`, nested runs
    /// of this program do not gather again.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn run(self, names: &NameMap<'_>, gathered: bool) -> Result<ExitStatus> {
        self.run_to(names, gathered, &mut std::io::stderr())
    }

    /// Like [`Self::run`], and also returns the errors and warnings.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn run_and_capture(
        self,
        names: &NameMap<'_>,
        gathered: bool,
    ) -> Result<(ExitStatus, Vec<u8>)> {
        let mut tee = process::Tee::default();
        let status = self.run_to(names, gathered, &mut tee)?;
        Ok((status, tee.0))
    }

    fn run_to(
        mut self,
        names: &NameMap<'_>,
        gathered: bool,
        messages: &mut (impl Write + Send),
    ) -> Result<ExitStatus> {
        if let Some(running) = self.started.take() {
            return process::relay_to(self.backend, running, Some(names), messages);
        }
        let arguments = mem::take(&mut self.arguments);
        process::run(
            self.backend,
            &self.piped(arguments),
            names,
            gathered,
            messages,
        )
    }

    /// Runs the backend with the caller's arguments without our options. It inherits our outputs.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn run_inherited(&self) -> Result<ExitStatus> {
        let (arguments, _file) = self.short_arguments()?;
        process::run_inherited(self.backend, &self.with_flavor(arguments))
    }

    /// Runs the backend with the caller's arguments without our options, and returns its errors and warnings.
    ///
    /// # Errors
    /// The backend cannot be run.
    pub fn capture_messages(&self) -> Result<(ExitStatus, Vec<u8>)> {
        let (arguments, _file) = self.short_arguments()?;
        process::capture(self.backend, &self.piped(arguments), None)
    }

    /// The caller's arguments without our options, with response files expanded. If they are too long, they are
    /// in a file that is removed with the second value.
    fn short_arguments(&self) -> Result<(Vec<OsString>, Option<LinkCommand<'_>>)> {
        let arguments = self.line.edited(&Edits::default());
        if are_short(&arguments) {
            return Ok((arguments, None));
        }
        let mut command = LinkCommand::new(self.line.output())?;
        let arguments = command.arguments(self.line)?;
        Ok((arguments, Some(command)))
    }

    /// The arguments for a backend whose messages go through a pipe. It cannot detect the user's terminal, so
    /// this enables colours.
    pub fn piped(&self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        let colors = Colors::of(self.line);
        if self.backend.takes_flavor() && colors == Colors::Auto && colors.are_shown() {
            arguments.push("--color-diagnostics".into());
        }
        self.with_flavor(arguments)
    }

    /// Adds `-flavor wasm` for a backend that needs it.
    pub fn with_flavor(&self, arguments: Vec<OsString>) -> Vec<OsString> {
        let backend = self.backend;
        let flavor = backend.needs_flavor() || (backend.takes_flavor() && self.line.has_flavor());
        let flavor = ["-flavor", "wasm"].into_iter().filter(|_| flavor);
        flavor.map(OsString::from).chain(arguments).collect()
    }
}

/// Kills a backend that was started early but got no arguments. It has not done anything yet.
impl Drop for Invocation<'_> {
    fn drop(&mut self) {
        if let Some(mut running) = self.started.take() {
            interrupt::kill(&mut running.child);
        }
    }
}

mod early_start {
    use super::CommandLine;
    use crate::args::{self, Id, Quoting};
    use crate::backend::Backend;
    use std::ffi::OsString;
    use std::io::{IsTerminal, Write};
    use std::path::Path;
    use std::process::Child;

    /// The path of standard input.
    const STDIN: &str = "/dev/stdin";
    /// The argument that makes standard input a response file.
    pub const ARGUMENTS: &str = "@/dev/stdin";

    /// Whether the backend can start early. It must be lld itself, because a wrapper may inspect its arguments.
    /// Our outputs must not be a terminal: lld would use colours there, but not on our pipes. `--rsp-quoting` has
    /// to be on the command line, and older versions of lld drop empty arguments in response files.
    pub fn is_possible(line: &CommandLine, backend: &Backend) -> bool {
        let arguments = line.original();
        let is_terminal = std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        cfg!(unix)
            && !line.has(Id::RspQuoting)
            && !arguments.iter().any(|argument| argument.is_empty())
            && !is_terminal
            && !arguments.iter().any(is_descriptor)
            && Path::new(STDIN).exists()
            && backend.takes_flavor()
            && backend.is_program()
    }

    /// Whether an argument may name a descriptor of this process, such as standard input.
    fn is_descriptor(argument: &OsString) -> bool {
        let bytes = argument.as_encoded_bytes();
        let contains = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
        contains(b"/dev/stdin") || contains(b"/fd/")
    }

    /// Sends all arguments in one write, so that the backend never reads a part of them.
    pub fn send_arguments(child: &mut Child, arguments: &[OsString]) {
        if let Some(mut stdin) = child.stdin.take() {
            // The newline prevents the backend from reading the first argument as a byte order mark.
            let mut text = b"\n".to_vec();
            text.extend(args::response_file(arguments, Quoting::Posix));
            // Ignore EPIPE: the exit status has the reason.
            let _ = stdin.write_all(&text);
        }
    }
}
