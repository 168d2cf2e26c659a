//! What expressions of a script see while it is carried out: the output section that is being laid
//! out, those before it, and the symbols so far.

use super::evaluate::{Context, Value, evaluate, failed, truth};
use super::layout::{Extent, Layout};
use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::HashSet;
use crate::script::{Assert, Assignment, Expression, Node, Spanned};
use crate::survey::{self, EntryId};
use std::cell::{Cell, RefCell};
use std::fmt;

impl Layout<'_> {
    pub(super) fn assigned(
        &self,
        assignment: &Assignment,
        cursor: Option<&Cursor>,
    ) -> Result<Value> {
        let Some(operator) = assignment.operator else {
            return self.evaluate(&assignment.value, cursor);
        };
        let target = &assignment.target;
        let symbol = Expression(Box::new(Spanned {
            value: Node::Symbol(target.value.clone()),
            span: target.span.clone(),
        }));
        let both = Node::Binary(operator, symbol, assignment.value.clone());
        let span = target.span.clone();
        self.evaluate(&Expression(Box::new(Spanned { value: both, span })), cursor)
    }

    pub(super) fn check(&self, assert: &Assert, cursor: Option<&Cursor>) -> Result<()> {
        if truth(self.evaluate(&assert.condition, cursor)?) {
            return Ok(());
        }
        Err(failed(assert))
    }

    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        cursor: Option<&Cursor>,
    ) -> Result<Value> {
        let scope = Scope {
            layout: self,
            cursor,
            raised: RefCell::default(),
        };
        let value = evaluate(expression, &scope)?;
        for (section, alignment) in scope.raised.into_inner() {
            match cursor {
                Some(cursor) if cursor.section == section => {
                    cursor.raise(alignment);
                }
                _ if self.sections[section].alignment >= alignment => {}
                _ => {
                    return Err(expression.0.span.error(
                        "a section that is laid out cannot be aligned more; say `ALIGN(n)` in it",
                    ));
                }
            }
        }
        Ok(value)
    }

    /// The symbols that the inputs define, read when a script asks.
    fn defined(&self) -> &HashSet<String> {
        self.defined
            .get_or_init(|| survey::defined_symbols(self.modules))
    }

    /// Numbers are for the script alone: `wasm-ld` adds an address to every data symbol of an object,
    /// absolute ones too. So no input may refer to one.
    ///
    /// # Errors
    /// The first that does.
    pub fn check_numbers(&self) -> Result<()> {
        let is_number = |name: &&Spanned<String>| {
            !matches!(
                self.symbols.get(name.value.as_str()),
                Some(Value::Relative(..))
            )
        };
        let is_defined = |name: &&Spanned<String>| self.defined().contains(&name.value);
        let numbers = self.numbers.iter().filter(is_number);
        let numbers: Vec<_> = numbers.filter(|name| !is_defined(name)).collect();
        let names = numbers.iter().map(|name| name.value.as_str()).collect();
        let referrers = survey::referrers(self.modules.iter(), &names);
        for name in numbers {
            if let Some(module) = referrers.get(name.value.as_str()) {
                let (symbol, input) = (&name.value, &module.name);
                return Err(name
                    .span
                    .error(format!(
                        "symbol `{symbol}` is a number, and wasm has no symbols but for addresses: \
                         {input} refers to it"
                    ))
                    .note("put the number into memory, by LONG(expression), and read it there"));
            }
        }
        Ok(())
    }

    /// An entry that is left out is defined nowhere. Where it was in an archive, the archive would
    /// offer it again to who refers to it.
    ///
    /// # Errors
    /// The first object that refers to one.
    pub fn check_discarded(&self) -> Result<()> {
        let mut discarded = Vec::new();
        for id in &self.discarded {
            let entry = &self.survey[*id];
            let module = &self.modules[entry.object.0];
            for symbol in entry.symbols.iter().filter(|_| module.is_member()) {
                if !symbol.is_local() {
                    discarded.push((self.survey.name(entry, symbol), module));
                }
            }
        }
        let names = discarded.iter().map(|(name, _)| *name).collect();
        let linked = self.modules.iter().filter(|other| other.always_linked());
        let referrers = survey::referrers(linked, &names);
        for (name, module) in discarded {
            if let Some(other) = referrers.get(name) {
                return Err(
                    Error::new(format!("undefined symbol: {}", demangle::shown(name)))
                        .note(format!("the script discards it, in {}", module.name))
                        .note("take it out of /DISCARD/, or take the reference out")
                        .in_file(&other.name),
                );
            }
        }
        Ok(())
    }
}

/// Where the layout of a planned section is.
pub(super) struct Cursor {
    pub(super) section: usize,
    /// Where the output section begins that is being laid out.
    pub(super) start: u64,
    pub(super) dot: Cell<u64>,
    /// Where the next output section may begin: before `.`, behind one that has no bytes.
    pub(super) next: u64,
    /// Of the planned section so far, as a power of two.
    pub(super) alignment: Cell<u32>,
    pub(super) fill: Vec<u8>,
    /// The entry just before, if nothing but padding can come between.
    pub(super) previous: Option<EntryId>,
}

impl Cursor {
    /// Makes sure of an alignment, as a power of two.
    pub(super) fn raise(&self, alignment: u32) {
        self.alignment.set(self.alignment.get().max(alignment));
    }

    /// `.`, which must be in an address space of 32 bits, as no data segment is larger.
    pub(super) fn offset(&self) -> Result<u32> {
        u32::try_from(self.dot.get()).map_err(|_| too_large("an output section"))
    }
}

pub(super) fn too_large(what: impl fmt::Display) -> Error {
    Error::new(format!("{what} is larger than 4 GiB"))
        .note("a section is one data segment, and those end there: divide it")
}

/// What expressions see.
struct Scope<'a> {
    layout: &'a Layout<'a>,
    cursor: Option<&'a Cursor>,
    raised: RefCell<Vec<(usize, u32)>>,
}

impl Scope<'_> {
    fn output(&self, name: &str) -> std::result::Result<Extent, String> {
        match self.layout.outputs.get(name) {
            Some(extent) => Ok(*extent),
            None if self.layout.later.contains(name) => {
                Err(format!("section `{name}` is laid out only later"))
            }
            None => Err(format!("there is no output section `{name}`")),
        }
    }
}

impl Context for Scope<'_> {
    fn dot(&self) -> Option<Value> {
        let cursor = self.cursor?;
        Some(Value::Relative(cursor.section, cursor.dot.get()))
    }

    fn symbol(&self, name: &str) -> Option<Value> {
        self.layout.symbols.get(name).copied()
    }

    fn is_defined(&self, name: &str) -> bool {
        self.layout.symbols.contains_key(name) || self.layout.defined().contains(name)
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
                "section `{name}` is not laid out yet: it is this one"
            )),
        }
    }

    fn raise_alignment(&self, section: usize, alignment: u64) {
        if alignment > 1 {
            self.raised.borrow_mut().push((section, alignment.ilog2()));
        }
    }
}
