//! Signals that end a link while there are temporary files.
//!
//! The backend gets the signal too, the files go, and only then does this process end, by that same
//! signal, as whoever sent it expects. A signal that our caller ignores (`nohup`) stays ignored.

use std::io::Result;
use std::process::{Child, Command};

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use std::io::Read;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

    /// The signal that came last, or 0. The handler itself sets it, so that it is there when the
    /// backend has ended by the same signal, which a terminal sends to both.
    static CAUGHT: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

    /// The backend, while it runs. It is started under this lock: a signal then comes before, and it
    /// is not started, or after, and it gets it.
    static BACKEND: Mutex<Option<u32>> = Mutex::new(None);

    pub fn backend() -> MutexGuard<'static, Option<u32>> {
        BACKEND.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn caught() -> Option<i32> {
        let signal = CAUGHT.load(Ordering::SeqCst);
        i32::try_from(signal).ok().filter(|&signal| signal != 0)
    }

    /// Where there is something to read when a signal has come. None if it cannot be had: a signal then
    /// ends us at once, as it would have.
    static SIGNALS: OnceLock<Option<Signals>> = OnceLock::new();

    struct Signals {
        come: UnixStream,
        /// What the handlers write to. If they have none, as all signals are ignored, it stays open.
        _sent: UnixStream,
    }

    pub fn watch() {
        SIGNALS.get_or_init(|| catch().ok());
    }

    pub fn signals() -> Option<BorrowedFd<'static>> {
        let signals = SIGNALS.get()?.as_ref()?;
        Some(signals.come.as_fd())
    }

    fn catch() -> std::io::Result<Signals> {
        let (come, sent) = UnixStream::pair()?;
        // A file that is larger than the limit is then an error of `write`, and not the end.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        let ignored = ignored();
        let ours = [SIGHUP, SIGINT, SIGTERM].into_iter();
        let ours: Vec<i32> = ours
            .filter(|signal| ignored & (1 << (signal - 1)) == 0)
            .collect();
        for signal in ours {
            signal_hook::flag::register_usize(signal, Arc::clone(&CAUGHT), signal as usize)?;
            signal_hook::low_level::pipe::register(signal, sent.try_clone()?)?;
        }
        Ok(Signals { come, _sent: sent })
    }

    pub fn pass_on() {
        if let Some(Some(signals)) = SIGNALS.get() {
            let _ = (&signals.come).read(&mut [0; 16]);
        }
        let signal = caught().unwrap_or_default();
        let backend = backend().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let (Some(backend), Some(signal)) = (backend, Signal::from_named_raw(signal)) {
            // If it has just ended, all is well.
            let _ = kill_process(backend, signal);
        }
    }

    /// The signals that are ignored, as bits, where the system says (Linux, `proc(5)`).
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mut lines = status.lines();
        let bits = lines.find_map(|line| line.strip_prefix("SigIgn:"));
        bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
            .unwrap_or(0)
    }
}

/// From now on such a signal is caught. To be called before there are temporary files.
pub fn watch() {
    #[cfg(unix)]
    unix::watch();
}

/// A file where there is something to read when a signal has come.
#[cfg(unix)]
pub fn signals() -> Option<std::os::fd::BorrowedFd<'static>> {
    unix::signals()
}

/// Gives the backend the signal that has come.
#[cfg(unix)]
pub fn pass_on() {
    unix::pass_on();
}

/// Starts the backend, which gets the signals that come; none if one has come already.
pub fn spawn(command: &mut Command) -> Result<Option<Child>> {
    #[cfg(unix)]
    {
        let mut backend = unix::backend();
        if caught().is_some() {
            return Ok(None);
        }
        let child = command.spawn()?;
        *backend = Some(child.id());
        Ok(Some(child))
    }
    #[cfg(not(unix))]
    command.spawn().map(Some)
}

/// The backend has ended.
pub fn ended() {
    #[cfg(unix)]
    {
        *unix::backend() = None;
    }
}

/// The signal that has come, if one has.
pub fn caught() -> Option<i32> {
    #[cfg(unix)]
    return unix::caught();
    #[cfg(not(unix))]
    None
}

/// Ends this process by `signal`, as if it had not been caught.
pub fn end_by(signal: i32) -> ! {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    std::process::exit(128 + signal)
}
