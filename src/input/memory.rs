//! Inputs in memory, for who links without files.

use super::{Bytes, Inputs, Module, Name, ObjectId, Place, Provenance, archive, foreign::Format};
use crate::args::ArgumentIndex;
use crate::error::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl<'a> Inputs<'a> {
    /// Adds an object after all other inputs. It is always linked.
    pub fn add_object(&mut self, name: impl AsRef<Path>, bytes: &'a [u8]) -> ObjectId {
        let name = Name::new(name.as_ref().into(), None);
        self.add(name, bytes, Place::at(self.next()), Provenance::File)
    }

    /// Adds the members of an archive after all other inputs. They are linked where something refers to them,
    /// or always with `whole` (`--whole-archive`). Members that are no WebAssembly objects are left out.
    ///
    /// # Errors
    /// An archive that is malformed, or thin.
    pub fn add_archive(
        &mut self,
        name: impl Into<PathBuf>,
        bytes: &'a [u8],
        whole: bool,
    ) -> Result<()> {
        let path: Arc<Path> = name.into().into();
        let mut place = Place::at(self.next());
        place.whole_archive = whole;
        for member in archive::members(&path, bytes)? {
            if let archive::Content::Inside(bytes) = member.content
                && Format::of(bytes) == Format::Module
            {
                let name = Name::new(path.clone(), Some(member.name));
                self.add(name, bytes, place, Provenance::Member);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: Name, bytes: &'a [u8], place: Place, of: Provenance) -> ObjectId {
        self.modules.push(Module {
            name,
            bytes: Bytes::Here(bytes),
            place,
            provenance: of,
        });
        ObjectId(self.modules.len() - 1)
    }

    /// The place after all other inputs.
    fn next(&self) -> ArgumentIndex {
        let last = self.modules.last();
        last.map_or(ArgumentIndex::FIRST, |module| module.place.argument.next())
    }
}
