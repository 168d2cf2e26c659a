//! The memory image as far as it is laid out: segments, the output sections in them, and the symbols of a
//! script. This is what expressions of a script see.

use super::evaluate::{Context, Value, evaluate, failed, truth};
use super::output::{PlannedSection, SymbolDefinition};
use crate::error::{Error, Result};
use crate::hash::{HashMap, HashSet};
use crate::input::Modules;
use crate::script::{Assert, Assignment, Expression, Node, Spanned};
use crate::survey::{EntryId, defined_symbols};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::fmt;

/// The memory image.
#[derive(Debug)]
pub struct Image<'a> {
    modules: &'a Modules<'a>,
    /// The segments.
    pub sections: Vec<PlannedSection>,
    outputs: HashMap<String, Extent>,
    /// The names of all output sections of the script.
    declared: HashSet<String>,
    symbols: HashMap<Cow<'a, str>, Value>,
    /// The symbols of the script that were given a number.
    numbers: Vec<Spanned<String>>,
    /// The symbols that the inputs define, read when a script asks.
    defined: OnceCell<HashSet<String>>,
}

/// Where an output section is.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// The index of its segment in [`Image::sections`].
    pub section: usize,
    /// In bytes from the beginning of the segment.
    pub start: u64,
    /// Where it ends, once it is laid out.
    pub end: Option<u64>,
    /// As a power of two: that of `ALIGN(n)` in its header, and of its input sections.
    pub alignment: u32,
}

/// The location counter in a segment, and what goes with it.
#[derive(Debug)]
pub struct LocationCounter {
    /// The index of the segment in [`Image::sections`].
    pub section: usize,
    /// Where the output section begins that is being laid out.
    pub start: u64,
    /// `.`, in bytes from the beginning of the segment.
    pub dot: u64,
    /// Where the next output section may begin. An output section without bytes moves `.` further.
    pub next: u64,
    /// The alignment of the segment so far, as a power of two.
    pub alignment: u32,
    /// The fill pattern.
    pub fill: Vec<u8>,
    /// The entry before, if there can be only padding between it and `.`.
    pub previous: Option<EntryId>,
}

impl LocationCounter {
    fn new(section: usize) -> Self {
        Self {
            section,
            start: 0,
            dot: 0,
            next: 0,
            alignment: 0,
            fill: Vec::new(),
            previous: None,
        }
    }

    /// Raises the alignment of the segment to a power of two.
    pub fn align(&mut self, alignment: u32) {
        self.alignment = self.alignment.max(alignment);
    }

    /// `.` as the offset that it is.
    ///
    /// # Errors
    /// It is not in an address space of 32 bits: no data segment is larger.
    pub fn offset(&self) -> Result<u32> {
        u32::try_from(self.dot).map_err(|_| too_large("an output section"))
    }

    /// Moves `.`.
    ///
    /// # Errors
    /// As of [`Self::offset`].
    pub fn move_to(&mut self, dot: u64) -> Result<()> {
        self.dot = dot;
        self.offset().map(|_| ())
    }
}

/// The error for what does not fit a data segment.
pub fn too_large(what: impl fmt::Display) -> Error {
    Error::new(format!("{what} is larger than 4 GiB"))
        .note("a section becomes one data segment, which cannot be larger: split the section")
}

impl<'a> Image<'a> {
    /// An empty image, for a script with output sections of these names.
    pub fn new(modules: &'a Modules<'a>, declared: HashSet<String>) -> Self {
        Self {
            modules,
            sections: Vec::new(),
            outputs: HashMap::default(),
            declared,
            symbols: HashMap::default(),
            numbers: Vec::new(),
            defined: OnceCell::new(),
        }
    }

    /// Begins a segment.
    pub fn begin(&mut self) -> LocationCounter {
        self.sections.push(PlannedSection::new());
        LocationCounter::new(self.sections.len() - 1)
    }

    /// Where an output section is, if it is laid out or being laid out.
    pub fn output(&self, name: &str) -> Option<Extent> {
        self.outputs.get(name).copied()
    }

    /// Sets where an output section is.
    pub fn set_output(&mut self, name: &str, extent: Extent) {
        self.outputs.insert(name.to_owned(), extent);
    }

    /// Makes a symbol of an entry known to expressions. Its offset is in bytes from the beginning of the
    /// segment of that index.
    pub fn add_input_symbol(&mut self, name: &'a str, section: usize, offset: u64) {
        let value = Value::Relative(section, offset);
        self.symbols.insert(name.into(), value);
    }

    /// Gives a symbol of the script its value.
    pub fn define(&mut self, assignment: &Assignment, value: Value) {
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

    /// The symbols of the script that are numbers, and that no input defines.
    pub fn numbers(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.numbers.iter().filter(|name| {
            let value = self.symbols.get(name.value.as_str());
            !matches!(value, Some(Value::Relative(..))) && !self.is_defined_by_input(&name.value)
        })
    }

    fn is_defined_by_input(&self, name: &str) -> bool {
        let defined = self.defined.get_or_init(|| defined_symbols(self.modules));
        defined.contains(name)
    }

    /// The value that an assignment gives.
    ///
    /// # Errors
    /// As of [`Self::evaluate`].
    pub fn assigned(
        &self,
        assignment: &Assignment,
        counter: Option<&mut LocationCounter>,
    ) -> Result<Value> {
        let Some(operator) = assignment.operator else {
            return self.evaluate(&assignment.value, counter);
        };
        let target = &assignment.target;
        let symbol = Expression(Box::new(Spanned {
            value: Node::Symbol(target.value.clone()),
            span: target.span.clone(),
        }));
        let both = Node::Binary(operator, symbol, assignment.value.clone());
        let span = target.span.clone();
        let expression = Expression(Box::new(Spanned { value: both, span }));
        self.evaluate(&expression, counter)
    }

    /// Checks an assertion.
    ///
    /// # Errors
    /// It does not hold, or as of [`Self::evaluate`].
    pub fn check(&self, assert: &Assert, counter: Option<&mut LocationCounter>) -> Result<()> {
        match truth(self.evaluate(&assert.condition, counter)?) {
            true => Ok(()),
            false => Err(failed(assert)),
        }
    }

    /// Evaluates an expression at the location counter. `ALIGN(n)` of an address aligns its segment, too.
    ///
    /// # Errors
    /// What is not known, or an alignment that a segment does not have and that is laid out.
    pub fn evaluate(
        &self,
        expression: &Expression,
        counter: Option<&mut LocationCounter>,
    ) -> Result<Value> {
        let scope = Scope {
            image: self,
            counter: counter.as_deref(),
            raised: RefCell::default(),
        };
        let value = evaluate(expression, &scope)?;
        let raised = scope.raised.into_inner();
        let Some(counter) = counter else {
            return self.check_aligned(expression, raised.into_iter(), value);
        };
        let (own, others): (Vec<_>, Vec<_>) = raised
            .into_iter()
            .partition(|(section, _)| *section == counter.section);
        own.into_iter()
            .for_each(|(_, alignment)| counter.align(alignment));
        self.check_aligned(expression, others.into_iter(), value)
    }

    fn check_aligned(
        &self,
        expression: &Expression,
        mut raised: impl Iterator<Item = (usize, u32)>,
        value: Value,
    ) -> Result<Value> {
        let is_aligned =
            |(section, alignment): (usize, u32)| self.sections[section].alignment >= alignment;
        match raised.all(is_aligned) {
            true => Ok(value),
            false => Err(expression.0.span.error(
                "cannot raise the alignment of a section that is already laid out; use \
                 `ALIGN(n)` inside it",
            )),
        }
    }
}

/// What an expression sees.
struct Scope<'i> {
    image: &'i Image<'i>,
    counter: Option<&'i LocationCounter>,
    /// Alignments that segments must have, as powers of two.
    raised: RefCell<Vec<(usize, u32)>>,
}

impl Scope<'_> {
    fn output(&self, name: &str) -> std::result::Result<Extent, String> {
        match self.image.output(name) {
            Some(extent) => Ok(extent),
            None if self.image.declared.contains(name) => Err(format!(
                "section `{name}` is laid out later; move this after it"
            )),
            None => Err(format!("there is no output section `{name}`")),
        }
    }
}

impl Context for Scope<'_> {
    fn dot(&self) -> Option<Value> {
        let counter = self.counter?;
        Some(Value::Relative(counter.section, counter.dot))
    }

    fn symbol(&self, name: &str) -> Option<Value> {
        self.image.symbols.get(name).copied()
    }

    fn is_defined(&self, name: &str) -> bool {
        self.image.symbols.contains_key(name) || self.image.is_defined_by_input(name)
    }

    fn section(&self, name: &str) -> std::result::Result<(usize, u64), String> {
        let extent = self.output(name)?;
        Ok((extent.section, extent.start))
    }

    fn extent(&self, name: &str) -> std::result::Result<(u64, u64), String> {
        let extent = self.output(name)?;
        match extent.end {
            Some(end) => Ok((end - extent.start, 1 << extent.alignment)),
            None => Err(format!(
                "the size of section `{name}` is not known inside that section"
            )),
        }
    }

    fn raise_alignment(&self, section: usize, alignment: u64) {
        if alignment > 1 {
            self.raised.borrow_mut().push((section, alignment.ilog2()));
        }
    }
}
