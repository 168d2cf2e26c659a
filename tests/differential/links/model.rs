//! What is in the arrays of a link, by what the plain link of the same command line extracts.

use super::job::{Input, Job, same};
use super::object::{Object, Reference, Symbol};
use super::seen::Seen;
use super::unit::LOCAL;
use std::collections::{BTreeMap, BTreeSet};

/// The sections that are gathered, or may be.
pub const SECTIONS: [&str; 5] = ["NUMBERS", "POINTERS", "REFERENCES", "TEXTS", LEFT];
pub const LEFT: &str = "LEFT";

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Segment,
    Mark,
    Custom,
}

/// What keeps an entry that no code refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keeper {
    Symbol,
    Retain,
    Nothing,
}

struct Entry<'o> {
    input: usize,
    section: &'o str,
    key: &'o str,
    origin: Origin,
    keeper: Keeper,
    group: Option<&'o str>,
    /// Its global names.
    names: Vec<&'o str>,
    bytes: &'o [u8],
    references: Vec<Reference>,
}

/// The entries of a link that are in arrays, and what follows from them.
pub struct Model {
    objects: Vec<Object>,
    selected: BTreeMap<String, Vec<Placed>>,
    /// What they refer to that the plain link may not have, in link order.
    pub references: Vec<String>,
    /// Whether an archive member that the plain link extracts has any.
    pub of_extracted: bool,
    /// All that they refer to.
    pub roots: BTreeSet<String>,
    /// Whether this linker gathers LEFT.
    pub gathers_left: bool,
}

/// An entry in its place.
struct Placed {
    input: usize,
    bytes: Vec<u8>,
    references: Vec<Reference>,
}

/// What an entry's pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Null,
    Number(u32),
    Text(String),
    /// Nothing defines it.
    Unknown,
}

fn entries(input: usize, object: &Object) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (number, segment) in object.segments.iter().enumerate() {
        let symbols = object.symbols_of(number);
        let entry = |section, key, origin, start: usize, end: usize, symbols: &[&'_ Symbol]| {
            let within =
                |reference: &&Reference| (start..end).contains(&(reference.offset as usize));
            let references = segment.references.iter().filter(within).cloned();
            let references = references.map(|mut reference| {
                reference.offset -= start as u32;
                reference
            });
            Entry {
                input,
                section,
                key,
                origin,
                keeper: keeper(symbols, segment.is_retained),
                group: segment.group.as_deref(),
                names: Vec::new(),
                bytes: &segment.bytes[start..end],
                references: references.collect(),
            }
        };
        if SECTIONS.contains(&segment.name.as_str()) {
            let all: Vec<_> = symbols.iter().map(|(symbol, _)| *symbol).collect();
            let (name, size) = (segment.name.as_str(), segment.bytes.len());
            let mut whole = entry(name, "", Origin::Segment, 0, size, &all);
            whole.names = global_names(&all);
            entries.push(whole);
            continue;
        }
        for (symbol, range) in symbols {
            let Some(mark) = symbol.name.strip_prefix("__link_section__") else {
                continue;
            };
            let mut parts = mark.split('$');
            let (section, key) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            let (start, end) = (range.start as usize, range.end as usize);
            let mut marked = entry(section, key, Origin::Mark, start, end, &[symbol]);
            marked.names = global_names(&[symbol]);
            entries.push(marked);
        }
    }
    for (name, bytes) in &object.customs {
        if SECTIONS.contains(&name.as_str()) {
            entries.push(Entry {
                input,
                section: name,
                key: "",
                origin: Origin::Custom,
                keeper: Keeper::Nothing,
                group: None,
                names: Vec::new(),
                bytes,
                references: Vec::new(),
            });
        }
    }
    entries
}

/// Whether only entries refer to the segment of a symbol.
fn is_private(object: &Object, symbol: &Symbol) -> bool {
    let segment_of = |symbol: &Symbol| symbol.place.as_ref().map(|(segment, _)| *segment);
    let mut segments = object.segments.iter().enumerate();
    segments.all(|(number, segment)| {
        let symbols = object.symbols_of(number);
        let is_entry = |offset: u32| {
            SECTIONS.contains(&segment.name.as_str())
                || symbols.iter().any(|(symbol, range)| {
                    symbol.name.starts_with("__link_section__") && range.contains(&offset)
                })
        };
        let mut references = segment.references.iter();
        references.all(|reference| {
            let target = &object.symbols[reference.symbol];
            segment_of(target) != segment_of(symbol) || is_entry(reference.offset)
        })
    })
}

fn global_names<'o>(symbols: &[&'o Symbol]) -> Vec<&'o str> {
    let global = symbols.iter().filter(|symbol| !symbol.is_local());
    global.map(|symbol| symbol.name.as_str()).collect()
}

fn keeper(symbols: &[&Symbol], is_retained: bool) -> Keeper {
    let used: Vec<_> = symbols.iter().filter(|symbol| symbol.is_used()).collect();
    let by_symbol = match used.is_empty() {
        true => !symbols.is_empty() && !is_retained,
        false => !used.iter().all(|symbol| symbol.is_local()),
    };
    match (by_symbol, is_retained) {
        (true, _) => Keeper::Symbol,
        (false, true) => Keeper::Retain,
        (false, false) => Keeper::Nothing,
    }
}

/// Which inputs the plain link has, and which of them defines what.
struct Plain<'o> {
    is_linked: Vec<bool>,
    is_identical: Vec<bool>,
    definers: BTreeMap<&'o str, usize>,
}

impl<'o> Plain<'o> {
    fn of(inputs: &[Input], objects: &'o [Object], is_linked: &[bool]) -> Self {
        let mut is_identical = vec![false; inputs.len()];
        for (at, input) in inputs.iter().enumerate() {
            let is_other = |other: usize| {
                let counts = inputs[other].is_always || other < at && !is_identical[other];
                other != at && counts && same(&inputs[other].object, &input.object)
            };
            is_identical[at] = !input.is_always && (0..inputs.len()).any(is_other);
        }
        let mut definers = BTreeMap::new();
        for linked in [true, false] {
            for (at, object) in objects.iter().enumerate() {
                if is_linked[at] == linked && !is_identical[at] {
                    for symbol in object.defines() {
                        definers.entry(symbol.name.as_str()).or_insert(at);
                    }
                }
            }
        }
        Self {
            is_linked: is_linked.to_vec(),
            is_identical,
            definers,
        }
    }

    /// For each COMDAT group, the input whose copy counts.
    fn keepers(&self, entries: &[Entry<'o>], seen: &Seen) -> BTreeMap<&'o str, usize> {
        let mut keepers = BTreeMap::new();
        let grouped = entries
            .iter()
            .filter_map(|entry| Some((entry.group?, entry)));
        for (group, entry) in grouped.filter(|(_, entry)| !self.is_identical[entry.input]) {
            let is_linked = self.is_linked[entry.input];
            let word = entry
                .bytes
                .first_chunk()
                .map(|word| u32::from_le_bytes(*word));
            let wins = is_linked && seen.words.get(group).copied() == word;
            let rank = (!wins, !is_linked, entry.input);
            let best = keepers.entry(group).or_insert(rank);
            *best = rank.min(*best);
        }
        let keepers = keepers.into_iter();
        keepers.map(|(group, (.., input))| (group, input)).collect()
    }
}

/// What the inputs are, or would be if they were no bitcode.
fn objects(inputs: &[Input]) -> Vec<Object> {
    let read = |input: &Input| Object::parse(&std::fs::read(&input.object).expect("an object"));
    inputs.iter().map(read).collect()
}

/// The global names of units without parameters, and of data, that these inputs define.
pub fn defined(inputs: &[Input], is_linked: &[bool]) -> BTreeSet<String> {
    let linked = objects(inputs).into_iter().zip(is_linked);
    let linked = linked.filter_map(|(object, is_linked)| is_linked.then_some(object));
    let names = |object: Object| {
        object
            .defines()
            .map(|symbol| symbol.name.clone())
            .collect::<Vec<_>>()
    };
    linked
        .flat_map(names)
        .filter(|name| !name.is_empty())
        .collect()
}

impl Model {
    /// `is_plain` says of each input whether the plain link has it, `is_linked` whether it has it where what
    /// entries refer to is asked for, and `seen` what that shows.
    pub fn of(
        job: &Job,
        inputs: &[Input],
        is_plain: &[bool],
        is_linked: &[bool],
        seen: &Seen,
    ) -> Self {
        let objects = objects(inputs);
        let (mut references, mut roots) = (Vec::new(), BTreeSet::new());
        let mut selected: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
        let (gathers_left, of_extracted);
        {
            let plain = Plain::of(inputs, &objects, is_linked);
            let all: Vec<_> = objects
                .iter()
                .enumerate()
                .flat_map(|(at, object)| entries(at, object))
                .collect();
            let keepers = plain.keepers(&all, seen);
            let mut within = BTreeSet::new();
            let (mut chosen, mut has_copies) = (Vec::new(), false);
            for entry in &all {
                if plain.is_identical[entry.input] {
                    continue;
                }
                if let Some(group) = entry.group
                    && (keepers[group] != entry.input || !within.insert(group))
                {
                    has_copies |= entry.section == LEFT;
                    continue;
                }
                let is_other = |name: &&str| plain.definers.get(name) != Some(&entry.input);
                if plain.is_linked[entry.input] || !entry.names.iter().any(is_other) {
                    chosen.push(entry);
                }
            }
            gathers_left = is_gathered(job, &chosen, has_copies);
            chosen.retain(|entry| entry.section != LEFT || gathers_left);
            // Bitcode that is linked comes after all other objects.
            let is_compiled = |input: usize| inputs[input].is_bitcode && is_plain[input];
            chosen.sort_by_key(|entry| (is_compiled(entry.input), entry.key));
            let mut by_key = chosen.clone();
            by_key.sort_by_key(|entry| entry.key);
            for entry in by_key {
                let placed = Placed {
                    input: entry.input,
                    bytes: entry.bytes.to_vec(),
                    references: entry.references.clone(),
                };
                selected
                    .entry(entry.section.to_owned())
                    .or_default()
                    .push(placed);
            }
            chosen.sort_by_key(|entry| entry.input);
            let is_extracted = |input: usize| is_plain[input] && !inputs[input].is_always;
            of_extracted = chosen.iter().any(|entry| is_extracted(entry.input));
            for entry in &chosen {
                for reference in &entry.references {
                    let symbol = &objects[entry.input].symbols[reference.symbol];
                    let name = match (symbol.is_local(), symbol.is_function) {
                        (true, true) => inputs[entry.input].units[0].marker(),
                        // Private data moves with the entries.
                        (true, false) if is_private(&objects[entry.input], symbol) => continue,
                        (true, false) => inputs[entry.input].units[0].marker(),
                        (false, _) => symbol.name.clone(),
                    };
                    let extracts = !(symbol.is_undefined() && symbol.is_weak());
                    if extracts && !is_plain[entry.input] && !references.contains(&name) {
                        references.push(name.clone());
                    }
                    // To export what is not there would extract it.
                    if extracts {
                        roots.insert(name);
                    }
                }
            }
        }
        Self {
            objects,
            selected,
            references,
            of_extracted,
            roots,
            gathers_left,
        }
    }

    /// Whether two inputs have a copy of one group.
    pub fn has_copies(inputs: &[Input]) -> bool {
        let mut seen = BTreeSet::new();
        objects(inputs).iter().enumerate().any(|(at, object)| {
            let groups: BTreeSet<_> = entries(at, object)
                .iter()
                .filter_map(|entry| entry.group)
                .map(str::to_owned)
                .collect();
            groups.into_iter().any(|group| !seen.insert(group))
        })
    }

    pub fn has(&self, section: &str) -> bool {
        self.selected.contains_key(section)
    }

    /// The words of a section.
    pub fn words(&self, section: &str) -> Vec<u32> {
        let entries = self.selected.get(section).into_iter().flatten();
        let bytes: Vec<u8> = entries
            .flat_map(|entry| entry.bytes.iter().copied())
            .collect();
        let words = bytes.chunks(4);
        words
            .map(|word| u32::from_le_bytes(word.try_into().expect("a word")))
            .collect()
    }

    /// What the pointers of a section lead to in a link that has all that they refer to.
    pub fn targets(&self, section: &str, seen: &Seen) -> Vec<Target> {
        let entries = self.selected.get(section).into_iter().flatten();
        entries
            .flat_map(|entry| {
                entry
                    .references
                    .iter()
                    .map(move |reference| (entry.input, reference))
            })
            .map(|(input, reference)| self.target(input, reference, seen))
            .collect()
    }

    fn target(&self, input: usize, reference: &Reference, seen: &Seen) -> Target {
        let object = &self.objects[input];
        let symbol = &object.symbols[reference.symbol];
        if symbol.is_local() {
            // Mangled or not, as clang does with what is static.
            if let Some((_, number)) = symbol.name.split_once("local") {
                let number = number.chars().map_while(|digit| digit.to_digit(10));
                return Target::Number(LOCAL + number.fold(0, |number, digit| 10 * number + digit));
            }
            let (segment, range) = symbol.place.clone().expect("a definition");
            let at = range.start as i64 + reference.addend;
            let bytes = &object.segments[segment].bytes[at as usize..];
            let end = bytes.iter().position(|&byte| byte == 0).expect("a NUL");
            return Target::Text(String::from_utf8_lossy(&bytes[..end]).into_owned());
        }
        let known = match symbol.is_function {
            true => &seen.results,
            false => &seen.words,
        };
        match known.get(&symbol.name) {
            Some(&number) => Target::Number(number),
            None if symbol.is_weak() => Target::Null,
            None => Target::Unknown,
        }
    }
}

/// Whether LEFT is gathered by this linker: the table of README.
fn is_gathered(job: &Job, chosen: &[&Entry<'_>], has_copies: bool) -> bool {
    let left = || chosen.iter().filter(|entry| entry.section == LEFT);
    let keeper = left().map(|entry| entry.keeper).max();
    let has_bytes = left().any(|entry| !entry.bytes.is_empty());
    let all_segments = left().all(|entry| entry.origin == Origin::Segment);
    // Nothing refers to the bounds otherwise.
    let is_wanted = job.gather_left || job.reads_left();
    let Some(keeper) = keeper.filter(|_| is_wanted) else {
        return false;
    };
    let is_kept = keeper == Keeper::Symbol || keeper == Keeper::Retain && job.retains();
    job.gather_left || !all_segments || has_copies || !has_bytes || !is_kept
}
