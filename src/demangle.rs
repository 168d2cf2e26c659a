//! Symbols as people write them.
//!
//! A mangled name may refer back to parts of itself again and again, and so stand for one that is
//! exponentially longer. No name is read further than a multiple of its length.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// How many bytes a byte of a mangled name may stand for, and how many any name may.
const MOST: (usize, usize) = (64, 1024);

/// The path that `symbol` mangles by one of Rust's schemes, without hashes; none if it mangles none.
///
/// # Errors
/// One that is far longer than the symbol.
pub fn rust_path(symbol: &str) -> Option<Result<String, fmt::Error>> {
    let path = rustc_demangle::try_demangle(symbol).ok()?;
    Some(bounded(symbol, |text| write!(text, "{path:#}")))
}

/// The same with hashes.
///
/// # Errors
/// The same.
pub fn rust_path_with_hashes(symbol: &str) -> Option<Result<String, fmt::Error>> {
    let path = rustc_demangle::try_demangle(symbol).ok()?;
    Some(bounded(symbol, |text| write!(text, "{path}")))
}

/// `symbol` as a message shows it: the path that it mangles, or itself.
pub fn shown(symbol: &str) -> Cow<'_, str> {
    match rust_path_with_hashes(symbol) {
        Some(Ok(path)) => path.into(),
        _ => symbol.into(),
    }
}

/// The same without hashes.
pub fn shown_short(symbol: &str) -> Cow<'_, str> {
    match rust_path(symbol) {
        Some(Ok(path)) => path.into(),
        _ => symbol.into(),
    }
}

/// `symbol` as LLVM shows it, if it does not show itself. Rust's legacy mangling is to it that of
/// C++.
pub fn as_llvm(symbol: &str) -> Option<String> {
    // C++'s grammar has names for types too: `f` would be `float`.
    let mangled = symbol.starts_with("_Z");
    let cpp = mangled.then(|| cpp_demangle::Symbol::new(symbol).ok());
    let cpp = cpp.flatten();
    let cpp = cpp.and_then(|symbol_of| {
        let options = cpp_demangle::DemangleOptions::default();
        bounded(symbol, |text| symbol_of.structured_demangle(text, &options)).ok()
    });
    cpp.or_else(|| rust_path(symbol)?.ok())
}

/// Whether a text is a hash as rustc writes them into symbols and names of files.
pub fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn bounded(symbol: &str, show: impl Fn(&mut Bounded) -> fmt::Result) -> Result<String, fmt::Error> {
    let mut text = Bounded {
        text: String::new(),
        most: MOST.0 * symbol.len() + MOST.1,
    };
    show(&mut text).map(|()| text.text)
}

/// A text that takes no more than so many bytes.
struct Bounded {
    text: String,
    most: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > self.most {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_languages() {
        let symbol = "_ZN1a1b17h0123456789abcdefE";
        assert_eq!(shown(symbol), "a::b::h0123456789abcdef");
        assert_eq!(shown_short(symbol), "a::b");
        assert_eq!(shown_short("main"), "main");
        assert_eq!(as_llvm("_Z1fi").as_deref(), Some("f(int)"));
        assert_eq!(as_llvm("_RNvC1a1b").as_deref(), Some("a::b"));
        assert_eq!(as_llvm("main"), None);
        assert_eq!(as_llvm("f"), None);
    }

    /// `(((u8, u8, u8), the same, the same), …)`, thirty times.
    #[test]
    fn a_name_that_stands_for_a_far_longer_one() {
        let mut symbol = "_RINvC1a1b".to_owned();
        let mut last = "h".to_owned();
        for _ in 0..30 {
            // A place counts from after `_R`, in base 62 and less one.
            let place = symbol.len() - 2;
            symbol += &format!("T{last}{last}{last}E");
            last = back_reference(place);
        }
        symbol.push('E');
        assert_eq!(rust_path(&symbol), Some(Err(fmt::Error)));
        assert_eq!(shown(&symbol), symbol);
        assert_eq!(shown_short(&symbol), symbol);
        assert_eq!(as_llvm(&symbol), None);
    }

    fn back_reference(place: usize) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut digits = Vec::new();
        let mut rest = place.checked_sub(1);
        while let Some(value) = rest {
            digits.insert(0, DIGITS[value % 62]);
            rest = Some(value / 62).filter(|&value| value > 0);
        }
        format!("B{}_", String::from_utf8_lossy(&digits))
    }
}
