//! Output sections and what is in them.

use super::{Parser, unexpected};
use crate::error::Result;
use crate::script::ast::{
    Expression, FilePattern, FileSort, InputDescription, OutputSection, SectionPattern, Sort,
    Statement,
};
use crate::script::lexer::{Mode, Token};
use crate::script::source::Spanned;

impl Parser<'_> {
    pub(super) fn output_section(&mut self) -> Result<OutputSection> {
        let name = self.name(Mode::Names, "an output section")?;
        let token = self.lexer.peek(Mode::Expression)?;
        if token.value == Token::Punctuation("(") {
            return Err(token
                .span
                .error("output sections of wasm have no type such as NOLOAD"));
        }
        if token.value != Token::Punctuation(":") {
            self.refuse(Mode::Expression)?;
            if token.value == Token::Punctuation("{") || token.value == Token::End {
                return Err(unexpected(
                    &token,
                    "`:` after the name of an output section",
                ));
            }
            return Err(token.span.error(
                "an output section has no address here: the linker that does the linking places it \
                 (--global-base)",
            ));
        }
        self.lexer.next(Mode::Expression)?;
        let (align, subalign) = self.section_attributes()?;
        self.expect(Mode::Expression, "{")?;
        let mut statements = Vec::new();
        self.statements(&mut statements, true)?;
        self.expect(Mode::Names, "}")?;
        if let Some(fill) = self.after_section()? {
            statements.insert(0, Statement::Fill(fill));
        }
        Ok(OutputSection {
            name,
            align,
            subalign,
            statements,
        })
    }

    fn section_attributes(&mut self) -> Result<(Option<Expression>, Option<Expression>)> {
        let (mut align, mut subalign) = (None, None);
        loop {
            self.refuse(Mode::Expression)?;
            if self.accept_keyword(Mode::Expression, "ALIGN")? {
                align = Some(self.in_parentheses()?);
            } else if self.accept_keyword(Mode::Expression, "SUBALIGN")? {
                subalign = Some(self.in_parentheses()?);
            } else {
                return Ok((align, subalign));
            }
        }
    }

    /// What may follow the `}` of an output section.
    fn after_section(&mut self) -> Result<Option<Expression>> {
        let token = self.lexer.peek(Mode::Expression)?;
        match token.value {
            Token::Punctuation(">") => Err(token
                .span
                .error("there are no memory regions: a wasm module has one linear memory")),
            Token::Punctuation(":") => Err(token
                .span
                .error("there are no program headers in a wasm module")),
            Token::Punctuation("=") => {
                self.lexer.next(Mode::Expression)?;
                let fill = self.expression()?;
                self.accept(Mode::Names, ",")?;
                Ok(Some(fill))
            }
            Token::Name(name) if name == "AT" => {
                self.refuse(Mode::Expression)?;
                Ok(None)
            }
            _ => {
                self.accept(Mode::Expression, ",")?;
                Ok(None)
            }
        }
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
