//! The link map (`--Map`, `--print-map`). The backend shows an array as one input section of the synthesized
//! object. This module replaces it by the input sections of the entries.
//!
//! Each line of lld's map has an address, a file offset, a size and a name. Input sections are indented by 8
//! columns, and symbols by 16.

use crate::hash::HashMap;
use crate::names;
use memchr::memmem;
use std::io::Write;

/// The name of the synthesized object in messages, if no input is known.
pub const SYNTHESIZED: &str = "<link sections>";

/// The input sections of each array, by section name.
#[derive(Debug, Default)]
pub struct MapArrays(HashMap<String, Vec<InputSection>>);

/// An input section in an array.
#[derive(Debug)]
pub struct InputSection {
    /// Its offset in bytes from the beginning of the array.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its name in the format of lld: `FILE:(NAME)`.
    pub input: String,
}

impl MapArrays {
    /// The arrays of these sections, each with its name and its input sections, in order.
    pub fn new(sections: impl IntoIterator<Item = (String, Vec<InputSection>)>) -> Self {
        Self(sections.into_iter().collect())
    }

    /// The input sections of the array that this line shows, and the columns of the line.
    fn shown_by(&self, line: &[u8]) -> Option<(&[InputSection], Columns)> {
        let at = memmem::find(line, SYNTHESIZED.as_bytes())?;
        let segment = line.get(at + SYNTHESIZED.len()..)?.trim_ascii_end();
        let segment = std::str::from_utf8(segment).ok()?;
        let segment = segment.strip_prefix(":(.")?.strip_suffix(')')?;
        let (_kind, section) = segment.split_once('.')?;
        let columns = Columns::of(line).filter(|columns| columns.indent == INPUT_SECTION)?;
        let parts = self.0.get(section).filter(|parts| !parts.is_empty())?;
        Some((parts, columns))
    }
}

/// The indentation of input sections.
const INPUT_SECTION: usize = 8;
/// The indentation of symbols.
const SYMBOL: usize = 16;
/// The prefix of symbols that only the relocations of the synthesized object use.
const OWN_SYMBOLS: &[u8] = b".L";

/// The columns of a line.
#[derive(Debug, Clone, Copy)]
struct Columns {
    address: u64,
    offset: u64,
    /// Indentation of the name.
    indent: usize,
    /// Byte offset of the name.
    name: usize,
}

impl Columns {
    fn of(line: &[u8]) -> Option<Self> {
        let mut rest = line;
        let mut number = || {
            let trimmed = rest.trim_ascii_start();
            let digits = trimmed.iter().take_while(|byte| byte.is_ascii_hexdigit());
            let (digits, after) = trimmed.split_at(digits.count());
            rest = after;
            u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let (address, offset, _size) = (number()?, number()?, number()?);
        let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
        Some(Self {
            address,
            offset,
            indent: spaces.checked_sub(1)?,
            name: line.len() - rest.len() + spaces,
        })
    }
}

/// A writer of lines that replaces arrays.
pub struct Lines<'a, W> {
    arrays: Option<&'a MapArrays>,
    to: W,
    array: Option<Array<'a>>,
}

/// An array whose symbols are being read.
struct Array<'a> {
    parts: &'a [InputSection],
    columns: Columns,
    symbols: Vec<(u64, Vec<u8>)>,
}

impl<'a, W: Write> Lines<'a, W> {
    /// A writer to `to`.
    pub fn new(arrays: Option<&'a MapArrays>, to: W) -> Self {
        Self {
            arrays,
            to,
            array: None,
        }
    }

    /// Writes a line. Holds back the lines of an array until its end.
    pub fn line(&mut self, line: &[u8]) {
        if let Some(array) = &mut self.array {
            match Columns::of(line).filter(|columns| columns.indent == SYMBOL) {
                Some(columns) => {
                    if !line[columns.name..].starts_with(OWN_SYMBOLS) {
                        array.symbols.push((columns.address, line.to_vec()));
                    }
                    return;
                }
                None => self.end_array(),
            }
        }
        match self.arrays.and_then(|arrays| arrays.shown_by(line)) {
            Some((parts, columns)) => {
                self.array = Some(Array {
                    parts,
                    columns,
                    symbols: Vec::new(),
                });
            }
            None => self.write(line),
        }
    }

    /// Copies bytes that are not lines.
    pub fn copy(&mut self, bytes: &[u8]) {
        self.end_array();
        let _ = self.to.write_all(bytes);
    }

    /// Writes the lines that are held back.
    pub fn flush(&mut self) {
        self.end_array();
        let _ = self.to.flush();
    }

    fn end_array(&mut self) {
        let Some(array) = self.array.take() else {
            return;
        };
        let mut symbols = array.symbols;
        symbols.sort_by_key(|(address, _)| *address);
        let mut symbols = symbols.into_iter().peekable();
        for (index, part) in array.parts.iter().enumerate() {
            let [address, offset] = [array.columns.address, array.columns.offset]
                .map(|start| start.saturating_add(part.offset));
            let (size, input) = (part.size, &part.input);
            let line = format!("{address:8x} {offset:8x} {size:8x}         {input}\n");
            self.write(&names::bytes(&line));
            let next = array.parts.get(index + 1);
            let end = next.map(|next| array.columns.address.saturating_add(next.offset));
            while let Some((_, line)) =
                symbols.next_if(|(address, _)| end.is_none_or(|end| *address < end))
            {
                self.write(&line);
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // Ignore EPIPE.
        let _ = self.to.write_all(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(map: &str) -> String {
        let part = |offset, size, input: &str| InputSection {
            offset,
            size,
            input: input.to_owned(),
        };
        let parts = vec![part(0, 4, "a.o:(.rodata.a)"), part(4, 4, "liba.a(b.o):(N)")];
        let arrays = MapArrays::new([("N".to_owned(), parts)]);
        let mut bytes = Vec::new();
        let mut lines = Lines::new(Some(&arrays), &mut bytes);
        map.split_inclusive('\n')
            .for_each(|line| lines.line(line.as_bytes()));
        lines.flush();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn an_array_is_shown_as_its_input_sections() {
        let before =
            "    Addr      Off     Size Out     In      Symbol\n       -       94       4c DATA\n";
        let after =
            "     420       d0        8 OTHER\n     420       d6        8         h.o:(OTHER)\n";
        let array = "     418       c0        8         <link sections>:(.data.N)\n     \
                     41c       c4        4                 b\n     \
                     418       c0        4                 a\n     \
                     418       c0        0                 __start_N\n     \
                     418       c0        0                 .Lmanifest.1.start\n     \
                     420       c8        0                 __stop_N\n";
        let expected = "     418       c0        4         a.o:(.rodata.a)\n     \
                        418       c0        4                 a\n     \
                        418       c0        0                 __start_N\n     \
                        41c       c4        4         liba.a(b.o):(N)\n     \
                        41c       c4        4                 b\n     \
                        420       c8        0                 __stop_N\n";
        assert_eq!(
            shown(&format!("{before}{array}{after}")),
            format!("{before}{expected}{after}")
        );
        assert_eq!(shown(array), expected);
    }

    #[test]
    fn other_lines_are_unchanged() {
        for line in [
            "wasm-ld: warning: <link sections>:(.data.N)\n",
            "     418       c0        8         <link sections>:(.data.OTHER)\n",
            "       -       c0        8         <link sections>:(.data.N)\n",
            "removing unused section <link sections>:(.data.N)\n",
        ] {
            assert_eq!(shown(line), line);
        }
    }
}
