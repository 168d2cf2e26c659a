//! The token stream of the parser: accepts, expects and rejects tokens.

use super::keywords::{is_keyword, refuse_word};
use crate::error::{Error, Result};
use crate::script::lexer::{Lexer, Mode, NO_UTF8, Token};
use crate::script::source::{Source, Span, Spanned};

/// Opens the file of an `INCLUDE`.
pub type Include<'a> = &'a dyn Fn(&Spanned<String>) -> Result<Source>;

/// The maximum nesting of `INCLUDE`, as in GNU ld.
const MAX_INCLUDES: usize = 10;

/// The tokens of a script and of the files that it includes.
pub struct Tokens<'a> {
    lexer: Lexer,
    include: Include<'a>,
    /// The nesting of `INCLUDE` at the current file.
    includes: usize,
}

impl<'a> Tokens<'a> {
    /// The tokens of `source`, from its beginning.
    pub fn new(source: Source, include: Include<'a>) -> Self {
        Self {
            lexer: Lexer::new(source),
            include,
            includes: 0,
        }
    }

    /// The place of the next token.
    ///
    /// # Errors
    /// An unterminated comment.
    pub fn span(&mut self) -> Result<Span> {
        self.lexer.span()
    }

    /// The next token, without consuming it.
    ///
    /// # Errors
    /// An invalid token.
    pub fn peek(&mut self, mode: Mode) -> Result<Spanned<Token>> {
        self.lexer.peek(mode)
    }

    /// The next token.
    ///
    /// # Errors
    /// An invalid token.
    pub fn next(&mut self, mode: Mode) -> Result<Spanned<Token>> {
        self.lexer.next(mode)
    }

    /// The position, for [`Self::rewind`].
    pub fn position(&self) -> Lexer {
        self.lexer.clone()
    }

    /// Returns to a position in the same file.
    pub fn rewind(&mut self, position: Lexer) {
        self.lexer = position;
    }

    /// Whether the next token is this operator or bracket.
    pub fn is_punctuation(&mut self, mode: Mode, text: &str) -> Result<bool> {
        let token = self.peek(mode)?.value;
        Ok(matches!(token, Token::Punctuation(found) if found == text))
    }

    /// Consumes an operator or bracket if it is next.
    pub fn accept(&mut self, mode: Mode, text: &str) -> Result<bool> {
        let found = self.is_punctuation(mode, text)?;
        if found {
            self.next(mode)?;
        }
        Ok(found)
    }

    /// Consumes an operator or bracket.
    ///
    /// # Errors
    /// Another token is next.
    pub fn expect(&mut self, mode: Mode, text: &'static str) -> Result<()> {
        let token = self.next(mode)?;
        match token.value {
            Token::Punctuation(found) if found == text => Ok(()),
            _ => Err(unexpected(&token, &format!("`{text}`"))),
        }
    }

    /// Reads a name that is not a keyword. Errors call it `what`.
    ///
    /// # Errors
    /// Another token is next.
    pub fn name(&mut self, mode: Mode, what: &str) -> Result<Spanned<String>> {
        let token = self.next(mode)?;
        match token.value {
            Token::Name(ref word) if is_keyword(word) => Err(unexpected(&token, what)),
            Token::Quoted(ref text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err(no_utf8(&token.span))
            }
            Token::Name(value) | Token::Quoted(value) => Ok(Spanned {
                value,
                span: token.span,
            }),
            _ => Err(unexpected(&token, what)),
        }
    }

    /// Whether the next token is this keyword.
    pub fn is_keyword(&mut self, mode: Mode, keyword: &str) -> Result<bool> {
        let token = self.peek(mode)?.value;
        Ok(matches!(token, Token::Name(name) if name == keyword))
    }

    /// Consumes a keyword if it is next.
    pub fn accept_keyword(&mut self, mode: Mode, keyword: &str) -> Result<bool> {
        let found = self.is_keyword(mode, keyword)?;
        if found {
            self.next(mode)?;
        }
        Ok(found)
    }

    /// Rejects the next token if it is an unsupported keyword.
    ///
    /// # Errors
    /// The keyword, with the reason.
    pub fn refuse(&mut self, mode: Mode) -> Result<()> {
        let token = self.peek(mode)?;
        match &token.value {
            Token::Name(name) => refuse_word(name, &token.span),
            _ => Ok(()),
        }
    }

    /// Parses `( inner )`.
    pub fn parenthesized<T>(
        &mut self,
        mode: Mode,
        inner: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.expect(mode, "(")?;
        let inside = inner(self)?;
        self.expect(mode, ")")?;
        Ok(inside)
    }

    /// `INCLUDE FILE`: parses the file with `parse`.
    ///
    /// # Errors
    /// A file that cannot be read, or too many nested files.
    pub fn included(&mut self, parse: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.next(Mode::Names)?;
        let file = self.name(Mode::Names, "the name of a file")?;
        if self.includes == MAX_INCLUDES {
            return Err(file
                .span
                .error("INCLUDE is nested too deeply: at most 10 files"));
        }
        let source = (self.include)(&file)?;
        let outer = std::mem::replace(&mut self.lexer, Lexer::new(source));
        self.includes += 1;
        parse(self)?;
        self.includes -= 1;
        self.lexer = outer;
        Ok(())
    }
}

/// The error for invalid UTF-8 in a name or string.
pub fn no_utf8(span: &Span) -> Error {
    span.error(NO_UTF8)
}

/// The error `expected X, found Y`.
pub fn unexpected(token: &Spanned<Token>, expected: &str) -> Error {
    let found = match &token.value {
        Token::Name(name) => format!("`{name}`"),
        Token::Quoted(text) => format!("\"{text}\""),
        Token::Number(number, _) => format!("`{number}`"),
        Token::Punctuation(text) => format!("`{text}`"),
        Token::End => "the end of the script".to_owned(),
    };
    token
        .span
        .error(format!("expected {expected}, found {found}"))
}
