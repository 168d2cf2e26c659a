//! Expressions of a script (GNU ld manual, "Expressions" and "The Section of an Expression").
//!
//! The backend assigns addresses later. So an address is an offset into a segment here, and expressions that
//! need an absolute address are refused.

use crate::error::{Error, Result};
use crate::script::{Assert, Binary, Expression, Node, Span, Unary};

/// The value of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A number. An assignment inside an output section takes it as an offset into that.
    Number(u64),
    /// An absolute address: `ABSOLUTE(…)`.
    Absolute(u64),
    /// The index of a planned section, and an offset in bytes from its beginning.
    Relative(usize, u64),
}

/// What an expression can refer to.
pub trait Context {
    /// `.`, inside an output section.
    fn dot(&self) -> Option<Value>;
    /// A symbol.
    fn symbol(&self, name: &str) -> Option<Value>;
    /// Whether a symbol is defined, by the script so far or by an input.
    fn is_defined(&self, name: &str) -> bool;
    /// Where an output section begins: the index of the planned section, and the offset in bytes.
    ///
    /// # Errors
    /// Why that is not known.
    fn section(&self, name: &str) -> std::result::Result<(usize, u64), String>;
    /// Size and alignment in bytes of an output section that is laid out.
    ///
    /// # Errors
    /// Why they are not known.
    fn extent(&self, name: &str) -> std::result::Result<(u64, u64), String>;
    /// Requires an alignment, in bytes, of a planned section.
    fn raise_alignment(&self, section: usize, alignment: u64);
}

/// Evaluates an expression.
///
/// # Errors
/// What is not known, or needs an absolute address.
pub fn evaluate(expression: &Expression, context: &dyn Context) -> Result<Value> {
    let span = &expression.0.span;
    let operand = |expression: &Expression| evaluate(expression, context);
    let extent = |name: &str| context.extent(name).map_err(|message| span.error(message));
    match &expression.0.value {
        Node::Number(number, _) => Ok(Value::Number(*number)),
        Node::Symbol(name) if name == "." => context.dot().ok_or_else(|| {
            span.error(
                "the value of `.` is not known here: the backend linker assigns the addresses of \
                 sections",
            )
        }),
        Node::Symbol(name) => context.symbol(name).ok_or_else(|| {
            span.error(format!(
                "symbol `{name}` is not known here: an expression can use symbols of this script, \
                 and of entries that are laid out before it"
            ))
        }),
        Node::Unary(operator, value) => unary(*operator, operand(value)?, span),
        Node::Binary(Binary::LogicalAnd, left, right) => {
            let both = truth(operand(left)?) && truth(operand(right)?);
            Ok(Value::Number(both.into()))
        }
        Node::Binary(Binary::LogicalOr, left, right) => {
            let either = truth(operand(left)?) || truth(operand(right)?);
            Ok(Value::Number(either.into()))
        }
        Node::Binary(operator, left, right) => {
            binary(*operator, operand(left)?, operand(right)?, span)
        }
        Node::Conditional(condition, yes, no) => {
            operand(if truth(operand(condition)?) { yes } else { no })
        }
        Node::SizeOf(name) => Ok(Value::Number(extent(name)?.0)),
        Node::AlignOf(name) => Ok(Value::Number(extent(name)?.1)),
        Node::Address(name) => match context.section(name) {
            Ok((section, start)) => Ok(Value::Relative(section, start)),
            Err(message) => Err(span.error(message)),
        },
        Node::Defined(name) => Ok(Value::Number(context.is_defined(name).into())),
        Node::Align(value, alignment) => {
            let value = match value {
                Some(value) => operand(value)?,
                None => context
                    .dot()
                    .ok_or_else(|| span.error("the value of `.` is not known here"))?,
            };
            align(value, number(operand(alignment)?, span)?, span, context)
        }
        Node::Absolute(value) => match operand(value)? {
            Value::Relative(..) => Err(address(span)),
            Value::Number(number) | Value::Absolute(number) => Ok(Value::Absolute(number)),
        },
        Node::Max(left, right) => extreme(operand(left)?, operand(right)?, span, true),
        Node::Min(left, right) => extreme(operand(left)?, operand(right)?, span, false),
        Node::Log2Ceil(value) => {
            let value = number(operand(value)?, span)?;
            let log = value
                .checked_sub(1)
                .and_then(u64::checked_ilog2)
                .map_or(0, |log| log + 1);
            Ok(Value::Number(log.into()))
        }
        Node::Assert(assert) => {
            let value = operand(&assert.condition)?;
            if truth(value) {
                Ok(value)
            } else {
                Err(failed(assert))
            }
        }
    }
}

/// The error for an assertion that does not hold.
pub fn failed(assert: &Assert) -> Error {
    let condition = &assert.condition.0;
    let message = format!("assertion failed: {}", assert.message.value);
    condition.span.error(message)
}

/// The number that a value is.
///
/// # Errors
/// It is an address.
pub fn number(value: Value, span: &Span) -> Result<u64> {
    match value {
        Value::Number(number) | Value::Absolute(number) => Ok(number),
        Value::Relative(..) => Err(address(span)),
    }
}

fn address(span: &Span) -> Error {
    span.error(
        "this needs an absolute address, which only the backend linker knows; the difference \
         of two symbols of one section is a number",
    )
}

/// Whether a value is not zero. An address never is.
pub fn truth(value: Value) -> bool {
    !matches!(value, Value::Number(0) | Value::Absolute(0))
}

fn unary(operator: Unary, value: Value, span: &Span) -> Result<Value> {
    Ok(match (operator, value) {
        (Unary::Not, value) => Value::Number((!truth(value)).into()),
        (_, Value::Relative(..)) => return Err(address(span)),
        (Unary::Negate, Value::Number(number)) => Value::Number(number.wrapping_neg()),
        (Unary::Negate, Value::Absolute(number)) => Value::Absolute(number.wrapping_neg()),
        (Unary::Complement, Value::Number(number)) => Value::Number(!number),
        (Unary::Complement, Value::Absolute(number)) => Value::Absolute(!number),
    })
}

/// Two offsets into one section give a number; an offset and a number give an offset.
fn binary(operator: Binary, left: Value, right: Value, span: &Span) -> Result<Value> {
    use Value::{Absolute, Number, Relative};
    let result = |a, b| arithmetic(operator, a, b, span);
    match (left, right) {
        (Number(a), Number(b)) => Ok(Number(result(a, b)?)),
        (Number(a) | Absolute(a), Number(b) | Absolute(b)) => {
            let value = result(a, b)?;
            Ok(if is_comparison(operator) {
                Number(value)
            } else {
                Absolute(value)
            })
        }
        (Relative(section, a), Relative(other, b)) if section == other => Ok(Number(result(a, b)?)),
        (Relative(section, a), Number(b)) if !is_comparison(operator) => {
            Ok(Relative(section, result(a, b)?))
        }
        (Number(a), Relative(section, b)) if operator == Binary::Add => {
            Ok(Relative(section, result(a, b)?))
        }
        _ => Err(address(span)),
    }
}

fn is_comparison(operator: Binary) -> bool {
    use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(
        operator,
        Less | LessOrEqual | Greater | GreaterOrEqual | Equal | NotEqual
    )
}

/// 64-bit arithmetic as in GNU ld: comparisons are unsigned, division is signed.
fn arithmetic(operator: Binary, a: u64, b: u64, span: &Span) -> Result<u64> {
    let shift = u32::try_from(b).ok().filter(|&shift| shift < 64);
    let signed = |operation: fn(i64, i64) -> i64| match b {
        0 => Err(span.error("division by zero")),
        _ => Ok(operation(a.cast_signed(), b.cast_signed()).cast_unsigned()),
    };
    Ok(match operator {
        Binary::Multiply => a.wrapping_mul(b),
        Binary::Divide => signed(i64::wrapping_div)?,
        Binary::Remainder => signed(i64::wrapping_rem)?,
        Binary::Add => a.wrapping_add(b),
        Binary::Subtract => a.wrapping_sub(b),
        Binary::ShiftLeft => shift.map_or(0, |shift| a << shift),
        Binary::ShiftRight => shift.map_or(0, |shift| a >> shift),
        Binary::Less => (a < b).into(),
        Binary::LessOrEqual => (a <= b).into(),
        Binary::Greater => (a > b).into(),
        Binary::GreaterOrEqual => (a >= b).into(),
        Binary::Equal => (a == b).into(),
        Binary::NotEqual => (a != b).into(),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::LogicalAnd => (a != 0 && b != 0).into(),
        Binary::LogicalOr => (a != 0 || b != 0).into(),
    })
}

/// The next multiple of `alignment`. Of an address it must be a power of two.
fn align(value: Value, alignment: u64, span: &Span, context: &dyn Context) -> Result<Value> {
    let up = |value: u64| {
        if alignment <= 1 {
            return Ok(value);
        }
        value
            .checked_next_multiple_of(alignment)
            .ok_or_else(|| span.error("this address is out of range"))
    };
    Ok(match value {
        Value::Number(number) => Value::Number(up(number)?),
        Value::Absolute(number) => Value::Absolute(up(number)?),
        Value::Relative(section, offset) => {
            power_of_two(alignment, span)?;
            context.raise_alignment(section, alignment);
            Value::Relative(section, up(offset)?)
        }
    })
}

/// The exponent of an alignment of an address. 0 and 1 both mean no alignment.
///
/// # Errors
/// An alignment that is no power of two, or larger than 2 GiB.
pub fn power_of_two(alignment: u64, span: &Span) -> Result<u32> {
    match alignment {
        0 => Ok(0),
        _ if alignment.is_power_of_two() && alignment <= 1 << 31 => Ok(alignment.ilog2()),
        _ => Err(span.error(format!(
            "invalid alignment {alignment}: expected a power of two, at most 2 GiB"
        ))),
    }
}

fn extreme(left: Value, right: Value, span: &Span, largest: bool) -> Result<Value> {
    let pick = |a: u64, b: u64| if largest { a.max(b) } else { a.min(b) };
    match (left, right) {
        (Value::Relative(section, a), Value::Relative(other, b)) if section == other => {
            Ok(Value::Relative(section, pick(a, b)))
        }
        _ => Ok(Value::Number(pick(
            number(left, span)?,
            number(right, span)?,
        ))),
    }
}
