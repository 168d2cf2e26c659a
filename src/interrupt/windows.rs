//! Console events that end a link: Ctrl-C, Ctrl-Break, and the end of the console or session.
//!
//! The system runs the handler in a thread of its own, and all processes of the console get the event. So the
//! backend usually ends by itself.

use std::io::Result;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};
use windows_sys::Win32::Foundation::{STATUS_CONTROL_C_EXIT, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{INFINITE, TerminateProcess, WaitForSingleObject};
use windows_sys::core::BOOL;

/// The exit status of a process that a console event has ended.
pub const CONTROL_C_EXIT: i32 = STATUS_CONTROL_C_EXIT;
/// The lowest exit status that is an exception code, such as an access violation.
const FIRST_EXCEPTION: u32 = 0xc000_0000;
/// How long the backend may take to end before it is killed, in milliseconds.
const KILL_TIMEOUT: u32 = 5_000;

/// Whether the handler is ending this process.
pub static IS_EXITING: AtomicBool = AtomicBool::new(false);
/// Held while events are deferred, and by the handler.
static DEFERRED: Mutex<()> = Mutex::new(());
static CLEANUP: Mutex<Cleanup> = Mutex::new(Cleanup {
    backend: None,
    directories: Vec::new(),
});

/// What the handler ends and removes.
struct Cleanup {
    backend: Option<OwnedHandle>,
    directories: Vec<PathBuf>,
}

/// Defers console events until the guard is dropped.
pub fn defer() -> MutexGuard<'static, ()> {
    DEFERRED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cleanup() -> MutexGuard<'static, Cleanup> {
    CLEANUP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs the handler.
#[allow(unsafe_code)]
pub fn install_handlers() {
    static ONCE: Once = Once::new();
    // SAFETY: the handler lives as long as the program. If it cannot be installed, an event ends this process at
    // once. An event that the caller ignores stays ignored: the system does not call the handler.
    ONCE.call_once(|| unsafe { _ = SetConsoleCtrlHandler(Some(handle), 1) });
}

/// The handler.
#[allow(unsafe_code)]
unsafe extern "system" fn handle(event: u32) -> BOOL {
    IS_EXITING.store(true, SeqCst);
    let _deferred = defer();
    let cleanup = cleanup();
    if let Some(backend) = &cleanup.backend {
        // When the console closes, the system ends this process soon.
        let timeout = match event {
            CTRL_C_EVENT | CTRL_BREAK_EVENT => KILL_TIMEOUT,
            _ => 0,
        };
        if !waited(backend, timeout) {
            // SAFETY: the handle is open.
            unsafe { TerminateProcess(backend.as_raw_handle(), CONTROL_C_EXIT.cast_unsigned()) };
            waited(backend, KILL_TIMEOUT);
        }
    }
    for directory in &cleanup.directories {
        let _ = crate::temporary::remove(directory);
    }
    // The guards are held to the end, so that nothing starts or fails meanwhile.
    std::process::exit(CONTROL_C_EXIT);
}

/// Waits until a process has ended, or until the timeout in milliseconds.
#[allow(unsafe_code)]
fn waited(process: &impl AsRawHandle, timeout: u32) -> bool {
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), timeout) == WAIT_OBJECT_0 }
}

/// Waits until `child` has ended.
pub fn wait_until_exited(child: &Child) {
    waited(child, INFINITE);
}

/// Sets the backend that the handler ends.
pub fn set_backend(child: Option<&Child>) {
    let handle = child.and_then(|child| child.as_handle().try_clone_to_owned().ok());
    cleanup().backend = handle;
}

/// Registers a directory for removal.
pub fn register(directory: &Path) {
    cleanup().directories.push(directory.to_path_buf());
}

/// Makes the system end `child` when this process ends, however that is: it would still write the output.
///
/// # Errors
/// The system has no such jobs.
#[allow(unsafe_code)]
pub fn end_with_this_process(child: &Child) -> Result<()> {
    static JOB: OnceLock<Option<OwnedHandle>> = OnceLock::new();
    if let Some(job) = JOB.get_or_init(|| new_job().ok()) {
        // SAFETY: both handles are open.
        succeeded(unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) })?;
    }
    Ok(())
}

/// A job whose processes end when its handle is closed. Their own children are in no job: a wrapper may leave a
/// server running.
#[allow(unsafe_code)]
fn new_job() -> Result<OwnedHandle> {
    // SAFETY: the null pointers stand for the default security and for no name.
    let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
    succeeded(BOOL::from(!job.is_null()))?;
    // SAFETY: the handle is open and has no other owner.
    let job = unsafe { OwnedHandle::from_raw_handle(job) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    // SAFETY: the pointer and the size are those of the structure that belongs to this class.
    succeeded(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            ptr::from_ref(&limits).cast(),
            size_of_val(&limits) as u32,
        )
    })?;
    Ok(job)
}

fn succeeded(result: BOOL) -> Result<()> {
    match result {
        0 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Whether an exit status is an exception code.
pub fn is_exception(status: i32) -> bool {
    status.cast_unsigned() >= FIRST_EXCEPTION
}
