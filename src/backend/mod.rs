//! Finds and runs the backend linker, and relays its messages.

mod answers;
mod batches;
mod beside;
mod command;
mod diagnostics;
mod gate;
mod invocation;
mod locate;
mod lto;
mod map;
mod process;
mod relay;
mod replaced;
mod rewritten;
mod sysroot;
mod undefined;
mod wild;

pub use batches::{Batches, Sharing};
pub use command::LinkCommand;
pub use diagnostics::{GeneratedNames, NameMap, SynthesizedSymbols};
pub use gate::{EMPTY_ARCHIVE, Gate};
pub use invocation::Invocation;
pub use locate::{Backend, program};
pub use lto::{BitcodeWithEntries, Compiled, compile_bitcode};
pub use map::{InputSection, MapArrays};
pub use process::{ExitStatus, is_inside_gathered_link};
pub use rewritten::{BitcodeReplacements, RewrittenObjects};
pub use undefined::undefined_data;
