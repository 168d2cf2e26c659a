//! Which entries leave their objects, and where they go.

use super::source::Home;
use crate::input::ObjectId;
use crate::plan::Plan;
use crate::survey::{Entry, EntryId, Survey};
use std::ops::Range;

/// What becomes of the entries of a plan.
#[derive(Debug)]
pub struct Moves {
    /// For each entry of the survey.
    destinations: Vec<Destination>,
    /// The objects that entries leave, in link order.
    objects: Vec<ObjectMoves>,
}

/// Where an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// It stays where it is.
    None,
    /// It leaves its object, as another copy of its COMDAT group is in an array.
    Copy,
    /// It leaves its object, as what it points to is in an array.
    Node,
    /// It leaves its object, and is in no array.
    Discarded,
    /// To the section of that number, and this offset of it.
    At(u32, u32),
}

/// An object that entries leave, and its entries' places among those of the survey.
#[derive(Debug)]
pub(super) struct ObjectMoves {
    pub(super) id: ObjectId,
    pub(super) entries: Range<usize>,
}

impl Moves {
    /// Those of a plan.
    pub fn of(survey: &Survey<'_>, plan: &Plan) -> Self {
        let mut destinations = vec![Destination::None; survey.entries.len()];
        for id in &plan.comdat_duplicates {
            destinations[id.position()] = Destination::Copy;
        }
        for id in &plan.nodes {
            destinations[id.position()] = Destination::Node;
        }
        for id in &plan.discarded {
            destinations[id.position()] = Destination::Discarded;
        }
        for (number, section) in plan.sections.iter().enumerate() {
            for placed in &section.entries {
                destinations[placed.entry.position()] =
                    Destination::At(number as u32, placed.offset);
            }
        }
        let stays = |entry: usize| destinations[entry] == Destination::None;
        let objects = survey.by_object();
        let leaving = objects.filter(|(_, entries)| !entries.clone().all(stays));
        let leaving = leaving.map(|(id, entries)| ObjectMoves { id, entries });
        Self {
            objects: leaving.collect(),
            destinations,
        }
    }

    /// The objects that entries leave, in link order.
    pub fn edited(&self) -> impl Iterator<Item = ObjectId> {
        self.objects.iter().map(|leaving| leaving.id)
    }

    pub(super) fn objects(&self) -> &[ObjectMoves] {
        &self.objects
    }

    pub(super) fn destination(&self, entry: EntryId) -> Destination {
        self.destinations[entry.position()]
    }

    /// The sections that entries go to.
    pub(super) fn home(&self, entries: &[(EntryId, &Entry)]) -> Home {
        let destinations = entries.iter().map(|(id, _)| self.destination(*id));
        destinations.fold(Home::None, |home, destination| match destination {
            Destination::At(section, _) => home.and(section as usize),
            Destination::None | Destination::Copy | Destination::Node | Destination::Discarded => {
                home
            }
        })
    }
}
