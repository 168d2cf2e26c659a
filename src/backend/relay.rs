//! Relays the output of the backend while it runs, line by line, with the names of inputs.
//!
//! On Unix, one thread polls both outputs, which avoids starting and joining another one.

use super::diagnostics::{MessageContext, NameMap};
use super::map::Lines;
use crate::interrupt;
use std::io::{PipeReader, Read, Result, Write};
use std::process::{Child, ExitStatus};

/// The magic of a wasm module, which `-o -` writes to standard output.
const MODULE: &[u8] = b"\0asm";
/// In bytes.
const BUFFER_SIZE: usize = 0x4000;

/// A running backend.
#[derive(Debug)]
pub struct RunningBackend {
    /// The process.
    pub child: Child,
    /// Its standard output and standard error, if both use one pipe.
    pub merged: Option<PipeReader>,
}

/// Relays the output of the backend until it ends; verbatim without `names`. Ignores EPIPE.
///
/// # Errors
/// Waiting for the backend fails.
pub fn relay_output(
    RunningBackend { child, merged }: &mut RunningBackend,
    names: Option<&NameMap<'_>>,
    output: &mut (impl Write + Send),
    messages: &mut (impl Write + Send),
) -> Result<ExitStatus> {
    if merged.is_some() {
        let closed = Stream::new(None::<PipeReader>, output, names);
        relay_both(child, closed, Stream::new(merged.take(), messages, names));
    } else {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        relay_both(
            child,
            Stream::new(stdout, output, names),
            Stream::new(stderr, messages, names),
        );
    }
    interrupt::wait(child)
}

#[cfg(unix)]
fn relay_both(
    child: &Child,
    mut output: Stream<'_, impl Read + std::os::fd::AsFd, impl Write>,
    mut messages: Stream<'_, impl Read + std::os::fd::AsFd, impl Write>,
) {
    use std::os::fd::AsFd;
    // The backend may close its outputs long before it ends.
    let mut running = unix::running(child);
    while output.is_open() || messages.is_open() || running.is_some() {
        let process = running.as_ref().map(AsFd::as_fd);
        let files = [output.file(), messages.file(), process];
        let [has_output, has_messages, has_ended] = unix::ready(files);
        if has_ended {
            running = None;
        }
        if has_output {
            output.forward();
        }
        if has_messages {
            messages.forward();
        }
    }
}

#[cfg(windows)]
fn relay_both(
    _: &Child,
    mut output: Stream<'_, impl Read + Send, impl Write + Send>,
    mut messages: Stream<'_, impl Read, impl Write>,
) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while output.is_open() {
                output.forward();
            }
        });
        while messages.is_open() {
            messages.forward();
        }
    });
}

#[cfg(unix)]
mod unix {
    use super::Stream;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    use smallvec::SmallVec;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::process::Child;

    /// A descriptor that becomes readable when `child` ends; `None` if the system does not support it.
    #[cfg(target_os = "linux")]
    pub fn running(child: &Child) -> Option<OwnedFd> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
    }

    #[cfg(not(target_os = "linux"))]
    pub fn running(_: &Child) -> Option<OwnedFd> {
        None
    }

    /// Waits until at least one file is readable or closed. Returns which files are.
    pub fn ready<const N: usize>(files: [Option<BorrowedFd<'_>>; N]) -> [bool; N] {
        let polled = files.iter().flatten();
        let polled = polled.map(|&file| PollFd::from_borrowed_fd(file, PollFlags::IN));
        let mut polled: SmallVec<[PollFd<'_>; 3]> = polled.collect();
        let succeeded = loop {
            match poll(&mut polled, None) {
                Err(Errno::INTR) => {}
                result => break result.is_ok(),
            }
        };
        // If poll fails, a blocking read waits instead.
        let mut polled = polled.iter();
        let mut is_ready = || {
            polled
                .next()
                .is_some_and(|file| !succeeded || !file.revents().is_empty())
        };
        files.map(|file| file.is_some() && is_ready())
    }

    impl<R: AsFd, W: std::io::Write> Stream<'_, R, W> {
        pub fn file(&self) -> Option<BorrowedFd<'_>> {
            self.from.as_ref().map(AsFd::as_fd)
        }
    }
}

/// An output of the backend and its destination.
struct Stream<'a, R, W: Write> {
    /// `None` once it is closed.
    from: Option<R>,
    to: Destination<'a, W>,
}

/// The destination of an output.
enum Destination<'a, W: Write> {
    Verbatim(W),
    Mapped(Mapped<'a, W>),
}

/// Lines with the names of inputs.
struct Mapped<'a, W: Write> {
    names: &'a NameMap<'a>,
    to: Lines<'a, W>,
    context: MessageContext,
    /// Whether the current message is a warning that has already been printed.
    is_repeated: bool,
    /// The incomplete last line.
    pending: Vec<u8>,
    is_module: bool,
}

impl<'a, R: Read, W: Write> Stream<'a, R, W> {
    fn new(from: Option<R>, to: W, names: Option<&'a NameMap<'a>>) -> Self {
        let to = match names {
            None => Destination::Verbatim(to),
            Some(names) => Destination::Mapped(Mapped {
                names,
                to: names.lines(to),
                context: MessageContext::default(),
                is_repeated: false,
                pending: Vec::new(),
                is_module: false,
            }),
        };
        Self { from, to }
    }

    fn is_open(&self) -> bool {
        self.from.is_some()
    }

    /// Reads and forwards the available bytes.
    fn forward(&mut self) {
        let Some(from) = &mut self.from else {
            return;
        };
        let mut bytes = [0; BUFFER_SIZE];
        let length = match from.read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return,
            length => length.unwrap_or(0),
        };
        let bytes = bytes.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            self.from = None;
        }
        match &mut self.to {
            Destination::Verbatim(to) => {
                let _ = to.write_all(bytes);
                let _ = to.flush();
            }
            Destination::Mapped(to) if bytes.is_empty() => to.end(),
            Destination::Mapped(to) => to.write(bytes),
        }
    }
}

impl<W: Write> Mapped<'_, W> {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        // Forward each line immediately, so that progress is visible.
        while let Some(end) = memchr::memchr(b'\n', rest).filter(|_| !self.begins_module(rest)) {
            let (line, next) = rest.split_at(end + 1);
            self.pending.extend_from_slice(line);
            self.line();
            rest = next;
        }
        self.pending.extend_from_slice(rest);
        if self.begins_module(&[]) {
            self.is_module = true;
            self.to.copy(&std::mem::take(&mut self.pending));
        }
    }

    /// Whether the pending bytes and `more` are part of a module.
    fn begins_module(&self, more: &[u8]) -> bool {
        let mut begin = self.pending.iter().chain(more);
        self.is_module || MODULE.iter().all(|byte| begin.next() == Some(byte))
    }

    fn line(&mut self) {
        let (names, to, is_repeated) = (self.names, &mut self.to, &mut self.is_repeated);
        self.context.map(names, &self.pending, |mapped| {
            let continues = *is_repeated && mapped.starts_with(b">>>");
            *is_repeated = names.is_repeated(mapped) || continues;
            if !*is_repeated {
                to.line(mapped);
            }
        });
        self.pending.clear();
    }

    fn end(&mut self) {
        if !self.pending.is_empty() {
            self.line();
        }
        let to = &mut self.to;
        self.context.end(|line| to.line(line));
        self.to.flush();
    }
}
