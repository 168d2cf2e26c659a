//! Who gathers a section: the backend, or this linker.
//!
//! | what the section has | who |
//! |---|---|
//! | `--gather` or a script asks for it | this linker |
//! | an entry that is a custom section, or marked | this linker |
//! | an entry that nothing keeps: no symbol, or a local `used` one, and no RETAIN | this linker |
//! | an entry that RETAIN alone keeps, and a backend before LLVM 19 | this linker |
//! | an entry of a Rust crate that is linked only if something refers to it, or that nothing keeps | this linker |
//! | copies of one COMDAT group: the backend links all that are retained | this linker |
//! | no entry with bytes: nothing keeps such a segment | this linker |
//! | anything else: data segments that the compiler named | the backend |

use super::resolve::{Resolution, Selection};
use crate::hash::{HashMap, HashSet};
use crate::input::Module;
use crate::survey::{Entry, EntrySymbol, NameId, Origin, Survey};
use crate::wasm::SymbolFlags;
use std::collections::BTreeSet;

/// What keeps an entry from the garbage collection of the backend, where no code refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keeper {
    /// A global symbol that is `used` (`WASM_SYM_NO_STRIP`), or a symbol without that, of which the author
    /// says that a reference keeps it.
    Symbol,
    /// Its segment's flag (`WASM_SEG_FLAG_RETAIN`), which `wasm-ld` knows from LLVM 19 on.
    Retain,
    /// Nothing: a local symbol that is `used` is no root. Compilers before LLVM 19 know no other way, and a
    /// partial link by `wasm-ld` before LLVM 23 drops the flag.
    Nothing,
}

impl Keeper {
    fn of(entry: &Entry) -> Self {
        let is_used = |symbol: &&EntrySymbol| symbol.flags.contains(SymbolFlags::NO_STRIP);
        let mut used = entry.symbols.iter().filter(is_used).peekable();
        let is_unused = used.peek().is_none();
        let by_symbol = match is_unused {
            true => !entry.symbols.is_empty() && !entry.is_retained,
            false => !used.all(EntrySymbol::is_local),
        };
        match (by_symbol, entry.is_retained) {
            (true, _) => Self::Symbol,
            (false, true) => Self::Retain,
            (false, false) => Self::Nothing,
        }
    }
}

/// What a section has that decides who gathers it.
#[derive(Debug, Clone, Copy)]
struct Facts {
    /// Whether all of its entries are data segments of its name.
    all_segments: bool,
    /// Of its entries, what keeps the one that is kept least.
    keeper: Keeper,
    /// Whether there are copies of one COMDAT group.
    has_copies: bool,
    /// Whether an entry has bytes.
    has_bytes: bool,
    /// Whether an entry is of a crate that may not be linked.
    is_lost_of_rust: bool,
}

impl Facts {
    const NONE: Self = Self {
        all_segments: true,
        keeper: Keeper::Symbol,
        has_copies: false,
        has_bytes: false,
        is_lost_of_rust: false,
    };

    fn add(&mut self, entry: &Entry, module: &Module<'_>, selection: Selection) {
        match selection {
            Selection::NotLinked => return,
            Selection::OtherComdat => self.has_copies = true,
            Selection::Selected => {}
        }
        self.all_segments &= matches!(entry.origin, Origin::Segment(_));
        self.keeper = self.keeper.max(Keeper::of(entry));
        self.has_bytes |= entry.size > 0;
        self.is_lost_of_rust |= is_lost_of_rust(entry, module);
    }

    fn is_left(self, retains: impl FnOnce() -> bool) -> bool {
        self.all_segments
            && !self.has_copies
            && !self.is_lost_of_rust
            && self.has_bytes
            && match self.keeper {
                Keeper::Symbol => true,
                Keeper::Retain => retains(),
                Keeper::Nothing => false,
            }
    }
}

/// Whether an entry is a static of Rust's that the backend may lose. rustc 1.100 and later makes of
/// `#[link_section]` a data segment; earlier it was a custom section, and those are all gathered. A crate is
/// no library of which a program takes a part: what it puts into a section is meant to be there.
fn is_lost_of_rust(entry: &Entry, module: &Module<'_>) -> bool {
    let name = &module.name;
    let file = name.file().as_os_str().as_encoded_bytes();
    let object = name.member().map_or(file, str::as_bytes);
    let is_of_rust = file.ends_with(b".rlib") || object.ends_with(b".rcgu.o");
    let is_kept = entry.is_retained || entry.symbols.iter().any(is_root);
    is_of_rust && !(module.always_linked() && is_kept)
}

/// Whether a symbol is a root of the backend's garbage collection.
pub(super) fn is_root(symbol: &EntrySymbol) -> bool {
    symbol.flags.contains(SymbolFlags::NO_STRIP) && !symbol.is_local()
}

/// The sections with entries that are left to the backend. `retains` says whether it keeps segments that
/// are retained: that is asked only where it decides, as it takes running the backend.
pub fn left_to_the_backend(
    survey: &Survey<'_>,
    modules: &[Module<'_>],
    resolution: &Resolution,
    retains: impl Fn() -> bool,
) -> BTreeSet<NameId> {
    let mut sections: HashMap<NameId, Facts> = HashMap::default();
    for (entry, &selection) in survey.entries.iter().zip(&resolution.selection) {
        let facts = sections.entry(entry.section).or_insert(Facts::NONE);
        if facts.all_segments {
            facts.add(entry, &modules[entry.object.0], selection);
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
    let is_left = |(section, facts): &(NameId, Facts)| {
        !survey.selection.is_requested(survey.section_name(*section)) && facts.is_left(&retains)
    };
    let left = sections.into_iter().filter(is_left);
    left.map(|(section, _)| section).collect()
}
