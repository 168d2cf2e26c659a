//! The quick scan of an object: its section headers and its `linking` section. Most objects have nothing to
//! gather, so this is all that the survey reads of them.

use super::mark;
use super::selection::{self, Selection};
use crate::error::{Error, Result};
use crate::input::Module;
use crate::names;
use crate::wasm::{CUSTOM, Headers, RawSegments, SEGMENT_INFO, Section, subsections};
use memchr::memmem::Finder;

/// Up to this size in bytes, a search in the whole module takes less time than the walk over its headers, and makes
/// that faster: the processor loads memory ahead of a search, but not ahead of a walk.
const SMALL: usize = 1 << 16;

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
    /// Whether it has segments or custom sections other than those that compilers name themselves.
    pub has_named_sections: bool,
}

impl QuickScan {
    /// Scans a module. `None` if it is not an object: a shared library, or another module in an
    /// archive, such as `lib.rmeta` of an rlib.
    ///
    /// # Errors
    /// A malformed module, or a file that is neither an object nor a shared library.
    pub fn of(module: &Module<'_>, finders: &Finders) -> Result<Option<Self>> {
        let bytes = module.object_bytes();
        let may_have_marks = bytes.len() > SMALL || finders.mark.find(&bytes).is_some();
        let (mut linking, mut is_shared, mut has_named_sections) = (None, false, false);
        for header in Headers::of(&bytes)? {
            let header = header?;
            if header.id != CUSTOM {
                continue;
            }
            match header.name()? {
                b"linking" if linking.is_none() => linking = Some(header.section()?),
                b"dylink.0" => is_shared = true,
                name => {
                    has_named_sections |=
                        !selection::is_of_compiler(name) && !selection::is_reserved(name)
                }
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
            has_marks: may_have_marks && has(&finders.mark),
            undefined,
            // If the section is malformed, the full scan or the backend says so.
            has_named_sections: has_named_sections
                || any_segment(&linking, |name| !selection::is_of_compiler(name)).unwrap_or(true),
        }))
    }
}

/// Whether the name of any segment matches.
fn any_segment(linking: &Section<'_>, matches: impl Fn(&[u8]) -> bool) -> Result<bool> {
    for (id, reader) in subsections(linking)? {
        if id != SEGMENT_INFO {
            continue;
        }
        for segment in RawSegments::new(reader)? {
            if matches(segment?.name) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether an object without marks has selected segments or custom sections.
///
/// # Errors
/// A malformed object.
pub fn may_have_entries(module: &Module<'_>, selection: &Selection) -> Result<bool> {
    for header in Headers::of(&module.object_bytes())? {
        let header = header?;
        if header.id != CUSTOM {
            continue;
        }
        let selects_segment = |name: &[u8]| selection.selects_segments(&names::text(name));
        let is_selected = match header.name()? {
            b"linking" => any_segment(&header.section()?, selects_segment)?,
            name => selection.selects_custom_sections(&names::text(name)),
        };
        if is_selected {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::CommandLine;
    use crate::input::Inputs;
    use crate::script::{Script, Source};
    use crate::wasm::Builder;

    #[test]
    fn a_script_selects_custom_sections_of_any_name() {
        let name = b".debug_mine";
        let mut object = Builder::new(false, false).finish().bytes();
        object.extend([CUSTOM, name.len() as u8 + 1, name.len() as u8]);
        object.extend(name);
        let mut inputs = Inputs::default();
        let id = inputs.add_object("a.o", &object);
        let line = CommandLine::parse(Vec::new()).expect("a line");
        for (text, selects) in [("*(.debug_mine)", true), ("*(.debug_other)", false)] {
            let text = format!("SECTIONS {{ .mine : {{ {text} }} }}");
            let script = Script::parse(Source::new("test.ld", &text), &[]).expect("a script");
            let selection = Selection::from_options(&line, &script);
            let found = may_have_entries(&inputs.modules[id], &selection);
            assert_eq!(found, Ok(selects), "{text}");
        }
    }
}
