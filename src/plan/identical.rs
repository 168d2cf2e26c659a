//! Archive members with the same bytes as another object. The plain link never links both.

use crate::hash::{HashMap, HashSet};
use crate::input::{Modules, ObjectId};

/// Those of `objects` that are lazy and have the same bytes as another of them that is always linked or comes first.
pub fn identical_members(
    objects: impl Iterator<Item = ObjectId>,
    modules: &Modules<'_>,
) -> HashSet<ObjectId> {
    let bytes = |id: ObjectId| modules[id].load().unwrap_or_default();
    let mut by_length: HashMap<usize, Vec<ObjectId>> = HashMap::default();
    for id in objects {
        by_length.entry(modules[id].size()).or_default().push(id);
    }
    let mut identical = HashSet::default();
    for objects in by_length.values().filter(|objects| objects.len() > 1) {
        let always = |id: ObjectId| modules[id].always_linked();
        for &member in objects.iter().filter(|id| !always(**id)) {
            let counts = |&&other: &&ObjectId| {
                other != member && (always(other) || other < member && !identical.contains(&other))
            };
            if objects
                .iter()
                .filter(counts)
                .any(|&other| *bytes(other) == *bytes(member))
            {
                identical.insert(member);
            }
        }
    }
    identical
}
