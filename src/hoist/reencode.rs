//! The fast path off: every object is parsed and encoded anew without an edit.
//!
//! What is linked must then be what is linked of the objects themselves. That is asked for by an
//! environment variable that only our own tests know (`ci/lld-tests`): it puts all that reads and
//! writes objects to the test of inputs that have nothing to gather.

use crate::error::Result;
use crate::input::{Module, ObjectId};
use crate::wasm::{Edits, Object, Sections};

/// The environment variable that asks, if it is `1`.
pub const VARIABLE: &str = "WASM_SECTION_LD_REENCODE";

/// Whether objects are to be encoded anew.
pub fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "1")
}

/// What is to be edited: all objects among the inputs.
///
/// # Errors
/// A module that is not right.
pub fn edited(modules: &[Module<'_>]) -> Result<Vec<ObjectId>> {
    let mut edited = Vec::new();
    for (position, module) in modules.iter().enumerate() {
        let is_object = is_object(module).map_err(|error| error.in_file(&module.name))?;
        edited.extend(is_object.then_some(ObjectId(position)));
    }
    Ok(edited)
}

fn is_object(module: &Module<'_>) -> Result<bool> {
    for section in Sections::of(&module.load()?)? {
        if section?.name == "linking" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An object, encoded anew.
///
/// # Errors
/// It is not right.
pub fn reencode(module: &Module<'_>) -> Result<Vec<u8>> {
    let edits = Edits {
        reencode: true,
        ..Edits::default()
    };
    let bytes = module.load()?;
    let encoded = Object::parse(&bytes).and_then(|object| edits.apply(&object));
    encoded.map_err(|error| error.in_file(&module.name))
}
