//! Of entries that are defined more than once, the one that counts, as in the linker: of a COMDAT
//! group the first, of weak definitions a strong one or else the first.

use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Module, ObjectId};
use crate::survey::{Entry, Origin, Survey};
use crate::wasm::SymbolIndex;

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the array.
    Kept,
    /// Another object's copy of its COMDAT group counts. `wasm-ld` discards this one but for what is
    /// retained: from LLVM 19 on, that is linked all the same.
    OtherComdat,
    /// Its symbols are weak and defined elsewhere.
    Overridden,
}

/// The fate of each entry, in the order of `survey.entries`.
///
/// # Errors
/// Two strong definitions of one symbol.
pub fn resolve(survey: &Survey<'_>, modules: &[Module<'_>]) -> Result<Vec<Fate>> {
    let mut fates = comdats(survey);
    let winners = winners(survey, modules, &fates)?;
    for (position, entry) in survey.entries.iter().enumerate() {
        let overridden = |&symbol: &SymbolIndex| {
            let symbol = survey.objects[entry.object].symbol(symbol);
            let winner = || winners.get(symbol.name);
            symbol.is_weak() && winner().is_some_and(|&(winner, _)| winner != position)
        };
        if fates[position] == Fate::Kept
            && !entry.symbols.is_empty()
            && entry.symbols.iter().all(overridden)
        {
            fates[position] = Fate::Overridden;
        }
    }
    Ok(fates)
}

fn comdats(survey: &Survey<'_>) -> Vec<Fate> {
    let mut keepers: HashMap<&str, ObjectId> = HashMap::default();
    // A name may be long, and a group may have many entries.
    let mut known: HashMap<(ObjectId, u32), Fate> = HashMap::default();
    let mut fate = |entry: &Entry<'_>| {
        let object = &survey.objects[entry.object];
        let group = match entry.origin {
            Origin::Segment(segment) | Origin::Symbol(segment, _) => object.segment(segment).comdat,
            Origin::Custom(section) => object.section_comdat(section),
        };
        let Some(group) = group else {
            return Fate::Kept;
        };
        *known.entry((entry.object, group)).or_insert_with(|| {
            let keeper = *keepers
                .entry(object.comdats[group as usize])
                .or_insert(entry.object);
            match keeper == entry.object {
                true => Fate::Kept,
                false => Fate::OtherComdat,
            }
        })
    };
    survey.entries.iter().map(&mut fate).collect()
}

/// For each global symbol, the entry that defines it, and whether it is weak there too.
fn winners<'s>(
    survey: &'s Survey<'_>,
    modules: &[Module<'_>],
    fates: &[Fate],
) -> Result<HashMap<&'s str, (usize, bool)>> {
    let mut winners: HashMap<&str, (usize, bool)> = HashMap::default();
    winners.reserve(survey.entries.len());
    for (position, entry) in survey.entries.iter().enumerate() {
        if fates[position] != Fate::Kept {
            continue;
        }
        for &symbol in &entry.symbols {
            let symbol = survey.objects[entry.object].symbol(symbol);
            if symbol.is_local() {
                continue;
            }
            let weak = symbol.is_weak();
            let winner = winners.entry(symbol.name).or_insert((position, weak));
            match (winner.1, weak) {
                (true, false) => *winner = (position, weak),
                (false, false) if winner.0 != position => {
                    let first = &modules[survey.entries[winner.0].object.0].name;
                    let second = &modules[entry.object.0].name;
                    return Err(Error::new(format!(
                        "duplicate symbol: {}",
                        demangle::shown(symbol.name)
                    ))
                    .note(format!("defined in {first}"))
                    .note(format!("defined in {second}")));
                }
                _ => {}
            }
        }
    }
    Ok(winners)
}
