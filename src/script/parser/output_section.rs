//! Output section descriptions (GNU ld manual, "Output Section Description").

use super::assignments::{assert, assignment};
use super::expressions::{expression, in_parentheses};
use super::tokens::{Tokens, no_utf8, unexpected};
use crate::error::Result;
use crate::script::ast::{
    Expression, FilePattern, FileSort, InputDescription, OutputSection, SectionPattern, Sort,
    Statement,
};
use crate::script::lexer::{Mode, Token};
use crate::script::source::{Span, Spanned};

/// The section types of GNU ld that do not apply to data in linear memory.
const SECTION_TYPES: [&str; 6] = ["COPY", "DSECT", "INFO", "OVERLAY", "READONLY", "TYPE"];

/// Parses `NAME : { … }`.
///
/// # Errors
/// A syntax error.
pub fn output_section(tokens: &mut Tokens<'_>) -> Result<OutputSection> {
    let name = tokens.name(Mode::Names, "an output section")?;
    let (address, noload) = before_colon(tokens)?;
    let load = attribute(tokens, "AT")?;
    let align = attribute(tokens, "ALIGN")?;
    tokens.refuse(Mode::Expression)?;
    let subalign = attribute(tokens, "SUBALIGN")?;
    tokens.refuse(Mode::Expression)?;
    tokens.expect(Mode::Expression, "{")?;
    let mut statements = Vec::new();
    body(tokens, &mut statements, true)?;
    tokens.expect(Mode::Names, "}")?;
    if let Some(fill) = after_section(tokens)? {
        statements.insert(0, Statement::Fill(fill));
    }
    Ok(OutputSection {
        name,
        address,
        noload,
        load,
        align,
        subalign,
        statements,
    })
}

/// Parses from the name of an output section to the colon: the address, and the place of `NOLOAD`.
fn before_colon(tokens: &mut Tokens<'_>) -> Result<(Option<Expression>, Option<Span>)> {
    if let Some(noload) = section_type(tokens)? {
        return Ok((None, noload));
    }
    let token = tokens.peek(Mode::Expression)?;
    let mut address = None;
    if token.value != Token::Punctuation(":") {
        tokens.refuse(Mode::Expression)?;
        if token.value == Token::Punctuation("{") || token.value == Token::End {
            return Err(unexpected(
                &token,
                "`:` after the name of an output section",
            ));
        }
        address = Some(expression(tokens)?);
    }
    if let Some(noload) = section_type(tokens)? {
        return Ok((address, noload));
    }
    tokens.expect(Mode::Expression, ":")?;
    Ok((address, None))
}

/// Parses `(NOLOAD) :` or `() :`; `None` if something else is next.
fn section_type(tokens: &mut Tokens<'_>) -> Result<Option<Option<Span>>> {
    let before = tokens.position();
    if !tokens.accept(Mode::Expression, "(")? {
        return Ok(None);
    }
    let token = tokens.next(Mode::Expression)?;
    let noload = match token.value {
        Token::Punctuation(")") => None,
        Token::Name(word) if word == "NOLOAD" => {
            tokens.expect(Mode::Expression, ")")?;
            Some(token.span)
        }
        Token::Name(word) if SECTION_TYPES.contains(&word.as_str()) => {
            return Err(token.span.error(format!(
                "section type {word} is not supported for WebAssembly: use NOLOAD or no type"
            )));
        }
        _ => {
            tokens.rewind(before);
            return Ok(None);
        }
    };
    tokens.expect(Mode::Expression, ":")?;
    Ok(Some(noload))
}

/// Parses `KEYWORD(expr)`; `None` if it is absent.
fn attribute(tokens: &mut Tokens<'_>, keyword: &str) -> Result<Option<Expression>> {
    let found = tokens.accept_keyword(Mode::Expression, keyword)?;
    found.then(|| in_parentheses(tokens)).transpose()
}

/// Parses what follows the `}` of an output section. Returns the fill pattern; program headers have no effect.
fn after_section(tokens: &mut Tokens<'_>) -> Result<Option<Expression>> {
    let token = tokens.peek(Mode::Expression)?;
    match token.value {
        Token::Punctuation(">") => {
            return Err(token
                .span
                .error("memory regions are not supported: a wasm module has one linear memory"));
        }
        Token::Name(name) if name == "AT" => {
            return Err(token.span.error("wasm data has no load address of its own"));
        }
        _ => {}
    }
    while tokens.accept(Mode::Expression, ":")? {
        tokens.name(Mode::Expression, "a program header")?;
    }
    let fill = tokens.accept(Mode::Expression, "=")?;
    let fill = fill.then(|| expression(tokens)).transpose()?;
    tokens.accept(Mode::Names, ",")?;
    Ok(fill)
}

/// Parses statements up to `}` or, if not `braced`, to the end of an included file.
fn body(tokens: &mut Tokens<'_>, statements: &mut Vec<Statement>, braced: bool) -> Result<()> {
    loop {
        tokens.refuse(Mode::Names)?;
        let token = tokens.peek(Mode::Names)?;
        match token.value {
            Token::Punctuation("}") if braced => return Ok(()),
            Token::End if !braced => return Ok(()),
            Token::Punctuation(";") => {
                tokens.next(Mode::Names)?;
            }
            Token::Name(name) => statement(tokens, &name, statements)?,
            Token::Quoted(_) => statement(tokens, "", statements)?,
            _ => return Err(unexpected(&token, "a statement or `}`")),
        }
    }
}

fn statement(tokens: &mut Tokens<'_>, name: &str, statements: &mut Vec<Statement>) -> Result<()> {
    let size = match name {
        "BYTE" => Some(1),
        "SHORT" => Some(2),
        "LONG" => Some(4),
        "QUAD" | "SQUAD" => Some(8),
        _ => None,
    };
    if let Some(size) = size {
        tokens.next(Mode::Names)?;
        let value = in_parentheses(tokens)?;
        tokens.accept(Mode::Names, ";")?;
        statements.push(Statement::Data(size, value));
    } else if name == "FILL" {
        tokens.next(Mode::Names)?;
        let fill = in_parentheses(tokens)?;
        tokens.accept(Mode::Names, ";")?;
        statements.push(Statement::Fill(fill));
    } else if name == "ASCIZ" {
        tokens.next(Mode::Names)?;
        let text = text(tokens)?;
        tokens.accept(Mode::Names, ";")?;
        statements.push(Statement::Text(text));
    } else if name == "ASCII" {
        tokens.next(Mode::Names)?;
        let size = in_parentheses(tokens)?;
        let text = text(tokens)?;
        tokens.accept(Mode::Names, ";")?;
        statements.push(Statement::SizedText(size, text));
    } else if name == "INCLUDE" {
        tokens.included(|tokens| body(tokens, statements, false))?;
    } else if let Some(assert) = assert(tokens)? {
        tokens.expect(Mode::Expression, ";")?;
        statements.push(Statement::Assert(assert));
    } else if let Some(assignment) = assignment(tokens)? {
        statements.push(Statement::Assign(assignment));
    } else {
        statements.push(Statement::Input(input_description(tokens)?));
    }
    Ok(())
}

/// Parses a quoted string with the C escapes `\n`, `\r`, `\t` and octal numbers. The result ends with a NUL.
fn text(tokens: &mut Tokens<'_>) -> Result<Vec<u8>> {
    let token = tokens.next(Mode::Names)?;
    match &token.value {
        Token::Quoted(text) if !text.contains(char::REPLACEMENT_CHARACTER) => {
            let mut text = unescaped(text);
            text.push(0);
            Ok(text)
        }
        Token::Quoted(_) => Err(no_utf8(&token.span)),
        _ => Err(unexpected(&token, "a string in quotes")),
    }
}

fn input_description(tokens: &mut Tokens<'_>) -> Result<InputDescription> {
    if tokens.accept_keyword(Mode::Names, "KEEP")? {
        let mut description = tokens.parenthesized(Mode::Names, input_description_without_keep)?;
        description.keep = true;
        return Ok(description);
    }
    input_description_without_keep(tokens)
}

fn input_description_without_keep(tokens: &mut Tokens<'_>) -> Result<InputDescription> {
    let mut file_sort = FileSort::None;
    let mut closing = 0;
    loop {
        if tokens.accept_keyword(Mode::Names, "REVERSE")? {
            file_sort = FileSort::ReverseName;
        } else if tokens.accept_keyword(Mode::Names, "SORT_BY_NAME")?
            || tokens.accept_keyword(Mode::Names, "SORT")?
        {
            if file_sort == FileSort::None {
                file_sort = FileSort::Name;
            }
        } else {
            break;
        }
        tokens.expect(Mode::Names, "(")?;
        closing += 1;
    }
    let exclude = exclude_files(tokens)?;
    let files = file_pattern(tokens.name(Mode::Names, "a pattern for files")?.value);
    for _ in 0..closing {
        tokens.expect(Mode::Names, ")")?;
    }
    let mut sections = Vec::new();
    if tokens.accept(Mode::Names, "(")? {
        while !tokens.accept(Mode::Names, ")")? {
            sections.push(section_pattern(tokens)?);
            refuse_comma(tokens)?;
        }
        if sections.is_empty() {
            let span = tokens.span()?;
            return Err(span.error("expected a section pattern, found `)`"));
        }
    }
    Ok(InputDescription {
        keep: false,
        files,
        exclude,
        file_sort,
        sections,
    })
}

/// Rejects a comma after a pattern. In GNU ld it is part of the pattern, which then matches nothing.
fn refuse_comma(tokens: &mut Tokens<'_>) -> Result<()> {
    let token = tokens.peek(Mode::Names)?;
    match token.value {
        Token::Punctuation(",") => Err(token.span.error(
            "unexpected `,`: separate patterns with spaces (to GNU ld, a comma is part of \
             the pattern)",
        )),
        _ => Ok(()),
    }
}

fn exclude_files(tokens: &mut Tokens<'_>) -> Result<Vec<FilePattern>> {
    let mut files = Vec::new();
    if tokens.accept_keyword(Mode::Names, "EXCLUDE_FILE")? {
        tokens.expect(Mode::Names, "(")?;
        loop {
            let file = tokens.name(Mode::Names, "a pattern for files")?;
            files.push(file_pattern(file.value));
            refuse_comma(tokens)?;
            if tokens.accept(Mode::Names, ")")? {
                break;
            }
        }
    }
    Ok(files)
}

fn section_pattern(tokens: &mut Tokens<'_>) -> Result<SectionPattern> {
    let mut sorts = Vec::new();
    let mut reverse = false;
    let mut closing = 0;
    loop {
        let token = tokens.peek(Mode::Names)?;
        let Token::Name(keyword) = &token.value else {
            break;
        };
        let sort = match keyword.as_str() {
            "SORT" | "SORT_BY_NAME" => Some(Sort::Name),
            "SORT_BY_ALIGNMENT" => Some(Sort::Alignment),
            "SORT_BY_INIT_PRIORITY" => Some(Sort::InitPriority),
            "SORT_NONE" => Some(Sort::None),
            "REVERSE" => None,
            _ => break,
        };
        tokens.next(Mode::Names)?;
        match sort {
            Some(sort) => sorts.push(Spanned {
                value: sort,
                span: token.span,
            }),
            None => reverse = true,
        }
        tokens.expect(Mode::Names, "(")?;
        closing += 1;
    }
    let exclude = exclude_files(tokens)?;
    let name = tokens.name(Mode::Names, "a pattern for sections")?;
    for _ in 0..closing {
        tokens.expect(Mode::Names, ")")?;
    }
    let sort = match combined(&sorts)? {
        // `REVERSE(x)` is short for `REVERSE(SORT_BY_NAME(x))`.
        Sort::None if reverse && sorts.is_empty() => Sort::Name,
        sort => sort,
    };
    Ok(SectionPattern {
        name,
        exclude,
        sort,
        reverse,
    })
}

/// Resolves escapes. An octal number has at most three digits, and ends before it would exceed a byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes().peekable();
    let mut unescaped = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'\\').then(|| bytes.next()).flatten();
        unescaped.push(match escaped {
            None if byte == b'\\' => continue,
            None => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(digit @ b'0'..=b'7') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    let next = bytes.peek().and_then(|&byte| match byte {
                        b'0'..=b'7' => value.checked_mul(8)?.checked_add(byte - b'0'),
                        _ => None,
                    });
                    let Some(next) = next else { break };
                    value = next;
                    bytes.next();
                }
                value
            }
            Some(other) => other,
        });
    }
    unescaped
}

/// Combines nested sorts, at most two (GNU ld manual, "Input Section Wildcard Patterns").
fn combined(sorts: &[Spanned<Sort>]) -> Result<Sort> {
    let values: Vec<Sort> = sorts.iter().map(|sort| sort.value).collect();
    match values[..] {
        [] => Ok(Sort::None),
        [sort] => Ok(sort),
        [Sort::Name, Sort::Alignment] => Ok(Sort::NameAlignment),
        [Sort::Alignment, Sort::Name] => Ok(Sort::AlignmentName),
        [Sort::Name, Sort::Name] => Ok(Sort::Name),
        [Sort::Alignment, Sort::Alignment] => Ok(Sort::Alignment),
        [_, ..] => {
            let last = sorts.last().map(|sort| &sort.span);
            let error = last.map(|span| {
                span.error("only SORT_BY_NAME and SORT_BY_ALIGNMENT can be nested in each other")
            });
            error.map_or(Ok(Sort::None), Err)
        }
    }
}

/// Parses `ARCHIVE:FILE`, `ARCHIVE:`, `:FILE` or `FILE`.
fn file_pattern(text: String) -> FilePattern {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // As in GNU ld, a colon after one letter belongs to a drive on Windows.
    let drive = match text.as_bytes() {
        [letter, b':', ..] if cfg!(windows) && letter.is_ascii_alphabetic() => 2,
        _ => 0,
    };
    match text[drive..].split_once(':') {
        None => FilePattern {
            archive: None,
            file: Some(text),
        },
        Some((archive, file)) => FilePattern {
            archive: Some(format!("{}{archive}", &text[..drive])),
            file: some(file),
        },
    }
}

#[cfg(test)]
#[cfg(windows)]
mod tests {
    use super::file_pattern;

    #[test]
    fn drives_are_no_archives() {
        for (text, archive, file) in [
            ("C:/a.o", None, Some("C:/a.o")),
            ("C:/l.a:a.o", Some("C:/l.a"), Some("a.o")),
            ("l.a:", Some("l.a"), None),
            (":a.o", Some(""), Some("a.o")),
        ] {
            let pattern = file_pattern(text.to_owned());
            assert_eq!(
                (pattern.archive.as_deref(), pattern.file.as_deref()),
                (archive, file)
            );
        }
    }
}
