//! Passing on what the backend says while it runs, line by line under the names that the user knows.
//!
//! On Unix one thread waits for both of its outputs. Another would have to be started, and waited for when the
//! backend has ended.

use super::diagnostics::{About, Names};
use super::map::Lines;
use crate::interrupt;
use std::io::{PipeReader, Read, Result, Write};
use std::process::{Child, ExitStatus};

/// What the output begins with, where it is written to standard output (`-o -`).
const MODULE: &[u8] = b"\0asm";
/// How much is read at once, in bytes.
const AT_ONCE: usize = 0x4000;

/// A backend that runs.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it says, if it says all of it at one place.
    pub together: Option<PipeReader>,
}

/// Passes on what the backend says to `output` and `messages`, byte for byte if there are no `names` to
/// map, until it ends. If the user's end is closed that goes on: what there is to say is then lost on
/// purpose.
///
/// # Errors
/// It cannot be waited for.
pub fn pass_on(
    Running { child, together }: &mut Running,
    names: Option<&Names<'_>>,
    output: &mut (impl Write + Send),
    messages: &mut (impl Write + Send),
) -> Result<ExitStatus> {
    if together.is_some() {
        let nothing = Stream::new(None::<PipeReader>, output, names);
        both(
            child,
            nothing,
            Stream::new(together.take(), messages, names),
        );
    } else {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        both(
            child,
            Stream::new(stdout, output, names),
            Stream::new(stderr, messages, names),
        );
    }
    interrupt::wait(child)
}

#[cfg(unix)]
fn both(
    child: &Child,
    mut output: Stream<'_, impl Read + std::os::fd::AsFd, impl Write>,
    mut messages: Stream<'_, impl Read + std::os::fd::AsFd, impl Write>,
) {
    use std::os::fd::AsFd;
    // It may have closed its outputs long before it ends.
    let mut running = unix::running(child);
    while output.is_open() || messages.is_open() || running.is_some() {
        let process = running.as_ref().map(AsFd::as_fd);
        let files = [output.file(), messages.file(), process];
        let [says, warns, has_ended] = unix::ready(files);
        if has_ended {
            running = None;
        }
        if says {
            output.pass_on();
        }
        if warns {
            messages.pass_on();
        }
    }
}

#[cfg(not(unix))]
fn both(
    _: &Child,
    mut output: Stream<'_, impl Read + Send, impl Write + Send>,
    mut messages: Stream<'_, impl Read, impl Write>,
) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while output.is_open() {
                output.pass_on();
            }
        });
        while messages.is_open() {
            messages.pass_on();
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

    /// Where there is something to read when `child` has ended, if the system has that.
    #[cfg(target_os = "linux")]
    pub fn running(child: &Child) -> Option<OwnedFd> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
    }

    #[cfg(not(target_os = "linux"))]
    pub fn running(_: &Child) -> Option<OwnedFd> {
        None
    }

    /// Waits until there is something to read. Of which there is, or the end.
    pub fn ready<const N: usize>(files: [Option<BorrowedFd<'_>>; N]) -> [bool; N] {
        let waits = files.iter().flatten();
        let waits = waits.map(|&file| PollFd::from_borrowed_fd(file, PollFlags::IN));
        let mut waits: SmallVec<[PollFd<'_>; 3]> = waits.collect();
        let asked = loop {
            match poll(&mut waits, None) {
                Err(Errno::INTR) => {}
                asked => break asked.is_ok(),
            }
        };
        // If the system has no memory to ask, reading waits.
        let mut waits = waits.iter();
        let mut is_ready = || {
            waits
                .next()
                .is_some_and(|file| !asked || !file.revents().is_empty())
        };
        files.map(|file| file.is_some() && is_ready())
    }

    impl<R: AsFd, W: std::io::Write> Stream<'_, R, W> {
        pub fn file(&self) -> Option<BorrowedFd<'_>> {
            self.from.as_ref().map(AsFd::as_fd)
        }
    }
}

/// An output of the backend, and where it goes.
struct Stream<'a, R, W: Write> {
    /// None when it is closed.
    from: Option<R>,
    to: To<'a, W>,
}

/// What becomes of an output.
enum To<'a, W: Write> {
    AsItIs(W),
    Mapped(Mapped<'a, W>),
}

/// Lines under the names that the user knows.
struct Mapped<'a, W: Write> {
    names: &'a Names<'a>,
    to: Lines<'a, W>,
    about: About,
    was_said: bool,
    /// What has come of a line whose end has not.
    pending: Vec<u8>,
    is_module: bool,
}

impl<'a, R: Read, W: Write> Stream<'a, R, W> {
    fn new(from: Option<R>, to: W, names: Option<&'a Names<'a>>) -> Self {
        let to = match names {
            None => To::AsItIs(to),
            Some(names) => To::Mapped(Mapped {
                names,
                to: names.lines(to),
                about: About::default(),
                was_said: false,
                pending: Vec::new(),
                is_module: false,
            }),
        };
        Self { from, to }
    }

    fn is_open(&self) -> bool {
        self.from.is_some()
    }

    /// Passes on what there is to be read.
    fn pass_on(&mut self) {
        let Some(from) = &mut self.from else {
            return;
        };
        let mut bytes = [0; AT_ONCE];
        let length = match from.read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return,
            length => length.unwrap_or(0),
        };
        let bytes = bytes.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            self.from = None;
        }
        match &mut self.to {
            To::AsItIs(to) => {
                let _ = to.write_all(bytes);
                let _ = to.flush();
            }
            To::Mapped(to) if bytes.is_empty() => to.end(),
            To::Mapped(to) => to.take(bytes),
        }
    }
}

impl<W: Write> Mapped<'_, W> {
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        // So that what the backend says is seen when it says it.
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

    /// Whether what has not been passed on, and then `more`, is a module or a part of one.
    fn begins_module(&self, more: &[u8]) -> bool {
        let mut begin = self.pending.iter().chain(more);
        self.is_module || MODULE.iter().all(|byte| begin.next() == Some(byte))
    }

    fn line(&mut self) {
        let (names, to, was_said) = (self.names, &mut self.to, &mut self.was_said);
        self.about.map(names, &self.pending, |mapped| {
            let goes_on = *was_said && mapped.starts_with(b">>>");
            *was_said = names.was_said(mapped) || goes_on;
            if !*was_said {
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
        self.about.end(|line| to.line(line));
        self.to.flush();
    }
}
