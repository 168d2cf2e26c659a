//! Undeclared sections, whose bounds code refers to, and undefined marks.

use super::gatherer::is_root;
use super::output::Plan;
use crate::bitcode::Bitcode;
use crate::demangle;
use crate::error::Error;
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, Modules};
use crate::names;
use crate::survey::{Entry, Origin, START, STOP, Survey, is_c_identifier};
use crate::wasm::Object;
use memchr::memmem;
use std::collections::BTreeSet;

/// An undefined mark, or a bound of a section that has no entries or none that is certainly linked.
#[derive(Debug)]
pub struct Undeclared<'a> {
    /// The symbol.
    symbol: String,
    /// The first object with a strong reference to it; none if an option refers to it.
    referrer: Option<&'a Module<'a>>,
    /// What to do.
    hints: Vec<String>,
}

/// The undeclared symbols of a link. Only the backend knows whether live code refers to them.
pub fn undeclared<'a>(
    survey: &Survey<'_>,
    plan: &Plan,
    inputs: &'a Inputs<'a>,
) -> Vec<Undeclared<'a>> {
    let marks = survey.undefined_marks().into_iter();
    let marks = marks.map(|(symbol, referrer)| Undeclared {
        symbol: symbol.to_owned(),
        referrer: Some(&inputs.modules[referrer]),
        hints: vec![format!(
            "`{}` is a marked symbol, and no input defines it: link the object that does, or take the \
             reference out",
            demangle::shown(symbol)
        )],
    });
    marks.chain(ends(survey, plan, inputs)).collect()
}

/// The bounds of sections that neither the plan nor, for certain, the backend defines.
fn ends<'a>(survey: &Survey<'_>, plan: &Plan, inputs: &'a Inputs<'a>) -> Vec<Undeclared<'a>> {
    let modules = &inputs.modules;
    let planned = plan.sections.iter().filter(|section| !section.is_empty());
    let mut declared: HashSet<&str> = planned.map(|section| section.name.as_str()).collect();
    let linked = survey.entries.iter().filter(|entry| {
        let is_segment = matches!(entry.origin, Origin::Segment(_));
        let is_kept = entry.is_retained || entry.symbols.iter().any(is_root);
        let is_left = plan.left_to_backend.contains(survey.section(entry));
        is_left && is_segment && is_kept && modules[entry.object].always_linked()
    });
    declared.extend(linked.map(|entry| survey.section(entry)));
    let named = survey.selection.names();
    let sections: Vec<&str> = named.filter(|name| !declared.contains(name)).collect();
    if sections.is_empty() {
        return Vec::new();
    }
    let in_bitcode = sections_of_bitcode(inputs);
    let entries = survey.entries.iter();
    let mut known: BTreeSet<String> = entries
        .map(|entry| survey.section(entry).to_owned())
        .collect();
    let mut referrers: HashMap<String, &Module<'_>> = HashMap::default();
    for module in modules.iter() {
        let bytes = module.object_bytes();
        if let Ok(object) = Object::parse(&bytes) {
            known.extend(names_in(&object).map(str::to_owned));
            for name in ends_referred_to(&object) {
                referrers.entry(name.to_owned()).or_insert(module);
            }
        }
    }
    let mut all = Vec::new();
    for section in sections {
        if in_bitcode.contains(section) {
            continue;
        }
        let hints = hints(survey, plan, modules, (section, &known));
        for prefix in [START, STOP] {
            let symbol = format!("{prefix}{section}");
            all.push(Undeclared {
                referrer: referrers.get(&symbol).copied(),
                symbol,
                hints: hints.clone(),
            });
        }
    }
    all
}

impl Undeclared<'_> {
    /// Whether an object refers to it.
    pub fn is_referred(&self) -> bool {
        self.referrer.is_some()
    }

    /// Whether the backend reports it as undefined, by its name or its demangled name.
    pub fn is_in(&self, messages: &[u8]) -> bool {
        let path = demangle::as_llvm(&self.symbol);
        let names = [names::bytes(&self.symbol).into_owned()].into_iter();
        let names: Vec<_> = names.chain(path.map(String::into_bytes)).collect();
        let mut lines = messages.split(|&byte| byte == b'\n');
        lines.any(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let ends = |name: &Vec<u8>| {
                let before = line.strip_suffix(&name[..]);
                before.is_some_and(|before| before.ends_with(b": "))
            };
            names.iter().any(ends) && memmem::find(line, b"error: ").is_some()
        })
    }

    /// The error.
    pub fn error(&self) -> Error {
        let error = Error::new(format!(
            "undefined symbol: {}",
            demangle::shown(&self.symbol)
        ));
        let hints = self.hints.iter();
        let error = hints.fold(error, |error, hint| error.note(hint));
        match self.referrer {
            Some(module) => error.in_file(&module.name),
            None => error,
        }
    }

    /// A note to the backend's error.
    pub fn hint(&self) -> String {
        self.hints.join("\n>>> ")
    }
}

fn hints(
    survey: &Survey<'_>,
    plan: &Plan,
    modules: &Modules<'_>,
    (section, known): (&str, &BTreeSet<String>),
) -> Vec<String> {
    let is_own = |entry: &&Entry| survey.section(entry) == section;
    if let Some(entry) = survey.entries.iter().find(is_own) {
        let object = &modules[entry.object].name;
        return vec![match plan.left_to_backend.contains(section) {
            true => format!(
                "section `{section}` has an entry in {object}, which is not linked, or is dropped as \
                 garbage; to keep it, give --gather={section}"
            ),
            false => {
                format!("the script leaves the entries of section `{section}` out, as of {object}")
            }
        }];
    }
    let mut hints = vec![format!(
        "no input has an entry of section `{section}`, or declares it"
    )];
    let distance = |name: &str| match name.eq_ignore_ascii_case(section) {
        true => 0,
        false => strsim::damerau_levenshtein(name, section),
    };
    let near = known.iter().map(|name| (distance(name), name));
    let most = 1 + section.len() / 5;
    if let Some((_, near)) = near.filter(|(distance, _)| *distance <= most).min() {
        hints.push(format!("did you mean `{near}`?"));
    }
    let is_rlib = |module: &Module<'_>| module.name.file().extension().is_some_and(|e| e == "rlib");
    if modules.iter().any(is_rlib) {
        hints.push(
            "rustc links only crates that are named: in the program, say `use NAME as _;` for each \
             crate that has entries"
                .to_owned(),
        );
    }
    hints
}

/// Names of data segments and custom sections that may be names of link sections.
fn names_in<'a>(object: &'a Object<'_>) -> impl Iterator<Item = &'a str> {
    let segments = object.segments.iter().map(|segment| segment.name);
    let custom = object.custom_sections().map(|(_, section)| &*section.name);
    segments.chain(custom).filter(|name| is_c_identifier(name))
}

/// Undefined symbols that may be bounds of sections. A weak one may be null.
fn ends_referred_to<'a>(object: &Object<'a>) -> impl Iterator<Item = &'a str> {
    let symbols = object.symbols.iter();
    let undefined = symbols.filter(|symbol| symbol.is_undefined() && !symbol.is_weak());
    let names = undefined.map(|symbol| symbol.name);
    names.filter(|name| name.starts_with(START) || name.starts_with(STOP))
}

/// The sections of data in bitcode.
fn sections_of_bitcode(inputs: &Inputs<'_>) -> BTreeSet<String> {
    let bitcode = inputs.bitcode.iter().filter(|_| !inputs.is_compiled());
    let mut sections = BTreeSet::new();
    for bytes in bitcode.map(Module::contents) {
        let symbols = Bitcode::parse(bytes).symbols.unwrap_or_default();
        let named = symbols.iter().filter_map(|symbol| symbol.section);
        sections.extend(named.map(str::to_owned));
    }
    sections
}
