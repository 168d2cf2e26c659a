//! Compares the content of two entries, independently of their addresses.

use super::pointers::{DataReport, PointerReport};
use super::report::EntryReport;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many differences of an entry are shown.
const MAX_CHANGES: usize = 8;
/// How many bytes of a difference are shown.
const MAX_BYTES: usize = 16;

/// A part that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The offset in the entry. If the difference is in data that a pointer at that offset refers to, the offset in
    /// that data follows, and so on.
    pub at: Vec<u32>,
    /// The old content, as it is shown.
    pub old: String,
    /// The new content, as it is shown.
    pub new: String,
}

/// The differences. What only one of the two manifests has does not count.
pub fn changes(old: &EntryReport, new: &EntryReport) -> Vec<Change> {
    let mut comparison = Comparison::default();
    comparison.data(&Data::of(old), &Data::of(new));
    comparison.changes
}

/// Bytes with pointers.
struct Data<'r> {
    size: u32,
    content: Option<&'r [u8]>,
    pointers: &'r [PointerReport],
}

impl<'r> Data<'r> {
    fn of(entry: &'r EntryReport) -> Self {
        Self {
            size: entry.size,
            content: entry.content.as_deref(),
            pointers: &entry.pointers,
        }
    }

    fn referred_to(data: &'r DataReport) -> Self {
        Self {
            size: data.size,
            content: data.content.as_deref(),
            pointers: &data.pointers,
        }
    }
}

#[derive(Default)]
struct Comparison {
    /// The path of offsets to the data that is being compared.
    at: Vec<u32>,
    changes: Vec<Change>,
}

impl Comparison {
    fn data(&mut self, old: &Data<'_>, new: &Data<'_>) {
        if old.size != new.size {
            let size = |data: &Data<'_>| format!("{} bytes", data.size);
            self.change(0, size(old), size(new));
        }
        fn by_offset(pointers: &[PointerReport]) -> BTreeMap<u32, &PointerReport> {
            let pointers = pointers.iter();
            pointers.map(|pointer| (pointer.offset, pointer)).collect()
        }
        let (before, after) = (by_offset(old.pointers), by_offset(new.pointers));
        let offsets: BTreeSet<u32> = before.keys().chain(after.keys()).copied().collect();
        for offset in offsets {
            match (before.get(&offset), after.get(&offset)) {
                (Some(old), Some(new)) => self.pointer(old, new),
                (old, new) => {
                    let title = |pointer: Option<&&PointerReport>| {
                        pointer.map_or("no address".to_owned(), |pointer| what(pointer))
                    };
                    self.change(offset, title(old), title(new));
                }
            }
        }
        if let (Some(old), Some(new)) = (old.content, new.content) {
            self.bytes(old, new);
        }
    }

    /// The first bytes that differ.
    fn bytes(&mut self, old: &[u8], new: &[u8]) {
        let mut pairs = old.iter().zip(new);
        let Some(first) = pairs.position(|(a, b)| a != b) else {
            return;
        };
        // Whole words are shown, as most numbers have four bytes.
        let start = first - first % 4;
        let both = old.iter().zip(new).skip(start);
        let last = both.clone().rposition(|(a, b)| a != b).unwrap_or(0);
        let shown = (last + 1).next_multiple_of(4).min(MAX_BYTES);
        let hex = |bytes: &[u8]| {
            let bytes = bytes.iter().skip(start).take(shown);
            bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        self.change(start as u32, hex(old), hex(new));
    }

    fn pointer(&mut self, old: &PointerReport, new: &PointerReport) {
        let is_same = match (&old.text, &new.text) {
            (Some(old), Some(new)) => old == new,
            _ => old.kind == new.kind && is_same_target(old, new),
        };
        if !is_same {
            return self.change(old.offset, what(old), what(new));
        }
        if let (None, None, Some(before), Some(after)) =
            (&old.text, &new.text, &old.data, &new.data)
        {
            self.at.push(old.offset);
            self.data(&Data::referred_to(before), &Data::referred_to(after));
            self.at.pop();
        }
    }

    fn change(&mut self, at: u32, old: String, new: String) {
        if self.changes.len() < MAX_CHANGES {
            let at = self.at.iter().copied().chain([at]).collect();
            self.changes.push(Change { at, old, new });
        }
    }
}

fn what(pointer: &PointerReport) -> String {
    pointer.what().unwrap_or_else(|| "data".to_owned())
}

/// Whether both refer to the same symbol. Data without a name is compared by its content instead.
fn is_same_target(old: &PointerReport, new: &PointerReport) -> bool {
    if old.marks_section && new.marks_section {
        return true;
    }
    if let (Some(old), Some(new)) = (&old.closure, &new.closure) {
        return old.may_be(new);
    }
    let is_named = !old.is_nameless && !new.is_nameless;
    !is_named || (&old.target, old.addend) == (&new.target, new.addend)
}
