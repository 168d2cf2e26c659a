//! A first look at each object: most have nothing to gather, and of those only the section headers and the
//! `linking` section are looked at.

use super::mark;
use super::selection::{self, Selection};
use crate::error::{Error, Result};
use crate::input::Module;
use crate::wasm::{CUSTOM, Headers, SEGMENT_INFO, Sections, Segments, subsections};
use memchr::memmem::Finder;

/// What to search for in every object.
pub struct Finders {
    mark: Finder<'static>,
    start: Finder<'static>,
    stop: Finder<'static>,
}

impl Finders {
    /// Made once, for all objects.
    pub fn new() -> Self {
        Self {
            mark: Finder::new(mark::MARK_PREFIX),
            start: Finder::new(selection::START),
            stop: Finder::new(selection::STOP),
        }
    }
}

/// An object by its section headers.
pub struct QuickScan {
    /// Whether the text of a mark is somewhere in it.
    pub has_marks: bool,
    /// Undefined symbols that speak of the ends of a section.
    pub undefined: Vec<String>,
}

impl QuickScan {
    /// `None` for what is no object: shared libraries, and in archives also what compilers put
    /// beside objects (`lib.rmeta` of an rlib is a module too).
    ///
    /// # Errors
    /// It is not right.
    pub fn of(module: &Module<'_>, finders: &Finders) -> Result<Option<Self>> {
        let bytes = module.load()?;
        let (mut linking, mut is_shared) = (None, false);
        for header in Headers::of(&bytes)? {
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
                            "if this should be an object, it was truncated or stripped: rebuild it",
                        ),
                );
            }
            return Ok(None);
        };
        let has = |needle: &Finder<'_>| needle.find(linking.content).is_some();
        let undefined = match has(&finders.start) || has(&finders.stop) {
            true => selection::bound_references(&linking)?,
            false => Vec::new(),
        };
        Ok(Some(Self {
            has_marks: has(&finders.mark),
            undefined,
        }))
    }
}

/// Whether a closer look at an object without marks is due.
///
/// # Errors
/// It is not right.
pub fn may_have_entries(module: &Module<'_>, selection: &Selection) -> Result<bool> {
    for section in Sections::of(&module.load()?)? {
        let section = section?;
        if section.id != CUSTOM {
            continue;
        }
        if selection.selects_custom_sections(section.name) {
            return Ok(true);
        }
        let subsections = (section.name == "linking").then(|| subsections(&section));
        for (id, reader) in subsections.transpose()?.into_iter().flatten() {
            if id != SEGMENT_INFO {
                continue;
            }
            for segment in Segments::new(reader)? {
                if selection.selects_segments(segment?.0.name) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
