//! One output section laid out, statement by statement.

use super::alignment::Alignments;
use super::array::ArrayChecker;
use super::body::{Body, Presence};
use super::evaluate::{Value, number, power_of_two};
use super::image::{Extent, Image, LocationCounter, too_large};
use super::output::{DataItem, Fill, Placed};
use crate::error::Result;
use crate::hash::HashSet;
use crate::script::{Assignment, Expression, Node, OutputSection, Statement};
use crate::survey::{EntryId, Survey};

/// What output sections are laid out by.
#[derive(Debug)]
pub struct Policy<'a> {
    /// The entries.
    pub survey: &'a Survey<'a>,
    /// Their alignments.
    pub alignments: &'a Alignments<'a>,
    /// What `KEEP` names.
    pub kept: HashSet<EntryId>,
    /// Whether there is a script, which may refer to symbols of entries.
    pub has_script: bool,
}

/// Lays out one output section.
#[derive(Debug)]
pub struct OutputLayout<'l, 'a> {
    /// What it is laid out by.
    pub policy: &'l Policy<'a>,
    /// What it is laid out in.
    pub image: &'l mut Image<'a>,
    /// The location counter, at the end of what is before.
    pub counter: &'l mut LocationCounter,
    /// Checks the entries.
    pub arrays: &'l mut ArrayChecker<'a>,
    /// What a user should know.
    pub warnings: &'l mut Vec<String>,
}

impl OutputLayout<'_, '_> {
    /// Lays out `body`, and leaves the location counter where the next output section may begin.
    ///
    /// # Errors
    /// What a script says that cannot be done, assertions that fail, and a section that is too large.
    pub fn lay_out(mut self, body: &Body<'_>) -> Result<()> {
        let output = body.own.output;
        let name = &output.name.value;
        let before = self.counter.dot;
        self.move_to_address(output)?;
        let subalign = output.subalign.as_ref();
        let subalign = subalign.map(|subalign| self.alignment(subalign));
        let subalign = subalign.transpose()?;
        let alignment = self.begin(body, subalign)?;
        let mut extent = Extent {
            section: self.counter.section,
            start: self.counter.start,
            end: None,
            alignment,
        };
        self.image.set_output(name, extent);
        self.check_load_address(output)?;
        for part in body.parts() {
            let mut selected = part.selected.iter();
            for statement in &part.output.statements {
                match statement {
                    Statement::Input(_) => {
                        let entries = selected.next().map_or(&[][..], Vec::as_slice);
                        self.place_all(entries, subalign)?;
                    }
                    _ => self.statement(statement)?,
                }
            }
        }
        let end = self.counter.dot;
        extent.end = Some(end);
        self.image.set_output(name, extent);
        self.end(body)?;
        let is_kept = body.entries().any(|id| self.policy.kept.contains(&id));
        match body.presence(is_kept) {
            _ if end > self.counter.start => self.counter.next = end,
            Presence::Kept => self.counter.next = end,
            Presence::Assigned => {}
            Presence::Removed => self.counter.dot = before,
        }
        Ok(())
    }

    /// Moves `.` to where the output section may begin. Its header may say so before the colon: at `.`, aligned
    /// or some bytes further, or where an output section ends that this one follows.
    fn move_to_address(&mut self, output: &OutputSection) -> Result<()> {
        let Some(address) = &output.address else {
            self.counter.dot = self.counter.next;
            return Ok(());
        };
        match self.evaluate(address)? {
            Value::Relative(section, offset)
                if section == self.counter.section && offset >= self.counter.dot =>
            {
                self.counter.move_to(offset)
            }
            _ => Err(address.0.span.error(
                "an output section cannot have an address: the backend linker assigns it (see \
                 --global-base)",
            )),
        }
    }

    /// `AT(ADDR(NAME) - OFFSET)` has no effect here. Any other load address would not be the section's own,
    /// and a program would have to copy it from there.
    fn check_load_address(&mut self, output: &OutputSection) -> Result<()> {
        let Some(load) = &output.load else {
            return Ok(());
        };
        match self.evaluate(load)? {
            Value::Relative(section, _) if section == self.counter.section => Ok(()),
            _ => Err(load.0.span.error(
                "a load address must be the address of the section: in a wasm module nothing \
                 copies the data from elsewhere",
            )),
        }
    }

    /// Moves `.` to the beginning of the output section. Its alignment, as a power of two.
    fn begin(&mut self, body: &Body<'_>, subalign: Option<u32>) -> Result<u32> {
        let output = body.own.output;
        let of_header = match &output.align {
            Some(align) => self.alignment(align)?,
            None => 0,
        };
        let mut alignment = of_header;
        for id in body.entries() {
            let own = self.policy.alignments.entry(id).exponent();
            let most = subalign.map_or(own, |subalign| subalign.max(own));
            alignment = alignment.max(most);
        }
        let counter = &mut *self.counter;
        if !body.is_absent() {
            counter.align(alignment);
            // An explicit address overrides the alignment of the input sections.
            let at_least = match output.address {
                Some(_) => of_header,
                None => alignment,
            };
            counter.dot = counter.dot.next_multiple_of(1 << at_least);
        }
        counter.start = counter.dot;
        (counter.fill, counter.previous) = (Vec::new(), None);
        Ok(alignment)
    }

    /// Records the output section, which ends at `.`.
    fn end(&mut self, body: &Body<'_>) -> Result<()> {
        let name = &body.own.output.name.value;
        let end = u32::try_from(self.counter.dot);
        let end = end.map_err(|_| too_large(format!("section `{name}`")))?;
        let section = &mut self.image.sections[self.counter.section];
        if section.name.is_empty() {
            section.name.clone_from(name);
        }
        let start = self.counter.start as u32;
        if !body.is_absent() {
            section.arrays.push((name.clone(), start..end));
        }
        let mut entries = body.entries();
        let has_bytes = entries.any(|id| self.policy.survey[id].size > 0);
        if !has_bytes && section.data.last().is_none_or(|item| item.offset < start) {
            // As GNU ld, write nothing where there is only padding.
            section.fills.retain(|fill| fill.range.start < start);
        }
        section.size = section.size.max(end);
        section.has_script_contents |= !body.has_only_entries();
        section.alignment = self.counter.alignment;
        Ok(())
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<Value> {
        self.image.evaluate(expression, Some(&mut *self.counter))
    }

    fn assigned(&mut self, assignment: &Assignment) -> Result<Value> {
        self.image.assigned(assignment, Some(&mut *self.counter))
    }

    fn alignment(&mut self, expression: &Expression) -> Result<u32> {
        let span = &expression.0.span;
        power_of_two(number(self.evaluate(expression)?, span)?, span)
    }

    /// Any statement but an input section description.
    fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Input(_) => {}
            Statement::Assign(assignment) if assignment.target.value == "." => {
                self.move_dot(assignment)?;
            }
            Statement::Assign(assignment) => {
                let value = match self.assigned(assignment)? {
                    // A number in an output section is an offset into it (GNU ld manual, "The Section of an
                    // Expression").
                    Value::Number(offset) => Value::Relative(
                        self.counter.section,
                        self.counter.start.wrapping_add(offset),
                    ),
                    value => value,
                };
                self.image.define(assignment, value);
            }
            Statement::Assert(assert) => self.image.check(assert, Some(&mut *self.counter))?,
            Statement::Data(size, value) => self.number_or_address(*size, value)?,
            Statement::Text(text) => self.text(text)?,
            Statement::SizedText(size, text) => self.sized_text(size, text)?,
            Statement::Fill(pattern) => self.counter.fill = self.fill_pattern(pattern)?,
        }
        Ok(())
    }

    /// `. = expr`, forwards only.
    fn move_dot(&mut self, assignment: &Assignment) -> Result<()> {
        let span = &assignment.target.span;
        let to = match self.assigned(assignment)? {
            Value::Number(offset) => self.counter.start.saturating_add(offset),
            Value::Relative(section, offset) if section == self.counter.section => offset,
            _ => return Err(span.error("`.` cannot leave its output section")),
        };
        let (start, from) = (self.counter.start, self.counter.dot);
        if to < from {
            let (from, to) = (from - start, to.wrapping_sub(start).cast_signed());
            return Err(span.error(format!(
                "cannot move the location counter backwards (from {from} to {to})"
            )));
        }
        self.fill_padding(to);
        self.counter.previous = None;
        self.counter.move_to(to)
    }

    /// Places the entries of an input section description.
    fn place_all(&mut self, entries: &[EntryId], subalign: Option<u32>) -> Result<()> {
        let is_kept = entries.iter().any(|id| self.policy.kept.contains(id));
        self.image.sections[self.counter.section].keep |= is_kept;
        entries.iter().try_for_each(|&id| self.place(id, subalign))
    }

    fn place(&mut self, id: EntryId, subalign: Option<u32>) -> Result<()> {
        let alignments = self.policy.alignments;
        let alignment = subalign.unwrap_or_else(|| alignments.entry(id).exponent());
        let size = u64::from(self.policy.survey[id].size);
        let end = self.counter.dot;
        let offset = end.next_multiple_of(1_u64 << alignment);
        self.arrays.count(id, offset - end)?;
        // An entry without bytes is no element: it declares the section, or marks a place.
        let is_element = size > 0;
        if let Some(before) = self
            .counter
            .previous
            .filter(|_| offset != end && is_element)
        {
            let warning = self.arrays.padding_warning(offset - end, before, id);
            self.warnings.extend(warning);
        }
        self.fill_padding(offset);
        self.counter.move_to(offset)?;
        let offset = self.counter.offset()?;
        self.counter.move_to(u64::from(offset) + size)?;
        if is_element {
            self.counter.previous = Some(id);
        }
        let placed = Placed { entry: id, offset };
        let section = &mut self.image.sections[self.counter.section];
        section.entries.push(placed);
        if self.policy.has_script {
            self.add_symbols(placed);
        }
        Ok(())
    }

    fn add_symbols(&mut self, Placed { entry, offset }: Placed) {
        let survey = self.policy.survey;
        let entry = &survey[entry];
        for symbol in entry.symbols.iter().filter(|symbol| !symbol.is_local()) {
            let offset = u64::from(offset + (symbol.offset - entry.start()));
            let name = survey.name(symbol);
            self.image
                .add_input_symbol(name, self.counter.section, offset);
        }
    }

    /// `LONG(expr)` and its like.
    fn number_or_address(&mut self, size: u32, value: &Expression) -> Result<()> {
        let item = self.evaluate(value)?;
        if size < 4 && matches!(item, Value::Relative(..)) {
            let span = &value.0.span;
            return Err(span.error(format!(
                "an address does not fit in {size} bytes: use LONG or QUAD"
            )));
        }
        self.data(size, item)
    }

    /// `ASCII (size) "text"`: truncated or padded with NULs, of which there is always one.
    fn sized_text(&mut self, size: &Expression, text: &[u8]) -> Result<()> {
        let span = &size.0.span;
        let size = number(self.evaluate(size)?, span)?;
        let Some(most) = size.checked_sub(1) else {
            return Err(span.error("the size must be at least 1, for the NUL at the end"));
        };
        let own = text.len().saturating_sub(1);
        let kept = usize::try_from(most).map_or(own, |most| own.min(most));
        if kept < own {
            let warning = span.error("the text is truncated to this size");
            self.warnings.push(warning.to_string());
        }
        self.text(&text[..kept])?;
        self.data(1, Value::Number(0))?;
        let padding = most - kept as u64;
        self.counter
            .move_to(self.counter.dot.saturating_add(padding))
    }

    /// `ASCIZ "text"`, with the NUL at its end.
    fn text(&mut self, text: &[u8]) -> Result<()> {
        let mut bytes = text.iter();
        bytes.try_for_each(|&byte| self.data(1, Value::Number(byte.into())))
    }

    fn data(&mut self, size: u32, value: Value) -> Result<()> {
        let offset = self.counter.offset()?;
        let item = DataItem {
            offset,
            size,
            value,
        };
        self.image.sections[self.counter.section].data.push(item);
        self.counter.dot += u64::from(size);
        self.counter.previous = None;
        Ok(())
    }

    /// Fills padding from `.` to `to` with the fill pattern.
    fn fill_padding(&mut self, to: u64) {
        let LocationCounter { dot, fill, .. } = &*self.counter;
        if *dot < to && fill.iter().any(|&byte| byte != 0) {
            let fill = Fill {
                range: *dot as u32..to as u32,
                pattern: fill.clone(),
            };
            self.image.sections[self.counter.section].fills.push(fill);
        }
    }

    /// A hexadecimal number is as long as it is written. Of anything else the four lowest bytes count, the
    /// highest first (GNU ld manual, "Output Section Fill").
    fn fill_pattern(&mut self, expression: &Expression) -> Result<Vec<u8>> {
        let value = number(self.evaluate(expression)?, &expression.0.span)?;
        let length = match expression.0.value {
            Node::Number(_, Some(digits)) => digits.div_ceil(2).clamp(1, 8),
            _ => 4,
        };
        Ok(value.to_be_bytes()[8 - length..].to_vec())
    }
}
