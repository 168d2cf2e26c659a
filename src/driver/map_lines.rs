//! The lines of a link map for the arrays: the input sections of their entries.

use crate::backend::{InputSection, MapArrays};
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::Modules;
use crate::plan::{Plan, items};
use crate::survey::{EntryId, Origin, Survey, read_again};

/// The input sections of the arrays of a plan.
///
/// # Errors
/// An object with malformed relocations.
pub fn arrays(survey: &Survey<'_>, plan: &Plan, modules: &Modules<'_>) -> Result<MapArrays> {
    let names = segment_names(survey, modules)?;
    let mut arrays = Vec::with_capacity(plan.sections.len());
    for section in &plan.sections {
        let parts = items(survey, modules, section)?.into_iter().map(|item| {
            let entry = &survey[item.entry];
            let name = names.get(&item.entry).map(String::as_str);
            let file = &modules[entry.object].name;
            InputSection {
                offset: item.offset.into(),
                size: item.size.into(),
                input: format!("{file}:({})", name.unwrap_or(survey.section(entry))),
            }
        });
        arrays.push((section.name.clone(), parts.collect()));
    }
    Ok(MapArrays::new(arrays))
}

/// The segment names of symbol entries. The map shows other entries with the name of their section.
fn segment_names(survey: &Survey<'_>, modules: &Modules<'_>) -> Result<HashMap<EntryId, String>> {
    let mut names = HashMap::default();
    for (object, range) in survey.by_object() {
        let module = &modules[object];
        let mut read_names = || {
            let bytes = module.object_bytes();
            let object = read_again(&bytes, range.ids().map(|id| &survey[id]))?;
            for id in range.ids() {
                if let Origin::Symbol(segment, _) = survey[id].origin {
                    names.insert(id, object.segment(segment).name.to_owned());
                }
            }
            Ok(())
        };
        read_names().map_err(|error: Error| error.in_file(&module.name))?;
    }
    Ok(names)
}
