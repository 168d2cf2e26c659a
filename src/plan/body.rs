//! What an output section consists of: its own statements, and what the default policy puts at its end.

use super::selection::Selected;
use crate::script::{Definition, OutputSection, Statement};
use crate::survey::EntryId;

/// Statements of an output section, with the entries that its input section descriptions select.
#[derive(Debug, Clone, Copy)]
pub struct Part<'s> {
    /// Where the statements are.
    pub output: &'s OutputSection,
    /// The entries of each input section description, in order.
    pub selected: &'s Selected,
}

/// The parts of an output section: its own, and what is put at its end.
#[derive(Debug)]
pub struct Body<'s> {
    /// The header and the statements of the output section itself.
    pub own: Part<'s>,
    /// What is put at its end.
    pub appended: Vec<Part<'s>>,
}

/// What GNU ld makes of an output section without bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there as any other.
    Kept,
    /// It moves `.`. But the next output section begins where it would without this one, unless its address
    /// or a statement before it says otherwise.
    Assigned,
    /// It does not even move `.`.
    Removed,
}

impl<'s> Body<'s> {
    /// All parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'s>> {
        std::iter::once(self.own).chain(self.appended.iter().copied())
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = EntryId> {
        self.parts()
            .flat_map(|part| part.selected.iter().flatten().copied())
    }

    /// Whether there are no statements but input section descriptions.
    pub fn has_only_entries(&self) -> bool {
        self.parts().all(|part| has_only_inputs(part.output))
    }

    /// Whether it has nothing, not even an entry without bytes: then there is no such section.
    pub fn is_absent(&self) -> bool {
        self.has_only_entries() && self.entries().next().is_none()
    }

    /// What GNU ld makes of it where it has no bytes. `is_kept` says whether `KEEP` names one of its entries.
    pub fn presence(&self, is_kept: bool) -> Presence {
        let assigns = self
            .own
            .output
            .statements
            .iter()
            .any(|statement| match statement {
                Statement::Assign(assignment) => match assignment.definition {
                    Definition::Plain | Definition::Hidden => {
                        assignment.target.value != "." || assignment.operator.is_none()
                    }
                    Definition::Provide | Definition::ProvideHidden => false,
                },
                _ => false,
            });
        match (is_kept, assigns, self.entries().next().is_some()) {
            (true, ..) | (_, true, true) => Presence::Kept,
            (false, true, false) => Presence::Assigned,
            (false, false, _) => Presence::Removed,
        }
    }
}

/// Whether an output section has no statements but input section descriptions.
pub fn has_only_inputs(output: &OutputSection) -> bool {
    let mut statements = output.statements.iter();
    statements.all(|statement| matches!(statement, Statement::Input(_)))
}
