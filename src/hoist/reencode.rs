//! The fast path off: every object is parsed and encoded anew without an edit.
//!
//! What is linked must then be what is linked of the objects themselves. That is asked for by an
//! environment variable that only our own tests know (`ci/lld-tests`): it puts all that reads and
//! writes objects to the test of inputs that have nothing to gather.

use super::{EditedObject, Hoisted};
use crate::error::Result;
use crate::hash::HashMap;
use crate::input::{Module, ObjectId, ObjectMap};
use crate::wasm::{Edits, Object, Sections};

/// The environment variable that asks, if it is `1`.
pub const VARIABLE: &str = "WASM_SECTION_LD_REENCODE";

/// Whether objects are to be encoded anew.
pub fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "1")
}

/// The objects among the inputs.
///
/// # Errors
/// An object that is not right.
pub fn objects<'a>(modules: &[Module<'a>]) -> Result<ObjectMap<Object<'a>>> {
    let mut objects = ObjectMap::default();
    for (position, module) in modules.iter().enumerate() {
        let parsed = || {
            for section in Sections::of(module.bytes)? {
                if section?.name == "linking" {
                    return Object::parse(module.bytes).map(Some);
                }
            }
            Ok(None)
        };
        let parsed = parsed().map_err(|error| error.in_file(&module.name))?;
        if let Some(object) = parsed {
            objects.insert(ObjectId(position), object);
        }
    }
    Ok(objects)
}

/// Encodes all of them anew.
pub fn reencode<'a>(objects: &'a ObjectMap<Object<'a>>) -> Hoisted<'a> {
    let edited = objects.iter().map(|(id, object)| {
        let edits = Edits {
            anew: true,
            ..Edits::default()
        };
        (id, EditedObject::new(object, edits))
    });
    Hoisted {
        object: None,
        edited: edited.collect(),
        globals: HashMap::default(),
    }
}
