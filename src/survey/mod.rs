//! The survey: which sections are gathered, and their entries.

mod bitcode;
mod entries;
mod intern;
mod keep;
mod mark;
mod marked;
mod quick_scan;
mod reference;
mod selection;
#[cfg(test)]
mod tests;
mod title;

pub use bitcode::WithEntries;
pub use entries::{Entry, EntryId, EntryRange, EntrySymbol, Origin, Role, Summary, read_again};
pub use intern::NameId;
pub use keep::{Keep, KeptSection, KeptSections};
pub use mark::{crate_of_symbol, dropped_exports, is_c_identifier, is_marked};
pub use selection::{START, STOP, Selection};
pub use title::{entry_name, is_nameless, is_section_function, section_title};

use self::bitcode::BitcodeScan;
use self::entries::{Collected, Findings, ObjectScan, Undefined};
use self::intern::{Interner, NameStore};
use self::quick_scan::{Finders, QuickScan, may_have_entries};
use crate::args::{CommandLine, Id};
use crate::error::{Error, Result};
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, Modules, ObjectId, ObjectMap};
use crate::script::Script;
use crate::wasm::Object;
use std::collections::BTreeSet;
use std::ops::Index;

/// The result of the survey.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The objects that have entries.
    pub objects: ObjectMap<Summary>,
    /// The entries in link order. Those of one object are contiguous.
    pub entries: Vec<Entry>,
    /// The names of their symbols.
    symbol_names: NameStore,
    /// The names of their sections, and of their COMDAT groups.
    names: Interner,
    /// Which sections are gathered.
    pub selection: Selection,
    /// Which custom sections `--section-keep` keeps.
    pub keep: Keep,
    /// The objects that have kept custom sections.
    pub kept: ObjectMap<KeptSections>,
    /// Bitcode that is not compiled yet.
    bitcode: Vec<BitcodeScan<'a>>,
    /// The marked symbols that objects reference and do not define.
    undefined: Vec<Undefined>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Symbols that an object, bitcode or the command line references and that may be marks.
    referred: HashSet<String>,
}

/// Surveys the inputs. Most have nothing to gather: of those only the section headers and the
/// `linking` section are read.
///
/// # Errors
/// A malformed object or mark.
pub fn survey<'a>(line: &CommandLine, script: &Script, inputs: &Inputs<'a>) -> Result<Survey<'a>> {
    let modules = &inputs.modules;
    let selection = Selection::from_options(line, script);
    let keep = Keep::from_options(line);
    let warnings = selection.invalid_names().map(not_gathered);
    let warnings = warnings.chain(keep.reserved_names().map(keep::not_kept));
    let by_people = line.exports().filter(|(_, _, is_derived)| !is_derived);
    let referred = line.values(Id::Undefined);
    let referred = referred.chain(by_people.map(|(_, symbol, _)| symbol));
    let mut survey = Survey {
        warnings: warnings.collect(),
        bitcode: Vec::new(),
        undefined: Vec::new(),
        objects: ObjectMap::default(),
        entries: Vec::new(),
        symbol_names: NameStore::default(),
        names: Interner::default(),
        selection,
        kept: keep.sections(inputs)?,
        keep,
        referred: referred
            .map(|symbol| crate::names::text(symbol.as_encoded_bytes()).into_owned())
            .collect(),
    };
    // Compiled bitcode is among the modules.
    let bitcode = inputs.bitcode.iter().filter(|_| !inputs.is_compiled());
    let bitcode: Vec<_> = bitcode.map(BitcodeScan::of).collect::<Result<_>>()?;
    for scan in &bitcode {
        survey.selection.add_references(scan.undefined());
        survey.selection.add_marked(scan.marked_sections());
        survey.referred.extend(scan.undefined().map(str::to_owned));
    }
    let mut scans = Vec::new();
    let finders = Finders::new();
    for (id, module) in modules.with_ids() {
        let scan = match QuickScan::of(module, &finders) {
            Err(_) if module.place.ambiguous => None,
            scan => scan.map_err(|error| error.in_file(&module.name))?,
        };
        if let Some(scan) = scan {
            let undefined = scan.undefined.iter();
            survey
                .selection
                .add_references(undefined.map(String::as_str));
            scans.push((id, scan));
        }
    }
    let any_marks = scans.iter().any(|(_, scan)| scan.has_marks);
    if any_marks || !survey.selection.is_empty() {
        survey.undefined = survey.collect(inputs, &scans)?;
        inputs.release();
    }
    survey.bitcode = bitcode;
    Ok(survey)
}

fn not_gathered(name: &str) -> String {
    format!(
        "--gather={name}: a section of that name is not gathered\n\
         >>> `__start_NAME` and `__stop_NAME` exist for letters, digits and `_` only; a linker script \
         (-T) can lay out any section"
    )
}

impl Index<EntryId> for Survey<'_> {
    type Output = Entry;

    fn index(&self, id: EntryId) -> &Entry {
        &self.entries[id.position()]
    }
}

impl<'a> Survey<'a> {
    /// The link section of an entry.
    pub fn section(&self, entry: &Entry) -> &str {
        self.section_name(entry.section)
    }

    /// The name of a link section.
    pub fn section_name(&self, section: NameId) -> &str {
        &self.names.names()[section.position()]
    }

    /// The name of a symbol of an entry.
    pub fn name(&self, symbol: &EntrySymbol) -> &str {
        self.symbol_names.get(symbol.name)
    }

    /// The node that points to the entry, if it has the role [`Role::Value`].
    pub fn node(&self, id: EntryId) -> Option<EntryId> {
        match self[id].role {
            Role::Value(distance) => {
                let position = id.position().checked_add_signed(distance as isize);
                position.map(EntryId::new)
            }
            Role::Entry | Role::Node => None,
        }
    }

    /// The ids of all entries.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        EntryRange::new(0..self.entries.len()).ids()
    }

    /// The names of the kept custom sections.
    pub fn kept_names(&self) -> BTreeSet<&str> {
        let sections = self.kept.values().flat_map(|kept| &kept.sections);
        sections.map(|section| section.name.as_str()).collect()
    }

    /// The objects that have entries, each with its entries.
    pub fn by_object(&self) -> impl Iterator<Item = (ObjectId, EntryRange)> {
        let runs = self.entries.chunk_by(|a, b| a.object == b.object);
        let mut start = 0;
        runs.filter_map(move |run| {
            let range = EntryRange::new(start..start + run.len());
            start += run.len();
            Some((run.first()?.object, range))
        })
    }

    /// Frees the names of symbols. They are empty from then on.
    pub fn forget_names(&mut self) {
        self.symbol_names = NameStore::default();
    }

    /// Collects the entries. Returns the marked symbols that objects reference and do not define.
    fn collect(
        &mut self,
        inputs: &Inputs<'a>,
        scans: &[(ObjectId, QuickScan)],
    ) -> Result<Vec<Undefined>> {
        let modules = &inputs.modules;
        let mut findings = Findings::default();
        let with_marks = scans.iter().filter(|(_, scan)| scan.has_marks);
        let with_marks: Vec<_> = with_marks.map(|(id, _)| (*id, true)).collect();
        self.scan_objects(inputs, &with_marks, &mut findings)?;
        // Names and sizes are known; the contents are read again later.
        inputs.release();
        // A mark in one object selects the section in all objects, so scan those without marks too.
        let mut others = self.discard_incomplete(&mut findings);
        let may_be_any = self.selection.may_select_of_compiler();
        let unmarked = scans
            .iter()
            .filter(|(_, scan)| !scan.has_marks && (scan.has_named_sections || may_be_any));
        for (id, _) in unmarked {
            let module = &modules[*id];
            let may_have = may_have_entries(module, &self.selection);
            if may_have.map_err(|error| error.in_file(&module.name))? {
                others.push((*id, false));
            }
        }
        if !others.is_empty() {
            others.sort_unstable();
            self.scan_objects(inputs, &others, &mut findings)?;
            self.entries.sort_by_key(|entry| entry.object);
            findings.undefined.sort_by_key(|(id, _)| *id);
        }
        findings.warnings.sort();
        let warnings = findings.warnings.iter();
        let warnings = warnings.map(|(id, warning)| format!("{}: {warning}", modules[*id].name));
        self.warnings.extend(warnings);
        Ok(findings.undefined)
    }

    /// Scans objects in full, each with whether it may have marks.
    fn scan_objects(
        &mut self,
        inputs: &Inputs<'a>,
        objects: &[(ObjectId, bool)],
        findings: &mut Findings,
    ) -> Result<()> {
        let modules = &inputs.modules;
        let mut marked = HashSet::default();
        let cores = inputs.threads.for_objects(objects.len());
        for objects in objects.chunks(cores.at_a_time()) {
            let found = cores.try_map(objects, |&(id, has_marks)| {
                let module = &modules[id];
                let found = ObjectScan::of(id, module, has_marks, &self.selection);
                found.map_err(|error| error.in_file(&module.name))
            })?;
            for (&(id, _), mut found) in objects.iter().zip(found) {
                marked.extend(found.marked.drain(..));
                self.referred.extend(found.referred.drain(..));
                findings.add(id, &mut found);
                if let Some(summary) = found.summary {
                    self.add(found.collected)?;
                    self.objects.insert(id, summary);
                }
            }
        }
        // Only after the loop: every object is scanned with the same selection.
        self.selection
            .add_marked(marked.iter().map(|section| &**section));
        Ok(())
    }

    /// Discards the results of objects that have more entries now that more sections are selected,
    /// and returns these objects.
    fn discard_incomplete(&mut self, findings: &mut Findings) -> Vec<(ObjectId, bool)> {
        let selection = &self.selection;
        let is_wanted = |name: &str| {
            selection.selects_segments(name) || selection.selects_custom_sections(name)
        };
        let candidates = std::mem::take(&mut findings.candidates);
        let incomplete = candidates.into_iter();
        let incomplete = incomplete.filter(|(_, names)| names.iter().any(|name| is_wanted(name)));
        let incomplete: BTreeSet<ObjectId> = incomplete.map(|(id, _)| id).collect();
        let stays = |id: &ObjectId| !incomplete.contains(id);
        if !incomplete.is_empty() {
            self.entries.retain(|entry| stays(&entry.object));
            findings.undefined.retain(|(id, _)| stays(id));
            findings.warnings.retain(|(id, _)| stays(id));
        }
        incomplete.into_iter().map(|id| (id, true)).collect()
    }

    /// Adds the entries of an object.
    fn add(&mut self, collected: Collected) -> Result<()> {
        let names = self.names.intern_all(&collected.names);
        let mut entries = collected.entries;
        for entry in &mut entries {
            entry.section = names[entry.section.position()];
            entry.comdat = entry.comdat.map(|comdat| names[comdat.position()]);
        }
        let Some(start) = self.symbol_names.append(&collected.symbol_names) else {
            return Err(Error::new("the names of all entries take more than 4 GiB"));
        };
        let symbols = entries.iter_mut().flat_map(|entry| &mut entry.symbols);
        symbols.for_each(|symbol| symbol.name = symbol.name.shifted(start));
        match self.entries.is_empty() {
            // Avoids a copy for the common case of one object with many entries.
            true => self.entries = entries,
            false => self.entries.append(&mut entries),
        }
        Ok(())
    }

    /// Whether a symbol of an entry may be a mark. Objects that define or reference one were
    /// scanned in full.
    pub fn is_mark(&self, entry: &Entry, symbol: &EntrySymbol) -> bool {
        entry.all_marked || mark::may_be_mark(self.name(symbol))
    }

    /// Whether a global symbol of an entry exists for its mark alone: no object, bitcode or option
    /// references it. Objects that reference a mark were scanned in full.
    pub fn is_unreferred_mark(&self, entry: &Entry, symbol: &str) -> bool {
        let is_mark = entry.all_marked || mark::may_be_mark(symbol);
        is_mark && (self.referred.is_empty() || !self.referred.contains(symbol))
    }

    /// The bitcode that has entries of gathered sections or may have kept custom sections, which the backend must compile first. `gathers`
    /// tells whether a section of a name is gathered, as far as objects say.
    pub fn bitcode_with_entries(&self, gathers: impl Fn(&str) -> bool) -> Vec<WithEntries> {
        bitcode::with_entries(&self.bitcode, &self.selection, &self.keep, gathers)
    }

    /// The sections for which bitcode has entries in COMDAT groups.
    pub fn bitcode_comdats(&self) -> impl Iterator<Item = &str> {
        bitcode::comdat_sections(&self.bitcode)
    }

    /// The marked symbols that no entry defines, each with the first object that references it.
    pub fn undefined_marks(&self) -> Vec<(&str, ObjectId)> {
        if self.undefined.is_empty() {
            return Vec::new();
        }
        let names = self.entries.iter().flat_map(|entry| {
            let symbols = entry.symbols.iter();
            symbols.map(|symbol| self.name(symbol))
        });
        let mut known: HashSet<&str> = names.collect();
        let undefined = self.undefined.iter();
        let undefined = undefined.map(|(id, name)| (name.as_str(), *id));
        undefined.filter(|(name, _)| known.insert(name)).collect()
    }
}

/// The global symbols of the objects that are always linked.
pub fn defined_symbols(modules: &Modules<'_>) -> HashSet<String> {
    let linked = modules.iter().filter(|module| module.always_linked());
    let mut defined = HashSet::default();
    for bytes in linked.map(Module::object_bytes) {
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        let symbols = object.symbols.iter();
        let global = symbols.filter(|symbol| !symbol.is_undefined() && !symbol.is_local());
        defined.extend(global.map(|symbol| symbol.name.to_owned()));
    }
    defined
}

/// Those of `names` that an object references, each with the first such object.
pub fn referrers<'n, 'm>(
    modules: impl Iterator<Item = &'m Module<'m>>,
    names: &HashSet<&'n str>,
) -> HashMap<&'n str, &'m Module<'m>> {
    let mut referrers = HashMap::default();
    for module in modules.filter(|_| !names.is_empty()) {
        let bytes = module.object_bytes();
        let Ok(object) = Object::parse(&bytes) else {
            continue;
        };
        for symbol in object.symbols.iter().filter(|symbol| symbol.is_undefined()) {
            if let Some(name) = names.get(symbol.name) {
                referrers.entry(*name).or_insert(module);
            }
        }
    }
    referrers
}
