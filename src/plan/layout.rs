//! A script carried out: output sections, what stands between them, and the default policy for the rest.

use super::alignment::Alignments;
use super::array::ArrayChecker;
use super::body::{Body, Part, has_only_inputs};
use super::contiguity::{Boundary, boundaries, has_dot};
use super::evaluate::Value;
use super::image::{Image, LocationCounter};
use super::output_section::{OutputLayout, Policy};
use super::selection::{Selected, Selection};
use crate::error::Result;
use crate::hash::HashMap;
use crate::input::Modules;
use crate::script::{Assignment, Command, OutputSection, Script};
use crate::survey::{EntryId, Survey};

/// What is put at the ends of output sections, by their names.
type Appended = HashMap<String, Vec<(OutputSection, Selected)>>;

/// What a script lays out.
#[derive(Debug)]
pub struct Layout<'a> {
    /// The memory image.
    pub image: Image<'a>,
    /// The entries that `/DISCARD/` selects.
    pub discarded: Vec<EntryId>,
    /// What a user should know.
    pub warnings: Vec<String>,
}

impl<'a> Layout<'a> {
    /// Carries out the user's script, and the default policy for what it does not select.
    ///
    /// # Errors
    /// What a script says that cannot be done, assertions that fail, and a section that is too large.
    pub fn of(
        survey: &'a Survey<'a>,
        modules: &'a Modules<'a>,
        alignments: &'a Alignments<'a>,
        script: &Script,
        selection: Selection,
    ) -> Result<Self> {
        let names = script.outputs().map(|output| output.name.value.clone());
        let mut runner = Runner {
            policy: Policy {
                survey,
                alignments,
                kept: selection.kept,
                has_script: !script.commands.is_empty(),
            },
            image: Image::new(modules, names.collect()),
            arrays: ArrayChecker::new(survey, modules, alignments),
            discarded: Vec::new(),
            warnings: Vec::new(),
        };
        let mut selected = selection.outputs.into_iter();
        let mut deferred = Vec::new();
        let is_boundary = |command: &Command| matches!(command, Command::InsertBoundary);
        for commands in script.commands.split(is_boundary) {
            deferred.extend(runner.commands(commands, &mut selected, &selection.appended)?);
        }
        for (output, selected) in &selection.orphans {
            let mut counter = runner.image.begin();
            let body = Body {
                own: Part { output, selected },
                appended: Vec::new(),
            };
            runner.output(&body, &mut counter)?;
        }
        for command in deferred {
            runner.outside(command, None)?;
        }
        runner.include_end_symbols();
        Ok(runner.finish())
    }
}

/// Carries out a script.
struct Runner<'a> {
    policy: Policy<'a>,
    image: Image<'a>,
    arrays: ArrayChecker<'a>,
    discarded: Vec<EntryId>,
    warnings: Vec<String>,
}

/// The location counter between output sections.
#[derive(Default)]
struct Between {
    counter: Option<LocationCounter>,
    /// Whether it is in the segment of the next output section.
    is_of_next: bool,
}

impl<'a> Runner<'a> {
    /// Carries out commands between which no `INSERT` stands. Returns those that have to wait for output
    /// sections that are laid out later.
    fn commands<'c>(
        &mut self,
        commands: &'c [Command],
        selected: &mut impl Iterator<Item = Selected>,
        appended: &Appended,
    ) -> Result<Vec<&'c Command>> {
        let mut deferred = Vec::new();
        let mut boundaries = boundaries(commands).into_iter();
        let mut boundary = boundaries.next().unwrap_or(Boundary::Start);
        let mut here = Between::default();
        for command in commands {
            let Command::Output(output) = command else {
                let has_dot = has_dot(command);
                if has_dot && boundary == Boundary::Start && !here.is_of_next {
                    let has_next = boundaries.len() > 0;
                    here = Between {
                        counter: has_next.then(|| self.image.begin()),
                        is_of_next: true,
                    };
                }
                match self.outside(command, here.counter.as_mut()) {
                    Err(error) if has_dot => return Err(error),
                    // It may refer to sections that are laid out later.
                    Err(_) => deferred.push(command),
                    Ok(()) => {}
                }
                if let Some(counter) = &mut here.counter {
                    counter.next = counter.dot;
                }
                continue;
            };
            let own = selected.next().unwrap_or_default();
            if output.is_discard() {
                self.discard(output, own)?;
                continue;
            }
            self.check_once(output)?;
            let continues = here.is_of_next || boundary == Boundary::Contiguous;
            let counter = here.counter.take().filter(|_| continues);
            let mut counter = counter.unwrap_or_else(|| self.image.begin());
            let appended = appended.get(&output.name.value).into_iter().flatten();
            let body = Body {
                own: Part {
                    output,
                    selected: &own,
                },
                appended: appended
                    .map(|(output, selected)| Part { output, selected })
                    .collect(),
            };
            self.output(&body, &mut counter)?;
            here = Between {
                counter: Some(counter),
                is_of_next: false,
            };
            boundary = boundaries.next().unwrap_or(Boundary::End);
        }
        Ok(deferred)
    }

    fn output(&mut self, body: &Body<'_>, counter: &mut LocationCounter) -> Result<()> {
        let layout = OutputLayout {
            policy: &self.policy,
            image: &mut self.image,
            counter,
            arrays: &mut self.arrays,
            warnings: &mut self.warnings,
        };
        layout.lay_out(body)
    }

    /// An output section that goes on after another would have a hole as large as that one: GNU ld leaves it.
    fn check_once(&self, output: &OutputSection) -> Result<()> {
        let name = &output.name;
        match self.image.output(&name.value) {
            None => Ok(()),
            Some(_) => Err(name.span.error(format!(
                "duplicate output section `{}`: merge its descriptions into one",
                name.value
            ))),
        }
    }

    /// Leaves out what `/DISCARD/` selects.
    fn discard(&mut self, output: &OutputSection, selected: Selected) -> Result<()> {
        if !has_only_inputs(output) || output.address.is_some() {
            return Err(output
                .name
                .span
                .error("/DISCARD/ can contain only input section descriptions"));
        }
        self.discarded.extend(selected.into_iter().flatten());
        Ok(())
    }

    /// A command outside output sections.
    fn outside(
        &mut self,
        command: &Command,
        mut counter: Option<&mut LocationCounter>,
    ) -> Result<()> {
        match command {
            Command::Assign(assignment) if assignment.target.value == "." => {
                self.move_dot(assignment, counter)
            }
            Command::Assign(assignment) => {
                let value = self.image.assigned(assignment, counter.as_deref_mut())?;
                self.image.define(assignment, value);
                if let (Some(counter), Value::Relative(section, offset)) = (counter, value)
                    && counter.section == section
                {
                    let section = &mut self.image.sections[section];
                    section.has_script_contents = true;
                    section.alignment = section.alignment.max(counter.alignment);
                    if offset <= counter.dot {
                        section.size = section.size.max(offset as u32);
                    }
                }
                Ok(())
            }
            Command::Assert(assert) => self.image.check(assert, counter),
            Command::Output(_) | Command::InsertBoundary => Ok(()),
        }
    }

    /// `. = ALIGN(n)` between output sections, and anything else by which `.` stays an offset.
    fn move_dot(
        &mut self,
        assignment: &Assignment,
        counter: Option<&mut LocationCounter>,
    ) -> Result<()> {
        let span = &assignment.target.span;
        let is_address = || {
            span.error(
                "outside output sections `.` is an address, which the backend linker assigns; to \
                 align a section, write `NAME : ALIGN(n)`, or `. = ALIGN(n);` before it",
            )
        };
        let counter = counter.ok_or_else(is_address)?;
        match self.image.assigned(assignment, Some(&mut *counter))? {
            Value::Relative(section, offset)
                if section == counter.section && offset >= counter.dot =>
            {
                counter.move_to(offset)
            }
            _ => Err(is_address()),
        }
    }

    /// A symbol may be where the next section would begin, after the padding that aligns it. The segment
    /// includes that padding then.
    fn include_end_symbols(&mut self) {
        for section in &mut self.image.sections {
            let end = u64::from(section.size).next_multiple_of(1 << section.alignment);
            let offsets = section.symbols.iter().map(|symbol| symbol.offset);
            let most = offsets.filter(|&offset| offset <= end).max();
            let most = most.and_then(|offset| u32::try_from(offset).ok());
            section.size = section.size.max(most.unwrap_or(0));
        }
    }

    fn finish(mut self) -> Layout<'a> {
        for section in &self.image.sections {
            self.warnings
                .extend(self.arrays.size_warnings(&section.entries));
        }
        Layout {
            image: self.image,
            discarded: self.discarded,
            warnings: self.warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;
    use crate::plan::testing::{Data, TestLink, object};

    /// Two entries of `A` (4 bytes, aligned to 4) and one of `B` (8 bytes, aligned to 8).
    fn plan(script: &str) -> Plan {
        try_plan(script).expect("a plan")
    }

    fn try_plan(script: &str) -> crate::error::Result<Plan> {
        let entries = [
            Data::new("A", "a1"),
            Data::new("B", "b").size(8, 3),
            Data::new("A", "a2"),
        ];
        let objects = [("a.o", object(&entries, &[]))];
        TestLink::new(&["--gather=A", "--gather=B"], &objects)
            .script(script)
            .plan()
    }

    fn offsets(plan: &Plan, section: usize) -> Vec<u32> {
        let entries = plan.sections[section].entries.iter();
        entries.map(|placed| placed.offset).collect()
    }

    fn symbols(plan: &Plan, section: usize) -> Vec<(&str, u64)> {
        let symbols = plan.sections[section].symbols.iter();
        symbols
            .map(|symbol| (symbol.name.value.as_str(), symbol.offset))
            .collect()
    }

    #[test]
    fn without_a_script_each_section_is_an_array() {
        let plan = plan("");
        let found: Vec<_> = plan
            .sections
            .iter()
            .map(|section| (section.name.as_str(), section.size, section.alignment))
            .collect();
        assert_eq!(found, [("A", 8, 2), ("B", 8, 3)]);
        assert_eq!(offsets(&plan, 0), [0, 4]);
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    }

    #[test]
    fn padding_has_the_fill_pattern() {
        let plan = plan("SECTIONS { X : { BYTE(1) *(B) end = .; . = ALIGN(32); } = 0xab }");
        let section = &plan.sections[0];
        assert_eq!((section.size, section.alignment), (32, 5));
        assert_eq!(offsets(&plan, 0), [8]);
        assert_eq!(symbols(&plan, 0), [("end", 16)]);
        let fills: Vec<_> = section
            .fills
            .iter()
            .map(|fill| (fill.range.clone(), fill.pattern.as_slice()))
            .collect();
        assert_eq!(fills, [(1..8, &[0xab][..]), (16..32, &[0xab])]);
    }

    #[test]
    fn symbols_join_output_sections() {
        let joined = plan("SECTIONS { X : { *(A) } middle = .; Y : { *(B) } }");
        assert_eq!(joined.sections.len(), 1);
        let arrays = [("X".to_owned(), 0..8), ("Y".to_owned(), 8..16)];
        assert_eq!(joined.sections[0].arrays, arrays);
        assert_eq!(symbols(&joined, 0), [("middle", 8)]);
        let independent = plan("SECTIONS { X : { *(A) } Y : { *(B) } }");
        assert_eq!(independent.sections.len(), 2);
    }

    #[test]
    fn subalign_overrides_the_alignment_of_entries() {
        let plan = plan("SECTIONS { X : SUBALIGN(16) { *(A) } }");
        assert_eq!(offsets(&plan, 0), [0, 16]);
        let [warning] = &plan.warnings[..] else {
            panic!("one warning: {:?}", plan.warnings);
        };
        assert!(warning.contains("12 bytes of padding"), "{warning}");
    }

    #[test]
    fn alignment_of_an_address_raises_that_of_the_segment() {
        let plan = plan("SECTIONS { X : { *(A) . = ALIGN(64); last = .; } }");
        assert_eq!(plan.sections[0].alignment, 6);
        assert_eq!(symbols(&plan, 0), [("last", 64)]);
    }

    #[test]
    fn discarded_entries_are_in_no_section() {
        let plan = plan("SECTIONS { /DISCARD/ : { *(A) } }");
        assert_eq!(plan.discarded.len(), 2);
        let sections: Vec<_> = plan
            .sections
            .iter()
            .filter(|section| !section.is_empty())
            .map(|section| section.name.as_str())
            .collect();
        assert_eq!(sections, ["B"]);
    }

    #[test]
    fn the_location_counter_moves_forwards_only() {
        let error = try_plan("SECTIONS { X : { *(A) . = 4; } }").expect_err("an error");
        let text = error.to_string();
        assert!(text.contains("(from 8 to 4)"), "{text}");
    }

    #[test]
    fn what_needs_a_later_section_waits() {
        let plan = plan("SECTIONS { size = SIZEOF(X); ASSERT(size == 8, \"\") X : { *(A) } }");
        assert_eq!(offsets(&plan, 0), [0, 4]);
        let error = try_plan("SECTIONS { ASSERT(SIZEOF(X) == 4, \"four\") X : { *(A) } }");
        let text = error.expect_err("an error").to_string();
        assert!(text.contains("assertion failed: four"), "{text}");
    }
}
