//! Archive members with the same bytes as another object. The plain link never links both.

use crate::hash::{HashMap, HashSet};
use crate::input::{Modules, ObjectId};
use std::hash::Hash;

/// Those of `objects`, which are in link order, that are lazy and have the same bytes as another of them that is always
/// linked or comes first.
pub fn identical_members(
    objects: impl Iterator<Item = ObjectId>,
    modules: &Modules<'_>,
) -> HashSet<ObjectId> {
    let is_always_linked = |id: &ObjectId| modules[*id].always_linked();
    let by_length = grouped(objects, |id| modules[id].size());
    let mut identical = HashSet::default();
    for objects in by_length.into_values() {
        if objects.len() == 1 || objects.iter().all(is_always_linked) {
            continue;
        }
        // By hash: the objects of similar crates have the same length, and there may be thousands.
        for objects in grouped(objects.into_iter(), |id| modules[id].contents()).into_values() {
            let is_linked = objects.iter().any(is_always_linked);
            let members = objects.into_iter().filter(|id| !is_always_linked(id));
            identical.extend(members.skip(usize::from(!is_linked)));
        }
    }
    identical
}

/// The objects by a key, each group in link order.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Data, TestLink, object};

    #[test]
    fn one_of_the_same_bytes_stays_linked() {
        let (one, other) = (
            object(&[Data::new("A", "a")], &[]),
            object(&[Data::new("A", "b")], &[]),
        );
        let found = |names: [&str; 4]| {
            let objects = [&one, &other, &one, &one].map(Vec::clone);
            let objects: Vec<_> = names.into_iter().zip(objects).collect();
            let test = TestLink::new(&["--gather=A"], &objects);
            let survey = test.survey();
            let ids = survey.objects.iter().map(|(id, _)| id);
            let identical = identical_members(ids, &test.inputs.modules);
            [0, 1, 2, 3].map(|id| identical.contains(&ObjectId::for_test(id)))
        };
        let lazy = ["1.a(m.o)", "2.a(m.o)", "3.a(m.o)", "4.a(m.o)"];
        assert_eq!(found(lazy), [false, false, true, true]);
        let with_file = ["1.a(m.o)", "2.a(m.o)", "3.a(m.o)", "m.o"];
        assert_eq!(found(with_file), [true, false, true, false]);
        assert_eq!(found(["1.o", "2.o", "3.o", "4.o"]), [false; 4]);
    }
}
