//! The parser: GNU ld's grammar, as far as it means something for the data of a wasm module. What
//! it cannot mean is refused by name, with the reason.

use super::ast::{
    Assert, Assignment, Binary, Command, Definition, Expression, FilePattern, FileSort,
    InputDescription, Node, OutputSection, SectionPattern, Sort, Statement, Unary,
};
use super::lexer::{Lexer, Mode, Token};
use super::source::{Source, Span, Spanned};
use crate::error::Result;

/// Finds the file of `INCLUDE`.
pub type Include<'a> = &'a dyn Fn(&Spanned<String>) -> Result<Source>;

/// As in GNU ld.
const MOST_INCLUDES: usize = 10;
/// Deeper expressions than people write; the parser must not use up the stack.
const MOST_DEPTH: usize = 64;

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
    };
    parser.top_level(&mut commands)?;
    Ok(commands)
}

struct Parser<'a> {
    lexer: Lexer,
    include: Include<'a>,
    /// How many files are open above this one.
    includes: usize,
    depth: usize,
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
        "INSERT" => "there is no other script to insert into: name all of them by -T",
        "CONSTRUCTORS" | "CREATE_OBJECT_SYMBOLS" => {
            "wasm objects list their constructors themselves"
        }
        "FORCE_COMMON_ALLOCATION" | "INHIBIT_COMMON_ALLOCATION" | "FORCE_GROUP_ALLOCATION" => {
            "wasm objects have no common symbols"
        }
        "ONLY_IF_RO" | "ONLY_IF_RW" => "data segments of wasm are neither read-only nor writable",
        "AT" | "LOADADDR" => "data of wasm has no load address other than its address",
        "ORIGIN" | "LENGTH" => "there are no memory regions",
        "SIZEOF_HEADERS" => "the headers of a wasm module are not in linear memory",
        "DATA_SEGMENT_ALIGN"
        | "DATA_SEGMENT_END"
        | "DATA_SEGMENT_RELRO_END"
        | "CONSTANT"
        | "SEGMENT_START" => "linear memory has no page protection",
        "LD_FEATURE" => "a number inside an output section is an offset into it, as by default",
        "NEXT" | "BLOCK" => "the linker that does the linking places the sections",
        "ALIGN_WITH_INPUT" => "data of wasm has no load address other than its address",
        _ => return None,
    })
}

impl Parser<'_> {
    // Tokens.

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
        if let Token::Name(name) = &token.value
            && let Some(reason) = refusal(name)
        {
            return Err(token
                .span
                .error(format!("{name} is not for WebAssembly: {reason}")));
        }
        Ok(())
    }

    // Commands.

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
            } else if !self.common(commands)? {
                let token = self.lexer.next(Mode::Names)?;
                return Err(unexpected(&token, "SECTIONS, an assignment or ASSERT"));
            }
        }
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
        self.expect(Mode::Expression, "(")?;
        let condition = self.expression()?;
        self.expect(Mode::Expression, ",")?;
        let message = self.name(Mode::Names, "a message in quotes")?;
        self.expect(Mode::Expression, ")")?;
        Ok(Assert { condition, message })
    }

    /// `sym = expr;`, also in `PROVIDE(…)` and its like. `None`: it is something else.
    fn assignment(&mut self) -> Result<Option<Assignment>> {
        for (keyword, definition) in [
            ("PROVIDE", Definition::Provide),
            ("PROVIDE_HIDDEN", Definition::ProvideHidden),
            ("HIDDEN", Definition::Hidden),
        ] {
            if self.accept_keyword(Mode::Names, keyword)? {
                self.expect(Mode::Expression, "(")?;
                let token = self.lexer.peek(Mode::Expression)?;
                let Some(assignment) = self.bare_assignment(definition)? else {
                    return Err(unexpected(&token, "`symbol = expression`"));
                };
                self.expect(Mode::Expression, ")")?;
                self.separator()?;
                return Ok(Some(assignment));
            }
        }
        let assignment = self.bare_assignment(Definition::Plain)?;
        if assignment.is_some() {
            self.separator()?;
        }
        Ok(assignment)
    }

    fn separator(&mut self) -> Result<()> {
        let token = self.lexer.next(Mode::Expression)?;
        match token.value {
            Token::Punctuation(";" | ",") => Ok(()),
            _ => Err(unexpected(&token, "`;`")),
        }
    }

    fn bare_assignment(&mut self, definition: Definition) -> Result<Option<Assignment>> {
        let before = self.lexer.clone();
        let token = self.lexer.next(Mode::Expression);
        let operator = token.and_then(|token| Ok((token, self.lexer.next(Mode::Expression)?)));
        let Ok((
            Spanned {
                value: Token::Name(value) | Token::Quoted(value),
                span,
            },
            Spanned {
                value: Token::Punctuation(operator),
                ..
            },
        )) = operator
        else {
            self.lexer = before;
            return Ok(None);
        };
        let operator = match operator {
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

    // Output sections.

    fn output_section(&mut self) -> Result<OutputSection> {
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
            self.separator()?;
            statements.push(Statement::Assert(assert));
        } else if let Some(assignment) = self.assignment()? {
            statements.push(Statement::Assign(assignment));
        } else {
            statements.push(Statement::Input(self.input_description()?));
        }
        Ok(())
    }

    // Input section descriptions.

    fn input_description(&mut self) -> Result<InputDescription> {
        if self.accept_keyword(Mode::Names, "KEEP")? {
            self.expect(Mode::Names, "(")?;
            let mut description = self.input_description_unkept()?;
            self.expect(Mode::Names, ")")?;
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
            while !self.accept(Mode::Names, ")")? {
                let file = self.name(Mode::Names, "a pattern for files")?;
                files.push(file_pattern(file.value));
                self.refuse_comma()?;
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

    // Expressions.

    fn in_parentheses(&mut self) -> Result<Expression> {
        self.expect(Mode::Expression, "(")?;
        let expression = self.expression()?;
        self.expect(Mode::Expression, ")")?;
        Ok(expression)
    }

    fn expression(&mut self) -> Result<Expression> {
        self.deeper(|parser| {
            let condition = parser.binary(0)?;
            if !parser.accept(Mode::Expression, "?")? {
                return Ok(condition);
            }
            let span = condition.0.span.clone();
            let yes = parser.expression()?;
            parser.expect(Mode::Expression, ":")?;
            let no = parser.expression()?;
            Ok(node(Node::Conditional(condition, yes, no), span))
        })
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MOST_DEPTH {
            let span = self.lexer.span()?;
            return Err(span.error("this expression is nested too deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Operators that bind as tight as `level` or tighter.
    fn binary(&mut self, level: u8) -> Result<Expression> {
        let mut left = self.unary()?;
        loop {
            let token = self.lexer.peek(Mode::Expression)?;
            let Token::Punctuation(text) = token.value else {
                return Ok(left);
            };
            let Some((operator, binds)) =
                binary_operator(text).filter(|(_, binds)| *binds >= level)
            else {
                return Ok(left);
            };
            self.lexer.next(Mode::Expression)?;
            let right = self.deeper(|parser| parser.binary(binds + 1))?;
            left = node(Node::Binary(operator, left, right), token.span);
        }
    }

    fn unary(&mut self) -> Result<Expression> {
        let token = self.lexer.next(Mode::Expression)?;
        let span = token.span.clone();
        let operator = match token.value {
            Token::Number(value, digits) => return Ok(node(Node::Number(value, digits), span)),
            Token::Name(name) => return self.named(name, span),
            Token::Quoted(name) => return Ok(node(Node::Symbol(name), span)),
            Token::Punctuation("(") => {
                let inner = self.expression()?;
                self.expect(Mode::Expression, ")")?;
                return Ok(inner);
            }
            Token::Punctuation("-") => Some(Unary::Negate),
            Token::Punctuation("~") => Some(Unary::Complement),
            Token::Punctuation("!") => Some(Unary::Not),
            Token::Punctuation("+") => None,
            _ => return Err(unexpected(&token, "an expression")),
        };
        let operand = self.deeper(Self::unary)?;
        Ok(match operator {
            Some(operator) => node(Node::Unary(operator, operand), span),
            None => operand,
        })
    }

    /// A symbol, or a function of the language.
    fn named(&mut self, name: String, span: Span) -> Result<Expression> {
        let value = match name.as_str() {
            "SIZEOF" => Node::SizeOf(self.section_argument()?),
            "ALIGNOF" => Node::AlignOf(self.section_argument()?),
            "ADDR" => Node::Address(self.section_argument()?),
            "DEFINED" => {
                self.expect(Mode::Expression, "(")?;
                let symbol = self.name(Mode::Expression, "a symbol")?;
                self.expect(Mode::Expression, ")")?;
                Node::Defined(symbol.value)
            }
            "ABSOLUTE" => Node::Absolute(self.in_parentheses()?),
            "LOG2CEIL" => Node::Log2Ceil(self.in_parentheses()?),
            "ALIGN" => {
                self.expect(Mode::Expression, "(")?;
                let first = self.expression()?;
                let second = match self.accept(Mode::Expression, ",")? {
                    true => Some(self.expression()?),
                    false => None,
                };
                self.expect(Mode::Expression, ")")?;
                match second {
                    Some(align) => Node::Align(Some(first), align),
                    None => Node::Align(None, first),
                }
            }
            "MAX" | "MIN" => {
                self.expect(Mode::Expression, "(")?;
                let first = self.expression()?;
                self.expect(Mode::Expression, ",")?;
                let second = self.expression()?;
                self.expect(Mode::Expression, ")")?;
                if name == "MAX" {
                    Node::Max(first, second)
                } else {
                    Node::Min(first, second)
                }
            }
            "ASSERT" => Node::Assert(Box::new(self.assert_arguments()?)),
            _ => match refusal(&name) {
                Some(reason) => {
                    return Err(span.error(format!("{name} is not for WebAssembly: {reason}")));
                }
                None => Node::Symbol(name),
            },
        };
        Ok(node(value, span))
    }

    fn section_argument(&mut self) -> Result<String> {
        self.expect(Mode::Expression, "(")?;
        let section = self.name(Mode::Names, "an output section")?;
        self.expect(Mode::Expression, ")")?;
        Ok(section.value)
    }
}

fn node(value: Node, span: Span) -> Expression {
    Expression(Box::new(Spanned { value, span }))
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

/// The operator and how tight it binds, as in C.
fn binary_operator(text: &str) -> Option<(Binary, u8)> {
    Some(match text {
        "||" => (Binary::LogicalOr, 1),
        "&&" => (Binary::LogicalAnd, 2),
        "|" => (Binary::Or, 3),
        "^" => (Binary::Xor, 4),
        "&" => (Binary::And, 5),
        "==" => (Binary::Equal, 6),
        "!=" => (Binary::NotEqual, 6),
        "<" => (Binary::Less, 7),
        "<=" => (Binary::LessOrEqual, 7),
        ">" => (Binary::Greater, 7),
        ">=" => (Binary::GreaterOrEqual, 7),
        "<<" => (Binary::ShiftLeft, 8),
        ">>" => (Binary::ShiftRight, 8),
        "+" => (Binary::Add, 9),
        "-" => (Binary::Subtract, 9),
        "*" => (Binary::Multiply, 10),
        "/" => (Binary::Divide, 10),
        "%" => (Binary::Remainder, 10),
        _ => return None,
    })
}
