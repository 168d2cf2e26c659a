//! The heap of this process.

use std::ffi::OsString;

/// glibc reads this at program start (glibc manual, "Tunables").
pub const TUNABLES: &str = "GLIBC_TUNABLES";

/// Whether the user configures the allocator, of this process and of the backend. Then we do not.
pub fn is_configured() -> bool {
    std::env::var_os(TUNABLES).is_some()
}

/// Reserves memory in huge pages for the heap if the command line is long: the first access to a page takes up to 2 µs,
/// and a link of a thousand files has a heap of 30 MB. Only for glibc's allocator, and unless [`is_configured`].
pub fn reserve_for(argv: &[OsString]) {
    const LONG: usize = 100;
    let is_response_file = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"@");
    let is_long = argv.len() >= LONG || argv.iter().any(is_response_file);
    if is_long && !is_configured() {
        reserve();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn reserve() {}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn reserve() {
    /// In bytes. It takes no memory before it is used.
    const RESERVED: usize = 32 << 20;
    /// From this size in bytes, an allocation has a mapping of its own, which grows without a copy.
    const WORTH_MAPPING: libc::c_int = 1 << 20;
    /// The default of glibc.
    const MOST_MAPPINGS: libc::c_int = 65_536;
    // SAFETY: the allocator may be configured at any time. The advice does not change contents, and the memory belongs to
    // the heap before and after.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, WORTH_MAPPING);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        let reserved = libc::malloc(RESERVED);
        libc::mallopt(libc::M_MMAP_MAX, MOST_MAPPINGS);
        let page = libc::sysconf(libc::_SC_PAGESIZE);
        if let (false, Ok(page)) = (reserved.is_null(), usize::try_from(page)) {
            let before = reserved.align_offset(page);
            libc::madvise(
                reserved.byte_add(before),
                RESERVED - before,
                libc::MADV_HUGEPAGE,
            );
        }
        libc::free(reserved);
    }
}
