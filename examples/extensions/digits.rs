//! An extension in Rust, in a library of its own.

#![no_std]

use core::ffi::{CStr, c_char, c_int};

#[repr(C)]
pub struct Method {
    name: *const c_char,
    call: extern "C" fn(c_int) -> c_int,
}

#[repr(C)]
pub struct Extension {
    name: *const c_char,
    init: extern "C" fn(),
    methods: *const Method,
    method_count: c_int,
}

// SAFETY: nothing writes to what they point to.
unsafe impl Sync for Method {}
unsafe impl Sync for Extension {}

const fn method(name: &'static CStr, call: extern "C" fn(c_int) -> c_int) -> Method {
    Method { name: name.as_ptr(), call }
}

static METHODS: [Method; 2] = [method(c"count", count), method(c"sum", sum)];

#[allow(non_snake_case)]
mod __link_section__EXTENSIONS {
    use super::*;

    #[used]
    static DIGITS: Extension = Extension {
        name: c"digits".as_ptr(),
        init,
        methods: METHODS.as_ptr(),
        method_count: METHODS.len() as c_int,
    };
}

extern "C" fn init() {}

fn digits(n: c_int) -> impl Iterator<Item = c_int> {
    core::iter::successors(Some(n), |n| (*n >= 10).then_some(n / 10)).map(|n| n % 10)
}

extern "C" fn count(n: c_int) -> c_int {
    digits(n).fold(0, |count, _| count + 1)
}

extern "C" fn sum(n: c_int) -> c_int {
    digits(n).fold(0, |sum, digit| sum + digit)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
