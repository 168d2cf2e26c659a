//! Inputs that another process truncates while they are mapped.
//!
//! Reading a mapped page past the end of its file raises `SIGBUS`, which would end the process
//! without a message.

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

/// A mapping, for the handler, in a list that only grows.
struct Watched {
    start: usize,
    /// In bytes; 0 when it is gone.
    length: AtomicUsize,
    path: Box<[u8]>,
    next: OnceLock<&'static Watched>,
}

impl Watched {
    fn has(&self, address: usize) -> bool {
        let offset = address.checked_sub(self.start);
        offset.is_some_and(|offset| offset < self.length.load(Ordering::Acquire))
    }
}

static FIRST: OnceLock<&'static Watched> = OnceLock::new();
static LAST: Mutex<Option<&'static Watched>> = Mutex::new(None);

/// Watches over a mapping, of the file at `path`, until the guard is dropped.
pub fn watch(path: &Path, mapping: &[u8]) -> Guard {
    catch();
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

/// Watches no longer when it is dropped.
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

/// The file of the mapping that has an address.
fn file_at(address: usize) -> Option<&'static [u8]> {
    let mut next = FIRST.get();
    while let Some(&watched) = next {
        if watched.has(address) {
            return Some(&watched.path);
        }
        next = watched.next.get();
    }
    None
}

#[allow(unsafe_code)]
fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: what a handler may do is limited (`signal-safety(7)`). This one reads atomics; writing to
        // standard error, which has no buffer, is `write`, and no one has its lock while they read an input;
        // `clean_up` is made for handlers; ending is `_exit`, or the default action.
        let _ = unsafe { signal_hook_registry::register_sigaction(SIGBUS, on_sigbus) };
    });
}

/// The handler.
fn on_sigbus(info: &siginfo_t) {
    if !matches!(info.si_code, BUS_ADRALN | BUS_ADRERR | BUS_OBJERR) {
        // Somebody has sent it.
        return interrupt::handle(SIGBUS);
    }
    #[allow(unsafe_code)]
    // SAFETY: where the system says what was accessed, it has this field.
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
