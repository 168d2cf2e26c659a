//! A module that needs no JavaScript beside it.

use arithmetic as _;
use bits as _;

/// The sum of what all commands make of a number.
#[unsafe(no_mangle)]
pub extern "C" fn sum(n: i32) -> i32 {
    let commands = registry::commands().iter();
    commands.map(|command| (command.run)(n)).sum()
}
