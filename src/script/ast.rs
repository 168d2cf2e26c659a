//! The abstract syntax tree of a script.

use super::source::{Span, Spanned};

/// A command at the top level of a script or in `SECTIONS`.
#[derive(Debug, Clone)]
pub enum Command {
    /// `sym = expr`.
    Assign(Assignment),
    /// `ASSERT(expr, "message")`.
    Assert(Assert),
    /// `NAME : { … }`.
    Output(OutputSection),
    /// The beginning or end of the commands that an `INSERT` moves. Sections on its two sides are not
    /// contiguous.
    InsertBoundary,
}

/// An output section (GNU ld manual, "Output Section Description").
#[derive(Debug, Clone)]
pub struct OutputSection {
    /// Its name.
    pub name: Spanned<String>,
    /// Its address, before the colon.
    pub address: Option<Expression>,
    /// The place of `(NOLOAD)`, if present: the section must not have contents.
    pub noload: Option<Span>,
    /// `AT(expr)`: its load address.
    pub load: Option<Expression>,
    /// `ALIGN(expr)`: the alignment of the section, in bytes.
    pub align: Option<Expression>,
    /// `SUBALIGN(expr)`: overrides the alignment of every input section in it, in bytes.
    pub subalign: Option<Expression>,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

impl OutputSection {
    /// Whether it is `/DISCARD/`, whose input sections are not linked (GNU ld manual, "Output Section
    /// Discarding").
    pub fn is_discard(&self) -> bool {
        self.name.value == "/DISCARD/"
    }

    /// Its input section descriptions, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &InputDescription> + Clone {
        let statements = self.statements.iter();
        statements.filter_map(|statement| match statement {
            Statement::Input(input) => Some(input),
            _ => None,
        })
    }

    /// Replaces the section name `from` by `to` in its name and its section patterns, also before a `.`
    /// suffix.
    pub fn rename(&mut self, from: &str, to: &str) {
        let renamed = |text: &mut String| {
            let rest = text.strip_prefix(from);
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                text.replace_range(..from.len(), to);
            }
        };
        renamed(&mut self.name.value);
        for statement in &mut self.statements {
            if let Statement::Input(input) = statement {
                input
                    .sections
                    .iter_mut()
                    .for_each(|section| renamed(&mut section.name.value));
            }
        }
    }
}

/// A statement in an output section.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `sym = expr`, `. = expr`.
    Assign(Assignment),
    /// `ASSERT(expr, "message")`.
    Assert(Assert),
    /// `*(NAME)`.
    Input(InputDescription),
    /// `BYTE(expr)`, `SHORT`, `LONG`, `QUAD` or `SQUAD`: the size in bytes, and the value.
    Data(u32, Expression),
    /// `ASCIZ "text"`, with its NUL.
    Text(Vec<u8>),
    /// `ASCII (size) "text"`: truncated to the size or padded with NULs. It ends with a NUL.
    SizedText(Expression, Vec<u8>),
    /// `FILL(expr)` and `= expr`.
    Fill(Expression),
}

/// `sym = expr`, with any assignment operator.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The symbol, or `.`.
    pub target: Spanned<String>,
    /// The operator of a compound assignment: `+` for `+=`.
    pub operator: Option<Binary>,
    /// The right side.
    pub value: Expression,
    /// How the symbol is defined.
    pub definition: Definition,
}

/// How an assignment defines its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// `sym = expr`.
    Plain,
    /// `HIDDEN(sym = expr)`: not exported.
    Hidden,
    /// `PROVIDE(sym = expr)`: unless an object defines it.
    Provide,
    /// `PROVIDE_HIDDEN(sym = expr)`: both.
    ProvideHidden,
}

/// `ASSERT(expr, "message")`.
#[derive(Debug, Clone)]
pub struct Assert {
    /// The assertion fails if this is zero.
    pub condition: Expression,
    /// The error message.
    pub message: Spanned<String>,
}

/// An input section description (GNU ld manual, "Input Section Basics").
#[derive(Debug, Clone)]
pub struct InputDescription {
    /// Whether it is in `KEEP(…)`: the selected sections are live.
    pub keep: bool,
    /// The file pattern.
    pub files: FilePattern,
    /// `EXCLUDE_FILE` before the file pattern: excluded files.
    pub exclude: Vec<FilePattern>,
    /// How the files are sorted.
    pub file_sort: FileSort,
    /// The section patterns, in order. If empty, it selects all sections.
    pub sections: Vec<SectionPattern>,
}

/// How the files of an input section description are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSort {
    /// In link order.
    None,
    /// By name.
    Name,
    /// By name, in descending order.
    ReverseName,
}

/// A pattern for files: `FILE`, `ARCHIVE:FILE`, `ARCHIVE:` or `:FILE`.
#[derive(Debug, Clone)]
pub struct FilePattern {
    /// The pattern for the archive. An empty pattern matches only files that are not archive members.
    pub archive: Option<String>,
    /// The pattern for the file or the member. `None` matches all.
    pub file: Option<String>,
}

/// A pattern for sections of a file.
#[derive(Debug, Clone)]
pub struct SectionPattern {
    /// The pattern for its name.
    pub name: Spanned<String>,
    /// `EXCLUDE_FILE`: excluded files.
    pub exclude: Vec<FilePattern>,
    /// How the matching sections are sorted.
    pub sort: Sort,
    /// `REVERSE`: whether that order is reversed.
    pub reverse: bool,
}

/// An order of input sections (GNU ld manual, "Input Section Wildcard Patterns").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Link order.
    None,
    /// `SORT_BY_NAME`, `SORT`.
    Name,
    /// `SORT_BY_ALIGNMENT`: in descending order.
    Alignment,
    /// `SORT_BY_NAME(SORT_BY_ALIGNMENT(…))`.
    NameAlignment,
    /// `SORT_BY_ALIGNMENT(SORT_BY_NAME(…))`.
    AlignmentName,
    /// `SORT_BY_INIT_PRIORITY`: by the number at the end of the name.
    InitPriority,
}

/// An expression (GNU ld manual, "Expressions").
#[derive(Debug, Clone)]
pub struct Expression(pub Box<Spanned<Node>>);

impl Expression {
    /// Whether one of its nodes satisfies `predicate`.
    pub fn has(&self, predicate: &dyn Fn(&Node) -> bool) -> bool {
        let node = &self.0.value;
        let has = |expression: &Expression| expression.has(predicate);
        predicate(node)
            || match node {
                Node::Number(..)
                | Node::Symbol(_)
                | Node::SizeOf(_)
                | Node::AlignOf(_)
                | Node::Address(_)
                | Node::Defined(_) => false,
                Node::Unary(_, value) | Node::Absolute(value) | Node::Log2Ceil(value) => has(value),
                Node::Binary(_, a, b) | Node::Max(a, b) | Node::Min(a, b) => has(a) || has(b),
                Node::Conditional(a, b, c) => has(a) || has(b) || has(c),
                Node::Align(value, alignment) => value.as_ref().is_some_and(has) || has(alignment),
                Node::Assert(assert) => has(&assert.condition),
            }
    }

    /// Whether it refers to `.`.
    pub fn has_dot(&self) -> bool {
        self.has(&|node| match node {
            Node::Symbol(name) => name == ".",
            Node::Align(value, _) => value.is_none(),
            _ => false,
        })
    }
}

/// A node of an expression.
#[derive(Debug, Clone)]
pub enum Node {
    /// A number, and the number of its digits if it is hexadecimal.
    Number(u64, Option<usize>),
    /// A symbol, or `.`.
    Symbol(String),
    /// `-x`, `~x`, `!x`.
    Unary(Unary, Expression),
    /// `x + y`.
    Binary(Binary, Expression, Expression),
    /// `x ? y : z`.
    Conditional(Expression, Expression, Expression),
    /// `SIZEOF(NAME)`.
    SizeOf(String),
    /// `ALIGNOF(NAME)`.
    AlignOf(String),
    /// `ADDR(NAME)`.
    Address(String),
    /// `DEFINED(sym)`.
    Defined(String),
    /// `ALIGN(x, n)`; `ALIGN(n)` is `ALIGN(., n)`.
    Align(Option<Expression>, Expression),
    /// `ABSOLUTE(x)`.
    Absolute(Expression),
    /// `MAX(x, y)`.
    Max(Expression, Expression),
    /// `MIN(x, y)`.
    Min(Expression, Expression),
    /// `LOG2CEIL(x)`.
    Log2Ceil(Expression),
    /// `ASSERT(x, "message")`: the value of x.
    Assert(Box<Assert>),
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `-`
    Negate,
    /// `~`
    Complement,
    /// `!`
    Not,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Xor,
    LogicalAnd,
    LogicalOr,
}
