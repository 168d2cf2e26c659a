//! Maps temporary files in messages of the backend back to inputs.

use super::map::{Lines, MapArrays, SYNTHESIZED};
use crate::args::from_bytes;
use crate::demangle;
use crate::hash::{HashMap, HashSet};
use crate::names;
use memchr::memmem;
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::path::{MAIN_SEPARATOR, Path, is_separator};
use std::sync::OnceLock;

/// Maps the names of temporary files back to inputs.
pub struct NameMap<'a> {
    /// The directory of temporary files, with a trailing separator.
    prefix: Vec<u8>,
    /// Names of inputs by temporary file.
    inputs: HashMap<Vec<u8>, String>,
    /// The symbols of the synthesized object.
    symbols: Option<SynthesizedSymbols<'a>>,
    /// The inputs of these symbols. Computed for the first message that needs them.
    origins: OnceLock<HashMap<String, Option<usize>>>,
    /// The same by demangled name.
    demangled: OnceLock<HashMap<String, usize>>,
    /// The directory of the caller's output, with a trailing separator.
    output: Vec<u8>,
    /// The lines of the arrays in a link map.
    arrays: Option<MapArrays>,
    /// The lines of warnings that have been printed.
    printed: HashSet<Vec<u8>>,
}

/// The subdirectory for the temporary output of the LTO step.
pub const OUTPUT: &str = "output";

/// The generated parts of names that hoisting creates.
#[derive(Debug, Clone, Copy)]
pub struct GeneratedNames {
    /// Part of the name of the empty segment in a rewritten object.
    pub tombstone: &'static str,
    /// The prefix of the number in a generated symbol name.
    pub unique: &'static str,
}

/// The inputs that the symbols of the synthesized object come from.
pub struct SynthesizedSymbols<'a> {
    /// Returns the index of the input of each symbol.
    pub origins: Box<dyn Fn() -> HashMap<String, Option<usize>> + Sync + 'a>,
    /// The name of an input.
    pub input_name: Box<dyn Fn(usize) -> String + Sync + 'a>,
    /// The number of inputs.
    pub inputs: usize,
    /// The generated parts of names, which messages do not show.
    pub added: GeneratedNames,
}

impl<'a> NameMap<'a> {
    /// A map for temporary files in the directory `prefix`, which has a trailing separator.
    pub fn new(prefix: Vec<u8>) -> Self {
        Self {
            prefix,
            inputs: HashMap::default(),
            symbols: None,
            origins: OnceLock::new(),
            demangled: OnceLock::new(),
            output: Vec::new(),
            arrays: None,
            printed: HashSet::default(),
        }
    }

    /// The name of the directory of temporary files. It is unique to this link.
    pub fn directory(&self) -> OsString {
        let prefix = from_bytes(&self.prefix);
        let name = Path::new(&prefix).file_name();
        name.unwrap_or_default().to_owned()
    }

    /// Shows the directory of the temporary output as the directory of the caller's output `path`.
    pub fn set_output(&mut self, path: &Path) {
        let path = path.as_os_str().as_encoded_bytes();
        // Windows has two separators, and paths such as `C:name`.
        let is_separator =
            |byte: &u8| is_separator(char::from(*byte)) || cfg!(windows) && *byte == b':';
        let name = path.iter().rposition(is_separator).map_or(0, |at| at + 1);
        self.output = path.get(..name).unwrap_or_default().to_vec();
    }

    /// Sets the lines that a link map shows for the arrays.
    pub fn set_arrays(&mut self, arrays: MapArrays) {
        self.arrays = Some(arrays);
    }

    /// A writer that replaces arrays in a link map.
    pub fn lines<W: Write>(&self, to: W) -> Lines<'_, W> {
        Lines::new(self.arrays.as_ref(), to)
    }

    /// Hides later repetitions of the warnings in `messages`.
    pub fn hide_repeated(&mut self, messages: &[u8]) {
        let lines = messages.split_inclusive(|&byte| byte == b'\n');
        // Colour escapes may precede this text.
        let warnings = lines.filter(|line| memmem::find(line, b"warning: ").is_some());
        self.printed.extend(warnings.map(<[u8]>::to_vec));
    }

    /// Whether this line is a warning that has already been printed.
    pub fn is_repeated(&self, line: &[u8]) -> bool {
        self.printed.contains(line)
    }

    /// Shows a temporary file as `input`.
    pub fn add_input(&mut self, file: &Path, input: String) {
        self.inputs.insert(key(file), input);
    }

    /// Shows a member of a temporary archive as `input`.
    pub fn add_member(&mut self, archive: &Path, member: &str, input: String) {
        let mut key = key(archive);
        key.extend(format!("({member})").bytes());
        self.inputs.insert(key, input);
    }

    /// Sets the inputs of the symbols of the synthesized object.
    pub fn set_symbols(&mut self, symbols: SynthesizedSymbols<'a>) {
        self.symbols = Some(symbols);
    }

    /// Maps all lines of a text.
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut mapped = Vec::with_capacity(text.len());
        let mut lines = self.lines(&mut mapped);
        let mut context = MessageContext::default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            context.map(self, line, |line| lines.line(line));
        }
        context.end(|line| lines.line(line));
        lines.flush();
        mapped
    }

    /// The index of an input in link order.
    fn position(&self, name: &[u8]) -> Option<usize> {
        let symbols = self.symbols.as_ref()?;
        (0..symbols.inputs).find(|&input| (symbols.input_name)(input).as_bytes() == name)
    }

    /// Maps a line of a message about `symbol`. The result is empty if the line is about the empty segment of
    /// a rewritten object.
    pub fn line_about(&self, line: &[u8], symbol: Option<&[u8]>) -> Vec<u8> {
        // `--print-gc-sections` and link maps show these segments.
        let added = self.symbols.as_ref().map(|symbols| symbols.added);
        if added.is_some_and(|added| contains(line, added.tombstone)) {
            return Vec::new();
        }
        let mut mapped = Vec::with_capacity(line.len());
        let mut rest = line;
        while let Some(start) = memmem::find(rest, &self.prefix) {
            mapped.extend_from_slice(&rest[..start]);
            let file = &rest[start + self.prefix.len()..];
            if let Some(name) = output_name(file) {
                mapped.extend_from_slice(&self.output);
                rest = name;
                continue;
            }
            let (file, after) = file.split_at(file_name_length(file));
            mapped.extend_from_slice(self.input(file, symbol).as_bytes());
            rest = after;
        }
        mapped.extend_from_slice(rest);
        match added {
            Some(added) => without_unique_suffixes(&mapped, added.unique),
            None => mapped,
        }
    }

    fn input(&self, file: &[u8], symbol: Option<&[u8]>) -> Cow<'_, str> {
        if let Some(input) = self.inputs.get(file) {
            return input.into();
        }
        // A member with the name that it has in the input.
        if let Some(start) = memchr::memchr(b'(', file)
            && let (archive, member) = file.split_at(start)
            && let Some(archive) = self.inputs.get(archive)
        {
            return format!("{archive}{}", String::from_utf8_lossy(member)).into();
        }
        let origin = symbol.and_then(|symbol| self.origin(&names::text(symbol)));
        origin.map_or(SYNTHESIZED.into(), Into::into)
    }

    /// The input that a symbol of the synthesized object comes from.
    fn origin(&self, symbol: &str) -> Option<String> {
        let symbols = self.symbols.as_ref()?;
        let origins = self.origins.get_or_init(&symbols.origins);
        let id = match origins.get(symbol) {
            Some(origin) => (*origin)?,
            None => *self.demangled(origins).get(symbol)?,
        };
        Some((symbols.input_name)(id))
    }

    fn demangled(&self, origins: &HashMap<String, Option<usize>>) -> &HashMap<String, usize> {
        self.demangled.get_or_init(|| {
            let mut demangled = HashMap::default();
            for (symbol, origin) in origins {
                if let (Some(name), Some(origin)) = (demangle::as_llvm(symbol), *origin) {
                    // Several symbols may have the same demangled name. The first input wins.
                    let first: &mut usize = demangled.entry(name).or_insert(origin);
                    *first = origin.min(*first);
                }
            }
            demangled
        })
    }
}

/// The file name in the directory of the temporary output, and the text after it.
fn output_name(file: &[u8]) -> Option<&[u8]> {
    let name = file.strip_prefix(OUTPUT.as_bytes())?;
    name.strip_prefix(&[MAIN_SEPARATOR as u8])
}

/// The key of a temporary file in [`NameMap::inputs`].
fn key(file: &Path) -> Vec<u8> {
    let name = file.file_name().unwrap_or_default();
    name.as_encoded_bytes().to_vec()
}

/// The length of the name of a temporary file at the start of `text`: digits, an extension unless it is in memory and,
/// for an archive, the member in parentheses. The full stop of a sentence may follow it.
fn file_name_length(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match text[digits..] {
        [b'(', ..] | [b'.', b'a', b'(', ..] => {
            let length = memchr::memchr(b')', text).map(|end| end + 1);
            length.unwrap_or(text.len())
        }
        [b'.', b'o' | b'a' | b'i', ..] => digits + 2,
        _ => digits,
    }
}

/// The context of a message. Its first line names a symbol, and lines that begin with `>>>` continue it.
#[derive(Default)]
pub struct MessageContext {
    symbol: Option<Vec<u8>>,
    /// The mapped line of the first definition of a duplicate symbol, held back until the second one.
    first: Option<Vec<u8>>,
    /// Whether the next definition is the first of a duplicate symbol.
    is_duplicate: bool,
}

impl MessageContext {
    /// Passes the mapped lines to `show`. The backend shows a definition in the synthesized object second,
    /// because that is the last input. This shows the two definitions in the order of their inputs.
    pub fn map(&mut self, names: &NameMap<'_>, line: &[u8], mut show: impl FnMut(&[u8])) {
        const DEFINED: &[u8] = b">>> defined in ";
        if !line.starts_with(b">>>") {
            self.symbol = symbol_of(line).map(<[u8]>::to_vec);
            self.is_duplicate = memmem::find(line, b"duplicate symbol: ").is_some();
        }
        let mapped = names.line_about(line, self.symbol.as_deref());
        let position = |line: &[u8]| {
            let name = line.strip_prefix(DEFINED)?;
            names.position(name.trim_ascii_end())
        };
        match self.first.take() {
            None if self.is_duplicate && line.starts_with(DEFINED) => {
                self.is_duplicate = false;
                self.first = Some(mapped);
            }
            None => show(&mapped),
            Some(first) => match (position(&first), position(&mapped)) {
                (Some(a), Some(b)) if b < a => [mapped, first].iter().for_each(|line| show(line)),
                _ => [first, mapped].iter().for_each(|line| show(line)),
            },
        }
    }

    /// Shows the line that is held back, if any.
    pub fn end(&mut self, show: impl FnMut(&[u8])) {
        self.first.take().as_deref().into_iter().for_each(show);
    }
}

/// The symbol in a message of `wasm-ld`: the text after `undefined symbol: ` and the like.
fn symbol_of(line: &[u8]) -> Option<&[u8]> {
    const MESSAGES: [&[u8]; 7] = [
        b"undefined symbol: ",
        b"duplicate symbol: ",
        b"symbol type mismatch: ",
        b"function signature mismatch: ",
        // `--trace-symbol`.
        b": definition of ",
        b": reference to ",
        // `--why-extract`: reference, extracted file, symbol.
        b"\t",
    ];
    MESSAGES.iter().find_map(|message| {
        let start = memmem::rfind(line, message)? + message.len();
        Some(line[start..].trim_ascii_end())
    })
}

fn contains(line: &[u8], text: &str) -> bool {
    memmem::find(line, text.as_bytes()).is_some()
}

/// Removes generated suffixes from the names of symbols.
fn without_unique_suffixes(line: &[u8], unique: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = memmem::find(rest, unique.as_bytes()) {
        plain.extend_from_slice(&rest[..start]);
        rest = &rest[start + unique.len()..];
        let end = rest
            .iter()
            .position(|&byte| !byte.is_ascii_digit() && byte != b'.');
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    plain.extend_from_slice(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut names = NameMap::new(b"/tmp/x/".to_vec());
        names.add_input(Path::new("3.o"), "libp.rlib(p.o)".to_owned());
        names.add_member(Path::new("4.a"), "5.o", "r.o".to_owned());
        names.set_symbols(SynthesizedSymbols {
            origins: Box::new(|| HashMap::from_iter([("callback".to_owned(), Some(9))])),
            input_name: Box::new(|input| match input {
                9 => "q.o".to_owned(),
                number => format!("input{number}"),
            }),
            inputs: 10,
            added: GeneratedNames {
                tombstone: "..gathered",
                unique: "..section.",
            },
        });
        String::from_utf8(names.text(text.as_bytes())).expect("UTF-8")
    }

    #[test]
    fn files_in_memory_are_shown_as_inputs() {
        let mut names = NameMap::new(b"/proc/7/fd/".to_vec());
        names.add_input(Path::new("/proc/7/fd/12"), "libp.rlib".to_owned());
        names.add_member(
            Path::new("/proc/7/fd/12"),
            "5.o",
            "libp.rlib(a b.o)".to_owned(),
        );
        let text = |text: &str| String::from_utf8(names.text(text.as_bytes())).expect("UTF-8");
        assert_eq!(text("/proc/7/fd/12(x.o): bad"), "libp.rlib(x.o): bad");
        assert_eq!(
            text("/proc/7/fd/12(5.o):(.data)"),
            "libp.rlib(a b.o):(.data)"
        );
        assert_eq!(text("in /proc/7/fd/12."), "in libp.rlib.");
        assert_eq!(text("/proc/7/fd/13: bad"), "<link sections>: bad");
    }

    #[test]
    fn files_are_shown_as_inputs() {
        assert_eq!(
            text("wasm-ld: error: /tmp/x/3.o: bad\n"),
            "wasm-ld: error: libp.rlib(p.o): bad\n"
        );
        assert_eq!(
            text("/tmp/x/3.o:(.data.x) /tmp/x/3.o"),
            "libp.rlib(p.o):(.data.x) libp.rlib(p.o)"
        );
        assert_eq!(
            text("wasm-ld: error: /tmp/x/4.a(5.o): bad (/tmp/x/4.a)\n"),
            "wasm-ld: error: r.o: bad (<link sections>)\n"
        );
        assert_eq!(
            text("used in /tmp/x/3.o. Use another, not o.o"),
            "used in libp.rlib(p.o). Use another, not o.o"
        );
        assert_eq!(
            text("/tmp/x/0.o\n/tmp/y/3.o"),
            "<link sections>\n/tmp/y/3.o"
        );
    }

    #[test]
    fn the_synthesized_object_is_shown_as_the_input_of_the_symbol() {
        assert_eq!(
            text("wasm-ld: error: /tmp/x/0.o: undefined symbol: callback\n"),
            "wasm-ld: error: q.o: undefined symbol: callback\n"
        );
        assert_eq!(
            text("duplicate symbol: callback\n>>> defined in /tmp/x/0.o\n>>> defined in r.o\n"),
            "duplicate symbol: callback\n>>> defined in q.o\n>>> defined in r.o\n"
        );
    }

    #[test]
    fn two_definitions_are_shown_in_link_order() {
        for first in ["input8", "/tmp/x/0.o"] {
            let second = if first == "input8" {
                "/tmp/x/0.o"
            } else {
                "input8"
            };
            let message = format!(
                "duplicate symbol: callback\n>>> defined in {first}\n>>> defined in {second}\nmore\n"
            );
            assert_eq!(
                text(&message),
                "duplicate symbol: callback\n>>> defined in input8\n>>> defined in q.o\nmore\n"
            );
        }
    }

    #[test]
    fn generated_names_are_not_shown() {
        let line = "removing unused section /tmp/x/3.o:(.rodata..gathered)\n";
        assert_eq!(text(line), "");
        assert_eq!(text("see run..section.12.7 and more"), "see run and more");
    }
}
