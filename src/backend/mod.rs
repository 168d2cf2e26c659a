//! Finding and running the linker that does the linking, and passing on what it says.

mod command;
mod diagnostics;
mod invocation;
mod locate;
mod lto;
mod map;
mod process;
mod relay;
mod rewritten;
mod undefined;

pub use command::Job;
pub use diagnostics::{AddedNames, Names, SynthesizedSymbols};
pub use invocation::Call;
pub use locate::Backend;
pub use lto::{Compiled, WithEntries, compile};
pub use map::{Arrays, Part};
pub use process::{Ended, is_inside_gathered_link};
pub use rewritten::{EditedObjects, InPlaceOfBitcode};
pub use undefined::undefined_data;
