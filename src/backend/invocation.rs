//! How the backend is called: with its arguments on its command line, or started before they are
//! known and told them later.
//!
//! lld takes longer to be loaded than most links take us. So it is loaded meanwhile: it is told that
//! its arguments are in a response file, which is its standard input, and waits there until we know
//! them. Nothing is guessed, and nothing is done twice.
//!
//! That is done for inputs with marks, as this process then cannot become the backend anyway.

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

/// Beyond this many bytes the arguments go into a response file. Windows takes 32,767 characters,
/// and a pipe on Linux 65,536 at once.
pub const MAX_COMMAND_LINE: usize = 30_000;

/// A call of the backend.
pub struct Invocation<'a> {
    line: &'a CommandLine,
    backend: &'a Backend,
    /// The backend, if it is there and waits.
    started: Option<RunningBackend>,
}

impl<'a> Invocation<'a> {
    /// A call for which nothing is done yet.
    pub fn new(line: &'a CommandLine, backend: &'a Backend) -> Self {
        Self {
            line,
            backend,
            started: None,
        }
    }

    /// Lets the backend be loaded, where that can be done without anybody seeing it. This process is then not
    /// going to become the backend.
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

    /// Runs the backend with the caller's own words: in place of this process where that can be, and
    /// else so that nobody sees that it is not. None of the words may be for us.
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

    /// Runs the backend with `words`, and passes on what it says under the names that the user
    /// knows. `gathered` says that entries were.
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

    /// The same, and its errors and warnings.
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

    /// Runs the backend with the caller's own words, but for those that are for us, though there is more to do
    /// when it has ended.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run_inherited(&self) -> Result<ExitStatus> {
        let arguments = self.line.edited(&Edits::default());
        process::run_inherited(self.backend, &self.with_flavor(arguments))
    }

    /// What the backend says of the caller's own words, where that is an error, and how it ends.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn capture_messages(&self) -> Result<(ExitStatus, Vec<u8>)> {
        let arguments = self.line.edited(&Edits::default());
        process::capture(self.backend, &self.piped(arguments), None)
    }

    /// The same words where messages go through a pipe: lld does not see the user's terminal then, and what that
    /// can show.
    pub fn piped(&self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        let colors = Colors::of(self.line);
        if self.backend.takes_flavor() && colors == Colors::Auto && colors.are_shown() {
            arguments.push("--color-diagnostics".into());
        }
        self.with_flavor(arguments)
    }

    /// `words` as the backend wants to be told which platform to link for.
    pub fn with_flavor(&self, arguments: Vec<OsString>) -> Vec<OsString> {
        let backend = self.backend;
        let flavor = backend.needs_flavor() || (backend.takes_flavor() && self.line.has_flavor());
        let flavor = ["-flavor", "wasm"].into_iter().filter(|_| flavor);
        flavor.map(OsString::from).chain(arguments).collect()
    }
}

/// What was never told its arguments goes, and has done nothing.
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

    /// The file that standard input is.
    const STDIN: &str = "/dev/stdin";
    /// The word that says so.
    pub const ARGUMENTS: &str = "@/dev/stdin";

    /// Whether the backend can be told later. Only lld itself is: a wrapper may look at its words.
    /// On a terminal lld writes in colours, and our pipes are none. Who wants another quoting says so
    /// on the command line, and older lld know no empty word in a response file.
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

    /// Whether a word may name a file that this process has open, such as its standard input.
    fn is_descriptor(word: &OsString) -> bool {
        let bytes = word.as_encoded_bytes();
        let finds = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
        finds(b"/dev/stdin") || finds(b"/fd/")
    }

    /// Gives the backend its arguments: all at once, so that it never sees a part of them.
    pub fn send_arguments(child: &mut Child, arguments: &[OsString]) {
        if let Some(mut stdin) = child.stdin.take() {
            // No word is taken for the mark of an encoding, with which a text may begin.
            let mut text = b"\n".to_vec();
            text.extend(args::response_file(arguments, Quoting::Posix));
            // If it has ended, its status will say why.
            let _ = stdin.write_all(&text);
        }
    }
}
