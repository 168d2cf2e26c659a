//! The options of `wasm-ld` (LLVM 14 to 22) as one table, and the matching rules of LLVM's option parser.
//!
//! The table has the name of each option, its dashes and how it takes its value. Only the options in [`Id`]
//! have a meaning here; the backend interprets the others. Arguments that are not in the table are passed on
//! unchanged, because the backend may be newer or a driver.

use super::os;
use std::ffi::{OsStr, OsString};

/// The options whose meaning matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// Any other option of the backend, which is only passed on.
    Other,
    /// `--allow-undefined`: undefined functions become imports, and undefined data is null.
    AllowUndefined,
    /// `--reproduce=FILE`: the backend copies all inputs.
    Reproduce,
    /// `--verbose`: the backend shows all inputs.
    Verbose,
    /// `-Bdynamic`: a later `-l` prefers `libNAME.so` to `libNAME.a`.
    Bdynamic,
    /// `-Bstatic`: a later `-l` finds only `libNAME.a`.
    Bstatic,
    /// `--color-diagnostics`.
    ColorDiagnostics,
    /// `--color-diagnostics=WHEN`.
    ColorDiagnosticsWhen,
    /// `--no-color-diagnostics`.
    NoColorDiagnostics,
    /// `--end-lib`.
    EndLib,
    /// `--allow-multiple-definition`: the first of several strong definitions wins.
    AllowMultipleDefinition,
    /// `--no-allow-multiple-definition`.
    NoAllowMultipleDefinition,
    /// `--entry=SYMBOL`.
    Entry,
    /// `--no-entry`.
    NoEntry,
    /// `--export=SYMBOL`.
    Export,
    /// `--export-all`, or `--export-dynamic`, `-E`: exports symbols that are not hidden.
    ExportAll,
    /// `--export-if-defined=SYMBOL`.
    ExportIfDefined,
    /// `--lto-obj-path=FILE`: the path of the objects that LTO compiles.
    LtoObjectPath,
    /// `-z KEYWORD`.
    Z,
    /// `--fatal-warnings`.
    FatalWarnings,
    /// `--no-fatal-warnings`.
    NoFatalWarnings,
    /// `--help`.
    Help,
    /// `-l NAME`.
    Library,
    /// `-L DIRECTORY`.
    LibraryPath,
    /// `--Map=FILE`.
    Map,
    /// `--print-map`, `-M`.
    PrintMap,
    /// `--trace-symbol=NAME`, `-y`.
    TraceSymbol,
    /// `--no-whole-archive`.
    NoWholeArchive,
    /// `-no-pie`.
    NoPie,
    /// `-o FILE`.
    Output,
    /// `-pie`: `-Bdynamic` becomes the default.
    Pie,
    /// `-r`, `--relocatable`.
    Relocatable,
    /// `--rsp-quoting=STYLE`.
    RspQuoting,
    /// `--save-temps`: keeps the temporary files of LTO next to the output.
    SaveTemps,
    /// `-shared`: `-Bdynamic` becomes the default.
    Shared,
    /// `--start-lib`.
    StartLib,
    /// `--threads=COUNT`.
    Threads,
    /// `--thinlto-cache-dir=DIRECTORY`.
    ThinLtoCache,
    /// `--thinlto-index-only`: writes the index for distributed ThinLTO and does not link.
    ThinLtoIndexOnly,
    /// `-u SYMBOL`.
    Undefined,
    /// `--unresolved-symbols=POLICY`.
    UnresolvedSymbols,
    /// `--version`.
    Version,
    /// `-v`, `-V`: prints the version. LLVM 22, but not 19, then links.
    VersionAndLink,
    /// `--whole-archive`.
    WholeArchive,
    /// `--why-extract=FILE`.
    WhyExtract,
    /// Ours: `--gather=PATTERN`.
    Gather,
    /// Ours: `--section-keep=PATTERN`.
    Keep,
    /// Ours: `--section-linker=PATH`.
    SectionLinker,
    /// Ours: `-T FILE`, `--script=FILE`.
    Script,
    /// Ours: `--section-print-script`.
    PrintScript,
    /// Ours: `--section-manifest`.
    Manifest,
    /// Ours: `-l` of the library that requires this linker.
    OwnLibrary,
    /// Reserved for us and undefined: any other `--section-…`.
    Reserved,
}

impl Id {
    /// Whether it is an option of ours, which the backend must not see.
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Id::Gather
                | Id::Keep
                | Id::SectionLinker
                | Id::Script
                | Id::PrintScript
                | Id::Manifest
                | Id::OwnLibrary
                | Id::Reserved
        )
    }
}

/// How an option takes its value (the classes of LLVM's `OptParser.td`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// No value.
    Flag,
    /// The rest of the argument.
    Joined,
    /// The next argument.
    Separate,
    /// The rest of the argument or, if that is empty, the next argument.
    JoinedOrSeparate,
}

/// The dashes that an option may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dashes {
    One,
    Two,
    Any,
}

struct Spec {
    name: &'static str,
    dashes: Dashes,
    class: Class,
    id: Id,
}

const fn spec(name: &'static str, dashes: Dashes, class: Class, id: Id) -> Spec {
    Spec {
        name,
        dashes,
        class,
        id,
    }
}

use Class::{Flag, Joined, JoinedOrSeparate, Separate};
use Dashes::{Any, One, Two};

/// The options. A flag must be here if its meaning matters, or if its name begins with the name of a one-letter
/// option with a joined value (`-m`, `-o`, `-e`, …).
const OPTIONS: &[Spec] = &[
    spec("allow-undefined", Any, Flag, Id::AllowUndefined),
    spec("Bdynamic", Any, Flag, Id::Bdynamic),
    spec("call_shared", Any, Flag, Id::Bdynamic),
    spec("dy", Any, Flag, Id::Bdynamic),
    spec("Bstatic", Any, Flag, Id::Bstatic),
    spec("dn", Any, Flag, Id::Bstatic),
    spec("non_shared", Any, Flag, Id::Bstatic),
    spec("static", Any, Flag, Id::Bstatic),
    spec("end-lib", Any, Flag, Id::EndLib),
    spec("export", Any, Separate, Id::Export),
    spec("export=", Any, Joined, Id::Export),
    spec("export-if-defined", Any, Separate, Id::ExportIfDefined),
    spec("export-if-defined=", Any, Joined, Id::ExportIfDefined),
    spec("fatal-warnings", Any, Flag, Id::FatalWarnings),
    spec("no-fatal-warnings", Any, Flag, Id::NoFatalWarnings),
    spec("help", Any, Flag, Id::Help),
    spec("l", One, JoinedOrSeparate, Id::Library),
    spec("library", Any, Separate, Id::Library),
    spec("library=", Any, Joined, Id::Library),
    spec("L", One, JoinedOrSeparate, Id::LibraryPath),
    spec("library-path", Any, Separate, Id::LibraryPath),
    spec("library-path=", Any, Joined, Id::LibraryPath),
    spec("Map", Any, Separate, Id::Map),
    spec("Map=", Any, Joined, Id::Map),
    spec("no-whole-archive", Any, Flag, Id::NoWholeArchive),
    spec("pie", Any, Flag, Id::Pie),
    spec("shared", Any, Flag, Id::Shared),
    spec("relocatable", Any, Flag, Id::Relocatable),
    spec("r", One, Flag, Id::Relocatable),
    spec("rsp-quoting", Any, Separate, Id::RspQuoting),
    spec("rsp-quoting=", Any, Joined, Id::RspQuoting),
    spec("start-lib", Any, Flag, Id::StartLib),
    spec("undefined", Any, Separate, Id::Undefined),
    spec("undefined=", Any, Joined, Id::Undefined),
    spec("u", One, JoinedOrSeparate, Id::Undefined),
    spec("version", Any, Flag, Id::Version),
    spec("v", One, Flag, Id::VersionAndLink),
    spec("V", One, Flag, Id::VersionAndLink),
    spec("whole-archive", Any, Flag, Id::WholeArchive),
    spec("why-extract=", Two, Joined, Id::WhyExtract),
    // Ours.
    spec("gather", Two, Separate, Id::Gather),
    spec("gather=", Two, Joined, Id::Gather),
    spec("section-keep", Two, Separate, Id::Keep),
    spec("section-keep=", Two, Joined, Id::Keep),
    spec("section-linker", Two, Separate, Id::SectionLinker),
    spec("section-linker=", Two, Joined, Id::SectionLinker),
    spec("section-print-script", Two, Flag, Id::PrintScript),
    spec("section-manifest", Two, Flag, Id::Manifest),
    spec("section-", Two, Joined, Id::Reserved),
    spec("script", Two, Separate, Id::Script),
    spec("script=", Two, Joined, Id::Script),
    spec("T", One, JoinedOrSeparate, Id::Script),
    // Options of the backend with a separate value.
    spec("allow-undefined-file", One, Separate, Id::Other),
    spec("allow-undefined-file=", Any, Joined, Id::Other),
    spec("entry", Any, Separate, Id::Entry),
    spec("entry=", Any, Joined, Id::Entry),
    spec("e", One, JoinedOrSeparate, Id::Entry),
    spec("error-limit", Two, Separate, Id::Other),
    spec("error-limit=", Two, Joined, Id::Other),
    spec("keep-section", Any, Separate, Id::Other),
    spec("keep-section=", Any, Joined, Id::Other),
    spec("m", One, JoinedOrSeparate, Id::Other),
    spec("mllvm", Any, Separate, Id::Other),
    spec("mllvm=", Any, Joined, Id::Other),
    spec("o", One, JoinedOrSeparate, Id::Output),
    spec("O", One, JoinedOrSeparate, Id::Other),
    spec("reproduce", Two, Separate, Id::Reproduce),
    spec("reproduce=", Two, Joined, Id::Reproduce),
    spec("rpath", Any, Separate, Id::Other),
    spec("rpath=", Any, Joined, Id::Other),
    spec("soname", Any, Separate, Id::Other),
    spec("soname=", Any, Joined, Id::Other),
    spec("thinlto-cache-policy", Two, Separate, Id::Other),
    spec("thinlto-cache-policy=", Two, Joined, Id::Other),
    spec("threads", Any, Separate, Id::Threads),
    spec("threads=", Any, Joined, Id::Threads),
    spec("trace-symbol", Any, Separate, Id::TraceSymbol),
    spec("trace-symbol=", Any, Joined, Id::TraceSymbol),
    spec("y", One, JoinedOrSeparate, Id::TraceSymbol),
    spec("unresolved-symbols", Any, Separate, Id::UnresolvedSymbols),
    spec("unresolved-symbols=", Any, Joined, Id::UnresolvedSymbols),
    spec("wrap", Any, Separate, Id::Other),
    spec("wrap=", Any, Joined, Id::Other),
    spec("z", One, JoinedOrSeparate, Id::Z),
    // Options of the backend with a joined value.
    spec("build-id=", Any, Joined, Id::Other),
    spec("color-diagnostics=", Any, Joined, Id::ColorDiagnosticsWhen),
    spec("export-memory=", Two, Joined, Id::Other),
    spec("extra-features=", Any, Joined, Id::Other),
    spec("features=", Any, Joined, Id::Other),
    spec("global-base=", Two, Joined, Id::Other),
    spec("import-memory=", Two, Joined, Id::Other),
    spec("initial-heap=", Two, Joined, Id::Other),
    spec("initial-memory=", Two, Joined, Id::Other),
    spec("lto-obj-path=", Two, Joined, Id::LtoObjectPath),
    spec("lto-CGO", Two, Joined, Id::Other),
    spec("lto-O", Two, Joined, Id::Other),
    spec("lto-partitions=", Two, Joined, Id::Other),
    spec("max-memory=", Two, Joined, Id::Other),
    spec("page-size=", Two, Joined, Id::Other),
    spec("table-base=", Two, Joined, Id::Other),
    spec("thinlto-cache-dir=", Two, Joined, Id::ThinLtoCache),
    spec("thinlto-index-only", Two, Flag, Id::ThinLtoIndexOnly),
    spec("thinlto-index-only=", Two, Joined, Id::ThinLtoIndexOnly),
    spec("thinlto-jobs=", Two, Joined, Id::Other),
    // Flags of the backend.
    spec(
        "allow-multiple-definition",
        Any,
        Flag,
        Id::AllowMultipleDefinition,
    ),
    spec("Bsymbolic", Any, Flag, Id::Other),
    spec("build-id", Any, Flag, Id::Other),
    spec("check-features", Two, Flag, Id::Other),
    spec("color-diagnostics", Any, Flag, Id::ColorDiagnostics),
    spec("compress-relocations", Any, Flag, Id::Other),
    spec("cooperative-threading", Two, Flag, Id::Other),
    spec("demangle", Any, Flag, Id::Other),
    spec("disable-verify", Any, Flag, Id::Other),
    spec("E", One, Flag, Id::ExportAll),
    spec("emit-relocs", Any, Flag, Id::Other),
    spec("error-unresolved-symbols", Any, Flag, Id::Other),
    spec("experimental-pic", Two, Flag, Id::Other),
    spec("export-all", Two, Flag, Id::ExportAll),
    spec("export-dynamic", Any, Flag, Id::ExportAll),
    spec("export-memory", Two, Flag, Id::Other),
    spec("export-table", Two, Flag, Id::Other),
    spec("gc-sections", Any, Flag, Id::Other),
    spec("growable-table", Two, Flag, Id::Other),
    spec("i", One, Flag, Id::Other),
    spec("import-memory", Two, Flag, Id::Other),
    spec("import-table", Two, Flag, Id::Other),
    spec("import-undefined", Any, Flag, Id::Other),
    spec("lto-debug-pass-manager", Two, Flag, Id::Other),
    spec("lto-legacy-pass-manager", Two, Flag, Id::Other),
    spec("M", One, Flag, Id::PrintMap),
    spec("merge-data-segments", Two, Flag, Id::Other),
    spec(
        "no-allow-multiple-definition",
        Any,
        Flag,
        Id::NoAllowMultipleDefinition,
    ),
    spec("no-check-features", Two, Flag, Id::Other),
    spec("no-color-diagnostics", Any, Flag, Id::NoColorDiagnostics),
    spec("no-demangle", Any, Flag, Id::Other),
    spec("no-entry", Two, Flag, Id::NoEntry),
    spec("no-export-dynamic", Any, Flag, Id::Other),
    spec("no-gc-sections", Any, Flag, Id::Other),
    spec("no-growable-memory", Two, Flag, Id::Other),
    spec("no-lto-legacy-pass-manager", Two, Flag, Id::Other),
    spec("no-merge-data-segments", Two, Flag, Id::Other),
    spec("no-pie", Any, Flag, Id::NoPie),
    spec("no-print-gc-sections", Any, Flag, Id::Other),
    spec("no-shlib-sigcheck", Two, Flag, Id::Other),
    spec("no-stack-first", Two, Flag, Id::Other),
    spec("noinhibit-exec", Any, Flag, Id::Other),
    spec("print-gc-sections", Any, Flag, Id::Other),
    spec("print-map", Any, Flag, Id::PrintMap),
    spec("S", One, Flag, Id::Other),
    spec("s", One, Flag, Id::Other),
    spec("save-temps", Any, Flag, Id::SaveTemps),
    spec("shared-memory", Two, Flag, Id::Other),
    spec("stack-first", Two, Flag, Id::Other),
    spec("strip-all", Any, Flag, Id::Other),
    spec("strip-debug", Any, Flag, Id::Other),
    spec("t", One, Flag, Id::Other),
    spec("trace", Any, Flag, Id::Other),
    spec("verbose", Any, Flag, Id::Verbose),
    spec("warn-unresolved-symbols", Any, Flag, Id::Other),
];

/// The first letter of each option in [`OPTIONS`].
const FIRST_LETTERS: [u8; OPTIONS.len()] = {
    let mut letters = [0; OPTIONS.len()];
    let mut position = 0;
    while position < letters.len() {
        letters[position] = OPTIONS[position].name.as_bytes()[0];
        position += 1;
    }
    letters
};

/// The classification of one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// An input.
    Input,
    /// An option without a value, or with a value in the same argument.
    Whole(Id, OsString),
    /// An option whose value is the next argument.
    Separate(Id),
    /// An option that is not in the table.
    Unknown,
}

/// Classifies an argument. As in LLVM's option parser, the matching option with the longest name wins.
pub fn classify(argument: &OsStr) -> Match {
    let bytes = argument.as_encoded_bytes();
    let (dashes, body) = match bytes {
        [b'-', b'-', body @ ..] if !body.is_empty() => (2, body),
        [b'-', body @ ..] if !body.is_empty() && body != b"-" => (1, body),
        [b'-', b'-'] => return Match::Unknown,
        _ => return Match::Input,
    };
    // A command line may have thousands of options.
    let first = body.first().copied().unwrap_or_default();
    let best = memchr::memchr_iter(first, &FIRST_LETTERS)
        .filter_map(|position| OPTIONS.get(position))
        .filter(|spec| spec.matches(dashes, body))
        .max_by_key(|spec| spec.name.len());
    let Some(spec) = best else {
        return Match::Unknown;
    };
    let value = &body[spec.name.len()..];
    match spec.class {
        Separate => Match::Separate(spec.id),
        JoinedOrSeparate if value.is_empty() => Match::Separate(spec.id),
        Flag | Joined | JoinedOrSeparate => Match::Whole(spec.id, os::from_bytes(value)),
    }
}

impl Spec {
    fn matches(&self, dashes: usize, body: &[u8]) -> bool {
        let dashes_match = match self.dashes {
            One => dashes == 1,
            Two => dashes == 2,
            Any => true,
        };
        let name = self.name.as_bytes();
        dashes_match
            && match self.class {
                Flag | Separate => body == name,
                Joined | JoinedOrSeparate => body.starts_with(name),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(id: Id, value: &str) -> Match {
        Match::Whole(id, value.into())
    }

    #[test]
    fn the_longest_name_wins() {
        assert_eq!(classify("-shared".as_ref()), whole(Id::Shared, ""));
        assert_eq!(classify("-shared-memory".as_ref()), Match::Unknown);
        assert_eq!(classify("-static".as_ref()), whole(Id::Bstatic, ""));
        assert_eq!(
            classify("-ofoo.wasm".as_ref()),
            whole(Id::Output, "foo.wasm")
        );
        assert_eq!(classify("-o".as_ref()), Match::Separate(Id::Output));
        assert_eq!(classify("-lfoo".as_ref()), whole(Id::Library, "foo"));
        assert_eq!(classify("-library=foo".as_ref()), whole(Id::Library, "foo"));
        assert_eq!(classify("-library".as_ref()), Match::Separate(Id::Library));
        // As in LLVM, a one-letter option with a joined value matches if no longer name does.
        assert_eq!(
            classify("-undefinedx".as_ref()),
            whole(Id::Undefined, "ndefinedx")
        );
        assert_eq!(
            classify("-undefined".as_ref()),
            Match::Separate(Id::Undefined)
        );
    }

    #[test]
    fn every_spelling_of_an_export() {
        let both = [
            ("export", Id::Export),
            ("export-if-defined", Id::ExportIfDefined),
        ];
        for (name, id) in both {
            for dashes in ["-", "--"] {
                let option = format!("{dashes}{name}");
                let joined = format!("{option}=a");
                assert_eq!(classify(joined.as_ref()), whole(id, "a"), "{joined}");
                assert_eq!(classify(option.as_ref()), Match::Separate(id), "{option}");
            }
        }
    }

    #[test]
    fn other_arguments_are_inputs() {
        for text in ["a.o", "", "-", "@file"] {
            assert_eq!(classify(text.as_ref()), Match::Input, "{text:?}");
        }
        assert_eq!(classify("--new-flag=1".as_ref()), Match::Unknown);
        assert_eq!(classify("--".as_ref()), Match::Unknown);
    }
}
