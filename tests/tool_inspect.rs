//! `wasm-sections inspect`: what it shows is what the sources say.

use crate::args;
use crate::support::module::{COMPONENT, CORE_MODULE, component};
use crate::support::tool::{said, wasm_sections};
use crate::support::{Work, reading, tool};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;

const PLUGINS: &str = r#"
    struct Plugin { const char *name; unsigned length; int (*run)(int); const int *table; };
    static const int numbers[] = { 1, 2, 3 };
    static int twice(int x) { return 2 * x; }
    struct Plugin one __asm__("__link_section__PLUGINS$10$one") = { "one and more", 3, twice, numbers + 1 };
    struct Plugin two __asm__("__link_section__PLUGINS$20$two") = { "two", 0, twice, 0 };
"#;

fn module(work: &Work) -> PathBuf {
    let object = work.c("object", PLUGINS);
    work.with_manifest("plugins.wasm", "PLUGINS", &[object])
}

fn section(report: &Value, module: usize, name: &str) -> Value {
    let sections = report["modules"][module]["sections"].as_array();
    let mut sections = sections.expect("sections").iter();
    let found = sections.find(|section| section["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {report}"))
        .clone()
}

#[test]
fn what_pointers_lead_to() {
    let work = Work::new();
    let said = work.sections(args!["inspect", module(&work), "--json"]);
    assert_eq!(said.status, 0);
    let plugins = section(&said.json(), 0, "PLUGINS");
    assert_eq!(plugins["source"], "manifest");
    assert_eq!(
        (&plugins["size"], &plugins["stride"]),
        (&json!(32), &json!(16))
    );
    let entry = &plugins["entries"][0];
    assert_eq!(entry["title"], "one");
    assert_eq!(entry["symbol"], "__link_section__PLUGINS$10$one");
    assert_eq!(
        (&entry["key"], &entry["file"]),
        (&json!("10"), &json!("object.o"))
    );
    assert_eq!(entry["address"], plugins["start"]);
    let pointers = entry["pointers"].as_array().expect("pointers");
    // A text with its length, a function through the table, data with an addend.
    assert_eq!(pointers[0]["text"], "one");
    assert_eq!(pointers[0]["text_end"], "next-word");
    assert_eq!(pointers[1]["function"], "twice");
    assert_eq!(
        (&pointers[2]["target"], &pointers[2]["addend"]),
        (&json!("numbers"), &json!(4))
    );
    let second = &plugins["entries"][1];
    // A length of 0 is none: the text ends at its NUL.
    assert_eq!(second["pointers"][0]["text"], "two");
    assert_eq!(second["pointers"][0]["text_end"], "nul");
    assert_eq!(second["pointers"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_table_for_people() {
    let work = Work::new();
    let module = module(&work);
    let said = work.sections(args!["inspect", module]);
    assert_eq!((said.status, said.errors.as_str()), (0, ""));
    let lines: Vec<_> = said
        .text
        .lines()
        .map(|line| line.split_whitespace())
        .collect();
    let lines: Vec<String> = lines
        .into_iter()
        .map(|words| words.collect::<Vec<_>>().join(" "))
        .collect();
    let start = lines
        .iter()
        .position(|line| line.starts_with("PLUGINS: 2 entries of 16 bytes at 0x"));
    let table = &lines[start.expect("the section") + 1..];
    assert_eq!(table[0], "# address size key entry from refers to");
    assert!(
        table[1].ends_with("16 10 one object.o \"one\""),
        "{table:?}"
    );
    assert_eq!(&table[2..4], ["fn twice", "&numbers+4"]);
    // No colours where nobody looks.
    assert!(!said.text.contains('\x1b'));
    let coloured = said_with_colours(&work);
    assert!(coloured.contains("\x1b[1mPLUGINS\x1b[0m"), "{coloured:?}");
}

fn said_with_colours(work: &Work) -> String {
    let mut command = wasm_sections(work);
    said(
        command
            .env("CLICOLOR_FORCE", "1")
            .args(["inspect", "plugins.wasm"]),
    )
    .text
}

#[test]
fn names_that_are_stripped_are_in_the_manifest() {
    let work = Work::new();
    let object = work.c("object", PLUGINS);
    let mut arguments = reading("PLUGINS", [object]);
    arguments.extend(["--section-manifest", "--strip-all"].map(Into::into));
    let module = work.link(arguments).silent();
    let said = work.sections(args![
        "inspect",
        work.write("stripped.wasm", module),
        "--json"
    ]);
    let plugins = section(&said.json(), 0, "PLUGINS");
    let function = &plugins["entries"][0]["pointers"][1];
    assert_eq!(function["target"], "twice");
    assert!(
        function["function"]
            .as_str()
            .is_some_and(|name| name.starts_with("function "))
    );
}

#[test]
fn what_was_collected_as_garbage() {
    let work = Work::new();
    let dead = work.c(
        "dead",
        r#"int dead __asm__("__link_section__DEAD$$dead") = 7;"#,
    );
    let object = work.c("object", PLUGINS);
    let module = work.with_manifest("dead.wasm", "PLUGINS", &[object, dead]);
    let said = work.sections(args!["inspect", module, "--json"]);
    let dead = section(&said.json(), 0, "DEAD");
    assert_eq!(
        (&dead["collected"], &dead["start"]),
        (&json!(true), &Value::Null)
    );
    let said = work.sections(args!["inspect", module]);
    assert!(
        said.text
            .contains("DEAD: 1 entry of 4 bytes, garbage-collected"),
        "{}",
        said.text
    );
}

#[test]
fn without_a_manifest_what_exports_and_names_tell() {
    let work = Work::new();
    let object = work.c("object", PLUGINS);
    let left = r#"
        static int once(int x) { return x; }
        struct { const char *name; int (*run)(int); } left __attribute__((section("LEFT"), used)) = { "left", once };
        extern int ends[] __asm__("__start_LEFT");
        __attribute__((export_name("f"))) int f(void) { return ends[0]; }
    "#;
    let left = work.c("left", left);
    let module = work.link(reading("PLUGINS", args![object, left])).silent();
    let module = work.write("plain.wasm", module);
    let said = work.sections(args!["inspect", module, "--json"]);
    assert_eq!(said.status, 0);
    let report = said.json();
    assert_eq!(report["modules"][0]["manifest"], false);
    let plugins = section(&report, 0, "PLUGINS");
    assert_eq!(
        (&plugins["source"], &plugins["size"]),
        (&json!("exports"), &json!(32))
    );
    assert_eq!(plugins["entries"], json!([]));
    let guesses = plugins["guesses"].as_array().expect("guesses");
    let found = guesses
        .iter()
        .map(|guess| (guess["text"].as_str(), guess["function"].as_str()));
    let expected = [
        (Some("one"), None),
        (None, Some("twice")),
        (Some("two"), None),
        (None, Some("twice")),
    ];
    assert_eq!(Vec::from_iter(found), expected);
    let left = section(&report, 0, "LEFT");
    assert_eq!(left["source"], "segment-name");
    assert_eq!(left["guesses"][0]["text"], "left");
    let said = work.sections(args!["inspect", module]);
    let hint = "There is no manifest: sections are known from exports and names of data segments";
    assert!(said.text.contains(hint) && said.text.contains("--section-manifest"));
}

/// Threads have their data in passive segments, which code puts into memory.
#[test]
fn segments_that_code_puts_into_memory() {
    let work = Work::new();
    let object = work.c_with("object", PLUGINS, &["-matomics", "-mbulk-memory"]);
    let mut arguments = reading("PLUGINS", [object]);
    let threads = [
        "--shared-memory",
        "--max-memory=1048576",
        "--section-manifest",
    ];
    arguments.extend(threads.map(Into::into));
    let module = work.link(arguments).silent();
    let said = work.sections(args![
        "inspect",
        work.write("threads.wasm", module),
        "--json"
    ]);
    let report = said.json();
    let plugins = section(&report, 0, "PLUGINS");
    assert_eq!(plugins["entries"][0]["pointers"][0]["text"], "one");
    assert_eq!(plugins["entries"][0]["pointers"][1]["function"], "twice");
}

#[test]
fn wasm64_and_shared_libraries() {
    let work = Work::new();
    let object = work.c_with("wide", PLUGINS, &["--target=wasm64-unknown-unknown"]);
    let mut arguments = reading("PLUGINS", [object]);
    arguments.extend(["--section-manifest", "-mwasm64"].map(Into::into));
    let module = work.link(arguments).silent();
    let said = work.sections(args!["inspect", work.write("wide.wasm", module), "--json"]);
    let plugins = section(&said.json(), 0, "PLUGINS");
    assert_eq!(plugins["entries"][1]["pointers"][0]["text"], "two");
    assert_eq!(plugins["entries"][1]["pointers"][1]["function"], "twice");
    let object = work.c_with("pic", PLUGINS, &["-fPIC"]);
    let mut arguments = reading("PLUGINS", [object]);
    arguments.retain(|argument| argument != "--export-table");
    let shared = ["--section-manifest", "-shared", "--experimental-pic"];
    arguments.extend(shared.map(Into::into));
    let module = work.link(arguments).module();
    let module = work.write("shared.wasm", module);
    let said = work.sections(args!["inspect", module, "--json"]);
    let report = said.json();
    assert_eq!(report["modules"][0]["relative"], true);
    let entry = &section(&report, 0, "PLUGINS")["entries"][0];
    assert_eq!(entry["pointers"][0]["text"], "one");
    assert_eq!(entry["pointers"][1]["function"], "twice");
    let said = work.sections(args!["inspect", module]);
    assert!(said.text.contains("at __memory_base + 0x"), "{}", said.text);
}

/// A component with two core modules, one of them in a component inside.
#[test]
fn the_modules_of_a_component() {
    let work = Work::new();
    let bytes = std::fs::read(module(&work)).expect("a module");
    let inner = component(&[(CORE_MODULE, &bytes)]);
    let outer = component(&[(CORE_MODULE, &bytes), (COMPONENT, &inner)]);
    let file = work.write("component.wasm", outer);
    let said = work.sections(args!["inspect", file, "--json"]);
    let report = said.json();
    assert_eq!(report["modules"].as_array().map(Vec::len), Some(2));
    for module in 0..2 {
        assert_eq!(
            report["modules"][module]["label"],
            format!("module {module}")
        );
        assert_eq!(
            section(&report, module, "PLUGINS")["entries"][0]["title"],
            "one"
        );
    }
}

/// Which of many modules have none is said once.
#[test]
fn modules_without_a_manifest() {
    let work = Work::new();
    let with = std::fs::read(module(&work)).expect("a module");
    let object = work.c(
        "plain",
        r#"__attribute__((export_name("f"))) int f(void) { return 1; }"#,
    );
    let without = work.link(args![object, "--no-entry"]).silent();
    let shown = |modules: &[&Vec<u8>]| {
        let modules: Vec<_> = modules
            .iter()
            .map(|module| (CORE_MODULE, &module[..]))
            .collect();
        work.write("component.wasm", component(&modules));
        work.sections(["inspect", "component.wasm"]).text
    };
    for (modules, says) in [
        (
            &[&without, &without, &without][..],
            Some("There is no manifest in any of the modules: "),
        ),
        (
            &[&without, &with, &without],
            Some("There is no manifest in module 0, module 2: "),
        ),
        (&[&with, &with], None),
    ] {
        let text = shown(modules);
        let count = text.matches("no manifest").count();
        assert_eq!(count, usize::from(says.is_some()), "{text}");
        assert!(says.is_none_or(|says| text.contains(says)), "{text}");
    }
}

/// In position-independent code, the address of what another module has is not there before it is loaded.
#[test]
fn pointers_that_are_not_yet_relocated() {
    let work = Work::new();
    let source = r#"
        static int local(int n) { return n; }
        int (*volatile keep)(int) = local;
        extern int elsewhere(int), there[];
        int second(int n) { return n + 1; }
        struct entry { int (*run)(int); int *data; };
        static int here[2];
        __attribute__((section("PAIRS"), used)) static const struct entry e1 = { second, here }, e2 = { elsewhere, there };
        extern const struct entry __start_PAIRS[], __stop_PAIRS[];
        int walk(void) { int s = 0; for (const struct entry *e = __start_PAIRS; e < __stop_PAIRS; e++) s += e->run(*e->data); return s + keep(2); }
    "#;
    let flags = ["-fPIC", "-fvisibility=default"];
    let object = work.c_with("pairs", source, &flags);
    let words = args![
        "--experimental-pic",
        "-shared",
        "--allow-undefined",
        "--gather=PAIRS",
        "--export=walk",
        object
    ];
    for more in [&args!["--section-manifest"][..], &[]] {
        let module = work.link(words.iter().chain(more)).module();
        work.write("pairs.so", module);
        let said = work.sections(["inspect", "pairs.so", "--section", "PAIRS"]);
        // Slot 0 is this one's.
        assert!(!said.text.contains("fn local"), "{}", said.text);
        if !more.is_empty() {
            for title in ["fn second", "fn elsewhere", "&there"] {
                assert!(said.text.contains(title), "{title}: {}", said.text);
            }
            let why = work.sections(["why", "pairs.so", "elsewhere"]);
            assert!(why.text.contains("fn elsewhere at +0"), "{}", why.text);
        }
    }
}

#[test]
fn what_cannot_be_seen_is_shown() {
    let work = Work::new();
    let source = "int x __asm__(\"__link_section__NAMES$$a\\342\\200\\256b\\342\\200\\213c\") = 1;";
    let module = work.with_manifest("names.wasm", "NAMES", &[work.c("names", source)]);
    let text = work.sections(args!["inspect", module]).text;
    assert!(text.contains(r"a\u{202e}b\u{200b}c"), "{text:?}");
}

/// What `wasm-tools` makes of a module has the manifest still.
#[test]
fn a_component_as_it_is_made() {
    let work = Work::new();
    let arguments = args!["component", "new", module(&work), "-o", "made.wasm"];
    work.run(tool("WSL_WASM_TOOLS"), arguments);
    let said = work.sections(["inspect", "made.wasm", "--json"]);
    let report = said.json();
    let plugins = section(&report, 0, "PLUGINS");
    assert_eq!(plugins["entries"][0]["pointers"][0]["text"], "one");
}

#[test]
fn names_cannot_command_a_terminal() {
    let work = Work::new();
    let source = r#"int x __asm__("__link_section__NAMES$$\33]0;title\7name") = 1;"#;
    let module = work.with_manifest("names.wasm", "NAMES", &[work.c("names", source)]);
    let text = work.sections(args!["inspect", module]).text;
    assert!(text.contains(r"\u{1b}]0;title\u{7}name"), "{text:?}");
    let said = work.sections(args!["why", module, "\x1b[2Jabsent"]);
    assert!(
        said.text.starts_with(r"`\u{1b}[2Jabsent` is in no array"),
        "{:?}",
        said.text
    );
    let json = work.sections(args!["inspect", module, "--json"]).json();
    let names = section(&json, 0, "NAMES");
    assert_eq!(names["entries"][0]["title"], "\x1b]0;title\x07name");
}

#[test]
fn one_section_only() {
    let work = Work::new();
    let other = work.c(
        "other",
        r#"int other __asm__("__link_section__OTHER$$other") = 1;"#,
    );
    let object = work.c("object", PLUGINS);
    let module = work.with_manifest("two.wasm", "PLUGINS", &[object, other]);
    let said = work.sections(args!["inspect", module, "--section", "OTHER", "--json"]);
    let sections = said.json()["modules"][0]["sections"].clone();
    assert_eq!(sections.as_array().map(Vec::len), Some(1));
    let said = work.sections(args!["inspect", module, "--section=NONE"]);
    assert_eq!(said.status, 2);
    let message =
        "two.wasm: there is no section `NONE`\n>>> its link sections are: OTHER, PLUGINS\n";
    assert!(said.errors.ends_with(message), "{}", said.errors);
}

/// A full disk is an error; a pipe that is closed is not.
#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written() {
    let work = Work::new();
    module(&work);
    let inspect = |output: Stdio| {
        let mut command = wasm_sections(&work);
        command.args(["inspect", "plugins.wasm"]).stdout(output);
        let child = command.stderr(Stdio::piped()).spawn().expect("the tool");
        let output = child.wait_with_output().expect("its end");
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code(), errors)
    };
    let full = std::fs::File::create("/dev/full").expect("a device");
    let message =
        "wasm-sections: error: cannot write the output: No space left on device\n".to_owned();
    assert_eq!(inspect(full.into()), (Some(2), message));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(inspect(writer.into()), (Some(0), String::new()));
}

#[test]
fn what_is_no_linked_module() {
    let work = Work::new();
    let object = work.c("object", PLUGINS);
    let text = work.write("module.wat", "(module)");
    for (file, message) in [
        (
            object,
            "object.o: this is an object file, not a linked module",
        ),
        (text, "module.wat: this is not a WebAssembly module"),
        (
            work.file("absent.wasm"),
            "absent.wasm: cannot read the file: No such file",
        ),
        (
            work.path().to_owned(),
            "cannot read the file: Is a directory",
        ),
    ] {
        for command in ["inspect", "why"] {
            let mut arguments = args![command, file].to_vec();
            arguments.extend((command == "why").then(|| "one".into()));
            let said = work.sections(&arguments);
            assert_eq!((said.status, said.text.as_str()), (2, ""));
            assert!(
                said.errors.starts_with("wasm-sections: error: "),
                "{}",
                said.errors
            );
            assert!(said.errors.contains(message), "{}", said.errors);
        }
    }
    assert_eq!(work.sections(["inspect"]).status, 2);
}
