//! Edited objects in one file: an archive that is linked whole. A file for each is the dearest part of a
//! link with many.
//!
//! In it are objects that stand beside each other on the command line, and members of several archives if
//! nothing but archives is between those. Of a member of the second, what the first offers is not seen
//! before it any more. That makes no difference but for what it defines weakly, which another definition
//! would override that was taken from the first: such a member stays where it is.
//!
//! What is a file of its own is alive for the backend's garbage collection, and what is in an archive
//! only if something refers to it (up to LLVM 18). That matters for constructors and for segments that
//! are retained, so an object that has any is not packed.

use crate::args::ArgumentIndex;
use crate::hoist::EditedObject;
use crate::input::{Files, Module};
use ar::{GnuBuilder, Header};
use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

/// Objects that are given to the backend at one place, in link order, with the originals.
pub type Run<'a> = Vec<(&'a Module<'a>, &'a EditedObject)>;

/// Where an object is put.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Before an argument: the archive that the original is in.
    Before(ArgumentIndex),
    /// In place of an argument: the original.
    InPlaceOf(ArgumentIndex),
}

impl Slot {
    fn of(module: &Module<'_>) -> Self {
        match module.is_member() {
            true => Self::Before(module.place.argument),
            false => Self::InPlaceOf(module.place.argument),
        }
    }

    /// Whether `object`, which is put there, may be put where `previous` is.
    fn follows(self, previous: Self, object: &EditedObject, files: &Files) -> bool {
        match (previous, self) {
            (Self::Before(first), Self::Before(last)) if first == last => true,
            (Self::Before(first) | Self::InPlaceOf(first), Self::Before(last)) => {
                let ahead = !object.defines_weak && files.only_archives_between(first, last);
                ahead || matches!(previous, Self::InPlaceOf(_)) && files.none_between(first, last)
            }
            (Self::InPlaceOf(first), Self::InPlaceOf(last)) => files.none_between(first, last),
            (Self::Before(_), Self::InPlaceOf(_)) => false,
        }
    }
}

/// Parts `objects`, which are in link order, into runs. Those that may not be packed are alone.
pub fn runs<'a>(
    objects: Run<'a>,
    files: &Files,
    may_pack: impl Fn(&EditedObject) -> bool,
) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    // Where the run ends, if it may go on.
    let mut end: Option<Slot> = None;
    for (module, object) in objects {
        let slot = Slot::of(module);
        let packs = may_pack(object);
        let goes_on = packs && end.is_some_and(|end| slot.follows(end, object, files));
        match runs.last_mut().filter(|_| goes_on) {
            Some(run) => run.push((module, object)),
            None => runs.push(vec![(module, object)]),
        }
        end = packs.then_some(slot);
    }
    runs
}

/// Writes an archive of `members`, each a name and its bytes.
pub fn write(path: &Path, members: &[(String, &[u8])]) -> Result<()> {
    let names = members.iter().map(|(name, _)| name.clone().into_bytes());
    let file = BufWriter::new(File::create(path)?);
    let mut archive = GnuBuilder::new(file, names.collect());
    for (name, bytes) in members {
        let header = Header::new(name.clone().into_bytes(), bytes.len() as u64);
        archive.append(&header, *bytes)?;
    }
    archive.into_inner()?.flush()
}
