//! The parser: GNU ld's grammar, as far as it means something for the data of a wasm module. What
//! it cannot mean is refused by name, with the reason.

mod expressions;
mod sections;

use super::ast::{Assert, Assignment, Binary, Command, Definition};
use super::lexer::{Lexer, Mode, NO_UTF8, Token};
use super::source::{Source, Span, Spanned};
use crate::error::Result;

/// Finds the file of `INCLUDE`.
pub type Include<'a> = &'a dyn Fn(&Spanned<String>) -> Result<Source>;

/// As in GNU ld.
const MOST_INCLUDES: usize = 10;

/// Parses a script.
///
/// # Errors
/// What is not in the language, with its place.
pub fn parse(source: Source, include: Include<'_>) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    let mut parser = Parser {
        lexer: Lexer::new(source),
        include,
        includes: 0,
        depth: 0,
        operators: 0,
    };
    parser.top_level(&mut commands)?;
    Ok(commands)
}

/// Words that are no symbols, unless in quotes; also those that are refused.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 37] = [
        "ABSOLUTE",
        "ADDR",
        "ALIGN",
        "ALIGNOF",
        "ASCII",
        "ASCIZ",
        "ASSERT",
        "AT",
        "BYTE",
        "DEFINED",
        "EXCLUDE_FILE",
        "FILL",
        "HIDDEN",
        "INCLUDE",
        "INSERT",
        "KEEP",
        "LOG2CEIL",
        "LONG",
        "MAX",
        "MIN",
        "PROVIDE",
        "PROVIDE_HIDDEN",
        "QUAD",
        "REVERSE",
        "SECTIONS",
        "SHORT",
        "SIZEOF",
        "SORT",
        "SORT_BY_ALIGNMENT",
        "SORT_BY_INIT_PRIORITY",
        "SORT_BY_NAME",
        "SORT_NONE",
        "SPECIAL",
        "SQUAD",
        "SUBALIGN",
        "COPY",
        "NOLOAD",
    ];
    KEYWORDS.contains(&word) || refusal(word).is_some()
}

struct Parser<'a> {
    lexer: Lexer,
    include: Include<'a>,
    /// How many files are open above this one.
    includes: usize,
    depth: usize,
    /// Of the expression, so far.
    operators: usize,
}

/// Why a keyword of GNU ld is refused.
fn refusal(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "MEMORY" | "REGION_ALIAS" => {
            "a wasm module has one linear memory; its size is set by --initial-memory and --max-memory"
        }
        "PHDRS" => "a wasm module has no program headers",
        "ENTRY" => "the entry of a wasm module is an export; name it by --entry",
        "OVERLAY" | "NOCROSSREFS" | "NOCROSSREFS_TO" => "linear memory has no overlays",
        "OUTPUT" => "name the output by -o",
        "OUTPUT_FORMAT" | "OUTPUT_ARCH" | "TARGET" => "the output is wasm, as the inputs are",
        "INPUT" | "GROUP" | "STARTUP" => "name the inputs on the command line",
        "SEARCH_DIR" => "name the directories on the command line, by -L",
        "EXTERN" => "name the symbols on the command line, by -u",
        "VERSION" => "wasm symbols have no versions",
        "CONSTRUCTORS" | "CREATE_OBJECT_SYMBOLS" => {
            "wasm objects list their constructors themselves"
        }
        "FORCE_COMMON_ALLOCATION" | "INHIBIT_COMMON_ALLOCATION" | "FORCE_GROUP_ALLOCATION" => {
            "wasm objects have no common symbols"
        }
        "ONLY_IF_RO" | "ONLY_IF_RW" => "data segments of wasm are neither read-only nor writable",
        "LOADADDR" => "data of wasm has no load address other than its address",
        "ORIGIN" | "LENGTH" => "there are no memory regions",
        "SIZEOF_HEADERS" => "the headers of a wasm module are not in linear memory",
        "DATA_SEGMENT_ALIGN"
        | "DATA_SEGMENT_END"
        | "DATA_SEGMENT_RELRO_END"
        | "CONSTANT"
        | "SEGMENT_START" => "linear memory has no page protection",
        "INPUT_SECTION_FLAGS" => "data segments of wasm have no such flags",
        "LINKER_VERSION" => "put a text of your own there, by ASCIZ",
        "BIND" | "CLASS" => "the linker that does the linking places the sections",
        "LD_FEATURE" => "a number inside an output section is an offset into it, as by default",
        "NEXT" | "BLOCK" => "the linker that does the linking places the sections",
        "ALIGN_WITH_INPUT" => "data of wasm has no load address other than its address",
        _ => return None,
    })
}

impl Parser<'_> {
    fn is_punctuation(&mut self, mode: Mode, text: &str) -> Result<bool> {
        let token = self.lexer.peek(mode)?.value;
        Ok(matches!(token, Token::Punctuation(found) if found == text))
    }

    fn accept(&mut self, mode: Mode, text: &str) -> Result<bool> {
        let found = self.is_punctuation(mode, text)?;
        if found {
            self.lexer.next(mode)?;
        }
        Ok(found)
    }

    fn expect(&mut self, mode: Mode, text: &'static str) -> Result<()> {
        let token = self.lexer.next(mode)?;
        match token.value {
            Token::Punctuation(found) if found == text => Ok(()),
            _ => Err(unexpected(&token, &format!("`{text}`"))),
        }
    }

    fn name(&mut self, mode: Mode, what: &str) -> Result<Spanned<String>> {
        let token = self.lexer.next(mode)?;
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

    fn is_keyword(&mut self, mode: Mode, keyword: &str) -> Result<bool> {
        let token = self.lexer.peek(mode)?.value;
        Ok(matches!(token, Token::Name(name) if name == keyword))
    }

    fn accept_keyword(&mut self, mode: Mode, keyword: &str) -> Result<bool> {
        let found = self.is_keyword(mode, keyword)?;
        if found {
            self.lexer.next(mode)?;
        }
        Ok(found)
    }

    /// Refuses the next token if it is a keyword that means nothing here.
    fn refuse(&mut self, mode: Mode) -> Result<()> {
        let token = self.lexer.peek(mode)?;
        match &token.value {
            Token::Name(name) => refuse_word(name, &token.span),
            _ => Ok(()),
        }
    }

    /// What `inner` reads, in parentheses.
    fn parenthesized<T>(
        &mut self,
        mode: Mode,
        inner: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.expect(mode, "(")?;
        let inside = inner(self)?;
        self.expect(mode, ")")?;
        Ok(inside)
    }

    fn top_level(&mut self, commands: &mut Vec<Command>) -> Result<()> {
        loop {
            self.refuse(Mode::Names)?;
            if self.lexer.peek(Mode::Names)?.value == Token::End {
                return Ok(());
            }
            if self.accept(Mode::Names, ";")? {
            } else if self.accept_keyword(Mode::Names, "SECTIONS")? {
                self.expect(Mode::Names, "{")?;
                self.sections(commands, true)?;
                self.expect(Mode::Names, "}")?;
            } else if self.accept_keyword(Mode::Names, "INSERT")? {
                self.insert(commands)?;
            } else if !self.common(commands)? {
                let token = self.lexer.next(Mode::Names)?;
                return Err(unexpected(&token, "SECTIONS, an assignment or ASSERT"));
            }
        }
    }

    /// `INSERT AFTER NAME`: of all that stands before it, back to the `INSERT` before. Where that would
    /// be is the backend's business, as is where its sections are.
    fn insert(&mut self, commands: &mut Vec<Command>) -> Result<()> {
        if !self.accept_keyword(Mode::Names, "AFTER")?
            && !self.accept_keyword(Mode::Names, "BEFORE")?
        {
            let token = self.lexer.next(Mode::Names)?;
            return Err(unexpected(&token, "AFTER or BEFORE"));
        }
        self.name(Mode::Names, "an output section")?;
        let mut before = commands.iter();
        let last = before.rposition(|command| matches!(command, Command::Apart));
        commands.insert(last.map_or(0, |last| last + 1), Command::Apart);
        commands.push(Command::Apart);
        Ok(())
    }

    /// The inside of `SECTIONS`, up to its `}`, or to the end of an included file.
    fn sections(&mut self, commands: &mut Vec<Command>, braced: bool) -> Result<()> {
        loop {
            self.refuse(Mode::Names)?;
            let ended = if braced {
                self.is_punctuation(Mode::Names, "}")?
            } else {
                self.lexer.peek(Mode::Names)?.value == Token::End
            };
            if ended {
                return Ok(());
            }
            if self.is_keyword(Mode::Names, "INCLUDE")? {
                self.included(|parser| parser.sections(commands, false))?;
            } else if !self.common(commands)? {
                commands.push(Command::Output(self.output_section()?));
            }
        }
    }

    /// What may stand at the top and in `SECTIONS` alike. `false`: it is something else.
    fn common(&mut self, commands: &mut Vec<Command>) -> Result<bool> {
        if self.is_keyword(Mode::Names, "INCLUDE")? {
            self.included(|parser| parser.top_level(commands))?;
        } else if let Some(assert) = self.assert()? {
            commands.push(Command::Assert(assert));
        } else if let Some(assignment) = self.assignment()? {
            commands.push(Command::Assign(assignment));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// `INCLUDE FILE`: goes on in the file, by `parse`.
    fn included(&mut self, parse: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.lexer.next(Mode::Names)?;
        let file = self.name(Mode::Names, "the name of a file")?;
        if self.includes == MOST_INCLUDES {
            return Err(file.span.error("scripts are included too deep"));
        }
        let source = (self.include)(&file)?;
        let outer = std::mem::replace(&mut self.lexer, Lexer::new(source));
        self.includes += 1;
        parse(self)?;
        self.includes -= 1;
        self.lexer = outer;
        Ok(())
    }

    fn assert(&mut self) -> Result<Option<Assert>> {
        if !self.accept_keyword(Mode::Names, "ASSERT")? {
            return Ok(None);
        }
        Ok(Some(self.assert_arguments()?))
    }

    fn assert_arguments(&mut self) -> Result<Assert> {
        self.parenthesized(Mode::Expression, |parser| {
            let condition = parser.expression()?;
            parser.expect(Mode::Expression, ",")?;
            let token = parser.lexer.next(Mode::Names)?;
            let message = match token.value {
                Token::Name(value) | Token::Quoted(value) => Spanned {
                    value,
                    span: token.span,
                },
                _ => return Err(unexpected(&token, "a message in quotes")),
            };
            Ok(Assert { condition, message })
        })
    }

    /// `sym = expr;`, also in `PROVIDE(…)` and its like. `None`: it is something else.
    fn assignment(&mut self) -> Result<Option<Assignment>> {
        for (keyword, definition) in [
            ("PROVIDE", Definition::Provide),
            ("PROVIDE_HIDDEN", Definition::ProvideHidden),
            ("HIDDEN", Definition::Hidden),
        ] {
            if self.accept_keyword(Mode::Names, keyword)? {
                let assignment = self.parenthesized(Mode::Expression, |parser| {
                    let token = parser.lexer.peek(Mode::Expression)?;
                    let assignment = parser.bare_assignment(definition)?;
                    assignment.ok_or_else(|| unexpected(&token, "`symbol = expression`"))
                })?;
                self.expect(Mode::Expression, ";")?;
                return Ok(Some(assignment));
            }
        }
        let assignment = self.bare_assignment(Definition::Plain)?;
        if assignment.is_some() && !self.accept(Mode::Expression, ",")? {
            self.expect(Mode::Expression, ";")?;
        }
        Ok(assignment)
    }

    fn bare_assignment(&mut self, definition: Definition) -> Result<Option<Assignment>> {
        let before = self.lexer.clone();
        let target = self.lexer.next(Mode::Expression);
        let operator = target.and_then(|target| Ok((target, self.lexer.next(Mode::Expression)?)));
        let parts = operator
            .ok()
            .and_then(|(target, operator)| match operator.value {
                Token::Punctuation(text) => Some((target, assignment_operator(text)?)),
                _ => None,
            });
        let Some((Spanned { value, span }, operator)) = parts else {
            self.lexer = before;
            return Ok(None);
        };
        let value = match value {
            Token::Name(word) if is_keyword(&word) => {
                return Err(
                    span.error(format!("`{word}` is a word of the language, and no symbol"))
                );
            }
            Token::Name(name) | Token::Quoted(name) => name,
            _ => {
                self.lexer = before;
                return Ok(None);
            }
        };
        Ok(Some(Assignment {
            target: Spanned { value, span },
            operator,
            value: self.expression()?,
            definition,
        }))
    }
}

/// Refuses a keyword that means nothing here.
fn refuse_word(word: &str, span: &Span) -> Result<()> {
    match refusal(word) {
        Some(reason) => Err(span.error(format!("{word} is not for WebAssembly: {reason}"))),
        None => Ok(()),
    }
}

/// Of text that would be part of the output or stand for names.
fn no_utf8(span: &Span) -> crate::error::Error {
    span.error(NO_UTF8)
}

fn unexpected(token: &Spanned<Token>, expected: &str) -> crate::error::Error {
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

/// What is done to the old value: nothing by `=`.
fn assignment_operator(text: &str) -> Option<Option<Binary>> {
    Some(match text {
        "=" => None,
        "+=" => Some(Binary::Add),
        "-=" => Some(Binary::Subtract),
        "*=" => Some(Binary::Multiply),
        "/=" => Some(Binary::Divide),
        "<<=" => Some(Binary::ShiftLeft),
        ">>=" => Some(Binary::ShiftRight),
        "&=" => Some(Binary::And),
        "|=" => Some(Binary::Or),
        "^=" => Some(Binary::Xor),
        _ => return None,
    })
}
