//! Who gathers a section: the backend, or this linker.
//!
//! [`Reason`] has one variant for each row of this table but the last. README has the same table.
//!
//! | what the section has | who |
//! |---|---|
//! | `--gather` or a script asks for it | this linker |
//! | an entry that is a custom section, or marked | this linker |
//! | an entry that nothing keeps: no symbol, or a local `used` one, and no RETAIN | this linker |
//! | an entry of a Rust crate that is linked only if something refers to it, or that nothing keeps | this linker |
//! | copies of one COMDAT group: the backend links all that are retained | this linker |
//! | no entry with bytes: nothing keeps such a segment | this linker |
//! | an entry that RETAIN alone keeps, and a backend before LLVM 19 | this linker |
//! | any entry, in position-independent output of a backend before LLVM 19 | this linker |
//! | anything else: data segments that the compiler named | the backend |

pub(super) use super::liveness::is_root;

use super::liveness::Keeper;
use super::resolve::{EntryResolution, Resolution};
use crate::hash::{HashMap, HashSet};
use crate::input::{Module, Modules};
use crate::survey::{Entry, NameId, Origin, Survey};
use std::collections::BTreeSet;

/// Why this linker gathers a section, and does not leave it to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// `--gather` or a script asks for it.
    AskedFor,
    /// An entry is no data segment of the section's name: a custom section, or a marked symbol.
    NotASegment,
    /// Nothing keeps an entry.
    NotKept,
    /// The backend may lose an entry of a Rust crate.
    RustCrate,
    /// There are copies of one COMDAT group. The backend links all that are retained.
    ComdatCopies,
    /// No entry has bytes. Nothing keeps such a segment.
    NoBytes,
    /// RETAIN alone keeps an entry, and the backend does not honour it.
    RetainIgnored,
    /// In position-independent output, the bounds of a section that the backend loses are not undefined symbols but
    /// imports that no module defines. So this linker gathers everything if the backend ignores RETAIN.
    PositionIndependent,
}

/// The properties of a link that decide who gathers its sections.
pub struct Conditions<'c> {
    /// Whether the output is position-independent.
    pub is_position_independent: bool,
    /// Whether the backend honours `WASM_SEG_FLAG_RETAIN`. This runs the backend, so it is called only if it matters.
    pub retains: &'c dyn Fn() -> bool,
}

/// The properties of a section that decide who gathers it.
#[derive(Debug, Clone, Copy)]
struct Facts {
    is_requested: bool,
    /// Whether all of its entries are data segments of its name.
    all_segments: bool,
    /// The weakest reason that keeps an entry.
    keeper: Keeper,
    /// Whether there are copies of one COMDAT group.
    has_copies: bool,
    /// Whether an entry has bytes.
    has_bytes: bool,
    /// Whether the backend may lose an entry of a Rust crate.
    may_lose_rust: bool,
}

impl Facts {
    const NONE: Self = Self {
        is_requested: false,
        all_segments: true,
        keeper: Keeper::Root,
        has_copies: false,
        has_bytes: false,
        may_lose_rust: false,
    };

    fn add(&mut self, entry: &Entry, module: &Module<'_>, selection: EntryResolution) {
        match selection {
            EntryResolution::NotLinked => return,
            EntryResolution::ComdatDuplicate => self.has_copies = true,
            EntryResolution::Selected => {}
        }
        let keeper = Keeper::of(entry);
        self.all_segments &= matches!(entry.origin, Origin::Segment(_));
        self.keeper = self.keeper.max(keeper);
        self.has_bytes |= entry.size > 0;
        self.may_lose_rust |=
            is_of_rust(module) && !(module.always_linked() && keeper.needs_no_reference());
    }

    /// The first row of the table that holds; `None` is the last row, which leaves the section to the backend.
    fn reason(self, conditions: &Conditions<'_>) -> Option<Reason> {
        let retains = conditions.retains;
        if self.is_requested {
            Some(Reason::AskedFor)
        } else if !self.all_segments {
            Some(Reason::NotASegment)
        } else if self.keeper == Keeper::Nothing {
            Some(Reason::NotKept)
        } else if self.may_lose_rust {
            Some(Reason::RustCrate)
        } else if self.has_copies {
            Some(Reason::ComdatCopies)
        } else if !self.has_bytes {
            Some(Reason::NoBytes)
        } else if self.keeper == Keeper::Retain && !retains() {
            Some(Reason::RetainIgnored)
        } else if conditions.is_position_independent && !retains() {
            Some(Reason::PositionIndependent)
        } else {
            None
        }
    }
}

/// Whether an object is part of a Rust crate. rustc 1.100 and later makes a data segment of `#[link_section]`;
/// earlier versions make a custom section, and those are all gathered. A program does not use parts of a crate as it
/// uses parts of a C library: what a crate puts into a section belongs there.
fn is_of_rust(module: &Module<'_>) -> bool {
    let name = &module.name;
    let file = name.file().as_os_str().as_encoded_bytes();
    let object = name.member().map_or(file, str::as_bytes);
    file.ends_with(b".rlib") || object.ends_with(b".rcgu.o")
}

/// Who gathers each section.
#[derive(Debug, Default, PartialEq)]
pub struct Gatherers {
    /// The sections with entries that are left to the backend.
    pub left_to_backend: BTreeSet<NameId>,
    /// Whether none is left to the backend, whatever it consists of.
    takes_all: bool,
}

impl Gatherers {
    /// Decides for each section that has entries.
    pub fn of(
        survey: &Survey<'_>,
        modules: &Modules<'_>,
        resolution: &Resolution,
        conditions: &Conditions<'_>,
    ) -> Self {
        let mut sections: HashMap<NameId, Facts> = HashMap::default();
        for (entry, &selection) in survey.entries.iter().zip(&resolution.entries) {
            let facts = sections.entry(entry.section).or_insert_with(|| Facts {
                is_requested: survey
                    .selection
                    .is_requested(survey.section_name(entry.section)),
                ..Facts::NONE
            });
            if facts.all_segments {
                facts.add(entry, &modules[entry.object], selection);
            }
        }
        let in_bitcode: HashSet<&str> = survey.bitcode_comdats().collect();
        if !in_bitcode.is_empty() {
            let grouped = survey.entries.iter().filter(|entry| entry.comdat.is_some());
            for section in grouped.map(|entry| entry.section) {
                let has_copies = in_bitcode.contains(survey.section_name(section));
                sections
                    .entry(section)
                    .and_modify(|facts| facts.has_copies |= has_copies);
            }
        }
        let has_entries = !sections.is_empty();
        let left = sections
            .into_iter()
            .filter(|(_, facts)| facts.reason(conditions).is_none());
        Self {
            left_to_backend: left.map(|(section, _)| section).collect(),
            takes_all: has_entries && conditions.is_position_independent && !(conditions.retains)(),
        }
    }

    /// Whether this linker gathers a section, which may have entries only in bitcode.
    pub fn gathers<'s>(&self, survey: &'s Survey<'_>) -> impl Fn(&str) -> bool + use<'s> {
        let sections = survey.entries.iter().map(|entry| entry.section);
        let gathered = sections.filter(|section| !self.left_to_backend.contains(section));
        let gathered: HashSet<&str> = gathered.map(|id| survey.section_name(id)).collect();
        let takes_all = self.takes_all;
        move |name| takes_all || gathered.contains(name) || survey.selection.is_requested(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Data, TestLink, object};
    use crate::wasm::{SEGMENT_RETAIN, SymbolFlags};

    /// What the table leaves to the backend.
    const LEFT: Facts = Facts {
        has_bytes: true,
        ..Facts::NONE
    };

    fn reason(facts: Facts, is_position_independent: bool, retains: bool) -> Option<Reason> {
        facts.reason(&Conditions {
            is_position_independent,
            retains: &|| retains,
        })
    }

    #[test]
    fn each_row_of_the_table() {
        let kept_by = |keeper| Facts { keeper, ..LEFT };
        for (facts, expected) in [
            (LEFT, None),
            (kept_by(Keeper::Reference), None),
            (kept_by(Keeper::Retain), None),
            (kept_by(Keeper::Nothing), Some(Reason::NotKept)),
            (
                Facts {
                    is_requested: true,
                    ..LEFT
                },
                Some(Reason::AskedFor),
            ),
            (
                Facts {
                    all_segments: false,
                    ..LEFT
                },
                Some(Reason::NotASegment),
            ),
            (
                Facts {
                    may_lose_rust: true,
                    ..LEFT
                },
                Some(Reason::RustCrate),
            ),
            (
                Facts {
                    has_copies: true,
                    ..LEFT
                },
                Some(Reason::ComdatCopies),
            ),
            (Facts::NONE, Some(Reason::NoBytes)),
        ] {
            for is_position_independent in [false, true] {
                assert_eq!(
                    reason(facts, is_position_independent, true),
                    expected,
                    "{facts:?}"
                );
            }
        }
        let retained = kept_by(Keeper::Retain);
        assert_eq!(reason(retained, false, false), Some(Reason::RetainIgnored));
        assert_eq!(reason(LEFT, false, false), None);
        assert_eq!(reason(LEFT, true, false), Some(Reason::PositionIndependent));
    }

    #[test]
    fn the_backend_is_asked_only_where_that_decides() {
        let never = || panic!("nobody needs to know");
        let conditions = |is_position_independent| Conditions {
            is_position_independent,
            retains: &never,
        };
        assert_eq!(LEFT.reason(&conditions(false)), None);
        let asked_for = Facts {
            is_requested: true,
            keeper: Keeper::Retain,
            ..LEFT
        };
        assert_eq!(asked_for.reason(&conditions(true)), Some(Reason::AskedFor));
    }

    /// Whether section `A` is left to the backend.
    fn is_left(options: &[&str], objects: &[(&str, Data<'_>)], retains: bool) -> bool {
        let objects: Vec<_> = objects
            .iter()
            .map(|(name, data)| (*name, object(&[*data], &[])))
            .collect();
        let test = TestLink::new(&[&["-u__start_A"], options].concat(), &objects);
        let survey = test.survey();
        assert_eq!(survey.entries.len(), objects.len());
        let resolved = test.resolve(&survey, retains);
        !resolved.gathers(&survey)("A")
    }

    #[test]
    fn data_segments_are_left_if_something_keeps_them() {
        let data = Data::new("A", "a");
        let used = SymbolFlags::NO_STRIP;
        let local = SymbolFlags::BINDING_LOCAL;
        let retained = Data {
            segment_flags: SEGMENT_RETAIN,
            ..data
        };
        assert!(is_left(&[], &[("a.o", data)], false));
        assert!(is_left(&[], &[("a.o", data.flags(used))], false));
        assert!(!is_left(&[], &[("a.o", data.flags(used | local))], true));
        assert!(is_left(&[], &[("a.o", retained.flags(used | local))], true));
        assert!(!is_left(
            &[],
            &[("a.o", retained.flags(used | local))],
            false
        ));
        assert!(is_left(&[], &[("a.o", retained.flags(used))], false));
        assert!(!is_left(&[], &[("a.o", data.size(0, 0))], true));
        assert!(!is_left(&["--gather=A"], &[("a.o", data)], true));
        let unkept = Data::new("A", "b").flags(used | local);
        assert!(!is_left(&[], &[("a.o", data), ("b.o", unkept)], true));
    }

    #[test]
    fn position_independent_output_needs_a_backend_that_retains() {
        let data = [("a.o", Data::new("A", "a"))];
        for option in ["-shared", "-pie"] {
            assert!(is_left(&[option], &data, true));
            assert!(!is_left(&[option], &data, false));
        }
    }

    #[test]
    fn rust_crates_are_left_only_if_they_are_linked_and_kept() {
        let data = Data::new("A", "a");
        let used = data.flags(SymbolFlags::NO_STRIP);
        assert!(is_left(&[], &[("lib.a(a.o)", used)], true));
        assert!(!is_left(&[], &[("lib.rlib(a.o)", used)], true));
        assert!(is_left(&[], &[("a.rcgu.o", used)], true));
        assert!(!is_left(&[], &[("a.rcgu.o", data)], true));
    }
}
