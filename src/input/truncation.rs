//! Reports inputs that another process truncates while they are mapped.
//!
//! Reading a mapped page past the end of its file raises `SIGBUS`, which by default ends the process without
//! a message.

use crate::interrupt;
use libc::{BUS_ADRALN, BUS_ADRERR, BUS_OBJERR, siginfo_t};
use signal_hook::consts::SIGBUS;
use signal_hook::low_level;
use std::fmt;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

/// A watched mapping, in a list that the signal handler reads. Entries are never removed.
struct Watched {
    start: usize,
    /// In bytes; 0 after the mapping is dropped.
    length: AtomicUsize,
    path: Box<[u8]>,
    next: OnceLock<&'static Watched>,
}

impl Watched {
    fn contains(&self, address: usize) -> bool {
        let offset = address.checked_sub(self.start);
        offset.is_some_and(|offset| offset < self.length.load(Ordering::Acquire))
    }
}

static FIRST: OnceLock<&'static Watched> = OnceLock::new();
static LAST: Mutex<Option<&'static Watched>> = Mutex::new(None);

/// Watches a mapping of the file at `path` until the guard is dropped.
pub fn watch(path: &Path, mapping: &[u8]) -> Guard {
    register_handler();
    let watched: &Watched = Box::leak(Box::new(Watched {
        start: mapping.as_ptr().addr(),
        length: AtomicUsize::new(mapping.len()),
        path: path.as_os_str().as_bytes().into(),
        next: OnceLock::new(),
    }));
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let place = last.replace(watched).map_or(&FIRST, |last| &last.next);
    let _ = place.set(watched);
    Guard(watched)
}

/// Ends the watch when it is dropped.
pub struct Guard(&'static Watched);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.length.store(0, Ordering::Release);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// The path of the file whose mapping contains `address`.
fn file_at(address: usize) -> Option<&'static [u8]> {
    let mut next = FIRST.get();
    while let Some(&watched) = next {
        if watched.contains(address) {
            return Some(&watched.path);
        }
        next = watched.next.get();
    }
    None
}

#[allow(unsafe_code)]
fn register_handler() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler does only what is async-signal-safe (`signal-safety(7)`). It reads atomics.
        // Standard error has no buffer, so writing to it is `write`, and no thread holds its lock while it reads
        // an input. `clean_up` is written for handlers. It exits with `_exit` or the default action.
        let _ = unsafe { signal_hook_registry::register_sigaction(SIGBUS, on_sigbus) };
    });
}

/// The signal handler.
fn on_sigbus(info: &siginfo_t) {
    if !matches!(info.si_code, BUS_ADRALN | BUS_ADRERR | BUS_OBJERR) {
        // Another process sent it.
        return interrupt::handle(SIGBUS);
    }
    #[allow(unsafe_code)]
    // SAFETY: with these codes, `si_addr` is valid.
    let address = unsafe { info.si_addr() };
    let file = file_at(address.addr());
    interrupt::clean_up();
    let Some(file) = file else {
        let _ = low_level::emulate_default_handler(SIGBUS);
        return;
    };
    let mut stderr = std::io::stderr();
    for part in [
        &b"wasm-section-ld: error: "[..],
        file,
        b": the file was truncated during the link\n\
          >>> another program is writing to this input: link again when it is done\n",
    ] {
        let _ = stderr.write_all(part);
    }
    low_level::exit(1);
}
