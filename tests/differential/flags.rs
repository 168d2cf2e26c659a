//! Flags, each in the spellings that it has, at any place.

use proptest::prelude::*;
use proptest::sample::Index;
use std::ffi::OsString;

pub type Spellings = &'static [&'static [&'static str]];

/// Those that no link fails by, whatever it is of.
pub const HARMLESS: &[Spellings] = &[
    &[&["--no-gc-sections"], &["-no-gc-sections"]],
    &[&["-S"], &["--strip-debug"], &["-strip-debug"]],
    &[&["-s"], &["--strip-all"]],
    &[&["--emit-relocs"], &["-emit-relocs"]],
    &[&["-O2"], &["-O", "2"], &["-O0"]],
    &[
        &["--export-if-defined=pick"],
        &["--export-if-defined", "pick"],
    ],
    &[&["-z", "stack-size=65536"], &["-zstack-size=65536"]],
    &[&["--no-demangle"], &["--demangle"]],
    &[&["--no-merge-data-segments"], &["--merge-data-segments"]],
    &[&["--allow-undefined"], &["-allow-undefined"]],
];

/// Those that change what a link is of, or what is said about it.
pub const COMMON: &[Spellings] = &[
    &[&["--no-entry"]],
    &[&["--export-all"]],
    &[&["-q"]],
    &[&["--export=one"], &["--export", "one"], &["-export=one"]],
    &[&["--undefined=two"], &["-u", "two"], &["-utwo"]],
    &[&["--global-base=2048"]],
    &[&["--initial-memory=1048576"], &["--stack-first"]],
    &[&["-y", "pick"], &["--trace-symbol=pick"], &["-ypick"]],
    &[&["--wrap=pick"], &["-wrap", "pick"]],
    &[&["--print-gc-sections"]],
    &[&["--trace"], &["-t"]],
    &[
        &["--error-limit=0"],
        &["--error-limit", "1"],
        &["-error-limit=3"],
    ],
    &[&["--export-table"], &["--growable-table"]],
    &[&["--import-memory"], &["--export-memory"]],
    &[
        &["--fatal-warnings"],
        &["-fatal-warnings"],
        &["--no-fatal-warnings"],
    ],
    &[
        &["--features=mutable-globals,atomics,bulk-memory"],
        &["--no-check-features"],
    ],
];

/// Those that most links fail by.
pub const RARE: &[Spellings] = &[
    &[
        &["-r"],
        &["--relocatable"],
        &["-shared"],
        &["--pie"],
        &["--experimental-pic"],
    ],
    &[&["--lost-option"], &["-o"], &["lost.o"], &["-llost"]],
    &[&["-m", "wasm64"], &["-mwasm64"], &["-mwasm32"]],
];

/// A flag in one of its spellings, and where it stands.
#[derive(Debug, Clone)]
pub struct Flag {
    place: Index,
    pub words: &'static [&'static str],
}

/// Any of `flags` in any of its spellings.
pub fn any_of(flags: Vec<Spellings>) -> impl Strategy<Value = Flag> {
    (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(move |(flag, spelling, place)| {
        let spellings = flag.get(&flags);
        let words = spelling.get(spellings);
        Flag { place, words }
    })
}

/// The words of a command line: `parts`, with flags between them.
pub fn between(mut parts: Vec<Vec<OsString>>, flags: &[Flag]) -> Vec<OsString> {
    for flag in flags {
        let words = flag.words.iter().map(OsString::from).collect();
        parts.insert(flag.place.index(parts.len() + 1), words);
    }
    parts.concat()
}
