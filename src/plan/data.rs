//! What a script puts between entries: numbers, addresses, texts, and what fills gaps.

use super::evaluate::{Value, number};
use super::layout::Layout;
use super::scope::Cursor;
use super::{DataItem, Fill};
use crate::error::Result;
use crate::script::{Expression, Node};

impl Layout<'_> {
    /// `LONG(expr)` and its like.
    pub(super) fn number_or_address(
        &mut self,
        size: u32,
        value: &Expression,
        cursor: &mut Cursor,
    ) -> Result<()> {
        let item = self.evaluate(value, Some(cursor))?;
        if size < 4 && matches!(item, Value::Relative(..)) {
            let span = &value.0.span;
            return Err(span.error(format!("an address does not fit {size} bytes")));
        }
        self.data(size, item, cursor)
    }

    /// `ASCII (size) "text"`: cut off or padded with NULs, of which one is always there.
    pub(super) fn sized_text(
        &mut self,
        size: &Expression,
        text: &[u8],
        cursor: &mut Cursor,
    ) -> Result<()> {
        let span = &size.0.span;
        let size = number(self.evaluate(size, Some(cursor))?, span)?;
        let Some(most) = size.checked_sub(1) else {
            return Err(span.error("a text has at least the NUL at its end"));
        };
        let own = text.len().saturating_sub(1);
        let kept = usize::try_from(most).map_or(own, |most| own.min(most));
        if kept < own {
            let warning = span.error("the text is longer than this, and cut off");
            self.warnings.push(warning.to_string());
        }
        self.text(&text[..kept], cursor)?;
        self.data(1, Value::Number(0), cursor)?;
        let padding = most - kept as u64;
        cursor.dot.set(cursor.dot.get().saturating_add(padding));
        cursor.offset().map(|_| ())
    }

    /// `ASCIZ "text"`, with the NUL at its end.
    pub(super) fn text(&mut self, text: &[u8], cursor: &mut Cursor) -> Result<()> {
        let mut bytes = text.iter();
        bytes.try_for_each(|&byte| self.data(1, Value::Number(byte.into()), cursor))
    }

    fn data(&mut self, size: u32, value: Value, cursor: &mut Cursor) -> Result<()> {
        let offset = cursor.offset()?;
        let item = DataItem {
            offset,
            size,
            value,
        };
        self.sections[cursor.section].data.push(item);
        cursor.dot.set(cursor.dot.get() + u64::from(size));
        cursor.previous = None;
        Ok(())
    }

    /// Fills a gap with the pattern in force.
    pub(super) fn gap(&mut self, from: u64, to: u64, cursor: &Cursor) {
        if from < to && cursor.fill.iter().any(|&byte| byte != 0) {
            self.sections[cursor.section].fills.push(Fill {
                range: from as u32..to as u32,
                pattern: cursor.fill.clone(),
            });
        }
    }

    /// GNU ld manual, "Output Section Fill": a hexadecimal number is as long as it is written, of
    /// anything else the four lowest bytes count, the highest first.
    pub(super) fn fill_pattern(&self, expression: &Expression, cursor: &Cursor) -> Result<Vec<u8>> {
        let value = number(self.evaluate(expression, Some(cursor))?, &expression.0.span)?;
        let length = match expression.0.value {
            Node::Number(_, Some(digits)) => digits.div_ceil(2).clamp(1, 8),
            _ => 4,
        };
        Ok(value.to_be_bytes()[8 - length..].to_vec())
    }
}
