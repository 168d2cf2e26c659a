//! What an entry leads to, for people: the texts and functions of its value, however deep they are in it.

use super::report::PointerReport;
use serde::Serialize;

/// How many are shown of an entry.
const MOST: usize = 16;

/// A text, a function or other data.
#[derive(Debug, Clone, Serialize)]
pub struct Lead {
    /// As people write it.
    pub shown: String,
    /// The same without an address.
    #[serde(skip)]
    pub what: String,
    /// Where in the entry the pointer is through which it is reached.
    pub offset: u32,
    /// The symbol that is pointed to, demangled.
    pub target: Option<String>,
}

/// All that pointers lead to, without what tells the linker the section.
pub fn leads(pointers: &[PointerReport]) -> Vec<Lead> {
    let mut leads = Vec::new();
    for pointer in pointers {
        add(pointer, pointer.offset, &mut leads);
    }
    if leads.len() > MOST {
        let more = leads.len() - (MOST - 1);
        leads.truncate(MOST - 1);
        leads.push(Lead {
            shown: format!("and {more} more"),
            what: format!("and {more} more"),
            offset: 0,
            target: None,
        });
    }
    leads
}

fn add(pointer: &PointerReport, offset: u32, leads: &mut Vec<Lead>) {
    if pointer.tells_section {
        return;
    }
    let before = leads.len();
    for inner in pointer.data.iter().flat_map(|data| &data.pointers) {
        add(inner, offset, leads);
    }
    if leads.len() == before {
        leads.push(Lead {
            shown: pointer.title(),
            what: pointer.what().unwrap_or_else(|| "data".to_owned()),
            offset,
            target: pointer.target.clone(),
        });
    }
}
