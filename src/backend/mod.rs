//! Finding and running the linker that does the linking, and passing on what it says.

mod alone;
mod archives;
mod call;
mod compile;
mod edited;
mod extraction;
mod find;
mod job;
mod map;
mod messages;
mod pack;
mod relay;
mod run;
mod stubs;
mod undefined;

pub use call::Call;
pub use compile::{Compiled, compile};
pub use edited::EditedObjects;
pub use find::Backend;
pub use job::Job;
pub use map::Arrays;
pub use messages::Names;
pub use run::{Ended, is_inside_gathered_link};
pub use undefined::undefined_data;
