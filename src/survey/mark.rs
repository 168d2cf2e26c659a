//! The grammar of name marks. A marked symbol names the section that its data is an entry of.
//!
//! The symbol is either `__link_section__NAME$KEY$UNIQUE` (KEY may be empty) or a mangled Rust path with
//! a component `__link_section__NAME` and, below it, an optional component `__link_order__KEY`.
//!
//! A macro that does not know the type of the registered value cannot name the section. It puts the
//! static below a component `__link_section_by_reference__`, and the static points to a function below a
//! component `__link_section_of__NAME`, which the declaration of the type provides. That function names the
//! section. With `__link_section_of_values__NAME`, the value that the static points to is the entry, not the
//! static.

use crate::args::{ArgumentIndex, CommandLine};
use crate::error::{Error, Result};
use crate::mangling::{Component, Namespace, Path};
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::sync::LazyLock;

/// The common prefix of all marks. Both manglings contain it verbatim, so a byte search finds it.
pub const MARK_PREFIX: &[u8] = b"__link_section_";

pub(super) const SECTION: &str = "__link_section__";
pub(super) const ORDER: &str = "__link_order__";
pub(super) const BY_REFERENCE: &str = "__link_section_by_reference__";
/// What the names of all section functions contain.
const OF_PREFIX: &[u8] = b"__link_section_of_";
const OF: &str = "__link_section_of__";
const VALUES_OF: &str = "__link_section_of_values__";

/// The maximum length of a section name in a mark, in bytes: the minimum that C++ recommends for identifiers
/// (\[implimits\]).
const MAX_SECTION_NAME: usize = 1024;

/// A mark, parsed from a symbol's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'s> {
    /// The section.
    pub section: SectionRef<'s>,
    /// The sort key. It makes `NAME.KEY` the input section name of the entry.
    pub key: Option<Cow<'s, str>>,
    /// Where the mark is in the symbol.
    pub location: Location,
}

/// How a mark names its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionRef<'s> {
    /// It contains the name, a C identifier.
    ByName(Cow<'s, str>),
    /// The entry points to a function that names the section.
    ByReference,
}

/// Where the mark is in a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The mark is the whole symbol.
    WholeName,
    /// The mark is the parent module of the symbol.
    Parent,
    /// The mark is an outer component. The symbol may be an entry or an auxiliary static of one, such as a
    /// static inside a closure in the entry's value.
    Ancestor,
    /// The symbol is a nested allocation of a static in the marked module. It is never an entry.
    Value,
}

impl<'s> Mark<'s> {
    /// Parses the mark in `symbol`, if any.
    ///
    /// # Errors
    /// A section name that is empty or not a C identifier, or a whole name with a missing part.
    pub fn parse(symbol: &'s str) -> Result<Option<Self>> {
        if let Some(rest) = symbol.strip_prefix(SECTION) {
            return Self::parse_whole_name(symbol, rest).map(Some);
        }
        if !may_be_mark(symbol) {
            return Ok(None);
        }
        match Path::of(symbol) {
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
        section_name(symbol, section)?;
        Ok(Self {
            section: SectionRef::ByName(section.into()),
            key: (!key.is_empty()).then(|| key.into()),
            location: Location::WholeName,
        })
    }

    fn parse_path(symbol: &str, path: &Path<'s>) -> Result<Option<Self>> {
        let components = path.components.iter().map(Step::of);
        if let Some(mark) = Self::parse_steps(symbol, components.clone())? {
            return Ok(Some(mark));
        }
        // The legacy mangling omits the module of some `impl`s, so check both candidates.
        for module in path.impl_modules() {
            let module = module.into_iter().map(|name| Step::Name(name.into()));
            if let Some(mark) = Self::parse_steps(symbol, module.chain(components.clone()))? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    fn parse_steps(
        symbol: &str,
        mut steps: impl Iterator<Item = Step<'s>>,
    ) -> Result<Option<Self>> {
        let found = steps.find_map(|step| match step {
            Step::Name(name) if name == BY_REFERENCE => Some(Ok(SectionRef::ByReference)),
            Step::Name(name) => {
                let section = strip_prefix(&name, SECTION)?;
                Some(section_name(symbol, &section).map(|()| SectionRef::ByName(section)))
            }
            _ => None,
        });
        let Some(section) = found.transpose()? else {
            return Ok(None);
        };
        let (mut key, mut below, mut is_in_value) = (None, 0, false);
        for step in steps {
            let found = match &step {
                Step::Name(name) => strip_prefix(name, ORDER).filter(|_| key.is_none()),
                _ => None,
            };
            match found {
                Some(found) => key = Some(found),
                None => below += 1,
            }
            is_in_value = step == Step::Nested;
        }
        Ok(Some(Self {
            section,
            key,
            location: match below {
                _ if is_in_value => Location::Value,
                0 | 1 => Location::Parent,
                _ => Location::Ancestor,
            },
        }))
    }
}

/// A path component, classified for finding marks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step<'s> {
    /// A name that may be a mark.
    Name(Cow<'s, str>),
    /// A nested allocation of a static.
    Nested,
    /// A component that cannot be a mark.
    Other,
}

impl<'s> Step<'s> {
    fn of(component: &Component<'s>) -> Self {
        match component.namespace {
            Namespace::Crate | Namespace::Type | Namespace::Value | Namespace::Item => {
                Self::Name(component.name())
            }
            Namespace::Nested => Self::Nested,
            Namespace::Closure | Namespace::Constant | Namespace::Impl | Namespace::Other => {
                Self::Other
            }
        }
    }
}

fn strip_prefix<'s>(name: &Cow<'s, str>, prefix: &str) -> Option<Cow<'s, str>> {
    match name {
        Cow::Borrowed(name) => name.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(name) => name
            .strip_prefix(prefix)
            .map(|rest| Cow::Owned(rest.to_owned())),
    }
}

/// The reason why retained data with a mark prefix in its name is not an entry.
pub fn why_unmarked(symbol: &str) -> &'static str {
    let Some(path) = Path::of(symbol) else {
        return "its name is neither a mark nor a mangled Rust path";
    };
    let is_in_value = |component: &Component<'_>| component.namespace == Namespace::Nested;
    match path.components.last().is_some_and(is_in_value) {
        true => "it is a part of another static's value",
        false => "it is not defined in the marked module",
    }
}

/// Whether the whole of `symbol` is a mark, well-formed or not.
pub fn is_whole_name(symbol: &str) -> bool {
    symbol.starts_with(SECTION)
}

/// Whether `name` contains the prefix of a mark.
pub fn may_be_mark(name: &str) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK_PREFIX));
    FINDER.find(name.as_bytes()).is_some()
}

/// The export arguments that rustc derives from marked symbols. The driver drops them, because the author of
/// the program did not request them.
pub fn dropped_exports(line: &CommandLine) -> impl Iterator<Item = ArgumentIndex> {
    let exports = line
        .exports()
        .filter(|&(_, symbol, is_derived)| is_derived && symbol.to_str().is_some_and(is_marked));
    exports.map(|(index, ..)| index)
}

/// Whether `name` has a well-formed mark.
pub fn is_marked(name: &str) -> bool {
    matches!(Mark::parse(name), Ok(Some(_)))
}

/// The Rust crate that defines `symbol`: the first component of its path or, if the whole name is a mark, of
/// UNIQUE, which macros generate with `module_path!()`.
pub fn crate_of_symbol(symbol: &str) -> Option<String> {
    if is_whole_name(symbol) {
        let (krate, _) = symbol.splitn(3, '$').nth(2)?.split_once("::")?;
        return is_c_identifier(krate).then(|| krate.to_owned());
    }
    let krate = Path::of(symbol)?.crate_name()?;
    is_c_identifier(&krate).then(|| krate.into_owned())
}

/// A section function, parsed from its name. It names the section of the entries that point to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SectionFunction<'s> {
    /// The section.
    pub section: Cow<'s, str>,
    /// Whether the section has the values that such entries point to, not the entries themselves.
    pub values: bool,
}

/// Parses the name of a section function; `None` if `symbol` is not one.
///
/// # Errors
/// A section name that is empty or not a C identifier.
pub fn section_function(symbol: &str) -> Result<Option<SectionFunction<'_>>> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(OF_PREFIX));
    if FINDER.find(symbol.as_bytes()).is_none() {
        return Ok(None);
    }
    let of = |name: &Cow<'_, str>| {
        let rest = |prefix| strip_prefix(name, prefix).map(Cow::into_owned);
        let nodes = rest(OF).map(|section| (section, false));
        nodes.or_else(|| rest(VALUES_OF).map(|section| (section, true)))
    };
    let named = match Path::of(symbol) {
        Some(path) => path.components.iter().find_map(|component| {
            let Step::Name(name) = Step::of(component) else {
                return None;
            };
            of(&name)
        }),
        None => of(&symbol.into()),
    };
    let Some((section, values)) = named else {
        return Ok(None);
    };
    section_name(symbol, &section)?;
    Ok(Some(SectionFunction {
        section: section.into(),
        values,
    }))
}

fn section_name(symbol: &str, name: &str) -> Result<()> {
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
    if name.len() > MAX_SECTION_NAME {
        return Err(Error::new(format!(
            "the section name of a mark is too long: it has {} bytes, the limit is {MAX_SECTION_NAME}",
            name.len()
        )));
    }
    Ok(())
}

/// Whether linkers define `__start_NAME` and `__stop_NAME` for a section named `name` (GNU ld manual,
/// "Input Section Example": "representable as a C identifier").
pub fn is_c_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(symbol: &str) -> Option<(String, Option<String>)> {
        Mark::parse(symbol)
            .expect("a well-formed mark")
            .map(|mark| match mark.section {
                SectionRef::ByName(name) => (name.into_owned(), mark.key.map(Cow::into_owned)),
                SectionRef::ByReference => ("(by reference)".to_owned(), None),
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
    fn sections_named_by_reference() {
        let entry = "_RNvNvCs2wyFG8dXlmP_5crate29___link_section_by_reference__4NODE";
        assert_eq!(mark(entry), found("(by reference)", None));
        let function = |symbol| section_function(symbol).expect("a well-formed name");
        let of = |symbol| function(symbol).map(|of| of.section);
        let values = "_RNvCs2wyFG8dXlmP_5crate32___link_section_of_values__PLUGIN";
        for (symbol, values) in [(values, true), ("__link_section_of__PLUGIN", false)] {
            let section = "PLUGIN".into();
            assert_eq!(function(symbol), Some(SectionFunction { section, values }));
        }
        let function = "_RNvCs2wyFG8dXlmP_5crate25___link_section_of__PLUGIN";
        assert_eq!(of(function), Some("PLUGIN".into()));
        assert_eq!(of("__link_section_of__PLUGIN"), Some("PLUGIN".into()));
        assert_eq!(of(entry), None);
        assert_eq!(mark(function), None);
        assert!(section_function("__link_section_of__a-b").is_err());
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
    fn locations_of_marks() {
        let location = |symbol: &str| {
            Mark::parse(symbol)
                .expect("a mark")
                .map(|mark| mark.location)
        };
        let symbol =
            |path: &str| format!("_ZN5crate21__link_section__TESTS{path}17h0123456789abcdefE");
        assert_eq!(location(&symbol("1A")), Some(Location::Parent));
        assert_eq!(
            location(&symbol("15__link_order__b1A")),
            Some(Location::Parent)
        );
        assert_eq!(location(&symbol("1A1B")), Some(Location::Ancestor));
        let nested = "27_$u7b$$u7b$nested$u7d$$u7d$";
        assert_eq!(
            location(&symbol(&format!("1A{nested}"))),
            Some(Location::Value)
        );
        let nested = "_RNnNvNtC5crate17___link_section__X1A0";
        assert_eq!(location(nested), Some(Location::Value));
        assert_eq!(
            location("__link_section__A$$b::c"),
            Some(Location::WholeName)
        );
    }

    #[test]
    fn references_to_a_marked_module_are_not_marks() {
        // drop::<__link_section__X::T>::B
        assert_eq!(
            mark("_RNvINvC1a4dropNtNtC1a17___link_section__X1TE1B"),
            None
        );
        // impl __link_section__X::Own and impl Tr for __link_section__X::Own, both outside the module
        assert_eq!(mark("_RNvNvMC1aNtNtC1a17___link_section__X3Own1g1B"), None);
        assert_eq!(
            mark("_RNvNvXC1aNtNtC1a17___link_section__X3OwnNtC1a2Tr1g1B"),
            None
        );
        let header = "_$LT$impl$u20$a..__link_section__X..Own$GT$";
        let legacy = format!("_ZN1a{}{header}1g1B17h0123456789abcdefE", header.len());
        assert_eq!(mark(&legacy), None);
    }

    #[test]
    fn in_the_impls_of_a_marked_module() {
        for symbol in [
            "_RNvNvMs_NtC1a17___link_section__XNtB6_3Own1g1B",
            "_RNvNvXs0_NtC1a17___link_section__XNtC1a3FooNtC1b2Tr1g1B",
            "_RNvNvMs3_NtC1a17___link_section__XINtC1a1GKc3c_pE1g1B",
            "_ZN1a17__link_section__X24_$LT$impl$u20$a..Foo$GT$1g1B17h0123456789abcdefE",
            "_ZN48_$LT$u32$u20$as$u20$l..__link_section__X..Tr$GT$1g1B17h0123456789abcdefE",
        ] {
            assert_eq!(mark(symbol), found("X", None), "{symbol}");
            let location = Mark::parse(symbol)
                .expect("a mark")
                .map(|mark| mark.location);
            assert_eq!(location, Some(Location::Ancestor), "{symbol}");
        }
    }

    #[test]
    fn errors_of_malformed_marks() {
        let message = |symbol: &str| {
            let error = Mark::parse(symbol).expect_err("a malformed mark");
            error.to_string()
        };
        assert!(message("__link_section__$$x").contains("has an empty section name"));
        assert!(message("__link_section__a-b$$x").contains("is not a C identifier"));
        assert!(message("__link_section__9$$x").contains("is not a C identifier"));
        assert!(message("__link_section__A").contains("is not of the form"));
        assert!(message("__link_section__A$b").contains("is not of the form"));
    }
}
