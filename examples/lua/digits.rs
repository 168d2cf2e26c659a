//! A library of ours, in Rust.

#![no_std]

use core::ffi::{CStr, c_char, c_int, c_longlong};

pub enum State {}

type Function = unsafe extern "C" fn(*mut State) -> c_int;

unsafe extern "C" {
    fn luaL_checkinteger(state: *mut State, index: c_int) -> c_longlong;
    fn luaL_error(state: *mut State, format: *const c_char, ...) -> c_int;
    fn lua_createtable(state: *mut State, array: c_int, record: c_int);
    fn lua_pushinteger(state: *mut State, number: c_longlong);
    fn lua_pushcclosure(state: *mut State, function: Function, values: c_int);
    fn lua_setfield(state: *mut State, index: c_int, name: *const c_char);
}

/// A `luaL_Reg`.
#[repr(C)]
pub struct Library {
    name: *const c_char,
    open: Function,
}

// SAFETY: nothing writes to what it points to.
unsafe impl Sync for Library {}

#[allow(non_snake_case)]
mod __link_section__LUA_LIBRARIES {
    pub mod __link_order__digits {
        use super::super::{Library, open};

        #[used]
        static DIGITS: Library = Library {
            name: c"digits".as_ptr(),
            open,
        };
    }
}

unsafe extern "C" fn open(state: *mut State) -> c_int {
    unsafe {
        lua_createtable(state, 0, 1);
        lua_pushcclosure(state, sum, 0);
        lua_setfield(state, -2, c"sum".as_ptr());
    }
    1
}

unsafe extern "C" fn sum(state: *mut State) -> c_int {
    const NEGATIVE: &CStr = c"%I has no digits";
    unsafe {
        let number = luaL_checkinteger(state, 1);
        if number < 0 {
            return luaL_error(state, NEGATIVE.as_ptr(), number);
        }
        let digits = core::iter::successors(Some(number), |n| (*n >= 10).then_some(n / 10));
        lua_pushinteger(state, digits.fold(0, |sum, n| sum + n % 10));
    }
    1
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
