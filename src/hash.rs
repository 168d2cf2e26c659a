//! Hash tables for names and indices. Their hash is seeded anew in each run and several times as fast
//! as the standard library's; nothing depends on the order of what is in them.

use foldhash::fast::RandomState;

/// A map.
pub type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A set.
pub type HashSet<T> = std::collections::HashSet<T, RandomState>;
