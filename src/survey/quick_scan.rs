//! The quick scan of an object: its section headers and its `linking` section. Most objects have nothing to
//! gather, so this is all that the survey reads of them.

use super::mark;
use super::selection::{self, Selection};
use crate::error::{Error, Result};
use crate::input::Module;
use crate::names;
use crate::wasm::{CUSTOM, Headers, RawSegments, SEGMENT_INFO, subsections};
use memchr::memmem::Finder;

/// The searches that run on every object.
pub struct Finders {
    mark: Finder<'static>,
    start: Finder<'static>,
    stop: Finder<'static>,
}

impl Finders {
    /// Prepares the searches.
    pub fn new() -> Self {
        Self {
            mark: Finder::new(mark::MARK_PREFIX),
            start: Finder::new(selection::START),
            stop: Finder::new(selection::STOP),
        }
    }
}

/// The result of a quick scan.
pub struct QuickScan {
    /// Whether it may have marks: the `linking` section contains their common prefix.
    pub has_marks: bool,
    /// Its undefined symbols of the form `__start_NAME` or `__stop_NAME`.
    pub undefined: Vec<String>,
}

impl QuickScan {
    /// Scans a module. `None` if it is not an object: a shared library, or another module in an
    /// archive, such as `lib.rmeta` of an rlib.
    ///
    /// # Errors
    /// A malformed module, or a file that is neither an object nor a shared library.
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
                        .note("link the objects that this module was linked from")
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

/// Whether an object without marks has selected segments or custom sections.
///
/// # Errors
/// A malformed object.
pub fn may_have_entries(module: &Module<'_>, selection: &Selection) -> Result<bool> {
    for header in Headers::of(&module.load()?)? {
        let header = header?;
        if header.id != CUSTOM {
            continue;
        }
        let subsections = match header.name()? {
            b"linking" => subsections(&header.section()?)?,
            name if name.starts_with(b"reloc.") || name.starts_with(b".debug_") => continue,
            name if selection.selects_custom_sections(&names::text(name)) => return Ok(true),
            _ => continue,
        };
        for (id, reader) in subsections {
            if id != SEGMENT_INFO {
                continue;
            }
            for segment in RawSegments::new(reader)? {
                if selection.selects_segments(&names::text(segment?.name)) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
