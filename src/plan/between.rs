//! What stands between output sections.
//!
//! The backend places sections, so an address is known only as an offset into what becomes one data
//! segment. `.` before an output section is its start, and behind it its end. A symbol between two is
//! both: these two are laid out one behind the other then, as GNU ld lays them out. So is all that is
//! between two such symbols, since a program may walk from one to the other.

use super::evaluate::Value;
use super::layout::Layout;
use super::scope::Cursor;
use super::selection::{Selection, Taken};
use crate::error::Result;
use crate::hash::HashMap;
use crate::script::{Assignment, Command, Node, OutputSection, Script};

/// What is put at the ends of output sections, by their names.
type Appended = HashMap<String, Vec<(OutputSection, Taken)>>;

/// A place between output sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Before the first, or between two that have nothing to do with each other.
    Ahead,
    /// Between two that are laid out one behind the other.
    Between,
    /// After the last.
    Behind,
}

/// Where `.` is, between output sections.
#[derive(Default)]
struct Here {
    cursor: Option<Cursor>,
    /// Whether the cursor is that of the output section to come.
    is_ahead: bool,
}

impl Layout<'_> {
    /// Carries out the user's script, and the default for what it leaves.
    ///
    /// # Errors
    /// What a script says that cannot be done, assertions that fail, and a section that is too large.
    pub fn run(&mut self, script: &Script, selection: Selection) -> Result<()> {
        let names = script.outputs().map(|output| output.name.value.clone());
        self.later = names.collect();
        self.kept = selection.kept;
        let mut taken = selection.outputs.into_iter();
        let mut deferred = Vec::new();
        let is_apart = |command: &Command| matches!(command, Command::Apart);
        for commands in script.commands.split(is_apart) {
            deferred.extend(self.commands(commands, &mut taken, &selection.appended)?);
        }
        for (output, taken) in &selection.orphans {
            let mut cursor = self.begin();
            self.output(output, &[(output, taken)], &mut cursor)?;
        }
        for command in deferred {
            self.outside(command, None)?;
        }
        self.make_room();
        Ok(())
    }

    /// A symbol may be where the next thing would be, as the section is aligned.
    fn make_room(&mut self) {
        for section in &mut self.sections {
            let end = u64::from(section.size).next_multiple_of(1 << section.alignment);
            let offsets = section.symbols.iter().map(|symbol| symbol.offset);
            let most = offsets.filter(|&offset| offset <= end).max();
            let most = most.and_then(|offset| u32::try_from(offset).ok());
            section.size = section.size.max(most.unwrap_or(0));
        }
    }

    /// Carries out commands that stay beside each other. Those that have to wait for sections that come
    /// later.
    fn commands<'c>(
        &mut self,
        commands: &'c [Command],
        taken: &mut impl Iterator<Item = Taken>,
        appended: &Appended,
    ) -> Result<Vec<&'c Command>> {
        let mut deferred = Vec::new();
        let mut gaps = gaps(commands).into_iter();
        let mut gap = gaps.next().unwrap_or(Gap::Ahead);
        let mut here = Here::default();
        for command in commands {
            let Command::Output(output) = command else {
                let has_dot = has_dot(command);
                if has_dot && gap == Gap::Ahead && !here.is_ahead {
                    here.cursor = gaps.len().gt(&0).then(|| self.begin());
                    here.is_ahead = true;
                }
                match self.outside(command, here.cursor.as_mut()) {
                    Err(error) if has_dot => return Err(error),
                    // It may speak of sections that come later.
                    Err(_) => deferred.push(command),
                    Ok(()) => {}
                }
                if let Some(cursor) = &mut here.cursor {
                    cursor.next = cursor.dot.get();
                }
                continue;
            };
            let own = taken.next().unwrap_or_default();
            if output.is_discard() {
                self.discard(output, own)?;
                continue;
            }
            self.check_once(output)?;
            let goes_on = here.is_ahead || gap == Gap::Between;
            let cursor = here.cursor.take().filter(|_| goes_on);
            let mut cursor = cursor.unwrap_or_else(|| self.begin());
            let appended = appended.get(&output.name.value);
            let appended = appended.into_iter().flatten();
            let mut bodies = vec![(output, &own)];
            bodies.extend(appended.map(|(output, taken)| (output, taken)));
            self.output(output, &bodies, &mut cursor)?;
            here = Here {
                cursor: Some(cursor),
                is_ahead: false,
            };
            gap = gaps.next().unwrap_or(Gap::Behind);
        }
        Ok(deferred)
    }

    /// A command outside of output sections.
    fn outside(&mut self, command: &Command, cursor: Option<&mut Cursor>) -> Result<()> {
        match command {
            Command::Assign(assignment) if assignment.target.value == "." => {
                self.move_outside(assignment, cursor)
            }
            Command::Assign(assignment) => {
                let value = self.assigned(assignment, cursor.as_deref())?;
                self.define(assignment, value);
                if let (Some(cursor), Value::Relative(section, offset)) = (cursor, value)
                    && cursor.section == section
                {
                    let alignment = cursor.alignment.get();
                    let section = &mut self.sections[section];
                    section.script_made = true;
                    section.alignment = section.alignment.max(alignment);
                    if offset <= cursor.dot.get() {
                        section.size = section.size.max(offset as u32);
                    }
                }
                Ok(())
            }
            Command::Assert(assert) => self.check(assert, cursor.as_deref()),
            Command::Output(_) | Command::Apart => Ok(()),
        }
    }

    /// `. = ALIGN(n)` between output sections, and what else leaves `.` an offset.
    fn move_outside(&mut self, assignment: &Assignment, cursor: Option<&mut Cursor>) -> Result<()> {
        let span = &assignment.target.span;
        let is_address = || {
            span.error(
                "outside of output sections `.` is an address, and the linker that does the linking \
                 gives those; align a section by `NAME : ALIGN(n)` or by `. = ALIGN(n);` before it",
            )
        };
        let cursor = cursor.ok_or_else(is_address)?;
        match self.assigned(assignment, Some(cursor))? {
            Value::Relative(section, offset)
                if section == cursor.section && offset >= cursor.dot.get() =>
            {
                cursor.dot.set(offset);
                cursor.offset().map(|_| ())
            }
            _ => Err(is_address()),
        }
    }

    /// Moves `.` to where an output section may begin, which a header may say before the colon: `.`, aligned or some bytes further, or where another section ends
    /// that this one follows.
    pub(super) fn move_to_address(
        &mut self,
        output: &OutputSection,
        cursor: &mut Cursor,
    ) -> Result<()> {
        let Some(address) = &output.address else {
            cursor.dot.set(cursor.next);
            return Ok(());
        };
        match self.evaluate(address, Some(cursor))? {
            Value::Relative(section, offset)
                if section == cursor.section && offset >= cursor.dot.get() =>
            {
                cursor.dot.set(offset);
                cursor.offset().map(|_| ())
            }
            _ => Err(address.0.span.error(
                "an output section has no address here: the linker that does the linking places it \
                 (--global-base)",
            )),
        }
    }

    /// `AT(ADDR(NAME) - OFFSET)` says nothing that counts here. Anything else is another place than its
    /// own, from which a program would have to copy it.
    pub(super) fn check_load_address(
        &mut self,
        output: &OutputSection,
        cursor: &Cursor,
    ) -> Result<()> {
        let Some(load) = &output.load else {
            return Ok(());
        };
        match self.evaluate(load, Some(cursor))? {
            Value::Relative(section, _) if section == cursor.section => Ok(()),
            _ => Err(load.0.span.error(
                "data of wasm has no load address other than its address: nothing would copy it",
            )),
        }
    }
}

/// The places before, between and after the output sections.
fn gaps(commands: &[Command]) -> Vec<Gap> {
    let mut outputs = 0;
    let mut held = Vec::new();
    for command in commands {
        match command {
            Command::Output(output) if output.is_discard() => {}
            Command::Output(output) => {
                let follows = |node: &Node| matches!(node, Node::Address(_));
                if output
                    .address
                    .as_ref()
                    .is_some_and(|address| address.has(&follows))
                {
                    held.push(outputs);
                }
                outputs += 1;
            }
            Command::Assign(assignment) if assignment.target.value != "." && has_dot(command) => {
                held.push(outputs);
            }
            Command::Assign(_) | Command::Assert(_) | Command::Apart => {}
        }
    }
    let ends = held.first().copied().zip(held.last().copied());
    let is_held = |gap| ends.is_some_and(|(first, last)| (first..=last).contains(&gap));
    let gap = |number| match number {
        0 => Gap::Ahead,
        number if number == outputs => Gap::Behind,
        number if is_held(number) => Gap::Between,
        _ => Gap::Ahead,
    };
    (0..=outputs).map(gap).collect()
}

/// Whether a command outside of output sections speaks of `.`.
fn has_dot(command: &Command) -> bool {
    match command {
        Command::Assign(assignment) => assignment.target.value == "." || assignment.value.has_dot(),
        Command::Assert(assert) => assert.condition.has_dot(),
        Command::Output(_) | Command::Apart => false,
    }
}
