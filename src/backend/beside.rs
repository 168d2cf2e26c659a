//! Objects that are linked unconditionally, just before the input that they come from: the stand-ins of
//! `--section-keep`, and promoted objects.

use super::command::LinkCommand;
use crate::error::Result;
use crate::input::Module;
use crate::temporary::{Kind, cannot_write};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::ptr;

/// The files of promoted objects.
#[derive(Debug, Default)]
pub struct Promoted(HashMap<*const (), PathBuf>);

impl Promoted {
    /// The file of a promoted object. A rewritten object overwrites it.
    pub fn file(&self, module: &Module<'_>) -> Option<PathBuf> {
        self.0.get(&key(module)).cloned()
    }
}

fn key(module: &Module<'_>) -> *const () {
    ptr::from_ref(module).cast()
}

impl LinkCommand<'_> {
    /// Writes a promoted object to a file, and places it before its input.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn place_promoted(&mut self, module: &Module<'_>) -> Result<()> {
        let path = self.place_before(module, &module.object_bytes())?;
        self.promoted.0.insert(key(module), path);
        Ok(())
    }

    /// Writes an object to a file, and places it before the input that `module` is or is a member of. Messages
    /// show it as that.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn place_before(&mut self, module: &Module<'_>, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path(Kind::Object, Some(module.name.to_string()))?;
        fs::write(&path, bytes).map_err(|error| cannot_write(&path, &error))?;
        // Files between these options are lazy.
        let [end, start] = ["--end-lib", "--start-lib"].map(OsString::from);
        let arguments = match module.place.in_lib {
            true => vec![end, path.clone().into(), start],
            false => vec![path.clone().into()],
        };
        let before = self.edits.before.entry(module.place.argument).or_default();
        before.extend(arguments);
        Ok(path)
    }
}
