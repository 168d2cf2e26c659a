//! Link jobs that nobody would think of. Where nothing is marked, the link is the backend's own,
//! byte for byte, also when every input is encoded anew on its way; where entries are marked, the
//! arrays are what a model of a few lines says, and all else is as it was.
//!
//! `PROPTEST_CASES` says how many.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Instance, Linked, Work, linker, linkers, tool};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Enough to find what is broken, and few enough for `ci/test`.
const CASES: u32 = 24;

fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok();
    TestRunner::new(ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// How objects come into the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Files,
    Archive,
    ThinArchive,
    /// By `-l`.
    Library,
    Lib,
    WholeArchive,
    ResponseFile,
    WindowsResponseFile,
}

const WAYS: [Way; 8] = [
    Way::Files,
    Way::Archive,
    Way::ThinArchive,
    Way::Library,
    Way::Lib,
    Way::WholeArchive,
    Way::ResponseFile,
    Way::WindowsResponseFile,
];

impl Way {
    /// Whether the objects are linked whether anything refers to them or not.
    fn is_always(self) -> bool {
        !matches!(
            self,
            Way::Archive | Way::ThinArchive | Way::Library | Way::Lib
        )
    }
}

/// The words that bring `objects`, the group `number` of a link, into it.
fn words(work: &Work, number: usize, way: Way, objects: &[PathBuf]) -> Vec<OsString> {
    let paths: Vec<_> = objects.iter().map(PathBuf::as_path).collect();
    let files = || objects.iter().map(OsString::from);
    let archive = |operation: &str| {
        let name = format!("libgroup{number}.a");
        let _ = fs::remove_file(work.file(&name));
        work.archive_with(operation, &name, &paths);
        name
    };
    match way {
        Way::Files => files().collect(),
        Way::Archive => args![archive("rcs")].to_vec(),
        Way::ThinArchive => args![archive("rcsT")].to_vec(),
        Way::Library => {
            archive("rcs");
            match number % 3 {
                0 => args!["-L.", format!("-lgroup{number}")].to_vec(),
                1 => args!["--library-path", ".", "-l", format!("group{number}")].to_vec(),
                _ => args!["-L", work.path(), format!("--library=group{number}")].to_vec(),
            }
        }
        Way::Lib => ["--start-lib".into()]
            .into_iter()
            .chain(files())
            .chain(["--end-lib".into()])
            .collect(),
        Way::WholeArchive => args!["--whole-archive", archive("rcs"), "-no-whole-archive"].to_vec(),
        Way::ResponseFile | Way::WindowsResponseFile => {
            let windows = way == Way::WindowsResponseFile;
            let quoted = objects.iter().map(|file| format!("\"{}\"", file.display()));
            let text: Vec<_> = quoted.collect();
            work.write(&format!("group{number}.rsp"), text.join("\n"));
            // The last word on quoting counts for all of them, and here both read the same.
            let style = if windows { "windows" } else { "posix" };
            args![
                format!("--rsp-quoting={style}"),
                format!("@group{number}.rsp")
            ]
            .to_vec()
        }
    }
}

/// Objects with every kind of symbol, for one size of addresses.
fn pool(work: &Work, bits: u32) -> Vec<PathBuf> {
    let target = format!("--target=wasm{bits}-unknown-unknown");
    let compile = |compiler: &str, name: &str, language: &str, source: &str, more: &[&str]| {
        let more: Vec<&str> = [target.as_str()].iter().chain(more).copied().collect();
        work.compile(compiler, &format!("{name}{bits}"), language, source, &more)
    };
    let c = |name: &str, source: &str, more: &[&str]| compile("WSL_CLANG", name, "c", source, more);
    let mut objects = vec![
        c(
            "weak",
            "__attribute__((weak)) int pick(void) { return 1; } int one(void) { return pick(); }",
            &[],
        ),
        c(
            "strong",
            "int pick(void) { return 2; } extern int maybe(void) __attribute__((weak)); int two(void) { return maybe ? maybe() : 0; }",
            &[],
        ),
        c(
            "alias",
            "int real(void) { return 3; } int alias(void) __attribute__((alias(\"real\"))); static int hidden = 4; extern int same __attribute__((alias(\"hidden\")));",
            &[],
        ),
        c(
            "init",
            "int ready; __attribute__((constructor(200))) static void early(void) { ready += 1; } __attribute__((constructor)) static void late(void) { ready *= 3; } int is_ready(void) { return ready; }",
            &[],
        ),
        c(
            "strings",
            "const char *first(void) { return \"a shared text\"; } const char *second(void) { return \"shared text\"; }",
            &["-g"],
        ),
        c(
            "more_strings",
            "const char *third(void) { return \"shared text\"; }",
            &["-Os"],
        ),
        c(
            "tls",
            "_Thread_local int local = 5; _Thread_local int zero; int *where(void) { return &local + zero; }",
            &["-matomics", "-mbulk-memory"],
        ),
        c(
            "pic",
            "extern int ready; int shared = 6; int *address(void) { return &shared; } int read(void) { return ready; }",
            &["-fPIC", "-fvisibility=default"],
        ),
        c(
            "bss",
            "int many[100]; static int few[3]; int sum(int i) { few[i] += many[i]; return few[0]; }",
            &["-fdata-sections"],
        ),
        c(
            "unknown",
            "int nowhere(void); int calls(void) { return nowhere(); }",
            &[],
        ),
        c(
            "different",
            "void pick(int); void misuse(void) { pick(1); }",
            &[],
        ),
        c(
            "retained",
            "__attribute__((section(\"own\"), used)) static int kept = 7; __attribute__((export_name(\"out\"))) int out(void) { return 8; }",
            &[],
        ),
        c(
            "imported",
            "__attribute__((import_module(\"host\"), import_name(\"give\"))) int give(int); int take(void) { return give(9); }",
            &[],
        ),
        compile(
            "WSL_CLANGXX",
            "comdat",
            "cc",
            "inline int counter() { static int n = 10; return n++; } template <class T> T some = T(11); int a() { return counter() + some<int>; }",
            &[],
        ),
        compile(
            "WSL_CLANGXX",
            "comdat_again",
            "cc",
            "inline int counter() { static int n = 10; return n++; } template <class T> T some = T(11); struct S { virtual ~S() {} virtual int v() { return some<short>; } }; int b() { S s; return counter() + s.v(); }",
            &["-g"],
        ),
        compile("WSL_CLANG", "assembly", "s", ASSEMBLY, &[]),
    ];
    objects.push(work.write(&format!("encoded{bits}.o"), encoded(bits == 64)));
    objects
}

/// Globals, a table, a tag, and custom sections with relocations and without.
const ASSEMBLY: &str = r#"
    .globaltype mutable_global, i32
    .globl mutable_global
mutable_global:
    .tabletype own_table, funcref
    .globl own_table
own_table:
    .tagtype thrown i32
    .globl thrown
thrown:
    .functype uses_all () -> (i32)
    .section .text.uses_all,"",@
    .globl uses_all
uses_all:
    .functype uses_all () -> (i32)
    global.get mutable_global
    end_function
    .section .custom_section.described,"",@
    .int32 uses_all
    .section .custom_section.bytes,"",@
    .ascii "only bytes"
"#;

/// An object by hand: numbers as short as they can be, and no names but those that must be.
fn encoded(memory64: bool) -> Vec<u8> {
    use wasm_encoder::{
        ConstExpr, DataSection, DataSymbolDefinition, EntityType, ImportSection, LinkingSection,
        MemoryType, Module, SymbolTable,
    };
    let mut module = Module::new();
    let mut imports = ImportSection::new();
    let memory = MemoryType {
        minimum: 1,
        maximum: None,
        memory64,
        shared: false,
        page_size_log2: None,
    };
    imports.import("env", "__linear_memory", EntityType::Memory(memory));
    module.section(&imports);
    let mut data = DataSection::new();
    let zero = match memory64 {
        true => ConstExpr::i64_const(0),
        false => ConstExpr::i32_const(0),
    };
    data.active(0, &zero, *b"by hand\0");
    module.section(&data);
    let mut symbols = SymbolTable::new();
    let place = |offset, size| DataSymbolDefinition {
        index: 0,
        offset,
        size,
    };
    symbols.data(0, "by_hand", Some(place(0, 8)));
    symbols.data(
        SymbolTable::WASM_SYM_BINDING_WEAK,
        "hand",
        Some(place(3, 4)),
    );
    symbols.data(
        SymbolTable::WASM_SYM_UNDEFINED | SymbolTable::WASM_SYM_BINDING_WEAK,
        "no_hand",
        None,
    );
    symbols.data(SymbolTable::WASM_SYM_BINDING_LOCAL, "", Some(place(8, 0)));
    let mut linking = LinkingSection::new();
    linking.symbol_table(&symbols);
    module.section(&linking);
    module.finish()
}

/// Flags, each in the spellings that it has.
const FLAGS: &[&[&[&str]]] = &[
    &[&["--no-entry"]],
    &[&["--export-all"]],
    &[&["--allow-undefined"], &["-allow-undefined"]],
    &[&["--no-gc-sections"], &["-no-gc-sections"]],
    &[&["-S"], &["--strip-debug"], &["-strip-debug"]],
    &[&["-s"], &["--strip-all"]],
    &[&["--emit-relocs"], &["-q"]],
    &[&["-O2"], &["-O", "2"], &["-O0"]],
    &[&["--export=one"], &["--export", "one"], &["-export=one"]],
    &[
        &["--export-if-defined=pick"],
        &["--export-if-defined", "pick"],
    ],
    &[&["--undefined=two"], &["-u", "two"], &["-utwo"]],
    &[&["-z", "stack-size=65536"], &["-zstack-size=65536"]],
    &[&["--global-base=2048"]],
    &[&["--initial-memory=1048576"], &["--stack-first"]],
    &[&["--no-demangle"], &["--demangle"]],
    &[&["-y", "pick"], &["--trace-symbol=pick"], &["-ypick"]],
    &[&["--wrap=pick"], &["-wrap", "pick"]],
    &[&["--print-gc-sections"]],
    &[&["--trace"], &["-t"]],
    &[
        &["--error-limit=0"],
        &["--error-limit", "1"],
        &["-error-limit=3"],
    ],
    &[&["--export-table"], &["--growable-table"]],
    &[&["--import-memory"], &["--export-memory"]],
    &[&["--no-merge-data-segments"]],
    &[
        &["--fatal-warnings"],
        &["-fatal-warnings"],
        &["--no-fatal-warnings"],
    ],
    &[
        &["--features=mutable-globals,atomics,bulk-memory"],
        &["--no-check-features"],
    ],
    &[
        &["-r"],
        &["--relocatable"],
        &["-shared"],
        &["--pie"],
        &["--experimental-pic"],
    ],
    &[&["--lost-option"], &["-o"], &["lost.o"], &["-llost"]],
    &[&["-m", "wasm64"], &["-mwasm64"], &["-mwasm32"]],
];

/// A link without marks: groups of objects, and flags between them.
#[derive(Debug, Clone)]
struct Plain {
    wasm64: bool,
    groups: Vec<(Way, Vec<Index>)>,
    /// Each at a place.
    flags: Vec<(Index, &'static [&'static str])>,
    backend: Index,
}

fn plain() -> impl Strategy<Value = Plain> {
    let group = (
        select(&WAYS[..]),
        prop::collection::vec(any::<Index>(), 1..4),
    );
    // What makes the link fail is rarer than what does not.
    let common = (0..FLAGS.len() - 3, any::<Index>(), any::<Index>());
    let rare = (FLAGS.len() - 3..FLAGS.len(), any::<Index>(), any::<Index>());
    let place = |(flag, spelling, place): (usize, Index, Index)| {
        let spellings: &'static [&'static [&'static str]] = FLAGS[flag];
        (place, *spelling.get(spellings))
    };
    let flags = (
        prop::collection::vec(common.prop_map(place), 0..6),
        prop::option::weighted(0.25, rare.prop_map(place)),
    );
    let groups = prop::collection::vec(group, 1..5);
    (prop::bool::weighted(0.25), groups, flags, any::<Index>()).prop_map(
        |(wasm64, groups, (mut flags, rare), backend)| {
            flags.extend(rare);
            Plain {
                wasm64,
                groups,
                flags,
                backend,
            }
        },
    )
}

impl Plain {
    fn words(&self, work: &Work, pool: &[PathBuf]) -> Vec<OsString> {
        let mut parts: Vec<Vec<OsString>> = vec![args!["--no-entry"].to_vec()];
        // An object is linked once: that it is there twice is for the last of the groups to try.
        let mut taken = BTreeSet::new();
        for (number, (way, indices)) in self.groups.iter().enumerate() {
            let indices = indices.iter().map(|index| index.index(pool.len()));
            let fresh = indices.filter(|&index| number == 3 || taken.insert(index));
            let objects: Vec<PathBuf> = fresh.map(|index| pool[index].clone()).collect();
            if !objects.is_empty() {
                parts.push(words(work, number, *way, &objects));
            }
        }
        if self.wasm64 {
            parts.push(args!["-mwasm64"].to_vec());
        }
        for (place, flag) in &self.flags {
            parts.insert(
                place.index(parts.len() + 1),
                flag.iter().map(OsString::from).collect(),
            );
        }
        parts.concat()
    }
}

#[test]
fn with_nothing_marked_the_link_is_the_backends_own() {
    let work = Work::new();
    let pools = [pool(&work, 32), pool(&work, 64)];
    let (linked, failed) = (Cell::new(0), Cell::new(0));
    let mut runner = runner();
    let checked = runner.run(&plain(), |job| {
        let backend = &job.backend.get(&linkers()).clone();
        let words = job.words(&work, &pools[usize::from(job.wasm64)]);
        let link = |command: &mut Command| {
            let _ = fs::remove_file(work.file("out.wasm"));
            let linked = work.link_by(command, &words);
            let module = fs::read(&linked.output).ok();
            (linked.status, linked.stdout, linked.stderr, module)
        };
        let theirs = link(&mut Command::new(backend));
        let ours = link(Command::new(linker()).env("WASM_SECTION_LD_LINKER", backend));
        let what = format!("{} {words:?}", backend.display());
        let mut anew = Command::new(linker());
        anew.env("WASM_SECTION_LD_LINKER", backend)
            .env("WASM_SECTION_LD_REENCODE", "1");
        let anew = link(&mut anew);
        if theirs.0.is_none() {
            // The backend crashed, and says at which addresses: 19 does by `--wrap` with
            // `--export-all`.
            let crashed = ours.0.is_none() && anew.0.is_some_and(|status| status > 128);
            prop_assert!(crashed, "{what}\n{ours:?}\n{anew:?}");
            return Ok(());
        }
        prop_assert!(same(&ours, &theirs), "{what}\n{ours:?}\n{theirs:?}");
        prop_assert!(
            same_link(&anew, &theirs) || theirs.2.contains("unknown argument"),
            "anew: {what}\n{anew:?}\n{theirs:?}"
        );
        let count = if theirs.0 == Some(0) {
            &linked
        } else {
            &failed
        };
        count.set(count.get() + 1);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read_dir(work.file("tmp")).expect("tmp").count(), 0);
    // Of both there must be some, or this tests nothing.
    assert!(
        linked.get() > 2 && failed.get() > 0,
        "{linked:?} {failed:?}"
    );
}

type Done = (Option<i32>, String, String, Option<Vec<u8>>);

/// The same or, where we find first what is wrong with an input, an error that is among the
/// backend's, in our name: what else it says then, and what we say of it more, does not count.
fn same(ours: &Done, theirs: &Done) -> bool {
    let error = ours.2.strip_prefix("wasm-section-ld: error: ");
    let error = error.and_then(|error| error.lines().next());
    let refused = error.is_some_and(|error| theirs.2.lines().any(|line| line.ends_with(error)));
    ours == theirs || ours.0 == Some(1) && refused && same_link(ours, theirs)
}

/// The same but for messages, which may speak of sizes and offsets in the inputs.
fn same_link(ours: &Done, theirs: &Done) -> bool {
    (ours.0, &ours.3) == (theirs.0, &theirs.3)
}

/// An entry of an object, of the section NUMBERS, with its number.
#[derive(Debug, Clone)]
enum Entry {
    /// A marked symbol of that key.
    Mark(&'static str, bool),
    /// A marked weak symbol that other objects may define too.
    Weak(u8),
    /// In a data segment named NUMBERS.
    Segment,
    /// In a custom section.
    Custom,
}

/// An object of a marked link.
#[derive(Debug, Clone)]
struct Marked {
    entries: Vec<Entry>,
    /// An entry of POINTERS for its function.
    pointer: bool,
    /// The function of this object that its own one calls.
    calls: Option<Index>,
}

#[derive(Debug, Clone)]
struct Job {
    objects: Vec<Marked>,
    /// Where the groups of objects end, and how each group is linked.
    ways: Vec<(usize, Way)>,
    flags: Vec<&'static str>,
    backend: Index,
}

fn job() -> impl Strategy<Value = Job> {
    let entry = prop_oneof![
        3 => (select(&["", "", "a", "b", "b0"][..]), any::<bool>()).prop_map(|(key, local)| Entry::Mark(key, local)),
        1 => (0..3_u8).prop_map(Entry::Weak),
        1 => Just(Entry::Segment),
        1 => Just(Entry::Custom),
    ];
    let object = (
        prop::collection::vec(entry, 0..4),
        any::<bool>(),
        prop::option::of(any::<Index>()),
    )
        .prop_map(|(entries, pointer, calls)| Marked {
            entries,
            pointer,
            calls,
        });
    let flags = prop::sample::subsequence(
        vec![
            "--no-gc-sections",
            "--strip-all",
            "--emit-relocs",
            "-O2",
            "--no-merge-data-segments",
            "--stack-first",
        ],
        0..3,
    );
    let ways = prop::collection::vec((1..4_usize, select(&WAYS[..])), 6);
    (
        prop::collection::vec(object, 1..6),
        ways,
        flags,
        any::<Index>(),
    )
        .prop_map(|(objects, ways, flags, backend)| Job {
            objects,
            ways,
            flags,
            backend,
        })
}

const OWN: u32 = 1_000;

impl Marked {
    fn number(object: usize, entry: usize) -> u32 {
        (object * 100 + entry + 1) as u32
    }

    /// Which function is called: of an object before, so that calls end.
    fn callee(&self, object: usize) -> Option<usize> {
        self.calls
            .filter(|_| object > 0)
            .map(|index| index.index(object))
    }

    fn source(&self, object: usize) -> String {
        let callee = self.callee(object);
        let mut text = String::new();
        if let Some(callee) = callee {
            text += &format!(".functype f{callee} () -> (i32)\n");
        }
        let call = callee.map_or(String::new(), |callee| format!("call f{callee}\ni32.add\n"));
        let own = OWN + object as u32;
        text += &format!(
            ".functype f{object} () -> (i32)\n.section .text.f{object},\"\",@\n.globl f{object}\n\
             f{object}:\n.functype f{object} () -> (i32)\ni32.const 0\ni32.load own\n{call}end_function\n\
             .section .data.own,\"\",@\n.p2align 2\nown:\n.int32 {own}\n.size own, 4\n"
        );
        for (position, entry) in self.entries.iter().enumerate() {
            let number = Self::number(object, position);
            let mark = |symbol: &str, binding: &str| {
                format!(
                    ".section .data.entry{position},\"\",@\n.p2align 2\n{binding}\n\
                     \"{symbol}\":\n.int32 {number}\n.size \"{symbol}\", 4\n"
                )
            };
            text += &match entry {
                Entry::Mark(key, local) => {
                    let symbol = format!("__link_section__NUMBERS${key}${object}.{position}");
                    let binding = if *local {
                        String::new()
                    } else {
                        format!(".globl \"{symbol}\"")
                    };
                    mark(&symbol, &binding)
                }
                Entry::Weak(name) => {
                    let symbol = format!("__link_section__NUMBERS$$weak{name}");
                    mark(&symbol, &format!(".weak \"{symbol}\""))
                }
                Entry::Segment => format!(".section NUMBERS,\"\",@\n.p2align 2\n.int32 {number}\n"),
                Entry::Custom => {
                    format!(".section .custom_section.NUMBERS,\"\",@\n.int32 {number}\n")
                }
            };
        }
        if self.pointer {
            text += &format!(
                ".section .data.pointer,\"\",@\n.p2align 2\n\
                 \"__link_section__POINTERS$${object}\":\n.int32 f{object}\n.size \"__link_section__POINTERS$${object}\", 4\n"
            );
        }
        text
    }

    /// Whether one weak symbol is there twice, which assemblers refuse.
    fn is_impossible(&self) -> bool {
        let mut weak = BTreeSet::new();
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::Weak(name) if !weak.insert(*name)))
    }
}

impl Job {
    /// What is in NUMBERS: what has no key in link order, then what has one, sorted.
    fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut weak = BTreeSet::new();
        for (object, marked) in self.objects.iter().enumerate() {
            let has_segment = marked
                .entries
                .iter()
                .any(|entry| matches!(entry, Entry::Segment));
            // All of a segment, and all of a custom section, is one entry: the first is its place,
            // and custom sections come after the data.
            let mut in_segment = Vec::new();
            let mut own: Vec<(&str, Vec<u32>)> = Vec::new();
            let mut segment = None;
            let mut custom = Vec::new();
            for (position, entry) in marked.entries.iter().enumerate() {
                let number = Marked::number(object, position);
                match entry {
                    Entry::Mark(key, _) => own.push((key, vec![number])),
                    Entry::Weak(name) if weak.insert(*name) => own.push(("", vec![number])),
                    Entry::Weak(_) => {}
                    Entry::Segment => {
                        segment.get_or_insert_with(|| {
                            own.push(("", Vec::new()));
                            own.len() - 1
                        });
                        in_segment.push(number);
                    }
                    Entry::Custom if has_segment => {}
                    Entry::Custom => custom.push(number),
                }
            }
            if let Some(segment) = segment {
                own[segment].1 = in_segment;
            }
            own.push(("", custom));
            numbers.extend(own);
        }
        numbers.sort_by_key(|(key, _)| *key);
        numbers
            .into_iter()
            .flat_map(|(_, numbers)| numbers)
            .collect()
    }

    /// What the function of an object gives.
    fn result(&self, object: usize) -> u32 {
        let callee = self.objects[object].callee(object);
        OWN + object as u32 + callee.map_or(0, |callee| self.result(callee))
    }

    /// Which objects are given how.
    fn groups(&self) -> Vec<(Way, Vec<usize>)> {
        let mut rest: Vec<usize> = (0..self.objects.len()).collect();
        let mut groups = Vec::new();
        for &(size, way) in &self.ways {
            let group: Vec<usize> = rest.drain(..size.min(rest.len())).collect();
            if !group.is_empty() {
                groups.push((way, group));
            }
        }
        groups
    }
}

fn exports(linked: &Linked) -> BTreeSet<String> {
    let names = Instance::new(&linked.module()).exports().into_iter();
    names.filter(|name| !name.starts_with("__st")).collect()
}

#[test]
fn marked_entries_are_the_arrays_that_the_model_says_and_all_else_is_as_it_was() {
    let work = Work::new();
    let entries = Cell::new(0);
    let mut runner = runner();
    let checked = runner.run(&job(), |job| {
        prop_assume!(!job.objects.iter().any(Marked::is_impossible));
        let objects = job.objects.iter().enumerate();
        let objects: Vec<PathBuf> = objects
            .map(|(object, marked)| work.asm(&format!("object{object}"), &marked.source(object)))
            .collect();
        let mut line: Vec<OsString> = job.flags.iter().map(OsString::from).collect();
        line.extend(args!["--no-entry", "--export-table"]);
        let mut called = Vec::new();
        for (number, (way, group)) in job.groups().into_iter().enumerate() {
            let files: Vec<_> = group
                .iter()
                .map(|&object| objects[object].clone())
                .collect();
            line.extend(words(&work, number, way, &files));
            if way.is_always() {
                line.extend(
                    group
                        .iter()
                        .map(|object| format!("--export=f{object}").into()),
                );
                called.extend(group);
            }
        }
        // The older two do not know `--start-lib`.
        let backends: Vec<_> = linkers().into_iter().skip(2).collect();
        let backend = job.backend.get(&backends);
        let plain = work.plain_link(backend, &line);
        let numbers = job.numbers();
        let pointers: Vec<usize> = (0..objects.len())
            .filter(|&at| job.objects[at].pointer)
            .collect();
        let mut ours = line.clone();
        ours.push("--gather=NUMBERS".into());
        if !numbers.is_empty() {
            ours.extend(export_section("NUMBERS").map(OsString::from));
        }
        if !pointers.is_empty() {
            ours.extend(export_section("POINTERS").map(OsString::from));
        }
        let linked = work.link_with(backend, &ours);
        let what = format!("{} {ours:?}\n{}", backend.display(), linked.stderr);
        prop_assert_eq!(plain.status, Some(0), "{}\n{}", what, plain.stderr);
        prop_assert_eq!(linked.status, Some(0), "{}", what);
        let module = linked.module();
        work.run(tool("WSL_WASM_VALIDATE"), args![linked.output]);
        let mut instance = Instance::new(&module);
        if !numbers.is_empty() {
            prop_assert_eq!(instance.words("NUMBERS"), numbers.clone(), "{}", what);
        }
        if !pointers.is_empty() {
            let found = instance.words("POINTERS");
            prop_assert_eq!(found.len(), pointers.len(), "{}", what);
            for (pointer, &object) in found.into_iter().zip(&pointers) {
                let result = instance.call_pointer(pointer, &[]);
                prop_assert_eq!(result as u32, job.result(object), "{}", what);
            }
        }
        for &object in &called {
            let result = instance.call(&format!("f{object}"), &[]);
            prop_assert_eq!(result as u32, job.result(object), "{}", what);
        }
        prop_assert_eq!(exports(&linked), exports(&plain), "{}", what);
        entries.set(entries.get() + numbers.len());
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert!(entries.get() > 20, "{entries:?}");
}
