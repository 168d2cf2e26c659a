//! Signals that end a link, or console events on Windows. The handler terminates the backend, removes temporary
//! files, and lets this process end by the same signal.
//!
//! A signal that the caller ignores (`nohup`) stays ignored. No handler is installed before there is
//! something to clean up.

use std::io::Result;
use std::process::{Child, Command, ExitStatus};

#[cfg(windows)]
pub mod windows;

#[cfg(unix)]
mod unix {
    use crate::cleanup;
    use libc::c_int;
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::low_level;
    use std::mem::MaybeUninit;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
    use std::sync::{Arc, Once};
    use std::time::Duration;

    /// The process id of the backend, or 0.
    pub static BACKEND: AtomicI32 = AtomicI32::new(0);
    /// The pending signal, or 0.
    pub static PENDING: AtomicI32 = AtomicI32::new(0);
    /// Whether signals are deferred.
    pub static IS_DEFERRED: AtomicBool = AtomicBool::new(false);
    /// Whether a thread is ending this process.
    pub static IS_EXITING: AtomicBool = AtomicBool::new(false);

    /// How long the backend may take to end before it is killed.
    const KILL_TIMEOUT: Duration = Duration::from_secs(5);
    const POLL_INTERVAL: Duration = Duration::from_millis(1);

    pub fn install_handlers() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // Makes writing beyond the file size limit an error of `write`.
            let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
            for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
                if !is_ignored(signal) {
                    catch(signal);
                }
            }
        });
    }

    #[allow(unsafe_code)]
    fn catch(signal: c_int) {
        // SAFETY: a handler may call async-signal-safe functions only (`signal-safety(7)`). This one uses
        // atomics, `waitid`, `nanosleep`, `kill`, and removes files without allocating or locking. If it
        // cannot be installed, the signal ends this process at once.
        let _ = unsafe { low_level::register(signal, move || handle(signal)) };
    }

    #[allow(unsafe_code)]
    fn is_ignored(signal: c_int) -> bool {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: no action is set, and the pointer for the old action is valid.
        let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
        // SAFETY: all fields are integers or nullable, so zero is a valid value.
        let action = unsafe { action.assume_init() };
        asked == 0 && action.sa_sigaction == libc::SIG_IGN
    }

    /// The signal handler.
    pub fn handle(signal: c_int) {
        PENDING.store(signal, SeqCst);
        // `defer_signals` handles a deferred signal.
        if !IS_DEFERRED.load(SeqCst) {
            terminate(signal);
        }
    }

    /// Ends this process, unless another thread or an interrupted handler does.
    pub fn terminate(signal: c_int) {
        if !IS_EXITING.swap(true, SeqCst) {
            if let Some(signal) = Signal::from_named_raw(signal) {
                terminate_backend(signal);
            }
            cleanup::remove();
            let _ = low_level::emulate_default_handler(signal);
        }
    }

    /// Forwards the signal to the backend, so that it can clean up, and kills it after a timeout.
    pub fn terminate_backend(signal: Signal) {
        let Some(backend) = Pid::from_raw(BACKEND.load(SeqCst)) else {
            return;
        };
        let _ = kill_process(backend, signal);
        let mut left = KILL_TIMEOUT;
        while !has_exited(backend) {
            match left.checked_sub(POLL_INTERVAL) {
                Some(rest) => left = rest,
                None => {
                    let _ = kill_process(backend, Signal::KILL);
                    return;
                }
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn has_exited(child: Pid) -> bool {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(child), how), Ok(None))
    }

    /// Waits until `child` has ended, and leaves its status for `wait`.
    pub fn wait_until_exited(child: Pid) {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(child), how) {}
    }
}

/// Kills the backend if this process is killed. It would still write the output.
#[cfg(target_os = "linux")]
mod parent_death {
    use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};
    use std::ffi::{CString, OsStr, OsString, c_char};
    use std::io::{Error, ErrorKind, Result};
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[allow(unsafe_code)]
    pub fn kill_child(command: &mut Command) -> Result<()> {
        let program = Program::of(command)?;
        // SAFETY: `run` only calls what may be called after `fork`, and allocates nothing.
        unsafe { command.pre_exec(move || program.run()) };
        Ok(())
    }

    /// The program and its arguments, ready for `execve`.
    struct Program {
        path: CString,
        arguments: Strings,
        variables: Strings,
        parent: Pid,
    }

    impl Program {
        fn of(command: &Command) -> Result<Self> {
            let path = command.get_program();
            let arguments = [path].into_iter().chain(command.get_args());
            let is_set = |name: &OsStr| command.get_envs().any(|(set, _)| set == name);
            let inherited = std::env::vars_os().filter(|(name, _)| !is_set(name));
            let set = command.get_envs();
            let set = set.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
            let variables = inherited.chain(set).map(|(mut name, value)| {
                name.push("=");
                name.push(value);
                name
            });
            Ok(Self {
                path: CString::new(path.to_owned().into_vec())?,
                arguments: Strings::new(arguments.map(OsStr::to_owned))?,
                variables: Strings::new(variables)?,
                parent: getpid(),
            })
        }

        /// Replaces the child process. The standard library would run a file that is no executable with a
        /// shell.
        #[allow(unsafe_code)]
        fn run(&self) -> Result<()> {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have ended before the previous call.
            if getppid() != Some(self.parent) {
                return Err(ErrorKind::Interrupted.into());
            }
            let (arguments, variables) = (self.arguments.pointers(), self.variables.pointers());
            // SAFETY: the strings and the lists are null-terminated and alive.
            unsafe { libc::execve(self.path.as_ptr(), arguments, variables) };
            Err(Error::last_os_error())
        }
    }

    /// Strings, and a null-terminated list of pointers to them.
    struct Strings {
        _strings: Vec<CString>,
        pointers: Vec<*const c_char>,
    }

    // SAFETY: the pointers point into the owned strings, which neither move nor change.
    #[allow(unsafe_code)]
    unsafe impl Send for Strings {}
    // SAFETY: the same.
    #[allow(unsafe_code)]
    unsafe impl Sync for Strings {}

    impl Strings {
        fn new(strings: impl Iterator<Item = OsString>) -> Result<Self> {
            let strings = strings.map(|string| CString::new(string.into_vec()));
            let strings: Vec<CString> = strings.collect::<std::result::Result<_, _>>()?;
            let pointers = strings.iter().map(|string| string.as_ptr());
            let pointers = pointers.chain([std::ptr::null()]).collect();
            Ok(Self {
                _strings: strings,
                pointers,
            })
        }

        fn pointers(&self) -> *const *const c_char {
            self.pointers.as_ptr()
        }
    }
}

/// Installs the signal handlers. Call this before there is something to clean up.
pub fn install_handlers() {
    #[cfg(unix)]
    unix::install_handlers();
    #[cfg(windows)]
    windows::install_handlers();
}

/// Defers signals while `make` runs, so that the handler sees its result.
pub fn defer_signals<T>(make: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    {
        use std::sync::atomic::Ordering::SeqCst;
        unix::IS_DEFERRED.store(true, SeqCst);
        let made = make();
        unix::IS_DEFERRED.store(false, SeqCst);
        let signal = unix::PENDING.load(SeqCst);
        if signal != 0 {
            unix::terminate(signal);
        }
        made
    }
    #[cfg(windows)]
    {
        let _deferred = windows::defer();
        make()
    }
}

/// Starts the backend, which ends with this process.
///
/// # Errors
/// It cannot be run.
pub fn spawn(command: &mut Command) -> Result<Child> {
    install_handlers();
    #[cfg(target_os = "linux")]
    parent_death::kill_child(command)?;
    defer_signals(|| {
        let child = command.spawn()?;
        #[cfg(unix)]
        unix::BACKEND.store(
            rustix::process::Pid::from_child(&child)
                .as_raw_nonzero()
                .get(),
            std::sync::atomic::Ordering::SeqCst,
        );
        #[cfg(windows)]
        {
            windows::set_backend(Some(&child));
            // Ignore a system that does not allow it.
            let _ = windows::end_with_this_process(&child);
        }
        Ok(child)
    })
}

/// Waits until the backend has ended.
///
/// # Errors
/// It cannot be waited for.
pub fn wait(child: &mut Child) -> Result<ExitStatus> {
    #[cfg(unix)]
    unix::wait_until_exited(rustix::process::Pid::from_child(child));
    #[cfg(windows)]
    windows::wait_until_exited(child);
    defer_signals(|| {
        let status = child.wait();
        #[cfg(windows)]
        windows::set_backend(None);
        #[cfg(unix)]
        unix::BACKEND.store(0, std::sync::atomic::Ordering::SeqCst);
        status
    })
}

/// Kills a backend that has done nothing.
pub fn kill(child: &mut Child) {
    // Ignore that it may have ended.
    let _ = child.kill();
    let _ = wait(child);
}

/// Handles a signal that another handler has caught.
#[cfg(unix)]
pub fn handle(signal: i32) {
    unix::handle(signal);
}

/// Cleans up for another handler that ends this process.
#[cfg(unix)]
pub fn clean_up() {
    unix::IS_EXITING.store(true, std::sync::atomic::Ordering::SeqCst);
    unix::terminate_backend(rustix::process::Signal::KILL);
    crate::cleanup::remove();
}

/// Blocks if another thread is ending this process. Call this before returning from `main`.
pub fn wait_if_exiting() {
    #[cfg(unix)]
    while unix::IS_EXITING.load(std::sync::atomic::Ordering::SeqCst) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    #[cfg(windows)]
    while windows::IS_EXITING.load(std::sync::atomic::Ordering::SeqCst) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Whether `signal` asks a process to end, and is not a crash.
pub fn is_termination(signal: i32) -> bool {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        [SIGHUP, SIGINT, SIGQUIT, SIGTERM].contains(&signal)
    }
    #[cfg(windows)]
    {
        signal == windows::CONTROL_C_EXIT
    }
}

/// Ends this process by `signal`, with the default action. On Windows, `signal` is the exit status.
pub fn exit_by_signal(signal: i32) -> ! {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    exit_as_after(signal)
}

/// Ends this process with the exit status that a shell gives to a program that `signal` has ended. On Windows,
/// that is `signal` itself.
pub fn exit_as_after(signal: i32) -> ! {
    std::process::exit(match cfg!(windows) {
        true => signal,
        false => 128 + signal,
    })
}
