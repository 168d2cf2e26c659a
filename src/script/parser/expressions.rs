//! Expressions (GNU ld manual, "Expressions"), with the precedence of C.

use super::keywords::refuse_word;
use super::tokens::{Tokens, unexpected};
use crate::error::Result;
use crate::script::ast::{Assert, Binary, Expression, Node, Unary};
use crate::script::lexer::{Mode, Token};
use crate::script::source::{Span, Spanned};

/// Limits the stack of the parser.
const MAX_DEPTH: usize = 64;
/// Limits the stack of the evaluator: the tree of `1 + 1 + 1 …` is as deep as the expression is long.
const MAX_OPERATORS: usize = 500;

/// Parses an expression.
///
/// # Errors
/// A syntax error, or an expression that is too long or nested too deeply.
pub fn expression(tokens: &mut Tokens<'_>) -> Result<Expression> {
    ExpressionParser::new(tokens).expression()
}

/// Parses `(expr)`.
///
/// # Errors
/// As for [`expression`].
pub fn in_parentheses(tokens: &mut Tokens<'_>) -> Result<Expression> {
    ExpressionParser::new(tokens).in_parentheses()
}

/// Parses `(expr, "message")`.
///
/// # Errors
/// As for [`expression`].
pub fn assert_arguments(tokens: &mut Tokens<'_>) -> Result<Assert> {
    ExpressionParser::new(tokens).assert_arguments()
}

struct ExpressionParser<'t, 'a> {
    tokens: &'t mut Tokens<'a>,
    depth: usize,
    /// The number of operators so far.
    operators: usize,
}

impl<'t, 'a> ExpressionParser<'t, 'a> {
    fn new(tokens: &'t mut Tokens<'a>) -> Self {
        Self {
            tokens,
            depth: 0,
            operators: 0,
        }
    }

    fn parenthesized<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.tokens.expect(Mode::Expression, "(")?;
        let inside = inner(self)?;
        self.tokens.expect(Mode::Expression, ")")?;
        Ok(inside)
    }

    fn in_parentheses(&mut self) -> Result<Expression> {
        self.parenthesized(Self::expression)
    }

    fn expression(&mut self) -> Result<Expression> {
        self.deeper(|parser| {
            let condition = parser.binary(0)?;
            if !parser.tokens.accept(Mode::Expression, "?")? {
                return Ok(condition);
            }
            let span = condition.0.span.clone();
            let yes = parser.expression()?;
            parser.tokens.expect(Mode::Expression, ":")?;
            let no = parser.expression()?;
            Ok(node(Node::Conditional(condition, yes, no), span))
        })
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            let span = self.tokens.span()?;
            return Err(span.error("this expression is nested too deeply: at most 64 levels"));
        }
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            let span = self.tokens.span()?;
            return Err(span.error("this expression is too long: at most 500 operators"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Parses binary operators with at least the precedence `level`.
    fn binary(&mut self, level: u8) -> Result<Expression> {
        let mut left = self.unary()?;
        loop {
            let token = self.tokens.peek(Mode::Expression)?;
            let Token::Punctuation(text) = token.value else {
                return Ok(left);
            };
            let operator = binary_operator(text);
            let Some((operator, precedence)) =
                operator.filter(|(_, precedence)| *precedence >= level)
            else {
                return Ok(left);
            };
            self.tokens.next(Mode::Expression)?;
            let right = self.deeper(|parser| parser.binary(precedence + 1))?;
            left = node(Node::Binary(operator, left, right), token.span);
        }
    }

    fn unary(&mut self) -> Result<Expression> {
        let token = self.tokens.next(Mode::Expression)?;
        let span = token.span.clone();
        let operator = match token.value {
            Token::Number(value, digits) => return Ok(node(Node::Number(value, digits), span)),
            Token::Name(name) => return self.named(name, span),
            Token::Quoted(name) => return Ok(node(Node::Symbol(name), span)),
            Token::Punctuation("(") => {
                let inner = self.expression()?;
                self.tokens.expect(Mode::Expression, ")")?;
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

    /// Parses a symbol or a builtin function. `name` has already been read.
    fn named(&mut self, name: String, span: Span) -> Result<Expression> {
        let value = match name.as_str() {
            "SIZEOF" => Node::SizeOf(self.section_argument()?),
            "ALIGNOF" => Node::AlignOf(self.section_argument()?),
            "ADDR" => Node::Address(self.section_argument()?),
            "DEFINED" => {
                let symbol = |parser: &mut Self| parser.tokens.name(Mode::Expression, "a symbol");
                Node::Defined(self.parenthesized(symbol)?.value)
            }
            "ABSOLUTE" => Node::Absolute(self.in_parentheses()?),
            "LOG2CEIL" => Node::Log2Ceil(self.in_parentheses()?),
            "ALIGN" => {
                let (first, second) = self.parenthesized(|parser| {
                    let first = parser.expression()?;
                    let has_second = parser.tokens.accept(Mode::Expression, ",")?;
                    let second = has_second.then(|| parser.expression());
                    Ok((first, second.transpose()?))
                })?;
                match second {
                    Some(align) => Node::Align(Some(first), align),
                    None => Node::Align(None, first),
                }
            }
            "MAX" | "MIN" => {
                let (first, second) = self.parenthesized(|parser| {
                    let first = parser.expression()?;
                    parser.tokens.expect(Mode::Expression, ",")?;
                    Ok((first, parser.expression()?))
                })?;
                if name == "MAX" {
                    Node::Max(first, second)
                } else {
                    Node::Min(first, second)
                }
            }
            "ASSERT" => Node::Assert(Box::new(self.assert_arguments()?)),
            _ => {
                refuse_word(&name, &span)?;
                Node::Symbol(name)
            }
        };
        Ok(node(value, span))
    }

    fn section_argument(&mut self) -> Result<String> {
        let section = |parser: &mut Self| parser.tokens.name(Mode::Names, "an output section");
        Ok(self.parenthesized(section)?.value)
    }

    fn assert_arguments(&mut self) -> Result<Assert> {
        self.parenthesized(|parser| {
            let condition = parser.expression()?;
            parser.tokens.expect(Mode::Expression, ",")?;
            let token = parser.tokens.next(Mode::Names)?;
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
}

fn node(value: Node, span: Span) -> Expression {
    Expression(Box::new(Spanned { value, span }))
}

/// A binary operator and its precedence, as in C.
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
