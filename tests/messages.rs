//! "Messages are the backend's own; where they would show a temporary file, they show the input it
//! stands for."

use crate::args;
use crate::support::{Linked, Work, linkers, tool};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The entries point to functions of the program, to one that nothing else refers to, and to a
/// function and a variable that are private to the object.
const PLUGIN: &str = r#"
    typedef int (*Hook)(int);
    int callback(int x);
    static int secret = 5;
    static int helper(int x) { return x + secret++; }
    int dead(void) { return 3; }
    Hook by_name __asm__("__link_section__HOOKS$$by_name") = callback;
    static Hook private_hook __asm__("__link_section__HOOKS$$private") __attribute__((used)) = helper;
    int *pointer __asm__("__link_section__POINTERS$$pointer") = &secret;
"#;
const CALLBACK: &str = "int callback(int x) { return x; }";
const MAIN: &str = r#"
    typedef int (*Hook)(int);
    extern const Hook start[] __asm__("__start_HOOKS"), stop[] __asm__("__stop_HOOKS");
    extern int *const pointers[] __asm__("__start_POINTERS");
    int run(int x) {
        for (const Hook *hook = start; hook != stop; hook++) x += (*hook)(x);
        return x + *pointers[0];
    }
"#;

/// How an object comes into a link.
#[derive(Debug, Clone, Copy)]
enum As {
    File,
    Member,
    WholeArchive,
}

const EVERY_WAY: [As; 3] = [As::File, As::Member, As::WholeArchive];

impl As {
    /// The words that name it, and its name for people.
    fn words(self, work: &Work, name: &str) -> (Vec<OsString>, String) {
        let (object, archive) = (format!("{name}.o"), format!("lib{name}.a"));
        if !matches!(self, As::File) {
            work.archive(&archive, &[Path::new(&object)]);
        }
        let member = format!("{archive}({object})");
        match self {
            As::File => (args![object].to_vec(), object),
            As::Member => (args![archive].to_vec(), member),
            As::WholeArchive => {
                let words = args!["--whole-archive", archive, "--no-whole-archive"];
                (words.to_vec(), member)
            }
        }
    }
}

fn compile(work: &Work, name: &str, source: &str) {
    work.c_with(name, source, &["-ffunction-sections", "-fdata-sections"]);
}

/// Nothing that is ours alone is in a text.
fn assert_clean(work: &Work, text: &str) {
    let temporary = work.file("tmp").display().to_string();
    for ours in [&*temporary, "wasm-section-ld-", "..section.", "..gathered"] {
        assert!(!text.contains(ours), "{ours} is in:\n{text}");
    }
}

/// The errors of a link that fails, without the program's name.
fn errors(work: &Work, linked: &Linked) -> Vec<String> {
    assert_clean(work, linked.error());
    let lines = linked.stderr.lines();
    lines
        .map(|line| match line.split_once(": error: ") {
            Some((_, message)) => message.to_owned(),
            None => line.to_owned(),
        })
        .collect()
}

#[test]
fn an_undefined_symbol_is_reported_with_the_input_whose_entry_refers_to_it() {
    let work = Work::new();
    compile(&work, "plugin", PLUGIN);
    compile(&work, "main", MAIN);
    for backend in linkers() {
        for way in EVERY_WAY {
            let (plugin, name) = way.words(&work, "plugin");
            let words = args!["main.o", "--no-entry", "--export=run"];
            let linked = work.link_with(&backend, words.into_iter().chain(plugin));
            let expected = format!("{name}: undefined symbol: callback");
            let errors: BTreeSet<_> = errors(&work, &linked).into_iter().collect();
            assert_eq!(errors, BTreeSet::from([expected]), "{way:?}");
        }
    }
}

#[test]
fn an_undefined_symbol_of_rust_or_of_cpp_is_too() {
    let work = Work::new();
    let mangled = [
        ("_ZN5space8callbackEPKc", "space::callback(char const*)"),
        ("_RNvCs1234_5crate8callback", "crate::callback"),
        (
            "_ZN5crate8callback17h0123456789abcdefE",
            "crate::callback::h0123456789abcdef",
        ),
    ];
    compile(&work, "main", &MAIN.replace("*pointers[0]", "0"));
    for (symbol, demangled) in mangled {
        let source = PLUGIN.replace("int callback(int x)", "int callback(int) __asm__(NAME)");
        let name = format!("#define NAME \"{symbol}\"\n");
        compile(&work, "plugin", &(name + &source));
        for (option, shown) in [("--demangle", demangled), ("--no-demangle", symbol)] {
            let linked = work.link(args![
                "main.o",
                "plugin.o",
                "--no-entry",
                "--export=run",
                option
            ]);
            let errors: BTreeSet<_> = errors(&work, &linked).into_iter().collect();
            let expected = format!("plugin.o: undefined symbol: {shown}");
            assert_eq!(errors, BTreeSet::from([expected]));
        }
    }
}

#[test]
fn a_duplicate_symbol_is_reported_with_the_inputs_that_define_it() {
    let work = Work::new();
    compile(
        &work,
        "entry",
        r#"
        __attribute__((section("NUMBERS"))) int number = 1;
        int other __asm__("__link_section__NUMBERS$$other") = 2;
        "#,
    );
    compile(&work, "clash", "int number = 3;");
    for backend in linkers() {
        // A member is not linked for what another input defines.
        for way in [As::File, As::WholeArchive] {
            let (entry, name) = way.words(&work, "entry");
            let names = [name, "clash.o".to_owned()];
            let clash = args!["clash.o"].to_vec();
            for (inputs, [first, second]) in [
                ([entry.clone(), clash.clone()], names.clone()),
                ([clash, entry], [names[1].clone(), names[0].clone()]),
            ] {
                let words = args!["--no-entry", "--export=__start_NUMBERS"];
                let words = words.into_iter().chain(inputs.concat());
                let linked = work.link_with(&backend, words);
                assert_eq!(
                    errors(&work, &linked),
                    [
                        "duplicate symbol: number".to_owned(),
                        format!(">>> defined in {first}"),
                        format!(">>> defined in {second}"),
                    ],
                    "{way:?}"
                );
            }
        }
    }
}

#[test]
fn two_marks_of_one_name_are_a_duplicate_symbol() {
    let work = Work::new();
    let source = r#"int x __asm__("__link_section__X$$same") = 1;"#;
    compile(&work, "one", source);
    compile(&work, "two", source);
    let (one, _) = As::WholeArchive.words(&work, "one");
    let linked = work.link(one.into_iter().chain(args!["two.o", "--no-entry"]));
    assert_eq!(
        errors(&work, &linked),
        [
            "duplicate symbol: __link_section__X$$same",
            ">>> defined in libone.a(one.o)",
            ">>> defined in two.o"
        ]
    );
}

/// What is printed for each option that shows files, on standard output or to files.
const REPORTS: [&str; 8] = [
    "--trace",
    "--print-gc-sections",
    "--Map=map.txt",
    "--why-extract=why.txt",
    "--trace-symbol=callback",
    "--trace-symbol=dead",
    "--trace-symbol=__link_section__HOOKS$$by_name",
    "--verbose",
];

#[test]
fn no_report_shows_what_is_ours_alone() {
    let work = Work::new();
    compile(&work, "plugin", PLUGIN);
    compile(&work, "callback", CALLBACK);
    compile(&work, "main", MAIN);
    // The oldest linker does not know all of these.
    let knows_all = |backend: &PathBuf| work.run(backend, ["--help"]).contains("--why-extract");
    let backends: Vec<_> = linkers().into_iter().filter(knows_all).collect();
    assert!(!backends.is_empty());
    for backend in &backends {
        for way in EVERY_WAY {
            for gc in ["--gc-sections", "--no-gc-sections"] {
                let (plugin, name) = way.words(&work, "plugin");
                let (callback, _) = As::Member.words(&work, "callback");
                let words = args!["main.o", "--no-entry", "--export=run", gc];
                let words = words.into_iter().chain(plugin).chain(callback);
                let linked = work.link_with(backend, words.chain(REPORTS.map(OsString::from)));
                assert_eq!(linked.status, Some(0), "{}", linked.stderr);
                for file in ["map.txt", "why.txt"] {
                    let text = fs::read_to_string(work.file(file)).expect("a report");
                    assert_clean(&work, &text);
                }
                assert_clean(&work, &linked.stdout);
                assert_clean(&work, &linked.stderr);
                let said = |line: &str| {
                    let mut lines = linked.stdout.lines().chain(linked.stderr.lines());
                    assert!(lines.any(|said| said.ends_with(line)), "{line}: {linked:?}");
                };
                said(&name);
                said(&format!("{name}: reference to callback"));
                said(&format!(
                    "{name}: definition of __link_section__HOOKS$$by_name"
                ));
                said("libcallback.a(callback.o): definition of callback");
                if gc == "--gc-sections" {
                    said(&format!("removing unused section {name}:(dead)"));
                }
                let why = fs::read_to_string(work.file("why.txt")).expect("a report");
                let reason = format!("{name}\tlibcallback.a(callback.o)\tcallback");
                assert!(why.lines().any(|line| line == reason), "{why}");
            }
        }
    }
}

#[test]
fn a_map_shows_the_array_its_symbols_and_the_inputs_of_the_rest() {
    let work = Work::new();
    compile(&work, "plugin", PLUGIN);
    compile(&work, "callback", CALLBACK);
    compile(&work, "main", MAIN);
    let (plugin, name) = As::Member.words(&work, "plugin");
    let words = args!["main.o", "callback.o", "--no-entry", "--export=run"];
    let words: Vec<_> = words.into_iter().chain(plugin).collect();
    let to_stdout = work
        .link(words.iter().cloned().chain(args!["--print-map"]))
        .stdout;
    for option in [&["--Map=map.txt"][..], &["-Map", "map.txt"]] {
        let _ = fs::remove_file(work.file("map.txt"));
        let option = option.iter().map(OsString::from);
        work.link(words.iter().cloned().chain(option)).silent();
        let map = fs::read_to_string(work.file("map.txt")).expect("a map");
        assert_eq!(map, to_stdout);
    }
    let shown: BTreeSet<&str> = to_stdout
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    let helper = format!("{name}:(helper)");
    for expected in [
        "__start_HOOKS",
        "__stop_HOOKS",
        "__link_section__HOOKS$$by_name",
        "__link_section__HOOKS$$private",
        "__link_section__POINTERS$$pointer",
        helper.as_str(),
        "secret",
        "main.o:(run)",
    ] {
        assert!(
            shown.contains(expected),
            "{expected} is not in:\n{to_stdout}"
        );
    }
    assert_clean(&work, &to_stdout);
}

#[test]
fn reports_are_the_backends_own_but_for_the_array() {
    let work = Work::new();
    compile(&work, "plugin", PLUGIN);
    compile(&work, "callback", CALLBACK);
    // Nothing reads the arrays: without them, nothing of the plugin is used.
    compile(
        &work,
        "main",
        "int callback(int x); int run(void) { return callback(1); }",
    );
    for backend in linkers() {
        for way in [As::File, As::WholeArchive] {
            let (plugin, _) = way.words(&work, "plugin");
            let (callback, _) = As::Member.words(&work, "callback");
            let words = args!["main.o", "--no-entry", "--export=run", "--trace"];
            let words = words.into_iter().chain(plugin).chain(callback);
            let words: Vec<_> = words.chain(args!["--print-gc-sections"]).collect();
            let report = |linked: Linked| {
                linked.silent();
                let all = linked.stdout.lines().map(str::to_owned);
                // These move or are gone: entries, and what says so.
                let entry = |line: &String| {
                    line.contains("__link_section__") || line.contains("<link sections>")
                };
                all.filter(|line| !entry(line)).collect::<BTreeSet<_>>()
            };
            let theirs = report(work.plain_link(&backend, &words));
            let ours = report(work.link_with(&backend, &words));
            // RETAIN kept them.
            let gone = |name: &str| {
                let name = name.to_owned();
                move |line: &&String| line.ends_with(&format!(":({name})"))
            };
            let more: Vec<_> = ours.difference(&theirs).collect();
            assert!(
                more.iter()
                    .all(|line| gone("helper")(line) || gone(".data.secret")(line)),
                "{more:?}"
            );
            let fewer: Vec<_> = theirs.difference(&ours).collect();
            assert!(fewer.is_empty(), "{fewer:?}");
        }
    }
}

#[test]
fn names_in_messages_do_not_depend_on_the_directory_of_temporary_files() {
    let work = Work::new();
    compile(&work, "plugin", PLUGIN);
    compile(&work, "main", MAIN);
    for directory in ["tmp", "./tmp", "tmp/", "a b.o"] {
        fs::create_dir_all(work.file(directory)).expect("a directory");
        let mut command = std::process::Command::new(crate::support::linker());
        command
            .args([
                "main.o",
                "plugin.o",
                "--no-entry",
                "--export=run",
                "-o",
                "out.wasm",
            ])
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .env("TMPDIR", directory)
            .current_dir(work.path());
        let output = command.output().expect("our linker");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(
            stderr.contains("error: plugin.o: undefined symbol: callback"),
            "{stderr}"
        );
        assert!(!stderr.contains("wasm-section-ld-"), "{stderr}");
    }
}

#[test]
fn the_log_says_what_was_decided() {
    const TABLE: &str = r#"
        __attribute__((section("TABLE"), used)) static const int table[] = {1, 2, 3};
        extern const int start[] __asm__("__start_TABLE");
        int first(void) { return start[0]; }
    "#;
    const ENTRY: &str = r#"int entry __asm__("__link_section__NUMBERS$$entry") = 7;"#;
    let work = Work::new();
    let table = work.c("table", TABLE);
    let plain = work.c("plain", "int f(void) { return 1; }");
    let library = work.archive("libentry.a", &[&work.c("entry", ENTRY)]);
    let log = |level: &str, objects: &[&Path]| {
        let words = objects.iter().map(|object| object.as_os_str());
        work.log(level, words.chain(["--no-entry".as_ref()]))
    };
    let backend = tool("WSL_WASM_LD");
    let left = "TABLE: left to the linker, because all its entries are data segments of that name; \
                use --gather=TABLE to gather it\n";
    let nothing = "nothing to gather: the linker gets the original arguments\n";
    let which = format!("the linker is {}\n", backend.display());
    assert_eq!(log("info", &[&plain]), format!("{nothing}{which}"));
    assert_eq!(log("info", &[&table]), format!("{left}{nothing}{which}"));
    let gathered = "NUMBERS: 1 entry of 4 bytes from 1 object\n";
    assert_eq!(
        log("info", &[&table, &library]),
        format!("{gathered}{left}{which}")
    );
    let name = format!("{}(entry.o)", library.display());
    let detail = format!("         0 +4      `__link_section__NUMBERS$$entry` in {name}\n");
    assert_eq!(
        log("debug", &[&table, &library]),
        format!("{gathered}{detail}{left}{which}")
    );
    assert_eq!(log("", &[&table, &library]), "");
    // Rust's libraries are known by their names.
    let other =
        r#"int a __asm__("__link_section__NUMBERS$$a"), b __asm__("__link_section__NUMBERS$$b");"#;
    let other = work.c("other", other);
    let crates = ["one", "two"].map(|name| {
        let source = format!(r#"int {name} __asm__("__link_section__NUMBERS$${name}") = 1;"#);
        work.archive(
            &format!("lib{name}-0123456789abcdef.rlib"),
            &[&work.c(name, &source)],
        )
    });
    let gathered = "NUMBERS: 4 entries of 4 bytes from 2 crates and 1 object\n";
    let said = log("info", &[&other, &crates[0], &crates[1]]);
    assert_eq!(said, format!("{gathered}{which}"));
    let phases = |level: &str, objects: &[&Path]| {
        let text = log(level, objects);
        let name = |line: &str| Some(line.split_once(" ms  ")?.1.to_owned());
        Vec::from_iter(text.lines().filter_map(name))
    };
    let link = ["arguments", "inputs", "survey", "plan", "hoist"];
    let whole = [
        &link[..],
        &["files for the linker", "the linker", "reports", "all"],
    ]
    .concat();
    assert_eq!(phases("time", &[&library]), whole);
    assert_eq!(
        phases("info,time", &[&plain]),
        ["arguments", "inputs", "survey", "plan", "all"]
    );
}
