//! Where the words of an entry lead.

use super::module::Module;
use super::report::{PointerReport, demangled};
use wasm_section_ld::manifest::{Entry, Pointer, PointerKind};

/// The longest text that is shown, in bytes.
const LONGEST_TEXT: u64 = 1024;
/// The shortest text that is believed to be one because a NUL ends it.
const SHORTEST_TEXT: usize = 2;
/// How many words of a section without a manifest are looked at.
const MOST_GUESSES: u64 = 4096;

/// What the manifest and memory say of a pointer of an entry at `address`.
pub fn follow(
    pointer: &Pointer,
    entry: &Entry,
    address: Option<u64>,
    module: &Module<'_>,
) -> PointerReport {
    let at = address.and_then(|address| address.checked_add(pointer.offset.into()));
    let value = at.and_then(|at| module.image.number(at, pointer.size));
    let mut report = PointerReport {
        offset: pointer.offset,
        kind: match pointer.kind {
            PointerKind::Data => "data",
            PointerKind::Function => "function",
            PointerKind::Distance => "distance",
        },
        value,
        target: Some(demangled(&pointer.target)).filter(|target| !target.is_empty()),
        addend: pointer.addend,
        function: None,
        function_index: None,
        text: None,
        text_end: None,
    };
    let (Some(at), Some(value)) = (at, value) else {
        return report;
    };
    let table = match pointer.kind {
        PointerKind::Function => "GOT.func",
        PointerKind::Data | PointerKind::Distance => "GOT.mem",
    };
    if module.is_relocated(table, &pointer.target) {
        // What is there is no address yet.
        return report;
    }
    match pointer.kind {
        PointerKind::Function => {
            report.function_index = module.table.get(&value).copied();
            let function = report.function_index;
            report.function = function.map(|index| demangled(&module.function(index)));
        }
        PointerKind::Data => {
            let next = pointer.offset.saturating_add(pointer.size);
            let is_number = next.saturating_add(pointer.size) <= entry.size
                && entry.pointers.iter().all(|other| other.offset != next);
            let length = at.checked_add(pointer.size.into());
            let length = length.filter(|_| is_number);
            let length = length.and_then(|at| module.image.number(at, pointer.size));
            if let Some((text, end)) = text(value, length, module) {
                report.text = Some(text);
                report.text_end = Some(end);
            }
        }
        PointerKind::Distance => {}
    }
    report
}

/// The text at an address: as long as the next word says, or up to a NUL.
fn text(start: u64, length: Option<u64>, module: &Module<'_>) -> Option<(String, &'static str)> {
    let by_length = || {
        let length = length.filter(|length| (1..=LONGEST_TEXT).contains(length))?;
        printable(module.image.written(start, length)?)
    };
    let by_nul = || {
        let bytes = module.image.written_from(start)?;
        let length = bytes
            .iter()
            .take(LONGEST_TEXT as usize)
            .position(|&byte| byte == 0)?;
        let text = printable(bytes.get(..length)?)?;
        (length >= SHORTEST_TEXT).then_some(text)
    };
    let by_length = by_length().map(|text| (text, "next-word"));
    by_length.or_else(|| Some((by_nul()?, "nul")))
}

/// Bytes as text, if they are text.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    text.chars().all(is_text).then(|| text.to_owned())
}

/// What the words of a section may be, where nothing says what is a pointer: functions in the table
/// that have a name, and addresses of texts.
pub fn guesses(start: u64, size: u64, module: &Module<'_>) -> Vec<PointerReport> {
    const WORD: u64 = 4;
    let words = 0..(size / WORD).min(MOST_GUESSES);
    let guess = |word: u64| {
        let offset = word * WORD;
        let at = start.checked_add(offset)?;
        let value = module.image.number(at, WORD as u32)?;
        if value == 0 && module.has_relocated() {
            // It may be an address that is not there yet.
            return None;
        }
        let next = at.checked_add(WORD).filter(|_| offset + 2 * WORD <= size);
        let length = next.and_then(|next| module.image.number(next, WORD as u32));
        // What follows a text of C's may be a function: a small number too.
        let is_function = length.is_some_and(|index| module.table.contains_key(&index));
        let ends_before = || module.image.number(value.checked_sub(1)?, 1);
        let length = length.filter(|_| !is_function || ends_before() != Some(0));
        let text = text(value, length, module);
        let function = module.table.get(&value).filter(|_| text.is_none());
        let mut report = PointerReport {
            offset: u32::try_from(offset).ok()?,
            kind: if function.is_some() {
                "function"
            } else {
                "data"
            },
            value: Some(value),
            target: None,
            addend: 0,
            function: function.map(|&index| demangled(&module.function(index))),
            function_index: function.copied(),
            text: None,
            text_end: None,
        };
        if let Some((text, end)) = text {
            report.text = Some(text);
            report.text_end = Some(end);
        }
        (report.text.is_some() || report.function.is_some()).then_some(report)
    };
    words.filter_map(guess).collect()
}
