//! Display names of sections and entries. They omit the hashes in symbol names, so they are stable across
//! versions and profiles of a program.

use super::mark::{self, BY_REFERENCE, ORDER, SECTION};
use crate::demangle::{self, is_hash};
use crate::mangling::{Namespace, Path};

/// The display name of the section that the symbol `declaration`, a zero-sized entry, declares; `None` if it
/// would add nothing to the section name.
///
/// For `__link_section__NAME$$UNIQUE`, it is UNIQUE, such as `linkme<a::SLICE>`. For a mark in an `impl` of a
/// trait of the crate `inventory` for `a::Type`, it is `inventory<a::Type>`.
pub fn section_title(declaration: &str) -> Option<String> {
    if let Some(unique) = unique_part(declaration) {
        let (krate, inner) = unique.strip_suffix('>')?.split_once('<')?;
        let is_title = mark::is_c_identifier(krate) && !inner.is_empty();
        return is_title.then(|| unique.to_owned());
    }
    let path = Path::of(declaration).filter(|_| mark::may_be_mark(declaration))?;
    let is_mark = |name: &str| name.starts_with(SECTION);
    let components = path.components.iter();
    let mark = components.clone().position(|one| is_mark(&one.name()))?;
    let is_impl = |namespace| namespace == Namespace::Impl;
    let within = components
        .take(mark)
        .rposition(|one| is_impl(one.namespace))?;
    let header = header(&path, within);
    let (of, implemented) = type_and_trait(&header)?;
    let krate = implemented.split("::").next()?;
    Some(format!("{krate}<{of}>"))
}

/// The display name of the entry with this symbol.
///
/// For `__link_section__NAME$KEY$UNIQUE`, it is UNIQUE without a trailing hash. For a path, it is the path
/// without marks and unnamed constants. A static in `__link_section_by_reference__` has the same name in every
/// macro invocation, so its display name is the enclosing path.
pub fn entry_name(symbol: &str) -> String {
    if let Some(unique) = unique_part(symbol).filter(|unique| !unique.is_empty()) {
        return match unique.rsplit_once('.') {
            Some((name, hash)) if is_hash(hash) && !name.is_empty() => name.to_owned(),
            _ => unique.to_owned(),
        };
    }
    let path = Path::of(symbol).filter(|path| path.is_rust || mark::may_be_mark(symbol));
    let name = path.map(|path| path_without_marks(&path));
    let name = name.filter(|name| !name.is_empty());
    let name = name.or_else(|| demangle::as_llvm(symbol));
    name.unwrap_or_else(|| symbol.to_owned())
}

/// Whether the compiler generated the symbol for data without a name in the source.
pub fn is_nameless(symbol: &str) -> bool {
    const PREFIXES: [&str; 4] = [".L", "alloc_", "anon.", "vtable."];
    let is_nested = |path: &Path<'_>| {
        let last = path.components.last();
        last.is_some_and(|last| last.namespace == Namespace::Nested)
    };
    PREFIXES.iter().any(|prefix| symbol.starts_with(prefix))
        || Path::of(symbol).is_some_and(|path| is_nested(&path))
}

/// Whether `symbol` is a section function.
pub fn is_section_function(symbol: &str) -> bool {
    matches!(mark::section_function(symbol), Ok(Some(_)))
}

/// UNIQUE of a symbol whose whole name is a mark.
fn unique_part(symbol: &str) -> Option<&str> {
    symbol.strip_prefix(SECTION)?.splitn(3, '$').nth(2)
}

fn path_without_marks(path: &Path<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (position, component) in path.components.iter().enumerate() {
        let name = component.name();
        if name == BY_REFERENCE {
            break;
        }
        if component.namespace == Namespace::Impl {
            let header = header(path, position);
            parts = vec![match type_and_trait(&header) {
                Some((of, implemented)) => format!("<{of} as {implemented}>"),
                None => header,
            }];
        } else if name != "_" && !name.starts_with(SECTION) && !name.starts_with(ORDER) {
            parts.push(path.shown(position).into_owned());
        }
    }
    parts.join("::")
}

/// The header of an `impl`. The legacy scheme mangles `->` as `.>`.
fn header(path: &Path<'_>, position: usize) -> String {
    path.shown(position).replace(" .> ", " -> ")
}

/// The type and the trait in the header of an `impl`: `<type as trait>` or `<impl trait for type>`.
fn type_and_trait(header: &str) -> Option<(&str, &str)> {
    let inner = header.strip_prefix('<')?.strip_suffix('>')?;
    match inner.strip_prefix("impl ") {
        Some(inner) => split_outside(inner, " for ").map(|(implemented, of)| (of, implemented)),
        None => split_outside(inner, " as "),
    }
}

/// Splits `text` at the first `word` outside of brackets.
fn split_outside<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let (mut depth, mut at, mut previous) = (0_usize, 0, ' ');
    while let Some(character) = text.get(at..)?.chars().next() {
        let rest = text.get(at..)?;
        match character {
            '<' | '(' | '[' => depth += 1,
            // Not the arrow of a function type.
            '>' if previous == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            '\'' => at += character_literal(rest),
            ' ' if depth == 0 => {
                if let Some(after) = rest.strip_prefix(word) {
                    return Some((text.get(..at)?, after));
                }
            }
            _ => {}
        }
        previous = character;
        at += character.len_utf8();
    }
    None
}

/// The length in bytes of a character literal after its first quote; 0 for a lifetime.
fn character_literal(text: &str) -> usize {
    let mut inner = text.chars().skip(1);
    let first = inner.next();
    let length = match first {
        Some('\\') => inner.skip(1).position(|one| one == '\'').map(|at| at + 3),
        Some(_) if inner.next() == Some('\'') => Some(2),
        _ => None,
    };
    let inner = text.chars().skip(1).take(length.unwrap_or(0));
    inner.map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legacy(parts: &[&str]) -> String {
        let parts = parts.iter().map(|part| format!("{}{part}", part.len()));
        format!("_ZN{}17h0123456789abcdefE", parts.collect::<String>())
    }

    #[test]
    fn titles_of_sections() {
        let title = |symbol: &str| section_title(symbol).unwrap_or_default();
        let whole = "__link_section__linkme_ALL_0123456789abcdef$$linkme<a::b::ALL>";
        assert_eq!(title(whole), "linkme<a::b::ALL>");
        assert_eq!(title("__link_section__ALL$$declaration"), "");
        assert_eq!(title("__link_section__ALL$$<>"), "");
        let mark = "__link_section__inventory_0123456789abcdef";
        let header = "_$LT$impl$u20$inventory..Collect$u20$for$u20$a..b..Of$LT$u16$GT$$GT$";
        let symbol = legacy(&["a", "_", header, "__ORIGIN", mark, "NONE"]);
        assert_eq!(title(&symbol), "inventory<a::b::Of<u16>>");
        let v0 = "_RNvNvNvXNvCsrqSVOPdSJd_8registrys0_1__INtNtNtB8_6shapes7generic2OftENtCs4RMfQ0sTlMD_9inventory7Collect8___ORIGIN42___link_section__inventory_24eede7be99278d04NONE";
        assert_eq!(title(v0), "inventory<registry::shapes::generic::Of<u16>>");
        // A mark outside of an `impl`, and an `impl` without a mark.
        assert_eq!(title(&legacy(&["a", "_", mark, "NONE"])), "");
        assert_eq!(title(&legacy(&["a", "_", header, "NONE"])), "");
    }

    #[test]
    fn names_of_entries() {
        let name = entry_name;
        assert_eq!(name("__link_section__A$10$a::B.0123456789abcdef"), "a::B");
        assert_eq!(name("__link_section__A$$a::B.c"), "a::B.c");
        assert_eq!(name("__link_section__A$$"), "__link_section__A$$");
        assert_eq!(name("plugin"), "plugin");
        let path = ["a", "__link_section__A", "__link_order__1", "B"];
        assert_eq!(name(&legacy(&path)), "a::B");
        let header = "_$LT$impl$u20$b..Trait$u20$for$u20$a..Type$GT$";
        let path = ["a", header, "f", "__link_section__A", "B"];
        assert_eq!(name(&legacy(&path)), "<a::Type as b::Trait>::f::B");
        let path = ["a", "m", "_", "__link_section_by_reference__", "NODE"];
        assert_eq!(name(&legacy(&path)), "a::m");
        let v0 = "_RNvNvNvNtCs7GwDCgXl7vH_6plugin4deep1__29___link_section_by_reference__4NODE";
        assert_eq!(name(v0), "plugin::deep");
        assert_eq!(name("_ZN5space17__link_section__A1BE"), "space::B");
        assert_eq!(name("_Z1fi"), "f(int)");
    }

    #[test]
    fn nameless_symbols() {
        let nested = legacy(&["a", "NODE", "_$u7b$$u7b$nested$u7d$$u7d$"]);
        let names = [".L.str", "alloc_0123", &nested, "_RNnNvC1a4NODE0"];
        assert!(names.iter().all(|name| is_nameless(name)));
        assert!(!is_nameless("plugin") && !is_nameless(&legacy(&["a", "B"])));
    }

    #[test]
    fn headers() {
        let split = type_and_trait;
        assert_eq!(split("<a::T as b::Tr>"), Some(("a::T", "b::Tr")));
        let nested = "<<A as B>::C as D<for<'a> fn(&'a T) -> U>>";
        let expected = ("<A as B>::C", "D<for<'a> fn(&'a T) -> U>");
        assert_eq!(split(nested), Some(expected));
        let legacy = "<impl D<fn(T) -> U> for (A, B)>";
        assert_eq!(split(legacy), Some(("(A, B)", "D<fn(T) -> U>")));
        let constants = r"<G<'<', '\'', '(', 'x'> as D<'a>>";
        let expected = (r"G<'<', '\'', '(', 'x'>", "D<'a>");
        assert_eq!(split(constants), Some(expected));
        assert_eq!(split("<a::T>"), None);
        assert_eq!(split("a::T"), None);
    }
}
