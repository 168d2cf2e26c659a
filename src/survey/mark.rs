//! The grammar of name marks: a symbol's name that says which section its data is an entry of.
//!
//! Either the name itself is `__link_section__NAME$KEY$UNIQUE` (KEY may be empty), or it is a
//! mangled Rust path with a component `__link_section__NAME`, and below it perhaps a component
//! `__link_order__KEY`.
//!
//! A macro that does not know the type of the value that it registers cannot name the section
//! either. It puts the static below a component `__link_section_by_reference__` and lets it point
//! to a function below a component `__link_section_of__NAME`, which whoever declares the type
//! provides: that names the section.

use crate::demangle;
use crate::error::{Error, Result};
use memchr::memmem::{self, Finder};
use std::borrow::Cow;
use std::sync::LazyLock;

/// What every mark contains, in each of its forms and under both manglings: what to search for.
pub const NEEDLE: &[u8] = b"__link_section_";

const SECTION: &str = "__link_section__";
const ORDER: &str = "__link_order__";
const BY_REFERENCE: &str = "__link_section_by_reference__";
const OF: &str = "__link_section_of__";

/// How long the name of a section may be that a mark gives: as an identifier in C++ at least may be
/// (\[implimits\]). Many entries may have it in common, without a byte of it in each.
const LONGEST_SECTION: usize = 1024;

/// What a symbol's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'s> {
    /// The section.
    pub section: Told<'s>,
    /// The key to sort by, which gives the entry the input section name `NAME.KEY`.
    pub key: Option<Cow<'s, str>>,
    /// Where in the name the mark is.
    pub place: Place,
}

/// How a mark tells the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'s> {
    /// It bears this name, a C identifier.
    ByName(Cow<'s, str>),
    /// It is the one that the function names to which the entry points.
    ByReference,
}

/// Where in a symbol's name its mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the whole name.
    WholeName,
    /// It names the module that the symbol is in.
    Parent,
    /// It names something further out. What is there may be an entry, or may serve one: a static
    /// inside of a closure in its value, say, as macros for logging make them.
    Ancestor,
}

impl<'s> Mark<'s> {
    /// Reads the mark in `symbol`, if there is one.
    ///
    /// # Errors
    /// A mark whose section is empty or no C identifier, or a whole name that lacks a part.
    pub fn parse(symbol: &'s str) -> Result<Option<Self>> {
        if let Some(rest) = symbol.strip_prefix(SECTION) {
            return Self::parse_whole_name(symbol, rest).map(Some);
        }
        if !is_possible(symbol) {
            return Ok(None);
        }
        match path_of(symbol)? {
            Some(path) => Self::parse_path(symbol, &path),
            None => Ok(None),
        }
    }

    fn parse_whole_name(symbol: &'s str, rest: &'s str) -> Result<Self> {
        let mut parts = rest.splitn(3, '$');
        let (Some(section), Some(key), Some(_unique)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::new(format!(
                "the mark `{symbol}` is not of the form `{SECTION}NAME$KEY$UNIQUE`"
            ))
            .note("KEY may be empty, as in `__link_section__PLUGINS$$my_crate::entry`"));
        };
        Ok(Self {
            section: Told::ByName(section_name(symbol, section)?.into()),
            key: (!key.is_empty()).then(|| key.into()),
            place: Place::WholeName,
        })
    }

    fn parse_path(symbol: &'s str, path: &str) -> Result<Option<Self>> {
        let mut components = components(path);
        let told = components.find_map(|component| {
            if component == BY_REFERENCE {
                return Some(Ok(Told::ByReference));
            }
            let name = component.strip_prefix(SECTION)?;
            let name = section_name(symbol, name).map(|_| component_end(symbol, component, name));
            Some(name.map(Told::ByName))
        });
        let Some(section) = told.transpose()? else {
            return Ok(None);
        };
        let (mut key, mut below) = (None, 0);
        for component in components.filter(|component| !component.is_empty()) {
            match component.strip_prefix(ORDER).filter(|_| key.is_none()) {
                Some(found) => key = Some(component_end(symbol, component, found)),
                None => below += 1,
            }
        }
        Ok(Some(Self {
            section,
            key,
            place: if below <= 1 {
                Place::Parent
            } else {
                Place::Ancestor
            },
        }))
    }
}

/// Whether `symbol` is, all of it, a mark, if it is a good one.
pub fn is_whole_name(symbol: &str) -> bool {
    symbol.starts_with(SECTION)
}

/// Whether `name` has the text of a mark, wherever.
pub fn is_possible(name: &str) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NEEDLE));
    FINDER.find(name.as_bytes()).is_some()
}

/// Whether `name` is a symbol that exists only to mark its data.
pub fn is_marked(name: &str) -> bool {
    matches!(Mark::parse(name), Ok(Some(_)))
}

/// The Rust crate whose code `symbol` is: the first component of its path or, of a name that is all
/// mark, of what makes it unique, where `module_path!()` did that.
pub fn crate_of_symbol(symbol: &str) -> Option<String> {
    if is_whole_name(symbol) {
        let (krate, _) = symbol.splitn(3, '$').nth(2)?.split_once("::")?;
        return is_c_identifier(krate).then(|| krate.to_owned());
    }
    let path = demangle::rust_path_with_hashes(symbol)?.ok()?;
    // C++ is mangled so too, but for the hash.
    let is_rust = symbol.starts_with("_R") || demangle::is_hash(path.rsplit_once("::h")?.1);
    // Of v0, the crate's hash comes in brackets.
    let krate = path.split([':', '[']).next()?;
    (is_rust && is_c_identifier(krate)).then(|| krate.to_owned())
}

/// The section that `symbol` names for entries that point to it.
///
/// # Errors
/// A section that is empty or no C identifier.
pub fn section_of(symbol: &str) -> Result<Option<Cow<'_, str>>> {
    if memmem::find(symbol.as_bytes(), OF.as_bytes()).is_none() {
        return Ok(None);
    }
    let path = path_of(symbol)?;
    let path = path.as_deref().unwrap_or(symbol);
    let named = components(path).find_map(|component| {
        let name = component.strip_prefix(OF)?;
        Some((component, name))
    });
    let Some((component, name)) = named else {
        return Ok(None);
    };
    section_name(symbol, name)?;
    Ok(Some(component_end(symbol, component, name)))
}

/// The `end` of a component of the path that `symbol` mangles: the same bytes in the symbol itself, where
/// the mangling has left them alone.
fn component_end<'s>(symbol: &'s str, component: &str, end: &str) -> Cow<'s, str> {
    let start = memmem::find(symbol.as_bytes(), component.as_bytes());
    let end_at = start.map(|start| start + component.len());
    let same = end_at.and_then(|end_at| symbol.get(end_at - end.len()..end_at));
    same.map_or_else(|| end.to_owned().into(), Cow::Borrowed)
}

/// The path that `symbol` mangles, if it does.
///
/// # Errors
/// One that is far longer than any that a compiler makes of a static.
fn path_of(symbol: &str) -> Result<Option<String>> {
    match demangle::rust_path(symbol).transpose() {
        Ok(path) => Ok(path),
        Err(_) => Err(Error::damaged(format!(
            "the name `{symbol}`, which holds a mark, stands for one that is far longer"
        ))),
    }
}

fn section_name<'n>(symbol: &str, name: &'n str) -> Result<&'n str> {
    if name.is_empty() {
        return Err(
            Error::new(format!("the mark `{symbol}` has an empty section name"))
                .note(format!("put the section's name after `{SECTION}`")),
        );
    }
    if !is_c_identifier(name) {
        return Err(Error::new(format!(
            "the section name `{name}` of the mark `{symbol}` is not a C identifier"
        ))
        .note("`__start_NAME` and `__stop_NAME` exist for letters, digits and `_` only"));
    }
    if name.len() > LONGEST_SECTION {
        return Err(Error::new(format!(
            "the section name of a mark has {} bytes, and {LONGEST_SECTION} are the most",
            name.len()
        )));
    }
    Ok(name)
}

/// Whether a linker gives a section of that name `__start_NAME` and `__stop_NAME` (GNU ld manual,
/// "Input Section Example": "representable as a C identifier").
pub fn is_c_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// The components of a demangled path, generic arguments left out: in `a::f::<b::C>::D` they are
/// `a`, `f` and `D`.
fn components(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut previous = ' ';
    path.split(move |character: char| {
        match character {
            '<' => depth += 1,
            // Not the arrow of a function type.
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        previous = character;
        character == ':' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(symbol: &str) -> Option<(String, Option<String>)> {
        Mark::parse(symbol)
            .expect("a good mark")
            .map(|mark| match mark.section {
                Told::ByName(name) => (name.into_owned(), mark.key.map(Cow::into_owned)),
                Told::ByReference => ("(by reference)".to_owned(), None),
            })
    }

    fn found(section: &str, key: Option<&str>) -> Option<(String, Option<String>)> {
        Some((section.to_owned(), key.map(str::to_owned)))
    }

    #[test]
    fn whole_names() {
        assert_eq!(
            mark("__link_section__PLUGINS$$a::b"),
            found("PLUGINS", None)
        );
        assert_eq!(mark("__link_section__P$10$a$b"), found("P", Some("10")));
        assert_eq!(mark("plugin"), None);
        assert_eq!(mark("my__link_section__X$$a"), None);
    }

    #[test]
    fn paths_under_both_manglings() {
        let v0 = "_RNvNtCs2wyFG8dXlmP_5crate21___link_section__TESTS1A";
        assert_eq!(mark(v0), found("TESTS", None));
        let legacy = "_ZN5crate21__link_section__TESTS1A17h0123456789abcdefE";
        assert_eq!(mark(legacy), found("TESTS", None));
        let key = "_ZN5crate21__link_section__TESTS16__link_order__b11A17h0123456789abcdefE";
        assert_eq!(mark(key), found("TESTS", Some("b1")));
    }

    #[test]
    fn sections_told_by_reference() {
        let entry = "_RNvNvCs2wyFG8dXlmP_5crate29___link_section_by_reference__4NODE";
        assert_eq!(mark(entry), found("(by reference)", None));
        let of = |symbol| section_of(symbol).expect("a good name");
        let function = "_RNvCs2wyFG8dXlmP_5crate25___link_section_of__PLUGIN";
        assert_eq!(of(function), Some("PLUGIN".into()));
        assert_eq!(of("__link_section_of__PLUGIN"), Some("PLUGIN".into()));
        assert_eq!(of(entry), None);
        assert_eq!(mark(function), None);
        assert!(section_of("__link_section_of__a-b").is_err());
    }

    #[test]
    fn crates() {
        let krate = |symbol: &str| crate_of_symbol(symbol).unwrap_or_default();
        let v0 = "_RNvNtCs2wyFG8dXlmP_5crate21___link_section__TESTS1A";
        assert_eq!(krate(v0), "crate");
        assert_eq!(
            krate("_ZN5crate21__link_section__TESTS1A17h0123456789abcdefE"),
            "crate"
        );
        assert_eq!(krate("__link_section__A$$one::two::3"), "one");
        assert_eq!(krate("__link_section__A$$one"), "");
        // C++
        assert_eq!(krate("_ZN5space21__link_section__TESTS1AE"), "");
        assert_eq!(krate("plugin"), "");
    }

    #[test]
    fn what_is_directly_in_a_marked_module() {
        let place = |symbol: &str| Mark::parse(symbol).expect("a mark").map(|mark| mark.place);
        let symbol =
            |path: &str| format!("_ZN5crate21__link_section__TESTS{path}17h0123456789abcdefE");
        assert_eq!(place(&symbol("1A")), Some(Place::Parent));
        assert_eq!(place(&symbol("15__link_order__b1A")), Some(Place::Parent));
        assert_eq!(place(&symbol("1A1B")), Some(Place::Ancestor));
        assert_eq!(place("__link_section__A$$b::c"), Some(Place::WholeName));
    }

    #[test]
    fn a_component_inside_generic_arguments_is_no_mark() {
        let components: Vec<_> = components("core::drop::<a::__link_section__X::T>::B")
            .filter(|component| !component.is_empty())
            .collect();
        assert_eq!(
            components,
            ["core", "drop", "<a::__link_section__X::T>", "B"]
        );
    }

    #[test]
    fn bad_marks_say_what_is_wrong() {
        let message = |symbol: &str| Mark::parse(symbol).expect_err("a bad mark").to_string();
        assert!(message("__link_section__$$x").contains("has an empty section name"));
        assert!(message("__link_section__a-b$$x").contains("is not a C identifier"));
        assert!(message("__link_section__9$$x").contains("is not a C identifier"));
        assert!(message("__link_section__A").contains("is not of the form"));
        assert!(message("__link_section__A$b").contains("is not of the form"));
    }
}
