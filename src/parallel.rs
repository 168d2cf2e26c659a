//! Several cores for what does not depend on each other, where there is enough of it.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// For fewer objects it takes longer to have threads than to do without.
const MANY_OBJECTS: usize = 2_000;
/// More threads than this wait for memory and for each other.
const MOST_THREADS: usize = 8;

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
        let pool = ThreadPoolBuilder::new().num_threads(cores.min(MOST_THREADS));
        pool.build().ok().filter(|_| cores > 1)
    });
    threads.as_ref()
}
