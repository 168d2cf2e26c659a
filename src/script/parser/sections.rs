//! Output sections and what is in them.

use super::{Parser, no_utf8, unexpected};
use crate::error::Result;
use crate::script::ast::{
    Expression, FilePattern, FileSort, InputDescription, OutputSection, SectionPattern, Sort,
    Statement,
};
use crate::script::lexer::{Mode, Token};
use crate::script::source::{Span, Spanned};

/// Types of output sections that mean something else than data in memory.
const SECTION_TYPES: [&str; 6] = ["COPY", "DSECT", "INFO", "OVERLAY", "READONLY", "TYPE"];

impl Parser<'_> {
    pub(super) fn output_section(&mut self) -> Result<OutputSection> {
        let name = self.name(Mode::Names, "an output section")?;
        let (address, noload) = self.before_colon()?;
        let load = self.attribute("AT")?;
        let align = self.attribute("ALIGN")?;
        self.refuse(Mode::Expression)?;
        let subalign = self.attribute("SUBALIGN")?;
        self.refuse(Mode::Expression)?;
        self.expect(Mode::Expression, "{")?;
        let mut statements = Vec::new();
        self.statements(&mut statements, true)?;
        self.expect(Mode::Names, "}")?;
        if let Some(fill) = self.after_section()? {
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

    /// What stands between the name of an output section and its contents up to the colon: an address,
    /// and where `NOLOAD` is.
    fn before_colon(&mut self) -> Result<(Option<Expression>, Option<Span>)> {
        if let Some(noload) = self.section_type()? {
            return Ok((None, noload));
        }
        let token = self.lexer.peek(Mode::Expression)?;
        let mut address = None;
        if token.value != Token::Punctuation(":") {
            self.refuse(Mode::Expression)?;
            if token.value == Token::Punctuation("{") || token.value == Token::End {
                return Err(unexpected(
                    &token,
                    "`:` after the name of an output section",
                ));
            }
            address = Some(self.expression()?);
        }
        if let Some(noload) = self.section_type()? {
            return Ok((address, noload));
        }
        self.expect(Mode::Expression, ":")?;
        Ok((address, None))
    }

    /// `(NOLOAD) :` or `() :`. `None`: it is something else.
    fn section_type(&mut self) -> Result<Option<Option<Span>>> {
        let before = self.lexer.clone();
        if !self.accept(Mode::Expression, "(")? {
            return Ok(None);
        }
        let token = self.lexer.next(Mode::Expression)?;
        let noload = match token.value {
            Token::Punctuation(")") => None,
            Token::Name(word) if word == "NOLOAD" => {
                self.expect(Mode::Expression, ")")?;
                Some(token.span)
            }
            Token::Name(word) if SECTION_TYPES.contains(&word.as_str()) => {
                return Err(token.span.error(format!(
                    "output sections of wasm have no type such as {word}"
                )));
            }
            _ => {
                self.lexer = before;
                return Ok(None);
            }
        };
        self.expect(Mode::Expression, ":")?;
        Ok(Some(noload))
    }

    /// `KEYWORD(expr)`, if it is there.
    fn attribute(&mut self, keyword: &str) -> Result<Option<Expression>> {
        let found = self.accept_keyword(Mode::Expression, keyword)?;
        found.then(|| self.in_parentheses()).transpose()
    }

    /// What may follow the `}` of an output section: a fill pattern counts, and headers are not in
    /// memory.
    fn after_section(&mut self) -> Result<Option<Expression>> {
        let token = self.lexer.peek(Mode::Expression)?;
        match token.value {
            Token::Punctuation(">") => {
                return Err(token
                    .span
                    .error("there are no memory regions: a wasm module has one linear memory"));
            }
            Token::Name(name) if name == "AT" => {
                return Err(token
                    .span
                    .error("data of wasm has no load address other than its address"));
            }
            _ => {}
        }
        while self.accept(Mode::Expression, ":")? {
            self.name(Mode::Expression, "a program header")?;
        }
        let fill = self.accept(Mode::Expression, "=")?;
        let fill = fill.then(|| self.expression()).transpose()?;
        self.accept(Mode::Names, ",")?;
        Ok(fill)
    }

    fn statements(&mut self, statements: &mut Vec<Statement>, braced: bool) -> Result<()> {
        loop {
            self.refuse(Mode::Names)?;
            let token = self.lexer.peek(Mode::Names)?;
            match token.value {
                Token::Punctuation("}") if braced => return Ok(()),
                Token::End if !braced => return Ok(()),
                Token::Punctuation(";") => {
                    self.lexer.next(Mode::Names)?;
                }
                Token::Name(name) => self.statement(&name, statements)?,
                Token::Quoted(_) => self.statement("", statements)?,
                _ => return Err(unexpected(&token, "a statement or `}`")),
            }
        }
    }

    fn statement(&mut self, name: &str, statements: &mut Vec<Statement>) -> Result<()> {
        let size = match name {
            "BYTE" => Some(1),
            "SHORT" => Some(2),
            "LONG" => Some(4),
            "QUAD" | "SQUAD" => Some(8),
            _ => None,
        };
        if let Some(size) = size {
            self.lexer.next(Mode::Names)?;
            let value = self.in_parentheses()?;
            self.accept(Mode::Names, ";")?;
            statements.push(Statement::Data(size, value));
        } else if name == "FILL" {
            self.lexer.next(Mode::Names)?;
            let fill = self.in_parentheses()?;
            self.accept(Mode::Names, ";")?;
            statements.push(Statement::Fill(fill));
        } else if name == "ASCIZ" {
            self.lexer.next(Mode::Names)?;
            let text = self.text()?;
            self.accept(Mode::Names, ";")?;
            statements.push(Statement::Text(text));
        } else if name == "ASCII" {
            self.lexer.next(Mode::Names)?;
            let size = self.in_parentheses()?;
            let text = self.text()?;
            self.accept(Mode::Names, ";")?;
            statements.push(Statement::SizedText(size, text));
        } else if name == "INCLUDE" {
            self.included(|parser| parser.statements(statements, false))?;
        } else if let Some(assert) = self.assert()? {
            self.expect(Mode::Expression, ";")?;
            statements.push(Statement::Assert(assert));
        } else if let Some(assignment) = self.assignment()? {
            statements.push(Statement::Assign(assignment));
        } else {
            statements.push(Statement::Input(self.input_description()?));
        }
        Ok(())
    }

    /// A string in quotes, with C's escapes for new lines, returns, tabs and octal numbers.
    fn text(&mut self) -> Result<Vec<u8>> {
        let token = self.lexer.next(Mode::Names)?;
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

    fn input_description(&mut self) -> Result<InputDescription> {
        if self.accept_keyword(Mode::Names, "KEEP")? {
            let mut description =
                self.parenthesized(Mode::Names, Self::input_description_unkept)?;
            description.keep = true;
            return Ok(description);
        }
        self.input_description_unkept()
    }

    fn input_description_unkept(&mut self) -> Result<InputDescription> {
        let mut file_sort = FileSort::None;
        let mut closing = 0;
        loop {
            if self.accept_keyword(Mode::Names, "REVERSE")? {
                file_sort = FileSort::ReverseName;
            } else if self.accept_keyword(Mode::Names, "SORT_BY_NAME")?
                || self.accept_keyword(Mode::Names, "SORT")?
            {
                if file_sort == FileSort::None {
                    file_sort = FileSort::Name;
                }
            } else {
                break;
            }
            self.expect(Mode::Names, "(")?;
            closing += 1;
        }
        let exclude = self.exclude_files()?;
        let files = file_pattern(self.name(Mode::Names, "a pattern for files")?.value);
        for _ in 0..closing {
            self.expect(Mode::Names, ")")?;
        }
        let mut sections = Vec::new();
        if self.accept(Mode::Names, "(")? {
            while !self.accept(Mode::Names, ")")? {
                sections.push(self.section_pattern()?);
                self.refuse_comma()?;
            }
            if sections.is_empty() {
                let span = self.lexer.span()?;
                return Err(span.error("there is no pattern for sections between `(` and `)`"));
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

    /// GNU ld takes a comma after a pattern as a part of it, which then fits nothing. That is no
    /// one's wish.
    fn refuse_comma(&mut self) -> Result<()> {
        let token = self.lexer.peek(Mode::Names)?;
        match token.value {
            Token::Punctuation(",") => Err(token
                .span
                .error("patterns are separated by spaces: to GNU ld a comma is part of the name")),
            _ => Ok(()),
        }
    }

    fn exclude_files(&mut self) -> Result<Vec<FilePattern>> {
        let mut files = Vec::new();
        if self.accept_keyword(Mode::Names, "EXCLUDE_FILE")? {
            self.expect(Mode::Names, "(")?;
            loop {
                let file = self.name(Mode::Names, "a pattern for files")?;
                files.push(file_pattern(file.value));
                self.refuse_comma()?;
                if self.accept(Mode::Names, ")")? {
                    break;
                }
            }
        }
        Ok(files)
    }

    fn section_pattern(&mut self) -> Result<SectionPattern> {
        let mut sorts = Vec::new();
        let mut reverse = false;
        let mut closing = 0;
        loop {
            let token = self.lexer.peek(Mode::Names)?;
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
            self.lexer.next(Mode::Names)?;
            match sort {
                Some(sort) => sorts.push(Spanned {
                    value: sort,
                    span: token.span,
                }),
                None => reverse = true,
            }
            self.expect(Mode::Names, "(")?;
            closing += 1;
        }
        let exclude = self.exclude_files()?;
        let name = self.name(Mode::Names, "a pattern for sections")?;
        for _ in 0..closing {
            self.expect(Mode::Names, ")")?;
        }
        let sort = match combined(&sorts)? {
            // `REVERSE(x)` alone is `REVERSE(SORT_BY_NAME(x))`.
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
}

/// A string without its escapes. Of an octal number, so many digits count as fit a byte.
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

/// Two sorts at most, one inside the other (GNU ld manual, "Input Section Wildcards").
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
                span.error("only SORT_BY_NAME and SORT_BY_ALIGNMENT can be inside one another")
            });
            error.map_or(Ok(Sort::None), Err)
        }
    }
}

/// `ARCHIVE:FILE`, `ARCHIVE:`, `:FILE` or `FILE`.
fn file_pattern(text: String) -> FilePattern {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match text.split_once(':') {
        None => FilePattern {
            archive: None,
            file: Some(text),
        },
        Some((archive, file)) => FilePattern {
            archive: Some(archive.to_owned()),
            file: some(file),
        },
    }
}
