//! The lexer. As in GNU ld, names depend on the context: `-` and `*` are operators in expressions, and part of
//! names in lists of sections.

use super::source::{Source, Span, Spanned};
use crate::error::Result;

/// The error for invalid UTF-8.
pub const NO_UTF8: &str = "invalid UTF-8: outside comments, a linker script must be UTF-8";

/// The context, which determines the characters of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Names of files, sections and patterns.
    Names,
    /// Expressions.
    Expression,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A symbol, a section, a file, a pattern or a keyword.
    Name(String),
    /// A name in double quotes: never a keyword.
    Quoted(String),
    /// A number, and the number of its digits if it is hexadecimal.
    Number(u64, Option<usize>),
    /// An operator or a bracket.
    Punctuation(&'static str),
    /// The end of the script.
    End,
}

/// Operators and brackets. Longer ones precede their prefixes.
const PUNCTUATION: [&str; 40] = [
    "<<=", ">>=", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "&=",
    "|=", "^=", "(", ")", "{", "}", ";", ",", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|",
    "^", "!", "~", "?", ":", "[", "]",
];

/// Reads tokens. The caller passes the mode of each token.
#[derive(Debug, Clone)]
pub struct Lexer {
    source: Source,
    position: usize,
}

impl Lexer {
    /// A lexer at the beginning of a script.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            position: 0,
        }
    }

    /// The place of the next token.
    ///
    /// # Errors
    /// An unterminated comment.
    pub fn span(&mut self) -> Result<Span> {
        self.skip_space()?;
        Ok(self.source.span(self.position))
    }

    /// The next token, without consuming it.
    ///
    /// # Errors
    /// An invalid token.
    pub fn peek(&mut self, mode: Mode) -> Result<Spanned<Token>> {
        let position = self.position;
        let token = self.next(mode);
        self.position = position;
        token
    }

    /// The next token.
    ///
    /// # Errors
    /// An invalid token.
    pub fn next(&mut self, mode: Mode) -> Result<Spanned<Token>> {
        let span = self.span()?;
        let value = self.token(mode, &span)?;
        Ok(Spanned { value, span })
    }

    fn rest(&self) -> &str {
        &self.source.text()[self.position..]
    }

    fn skip_space(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.position += rest.len() - trimmed.len();
            // As in GNU ld, `#` begins a line comment, such as a line marker of `cpp`.
            if let Some(line) = self.rest().strip_prefix('#') {
                self.position += 1 + line.find('\n').unwrap_or(line.len());
                continue;
            }
            let Some(comment) = self.rest().strip_prefix("/*") else {
                return Ok(());
            };
            match comment.find("*/") {
                Some(end) => self.position += end + 4,
                None => {
                    let span = self.source.span(self.position);
                    return Err(span.error("unterminated comment: expected `*/`"));
                }
            }
        }
    }

    fn token(&mut self, mode: Mode, span: &Span) -> Result<Token> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        if first == '"' {
            let Some(end) = rest[1..].find('"') else {
                return Err(span.error("unterminated string: expected `\"`"));
            };
            let text = rest[1..=end].to_owned();
            self.position += end + 2;
            return Ok(Token::Quoted(text));
        }
        let length = match mode {
            Mode::Names => rest.find(|c| !is_name(c)),
            Mode::Expression => rest.find(|c| !is_symbol(c)),
        };
        let word = rest[..length.unwrap_or(rest.len())].to_owned();
        if mode == Mode::Expression && first.is_ascii_digit() {
            self.position += word.len();
            let Some(value) = number(&word) else {
                return Err(span.error(format!("invalid number `{word}`")));
            };
            let digits = word.strip_prefix("0x").or(word.strip_prefix("0X"));
            let digits = digits.filter(|digits| !digits.ends_with(['k', 'K', 'm', 'M']));
            return Ok(Token::Number(value, digits.map(str::len)));
        }
        if !word.is_empty() {
            self.position += word.len();
            return Ok(Token::Name(word));
        }
        match PUNCTUATION.iter().find(|text| rest.starts_with(**text)) {
            Some(text) => {
                self.position += text.len();
                Ok(Token::Punctuation(text))
            }
            None if first == char::REPLACEMENT_CHARACTER => Err(span.error(NO_UTF8)),
            None => Err(span.error(format!("unexpected character `{first}`"))),
        }
    }
}

/// Whether a character can be in a file name, a section name or a pattern. GNU ld also accepts `=`, so that
/// `a=b` is not an assignment there.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "_.$/\\~-+:[]*?^!".contains(character)
        || is_non_ascii(character)
}

fn is_symbol(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.$".contains(character) || is_non_ascii(character)
}

/// Whether a character is non-ASCII. Excludes the replacement character, with which `Source::read` replaces
/// invalid UTF-8.
fn is_non_ascii(character: char) -> bool {
    !character.is_ascii() && character != char::REPLACEMENT_CHARACTER
}

/// Parses a number in C syntax, with an optional suffix `K` (1024) or `M` (1024²) (GNU ld manual,
/// "Constants").
fn number(word: &str) -> Option<u64> {
    let (digits, unit) = match word.as_bytes().last()? {
        b'K' | b'k' => (&word[..word.len() - 1], 1 << 10),
        b'M' | b'm' => (&word[..word.len() - 1], 1 << 20),
        _ => (word, 1),
    };
    let value = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        u64::from_str_radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits, 8)
    } else {
        digits.parse()
    };
    value.ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, mode: Mode) -> Vec<Token> {
        let mut lexer = Lexer::new(Source::new("t", text));
        let mut tokens = Vec::new();
        loop {
            match lexer.next(mode).expect("a token").value {
                Token::End => return tokens,
                token => tokens.push(token),
            }
        }
    }

    fn name(text: &str) -> Token {
        Token::Name(text.to_owned())
    }

    #[test]
    fn names_depend_on_the_mode() {
        assert_eq!(
            tokens("lib*.rlib:* a-b", Mode::Names),
            [name("lib*.rlib:*"), name("a-b")]
        );
        assert_eq!(
            tokens("a-b*2", Mode::Expression),
            [
                name("a"),
                Token::Punctuation("-"),
                name("b"),
                Token::Punctuation("*"),
                Token::Number(2, None)
            ]
        );
    }

    #[test]
    fn numbers() {
        for (text, value) in [("10", 10), ("017", 15), ("4K", 4096), ("1M", 1 << 20)] {
            assert_eq!(tokens(text, Mode::Expression), [Token::Number(value, None)]);
        }
        assert_eq!(
            tokens("0x01F", Mode::Expression),
            [Token::Number(31, Some(3))]
        );
        let mut lexer = Lexer::new(Source::new("t", "12z"));
        assert!(lexer.next(Mode::Expression).is_err());
    }

    #[test]
    fn comments_are_space() {
        assert_eq!(
            tokens("a/* * */ /**/b", Mode::Expression),
            [name("a"), name("b")]
        );
        for mode in [Mode::Names, Mode::Expression] {
            let text = "# 1 \"x.ld.S\" /*\r\na#b \"\n# 2\n\tc\n#";
            assert_eq!(tokens(text, mode), [name("a"), name("c")]);
            assert_eq!(tokens("\"#\"", mode), [Token::Quoted("#".to_owned())]);
        }
    }
}
