//! The stand-ins of `--section-keep`.

use crate::error::Result;
use crate::input::Modules;
use crate::plan::StandIn;
use crate::wasm::{Object, stub};
use std::collections::BTreeSet;

/// The bytes of a stand-in: an object without symbols, for the same memory, with the sections as they are.
///
/// # Errors
/// A malformed object, or one that has changed since the survey.
pub fn stand_in(modules: &Modules<'_>, stand_in: &StandIn) -> Result<Vec<u8>> {
    let module = &modules[stand_in.object];
    let bytes = module.object_bytes();
    let object = Object::parse(&bytes).map_err(|error| error.in_file(&module.name))?;
    let mut stub = stub(object.memory64, &[], &BTreeSet::new());
    for section in &stand_in.sections {
        let section = object.sections.get(section.position());
        let range = section.map(|section| section.range.clone());
        stub.extend_from_slice(range.and_then(|range| bytes.get(range)).unwrap_or_default());
    }
    Ok(stub)
}
