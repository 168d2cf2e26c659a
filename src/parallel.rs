//! Several cores for what does not depend on each other, where there is enough of it.

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// For fewer objects it takes longer to have threads than to do without.
const MANY_OBJECTS: usize = 2_000;
/// More threads than this wait for memory and for each other.
const MOST_THREADS: usize = 8;

/// The results of `f` for each of `items`, in their order.
pub fn map<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    let threads = (items.len() >= MANY_OBJECTS).then(threads).flatten();
    match threads {
        Some(threads) => threads.install(|| items.into_par_iter().map(f).collect()),
        None => items.into_iter().map(f).collect(),
    }
}

/// Gives the results of `f` for each of `items` to `take`, in their order and a few at a time: no more of
/// them are kept.
///
/// # Errors
/// The first that `f` or `take` fails with.
pub fn in_turn<T: Sync, R: Send, E: Send>(
    items: &[T],
    f: impl Fn(&T) -> Result<R, E> + Send + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    const AT_A_TIME: usize = 256;
    let Some(threads) = (items.len() >= MANY_OBJECTS).then(threads).flatten() else {
        return items.iter().try_for_each(|item| take(item, f(item)?));
    };
    for items in items.chunks(AT_A_TIME) {
        let results: Vec<_> = threads.install(|| items.par_iter().map(&f).collect());
        for (item, result) in items.iter().zip(results) {
            take(item, result?)?;
        }
    }
    Ok(())
}

/// The results of `a` and of `b`, which have something to do for `count` objects. Of few, however large,
/// what `a` holds is given back before `b` begins.
pub fn both<A: Send, B: Send>(
    count: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    let threads = (count >= MANY_OBJECTS).then(threads).flatten();
    match threads {
        Some(threads) => threads.install(|| rayon::join(a, b)),
        None => (a(), b()),
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
