//! Archive members with the same bytes as another object. The plain link never links both.

use crate::hash::{HashMap, HashSet, RandomState};
use crate::input::{Modules, ObjectId};
use std::hash::{BuildHasher, Hash};

/// Those of `objects` that are lazy and have the same bytes as another of them that is always linked or comes first.
pub fn identical_members(
    objects: impl Iterator<Item = ObjectId>,
    modules: &Modules<'_>,
) -> HashSet<ObjectId> {
    let bytes = |id: ObjectId| modules[id].object_bytes();
    let is_always_linked = |id: ObjectId| modules[id].always_linked();
    let by_length = grouped(objects, |id| modules[id].size());
    let state = RandomState::default();
    let mut identical = HashSet::default();
    for objects in by_length.into_values() {
        if objects.len() == 1 || objects.iter().all(|id| is_always_linked(*id)) {
            continue;
        }
        // The objects of similar crates have the same length. To compare each with each takes quadratic time.
        let by_hash = grouped(objects.into_iter(), |id| state.hash_one(&*bytes(id)));
        for objects in by_hash.values() {
            for &member in objects.iter().filter(|id| !is_always_linked(**id)) {
                let counts = |&&other: &&ObjectId| {
                    other != member
                        && (is_always_linked(other)
                            || other < member && !identical.contains(&other))
                };
                let mut others = objects.iter().filter(counts);
                if others.any(|&other| *bytes(other) == *bytes(member)) {
                    identical.insert(member);
                }
            }
        }
    }
    identical
}

fn grouped<K: Eq + Hash>(
    objects: impl Iterator<Item = ObjectId>,
    key: impl Fn(ObjectId) -> K,
) -> HashMap<K, Vec<ObjectId>> {
    let mut groups: HashMap<K, Vec<ObjectId>> = HashMap::default();
    for id in objects {
        groups.entry(key(id)).or_default().push(id);
    }
    groups
}
