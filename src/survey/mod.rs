//! What there is to gather: the wanted sections, and the entries that they have.

mod bitcode;
mod double;
mod entries;
mod mark;
mod reference;
mod symbols;
mod wanted;

pub use bitcode::WithEntries;
pub use entries::{Entry, Origin};
pub use mark::{crate_of_symbol, is_c_identifier, is_marked};
pub use symbols::{defined_symbols, referrers};
pub use wanted::Wanted;

use self::entries::Marks;
use crate::args::{CommandLine, Id};
use crate::error::{Error, Result};
use crate::hash::HashSet;
use crate::input::{Inputs, Module, Name, ObjectId, ObjectMap};
use crate::parallel;
use crate::script::Script;
use crate::wasm::{CUSTOM, Headers, Object, SEGMENT_INFO, Section, Sections, subsections};
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What was found.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The objects that have entries.
    pub objects: ObjectMap<Object<'a>>,
    /// The entries, in link order.
    pub entries: Vec<Entry<'a>>,
    /// Which sections are gathered.
    pub wanted: Wanted,
    /// The bitcode that has entries too, which the backend must compile first.
    pub bitcode: Vec<WithEntries>,
    /// What a user should know.
    pub warnings: Vec<String>,
    /// Names with the text of a mark that an object, bitcode or the command line refers to.
    referred: HashSet<Cow<'a, str>>,
}

/// Looks through the inputs. Most have nothing to gather, and of those only the section headers
/// and the `linking` section are looked at. `marks_seen` is called where there are marks, before they
/// are looked into.
///
/// # Errors
/// An object or a mark that is not right, and what `marks_seen` fails with.
pub fn survey<'a>(
    line: &CommandLine,
    script: &Script,
    inputs: &Inputs<'a>,
    marks_seen: impl FnOnce() -> Result<()>,
) -> Result<Survey<'a>> {
    let modules = &inputs.modules;
    let wanted = Wanted::by_policy(line, script);
    let in_vain = wanted.in_vain().map(gathered_in_vain);
    let mut survey = Survey {
        warnings: in_vain.collect(),
        bitcode: Vec::new(),
        objects: ObjectMap::default(),
        entries: Vec::new(),
        wanted,
        referred: line
            .values(Id::Undefined)
            .filter_map(|symbol| Some(symbol.to_str()?.to_owned().into()))
            .collect(),
    };
    // What has been compiled is among the modules.
    let bitcode = inputs.bitcode.iter().filter(|_| !inputs.is_compiled());
    let bitcode: Vec<_> = bitcode.map(bitcode::Glance::at).collect::<Result<_>>()?;
    for glance in &bitcode {
        survey.wanted.by_symbols(glance.undefined());
        survey.wanted.by_marks(glance.marked_sections());
        let undefined = glance.undefined().map(|symbol| symbol.to_owned().into());
        survey.referred.extend(undefined);
    }
    let mut glances = Vec::new();
    let needles = Needles::new();
    for (position, module) in modules.iter().enumerate() {
        let in_file = |error: Error| error.in_file(&module.name);
        let glance = match Glance::at(module, &needles) {
            Err(_) if module.place.ambiguous => None,
            glance => glance.map_err(in_file)?,
        };
        let Some(glance) = glance else {
            continue;
        };
        if glance.has_references {
            survey
                .wanted
                .by_references(&glance.linking)
                .map_err(in_file)?;
        }
        glances.push((ObjectId(position), glance));
    }
    let any_marks = glances.iter().any(|(_, glance)| glance.has_marks);
    if any_marks {
        marks_seen()?;
    }
    let mut undefined = Vec::new();
    if any_marks || !survey.wanted.is_empty() {
        undefined = survey.collect(inputs, &glances)?;
    }
    survey.bitcode = bitcode::with_entries(&survey, &bitcode);
    if survey.bitcode.is_empty() {
        survey.check_undefined(modules, &undefined)?;
    }
    Ok(survey)
}

fn gathered_in_vain(name: &str) -> String {
    format!(
        "--gather={name}: a section of that name is not gathered\n\
         >>> `__start_NAME` and `__stop_NAME` exist for letters, digits and `_` only; a linker script \
         (-T) can lay out any section"
    )
}

/// What to search for in every object.
struct Needles {
    mark: Finder<'static>,
    start: Finder<'static>,
    stop: Finder<'static>,
}

impl Needles {
    fn new() -> Self {
        Self {
            mark: Finder::new(mark::NEEDLE),
            start: Finder::new(wanted::START),
            stop: Finder::new(wanted::STOP),
        }
    }
}

/// Entries that look like copies of others would be lost without a word.
fn of_parts(object: &Name, section: &str) -> String {
    format!(
        "{object}: the custom section `{section}` is not gathered, as there are data segments of that \
         name; it has other bytes than they have\n\
         >>> a partial link (-r) has put parts together that have the one or the other: link the parts \
         themselves"
    )
}

/// An object by its section headers.
struct Glance<'a> {
    linking: Section<'a>,
    /// Whether the text of a mark is somewhere in it.
    has_marks: bool,
    /// Whether `__start_` or `__stop_` is.
    has_references: bool,
}

impl<'a> Glance<'a> {
    /// `None` for what is no object: shared libraries, and in archives also what compilers put
    /// beside objects (`lib.rmeta` of an rlib is a module too).
    fn at(module: &Module<'a>, needles: &Needles) -> Result<Option<Self>> {
        let (mut linking, mut is_shared) = (None, false);
        for header in Headers::of(module.bytes)? {
            let header = header?;
            if header.id != CUSTOM {
                continue;
            }
            match header.name()? {
                b"linking" if linking.is_none() => linking = Some(header.section()?),
                b"dylink.0" => is_shared = true,
                _ => {}
            }
        }
        let Some(linking) = linking else {
            if !is_shared && !module.is_member() {
                return Err(
                    Error::new("not a relocatable wasm file: it has no `linking` section")
                        .note("link the objects that this finished module was made of")
                        .note(
                            "if it should be an object, it was cut off or stripped: build it again",
                        ),
                );
            }
            return Ok(None);
        };
        let has = |needle: &Finder<'_>| needle.find(linking.content).is_some();
        Ok(Some(Self {
            has_marks: has(&needles.mark),
            has_references: has(&needles.start) || has(&needles.stop),
            linking,
        }))
    }

    /// Whether a closer look is due.
    fn may_have_entries(&self, module: &Module<'_>, wanted: &Wanted) -> Result<bool> {
        if self.has_marks {
            return Ok(true);
        }
        for section in Sections::of(module.bytes)? {
            let section = section?;
            if section.id == CUSTOM && wanted.has_custom_sections(section.name) {
                return Ok(true);
            }
        }
        for (id, reader) in subsections(&self.linking)? {
            if id != SEGMENT_INFO {
                continue;
            }
            for segment in wasmparser::SegmentMap::new(reader)? {
                if wanted.has_segments(segment?.name) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// An object with the text of a mark in it.
struct Parsed<'a> {
    object: Object<'a>,
    marks: Marks<'a>,
    /// The sections of the marks; of neighbours that are the same, one.
    sections: Vec<Cow<'a, str>>,
    /// The symbols with the text of a mark that it refers to.
    referred: Vec<&'a str>,
}

impl<'a> Parsed<'a> {
    fn of(module: &Module<'a>) -> Result<Self> {
        let object = Object::parse(module.bytes)?;
        let marks = entries::marks(&object)?;
        let mut sections: Vec<Cow<'a, str>> = Vec::new();
        for mark in marks.iter() {
            if sections.last() != Some(&mark.section) {
                sections.push(mark.section.clone());
            }
        }
        let undefined = object.symbols.iter().filter(|symbol| symbol.is_undefined());
        let names = undefined.map(|symbol| symbol.name);
        Ok(Self {
            referred: names.filter(|name| mark::is_possible(name)).collect(),
            object,
            marks,
            sections,
        })
    }
}

/// An object that has entries, or refers to marks.
struct Found<'a> {
    id: ObjectId,
    object: Object<'a>,
    entries: Vec<Entry<'a>>,
    /// The marks that it refers to, and where, if it is linked.
    undefined: Vec<(&'a str, u64)>,
    /// Custom sections that only look like second copies.
    mixed: BTreeSet<&'a str>,
}

impl<'a> Found<'a> {
    /// What there is in an object, which may have been parsed for its marks already.
    fn of(
        id: ObjectId,
        module: &Module<'a>,
        marked: Option<(Object<'a>, Marks<'a>)>,
        wanted: &Wanted,
    ) -> Result<Self> {
        let (object, marks) = match marked {
            Some(marked) => marked,
            None => (Object::parse(module.bytes)?, Marks::default()),
        };
        let entries = entries::collect(id, &object, &marks, wanted)?;
        let mut undefined = Vec::new();
        if module.always_linked() || !entries.is_empty() {
            undefined.extend(entries::undefined_marks(&object));
        }
        let mut mixed = BTreeSet::new();
        if !entries.is_empty() {
            mixed = double::mixed(&object, wanted);
        }
        Ok(Self {
            id,
            object,
            entries,
            undefined,
            mixed,
        })
    }
}

/// An object that refers to a mark, the mark, and where in the object it does.
type Undefined<'a> = (ObjectId, (&'a str, u64));

impl<'a> Survey<'a> {
    /// Collects the entries. The marks that objects refer to.
    fn collect(
        &mut self,
        inputs: &Inputs<'a>,
        glances: &[(ObjectId, Glance<'a>)],
    ) -> Result<Vec<Undefined<'a>>> {
        let modules = &inputs.modules;
        let mut marked = self.marked(modules, glances)?;
        // Names and sizes are known now.
        inputs.release();
        let mut objects = Vec::new();
        for (id, glance) in glances {
            let module = &modules[id.0];
            let may_have = glance.may_have_entries(module, &self.wanted);
            if may_have.map_err(|error| error.in_file(&module.name))? {
                objects.push((*id, marked.remove(*id)));
            }
        }
        let wanted = &self.wanted;
        let found = parallel::map(objects, |(id, marked)| {
            let module = &modules[id.0];
            let found = Found::of(id, module, marked, wanted);
            found.map_err(|error| error.in_file(&module.name))
        });
        let mut undefined = Vec::new();
        for found in found {
            let found = found?;
            let id = found.id;
            undefined.extend(found.undefined.into_iter().map(|mark| (id, mark)));
            if !found.entries.is_empty() {
                let name = &modules[id.0].name;
                let mixed = found.mixed.into_iter();
                self.warnings
                    .extend(mixed.map(|section| of_parts(name, section)));
                match self.entries.is_empty() {
                    // Of the only object with entries, which may have many.
                    true => self.entries = found.entries,
                    false => self.entries.extend(found.entries),
                }
                self.objects.insert(id, found.object);
            }
        }
        Ok(undefined)
    }

    /// The objects with marks. A section that is marked anywhere is gathered from everywhere.
    fn marked(
        &mut self,
        modules: &[Module<'a>],
        glances: &[(ObjectId, Glance<'a>)],
    ) -> Result<ObjectMap<(Object<'a>, Marks<'a>)>> {
        let with_marks = glances.iter().filter(|(_, glance)| glance.has_marks);
        let ids: Vec<ObjectId> = with_marks.map(|(id, _)| *id).collect();
        let parsed = parallel::map(ids.clone(), |id| {
            let parsed = Parsed::of(&modules[id.0]);
            parsed.map_err(|error| error.in_file(&modules[id.0].name))
        });
        let mut marked = ObjectMap::default();
        for (id, parsed) in ids.into_iter().zip(parsed) {
            let parsed = parsed?;
            let referred = parsed.referred.into_iter().map(Cow::Borrowed);
            self.referred.extend(referred);
            self.wanted
                .by_marks(parsed.sections.iter().map(|section| &**section));
            marked.insert(id, (parsed.object, parsed.marks));
        }
        Ok(marked)
    }

    /// Whether a global symbol of an entry is of those that are there for their marks alone: whoever
    /// refers to one has the text of a mark himself, and was looked into.
    pub fn is_unreferred_mark(&self, entry: &Entry<'_>, symbol: &str) -> bool {
        let is_mark = entry.all_marked || mark::is_possible(symbol);
        is_mark && (self.referred.is_empty() || !self.referred.contains(symbol))
    }

    /// A mark that nobody defines would leave a hole in an array.
    fn check_undefined(&self, modules: &[Module<'_>], undefined: &[Undefined<'_>]) -> Result<()> {
        if undefined.is_empty() {
            return Ok(());
        }
        let defined: HashSet<&str> = self
            .entries
            .iter()
            .flat_map(|entry| {
                let object = &self.objects[entry.object];
                entry
                    .symbols
                    .iter()
                    .map(|&symbol| object.symbol(symbol).name)
            })
            .collect();
        let missing = undefined
            .iter()
            .find(|(_, (name, _))| !defined.contains(name));
        match missing {
            None => Ok(()),
            Some((id, (name, at))) => Err(Error::new(format!(
                "the marked symbol `{name}` is referred to, and no input defines it"
            ))
            .at(*at)
            .note("link the object that defines it, or take the reference out")
            .in_file(&modules[id.0].name)),
        }
    }
}
