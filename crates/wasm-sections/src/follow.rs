//! Follows the pointers in an entry through the initial memory.

use super::callable::Callable;
use super::module::Module;
use super::pointers::{DataReport, PointerReport, demangled};
use std::collections::HashMap;
use wasm_section_ld::survey::{is_nameless, is_section_function};
use wasm_section_manifest::{Entry, Pointer, PointerKind};

/// The [`text_end`](PointerReport::text_end) of a text whose length is in the word after its address.
const NEXT_WORD: &str = "next-word";
/// The length of the longest text that is shown, in bytes.
const MAX_TEXT: u64 = 1024;
/// The length of the shortest NUL-terminated text that is shown as one. Shorter ones are mostly other data.
const MIN_NUL_TEXT: usize = 2;
/// How many words of a section are read if there is no manifest.
const MAX_GUESSES: u64 = 4096;

/// What the manifest and the memory have for the pointers of an entry at `address`, which is called `title`.
pub fn follow(
    entry: &Entry,
    title: &str,
    address: Option<u64>,
    module: &Module<'_>,
) -> Vec<PointerReport> {
    let mut number = entry.pointers.len();
    let mut first = Vec::with_capacity(entry.values.len());
    let mut values = HashMap::new();
    for (position, value) in entry.values.iter().enumerate() {
        first.push(number);
        number += value.pointers.len();
        values.entry(value.pointer as usize).or_insert(position);
    }
    let follower = Follower {
        entry,
        title,
        first,
        values,
        module,
    };
    follower.all(&entry.pointers, entry.size, 0, address)
}

/// The bytes at `address`, with zeros in place of addresses and of the lengths of texts. The result does not
/// depend on the layout of memory.
pub fn masked(
    address: Option<u64>,
    size: u32,
    pointers: &[PointerReport],
    module: &Module<'_>,
) -> Option<Vec<u8>> {
    let mut bytes = module.image.read(address?, size.into())?.into_owned();
    for pointer in pointers {
        let words = if pointer.text_end == Some(NEXT_WORD) {
            2
        } else {
            1
        };
        let start = pointer.offset as usize;
        let end = start.saturating_add((pointer.size * words) as usize);
        if let Some(word) = bytes.get_mut(start..end) {
            word.fill(0);
        }
    }
    Some(bytes)
}

struct Follower<'m, 'a> {
    entry: &'m Entry,
    title: &'m str,
    /// For each value, the index of its first pointer.
    first: Vec<usize>,
    /// The value that a pointer refers to, by the index of the pointer.
    values: HashMap<usize, usize>,
    module: &'m Module<'a>,
}

impl Follower<'_, '_> {
    /// The pointers in `size` bytes at `address`. `first` is the index of the first one. The recursion is bounded by
    /// the number of values that an entry may have.
    fn all(
        &self,
        pointers: &[Pointer],
        size: u32,
        first: usize,
        address: Option<u64>,
    ) -> Vec<PointerReport> {
        let numbered = pointers.iter().zip(first..);
        let mut reports: Vec<_> = numbered
            .map(|(pointer, number)| {
                let next = pointer.offset.saturating_add(pointer.size);
                let may_have_length = next.saturating_add(pointer.size) <= size
                    && pointers.iter().all(|other| other.offset != next);
                self.one(pointer, number, may_have_length, address)
            })
            .collect();
        complete(&mut reports);
        reports
    }

    fn one(
        &self,
        pointer: &Pointer,
        number: usize,
        may_have_length: bool,
        address: Option<u64>,
    ) -> PointerReport {
        let module = self.module;
        let at = address.and_then(|address| address.checked_add(pointer.offset.into()));
        let value = at.and_then(|at| module.image.number(at, pointer.size));
        let mut report = PointerReport {
            offset: pointer.offset,
            size: pointer.size,
            kind: match pointer.kind {
                PointerKind::Data => "data",
                PointerKind::Function => "function",
                PointerKind::Distance => "distance",
                _ => "other",
            },
            value,
            target: Some(demangled(&pointer.target)).filter(|target| !target.is_empty()),
            addend: pointer.addend,
            function: None,
            function_index: None,
            closure: None,
            text: None,
            text_end: None,
            data: None,
            is_nameless: is_nameless(&pointer.target),
            marks_section: pointer.kind == PointerKind::Function
                && is_section_function(&pointer.target),
        };
        let table = match pointer.kind {
            PointerKind::Function => "GOT.func",
            _ => "GOT.mem",
        };
        // The word has its address only after the module is loaded.
        let value = value.filter(|_| !module.is_relocated(table, &pointer.target));
        match pointer.kind {
            PointerKind::Function => {
                let function = value.and_then(|value| module.table.get(&value).copied());
                report.function_index = function;
                report.function = function.map(|index| demangled(&module.function(index)));
                // Identical functions may be one with several symbols. The target is the one of this pointer.
                let names = [&report.target, &report.function];
                let mut names = names.into_iter().flatten();
                report.closure =
                    names.find_map(|name| Callable::of(name, function, self.title, module));
            }
            PointerKind::Data => {
                report.data = self.data(number, value);
                let size = report.data.as_ref().map(|data| data.size);
                let next = at.and_then(|at| at.checked_add(pointer.size.into()));
                let next = next.filter(|_| may_have_length);
                let length = next.and_then(|at| module.image.number(at, pointer.size));
                let is_leaf = report
                    .data
                    .as_ref()
                    .is_none_or(|data| data.pointers.is_empty());
                let start = value.filter(|_| is_leaf);
                if let Some((text, end)) = start.and_then(|start| text(start, length, size, module))
                {
                    report.text = Some(text);
                    report.text_end = Some(end);
                }
            }
            _ => {}
        }
        report
    }

    fn data(&self, number: usize, address: Option<u64>) -> Option<DataReport> {
        let position = *self.values.get(&number)?;
        let (value, first) = (self.entry.values.get(position)?, *self.first.get(position)?);
        let pointers = self.all(&value.pointers, value.size, first, address);
        Some(DataReport {
            size: value.size,
            content: masked(address, value.size, &pointers, self.module),
            pointers,
        })
    }
}

/// Completes the shims in a table of methods, such as that of `dyn Fn()`, by the method that is the closure itself.
fn complete(pointers: &mut [PointerReport]) {
    let mut closures = pointers
        .iter()
        .filter_map(|pointer| pointer.closure.as_ref());
    let Some(known) = closures.find(|closure| closure.is_known()).cloned() else {
        return;
    };
    let is_vtable = |pointer: &PointerReport| {
        let name = pointer.target.as_deref().unwrap_or_default();
        name.contains("vtable") || name.ends_with("::call_mut") || name.ends_with("::call")
    };
    let unknown = |pointer: &&mut PointerReport| {
        let closure = pointer.closure.as_ref();
        closure.is_some_and(|closure| !closure.is_known()) && is_vtable(pointer)
    };
    for pointer in pointers.iter_mut().filter(unknown) {
        pointer.closure = Some(known.clone());
    }
}

/// The text at an address. Its length is the value of the next word, or else it ends at a NUL. It is no longer than
/// `size`, if that is known.
fn text(
    start: u64,
    length: Option<u64>,
    size: Option<u32>,
    module: &Module<'_>,
) -> Option<(String, &'static str)> {
    let most = size.map_or(u64::MAX, u64::from);
    let by_length = || {
        let longest = MAX_TEXT.min(most);
        let length = length.filter(|length| (1..=longest).contains(length))?;
        printable(module.image.written(start, length)?)
    };
    let by_nul = || {
        let bytes = module.image.written_from(start)?;
        let length = bytes
            .iter()
            .take(MAX_TEXT.min(most) as usize)
            .position(|&byte| byte == 0)?;
        let text = printable(bytes.get(..length)?)?;
        (length >= MIN_NUL_TEXT).then_some(text)
    };
    let by_length = by_length().map(|text| (text, NEXT_WORD));
    by_length.or_else(|| Some((by_nul()?, "nul")))
}

/// The bytes as text, if they are printable.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    text.chars().all(is_text).then(|| text.to_owned())
}

/// What the words of a section may be, without a manifest: indices of functions in the table, and addresses of
/// texts.
pub fn guesses(start: u64, size: u64, module: &Module<'_>) -> Vec<PointerReport> {
    const WORD: u64 = 4;
    let words = 0..(size / WORD).min(MAX_GUESSES);
    let guess = |word: u64| {
        let offset = word * WORD;
        let at = start.checked_add(offset)?;
        let value = module.image.number(at, WORD as u32)?;
        if value == 0 && module.has_relocated() {
            // It may be an address that is filled in when the module is loaded.
            return None;
        }
        let next = at.checked_add(WORD).filter(|_| offset + 2 * WORD <= size);
        let length = next.and_then(|next| module.image.number(next, WORD as u32));
        // The word after a C string may be a table index, which is a small number as a length is.
        let is_function = length.is_some_and(|index| module.table.contains_key(&index));
        let ends_before = || module.image.number(value.checked_sub(1)?, 1);
        let length = length.filter(|_| !is_function || ends_before() != Some(0));
        let text = text(value, length, None, module);
        let function = module.table.get(&value).filter(|_| text.is_none());
        let mut report = PointerReport {
            offset: u32::try_from(offset).ok()?,
            size: WORD as u32,
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
            closure: function.and_then(|&index| {
                let name = demangled(&module.function(index));
                Callable::of(&name, Some(index), "this section", module)
            }),
            text: None,
            text_end: None,
            data: None,
            is_nameless: false,
            marks_section: false,
        };
        if let Some((text, end)) = text {
            report.text = Some(text);
            report.text_end = Some(end);
        }
        (report.text.is_some() || report.function.is_some()).then_some(report)
    };
    words.filter_map(guess).collect()
}
