//! What an entry refers to, as it is shown: the texts and functions at the ends of all chains of pointers.

use super::pointers::PointerReport;
use serde::Serialize;

/// How many references of an entry are shown.
const MAX_SHOWN: usize = 16;

/// A text, a function or other data.
#[derive(Debug, Clone, Serialize)]
pub struct Reference {
    /// As it is shown.
    pub shown: String,
    /// The same without an address.
    #[serde(skip)]
    pub what: String,
    /// The offset in the entry of the pointer that begins the chain.
    pub offset: u32,
    /// The symbol that is pointed to, demangled.
    pub target: Option<String>,
}

/// All that pointers refer to, except the function that marks the section for the linker.
pub fn references(pointers: &[PointerReport]) -> Vec<Reference> {
    let mut references = Vec::new();
    for pointer in pointers {
        add(pointer, pointer.offset, &mut references);
    }
    if references.len() > MAX_SHOWN {
        let more = references.len() - (MAX_SHOWN - 1);
        references.truncate(MAX_SHOWN - 1);
        references.push(Reference {
            shown: format!("and {more} more"),
            what: format!("and {more} more"),
            offset: 0,
            target: None,
        });
    }
    references
}

fn add(pointer: &PointerReport, offset: u32, references: &mut Vec<Reference>) {
    if pointer.marks_section {
        return;
    }
    let before = references.len();
    for inner in pointer.data.iter().flat_map(|data| &data.pointers) {
        add(inner, offset, references);
    }
    if references.len() == before {
        let shown = pointer.title();
        // The table of methods of `dyn Fn()` refers to its closure several times.
        let is_known = |other: &Reference| other.offset == offset && other.shown == shown;
        if pointer.closure.is_some() && references.iter().any(is_known) {
            return;
        }
        references.push(Reference {
            shown,
            what: pointer.what().unwrap_or_else(|| "data".to_owned()),
            offset,
            target: pointer.target.clone(),
        });
    }
}
