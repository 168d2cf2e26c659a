//! Assignments and assertions, inside and outside output sections.

use super::expressions::{assert_arguments, expression};
use super::keywords::is_keyword;
use super::tokens::{Tokens, unexpected};
use crate::error::Result;
use crate::script::ast::{Assert, Assignment, Binary, Definition};
use crate::script::lexer::{Mode, Token};
use crate::script::source::Spanned;

/// Parses `ASSERT(expr, "message")`; `None` if another command is next.
///
/// # Errors
/// A malformed assertion.
pub fn assert(tokens: &mut Tokens<'_>) -> Result<Option<Assert>> {
    if !tokens.accept_keyword(Mode::Names, "ASSERT")? {
        return Ok(None);
    }
    Ok(Some(assert_arguments(tokens)?))
}

/// Parses `sym = expr;`, also in `PROVIDE(…)`, `HIDDEN(…)` and `PROVIDE_HIDDEN(…)`; `None` if another command
/// is next.
///
/// # Errors
/// A malformed assignment.
pub fn assignment(tokens: &mut Tokens<'_>) -> Result<Option<Assignment>> {
    for (keyword, definition) in [
        ("PROVIDE", Definition::Provide),
        ("PROVIDE_HIDDEN", Definition::ProvideHidden),
        ("HIDDEN", Definition::Hidden),
    ] {
        if tokens.accept_keyword(Mode::Names, keyword)? {
            let assignment = tokens.parenthesized(Mode::Expression, |tokens| {
                let token = tokens.peek(Mode::Expression)?;
                let assignment = bare_assignment(tokens, definition)?;
                assignment.ok_or_else(|| unexpected(&token, "`symbol = expression`"))
            })?;
            tokens.expect(Mode::Expression, ";")?;
            return Ok(Some(assignment));
        }
    }
    let assignment = bare_assignment(tokens, Definition::Plain)?;
    if assignment.is_some() && !tokens.accept(Mode::Expression, ",")? {
        tokens.expect(Mode::Expression, ";")?;
    }
    Ok(assignment)
}

fn bare_assignment(tokens: &mut Tokens<'_>, definition: Definition) -> Result<Option<Assignment>> {
    let before = tokens.position();
    let target = tokens.next(Mode::Expression);
    let operator = target.and_then(|target| Ok((target, tokens.next(Mode::Expression)?)));
    let parts = operator
        .ok()
        .and_then(|(target, operator)| match operator.value {
            Token::Punctuation(text) => Some((target, assignment_operator(text)?)),
            _ => None,
        });
    let Some((Spanned { value, span }, operator)) = parts else {
        tokens.rewind(before);
        return Ok(None);
    };
    let value = match value {
        Token::Name(word) if is_keyword(&word) => {
            return Err(span.error(format!(
                "`{word}` is a keyword: put it in quotes to name a symbol"
            )));
        }
        Token::Name(name) | Token::Quoted(name) => name,
        _ => {
            tokens.rewind(before);
            return Ok(None);
        }
    };
    Ok(Some(Assignment {
        target: Spanned { value, span },
        operator,
        value: expression(tokens)?,
        definition,
    }))
}

/// The operator of an assignment: `Some(None)` for `=`, `None` if `text` is not an assignment operator.
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
