//! Of entries that are defined more than once, the one that counts, as in the linker: of a COMDAT
//! group the first, of weak definitions a strong one or else the first.

use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::HashMap;
use crate::input::{Module, ObjectId};
use crate::survey::{Entry, EntryId, EntrySymbol, NameId, Survey};

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
    for id in survey.ids() {
        let entry = &survey[id];
        let overridden = |symbol: &EntrySymbol| {
            let winner = || winners.get(survey.name(entry, symbol));
            symbol.is_weak() && winner().is_some_and(|&(winner, _)| winner != id)
        };
        let fate = &mut fates[id.position()];
        if *fate == Fate::Kept && !entry.symbols.is_empty() && entry.symbols.iter().all(overridden)
        {
            *fate = Fate::Overridden;
        }
    }
    Ok(fates)
}

fn comdats(survey: &Survey<'_>) -> Vec<Fate> {
    let mut keepers: HashMap<NameId, ObjectId> = HashMap::default();
    let fate = |entry: &Entry| {
        let keeper = entry.comdat.map(|comdat| keepers.entry(comdat));
        match keeper.is_none_or(|keeper| *keeper.or_insert(entry.object) == entry.object) {
            true => Fate::Kept,
            false => Fate::OtherComdat,
        }
    };
    survey.entries.iter().map(fate).collect()
}

/// For each global symbol, the entry that defines it, and whether it is weak there too.
fn winners<'s>(
    survey: &'s Survey<'_>,
    modules: &[Module<'_>],
    fates: &[Fate],
) -> Result<HashMap<&'s str, (EntryId, bool)>> {
    let mut winners: HashMap<&str, (EntryId, bool)> = HashMap::default();
    winners.reserve(survey.entries.len());
    for id in survey.ids().filter(|id| fates[id.position()] == Fate::Kept) {
        let entry = &survey[id];
        for symbol in entry.symbols.iter().filter(|symbol| !symbol.is_local()) {
            let weak = symbol.is_weak();
            let name = survey.name(entry, symbol);
            let winner = winners.entry(name).or_insert((id, weak));
            match (winner.1, weak) {
                (true, false) => *winner = (id, weak),
                (false, false) if winner.0 != id => {
                    let first = &modules[survey[winner.0].object.0].name;
                    let second = &modules[entry.object.0].name;
                    return Err(
                        Error::new(format!("duplicate symbol: {}", demangle::shown(name)))
                            .note(format!("defined in {first}"))
                            .note(format!("defined in {second}")),
                    );
                }
                _ => {}
            }
        }
    }
    Ok(winners)
}
