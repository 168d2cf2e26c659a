//! Several cores for what does not depend on each other, where there is enough of it.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

/// For fewer objects it takes longer to have threads than to do without.
const MANY_OBJECTS: usize = 2_000;
/// More threads than this wait for memory and for each other.
const MOST_THREADS: usize = 8;

/// The threads that a link may use. They start when they are first needed, and clones share them.
#[derive(Debug, Clone)]
pub struct Threads(Arc<Lazy>);

#[derive(Debug)]
struct Lazy {
    most: usize,
    pool: OnceLock<Option<ThreadPool>>,
}

impl Default for Threads {
    /// As many as there are cores, up to eight.
    fn default() -> Self {
        Self::at_most(NonZeroUsize::MAX)
    }
}

impl Threads {
    /// No more than `limit` threads, nor more than [`Threads::default`] allows.
    pub fn at_most(limit: NonZeroUsize) -> Self {
        Self(Arc::new(Lazy {
            most: limit.get().min(MOST_THREADS),
            pool: OnceLock::new(),
        }))
    }

    /// Those to use for `count` objects: several threads for many objects, else the caller's own.
    pub fn for_objects(&self, count: usize) -> Cores<'_> {
        Cores((count >= MANY_OBJECTS).then(|| self.pool()).flatten())
    }

    /// The threads, unless there is one core only or the system gives us none.
    fn pool(&self) -> Option<&ThreadPool> {
        let Lazy { most, pool } = &*self.0;
        let pool = pool.get_or_init(|| {
            let cores = available_parallelism().map_or(1, usize::from);
            let cores = cores.min(*most);
            let pool = (cores > 1).then(|| ThreadPoolBuilder::new().num_threads(cores));
            pool.and_then(|pool| pool.build().ok())
        });
        pool.as_ref()
    }
}

/// The threads to use for some objects; none if the caller's own is enough.
#[derive(Debug, Clone, Copy)]
pub struct Cores<'t>(Option<&'t ThreadPool>);

impl Cores<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_errors_are_the_first() {
        let threads = Threads::default();
        for count in [3, MANY_OBJECTS + 1] {
            let cores = threads.for_objects(count);
            let doubled = cores.map(0..count, |number| 2 * number);
            assert!(doubled.into_iter().eq((0..count).map(|number| 2 * number)));
            let odd = |number: usize| if number % 2 == 1 { Err(number) } else { Ok(()) };
            assert_eq!(cores.try_map(0..count, odd), Err(1));
        }
    }

    #[test]
    fn one_thread_is_the_callers_own() {
        let threads = Threads::at_most(NonZeroUsize::MIN);
        assert!(threads.for_objects(MANY_OBJECTS).0.is_none());
        assert_eq!(threads.for_objects(MANY_OBJECTS).at_a_time(), 1);
    }
}
