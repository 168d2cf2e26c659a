//! Removal of temporary files in a signal handler. It allocates nothing and takes no lock (`signal-safety(7)`).

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

/// The directories of the LTO step and of the final link.
static DIRECTORIES: [OnceLock<CString>; 2] = [const { OnceLock::new() }; 2];
/// How often removal is tried. Another thread may add a file meanwhile.
const MAX_TRIES: usize = 100;

/// Registers a directory for removal.
pub fn register(path: &Path) {
    if let Ok(path) = CString::new(path.as_os_str().as_bytes()) {
        let mut slots = DIRECTORIES.iter();
        let _ = slots.any(|slot| slot.set(path.clone()).is_ok());
    }
}

/// Removes the directories.
pub fn remove() {
    for directory in DIRECTORIES.iter().filter_map(|slot| slot.get()) {
        let is_left = |_: &usize| {
            remove::contents(directory);
            rustix::fs::rmdir(directory) == Err(rustix::io::Errno::NOTEMPTY)
        };
        let _ = (0..MAX_TRIES).take_while(is_left).count();
    }
}

/// Removes all files of a directory.
#[cfg(target_os = "linux")]
pub mod remove {
    use super::CStr;
    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, unlinkat};
    use rustix::io::Errno;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd};

    /// Size of the buffer for directory entries.
    const BUFFER_SIZE: usize = 2048;

    pub fn contents(directory: &CStr) {
        let _ = contents_at(CWD, directory);
    }

    fn contents_at(parent: BorrowedFd<'_>, directory: &CStr) -> Result<(), Errno> {
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, directory, how, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); BUFFER_SIZE];
        let mut entries = RawDir::new(&directory, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let flags = match entry.file_type() {
                FileType::Directory => {
                    contents_at(directory.as_fd(), name)?;
                    AtFlags::REMOVEDIR
                }
                _ => AtFlags::empty(),
            };
            let _ = unlinkat(&directory, name, flags);
        }
        Ok(())
    }
}

/// Removes the files whose names are known. These systems cannot read a directory without allocating.
#[cfg(not(target_os = "linux"))]
pub mod remove {
    use super::{CStr, OnceLock};
    use std::io::Write;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The highest number of files in a directory.
    static FILES: AtomicUsize = AtomicUsize::new(0);
    static EXTENSIONS: OnceLock<&[&str]> = OnceLock::new();
    /// The longest path in bytes.
    const PATH_MAX: usize = 4096;

    /// Files have a number below `files` and one of these extensions.
    pub fn count(files: usize, extensions: &'static [&'static str]) {
        let _ = EXTENSIONS.set(extensions);
        FILES.fetch_max(files, Ordering::Relaxed);
    }

    pub fn contents(directory: &CStr) {
        for number in 0..FILES.load(Ordering::Relaxed) {
            for extension in EXTENSIONS.get().copied().unwrap_or_default() {
                let mut path = [0; PATH_MAX];
                let mut rest = &mut path[..PATH_MAX - 1];
                let name = format_args!("/{number}.{extension}");
                let written = rest.write_all(directory.to_bytes());
                let written = written.and_then(|()| rest.write_fmt(name));
                if let (Ok(()), Ok(path)) = (written, CStr::from_bytes_until_nul(&path)) {
                    // Most of these files do not exist.
                    let _ = rustix::fs::unlink(path);
                }
            }
        }
    }
}
