//! Edited objects in one file: an archive that is linked whole. A file for each is the dearest part of a
//! link with many.
//!
//! In it are objects that stand beside each other on the command line, and members of several archives if
//! nothing but archives is between those. What the first of these offers then comes after the members of
//! the second, and not before. That makes no difference but for what they define weakly, which another
//! definition may override, and for the order of constructors: members that have any stay where they are.

use super::job::no_room;
use crate::args::ArgumentIndex;
use crate::error::{Error, Result};
use crate::input::{Files, Module};
use ar::{GnuBuilder, Header};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An object that is to be edited.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The original.
    pub module: &'a Module<'a>,
    /// Whether it counts what is linked before it.
    pub order_counts: bool,
}

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
        let [last, object] = pair else {
            continue;
        };
        let between = Slot::of(object.module).after(Slot::of(last.module), files);
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
pub enum Pack {
    /// An object.
    Object(PathBuf),
    /// An archive of objects, under these names.
    Archive(PathBuf, Vec<String>),
}

/// Writes files, object by object as they come.
pub struct Writer {
    packs: VecDeque<Pack>,
    /// The archive that is being written.
    open: Option<Open>,
}

struct Open {
    archive: GnuBuilder<BufWriter<File>>,
    /// Of the members that are to come.
    names: std::vec::IntoIter<String>,
}

impl Writer {
    /// Begins with nothing written of `packs`.
    pub fn new(packs: impl IntoIterator<Item = Pack>) -> Self {
        Self {
            packs: packs.into_iter().collect(),
            open: None,
        }
    }

    /// Writes the next object.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => match self.packs.pop_front() {
                Some(Pack::Object(path)) => return write(&path, bytes),
                Some(Pack::Archive(path, names)) => Open::new(&path, names)?,
                None => return Err(Error::new("an object more than there are to be edited")),
            },
        };
        self.open = open.append(bytes)?;
        Ok(())
    }
}

impl Open {
    fn new(path: &Path, names: Vec<String>) -> Result<Self> {
        let identifiers = names.iter().map(|name| name.clone().into_bytes()).collect();
        let file = File::create(path).map_err(|error| no_room(&error))?;
        Ok(Self {
            archive: GnuBuilder::new(BufWriter::new(file), identifiers),
            names: names.into_iter(),
        })
    }

    /// Adds a member; nothing is open after the last.
    fn append(mut self, bytes: &[u8]) -> Result<Option<Self>> {
        let name = self.names.next().unwrap_or_default().into_bytes();
        let header = Header::new(name, bytes.len() as u64);
        let written = self.archive.append(&header, bytes);
        written.map_err(|error| no_room(&error))?;
        if self.names.len() > 0 {
            return Ok(Some(self));
        }
        let flushed = self.archive.into_inner().and_then(|mut file| file.flush());
        flushed.map_err(|error| no_room(&error))?;
        Ok(None)
    }
}

/// Writes a file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| no_room(&error))
}
