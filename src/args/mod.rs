//! The command line, lossless: every argument keeps its place and its spelling.
//!
//! The backend gets the caller's own arguments unless something was gathered. Then it gets the
//! same ones with response files expanded, a few replaced, and some put in between ([`Edits`]).

mod options;
mod os;
mod response;

pub use options::Id;
pub use os::{from_bytes, strip_prefix};
pub use response::{Quoting, split as split_response_file};

use crate::error::Result;
use options::Match;
use response::Expanded;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The place of an argument in [`CommandLine::arguments`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArgumentIndex(usize);

impl ArgumentIndex {
    /// The first argument.
    pub(crate) const FIRST: Self = Self(0);

    /// The argument after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One argument as it means something: an input, or an option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// As the caller spelt it: one word, or two where the value is a word of its own.
    pub spelling: Vec<OsString>,
    /// What it is.
    pub meaning: Meaning,
}

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A file.
    Input(OsString),
    /// A word after an option that we don't know: a file, or that option's value.
    Ambiguous(OsString),
    /// An option that we know, with its value (empty where it has none).
    Option(Id, OsString),
    /// An option that we don't know.
    Unknown,
}

/// All arguments of the linker but its own name.
#[derive(Debug, Clone)]
pub struct CommandLine {
    original: Vec<OsString>,
    arguments: Vec<Argument>,
    quoting: Quoting,
    flavor: bool,
    read_once: bool,
}

/// What the backend's command line has otherwise than the caller's.
#[derive(Debug, Default, Clone)]
pub struct Edits {
    /// Words before all others.
    pub first: Vec<OsString>,
    /// Words before an argument.
    pub before: BTreeMap<ArgumentIndex, Vec<OsString>>,
    /// Words in place of an argument.
    pub replace: BTreeMap<ArgumentIndex, Vec<OsString>>,
    /// Words after all others: of an option that is there twice, the last counts.
    pub last: Vec<OsString>,
}

impl CommandLine {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// A response file that cannot be read or that includes itself.
    pub fn parse(original: Vec<OsString>) -> Result<Self> {
        // As in lld, the quoting must be known before response files are read, so it counts only
        // where it stands on the command line itself.
        let quoting = last_quoting(&read(&original));
        let Expanded {
            words: expanded,
            read_once,
        } = response::expand(&original, quoting)?;
        // In a response file it has no meaning to lld, which then reports it.
        let flavor = original.first().is_some_and(|word| word == "-flavor");
        let arguments = read(&expanded[if flavor { expanded.len().min(2) } else { 0 }..]);
        Ok(Self {
            original,
            arguments,
            quoting,
            flavor,
            read_once,
        })
    }

    /// The caller's words as they were, without `-flavor NAME`.
    pub fn original(&self) -> &[OsString] {
        let skip = if self.flavor { 2 } else { 0 };
        self.original.get(skip..).unwrap_or_default()
    }

    /// Whether the words begin with `-flavor NAME`, as rustc's do.
    pub fn has_flavor(&self) -> bool {
        self.flavor
    }

    /// The quoting of response files that the backend expects.
    pub fn quoting(&self) -> Quoting {
        self.quoting
    }

    /// The arguments with their places, response files expanded.
    pub fn arguments(&self) -> impl Iterator<Item = (ArgumentIndex, &Argument)> {
        self.arguments
            .iter()
            .enumerate()
            .map(|(index, argument)| (ArgumentIndex(index), argument))
    }

    /// The values of every option `id`, in order.
    pub fn values(&self, id: Id) -> impl Iterator<Item = &OsStr> {
        self.arguments
            .iter()
            .filter_map(move |argument| match &argument.meaning {
                Meaning::Option(found, value) if *found == id => Some(value.as_os_str()),
                _ => None,
            })
    }

    /// Whether there is an option `id`.
    pub fn has(&self, id: Id) -> bool {
        self.values(id).next().is_some()
    }

    /// Whether, of `yes` and `no`, `yes` comes last.
    pub fn flag(&self, yes: Id, no: Id) -> bool {
        let last = self
            .arguments
            .iter()
            .rev()
            .find_map(|argument| match argument.meaning {
                Meaning::Option(id, _) if id == yes || id == no => Some(id),
                _ => None,
            });
        last == Some(yes)
    }

    /// Whether the output is a position-independent module: a shared library or an executable
    /// (DynamicLinking.md).
    pub fn is_position_independent(&self) -> bool {
        self.has(Id::Shared) || self.flag(Id::Pie, Id::NoPie)
    }

    /// The exports, and whether rustc has derived each from a symbol with a name of its own: it gives them
    /// as two words, and people that add one to a link of rustc's give one.
    pub fn exports(&self) -> impl Iterator<Item = (ArgumentIndex, &OsStr, bool)> {
        let by_rustc = self.is_by_rustc();
        self.arguments().filter_map(move |(index, argument)| {
            let Meaning::Option(id @ (Id::Export | Id::ExportIfDefined), symbol) =
                &argument.meaning
            else {
                return None;
            };
            let is_derived = *id == Id::Export && by_rustc && argument.spelling.len() > 1;
            Some((index, symbol.as_os_str(), is_derived))
        })
    }

    /// Whether rustc, perhaps by way of another program, links what it has compiled.
    fn is_by_rustc(&self) -> bool {
        let mut inputs = self
            .arguments
            .iter()
            .filter_map(|argument| match &argument.meaning {
                Meaning::Input(file) | Meaning::Ambiguous(file) => Some(file.as_encoded_bytes()),
                _ => None,
            });
        inputs.any(|file| file.ends_with(b".rcgu.o") || file.ends_with(b".rlib"))
    }

    /// The option that is last and lacks its value, and whether it is one of ours.
    pub fn missing_value(&self) -> Option<(&OsStr, bool)> {
        let last = self.arguments.last()?;
        let option = last.spelling.first()?;
        match options::classify(option) {
            Match::Separate(id) if last.meaning == Meaning::Unknown => {
                Some((option.as_os_str(), id.is_own()))
            }
            _ => None,
        }
    }

    /// Whether an option of ours is there, which the backend must not see.
    pub fn has_own(&self) -> bool {
        self.arguments.iter().any(Argument::is_own)
    }

    /// Whether a part of it is in a response file that nobody can read again, as it is a pipe.
    pub fn is_read_once(&self) -> bool {
        self.read_once
    }

    /// Whether rustc calls us for a target whose output is a component, which `wasm-component-ld` makes of a module:
    /// it names the directory of that target's libraries. When `wasm-component-ld` then calls a linker, there is no
    /// `-flavor`.
    pub fn is_for_component(&self) -> bool {
        let targets = ["wasm32-wasip2", "wasm32-wasip3"].map(OsStr::new);
        let is_library = |path: &OsStr| {
            let parts: Vec<_> = Path::new(path).iter().collect();
            let mut pairs = parts.windows(2);
            pairs.any(|pair| pair[0] == "rustlib" && targets.contains(&pair[1]))
        };
        let mut words = self
            .arguments
            .iter()
            .flat_map(|argument| &argument.spelling);
        self.flavor && words.any(|word| is_library(word))
    }

    /// Where the output is to be.
    pub fn output(&self) -> &Path {
        Path::new(self.values(Id::Output).last().unwrap_or("a.out".as_ref()))
    }

    /// The words for the backend, with `edits`, without options of ours and `-flavor NAME`.
    pub fn edited(&self, edits: &Edits) -> Vec<OsString> {
        let mut words = edits.first.clone();
        for (index, argument) in self.arguments() {
            if argument.is_own() {
                continue;
            }
            words.extend(edits.before.get(&index).into_iter().flatten().cloned());
            let spelling = edits.replace.get(&index).unwrap_or(&argument.spelling);
            words.extend(spelling.iter().cloned());
        }
        words.extend(edits.last.iter().cloned());
        words
    }
}

impl Argument {
    fn is_own(&self) -> bool {
        matches!(&self.meaning, Meaning::Option(id, _) if id.is_own())
    }
}

/// The bytes of a response file that stands for `words`.
pub fn response_file(words: &[OsString], quoting: Quoting) -> Vec<u8> {
    response::write(words, quoting)
}

fn last_quoting(arguments: &[Argument]) -> Quoting {
    let style = arguments
        .iter()
        .rev()
        .find_map(|argument| match &argument.meaning {
            Meaning::Option(Id::RspQuoting, value) => Some(value),
            _ => None,
        });
    match style.and_then(|style| style.to_str()) {
        Some("windows") => Quoting::Windows,
        Some("posix") => Quoting::Posix,
        // The backend says that the style is wrong.
        _ => Quoting::default(),
    }
}

/// A library that exists for us alone: crates whose entries need this linker ask for it, so that
/// any other linker says that it cannot find it, and what to do about that.
const OUR_LIBRARY: &str = "linker_must_be_wasm_section_ld";

fn read(words: &[OsString]) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut words = words.iter();
    let mut after_unknown = false;
    while let Some(word) = words.next() {
        let mut spelling = vec![word.clone()];
        let meaning = match options::classify(word) {
            Match::Input if after_unknown => Meaning::Ambiguous(word.clone()),
            Match::Input => Meaning::Input(word.clone()),
            Match::Whole(id, value) => Meaning::Option(id, value),
            Match::Unknown => Meaning::Unknown,
            Match::Separate(id) => match words.next() {
                Some(value) => {
                    spelling.push(value.clone());
                    Meaning::Option(id, value.clone())
                }
                // The backend says that the value is missing.
                None => Meaning::Unknown,
            },
        };
        let meaning = match meaning {
            Meaning::Option(Id::Library, name) if name == OUR_LIBRARY => {
                Meaning::Option(Id::OwnLibrary, name)
            }
            other => other,
        };
        after_unknown = meaning == Meaning::Unknown;
        arguments.push(Argument { spelling, meaning });
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(words: &[&str]) -> CommandLine {
        CommandLine::parse(words.iter().map(Into::into).collect()).expect("no response files")
    }

    #[test]
    fn values_in_every_spelling() {
        let line = line(&[
            "-La",
            "-L",
            "b",
            "--library-path=c",
            "-library-path",
            "d",
            "x.o",
        ]);
        let paths: Vec<_> = line.values(Id::LibraryPath).collect();
        assert_eq!(paths, ["a", "b", "c", "d"]);
    }

    #[test]
    fn exports_that_rustc_derives() {
        let derived = |words: &[&str]| {
            let line = line(words);
            let all = line.exports();
            all.map(|(_, symbol, is_derived)| (symbol.to_owned(), is_derived))
                .collect::<Vec<_>>()
        };
        let by_rustc = ["--export", "a", "x.x.1a-cgu.0.rcgu.o", "--export=b"];
        assert_eq!(
            derived(&by_rustc),
            [("a".into(), true), ("b".into(), false)]
        );
        let by_others = ["--export", "a", "x.o", "--export=b"];
        assert_eq!(
            derived(&by_others),
            [("a".into(), false), ("b".into(), false)]
        );
    }

    #[test]
    fn the_library_that_asks_for_this_linker_is_here() {
        for words in [
            &["-llinker_must_be_wasm_section_ld", "a.o"][..],
            &["-l", "linker_must_be_wasm_section_ld", "a.o"],
        ] {
            let line = line(words);
            assert!(line.has_own() && !line.has(Id::Library));
            assert_eq!(line.edited(&Edits::default()), ["a.o"]);
        }
    }

    #[test]
    fn the_value_of_an_option_is_no_input() {
        let line = line(&["-o", "a.o", "--Map", "b.o", "c.o", "--new", "d.o", "e.o"]);
        let inputs: Vec<_> = line
            .arguments()
            .filter(|(_, argument)| matches!(argument.meaning, Meaning::Input(_)))
            .map(|(_, argument)| argument.spelling[0].clone())
            .collect();
        assert_eq!(inputs, ["c.o", "e.o"]);
    }

    #[test]
    fn edits_keep_the_rest_in_place() {
        let line = line(&["-flavor", "wasm", "-o", "x", "a.o", "--gather=*", "-lfoo"]);
        let (a, _) = line.arguments().nth(1).expect("a.o");
        let (library, _) = line.arguments().nth(3).expect("-lfoo");
        let edits = Edits {
            first: vec!["0.o".into()],
            before: BTreeMap::from([(library, vec!["m.o".into()])]),
            replace: BTreeMap::from([(a, vec!["b.o".into()])]),
            last: vec!["--no-entry".into()],
        };
        assert_eq!(
            line.edited(&edits),
            ["0.o", "-o", "x", "b.o", "m.o", "-lfoo", "--no-entry"]
        );
        assert!(line.has_flavor() && line.has_own());
    }

    #[test]
    fn of_a_flag_and_its_opposite_the_last_counts() {
        let fatal = |words: &[&str]| line(words).flag(Id::FatalWarnings, Id::NoFatalWarnings);
        assert!(fatal(&["--no-fatal-warnings", "-fatal-warnings"]));
        assert!(!fatal(&["-fatal-warnings", "--no-fatal-warnings"]));
        assert!(!fatal(&[]));
    }

    proptest! {
        #[test]
        fn unedited_arguments_are_the_callers(words in proptest::collection::vec("[-a-zLlo=./]{0,8}", 0..12)) {
            let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
            let line = CommandLine::parse(words.clone())?;
            prop_assume!(!line.has_own() && !line.has_flavor());
            prop_assert_eq!(line.edited(&Edits::default()), words);
        }
    }
}
