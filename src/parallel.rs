//! Several cores for what does not depend on each other, where there is enough of it.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ffi::OsStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// For fewer objects it takes longer to have threads than to do without.
const MANY_OBJECTS: usize = 2_000;
/// More threads than this wait for memory and for each other.
const MOST_THREADS: usize = 8;

/// As many as the user wants.
static LIMIT: AtomicUsize = AtomicUsize::new(MOST_THREADS);

/// Uses no more threads than `--threads` says, if it says a number. What is none the backend reports.
pub fn limit(threads: &OsStr) {
    let number = threads.to_str().and_then(|text| text.parse().ok());
    if let Some(number) = number.filter(|&number| number > 0) {
        LIMIT.store(number, Ordering::Relaxed);
    }
}

/// Whether so many objects are worth several cores, and more than should be in memory at once.
pub fn are_many(objects: usize) -> bool {
    objects >= MANY_OBJECTS
}

/// The cores to use for some objects.
#[derive(Clone, Copy)]
pub struct Cores(Option<&'static ThreadPool>);

impl Cores {
    /// Those for `count` objects: several for many.
    pub fn for_objects(count: usize) -> Self {
        Self(are_many(count).then(threads).flatten())
    }

    /// How many objects should be in memory at once: of few each may be large.
    pub fn at_a_time(self) -> usize {
        const OF_MANY: usize = 128;
        self.0.map_or(1, |_| OF_MANY)
    }

    /// The results of `f` for each of `items`, in their order.
    pub fn map<T: Send, R: Send>(
        self,
        items: impl IntoIterator<Item = T>,
        f: impl Fn(T) -> R + Send + Sync,
    ) -> Vec<R> {
        let items = items.into_iter();
        match self.0 {
            Some(threads) => {
                let items: Vec<T> = items.collect();
                threads.install(|| items.into_par_iter().map(f).collect())
            }
            None => items.map(f).collect(),
        }
    }

    /// The same where `f` may fail, with the first error.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn try_map<T: Send, R: Send, E: Send>(
        self,
        items: impl IntoIterator<Item = T>,
        f: impl Fn(T) -> Result<R, E> + Send + Sync,
    ) -> Result<Vec<R>, E> {
        self.map(items, f).into_iter().collect()
    }
}

/// The threads, unless there is one core only or the system gives us none.
fn threads() -> Option<&'static ThreadPool> {
    static THREADS: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let threads = THREADS.get_or_init(|| {
        let cores = available_parallelism().map_or(1, usize::from);
        let limit = LIMIT.load(Ordering::Relaxed).min(MOST_THREADS);
        let cores = cores.min(limit);
        let pool = (cores > 1).then(|| ThreadPoolBuilder::new().num_threads(cores));
        pool.and_then(|pool| pool.build().ok())
    });
    threads.as_ref()
}
