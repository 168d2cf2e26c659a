//! The relocations of entries, as relocations of a data segment.

use super::output::Base;
use crate::error::{Error, Result};
use crate::survey::{Entry, Origin};
use crate::wasm::{Object, Relocation, RelocationType, SectionIndex, SegmentIndex};
use std::borrow::Cow;

/// The relocations of an entry of `section`, and the offset that theirs count from. Those of a custom
/// section become the ones that mean the same in memory.
///
/// # Errors
/// A relocation that has no meaning in memory, that goes beyond the end of its entry, or that the backend
/// cannot write into such an output.
pub(super) fn entry_relocations<'o>(
    object: &'o Object<'_>,
    entry: &Entry,
    section: &str,
    output: Base,
) -> Result<(u32, Cow<'o, [Relocation]>)> {
    let (base, start, relocations) = match entry.origin {
        Origin::Custom(from, _) => {
            let start = object.sections[from.position()].content_start() as u64;
            (0, start, of_custom_section(object, from)?.into())
        }
        Origin::Segment(from) | Origin::Symbol(from, _) => {
            let base = object.segment(from).offset + entry.start();
            let relocations = of_segment(object, entry, section, (from, base))?;
            (base, object.data_start(), relocations.into())
        }
    };
    let relocations: Cow<'_, [Relocation]> = relocations;
    if output == Base::MemoryBase {
        for relocation in relocations.iter() {
            check_distance(object, relocation, section)
                .map_err(|error| error.at(start + u64::from(relocation.offset)))?;
        }
    }
    Ok((base, relocations))
}

fn of_custom_section(object: &Object<'_>, section: SectionIndex) -> Result<Vec<Relocation>> {
    let section_of = &object.sections[section.position()];
    let start = section_of.content_start() as u64;
    let converted = object.relocations(section)?.into_iter().map(|relocation| {
        in_memory(relocation, &section_of.name)
            .map_err(|error| error.at(start + u64::from(relocation.offset)))
    });
    converted.collect()
}

/// Those of an entry that begins at the offset `base` in the data section.
fn of_segment<'o>(
    object: &'o Object<'_>,
    entry: &Entry,
    section: &str,
    (segment, base): (SegmentIndex, u32),
) -> Result<&'o [Relocation]> {
    let end = base as usize + entry.size as usize;
    let relocations = object.relocations_within(segment, entry.range())?;
    for relocation in relocations {
        let start = relocation.offset as usize;
        check_in_entry(relocation, end - start, section)
            .map_err(|error| error.at(object.data_start() + start as u64))?;
    }
    Ok(relocations)
}

/// Rejects a distance (`R_WASM_MEMORY_ADDR_LOCREL_I32`) in position-independent output. It is the same
/// wherever the module is loaded, but no backend writes it right: 14 to 19 add the base to it, and 22
/// rejects it without a location.
fn check_distance(object: &Object<'_>, relocation: &Relocation, section: &str) -> Result<()> {
    if relocation.ty != RelocationType::MemoryAddrLocrelI32 {
        return Ok(());
    }
    Err(Error::new(format!(
        "an entry of section `{section}` holds its distance to `{}`, which wasm-ld cannot write into a \
         position-independent module",
        object.symbol(relocation.symbol()).name
    ))
    .note("let it hold the address itself: whoever loads the module puts it right"))
}

/// The relocation that means in memory what `relocation` means in a custom section.
///
/// A function there is an offset into the code section, which is no pointer: in memory a function
/// is its index in the table.
fn in_memory(relocation: Relocation, section: &str) -> Result<Relocation> {
    use RelocationType::*;
    let ty = match relocation.ty {
        FunctionOffsetI32 => TableIndexI32,
        FunctionOffsetI64 => TableIndexI64,
        MemoryAddrI32 | MemoryAddrI64 | MemoryAddrLocrelI32 | TableIndexI32 | TableIndexI64 => {
            relocation.ty
        }
        SectionOffsetI32 => return Err(meaningless(section, "an offset into a custom section")),
        GlobalIndexI32 => return Err(meaningless(section, "the index of a wasm global")),
        FunctionIndexI32 => return Err(meaningless(section, "the index of a function")),
        other => {
            let what = format!("what relocation {other:?} gives");
            return Err(meaningless(section, &what));
        }
    };
    if ty != relocation.ty && relocation.addend != 0 {
        return Err(meaningless(section, "a place inside a function's code"));
    }
    Ok(Relocation {
        ty,
        addend: if ty == relocation.ty {
            relocation.addend
        } else {
            0
        },
        ..relocation
    })
}

/// Of a data segment's relocations only those of pointers can be, `room` bytes before the end of
/// their entry.
fn check_in_entry(relocation: &Relocation, room: usize, section: &str) -> Result<()> {
    use RelocationType::*;
    let size = match relocation.ty {
        MemoryAddrI32 | MemoryAddrLocrelI32 | TableIndexI32 => 4,
        MemoryAddrI64 | TableIndexI64 => 8,
        other => {
            let what = format!("what relocation {other:?} gives");
            return Err(meaningless(section, &what));
        }
    };
    if size > room {
        return Err(Error::damaged(format!(
            "a relocation goes beyond the end of its entry of section `{section}`"
        )));
    }
    Ok(())
}

fn meaningless(section: &str, what: &str) -> Error {
    Error::new(format!(
        "an entry of section `{section}` holds {what}, which has no meaning in linear memory"
    ))
    .note("an entry may hold addresses of data and of functions")
}
