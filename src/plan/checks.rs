//! Checks of a finished layout: contents that are not loaded, references to absolute symbols, and references to
//! discarded entries.

use super::image::Image;
use super::layout::Layout;
use crate::demangle;
use crate::error::{Error, Result};
use crate::input::Modules;
use crate::script::Script;
use crate::survey::{EntryId, Survey, read_again, referrers};

/// Checks a layout.
///
/// # Errors
/// A violation, or a malformed object.
pub fn check(
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    script: &Script,
    layout: &Layout<'_>,
) -> Result<()> {
    check_noload(survey, modules, script, &layout.image)?;
    check_numbers(modules, &layout.image)?;
    check_discarded(survey, modules, &layout.discarded)
}

/// Rejects contents in `(NOLOAD)` sections. A loader does not load these. In wasm such memory is zero, as is all
/// memory for which there is no data segment.
fn check_noload(
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    script: &Script,
    image: &Image<'_>,
) -> Result<()> {
    for output in script.outputs() {
        let name = &output.name.value;
        let (Some(span), Some(extent)) = (&output.noload, image.output(name)) else {
            continue;
        };
        let section = &image.sections[extent.section];
        let range = extent.start..extent.end.unwrap_or(extent.start);
        let within = |offset: u32| range.contains(&u64::from(offset));
        let of_script = section.data.iter().any(|item| within(item.offset));
        let entries = section.entries.iter().filter(|one| within(one.offset));
        let mut with_contents = of_script.then(|| "the script".to_owned());
        for placed in entries {
            if with_contents.is_none() && has_contents(survey, modules, placed.entry)? {
                let object = survey[placed.entry].object;
                with_contents = Some(modules[object].name.to_string());
            }
        }
        if let Some(from) = with_contents {
            return Err(span.error(format!(
                "a (NOLOAD) section must have no contents, but `{name}` has some from {from}"
            )));
        }
    }
    Ok(())
}

/// Whether an entry is anything but zeros.
fn has_contents(survey: &Survey<'_>, modules: &Modules<'_>, id: EntryId) -> Result<bool> {
    let entry = &survey[id];
    let module = &modules[entry.object];
    let read = || {
        let bytes = module.object_bytes();
        let object = read_again(&bytes, [entry])?;
        if entry.data(&object).iter().any(|&byte| byte != 0) {
            return Ok(true);
        }
        match entry.segment() {
            Some(segment) => Ok(!object
                .relocations_within(segment, entry.range())?
                .is_empty()),
            None => Ok(false),
        }
    };
    read().map_err(|error: Error| error.in_file(&module.name))
}

/// Rejects objects that refer to a symbol that is a number. `wasm-ld` adds an address to every data symbol of
/// an object, absolute ones too, so only the script can use numbers.
fn check_numbers(modules: &Modules<'_>, image: &Image<'_>) -> Result<()> {
    let numbers: Vec<_> = image.numbers().collect();
    let names = numbers.iter().map(|name| name.value.as_str()).collect();
    let referrers = referrers(modules.iter(), &names);
    for name in numbers {
        if let Some(module) = referrers.get(name.value.as_str()) {
            let (symbol, input) = (&name.value, &module.name);
            return Err(name
                .span
                .error(format!(
                    "symbol `{symbol}` is a number, but {input} refers to it; wasm data symbols \
                     are addresses"
                ))
                .note("store the number with LONG(expression), and read it from memory"));
        }
    }
    Ok(())
}

/// Rejects references to discarded entries, which are defined nowhere. If one is in an archive member, the
/// archive would offer its definition to the reference again.
fn check_discarded(
    survey: &Survey<'_>,
    modules: &Modules<'_>,
    discarded: &[EntryId],
) -> Result<()> {
    let mut symbols = Vec::new();
    for id in discarded {
        let entry = &survey[*id];
        let module = &modules[entry.object];
        for symbol in entry.symbols.iter().filter(|_| module.is_member()) {
            if !symbol.is_local() {
                symbols.push((survey.name(symbol), module));
            }
        }
    }
    let names = symbols.iter().map(|(name, _)| *name).collect();
    let linked = modules.iter().filter(|other| other.always_linked());
    let referrers = referrers(linked, &names);
    for (name, module) in symbols {
        if let Some(other) = referrers.get(name) {
            return Err(
                Error::new(format!("undefined symbol: {}", demangle::shown(name)))
                    .note(format!(
                        "the script discards its definition in {}",
                        module.name
                    ))
                    .note("remove it from /DISCARD/, or remove the reference")
                    .in_file(&other.name),
            );
        }
    }
    Ok(())
}
