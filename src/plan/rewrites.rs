//! Which objects are rewritten, and what becomes of each of their entries.

use super::Plan;
use crate::input::ObjectId;
use crate::survey::{EntryId, EntryRange, Survey};

/// The objects that a plan rewrites.
#[derive(Debug)]
pub struct Rewrites {
    /// For each entry of the survey.
    dispositions: Vec<Disposition>,
    /// In link order.
    objects: Vec<ObjectRewrite>,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It stays in its object.
    Stays,
    /// It is removed from its object: another copy of its COMDAT group is in an array.
    Duplicate,
    /// It is removed from its object: what it points to is in an array.
    Node,
    /// It is removed from its object, and is in no array: `/DISCARD/` of a script.
    Discarded,
    /// It moves into an array.
    Placed {
        /// The array's position in [`Plan::sections`].
        section: u32,
        /// In bytes from the beginning of the array.
        offset: u32,
    },
}

/// An object that entries are removed from.
#[derive(Debug)]
pub struct ObjectRewrite {
    /// The object.
    pub object: ObjectId,
    /// Its entries.
    entries: EntryRange,
}

impl Rewrites {
    /// The objects that `plan` rewrites.
    pub fn of(survey: &Survey<'_>, plan: &Plan) -> Self {
        let mut dispositions = vec![Disposition::Stays; survey.entries.len()];
        for id in &plan.comdat_duplicates {
            dispositions[id.position()] = Disposition::Duplicate;
        }
        for id in &plan.nodes {
            dispositions[id.position()] = Disposition::Node;
        }
        for id in &plan.discarded {
            dispositions[id.position()] = Disposition::Discarded;
        }
        for (section, planned) in plan.sections.iter().enumerate() {
            for placed in &planned.entries {
                dispositions[placed.entry.position()] = Disposition::Placed {
                    section: section as u32,
                    offset: placed.offset,
                };
            }
        }
        let stays = |entry: EntryId| dispositions[entry.position()] == Disposition::Stays;
        let rewritten = survey
            .by_object()
            .filter(|(_, entries)| !entries.ids().all(stays))
            .map(|(object, entries)| ObjectRewrite { object, entries });
        let mut objects: Vec<_> = rewritten.collect();
        let kept = plan.kept.rewritten();
        let without_entries = kept.filter(|object| {
            let found = objects.binary_search_by_key(object, |one| one.object);
            found.is_err()
        });
        let without_entries: Vec<_> = without_entries.collect();
        if !without_entries.is_empty() {
            let without_entries = without_entries.into_iter();
            objects.extend(without_entries.map(|object| ObjectRewrite {
                object,
                entries: EntryRange::default(),
            }));
            objects.sort_by_key(|one| one.object);
        }
        Self {
            objects,
            dispositions,
        }
    }

    /// The objects, in link order.
    pub fn objects(&self) -> &[ObjectRewrite] {
        &self.objects
    }

    /// The entries that are removed from an object, in link order.
    pub fn removed(
        &self,
        object: &ObjectRewrite,
    ) -> impl Iterator<Item = (EntryId, Disposition)> + '_ {
        object
            .entries
            .ids()
            .map(|id| (id, self.dispositions[id.position()]))
            .filter(|(_, disposition)| *disposition != Disposition::Stays)
    }

    /// The position in [`Plan::sections`] of the one array that all placed entries of an object are in.
    /// `None` if they are in several or in none.
    pub fn only_section(&self, object: &ObjectRewrite) -> Option<usize> {
        let dispositions = self.removed(object).map(|(_, disposition)| disposition);
        let mut sections = dispositions.filter_map(|disposition| match disposition {
            Disposition::Placed { section, .. } => Some(section as usize),
            _ => None,
        });
        let first = sections.next()?;
        sections.all(|section| section == first).then_some(first)
    }
}
