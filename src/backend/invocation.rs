//! How the backend is called: with its arguments on its command line, or started before they are
//! known and told them later.
//!
//! lld takes longer to be loaded than most links take us. So it is loaded meanwhile: it is told that
//! its arguments are in a response file, which is its standard input, and waits there until we know
//! them. Nothing is guessed, and nothing is done twice.
//!
//! That is done for inputs with marks, as this process then cannot become the backend anyway.

use super::diagnostics::Names;
use super::locate::Backend;
use super::process::{self, Ended};
use super::relay::Running;
use crate::args::{CommandLine, Edits};
use crate::error::Result;
use crate::interrupt;
use crate::terminal::Colors;
use std::ffi::OsString;
use std::io::Write;

/// Beyond this many bytes the arguments go into a response file. Windows takes 32,767 characters,
/// and a pipe on Linux 65,536 at once.
pub const LONGEST_COMMAND_LINE: usize = 30_000;

/// A call of the backend.
pub struct Call<'a> {
    line: &'a CommandLine,
    backend: &'a Backend,
    /// The backend, if it is there and waits.
    waiting: Option<Running>,
}

impl<'a> Call<'a> {
    /// A call for which nothing is done yet.
    pub fn new(line: &'a CommandLine, backend: &'a Backend) -> Self {
        Self {
            line,
            backend,
            waiting: None,
        }
    }

    /// Lets the backend be loaded, where that can be done without anybody seeing it. This process is then not
    /// going to become the backend.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn prepare_to_run(&mut self) -> Result<()> {
        if self.waiting.is_none() && waiting::is_possible(self.line, self.backend) {
            let words = self.with_flavor(vec![waiting::ARGUMENTS.into()]);
            self.waiting = Some(process::start_waiting(self.backend, &words)?);
        }
        Ok(())
    }

    /// Runs the backend with the caller's own words: in place of this process where that can be, and
    /// else so that nobody sees that it is not. None of the words may be for us.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn as_called(mut self) -> Result<Ended> {
        let words = self.line.original().to_vec();
        let Some(mut running) = self.waiting.take() else {
            return process::replace_process(self.backend, &self.with_flavor(words));
        };
        waiting::tell(&mut running.child, &words);
        Ok(match process::attend(self.backend, running, None)? {
            Ended::Signal(_, signal) => Ended::By(signal),
            ended => ended,
        })
    }

    /// Runs the backend with `words`, and passes on what it says under the names that the user
    /// knows. `gathered` says that entries were.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run(self, words: Vec<OsString>, names: &Names<'_>, gathered: bool) -> Result<Ended> {
        self.run_to(words, names, gathered, &mut std::io::stderr())
    }

    /// The same, and its errors and warnings.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn run_and_hear(
        self,
        words: Vec<OsString>,
        names: &Names<'_>,
        gathered: bool,
    ) -> Result<(Ended, Vec<u8>)> {
        let mut heard = process::Heard::default();
        let ended = self.run_to(words, names, gathered, &mut heard)?;
        Ok((ended, heard.0))
    }

    fn run_to(
        mut self,
        words: Vec<OsString>,
        names: &Names<'_>,
        gathered: bool,
        messages: &mut (impl Write + Send),
    ) -> Result<Ended> {
        if let Some(mut running) = self.waiting.take() {
            waiting::tell(&mut running.child, &words);
            return process::attend_to(self.backend, running, Some(names), messages);
        }
        process::run(self.backend, &self.piped(words), names, gathered, messages)
    }

    /// Runs the backend with the caller's own words, but for those that are for us, though there is more to do
    /// when it has ended.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn alone(&self) -> Result<Ended> {
        let words = self.line.edited(&Edits::default());
        process::run_alone(self.backend, &self.with_flavor(words))
    }

    /// What the backend says of the caller's own words, where that is an error, and how it ends.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn messages(&self) -> Result<(Ended, Vec<u8>)> {
        let words = self.line.edited(&Edits::default());
        process::run_aside(self.backend, &self.piped(words), None)
    }

    /// The same words where messages go through a pipe: lld does not see the user's terminal then, and what that
    /// can show.
    pub fn piped(&self, mut words: Vec<OsString>) -> Vec<OsString> {
        let colors = Colors::of(self.line);
        if self.backend.takes_flavor() && colors == Colors::Auto && colors.are_shown() {
            words.push("--color-diagnostics".into());
        }
        self.with_flavor(words)
    }

    /// `words` as the backend wants to be told which platform to link for.
    pub fn with_flavor(&self, words: Vec<OsString>) -> Vec<OsString> {
        let backend = self.backend;
        let flavor = backend.needs_flavor() || (backend.takes_flavor() && self.line.has_flavor());
        let flavor = ["-flavor", "wasm"].into_iter().filter(|_| flavor);
        flavor.map(OsString::from).chain(words).collect()
    }
}

/// What was never told its arguments goes, and has done nothing.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(mut running) = self.waiting.take() {
            interrupt::stop(&mut running.child);
        }
    }
}

mod waiting {
    use super::{CommandLine, LONGEST_COMMAND_LINE};
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
        let words = line.original();
        let length: usize = words.iter().map(|word| word.len() + 1).sum();
        let is_terminal = std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        cfg!(unix)
            && length <= LONGEST_COMMAND_LINE
            && !line.has(Id::RspQuoting)
            && !words.iter().any(|word| word.is_empty())
            && !is_terminal
            && !words.iter().any(is_descriptor)
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
    pub fn tell(child: &mut Child, words: &[OsString]) {
        if let Some(mut stdin) = child.stdin.take() {
            // No word is taken for the mark of an encoding, with which a text may begin.
            let mut text = b"\n".to_vec();
            text.extend(args::response_file(words, Quoting::Posix));
            // If it has ended, its status will say why.
            let _ = stdin.write_all(&text);
        }
    }
}
