//! The module `digits`, in Rust.

#![no_std]

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr::null;

pub enum Object {}

#[repr(C)]
pub struct Method {
    name: *const c_char,
    call: unsafe extern "C" fn(*mut Object, *mut Object) -> *mut Object,
    flags: c_int,
    doc: *const c_char,
}

// SAFETY: nothing writes to what it points to.
unsafe impl Sync for Method {}

const ONE_ARGUMENT: c_int = 8;

#[repr(C)]
struct Module {
    references: isize,
    unused: [*const c_void; 4],
    name: *const c_char,
    doc: *const c_char,
    size: isize,
    methods: *const Method,
    more: [*const c_void; 4],
}

unsafe extern "C" {
    static __start_PYTHON_METHODS: [Method; 0];
    static PyExc_ValueError: *mut Object;
    fn PyModule_Create2(module: *mut Module, version: c_int) -> *mut Object;
    fn PyLong_AsLong(number: *mut Object) -> c_long;
    fn PyLong_FromLong(number: c_long) -> *mut Object;
    fn PyErr_Occurred() -> *mut Object;
    fn PyErr_SetString(kind: *mut Object, message: *const c_char);
}

#[allow(non_snake_case)]
mod __link_section__PYTHON_METHODS {
    use super::*;

    #[used]
    static SUM: Method = method(c"sum", sum);
    #[used]
    static COUNT: Method = method(c"count", count);
}

const fn method(
    name: &'static CStr,
    call: unsafe extern "C" fn(*mut Object, *mut Object) -> *mut Object,
) -> Method {
    Method {
        name: name.as_ptr(),
        call,
        flags: ONE_ARGUMENT,
        doc: null(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_digits() -> *mut Object {
    static mut MODULE: Module = Module {
        references: 1,
        unused: [null(); 4],
        name: c"digits".as_ptr(),
        doc: null(),
        size: -1,
        methods: (&raw const __start_PYTHON_METHODS).cast(),
        more: [null(); 4],
    };
    unsafe { PyModule_Create2(&raw mut MODULE, 1013) }
}

/// The digits of a Python number that is not negative.
unsafe fn digits(argument: *mut Object) -> Option<impl Iterator<Item = c_long>> {
    unsafe {
        let number = PyLong_AsLong(argument);
        if !PyErr_Occurred().is_null() {
            return None;
        }
        if number < 0 {
            PyErr_SetString(PyExc_ValueError, c"negative".as_ptr());
            return None;
        }
        Some(core::iter::successors(Some(number), |n| (*n >= 10).then_some(n / 10)).map(|n| n % 10))
    }
}

unsafe extern "C" fn sum(_: *mut Object, argument: *mut Object) -> *mut Object {
    let sum = |digits| Iterator::fold(digits, 0, |sum, digit| sum + digit);
    unsafe { digits(argument).map_or(core::ptr::null_mut(), |digits| PyLong_FromLong(sum(digits))) }
}

unsafe extern "C" fn count(_: *mut Object, argument: *mut Object) -> *mut Object {
    let count = |digits| Iterator::fold(digits, 0, |count, _| count + 1);
    unsafe {
        digits(argument).map_or(core::ptr::null_mut(), |digits| {
            PyLong_FromLong(count(digits))
        })
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
