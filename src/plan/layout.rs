//! Output sections laid out: a script carried out, statement by statement.

use super::alignment::custom_alignments;
use super::evaluate::{Value, number, power_of_two};
use super::scope::{Cursor, too_large};
use super::selection::{Candidates, Selection, Taken};
use super::{Placed, PlannedSection, SymbolDefinition};
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::Module;
use crate::script::{
    Assignment, Definition, Expression, OutputSection, Script, Span, Spanned, Statement,
};
use crate::survey::{EntryId, NameId, Survey};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

/// Carries out scripts.
pub struct Layout<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) modules: &'a [Module<'a>],
    /// Whether there is a script that may speak of the entries' symbols.
    has_script: bool,
    /// The alignment of the custom sections of each name, which state none.
    pub(super) custom_alignments: HashMap<NameId, u32>,
    /// What has been laid out.
    pub sections: Vec<PlannedSection>,
    /// Where in `sections` each output section is.
    pub(super) outputs: HashMap<String, Extent>,
    /// Output sections with `(NOLOAD)`, and where that is said.
    pub(super) noload: Vec<(String, Span)>,
    /// What `KEEP` speaks of.
    pub(super) kept: HashSet<EntryId>,
    /// Entries that went to `/DISCARD/`.
    pub discarded: Vec<EntryId>,
    /// Symbols that are numbers, for the script alone.
    pub(super) numbers: Vec<Spanned<String>>,
    /// What a user should know.
    pub warnings: Vec<String>,
    /// Sections that a warning speaks of.
    pub(super) warned: HashSet<NameId>,
    /// The bytes that entries have, and those of padding between them.
    pub(super) extent: (u64, u64),
    pub(super) symbols: HashMap<Cow<'a, str>, Value>,
    /// Names of output sections that the script lays out later.
    pub(super) later: HashSet<String>,
    /// The defined symbols of the inputs, read when a script asks.
    pub(super) defined: OnceCell<HashSet<String>>,
}

/// The path of an object, as scripts see it.
pub struct InputFile<'a> {
    pub file: Cow<'a, str>,
    pub archive: Option<Cow<'a, str>>,
}

/// Where an output section is.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// In which of the planned sections.
    pub section: usize,
    /// Where in that it begins.
    pub start: u64,
    /// Where it ends, once it is laid out.
    pub end: Option<u64>,
    /// As a power of two: that of `ALIGN(n)` in its header, and of its input sections.
    pub alignment: u32,
}

impl<'a> Layout<'a> {
    /// Begins, with the entries in link order, and says which of them each statement takes.
    ///
    /// # Errors
    /// None, as `default.ld` is right.
    pub fn new(
        survey: &'a Survey,
        modules: &'a [Module<'a>],
        entries: Vec<EntryId>,
        script: &Script,
    ) -> Result<(Self, Selection)> {
        let keyed = entries.iter().filter_map(|&id| {
            let entry = &survey[id];
            let key = entry.key.as_deref()?;
            Some((id, format!("{}.{key}", survey.section(entry))))
        });
        let keyed = keyed.collect();
        let files = survey.objects.iter().map(|(id, _)| {
            let name = &modules[id.0].name;
            let path = name.file().to_string_lossy();
            let (file, archive) = match name.member() {
                Some(member) => (member.into(), Some(path)),
                None => (path, None),
            };
            (id, InputFile { file, archive })
        });
        let files = files.collect();
        let layout = Self {
            survey,
            modules,
            has_script: !script.commands.is_empty(),
            custom_alignments: custom_alignments(survey, &entries),
            sections: Vec::new(),
            outputs: HashMap::default(),
            noload: Vec::new(),
            kept: HashSet::default(),
            discarded: Vec::new(),
            numbers: Vec::new(),
            warnings: Vec::new(),
            warned: HashSet::default(),
            extent: (0, 0),
            symbols: HashMap::default(),
            later: HashSet::default(),
            defined: OnceCell::new(),
        };
        let candidates = Candidates {
            survey,
            entries,
            keyed: &keyed,
            files: &files,
            alignment: &|id| layout.entry_alignment(id),
        };
        let selection = candidates.select(script)?;
        Ok((layout, selection))
    }

    /// An output section that is continued after another would have a hole as large as that one: GNU
    /// ld leaves it.
    pub(super) fn check_once(&self, output: &OutputSection) -> Result<()> {
        let name = &output.name;
        if self.outputs.contains_key(&name.value) {
            return Err(name.span.error(format!(
                "output section `{}` is laid out already: put all of it in one place",
                name.value
            )));
        }
        Ok(())
    }

    fn is_kept(&self, taken: &[EntryId]) -> bool {
        taken.iter().any(|id| self.kept.contains(id))
    }

    /// A planned section, of which nothing is laid out yet.
    pub(super) fn begin(&mut self) -> Cursor {
        self.sections.push(PlannedSection::new());
        Cursor {
            section: self.sections.len() - 1,
            start: 0,
            dot: Cell::new(0),
            next: 0,
            alignment: Cell::new(0),
            fill: Vec::new(),
            previous: None,
        }
    }

    /// Lays out an output section from `cursor` on, and moves it to where the next one would be:
    /// `bodies` are its own statements with what they take, and what is put at its end.
    pub(super) fn output(
        &mut self,
        output: &OutputSection,
        bodies: &[(&OutputSection, &Taken)],
        cursor: &mut Cursor,
    ) -> Result<()> {
        let name = &output.name.value;
        let before = cursor.dot.get();
        self.move_to_address(output, cursor)?;
        let subalign = output.subalign.as_ref();
        let subalign = subalign.map(|subalign| self.alignment(subalign, cursor));
        let subalign = subalign.transpose()?;
        let alignment = self.begin_output(output, bodies, subalign, cursor)?;
        let mut extent = Extent {
            section: cursor.section,
            start: cursor.start,
            end: None,
            alignment,
        };
        self.outputs.insert(name.clone(), extent);
        self.check_load_address(output, cursor)?;
        for (body, taken) in bodies {
            let mut taken = taken.iter();
            for statement in &body.statements {
                self.statement(statement, &mut taken, subalign, cursor)?;
            }
        }
        let end = cursor.dot.get();
        extent.end = Some(end);
        self.outputs.insert(name.clone(), extent);
        self.end_output(output, bodies, cursor)?;
        let mut taken = bodies.iter().flat_map(|(_, taken)| *taken);
        match presence(output, bodies, taken.any(|taken| self.is_kept(taken))) {
            _ if end > cursor.start => cursor.next = end,
            Presence::Kept => cursor.next = end,
            Presence::Assigned => {}
            Presence::Removed => cursor.dot.set(before),
        }
        Ok(())
    }

    /// Moves `.` to the beginning of an output section. Its alignment, as a power of two.
    fn begin_output(
        &mut self,
        output: &OutputSection,
        bodies: &[(&OutputSection, &Taken)],
        subalign: Option<u32>,
        cursor: &mut Cursor,
    ) -> Result<u32> {
        let of_header = match &output.align {
            Some(align) => self.alignment(align, cursor)?,
            None => 0,
        };
        let mut alignment = of_header;
        for &id in bodies.iter().flat_map(|(_, taken)| taken.iter().flatten()) {
            let own = self.entry_alignment(id);
            let most = subalign.map_or(own, |subalign| subalign.max(own));
            alignment = alignment.max(most);
        }
        if !is_nothing(bodies) {
            cursor.raise(alignment);
            // What has an address of its own is not where its input sections would have it.
            let at_least = match output.address {
                Some(_) => of_header,
                None => alignment,
            };
            let start = cursor.dot.get().next_multiple_of(1 << at_least);
            cursor.dot.set(start);
        }
        cursor.start = cursor.dot.get();
        (cursor.fill, cursor.previous) = (Vec::new(), None);
        Ok(alignment)
    }

    /// Notes an output section that ends at `.`.
    fn end_output(
        &mut self,
        output: &OutputSection,
        bodies: &[(&OutputSection, &Taken)],
        cursor: &Cursor,
    ) -> Result<()> {
        let name = &output.name.value;
        let end = u32::try_from(cursor.dot.get());
        let end = end.map_err(|_| too_large(format!("section `{name}`")))?;
        let section = &mut self.sections[cursor.section];
        if section.name.is_empty() {
            section.name.clone_from(name);
        }
        if !is_nothing(bodies) {
            let range = cursor.start as u32..end;
            section.arrays.push((name.clone(), range));
        }
        let has_bytes = bodies.iter().flat_map(|(_, taken)| taken.iter().flatten());
        let has_bytes = has_bytes
            .map(|&id| self.survey[id].size)
            .any(|size| size > 0);
        let start = cursor.start as u32;
        if !has_bytes && section.data.last().is_none_or(|item| item.offset < start) {
            // Where there is nothing but padding, GNU ld writes nothing.
            section.fills.retain(|fill| fill.range.start < start);
        }
        section.size = section.size.max(end);
        section.script_made |= !has_only_entries(bodies);
        section.alignment = cursor.alignment.get();
        let noload = output.noload.as_ref();
        self.noload
            .extend(noload.map(|span| (name.clone(), span.clone())));
        Ok(())
    }

    fn alignment(&self, expression: &Expression, cursor: &Cursor) -> Result<u32> {
        let value = self.evaluate(expression, Some(cursor))?;
        power_of_two(number(value, &expression.0.span)?, &expression.0.span)
    }

    /// Leaves out what `/DISCARD/` takes.
    pub(super) fn discard(&mut self, output: &OutputSection, taken: Taken) -> Result<()> {
        if !output.statements.iter().all(is_input) || output.address.is_some() {
            return Err(output.name.span.error("/DISCARD/ has only input sections"));
        }
        self.discarded.extend(taken.into_iter().flatten());
        Ok(())
    }

    fn statement(
        &mut self,
        statement: &Statement,
        taken: &mut std::slice::Iter<'_, Vec<EntryId>>,
        subalign: Option<u32>,
        cursor: &mut Cursor,
    ) -> Result<()> {
        match statement {
            Statement::Input(_) => {
                let taken = taken.next().map_or(&[][..], Vec::as_slice);
                self.sections[cursor.section].keep |= self.is_kept(taken);
                for &id in taken {
                    self.place(id, subalign, cursor)?;
                }
            }
            Statement::Assign(assignment) if assignment.target.value == "." => {
                self.move_dot(assignment, cursor)?;
            }
            Statement::Assign(assignment) => {
                let value = match self.assigned(assignment, Some(cursor))? {
                    // Numbers inside an output section are offsets into it.
                    Value::Number(offset) => {
                        Value::Relative(cursor.section, cursor.start.wrapping_add(offset))
                    }
                    value => value,
                };
                self.define(assignment, value);
            }
            Statement::Assert(assert) => self.check(assert, Some(cursor))?,
            Statement::Data(size, value) => self.number_or_address(*size, value, cursor)?,
            Statement::Text(text) => self.text(text, cursor)?,
            Statement::SizedText(size, text) => self.sized_text(size, text, cursor)?,
            Statement::Fill(pattern) => cursor.fill = self.fill_pattern(pattern, cursor)?,
        }
        Ok(())
    }

    /// Gives a symbol its value.
    pub(super) fn define(&mut self, assignment: &Assignment, value: Value) {
        let name = assignment.target.clone();
        self.symbols.insert(name.value.clone().into(), value);
        match value {
            Value::Relative(section, offset) => {
                self.sections[section].symbols.push(SymbolDefinition {
                    name,
                    offset,
                    definition: assignment.definition,
                });
            }
            Value::Number(_) | Value::Absolute(_) => self.numbers.push(name),
        }
    }

    /// `. = expr`, forwards only.
    fn move_dot(&mut self, assignment: &Assignment, cursor: &mut Cursor) -> Result<()> {
        let span = &assignment.target.span;
        let to = match self.assigned(assignment, Some(cursor))? {
            Value::Number(offset) => cursor.start.saturating_add(offset),
            Value::Relative(section, offset) if section == cursor.section => offset,
            _ => return Err(span.error("`.` can only move inside its output section")),
        };
        let from = cursor.dot.get();
        if to < from {
            let (from, to) = (
                from - cursor.start,
                to.wrapping_sub(cursor.start).cast_signed(),
            );
            return Err(span.error(format!(
                "cannot move the location counter backwards (from {from} to {to})"
            )));
        }
        self.gap(from, to, cursor);
        cursor.dot.set(to);
        cursor.previous = None;
        cursor.offset().map(|_| ())
    }

    fn place(&mut self, id: EntryId, subalign: Option<u32>, cursor: &mut Cursor) -> Result<()> {
        let entry = &self.survey[id];
        let alignment = subalign.unwrap_or_else(|| self.entry_alignment(id));
        let length = u64::from(entry.size);
        let end = cursor.dot.get();
        let offset = end.next_multiple_of(1_u64 << alignment);
        self.check_padding(id, length, offset - end)?;
        // What has no bytes is no element of the array: it declares the section, or marks a place.
        let is_element = length > 0;
        if let Some(before) = cursor.previous.filter(|_| offset != end && is_element) {
            self.warn_of_padding(offset - end, before, id);
        }
        self.gap(end, offset, cursor);
        cursor.dot.set(offset);
        let offset = cursor.offset()?;
        cursor.dot.set(u64::from(offset) + length);
        cursor.offset()?;
        if is_element {
            cursor.previous = Some(id);
        }
        self.placed(id, offset, cursor);
        Ok(())
    }

    fn placed(&mut self, entry: EntryId, offset: u32, cursor: &Cursor) {
        self.sections[cursor.section]
            .entries
            .push(Placed { entry, offset });
        let entry = &self.survey[entry];
        for symbol in entry.symbols.iter().filter(|_| self.has_script) {
            if !symbol.is_local() {
                let offset = u64::from(offset + (symbol.offset - entry.start()));
                let value = Value::Relative(cursor.section, offset);
                let name = self.survey.name(entry, symbol);
                self.symbols.insert(name.into(), value);
            }
        }
    }
}

/// What GNU ld makes of an output section without bytes.
enum Presence {
    /// It is there as any other.
    Kept,
    /// It moves `.`, but the next one begins where it would without it, unless its address or a statement
    /// before it says otherwise.
    Assigned,
    /// Not even that.
    Removed,
}

fn presence(
    output: &OutputSection,
    bodies: &[(&OutputSection, &Taken)],
    is_kept: bool,
) -> Presence {
    let mut taken = bodies.iter().flat_map(|(_, taken)| *taken);
    let has_entries = taken.any(|taken| !taken.is_empty());
    let assigns = output.statements.iter().any(|statement| match statement {
        Statement::Assign(assignment) => match assignment.definition {
            Definition::Plain | Definition::Hidden => {
                assignment.target.value != "." || assignment.operator.is_none()
            }
            Definition::Provide | Definition::ProvideHidden => false,
        },
        _ => false,
    });
    match (is_kept, assigns, has_entries) {
        (true, ..) | (_, true, true) => Presence::Kept,
        (false, true, false) => Presence::Assigned,
        (false, false, _) => Presence::Removed,
    }
}

fn has_only_entries(bodies: &[(&OutputSection, &Taken)]) -> bool {
    let mut statements = bodies.iter().flat_map(|(body, _)| &body.statements);
    statements.all(is_input)
}

/// Whether an output section has not even an entry without bytes: there is no such section then.
fn is_nothing(bodies: &[(&OutputSection, &Taken)]) -> bool {
    let mut taken = bodies.iter().flat_map(|(_, taken)| taken.iter().flatten());
    has_only_entries(bodies) && taken.next().is_none()
}

fn is_input(statement: &Statement) -> bool {
    matches!(statement, Statement::Input(_))
}
