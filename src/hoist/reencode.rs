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

/// Encodes every object anew.
///
/// # Errors
/// An object that is not right.
pub fn reencode(modules: &[Module<'_>]) -> Result<Hoisted> {
    let edits = Edits {
        anew: true,
        ..Edits::default()
    };
    let mut edited = ObjectMap::default();
    for (position, module) in modules.iter().enumerate() {
        let encoded = || {
            for section in Sections::of(module.bytes)? {
                if section?.name == "linking" {
                    return EditedObject::new(&Object::parse(module.bytes)?, &edits).map(Some);
                }
            }
            Ok(None)
        };
        let encoded = encoded().map_err(|error| error.in_file(&module.name))?;
        if let Some(object) = encoded {
            edited.insert(ObjectId(position), object);
        }
    }
    Ok(Hoisted {
        object: None,
        edited,
        globals: HashMap::default(),
    })
}
