//! A line that says what takes long, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often the line is drawn. Work that takes less time draws none.
const TICK: Duration = Duration::from_millis(150);

/// Shows `what` on standard error while `work` runs, if that is a terminal. Afterwards the line is removed.
pub fn during<T>(what: String, work: impl FnOnce() -> T) -> T {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(TICK);
    let result = work();
    bar.finish_and_clear();
    result
}
