//! Resolution: which entries are linked, and which definition of their symbols prevails.
//!
//! An entry with a weak definition that does not prevail is linked: ELF linkers and `wasm-ld` keep its section
//! too. Two things drop an entry: a COMDAT group that is linked from another object, and an archive member
//! that the plain link does not extract because its name is defined elsewhere.

use super::identical::identical_members;
use super::liveness::is_root;
use super::plain_link::{Definition, PlainLink, Reference, may_be_extracted_by_command_line};
use crate::args::{CommandLine, Id};
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Modules, ObjectId};
use crate::survey::{Entry, EntryId, EntrySymbol, NameId, Survey};
use std::ptr;

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryResolution {
    /// It is in the array.
    Selected,
    /// Its COMDAT group is linked from another object. From LLVM 19 on, `wasm-ld` links retained segments of
    /// the discarded group all the same.
    ComdatDuplicate,
    /// The plain link does not extract its archive member for it: an identical object is linked, or another
    /// input defines its name.
    NotLinked,
}

/// The prevailing definition of a name that more than one input defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// That of this entry.
    Entry(EntryId),
    /// One that is no entry.
    Elsewhere,
    /// Two strong ones: the backend reports them.
    Duplicate,
}

/// The entries of all inputs, resolved.
#[derive(Debug, Default, PartialEq)]
pub struct Resolution {
    /// For each entry.
    pub entries: Vec<EntryResolution>,
    /// The names for which the command line may extract archive members after all files, and these members; none
    /// if a member is bitcode.
    pub extracted_by_command_line: Vec<(String, Option<ObjectId>)>,
    /// The prevailing definitions of names that more than one input defines.
    pub winners: HashMap<Box<str>, Winner>,
    /// Archive members that only a hoisted entry keeps alive in the plain link.
    pub kept_alive: HashSet<ObjectId>,
}

/// Resolves entries. Entries may extract members that define the names of entries: then they are resolved again.
#[derive(Debug)]
pub struct Resolver<'s> {
    survey: &'s Survey<'s>,
    /// Archive members that are not linked because an identical object is.
    identical: HashSet<ObjectId>,
    names: ContestedNames<'s>,
    allows_duplicates: bool,
    is_position_independent: bool,
    /// The plain link, without what entries refer to, if the resolution depends on it.
    plain: Option<PlainLink>,
    /// As in [`Resolution`].
    extracted_by_command_line: Vec<(String, Option<ObjectId>)>,
}

impl<'s> Resolver<'s> {
    /// Reads what the resolution of the entries of a survey depends on.
    pub fn new(survey: &'s Survey<'s>, inputs: &Inputs<'_>, line: &CommandLine) -> Self {
        let objects = survey.objects.iter().map(|(id, _)| id);
        let identical = identical_members(objects, &inputs.modules);
        let names = ContestedNames::of(survey, &identical);
        let allows_duplicates = allows_multiple_definition(line);
        let extracted = match survey.entries.is_empty() {
            true => Some(Vec::new()),
            false if needs_plain_link(survey, &inputs.modules, &names, allows_duplicates) => None,
            false => may_be_extracted_by_command_line(line, inputs),
        };
        let (plain, extracted_by_command_line) = match extracted {
            Some(extracted) => (None, extracted),
            None => {
                let plain = PlainLink::of(line, inputs);
                let extracted = plain.extracted_by_command_line().to_vec();
                (Some(plain), extracted)
            }
        };
        Self {
            survey,
            identical,
            names,
            allows_duplicates,
            is_position_independent: line.is_position_independent(),
            plain,
            extracted_by_command_line,
        }
    }

    /// Whether the output is position-independent.
    pub fn is_position_independent(&self) -> bool {
        self.is_position_independent
    }

    /// Whether members that entries extract may define the names of entries.
    pub fn depends_on_references(&self) -> bool {
        self.plain.as_ref().is_some_and(|plain| {
            let symbols = global_symbols(self.survey)
                .filter(|(_, entry, _)| !self.identical.contains(&entry.object));
            plain.has_lazy_alternatives(symbols.map(|(_, _, symbol)| self.survey.name(symbol)))
        })
    }

    /// Resolves all entries. `references` are those of the synthesized object, which extract members last.
    pub fn resolve(&self, modules: &Modules<'_>, references: &[Reference]) -> Resolution {
        let survey = self.survey;
        let plain = &self.plain;
        let extended = plain
            .as_ref()
            .map(|plain| plain.with_references(references));
        let position = |object: ObjectId| match &extended {
            Some(plain) => plain.position(object),
            None => modules[object].always_linked().then_some(object.position()),
        };
        let mut entries = select_comdats(survey, position);
        for (id, selected) in survey.ids().zip(&mut entries) {
            if self.identical.contains(&survey[id].object) {
                *selected = EntryResolution::NotLinked;
            }
        }
        let mut resolution = Resolution {
            entries,
            extracted_by_command_line: self.extracted_by_command_line.clone(),
            ..Resolution::default()
        };
        match (plain, extended) {
            (Some(plain), Some(extended)) => {
                resolution.resolve_names(survey, &self.names, &extended, self.allows_duplicates);
                resolution.keep_alive(survey, modules, plain);
            }
            _ => resolution.report_duplicates(&self.names),
        }
        resolution
    }
}

/// `--allow-multiple-definition`, or `-z muldefs`.
fn allows_multiple_definition(line: &CommandLine) -> bool {
    line.values(Id::Z).any(|keyword| keyword == "muldefs")
        || line.flag(Id::AllowMultipleDefinition, Id::NoAllowMultipleDefinition)
}

/// The global names that more than one entry defines, with those entries.
#[derive(Debug)]
struct ContestedNames<'s>(HashMap<&'s str, Vec<EntryId>>);

impl<'s> ContestedNames<'s> {
    fn of(survey: &'s Survey<'_>, left_out: &HashSet<ObjectId>) -> Self {
        let mut first: HashMap<&str, EntryId> = HashMap::default();
        first.reserve(survey.entries.len());
        let mut by_name: HashMap<&str, Vec<EntryId>> = HashMap::default();
        for (id, entry, symbol) in global_symbols(survey) {
            if left_out.contains(&entry.object) {
                continue;
            }
            let name = survey.name(symbol);
            let first = *first.entry(name).or_insert(id);
            if first != id {
                by_name.entry(name).or_insert_with(|| vec![first]).push(id);
            }
        }
        Self(by_name)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn entries(&self, name: &str) -> &[EntryId] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

fn global_symbols<'s>(
    survey: &'s Survey<'_>,
) -> impl Iterator<Item = (EntryId, &'s Entry, &'s EntrySymbol)> {
    survey.ids().flat_map(|id| {
        let entry = &survey[id];
        let symbols = entry.symbols.iter().filter(|symbol| !symbol.is_local());
        symbols.map(move |symbol| (id, entry, symbol))
    })
}

/// Whether the entries depend on how the plain link resolves symbols. Only entries have names that contain a mark, so
/// such a name matters only if it is contested.
fn needs_plain_link(
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    names: &ContestedNames<'_>,
    allows_duplicates: bool,
) -> bool {
    global_symbols(survey).any(|(_, entry, symbol)| {
        let is_lazy = !modules[entry.object].always_linked();
        let name = survey.name(symbol);
        let depends = is_lazy || symbol.is_weak() || allows_duplicates;
        let has_roots = || survey.objects[entry.object].has_roots;
        let others_may_define = || names.contains(name) || !survey.is_mark(entry, symbol);
        is_lazy && has_roots() || depends && others_may_define()
    })
}

/// A COMDAT group is linked from the object that is linked first or, if none is linked, from the first that has
/// it. `position` says whether an object is linked, and how many are linked before it.
fn select_comdats(
    survey: &Survey<'_>,
    position: impl Fn(ObjectId) -> Option<usize>,
) -> Vec<EntryResolution> {
    let rank = |object: ObjectId| (position(object).unwrap_or(usize::MAX), object);
    let mut keepers: HashMap<NameId, ObjectId> = HashMap::default();
    for entry in &survey.entries {
        if let Some(comdat) = entry.comdat {
            let keeper = keepers.entry(comdat).or_insert(entry.object);
            *keeper = std::cmp::min_by_key(*keeper, entry.object, |object| rank(*object));
        }
    }
    let mut within: HashMap<(NameId, NameId), &Entry> = HashMap::default();
    let mut is_other = |entry| -> bool {
        let entry: &Entry = entry;
        let Some(comdat) = entry.comdat else {
            return false;
        };
        if keepers.get(&comdat) != Some(&entry.object) {
            return true;
        }
        // A partial link puts all copies into one group, and leaves the symbol to the first.
        let first = *within.entry((comdat, entry.section)).or_insert(entry);
        !ptr::eq(first, entry)
            && entry.symbols.is_empty()
            && !first.symbols.is_empty()
            && first.size == entry.size
    };
    let select = |entry| match is_other(entry) {
        true => EntryResolution::ComdatDuplicate,
        false => EntryResolution::Selected,
    };
    survey.entries.iter().map(select).collect()
}

impl Resolution {
    fn is_selected(&self, id: EntryId) -> bool {
        self.entries[id.position()] == EntryResolution::Selected
    }

    /// Without weak definitions and archive members, two entries of one name are duplicates.
    fn report_duplicates(&mut self, names: &ContestedNames<'_>) {
        for (name, entries) in &names.0 {
            let selected = entries.iter().filter(|id| self.is_selected(**id));
            if selected.count() > 1 {
                self.winners.insert((*name).into(), Winner::Duplicate);
            }
        }
    }

    /// Resolves each contested name as the plain link does.
    fn resolve_names(
        &mut self,
        survey: &Survey<'_>,
        names: &ContestedNames<'_>,
        plain: &PlainLink,
        allows_duplicates: bool,
    ) {
        // Entries first: a name may be that of an entry that is not linked.
        for (id, entry, symbol) in global_symbols(survey) {
            let definition = plain.definition(survey.name(symbol));
            let is_other =
                |definition: Definition| definition.object.is_none_or(|of| of != entry.object);
            if self.is_selected(id)
                && !plain.is_linked(entry.object)
                && definition.is_some_and(is_other)
            {
                self.entries[id.position()] = EntryResolution::NotLinked;
            }
        }
        self.pair_nodes(survey);
        for (id, entry, symbol) in global_symbols(survey) {
            let name = survey.name(symbol);
            let Some(definition) = plain.definition(name) else {
                continue;
            };
            let is_own = definition.object == Some(entry.object);
            if !is_own && self.entries[id.position()] != EntryResolution::NotLinked
                || names.contains(name)
                || definition.is_duplicate
            {
                let winner = match definition.is_duplicate && !allows_duplicates {
                    true => Winner::Duplicate,
                    false => self.winner(survey, (id, name), names, definition),
                };
                self.winners.insert(name.into(), winner);
            }
        }
    }

    /// A node and its value stay in their object together.
    fn pair_nodes(&mut self, survey: &Survey<'_>) {
        for (value, node) in survey.ids().filter_map(|id| Some((id, survey.node(id)?))) {
            let pair = [value.position(), node.position()];
            let stays = |at: usize| self.entries[at] == EntryResolution::NotLinked;
            if pair.into_iter().any(stays) {
                for at in pair {
                    self.entries[at] = EntryResolution::NotLinked;
                }
            }
        }
    }

    fn winner(
        &self,
        survey: &Survey<'_>,
        (id, name): (EntryId, &str),
        names: &ContestedNames<'_>,
        definition: Definition,
    ) -> Winner {
        let own = [id];
        let entries = match names.entries(name) {
            [] => &own[..],
            all => all,
        };
        let mut of_object = entries
            .iter()
            .filter(|id| definition.object == Some(survey[**id].object));
        let Some(&found) = of_object.next() else {
            return Winner::Elsewhere;
        };
        if self.is_selected(found) {
            return Winner::Entry(found);
        }
        // Another copy of its group replaces it.
        let comdat = survey[found].comdat;
        let copy = |id: &&EntryId| self.is_selected(**id) && survey[**id].comdat == comdat;
        let copy = comdat.and_then(|_| entries.iter().find(copy));
        copy.map_or(Winner::Elsewhere, |copy| Winner::Entry(*copy))
    }

    /// Finds the members that an entry keeps alive. That matters if they have constructors or retained segments.
    /// An entry keeps its member alive if it is a root, or if another linked object refers to it.
    fn keep_alive(&mut self, survey: &Survey<'_>, modules: &Modules<'_>, plain: &PlainLink) {
        for (id, entry, symbol) in global_symbols(survey) {
            let object = entry.object;
            let name = survey.name(symbol);
            if self.is_selected(id)
                && !modules[object].always_linked()
                && survey.objects[object].has_roots
                && plain.is_linked(object)
                && (is_root(symbol)
                    || plain.is_exported(symbol, name)
                    || plain.is_referred(name, object))
            {
                self.kept_alive.insert(object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EntryResolution::{NotLinked, Selected};
    use super::*;
    use crate::plan::testing::{Data, TestLink, object};
    use crate::wasm::{SEGMENT_RETAIN, SymbolFlags};

    const GATHER: &str = "--gather=A";

    fn resolved(options: &[&str], objects: &[(&str, Vec<u8>)]) -> Resolution {
        let test = TestLink::new(&[&[GATHER], options].concat(), objects);
        let survey = test.survey();
        let resolver = Resolver::new(&survey, &test.inputs, &test.line);
        resolver.resolve(&test.inputs.modules, &[])
    }

    fn entry(symbol: &str) -> Vec<u8> {
        object(&[Data::new("A", symbol)], &[])
    }

    fn weak_entry(symbol: &str) -> Vec<u8> {
        object(&[Data::new("A", symbol).weak()], &[])
    }

    fn winner(resolution: &Resolution, name: &str) -> Option<Winner> {
        resolution.winners.get(name).copied()
    }

    #[test]
    fn a_weak_definition_that_loses_is_selected() {
        let found = resolved(&[], &[("1.o", weak_entry("a")), ("2.o", entry("a"))]);
        assert_eq!(found.entries, [Selected, Selected]);
        assert_eq!(
            winner(&found, "a"),
            Some(Winner::Entry(EntryId::for_test(1)))
        );
        let other = object(&[Data::new(".data", "a")], &[]);
        let found = resolved(&[], &[("1.o", weak_entry("a")), ("2.o", other)]);
        assert_eq!(found.entries, [Selected]);
        assert_eq!(winner(&found, "a"), Some(Winner::Elsewhere));
    }

    #[test]
    fn two_strong_definitions_are_duplicates_unless_allowed() {
        let objects = [("1.o", entry("a")), ("2.o", entry("a"))];
        let found = resolved(&[], &objects);
        assert_eq!(winner(&found, "a"), Some(Winner::Duplicate));
        for option in ["--allow-multiple-definition", "-zmuldefs"] {
            let found = resolved(&[option], &objects);
            assert_eq!(
                winner(&found, "a"),
                Some(Winner::Entry(EntryId::for_test(0)))
            );
            assert_eq!(found.entries, [Selected, Selected]);
        }
    }

    #[test]
    fn names_of_one_definition_have_no_winner() {
        let found = resolved(&[], &[("1.o", entry("a")), ("2.o", weak_entry("b"))]);
        assert!(found.winners.is_empty(), "{found:?}");
    }

    #[test]
    fn a_member_is_not_linked_for_a_name_that_is_defined() {
        let member = ("lib.a(m.o)", entry("a"));
        let found = resolved(&[], &[("1.o", entry("a")), member.clone()]);
        // The same bytes: the plain link never links both.
        assert_eq!(found.entries, [Selected, NotLinked]);
        let other = object(&[Data::new(".data", "a")], &[]);
        let found = resolved(&[], &[("1.o", other.clone()), member.clone()]);
        assert_eq!(found.entries, [NotLinked]);
        let found = resolved(&[], &[("1.o", object(&[], &["z"])), member.clone()]);
        assert_eq!(found.entries, [Selected]);
        // The member is extracted for the reference, before the other definition is seen.
        let user = object(&[], &["a"]);
        let found = resolved(&[], &[("0.o", user), member, ("2.o", other)]);
        assert_eq!(found.entries, [Selected]);
        assert_eq!(winner(&found, "a"), Some(Winner::Duplicate));
    }

    #[test]
    fn a_member_stays_alive_by_its_entry_if_it_has_roots() {
        let data = [
            Data::new("A", "a"),
            Data {
                segment_flags: SEGMENT_RETAIN,
                ..Data::new(".data.kept", "kept")
            },
        ];
        let used = SymbolFlags::NO_STRIP;
        let alive = |data: &[Data<'_>], references: &[&str]| {
            let user = ("user.o", object(&[], references));
            let found = resolved(&[], &[user, ("lib.a(m.o)", object(data, &[]))]);
            assert_eq!(found.entries, [Selected]);
            found.kept_alive.contains(&ObjectId::for_test(1))
        };
        assert!(alive(&data, &["a"]));
        assert!(!alive(&data, &["kept"]));
        assert!(alive(&[data[0].flags(used), data[1]], &["kept"]));
        assert!(!alive(&data[..1], &["a"]));
        assert!(!alive(&data, &[]));
    }
}
