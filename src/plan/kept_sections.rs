//! `--section-keep`: where the kept custom sections come from.
//!
//! A kept section of an object that is always linked is in the output anyway, in link order. One of a lazy
//! object moves to a stand-in: an object that has only the section, in the place of the lazy one. So it is there
//! once and in link order, whether the object is extracted or not. A section that is tied to its object, by
//! relocations, cannot move. Its object is promoted.

use super::identical::identical_members;
use crate::args::{ArgumentIndex, CommandLine};
use crate::error::Result;
use crate::hash::HashSet;
use crate::input::{Inputs, Modules, ObjectId, ObjectMap};
use crate::survey::{Keep, KeptSections, Survey};
use crate::wasm::SectionIndex;

/// What becomes of the kept custom sections.
#[derive(Debug, Default)]
pub struct Kept {
    /// What becomes of the sections of each object.
    objects: ObjectMap<KeptHere>,
    /// In link order.
    pub stand_ins: Vec<StandIn>,
    /// The objects that are linked because of a section, in link order.
    pub promoted: Vec<ObjectId>,
}

/// What becomes of the kept sections of an object.
#[derive(Debug, Default)]
pub struct KeptHere {
    /// They leave the object.
    pub removed: Vec<SectionIndex>,
    /// They stay in the object, even if they are gathered too.
    pub stays: Vec<SectionIndex>,
    /// Those that stay and keep alive what their relocations refer to.
    pub roots: Vec<SectionIndex>,
}

/// An object with some of the custom sections of another object, just before which it is linked.
#[derive(Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The other object.
    pub object: ObjectId,
    /// The sections, in file order.
    pub sections: Vec<SectionIndex>,
}

/// The lazy objects that must be linked because a kept custom section is tied to them.
///
/// # Errors
/// A malformed object.
pub fn promoted(inputs: &Inputs<'_>, line: &CommandLine) -> Result<Vec<ObjectId>> {
    let keep = Keep::from_options(line);
    let kept = keep.sections(inputs)?;
    let identical = identical(&kept, &inputs.modules);
    let is_promoted = |(id, kept): &(ObjectId, &KeptSections)| {
        let is_tied = kept.sections.iter().any(|section| section.is_tied);
        is_tied && !inputs.modules[*id].always_linked() && !identical.contains(id)
    };
    let objects = kept.iter().filter(is_promoted);
    Ok(objects.map(|(id, _)| id).collect())
}

fn identical(kept: &ObjectMap<KeptSections>, modules: &Modules<'_>) -> HashSet<ObjectId> {
    identical_members(kept.iter().map(|(id, _)| id), modules)
}

impl Kept {
    /// Plans the kept sections of a survey.
    pub fn of(survey: &Survey<'_>, modules: &Modules<'_>) -> Self {
        let mut plan = Self::default();
        let identical = identical(&survey.kept, modules);
        // The groups whose sections have a stand-in, each with the name of the section.
        let mut groups = HashSet::default();
        for (id, kept) in survey.kept.iter() {
            let module = &modules[id];
            let is_lazy = !module.always_linked();
            let (mut here, mut moved) = (KeptHere::default(), Vec::new());
            for section in &kept.sections {
                // The backend may link any copy of a group.
                let moves = !section.is_tied && (is_lazy || section.comdat.is_some());
                if !moves {
                    here.stays.push(section.index);
                    if section.is_tied && !is_lazy {
                        here.roots.push(section.index);
                    }
                    continue;
                }
                if kept.has_symbols || !is_lazy {
                    here.removed.push(section.index);
                }
                let group = section.comdat.as_deref();
                let is_first = group.is_none_or(|group| groups.insert((group, &*section.name)));
                if is_first && !identical.contains(&id) {
                    moved.push(section.index);
                }
            }
            plan.objects.insert(id, here);
            if !moved.is_empty() {
                plan.stand_ins.push(StandIn {
                    object: id,
                    sections: moved,
                });
            }
            plan.promoted.extend(module.is_promoted().then_some(id));
        }
        plan
    }

    /// What becomes of the sections of an object; `None` if it has none.
    pub fn here(&self, object: ObjectId) -> Option<&KeptHere> {
        self.objects.get(object)
    }

    /// The objects that are rewritten, in link order.
    pub fn rewritten(&self) -> impl Iterator<Item = ObjectId> {
        let changes = |here: &KeptHere| !here.removed.is_empty() || !here.roots.is_empty();
        let objects = self.objects.iter().filter(move |(_, here)| changes(here));
        objects.map(|(object, _)| object)
    }

    /// The inputs just before which stand-ins and promoted objects are linked.
    pub fn places(&self, modules: &Modules<'_>) -> HashSet<ArgumentIndex> {
        let stand_ins = self.stand_ins.iter().map(|stand_in| stand_in.object);
        let objects = stand_ins.chain(self.promoted.iter().copied());
        objects.map(|id| modules[id].place.argument).collect()
    }

    /// Whether the link is the plain one.
    pub fn is_empty(&self) -> bool {
        self.rewritten().next().is_none() && self.stand_ins.is_empty() && self.promoted.is_empty()
    }
}
