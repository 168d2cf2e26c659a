//! An invocation of the backend, with its arguments on the command line or sent later.
//!
//! Loading lld takes longer than most of our work. So lld starts early, with its standard input as a
//! response file, and blocks until the arguments are sent. That is done for inputs with marks only:
//! this process cannot become the backend then.

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

/// A longer command line goes into a response file, in bytes. The limit of Windows is 32,767
/// characters, and a pipe on Linux buffers 65,536 bytes.
pub const MAX_COMMAND_LINE: usize = 30_000;

/// An invocation of the backend.
pub struct Invocation<'a> {
    line: &'a CommandLine,
    backend: &'a Backend,
    /// The backend, if it was started early.
    started: Option<RunningBackend>,
}

impl<'a> Invocation<'a> {
    /// An invocation that has not started yet.
    pub fn new(line: &'a CommandLine, backend: &'a Backend) -> Self {
        Self {
            line,
            backend,
            started: None,
        }
    }

    /// Starts the backend early, if that is possible and not visible to the user. This process cannot
    /// become the backend afterwards.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn start_early(&mut self) -> Result<()> {
        if self.started.is_none() && early_start::is_possible(self.line, self.backend) {
            let arguments = self.with_flavor(vec![early_start::ARGUMENTS.into()]);
            self.started = Some(process::start_early(self.backend, &arguments)?);
        }
        Ok(())
    }

    /// Runs the backend with the caller's own arguments, in place of this process if possible. None of them
    /// may be an option of ours.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run_unchanged(mut self) -> Result<ExitStatus> {
        let arguments = self.line.original().to_vec();
        let Some(mut running) = self.started.take() else {
            return process::replace_process(self.backend, &self.with_flavor(arguments));
        };
        early_start::send_arguments(&mut running.child, &arguments);
        Ok(match process::relay(self.backend, running, None)? {
            ExitStatus::Signal(_, signal) => ExitStatus::Interrupted(signal),
            status => status,
        })
    }

    /// Runs the backend and relays its output under the names that the user knows. `gathered` tells a
    /// nested run of this program that this link has gathered.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run(
        self,
        arguments: Vec<OsString>,
        names: &NameMap<'_>,
        gathered: bool,
    ) -> Result<ExitStatus> {
        self.run_to(arguments, names, gathered, &mut std::io::stderr())
    }

    /// As `run`, and returns the errors and warnings.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run_and_capture(
        self,
        arguments: Vec<OsString>,
        names: &NameMap<'_>,
        gathered: bool,
    ) -> Result<(ExitStatus, Vec<u8>)> {
        let mut tee = process::Tee::default();
        let status = self.run_to(arguments, names, gathered, &mut tee)?;
        Ok((status, tee.0))
    }

    fn run_to(
        mut self,
        arguments: Vec<OsString>,
        names: &NameMap<'_>,
        gathered: bool,
        messages: &mut (impl Write + Send),
    ) -> Result<ExitStatus> {
        if let Some(mut running) = self.started.take() {
            early_start::send_arguments(&mut running.child, &arguments);
            return process::relay_to(self.backend, running, Some(names), messages);
        }
        process::run(
            self.backend,
            &self.piped(arguments),
            names,
            gathered,
            messages,
        )
    }

    /// Runs the backend with the caller's arguments but for our options, and returns here afterwards. It
    /// inherits our output.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run_inherited(&self) -> Result<ExitStatus> {
        let arguments = self.line.edited(&Edits::default());
        process::run_inherited(self.backend, &self.with_flavor(arguments))
    }

    /// Runs the backend with the caller's arguments but for our options, and returns its errors and
    /// warnings.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn capture_messages(&self) -> Result<(ExitStatus, Vec<u8>)> {
        let arguments = self.line.edited(&Edits::default());
        process::capture(self.backend, &self.piped(arguments), None)
    }

    /// The arguments for a backend whose messages go through a pipe. It cannot see the user's terminal, so
    /// colours are asked for.
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

/// A backend that got no arguments has done nothing.
impl Drop for Invocation<'_> {
    fn drop(&mut self) {
        if let Some(mut running) = self.started.take() {
            interrupt::kill(&mut running.child);
        }
    }
}

mod early_start {
    use super::{CommandLine, MAX_COMMAND_LINE};
    use crate::args::{self, Id, Quoting};
    use crate::backend::Backend;
    use std::ffi::OsString;
    use std::io::{IsTerminal, Write};
    use std::path::Path;
    use std::process::Child;

    /// The path of standard input.
    const STDIN: &str = "/dev/stdin";
    /// The argument that makes it a response file.
    pub const ARGUMENTS: &str = "@/dev/stdin";

    /// Whether the backend can start early. It must be lld itself: a wrapper may look at its arguments. It
    /// must not write to a terminal: lld uses colours there, and our pipes are none. Another quoting style
    /// has to be on the command line, and older lld drop empty arguments of a response file.
    pub fn is_possible(line: &CommandLine, backend: &Backend) -> bool {
        let arguments = line.original();
        let length: usize = arguments.iter().map(|word| word.len() + 1).sum();
        let is_terminal = std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        cfg!(unix)
            && length <= MAX_COMMAND_LINE
            && !line.has(Id::RspQuoting)
            && !arguments.iter().any(|word| word.is_empty())
            && !is_terminal
            && !arguments.iter().any(is_descriptor)
            && Path::new(STDIN).exists()
            && backend.takes_flavor()
            && backend.is_program()
    }

    /// Whether an argument may name a descriptor of this process, such as standard input.
    fn is_descriptor(word: &OsString) -> bool {
        let bytes = word.as_encoded_bytes();
        let finds = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
        finds(b"/dev/stdin") || finds(b"/fd/")
    }

    /// Sends the arguments, all at once, so that the backend never reads a part of them.
    pub fn send_arguments(child: &mut Child, arguments: &[OsString]) {
        if let Some(mut stdin) = child.stdin.take() {
            // The first byte keeps an argument from being read as a byte order mark.
            let mut text = b"\n".to_vec();
            text.extend(args::response_file(arguments, Quoting::Posix));
            // Ignore a broken pipe: the exit status tells why.
            let _ = stdin.write_all(&text);
        }
    }
}
