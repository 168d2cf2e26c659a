//! The v0 scheme (RFC 2603; `rustc_symbol_mangling/src/v0.rs` has the later additions).
//!
//! The parser reads the path and skips types, constants and generic arguments. It follows back references
//! only on the path itself, at most one per depth, so parsing takes linear time.

use super::component::{Component, Components, Cut, Encoding, Namespace};
use crate::demangle;

/// The maximum nesting of paths, types and constants. Demanglers stop at 500.
const MAX_DEPTH: usize = 300;

/// The components of the path that `symbol` mangles.
pub(super) fn components(symbol: &str) -> Option<Components<'_>> {
    let mut parser = Parser {
        text: symbol.strip_prefix("_R")?,
        at: 0,
        depth: 0,
    };
    let mut components = Components::new();
    parser.path(&mut components, Some(0))?;
    // The instantiating crate.
    if parser.peek().is_some_and(|byte| byte.is_ascii_uppercase()) {
        parser.skip_path()?;
    }
    matches!(parser.peek(), None | Some(b'.')).then_some(components)
}

/// The demangled text of a truncated symbol.
pub(super) fn cut(symbol: &str, Cut { end, open }: Cut) -> Option<String> {
    // Back references count from the beginning, so the prefix must stay complete. Each open `N` or `I` gets
    // a dummy end, whose text is removed from the result.
    let mut cut = String::from("_R");
    let (mut ends, mut added) = (String::new(), String::new());
    let mut rest = symbol.get(2..2 + end)?;
    for _ in 0..open {
        let (start, end, shown) = match rest.as_bytes().first()? {
            b'N' => ("Nv", "1a", "::a"),
            b'I' => ("I", "E", "::<>"),
            _ => return None,
        };
        cut += start;
        ends.insert_str(0, end);
        added.insert_str(0, shown);
        rest = rest.get(start.len()..)?;
    }
    cut += rest;
    cut += &ends;
    let shown = demangle::rust_path(&cut)?.ok()?;
    shown.strip_suffix(&added).map(str::to_owned)
}

struct Parser<'s> {
    /// The symbol after `_R`; back references count from here.
    text: &'s str,
    at: usize,
    depth: usize,
}

struct Identifier<'s> {
    disambiguator: u64,
    raw: &'s str,
    encoding: Encoding,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Runs `read` one level deeper; `None` beyond [`MAX_DEPTH`].
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads a path. `open` is the number of enclosing paths that begin with it; `None` if a demangler
    /// does not print it here.
    fn path(&mut self, components: &mut Components<'s>, open: Option<usize>) -> Option<()> {
        let start = self.at;
        let inner = open.map(|open| open + 1);
        let (namespace, identifier) = match self.next()? {
            b'C' => (Namespace::Crate, self.identifier()?),
            b'N' => {
                let namespace = namespace(self.next()?)?;
                self.deeper(|parser| parser.path(components, inner))?;
                (namespace, self.identifier()?)
            }
            b'I' => {
                self.deeper(|parser| parser.path(components, inner))?;
                self.skip_until_end(Self::skip_argument)?;
                // The generic arguments belong to the last component.
                let cut = self.cut(open);
                components.last_mut()?.cut = cut;
                return Some(());
            }
            tag @ (b'M' | b'X') => {
                let disambiguator = self.disambiguator()?;
                self.deeper(|parser| parser.path(components, None))?;
                self.skip_type()?;
                if tag == b'X' {
                    self.skip_path()?;
                }
                (Namespace::Impl, Identifier::none(disambiguator))
            }
            // `<type as trait>`: it has no module of its own.
            b'Y' => {
                self.skip_type()?;
                self.skip_path()?;
                (Namespace::Impl, Identifier::none(0))
            }
            b'B' => {
                let target = self.back_reference(start)?;
                let back = std::mem::replace(&mut self.at, target);
                self.deeper(|parser| parser.path(components, None))?;
                self.at = back;
                return Some(());
            }
            _ => return None,
        };
        components.push(Component {
            namespace,
            disambiguator: identifier.disambiguator,
            raw: identifier.raw,
            encoding: identifier.encoding,
            cut: self.cut(open),
        });
        Some(())
    }

    fn cut(&self, open: Option<usize>) -> Option<Cut> {
        let end = self.at;
        open.map(|open| Cut { end, open })
    }

    fn skip_path(&mut self) -> Option<()> {
        self.deeper(|parser| {
            let start = parser.at;
            match parser.next()? {
                b'C' => parser.identifier().map(drop),
                b'N' => {
                    parser.next()?;
                    parser.skip_path()?;
                    parser.identifier().map(drop)
                }
                b'I' => {
                    parser.skip_path()?;
                    parser.skip_until_end(Self::skip_argument)
                }
                tag @ (b'M' | b'X' | b'Y') => {
                    if tag != b'Y' {
                        parser.disambiguator()?;
                        parser.skip_path()?;
                    }
                    parser.skip_type()?;
                    match tag {
                        b'M' => Some(()),
                        _ => parser.skip_path(),
                    }
                }
                b'B' => parser.back_reference(start).map(drop),
                _ => None,
            }
        })
    }

    fn skip_type(&mut self) -> Option<()> {
        self.deeper(|parser| {
            let start = parser.at;
            match parser.next()? {
                b'a'..=b'z' => Some(()),
                b'A' => {
                    parser.skip_type()?;
                    parser.skip_constant()
                }
                b'S' | b'P' | b'O' => parser.skip_type(),
                b'R' | b'Q' => {
                    parser.skip_number_after(b'L')?;
                    parser.skip_type()
                }
                b'T' => parser.skip_until_end(Self::skip_type),
                b'F' => parser.skip_signature(),
                b'D' => parser.skip_objects_traits(),
                b'W' => {
                    parser.skip_type()?;
                    parser.skip_pattern()
                }
                b'B' => parser.back_reference(start).map(drop),
                _ => {
                    parser.at = start;
                    parser.skip_path()
                }
            }
        })
    }

    /// `fn(…) -> …`.
    fn skip_signature(&mut self) -> Option<()> {
        self.skip_number_after(b'G')?;
        self.eat(b'U');
        if self.eat(b'K') && !self.eat(b'C') {
            self.undisambiguated()?;
        }
        self.skip_until_end(Self::skip_type)?;
        self.skip_type()
    }

    /// `dyn … + 'a`.
    fn skip_objects_traits(&mut self) -> Option<()> {
        self.skip_number_after(b'G')?;
        self.skip_until_end(|parser| {
            parser.skip_path()?;
            while parser.eat(b'p') {
                parser.undisambiguated()?;
                parser.skip_type()?;
            }
            Some(())
        })?;
        (self.peek() == Some(b'L')).then(|| self.skip_number_after(b'L'))?
    }

    /// The pattern of a pattern type.
    fn skip_pattern(&mut self) -> Option<()> {
        self.deeper(|parser| match parser.next()? {
            b'R' => {
                parser.skip_constant()?;
                parser.skip_constant()
            }
            b'O' => parser.skip_until_end(Self::skip_pattern),
            b'N' => Some(()),
            _ => None,
        })
    }

    fn skip_argument(&mut self) -> Option<()> {
        match self.peek()? {
            b'L' => self.skip_number_after(b'L'),
            b'K' => {
                self.at += 1;
                self.skip_constant()
            }
            _ => self.skip_type(),
        }
    }

    fn skip_constant(&mut self) -> Option<()> {
        self.deeper(|parser| {
            let start = parser.at;
            match parser.next()? {
                b'p' => Some(()),
                b'B' => parser.back_reference(start).map(drop),
                b'a'..=b'z' => parser.skip_digits(),
                b'R' | b'Q' => parser.skip_constant(),
                b'A' | b'T' => parser.skip_until_end(Self::skip_constant),
                b'V' => {
                    parser.skip_path()?;
                    match parser.next()? {
                        b'U' => Some(()),
                        b'T' => parser.skip_until_end(Self::skip_constant),
                        b'S' => parser.skip_until_end(|parser| {
                            parser.identifier()?;
                            parser.skip_constant()
                        }),
                        _ => None,
                    }
                }
                _ => None,
            }
        })
    }

    /// The value of a constant: a number or the bytes of a string, in hexadecimal.
    fn skip_digits(&mut self) -> Option<()> {
        self.eat(b'n');
        while !self.eat(b'_') {
            self.next().filter(u8::is_ascii_hexdigit)?;
        }
        Some(())
    }

    /// Repeats `skip` until `E`.
    fn skip_until_end(&mut self, skip: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        while !self.eat(b'E') {
            skip(self)?;
        }
        Some(())
    }

    /// A number after `letter`, if `letter` is next.
    fn skip_number_after(&mut self, letter: u8) -> Option<()> {
        match self.eat(letter) {
            true => self.number().map(drop),
            false => Some(()),
        }
    }

    /// The target of the back reference at `start`; `None` unless it precedes `start`.
    fn back_reference(&mut self, start: usize) -> Option<usize> {
        let target = usize::try_from(self.number()?).ok()?;
        (target < start).then_some(target)
    }

    /// A base-62 number.
    fn number(&mut self) -> Option<u64> {
        if self.eat(b'_') {
            return Some(0);
        }
        let mut number = 0_u64;
        loop {
            let digit = match self.next()? {
                b'_' => return number.checked_add(1),
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'z' => byte - b'a' + 10,
                byte @ b'A'..=b'Z' => byte - b'A' + 36,
                _ => return None,
            };
            number = number.checked_mul(62)?.checked_add(digit.into())?;
        }
    }

    fn disambiguator(&mut self) -> Option<u64> {
        match self.eat(b's') {
            true => self.number()?.checked_add(1),
            false => Some(0),
        }
    }

    fn identifier(&mut self) -> Option<Identifier<'s>> {
        let disambiguator = self.disambiguator()?;
        let identifier = self.undisambiguated()?;
        Some(Identifier {
            disambiguator,
            ..identifier
        })
    }

    fn undisambiguated(&mut self) -> Option<Identifier<'s>> {
        let start = self.at;
        let is_punycode = self.eat(b'u');
        let mut length = usize::from(self.next().filter(u8::is_ascii_digit)? - b'0');
        // A length has no leading zeros: `0` is the whole number.
        while length > 0
            && let Some(digit) = self.peek().filter(u8::is_ascii_digit)
        {
            length = length.checked_mul(10)?;
            length = length.checked_add((digit - b'0').into())?;
            self.at += 1;
        }
        self.eat(b'_');
        let name = self.at..self.at.checked_add(length)?;
        let (name, encoding) = match is_punycode {
            true => (start..name.end, Encoding::Punycode),
            false => (name, Encoding::Plain),
        };
        self.at = name.end;
        Some(Identifier {
            disambiguator: 0,
            raw: self.text.get(name)?,
            encoding,
        })
    }
}

impl Identifier<'_> {
    fn none(disambiguator: u64) -> Self {
        Self {
            disambiguator,
            raw: "",
            encoding: Encoding::Plain,
        }
    }
}

fn namespace(letter: u8) -> Option<Namespace> {
    Some(match letter {
        b't' => Namespace::Type,
        b'v' => Namespace::Value,
        b'C' => Namespace::Closure,
        b'K' | b'k' => Namespace::Constant,
        b'n' => Namespace::Nested,
        b'A'..=b'Z' | b'a'..=b'z' => Namespace::Other,
        _ => return None,
    })
}
