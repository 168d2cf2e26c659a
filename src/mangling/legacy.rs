//! The legacy scheme: nested names in the C++ grammar, with a hash as the last one.
//!
//! A component is the text of a path component, with escapes for characters that assemblers do not accept.
//! An `impl` outside the modules of its type and its trait is `<impl trait for type>` below its module. The
//! path of any other `impl` begins with the type or with `<type as trait>`.

use super::component::{Component, Components, Encoding, Namespace};
use crate::demangle::is_hash;

/// The components of the path that `symbol` mangles, and whether it is a Rust symbol: it ends with a hash.
pub(super) fn components(symbol: &str) -> Option<(Components<'_>, bool)> {
    let mut rest = symbol.strip_prefix("_ZN")?;
    let mut components = Components::new();
    while !rest.starts_with('E') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (length, after) = rest.split_at(digits);
        let length = length.parse().ok()?;
        let raw = after.get(..length).filter(|raw| raw.is_ascii())?;
        components.push(component(raw, components.is_empty()));
        rest = after.get(length..)?;
    }
    let after = rest.get(1..)?;
    if !after.is_empty() && !after.starts_with('.') {
        return None;
    }
    let is_hash = |raw: &str| raw.strip_prefix('h').is_some_and(is_hash);
    let is_rust = components.len() > 1 && is_hash(components.last()?.raw);
    if is_rust {
        components.pop();
    }
    (!components.is_empty()).then_some((components, is_rust))
}

fn component(raw: &str, is_first: bool) -> Component<'_> {
    // The compiler puts `_` before a name that does not begin with a letter.
    let text = raw.strip_prefix("_$").map_or(raw, |_| &raw[1..]);
    let namespace = match text {
        "$u7b$$u7b$closure$u7d$$u7d$" => Namespace::Closure,
        "$u7b$$u7b$constant$u7d$$u7d$" => Namespace::Constant,
        "$u7b$$u7b$nested$u7d$$u7d$" => Namespace::Nested,
        _ if text.starts_with("$u7b$$u7b$") => Namespace::Other,
        _ if text.starts_with("$LT$") => Namespace::Impl,
        _ if is_first => Namespace::Crate,
        _ => Namespace::Item,
    };
    let has_name = matches!(
        namespace,
        Namespace::Crate | Namespace::Item | Namespace::Impl
    ) || namespace == Namespace::Other;
    let is_plain = memchr::memchr2(b'$', b'.', raw.as_bytes()).is_none();
    Component {
        namespace,
        disambiguator: 0,
        raw: if has_name { raw } else { "" },
        encoding: match is_plain || !has_name {
            true => Encoding::Plain,
            false => Encoding::Legacy,
        },
        cut: None,
    }
}

/// The components of the modules of the type and of the trait in `<type as trait>`. The `impl` is in one of
/// them.
pub(super) fn impl_modules(header: &str) -> Vec<Vec<String>> {
    let Some(inner) = header
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
    else {
        return Vec::new();
    };
    let parts = match split(inner) {
        Some((of, name)) => vec![of, name],
        None => return Vec::new(),
    };
    parts.into_iter().filter_map(module).collect()
}

/// Splits `type as trait` at the ` as ` outside of brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let is_arrow = at > 0 && bytes[at - 1] == b'-';
        match byte {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if is_arrow => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 => {
                if let Some(name) = text.get(at..).and_then(|rest| rest.strip_prefix(" as ")) {
                    return Some((&text[..at], name));
                }
            }
            _ => {}
        }
    }
    None
}

/// The module of the first path in a type; `None` for a primitive type.
fn module(of: &str) -> Option<Vec<String>> {
    let mut of = of.trim_start_matches(['&', '*', '[', '(']);
    for word in ["mut ", "const ", "dyn "] {
        of = of.strip_prefix(word).unwrap_or(of);
        of = of.trim_start_matches(['&', '*', '[', '(']);
    }
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    let end = of.find(|character| !is_part(character)).unwrap_or(of.len());
    let (module, _) = of[..end].rsplit_once("::")?;
    Some(module.split("::").map(str::to_owned).collect())
}
