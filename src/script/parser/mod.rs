//! The parser, for the part of GNU ld's grammar that applies to the data of a wasm module. Other keywords are
//! errors with a reason.

mod assignments;
mod expressions;
mod keywords;
mod output_section;
mod tokens;

pub use tokens::Include;

use super::ast::Command;
use super::lexer::{Mode, Token};
use super::source::Source;
use crate::error::Result;
use assignments::{assert, assignment};
use output_section::output_section;
use tokens::{Tokens, unexpected};

/// Parses a script.
///
/// # Errors
/// A syntax error, with its place.
pub fn parse(source: Source, include: Include<'_>) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    top_level(&mut Tokens::new(source, include), &mut commands)?;
    Ok(commands)
}

fn top_level(tokens: &mut Tokens<'_>, commands: &mut Vec<Command>) -> Result<()> {
    loop {
        tokens.refuse(Mode::Names)?;
        if tokens.peek(Mode::Names)?.value == Token::End {
            return Ok(());
        }
        if tokens.accept(Mode::Names, ";")? {
        } else if tokens.accept_keyword(Mode::Names, "SECTIONS")? {
            tokens.expect(Mode::Names, "{")?;
            sections(tokens, commands, true)?;
            tokens.expect(Mode::Names, "}")?;
        } else if tokens.accept_keyword(Mode::Names, "INSERT")? {
            insert(tokens, commands)?;
        } else if !common(tokens, commands)? {
            let token = tokens.next(Mode::Names)?;
            return Err(unexpected(&token, "SECTIONS, an assignment or ASSERT"));
        }
    }
}

/// Parses `INSERT AFTER NAME`. It moves all commands since the previous `INSERT`. The backend places sections, so
/// the new position has no effect, but the moved commands are not contiguous with the others.
fn insert(tokens: &mut Tokens<'_>, commands: &mut Vec<Command>) -> Result<()> {
    if !tokens.accept_keyword(Mode::Names, "AFTER")?
        && !tokens.accept_keyword(Mode::Names, "BEFORE")?
    {
        let token = tokens.next(Mode::Names)?;
        return Err(unexpected(&token, "AFTER or BEFORE"));
    }
    tokens.name(Mode::Names, "an output section")?;
    let mut previous = commands.iter();
    let last = previous.rposition(|command| matches!(command, Command::InsertBoundary));
    commands.insert(last.map_or(0, |last| last + 1), Command::InsertBoundary);
    commands.push(Command::InsertBoundary);
    Ok(())
}

/// Parses the commands in `SECTIONS`, up to `}` or, if not `braced`, to the end of an included file.
fn sections(tokens: &mut Tokens<'_>, commands: &mut Vec<Command>, braced: bool) -> Result<()> {
    loop {
        tokens.refuse(Mode::Names)?;
        let ended = if braced {
            tokens.is_punctuation(Mode::Names, "}")?
        } else {
            tokens.peek(Mode::Names)?.value == Token::End
        };
        if ended {
            return Ok(());
        }
        if tokens.is_keyword(Mode::Names, "INCLUDE")? {
            tokens.included(|tokens| sections(tokens, commands, false))?;
        } else if !common(tokens, commands)? {
            commands.push(Command::Output(output_section(tokens)?));
        }
    }
}

/// Parses a command that is valid both at the top level and in `SECTIONS`. Returns `false` if another command is
/// next.
fn common(tokens: &mut Tokens<'_>, commands: &mut Vec<Command>) -> Result<bool> {
    if tokens.is_keyword(Mode::Names, "INCLUDE")? {
        tokens.included(|tokens| top_level(tokens, commands))?;
    } else if let Some(assert) = assert(tokens)? {
        commands.push(Command::Assert(assert));
    } else if let Some(assignment) = assignment(tokens)? {
        commands.push(Command::Assign(assignment));
    } else {
        return Ok(false);
    }
    Ok(true)
}
