//! Runs a number through the plugins in order.
#![no_std]

use plugins as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(no_mangle)]
pub extern "C" fn through_all(n: i32) -> i32 {
    registry::plugins().iter().fold(n, |n, plugin| (plugin.run)(n))
}

#[unsafe(no_mangle)]
pub extern "C" fn with_key() -> usize {
    registry::plugins_with_key().len()
}
