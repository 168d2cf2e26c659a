//! Edited objects in one file: an archive that is linked whole. A file for each is the dearest part of a
//! link with many.
//!
//! In it are objects that stand beside each other on the command line, and members of several archives if
//! nothing but archives is between those. What the first of these offers then comes after the members of
//! the second, and not before. That makes no difference but for what they define weakly, which another
//! definition may override, and for the order of constructors: members that have any stay where they are.

use super::job::no_room;
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::hoist::EditedObject;
use crate::input::{Files, Module};
use crate::parallel;
use ar::{GnuBuilder, Header};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An edited object, with the original.
pub type Placed<'a> = (&'a Module<'a>, &'a EditedObject<'a>);

/// Objects that are given to the backend at one place, in link order.
pub type Run<'a> = &'a [Placed<'a>];

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

    /// What is between this and the slot of the object before.
    fn after(self, previous: Self, files: &Files) -> Between {
        let (Self::Before(first) | Self::InPlaceOf(first)) = previous;
        let (Self::Before(last) | Self::InPlaceOf(last)) = self;
        let from_archive = matches!(previous, Self::Before(_));
        match self {
            _ if first == last => Between::Nothing,
            _ if !from_archive && files.none_between(first, last) => Between::Nothing,
            Self::Before(_) if files.only_archives_between(first, last) => Between::Archives,
            _ => Between::Objects,
        }
    }
}

/// What is between two slots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    /// Only what is linked if something refers to it.
    Archives,
    Objects,
}

/// Parts `objects`, which are in link order, into runs.
pub fn runs<'a>(objects: &'a [Placed<'a>], files: &Files) -> Vec<Run<'a>> {
    let mut runs = Vec::new();
    let mut start = 0;
    // Whether there are archives between the first and the last of the run.
    let mut is_ahead = false;
    for (end, pair) in (1..).zip(objects.windows(2)) {
        let [(last, _), (module, object)] = pair else {
            continue;
        };
        let between = Slot::of(module).after(Slot::of(last), files);
        is_ahead |= between == Between::Archives;
        if between == Between::Objects || is_ahead && object.order_counts {
            runs.push(&objects[start..end]);
            start = end;
            is_ahead = false;
        }
    }
    if start < objects.len() {
        runs.push(&objects[start..]);
    }
    runs
}

/// A file to be written.
#[derive(Debug)]
pub enum Pack<'a> {
    /// An object.
    Object(PathBuf, &'a Module<'a>, &'a EditedObject<'a>),
    /// An archive of objects, under these names.
    Archive(PathBuf, Vec<String>, Run<'a>),
}

impl Pack<'_> {
    /// Writes it: each object when it has been encoded, so that they are never all in memory.
    ///
    /// # Errors
    /// An object that cannot be edited so, or a file that cannot be written.
    pub fn write(&self) -> Result<()> {
        let (path, names, run) = match self {
            Self::Object(path, module, object) => return write(path, &bytes(module, object)?),
            Self::Archive(path, names, run) => (path, names, run),
        };
        let identifiers = names.iter().map(|name| name.clone().into_bytes()).collect();
        let file = File::create(path).map_err(|error| no_room(&error))?;
        let mut archive = GnuBuilder::new(BufWriter::new(file), identifiers);
        let mut names = names.iter();
        parallel::in_turn(
            run,
            |(module, object)| bytes(module, object),
            |_, bytes| {
                let name = names.next().cloned().unwrap_or_default();
                let header = Header::new(name.into_bytes(), bytes.len() as u64);
                let written = archive.append(&header, &bytes[..]);
                written.map_err(|error| no_room(&error))
            },
        )?;
        let flushed = archive.into_inner().and_then(|mut file| file.flush());
        flushed.map_err(|error| no_room(&error))
    }
}

/// An object after its edits.
///
/// # Errors
/// It cannot be edited so.
pub fn bytes(module: &Module<'_>, object: &EditedObject<'_>) -> Result<Vec<u8>> {
    let bytes = object.bytes();
    bytes.map_err(|error| error.in_file(&module.name))
}

/// Writes a file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| no_room(&error))
}
