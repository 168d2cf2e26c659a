//! The full scan of an object: its entries, and what it means for other objects.

mod collect;
mod duplicate;
mod entry;
mod node;

pub use collect::Collected;
pub use entry::{Entry, EntryId, EntryRange, EntrySymbol, Origin, Role, Summary, read_again};

use self::collect::{collect, undefined_marks};
use crate::error::Result;
use crate::input::{Module, ObjectId};
use crate::survey::mark;
use crate::survey::marked::{Marks, marks};
use crate::survey::selection::Selection;
use crate::wasm::Object;
use std::sync::Arc;

/// What full scans find besides entries.
#[derive(Default)]
pub struct Findings {
    /// The marked symbols that objects reference and do not define.
    pub undefined: Vec<Undefined>,
    /// Warnings for the user.
    pub warnings: Vec<(ObjectId, String)>,
    /// Of objects with marks, the names of segments and custom sections that become entries if
    /// another object selects them.
    pub candidates: Vec<(ObjectId, Vec<Box<str>>)>,
}

impl Findings {
    /// Adds what was found in an object.
    pub fn add(&mut self, id: ObjectId, found: &mut ObjectScan) {
        let undefined = found.undefined.drain(..);
        self.undefined.extend(undefined.map(|mark| (id, mark)));
        let warnings = found.collected.warnings.drain(..);
        self.warnings.extend(warnings.map(|warning| (id, warning)));
        let candidates = std::mem::take(&mut found.collected.candidates);
        if !candidates.is_empty() {
            self.candidates.push((id, candidates));
        }
    }
}

/// The result of the full scan of an object.
pub struct ObjectScan {
    pub collected: Collected,
    /// None if the object has no entries.
    pub summary: Option<Summary>,
    /// The sections that its marks name.
    pub marked: Vec<Arc<str>>,
    /// The undefined symbols that may be marks.
    pub referred: Vec<String>,
    /// The marked symbols that it references and does not define.
    pub undefined: Vec<String>,
}

impl ObjectScan {
    /// Scans an object.
    ///
    /// # Errors
    /// A malformed object or mark.
    pub fn of(
        id: ObjectId,
        module: &Module<'_>,
        has_marks: bool,
        selection: &Selection,
    ) -> Result<Self> {
        let bytes = module.object_bytes();
        let object = Object::parse(&bytes)?;
        let marks = match has_marks {
            true => marks(&object)?,
            false => Marks::default(),
        };
        // The marks have been read; only parts of a large file are needed from here on.
        module.release();
        let marked = marks.names.names().to_vec();
        let collected = collect(id, &object, marks, selection)?;
        let undefined = object.symbols.iter().filter(|symbol| symbol.is_undefined());
        let referred = undefined
            .map(|symbol| symbol.name)
            .filter(|name| has_marks && mark::may_be_mark(name));
        let has_entries = !collected.entries.is_empty();
        let found = Self {
            marked,
            referred: referred.map(str::to_owned).collect(),
            undefined: undefined_marks(&object).map(str::to_owned).collect(),
            summary: has_entries.then(|| Summary::new(&object, &collected.entries)),
            collected,
        };
        Ok(found)
    }
}

/// An object that refers to a mark, and the mark.
pub type Undefined = (ObjectId, String);
