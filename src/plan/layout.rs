//! Output sections laid out: a script carried out, statement by statement.

use super::alignment::custom_alignments;
use super::evaluate::{Value, number, power_of_two};
use super::scope::{Cursor, too_large};
use super::{DataItem, Fill, Placed, PlannedSection, SymbolDefinition};
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::input::{Module, ObjectMap};
use crate::script::{
    Assignment, Command, Expression, FileName, InputDescription, InputSection, Matcher, Node,
    OutputSection, Script, Spanned, Statement,
};
use crate::survey::{EntryId, NameId, Survey};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

/// Carries out scripts.
pub struct Layout<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) modules: &'a [Module<'a>],
    /// The entries that rules are asked about, in link order.
    candidates: Vec<EntryId>,
    /// Which entries of the survey a rule has taken.
    taken: Vec<bool>,
    /// What scripts call the entries that have a key.
    keyed: HashMap<EntryId, String>,
    /// The paths of the objects, as scripts see them.
    files: ObjectMap<InputFile<'a>>,
    /// Whether there is a script that may speak of the entries' symbols.
    has_script: bool,
    /// The alignment of the custom sections of each name, which state none.
    pub(super) custom_alignments: HashMap<NameId, u32>,
    /// What has been laid out.
    pub sections: Vec<PlannedSection>,
    /// Where in `sections` each name is.
    indices: HashMap<String, usize>,
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

struct InputFile<'a> {
    file: Cow<'a, str>,
    archive: Option<Cow<'a, str>>,
}

impl<'a> Layout<'a> {
    /// Begins, with the entries in link order.
    pub fn new(survey: &'a Survey, modules: &'a [Module<'a>], entries: Vec<EntryId>) -> Self {
        let keyed = entries.iter().filter_map(|&id| {
            let entry = &survey[id];
            let key = entry.key.as_deref()?;
            Some((id, format!("{}.{key}", survey.section(entry))))
        });
        let files = survey.objects.iter().map(|(id, _)| {
            let name = &modules[id.0].name;
            let path = name.file().to_string_lossy();
            let (file, archive) = match name.member() {
                Some(member) => (member.into(), Some(path)),
                None => (path, None),
            };
            (id, InputFile { file, archive })
        });
        Self {
            survey,
            modules,
            keyed: keyed.collect(),
            files: files.collect(),
            has_script: false,
            custom_alignments: custom_alignments(survey, &entries),
            candidates: entries,
            taken: vec![false; survey.entries.len()],
            sections: Vec::new(),
            indices: HashMap::default(),
            discarded: Vec::new(),
            numbers: Vec::new(),
            warnings: Vec::new(),
            warned: HashSet::default(),
            extent: (0, 0),
            symbols: HashMap::default(),
            later: HashSet::default(),
            defined: OnceCell::new(),
        }
    }

    /// Carries out the user's script.
    ///
    /// # Errors
    /// What a script says that cannot be done, and assertions that fail.
    pub fn run(&mut self, script: &Script) -> Result<()> {
        self.has_script = !script.commands.is_empty();
        self.later = script
            .outputs()
            .map(|output| output.name.value.clone())
            .collect();
        let mut deferred = Vec::new();
        for command in &script.commands {
            match command {
                Command::Output(output) => {
                    self.check_once(output)?;
                    self.output(output)?;
                }
                // It may speak of sections that come later.
                _ if self.outside(command).is_err() => deferred.push(command),
                _ => {}
            }
        }
        for command in deferred {
            self.outside(command)?;
        }
        Ok(())
    }

    /// Lays out what no rule took, section by section, by `default.ld`.
    ///
    /// # Errors
    /// A section that is too large.
    pub fn orphans(&mut self) -> Result<()> {
        let mut by_section: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
        for id in std::mem::take(&mut self.candidates) {
            if !self.taken[id.position()] {
                let section = self.survey.section(&self.survey[id]);
                by_section.entry(section).or_default().push(id);
            }
        }
        let default = Script::default_policy()?;
        for (name, entries) in by_section {
            self.candidates = entries;
            for output in default.for_section(name).outputs() {
                self.output(output)?;
            }
        }
        Ok(())
    }

    /// An output section that is continued after another would have a hole as large as that one: GNU
    /// ld leaves it.
    fn check_once(&self, output: &OutputSection) -> Result<()> {
        let name = &output.name;
        if self.section_index(&name.value).is_some() {
            return Err(name.span.error(format!(
                "output section `{}` is laid out already: put all of it in one place",
                name.value
            )));
        }
        Ok(())
    }

    /// A command outside of output sections.
    fn outside(&mut self, command: &Command) -> Result<()> {
        match command {
            Command::Assign(assignment) if assignment.target.value == "." => {
                Err(assignment.target.span.error(
                    "outside of output sections `.` is an address, and the linker that does the \
                     linking gives those; align a section by `NAME : ALIGN(n)`",
                ))
            }
            Command::Assign(assignment) => {
                let value = self.assigned(assignment, None)?;
                self.define(assignment, value);
                Ok(())
            }
            Command::Assert(assert) => self.check(assert, None),
            Command::Output(_) => Ok(()),
        }
    }

    fn output(&mut self, output: &OutputSection) -> Result<()> {
        if output.is_discard() {
            return self.discard(output);
        }
        let name = &output.name.value;
        let index = self.section_index(name).unwrap_or_else(|| {
            self.sections.push(PlannedSection::new(name));
            let index = self.sections.len() - 1;
            self.indices.insert(name.clone(), index);
            index
        });
        let mut cursor = Cursor {
            section: index,
            dot: Cell::new(u64::from(self.sections[index].size)),
            alignment: Cell::new(self.sections[index].alignment),
            fill: Vec::new(),
            previous: None,
        };
        if let Some(align) = &output.align {
            let align = self.alignment(align, &cursor)?;
            cursor.alignment.set(cursor.alignment.get().max(align));
        }
        let subalign = match &output.subalign {
            Some(subalign) => Some(self.alignment(subalign, &cursor)?),
            None => None,
        };
        for statement in &output.statements {
            self.statement(statement, subalign, &mut cursor)?;
        }
        let section = &mut self.sections[index];
        section.alignment = cursor.alignment.get();
        section.size =
            u32::try_from(cursor.dot.get()).map_err(|_| too_large(format!("section `{name}`")))?;
        section.script_made |= !output.statements.iter().all(is_input);
        Ok(())
    }

    /// Where in `sections` the one of that name is, if it is laid out or is being laid out.
    pub(super) fn section_index(&self, name: &str) -> Option<usize> {
        self.indices.get(name).copied()
    }

    fn alignment(&self, expression: &Expression, cursor: &Cursor) -> Result<u32> {
        let value = self.evaluate(expression, Some(cursor))?;
        power_of_two(number(value, &expression.0.span)?, &expression.0.span)
    }

    fn discard(&mut self, output: &OutputSection) -> Result<()> {
        for statement in &output.statements {
            match statement {
                Statement::Input(description) => {
                    let taken = self.take(description);
                    self.discarded.extend(taken);
                }
                _ => {
                    return Err(output.name.span.error("/DISCARD/ has only input sections"));
                }
            }
        }
        Ok(())
    }

    fn statement(
        &mut self,
        statement: &Statement,
        subalign: Option<u32>,
        cursor: &mut Cursor,
    ) -> Result<()> {
        match statement {
            Statement::Input(description) => {
                let taken = self.take(description);
                self.sections[cursor.section].keep |= description.keep && !taken.is_empty();
                for id in taken {
                    self.place(id, subalign, cursor)?;
                }
            }
            Statement::Assign(assignment) if assignment.target.value == "." => {
                self.move_dot(assignment, cursor)?;
            }
            Statement::Assign(assignment) => {
                let value = match self.assigned(assignment, Some(cursor))? {
                    // Numbers inside an output section are offsets into it.
                    Value::Number(offset) => Value::Relative(cursor.section, offset),
                    value => value,
                };
                self.define(assignment, value);
            }
            Statement::Assert(assert) => self.check(assert, Some(cursor))?,
            Statement::Data(size, value) => {
                let item = DataItem {
                    offset: cursor.offset()?,
                    size: *size,
                    value: self.evaluate(value, Some(cursor))?,
                };
                if *size < 4 && matches!(item.value, Value::Relative(..)) {
                    let span = &value.0.span;
                    return Err(span.error(format!("an address does not fit {size} bytes")));
                }
                self.sections[cursor.section].data.push(item);
                cursor.dot.set(cursor.dot.get() + u64::from(*size));
                cursor.previous = None;
            }
            Statement::Fill(pattern) => cursor.fill = self.fill_pattern(pattern, cursor)?,
        }
        Ok(())
    }

    /// Gives a symbol its value.
    fn define(&mut self, assignment: &Assignment, value: Value) {
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
            Value::Number(offset) => offset,
            Value::Relative(section, offset) if section == cursor.section => offset,
            _ => return Err(span.error("`.` can only move inside its output section")),
        };
        let from = cursor.dot.get();
        if to < from {
            return Err(span.error(format!(
                "cannot move the location counter backwards (from {from} to {to})"
            )));
        }
        self.gap(from, to, cursor);
        cursor.dot.set(to);
        cursor.previous = None;
        cursor.offset().map(|_| ())
    }

    /// Fills a gap with the pattern in force.
    fn gap(&mut self, from: u64, to: u64, cursor: &Cursor) {
        if from < to && cursor.fill.iter().any(|&byte| byte != 0) {
            self.sections[cursor.section].fills.push(Fill {
                range: from as u32..to as u32,
                pattern: cursor.fill.clone(),
            });
        }
    }

    /// GNU ld manual, "Output Section Fill": a hexadecimal number is as long as it is written, of
    /// anything else the four lowest bytes count, the highest first.
    fn fill_pattern(&self, expression: &Expression, cursor: &Cursor) -> Result<Vec<u8>> {
        let value = number(self.evaluate(expression, Some(cursor))?, &expression.0.span)?;
        let length = match expression.0.value {
            Node::Number(_, Some(digits)) => digits.div_ceil(2).clamp(1, 8),
            _ => 4,
        };
        Ok(value.to_be_bytes()[8 - length..].to_vec())
    }

    /// What a description takes. Of what another has taken already it takes nothing, but that counts
    /// for the order, as in GNU ld.
    fn take(&mut self, description: &InputDescription) -> Vec<EntryId> {
        let matcher = Matcher::new(description);
        let by_alignment = matcher.compares_alignments();
        let input = |id: &EntryId| {
            let entry = &self.survey[*id];
            let name = entry.key.as_ref().and_then(|_| self.keyed.get(id));
            let InputFile { file, archive } = &self.files[entry.object];
            InputSection {
                name: name.map_or_else(|| self.survey.section(entry), String::as_str),
                file: FileName {
                    file,
                    archive: archive.as_deref(),
                },
                alignment: match by_alignment {
                    true => self.entry_alignment(*id),
                    false => 0,
                },
            }
        };
        let inputs: Vec<InputSection<'_>> = self.candidates.iter().map(input).collect();
        let matched = matcher.select(&inputs);
        let ids = matched
            .into_iter()
            .map(|position| self.candidates[position]);
        let new: Vec<EntryId> = ids.filter(|id| !self.taken[id.position()]).collect();
        for id in &new {
            self.taken[id.position()] = true;
        }
        new
    }

    fn place(&mut self, id: EntryId, subalign: Option<u32>, cursor: &mut Cursor) -> Result<()> {
        let entry = &self.survey[id];
        let alignment = subalign.unwrap_or_else(|| self.entry_alignment(id));
        cursor.alignment.set(cursor.alignment.get().max(alignment));
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

fn is_input(statement: &Statement) -> bool {
    matches!(statement, Statement::Input(_))
}
