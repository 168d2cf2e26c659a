//! Which output sections are laid out contiguously.
//!
//! The backend places sections, so an address is known only as an offset into what becomes one data
//! segment. `.` before an output section is its start, and `.` after it is its end. A symbol between two
//! output sections is both. So these two are laid out contiguously, in one segment, as GNU ld lays them out.
//! So is everything between two such symbols, as a program may walk from one to the other.

use crate::script::{Command, Node};

/// A position between output sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A segment begins here: before the first output section, or between two that are independent.
    Start,
    /// One segment goes on across it.
    Contiguous,
    /// After the last output section.
    End,
}

/// The boundaries before, between and after the output sections of `commands`.
pub fn boundaries(commands: &[Command]) -> Vec<Boundary> {
    let mut outputs = 0;
    let mut joined = Vec::new();
    for command in commands {
        match command {
            Command::Output(output) if output.is_discard() => {}
            Command::Output(output) => {
                let follows = |node: &Node| matches!(node, Node::Address(_));
                let address = output.address.as_ref();
                if address.is_some_and(|address| address.has(&follows)) {
                    joined.push(outputs);
                }
                outputs += 1;
            }
            Command::Assign(assignment) if assignment.target.value != "." && has_dot(command) => {
                joined.push(outputs);
            }
            Command::Assign(_) | Command::Assert(_) | Command::InsertBoundary => {}
        }
    }
    let ends = joined.first().copied().zip(joined.last().copied());
    let is_joined = |at| ends.is_some_and(|(first, last)| (first..=last).contains(&at));
    let boundary = |at| match at {
        0 => Boundary::Start,
        at if at == outputs => Boundary::End,
        at if is_joined(at) => Boundary::Contiguous,
        _ => Boundary::Start,
    };
    (0..=outputs).map(boundary).collect()
}

/// Whether a command outside output sections refers to `.`.
pub fn has_dot(command: &Command) -> bool {
    match command {
        Command::Assign(assignment) => assignment.target.value == "." || assignment.value.has_dot(),
        Command::Assert(assert) => assert.condition.has_dot(),
        Command::Output(_) | Command::InsertBoundary => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary::{Contiguous, End, Start};
    use super::*;
    use crate::script::{Script, Source};

    fn boundaries_of(sections: &str) -> Vec<Boundary> {
        let text = format!("SECTIONS {{ {sections} }}");
        let script = Script::parse(Source::new("t", text), &[]).expect("a script");
        boundaries(&script.commands)
    }

    #[test]
    fn output_sections_are_independent() {
        assert_eq!(
            boundaries_of("A : { *(A) } B : { *(B) }"),
            [Start, Start, End]
        );
        assert_eq!(boundaries_of(""), [Start]);
        let aligned = "A : { *(A) } . = ALIGN(16); B : { *(B) } ASSERT(SIZEOF(A), \"\")";
        assert_eq!(boundaries_of(aligned), [Start, Start, End]);
    }

    #[test]
    fn a_symbol_joins_its_neighbours() {
        let one = "A : { *(A) } middle = .; B : { *(B) } C : { *(C) }";
        assert_eq!(boundaries_of(one), [Start, Contiguous, Start, End]);
        let addressed = "A : { *(A) } B ADDR(A) + SIZEOF(A) : { *(B) }";
        assert_eq!(boundaries_of(addressed), [Start, Contiguous, End]);
    }

    #[test]
    fn two_symbols_join_all_between_them() {
        let outer = "a = .; A : { *(A) } B : { *(B) } /DISCARD/ : { *(C) } D : { *(D) } d = .;";
        assert_eq!(boundaries_of(outer), [Start, Contiguous, Contiguous, End]);
    }
}
