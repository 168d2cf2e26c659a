//! Edited objects in as few files as can be: a file for each is the dearest part of a link with many.
//!
//! Objects that stand beside each other on the command line are given in one archive that is linked whole.
//! Members of an archive are given in an archive that stands just before it, and are as lazy there.

use super::job::no_room;
use crate::error::{Error, Result};
use crate::input::{Files, Module, write_archive};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

/// How many objects are put into one file at most: so many are in memory until it is written.
const MOST: usize = 256;

/// Objects that are given to the backend at one place, in link order.
pub type Run<'r, 'a> = &'r [&'a Module<'a>];

/// Whether an object is given together with the one before.
fn is_together(module: &Module<'_>, previous: &Module<'_>, files: &Files) -> bool {
    let (first, last) = (previous.place.argument, module.place.argument);
    match (previous.is_member(), module.is_member()) {
        (true, true) => first == last,
        (false, false) => {
            let is_lazy = previous.place.in_lib || module.place.in_lib;
            !is_lazy && files.none_between(first, last)
        }
        _ => false,
    }
}

/// Parts `objects`, which are in link order, into runs.
pub fn runs<'r, 'a>(objects: &'r [&'a Module<'a>], files: &Files) -> Vec<Run<'r, 'a>> {
    let runs = objects.chunk_by(|previous, module| is_together(module, previous, files));
    let is_members = |run: &Run<'_, '_>| run.iter().any(|module| module.is_member());
    runs.flat_map(|run| match is_members(&run) {
        true => run.chunks(run.len()),
        false => run.chunks(MOST),
    })
    .collect()
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
    /// The members of the first archive of these, so far.
    members: Vec<Vec<u8>>,
}

impl Writer {
    /// Begins with nothing written of `packs`.
    pub fn new(packs: impl IntoIterator<Item = Pack>) -> Self {
        Self {
            packs: packs.into_iter().collect(),
            members: Vec::new(),
        }
    }

    /// Writes the next object.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        match self.packs.front() {
            None => return Err(Error::new("an object more than there are to be edited")),
            Some(Pack::Object(path)) => write(path, &bytes)?,
            Some(Pack::Archive(path, names)) => {
                self.members.push(bytes);
                if self.members.len() < names.len() {
                    return Ok(());
                }
                let members = std::mem::take(&mut self.members).into_iter();
                let members = names.iter().cloned().zip(members.map(Cow::Owned));
                write_archive(path, members).map_err(|error| no_room(&error))?;
            }
        }
        self.packs.pop_front();
        Ok(())
    }
}

/// Writes a file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| no_room(&error))
}
