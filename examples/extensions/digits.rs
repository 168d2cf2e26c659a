//! An extension in Rust.

#![no_std]

use core::ffi::{CStr, c_char, c_int};

#[repr(C)]
pub struct Extension {
    feature: *const c_char,
    init: unsafe extern "C" fn(),
}

// SAFETY: nothing writes to what it points to.
unsafe impl Sync for Extension {}

#[repr(C)]
pub struct Object {
    link: *mut Object,
    number: c_int,
    text: [c_char; 40],
}

type Method = unsafe extern "C" fn(*mut Object) -> *mut Object;

unsafe extern "C" {
    fn new_number(number: c_int) -> *mut Object;
    fn define_method(module: *const c_char, name: *const c_char, call: Method);
    fn raise(message: *const c_char, detail: *const c_char) -> !;
}

#[allow(non_snake_case)]
mod __link_section__EXTENSIONS {
    #[used]
    static DIGITS: super::Extension = super::Extension {
        feature: c"digits".as_ptr(),
        init: super::init,
    };
}

/// The objects of these calls, which nothing else keeps: how often, and the sum of all.
static mut KEPT: [*mut Object; 2] = [core::ptr::null_mut(); 2];

unsafe extern "C" fn init() {
    unsafe {
        KEPT = [new_number(0), new_number(0)];
        define(c"sum", sum);
        define(c"calls", calls);
        define(c"total", total);
    }
}

unsafe fn define(name: &CStr, call: Method) {
    unsafe { define_method(c"digits".as_ptr(), name.as_ptr(), call) }
}

unsafe extern "C" fn sum(argument: *mut Object) -> *mut Object {
    unsafe {
        let number = (*argument).number;
        if number < 0 {
            raise(c"negative".as_ptr(), c"".as_ptr());
        }
        let digits = core::iter::successors(Some(number), |n| (*n >= 10).then_some(n / 10));
        let sum = digits.fold(0, |sum, n| sum + n % 10);
        (*KEPT[0]).number += 1;
        (*KEPT[1]).number += sum;
        new_number(sum)
    }
}

unsafe extern "C" fn calls(_: *mut Object) -> *mut Object {
    unsafe { KEPT[0] }
}

unsafe extern "C" fn total(_: *mut Object) -> *mut Object {
    unsafe { KEPT[1] }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
