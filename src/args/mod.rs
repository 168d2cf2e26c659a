//! The command line. Parsing is lossless: every argument keeps its place and its spelling.
//!
//! The backend gets the caller's own arguments unless something was gathered. In that case response files are
//! expanded, and [`Edits`] replace some arguments and insert others.

mod options;
mod os;
mod response;
#[cfg(windows)]
mod wildcards;

pub use options::Id;
pub use os::{from_bytes, strip_prefix};
pub use response::{Quoting, split as split_response_file};
#[cfg(windows)]
pub use wildcards::expand as expand_wildcards;

use crate::error::Result;
use memchr::memmem;
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

/// A parsed argument: an input, or an option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The caller's strings: one, or two if the value of an option is a separate string.
    pub spelling: Vec<OsString>,
    /// The meaning.
    pub meaning: Meaning,
}

/// The meaning of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A file.
    Input(OsString),
    /// A string after an unknown option: a file, or the value of that option.
    Ambiguous(OsString),
    /// A known option with its value; empty if it has none.
    Option(Id, OsString),
    /// An unknown option.
    Unknown,
}

/// The arguments of the linker, without the program name.
#[derive(Debug, Clone)]
pub struct CommandLine {
    original: Vec<OsString>,
    arguments: Vec<Argument>,
    quoting: Quoting,
    flavor: bool,
    read_once: bool,
}

/// The changes that make the backend's command line from the caller's.
#[derive(Debug, Default, Clone)]
pub struct Edits {
    /// Strings before all others.
    pub first: Vec<OsString>,
    /// Strings before an argument.
    pub before: BTreeMap<ArgumentIndex, Vec<OsString>>,
    /// Strings in place of an argument.
    pub replace: BTreeMap<ArgumentIndex, Vec<OsString>>,
    /// Strings after all others. The last occurrence of an option wins.
    pub last: Vec<OsString>,
}

impl CommandLine {
    /// Parses the arguments after the program name.
    ///
    /// # Errors
    /// A response file that cannot be read or that includes itself.
    pub fn parse(original: Vec<OsString>) -> Result<Self> {
        // As in lld, `--rsp-quoting` has no effect in a response file: it must be known before these are read.
        let quoting = last_quoting(&parse_arguments(&original));
        let Expanded {
            arguments: expanded,
            read_once,
        } = response::expand(&original, quoting)?;
        // lld rejects `-flavor` in a response file.
        let flavor = original.first().is_some_and(|first| first == "-flavor");
        let skip = if flavor { expanded.len().min(2) } else { 0 };
        let arguments = parse_arguments(&expanded[skip..]);
        Ok(Self {
            original,
            arguments,
            quoting,
            flavor,
            read_once,
        })
    }

    /// The caller's arguments before expansion, without `-flavor NAME`.
    pub fn original(&self) -> &[OsString] {
        let skip = if self.flavor { 2 } else { 0 };
        self.original.get(skip..).unwrap_or_default()
    }

    /// Whether the arguments begin with `-flavor NAME`, as those of rustc do.
    pub fn has_flavor(&self) -> bool {
        self.flavor
    }

    /// The quoting of response files that the backend expects.
    pub fn quoting(&self) -> Quoting {
        self.quoting
    }

    /// The arguments with their indices. Response files are expanded.
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

    /// Whether `yes` occurs after the last `no`.
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

    /// The exported symbols, and whether rustc derived each export from a symbol with an explicit name. rustc
    /// passes such exports as two strings; the exports that users add to a link of rustc are one string.
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

    /// Whether rustc runs this link, directly or through another program.
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

    /// The last option, if its value is missing, and whether it is one of ours.
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

    /// Whether there is an option of ours, which the backend must not see.
    pub fn has_own(&self) -> bool {
        self.arguments.iter().any(Argument::is_own)
    }

    /// Whether a response file is a pipe, which cannot be read again.
    pub fn is_read_once(&self) -> bool {
        self.read_once
    }

    /// Whether rustc runs us for a target whose output is a component, which `wasm-component-ld` makes from a
    /// module. An argument of rustc then names the library directory of that target. When `wasm-component-ld`
    /// runs us, there is no `-flavor`.
    pub fn is_for_component(&self) -> bool {
        let targets = ["wasm32-wasip2", "wasm32-wasip3"].map(OsStr::new);
        // Most of the many arguments are no paths of a library.
        let rustlib = memmem::Finder::new("rustlib");
        let is_library = |path: &OsStr| {
            let may_be = rustlib.find(path.as_encoded_bytes()).is_some();
            let parts = || Path::new(path).iter();
            may_be
                && parts()
                    .zip(parts().skip(1))
                    .any(|(part, next)| part == "rustlib" && targets.contains(&next))
        };
        let mut strings = self
            .arguments
            .iter()
            .flat_map(|argument| &argument.spelling);
        self.flavor && strings.any(|string| is_library(string))
    }

    /// The path of the output.
    pub fn output(&self) -> &Path {
        Path::new(self.values(Id::Output).last().unwrap_or("a.out".as_ref()))
    }

    /// The arguments for the backend, with `edits`, without options of ours and `-flavor NAME`.
    pub fn edited(&self, edits: &Edits) -> Vec<OsString> {
        let mut strings = edits.first.clone();
        for (index, argument) in self.arguments() {
            if argument.is_own() {
                continue;
            }
            strings.extend(edits.before.get(&index).into_iter().flatten().cloned());
            let spelling = edits.replace.get(&index).unwrap_or(&argument.spelling);
            strings.extend(spelling.iter().cloned());
        }
        strings.extend(edits.last.iter().cloned());
        strings
    }
}

impl Argument {
    fn is_own(&self) -> bool {
        matches!(&self.meaning, Meaning::Option(id, _) if id.is_own())
    }
}

/// The contents of a response file with these arguments.
pub fn response_file(arguments: &[OsString], quoting: Quoting) -> Vec<u8> {
    response::write(arguments, quoting)
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
        // The backend reports an invalid style.
        _ => Quoting::default(),
    }
}

/// A library that does not exist. Crates whose entries need this linker request it, so any other linker fails
/// with a message that names this one.
const OUR_LIBRARY: &str = "linker_must_be_wasm_section_ld";

fn parse_arguments(strings: &[OsString]) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut strings = strings.iter();
    let mut after_unknown = false;
    while let Some(string) = strings.next() {
        let mut spelling = vec![string.clone()];
        let meaning = match options::classify(string) {
            Match::Input if after_unknown => Meaning::Ambiguous(string.clone()),
            Match::Input => Meaning::Input(string.clone()),
            Match::Whole(id, value) => Meaning::Option(id, value),
            Match::Unknown => Meaning::Unknown,
            Match::Separate(id) => match strings.next() {
                Some(value) => {
                    spelling.push(value.clone());
                    Meaning::Option(id, value.clone())
                }
                // The backend reports the missing value.
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

    fn line(arguments: &[&str]) -> CommandLine {
        CommandLine::parse(arguments.iter().map(Into::into).collect()).expect("no response files")
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
        let derived = |arguments: &[&str]| {
            let line = line(arguments);
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
    fn the_library_that_requires_this_linker_is_dropped() {
        for arguments in [
            &["-llinker_must_be_wasm_section_ld", "a.o"][..],
            &["-l", "linker_must_be_wasm_section_ld", "a.o"],
        ] {
            let line = line(arguments);
            assert!(line.has_own() && !line.has(Id::Library));
            assert_eq!(line.edited(&Edits::default()), ["a.o"]);
        }
    }

    #[test]
    fn the_value_of_an_option_is_not_an_input() {
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
    fn the_last_of_a_flag_and_its_opposite_wins() {
        let fatal =
            |arguments: &[&str]| line(arguments).flag(Id::FatalWarnings, Id::NoFatalWarnings);
        assert!(fatal(&["--no-fatal-warnings", "-fatal-warnings"]));
        assert!(!fatal(&["-fatal-warnings", "--no-fatal-warnings"]));
        assert!(!fatal(&[]));
    }

    proptest! {
        #[test]
        fn unedited_arguments_are_unchanged(arguments in proptest::collection::vec("[-a-zLlo=./]{0,8}", 0..12)) {
            let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
            let line = CommandLine::parse(arguments.clone())?;
            prop_assume!(!line.has_own() && !line.has_flavor());
            prop_assert_eq!(line.edited(&Edits::default()), arguments);
        }
    }
}
