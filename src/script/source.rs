//! The text of a script, and errors that show their place in it.

use crate::error::Error;
use std::rc::Rc;

/// A script file. It is cheap to clone, so every span has one.
#[derive(Debug, Clone)]
pub struct Source(Rc<Text>);

#[derive(Debug)]
struct Text {
    name: String,
    text: String,
}

/// A place in a script.
#[derive(Debug, Clone)]
pub struct Span {
    source: Source,
    /// The byte offset of the first character.
    start: usize,
}

impl Source {
    /// A script with the text `text`. Messages call it `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Rc::new(Text {
            name: name.into(),
            text: text.into(),
        }))
    }

    /// A script with the contents of a file, without a byte-order mark. Comments may be in any encoding, so
    /// invalid UTF-8 becomes the replacement character, which the lexer rejects outside comments.
    pub fn read(name: impl Into<String>, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        Self::new(name, String::from_utf8_lossy(bytes))
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The place at a byte offset.
    pub fn span(&self, start: usize) -> Span {
        Span {
            source: self.clone(),
            start,
        }
    }
}

impl Span {
    /// An error at this place. It shows the file, line and column, `what`, and the line with a caret.
    pub fn error(&self, what: impl Into<String>) -> Error {
        let before = &self.source.text()[..self.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let line = self.source.text()[line_start..]
            .lines()
            .next()
            .unwrap_or_default();
        let (line, indent) = window(line, column - 1);
        Error::new(what)
            .in_file(format!("{}:{number}:{column}", self.source.name()))
            .note(line)
            .note(format!("{indent}^"))
    }
}

/// The maximum number of characters of a line in an error.
const MAX_SHOWN: usize = 100;
/// The maximum number of them before the place of the error.
const MAX_SHOWN_BEFORE: usize = 60;

/// The part of a line around the character `at`, and the indentation of the caret below it.
fn window(line: &str, at: usize) -> (String, String) {
    let first = at.saturating_sub(MAX_SHOWN_BEFORE);
    let cut = if first > 0 { "..." } else { "" };
    let mut shown: String = line.chars().skip(first).take(MAX_SHOWN).collect();
    // The indentation has the tabs of the line, so the caret is below its character at any tab width.
    let before = shown.chars().take(at - first);
    let before = before.map(|character| if character == '\t' { '\t' } else { ' ' });
    let indent = " ".repeat(cut.len()) + &before.collect::<String>();
    if line.chars().nth(first + MAX_SHOWN).is_some() {
        shown.push_str("...");
    }
    (format!("{cut}{shown}"), indent)
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_line() {
        let source = Source::new("a.ld", "SECTIONS {\n\tX : @\n}");
        assert_eq!(
            source.span(16).error("what is `@`?").to_string(),
            "a.ld:2:6: what is `@`?\n>>> \tX : @\n>>> \t    ^"
        );
    }

    #[test]
    fn an_error_shows_part_of_a_long_line() {
        let text = format!("one\n{}!{}\nlast", "\tx".repeat(3_000), "y".repeat(3_000));
        let at = text.find('!').expect("the place");
        let error = Source::new("a.ld", text)
            .span(at)
            .error("wrong")
            .to_string();
        let lines: Vec<&str> = error.lines().collect();
        let [what, line, caret] = lines[..] else {
            panic!("three lines: {error}");
        };
        assert_eq!(what, "a.ld:2:6001: wrong");
        assert!(
            line.starts_with(">>> ...") && line.ends_with("..."),
            "{line}"
        );
        assert!(line.len() < 120, "{line}");
        let place = caret.find('^').expect("a caret");
        assert_eq!(line.as_bytes()[place], b'!');
        let tabs = |text: &str| text.matches('\t').count();
        assert_eq!(
            tabs(caret),
            tabs(line.split('!').next().unwrap_or_default())
        );
    }
}
