//! A line that says what takes long, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Work that takes less time has no line.
const DELAY: Duration = Duration::from_millis(400);
/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(150);

/// Shows `what` on standard error while `work` runs, if that is a terminal. Afterwards the line is removed.
pub fn during<T>(what: String, work: impl FnOnce() -> T) -> T {
    let (running, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(DELAY) == Err(RecvTimeoutError::Timeout) {
                let bar = line(what);
                // It fails when the other end is dropped.
                let _ = ended.recv();
                bar.finish_and_clear();
            }
        });
        let result = work();
        drop(running);
        result
    })
}

fn line(what: String) -> ProgressBar {
    // Its target is standard error, and none if that is not a terminal.
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(TICK);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_work() {
        assert_eq!(during("nothing".to_owned(), || 1), 1);
        let sleep = || std::thread::sleep(DELAY + TICK);
        assert_eq!(during("sleeping".to_owned(), || (sleep(), 2)).1, 2);
    }
}
