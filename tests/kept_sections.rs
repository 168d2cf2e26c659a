//! `--section-keep=PATTERN`: custom sections for whoever reads the module from outside are in the output, in link
//! order, each once, without the code of archive members that nothing refers to.

use crate::args;
use crate::support::module::{contains, custom_section, custom_sections, exports};
use crate::support::refusal::says;
use crate::support::{Instance, Work, linkers, reading, tool};
use std::ffi::OsString;
use std::path::PathBuf;
use wasm_section_ld::wasm::Sections;
use wasmparser::{Parser, Payload};

const KEEP: &str = "--section-keep=host_info";

/// Ties the section to its object.
const TIED: &str = ".section .custom_section.host_info,\"\",@\n.int32 tied\n";

/// An object with text for the host, and a function that is exported if the object is linked.
fn part(work: &Work, name: &str) -> PathBuf {
    part_with(work, name, "")
}

fn part_with(work: &Work, name: &str, more: &str) -> PathBuf {
    let source = format!(
        r#"
        .section .custom_section.host_info,"",@
        .ascii "{name};"
        .section .text.{name},"",@
        .globl {name}
        .type {name},@function
{name}:
        .functype {name} () -> (i32)
        i32.const 7
        end_function
        .export_name {name}, {name}
        {more}
        "#
    );
    work.asm(name, &source)
}

/// A program that calls one of them, or none.
fn program(work: &Work, name: &str, calls: Option<&str>) -> PathBuf {
    let source = match calls {
        Some(called) => format!("int {called}(void); int {name}(void) {{ return {called}(); }}"),
        None => format!("int {name}(void) {{ return 5; }}"),
    };
    work.c(
        name,
        &source.replace(
            &format!("int {name}("),
            &format!("__attribute__((export_name(\"{name}\"))) int {name}("),
        ),
    )
}

/// What the host reads.
fn text(module: &[u8]) -> String {
    String::from_utf8(custom_section(module, "host_info")).expect("text")
}

fn functions(module: &[u8]) -> Vec<String> {
    let mut exports = exports(module);
    exports.retain(|name| name != "memory");
    exports
}

/// The module but for the section.
fn rest(module: &[u8]) -> Vec<u8> {
    let sections = Sections::of(module).expect("a module");
    let sections = sections.map(|section| section.expect("a section"));
    let others = sections.filter(|section| section.name != "host_info");
    others
        .flat_map(|section| module[section.range].to_vec())
        .collect()
}

#[test]
fn members_that_nothing_refers_to_have_their_sections_and_no_code() {
    let work = Work::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| part(&work, name));
    let first = work.archive("libfirst.a", &[&a, &b]);
    let second = work.archive("libsecond.a", &[&c]);
    let lone = program(&work, "lone", None);
    // One member is extracted in any case, after another and because of a later object.
    let caller = program(&work, "caller", Some("b"));
    for backend in linkers() {
        for (inputs, expected, exported) in [
            (args![lone, first, second], "a;b;c;", &["lone"][..]),
            (args![second, lone, first], "c;a;b;", &["lone"]),
            (args![first, second, caller], "a;b;c;", &["b", "caller"]),
            (args![caller, first, second], "a;b;c;", &["b", "caller"]),
            (args![d, first, lone], "d;a;b;", &["d", "lone"]),
            (args![first, d, lone], "a;b;d;", &["d", "lone"]),
        ] {
            let words = inputs.into_iter().chain(args!["--no-entry"]);
            let words: Vec<OsString> = words.collect();
            let keep = words.iter().cloned().chain(args![KEEP]);
            let module = work.link_with(&backend, keep).silent();
            assert_eq!(text(&module), expected, "{words:?}");
            let mut found = functions(&module);
            found.sort();
            assert_eq!(found, exported, "{words:?}");
            let plain = work.plain_link(&backend, &words).silent();
            assert_ne!(module, plain);
            assert!(rest(&module) == rest(&plain), "{words:?}");
        }
    }
}

/// The same member twice is in there once, the same text in two members twice.
#[test]
fn identical_members_count_once() {
    let work = Work::new();
    let [a, b] = ["a", "b"].map(|name| part(&work, name));
    let same = work.asm(
        "same",
        ".section .custom_section.host_info,\"\",@\n.ascii \"a;\"\n",
    );
    let lone = program(&work, "lone", None);
    let first = work.archive("libfirst.a", &[&a]);
    let second = work.archive("libsecond.a", &[&b, &a, &same]);
    let link = |inputs: &[OsString]| {
        let words = inputs.iter().cloned().chain(args!["--no-entry", KEEP]);
        text(&work.link(words).silent())
    };
    assert_eq!(link(&args![lone, first, second]), "a;b;a;");
    assert_eq!(link(&args![lone, second, first]), "b;a;a;");
    assert_eq!(link(&args![lone, first, second, first, second]), "a;b;a;");
    assert_eq!(link(&args![lone, first, second, a]), "b;a;a;");
    let all = args!["--whole-archive", first, "--no-whole-archive", second, lone];
    assert_eq!(link(&all), "a;b;a;");
}

/// Relocations: the member is linked at its place, and what they refer to is there.
#[test]
fn a_section_with_relocations_has_its_member_linked() {
    let work = Work::new();
    let [a, c] = ["a", "c"].map(|name| part(&work, name));
    let tied = part_with(
        &work,
        "tied",
        r#"
        .section .custom_section.host_info,"",@
        .int32 value
        .int32 tied
        .section .data.value,"",@
value:
        .int32 4711
        .size value, 4
        .section .data.unused,"",@
        .globl unused
unused:
        .ascii "not referred to"
        .size unused, 15
        "#,
    );
    let library = work.archive("library.a", &[&a, &tied, &c]);
    let lone = program(&work, "lone", None);
    for backend in linkers() {
        for whole in ["--no-whole-archive", "--whole-archive"] {
            let inputs = args![lone, whole, library];
            let words = inputs.into_iter().chain(args!["--no-entry", KEEP]);
            let module = work.link_with(&backend, words).silent();
            let bytes = custom_section(&module, "host_info");
            let texts = bytes.strip_prefix(b"a;tied;").expect("the first parts");
            let (words, end) = texts.split_at(8);
            assert_eq!(end, b"c;");
            let [value, function] = [&words[..4], &words[4..]]
                .map(|word| u32::from_le_bytes(word.try_into().expect("a word")));
            let mut instance = Instance::new(&module);
            assert_eq!(instance.word(value), 4711);
            assert_eq!(instance.call("tied", &[]), 7);
            assert_eq!(u64::from(function), code_offset(&module, "tied"));
            assert!(!contains(&module, "not referred to"));
            let has_a = exports(&module).contains(&"a".to_owned());
            assert_eq!(has_a, whole == "--whole-archive");
        }
    }
    // A definition that another object has too is a duplicate, as if the member were an object.
    let other = work.c("other", "int tied(void) { return 8; }");
    std::fs::remove_file(work.file("out.wasm")).expect("an output");
    let error = work.link(args![other, library, "--no-entry", KEEP]);
    let parts = ["duplicate symbol: tied", "other.o", "library.a(tied.o)"];
    says(error.error(), &parts);
}

/// The offset of the body of an exported function in the code section.
fn code_offset(module: &[u8], name: &str) -> u64 {
    let (mut code, mut bodies, mut index) = (0, Vec::new(), None);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.expect("a module");
        let section = payload.as_section();
        match payload {
            Payload::ExportSection(section) => {
                let mut all = section.into_iter().map(|export| export.expect("an export"));
                index = all.find(|export| export.name == name).map(|it| it.index);
            }
            Payload::CodeSectionStart { .. } => code = section.expect("a section").1.start,
            Payload::CodeSectionEntry(body) => bodies.push(body.range().start),
            _ => {}
        }
    }
    // It has no imports.
    bodies[index.expect("the export") as usize] - code
}

/// Each COMDAT group has its section once, in whatever kind of input.
#[test]
fn comdat_groups_count_once() {
    let work = Work::new();
    let grouped = |name: &str, group: &str| {
        let section = r#".section .custom_section.host_info,"G",@"#;
        let text = format!("{section},{group},comdat\n.ascii \"{group};\"\n");
        part_with(&work, name, &text)
    };
    let [x, y, z] = [("x", "one"), ("y", "one"), ("z", "two")].map(|(n, g)| grouped(n, g));
    let lone = program(&work, "lone", None);
    let caller = program(&work, "caller", Some("y"));
    let (first, second) = (
        work.archive("first.a", &[&x]),
        work.archive("second.a", &[&y, &z]),
    );
    let texts = |inputs: &[OsString]| {
        let words = inputs.iter().cloned().chain(args!["--no-entry", KEEP]);
        text(&work.link(words).silent())
    };
    assert_eq!(texts(&args![lone, first, second]), "x;one;y;z;two;");
    assert_eq!(texts(&args![caller, first, second]), "x;one;y;z;two;");
    assert_eq!(texts(&args![lone, x, second]), "one;x;y;z;two;");
    assert_eq!(texts(&args![second, x, lone]), "y;one;z;two;x;");
    assert_eq!(texts(&args![x, y, z, lone]), "one;x;y;two;z;");
}

/// A gathered section is in memory, and a kept one is in the module: it may be both.
#[test]
fn a_section_can_be_gathered_too() {
    let work = Work::new();
    let [a, b] = ["a", "b"].map(|name| part(&work, name));
    let pointer = "value: .int32 9\n.size value, 4\n";
    let tied = format!(
        ".section .custom_section.host_info,\"\",@\n.int32 value\n.section .data.value,\"\",@\n{pointer}"
    );
    let tied = work.asm("tied", &tied);
    let archive = work.archive("library.a", &[&b, &tied]);
    for backend in linkers() {
        let words = reading("host_info", args![a, archive, "--no-entry"]);
        let gathered = work.link_with(&backend, &words).silent();
        assert!(
            custom_sections(&gathered)
                .iter()
                .all(|(name, _)| name != "host_info")
        );
        let keep = words.iter().cloned().chain(args![KEEP]);
        let module = work.link_with(&backend, keep).silent();
        let instance = Instance::new(&module);
        let array = instance.section("host_info");
        assert_eq!(array, custom_section(&module, "host_info"));
        let (text, word) = array.split_at(4);
        assert_eq!(text, b"a;b;");
        let address = u32::from_le_bytes(word.try_into().expect("a word"));
        assert_eq!(instance.word(address), 9);
    }
}

/// Beside an array, with a linker that reads its inputs while they are written.
#[test]
fn beside_an_array() {
    let work = Work::new();
    let entry = |name: &str| {
        let text = format!("{name} entry");
        let data = format!(
            ".section .custom_section.ENTRIES,\"\",@\n.ascii \"{text}.\"\n\
             .section .custom_section.host_info,\"\",@\n.ascii \"more of {name};\"\n"
        );
        part_with(&work, name, &data)
    };
    let [a, b] = ["a", "b"].map(entry);
    let c = part(&work, "c");
    let (first, second) = (
        work.archive("first.a", &[&a, &c]),
        work.archive("second.a", &[&b]),
    );
    for backend in linkers().into_iter().chain([tool("WSL_RUST_LLD")]) {
        let words = args![first, second, "--no-entry", KEEP];
        let module = work.link_with(&backend, reading("ENTRIES", words)).silent();
        assert_eq!(
            Instance::new(&module).section("ENTRIES"),
            b"a entry.b entry."
        );
        assert_eq!(text(&module), "a;more of a;c;b;more of b;");
        assert!(!exports(&module).contains(&"a".to_owned()));
    }
}

#[test]
fn patterns_take_what_belongs_to_programs() {
    let work = Work::new();
    let section =
        |name: &str| format!(".section .custom_section.{name},\"\",@\n.ascii \"of {name}\"\n");
    let all = ["host_info", "host_more", "other", "link_sections"]
        .map(section)
        .concat();
    // A name that is not UTF-8, of the same length.
    let member = work.asm("member", &(all + &section("odd_name")));
    let bytes = std::fs::read(&member).expect("an object");
    let at = memchr::memmem::find(&bytes, b"odd_name").expect("the name");
    let mut odd = bytes;
    odd[at + 3] = 0xff;
    let member = work.write("member.o", odd);
    let debug = work.c_with("debug", "int with_debug_information;", &["-g"]);
    let archive = work.archive("library.a", &[&member, &debug]);
    let lone = program(&work, "lone", None);
    let names = |patterns: &[&str]| {
        let words = args![lone, archive, "--no-entry"];
        let patterns = patterns
            .iter()
            .map(|one| format!("--section-keep={one}").into());
        let linked = work.link(words.into_iter().chain(patterns));
        let module = linked.module();
        let mut names: Vec<String> = Sections::of(&module)
            .expect("a module")
            .map(|section| section.expect("a section").name.into_owned())
            .filter(|name| !["", "name", "producers", "target_features"].contains(&name.as_str()))
            .collect();
        names.sort();
        (names, linked.stderr)
    };
    assert_eq!(names(&["host_*"]).0, ["host_info", "host_more"]);
    assert_eq!(names(&["host_info", "oth?r"]).0, ["host_info", "other"]);
    assert_eq!(names(&["[!a-n]*"]).0.len(), 2);
    let (everything, stderr) = names(&["*"]);
    assert_eq!(everything.len(), 4, "{everything:?}");
    assert_eq!(stderr, "");
    for reserved in ["producers", ".debug_info", "reloc.CODE", "link_sections"] {
        let (found, stderr) = names(&[reserved]);
        assert!(found.is_empty(), "{found:?}");
        says(
            &stderr,
            &["warning: --section-keep=", reserved, "is not kept"],
        );
    }
    // Nothing of that name: the plain link, byte for byte.
    let words = args![lone, archive, "--no-entry"];
    let nothing = words
        .iter()
        .cloned()
        .chain(args!["--section-keep", "nothing"]);
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &words).silent();
    assert_eq!(work.link(nothing).silent(), plain);
}

/// Debug information and names are stripped, sections for the host are not; nor are they in a shared library.
#[test]
fn with_other_options() {
    let work = Work::new();
    let [a, b] = ["a", "b"].map(|name| part(&work, name));
    let archive = work.archive("library.a", &[&a, &b]);
    let lone = program(&work, "lone", None);
    let shared = ["-shared", "--experimental-pic"];
    for backend in linkers() {
        for more in [
            &["--strip-all"][..],
            &["--strip-debug"],
            &["--no-gc-sections"],
            &shared,
        ] {
            let words = args![lone, archive, "--no-entry"];
            let words = words.into_iter().chain(more.iter().map(Into::into));
            let words: Vec<_> = words.collect();
            let keep = words.iter().cloned().chain(args![KEEP]);
            let kept = work.link_with(&backend, keep).module();
            assert_eq!(text(&kept), "a;b;", "{more:?}");
            let plain = work.plain_link(&backend, &words).module();
            assert!(rest(&kept) == rest(&plain), "{more:?}");
        }
        // A partial link is the backend's own. The final one keeps what is left.
        let words = args![lone, archive, "-r"];
        let plain = work.plain_link(&backend, &words).silent();
        let partial = work.link_with(&backend, words.into_iter().chain(args![KEEP]));
        assert_eq!(partial.silent(), plain);
        let words = args!["-r", "--whole-archive", archive];
        let part = work.plain_link(&backend, words).silent();
        let part = work.write("part.o", part);
        let parts = work.archive("parts.a", &[&part]);
        let module = work
            .link_with(&backend, args![lone, parts, "--no-entry", KEEP])
            .silent();
        assert_eq!(
            (text(&module), functions(&module)),
            ("a;b;".into(), vec!["lone".into()])
        );
    }
}

/// A file between `--start-lib` and `--end-lib` is lazy, as a member is.
#[test]
fn files_that_are_lazy() {
    let work = Work::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| part(&work, name));
    let tied = part_with(&work, "tied", TIED);
    let lone = program(&work, "lone", None);
    // `wasm-ld` has `--start-lib` since 18.
    let is_old = |path: &PathBuf| path.ends_with("wasm-ld-14") || path.ends_with("wasm-ld-16");
    let new = linkers().into_iter().filter(|path| !is_old(path));
    for backend in new {
        let words = args![
            lone,
            "--start-lib",
            a,
            tied,
            b,
            "--end-lib",
            c,
            "--no-entry",
            KEEP
        ];
        let module = work.link_with(&backend, words).silent();
        let bytes = custom_section(&module, "host_info");
        assert!(
            bytes.starts_with(b"a;tied;") && bytes.ends_with(b"b;c;"),
            "{bytes:?}"
        );
        assert_eq!(functions(&module), ["lone", "tied", "c"]);
    }
}

/// Bitcode of a member that is not linked is compiled for its section.
#[test]
fn sections_in_bitcode() {
    let work = Work::new();
    let bitcode = |name: &str| {
        let ir = format!(
            "target datalayout = \"e-m:e-p:32:32-p10:8:8-p20:8:8-i64:64-i128:128-n32:64-S128-ni:1:10:20\"
             target triple = \"wasm32-unknown-unknown\"
             define i32 @{name}() {{ ret i32 7 }}
             !wasm.custom_sections = !{{!0}}
             !0 = !{{!\"host_info\", !\"{name};\"}}\n"
        );
        work.compile("WSL_CLANG", name, "ll", &ir, &["-flto"])
    };
    let [a, b] = ["a", "b"].map(bitcode);
    let library = work.archive("library.a", &[&a, &b]);
    let lone = program(&work, "lone", None);
    let caller = work.c_with(
        "caller",
        "int b(void); __attribute__((export_name(\"caller\"))) int caller(void) { return b(); }",
        &["-flto"],
    );
    for pattern in ["host_info", "host*", "*"] {
        let keep = format!("--section-keep={pattern}");
        let module = work.link(args![lone, library, "--no-entry", keep]).silent();
        assert_eq!(text(&module), "a;b;");
        assert_eq!(functions(&module), ["lone"]);
        // Linked bitcode comes last, as its code does.
        let module = work
            .link(args![lone, library, caller, "--no-entry", keep])
            .silent();
        assert_eq!(text(&module), "a;b;");
    }
}

#[test]
fn memories_of_64_bits() {
    let work = Work::new();
    let part = |name: &str| {
        let text = format!(".section .custom_section.host_info,\"\",@\n.ascii \"{name};\"\n");
        let function = format!(
            ".section .text.{name},\"\",@\n.globl {name}\n.type {name},@function\n{name}:\n\
             .functype {name} () -> ()\nend_function\n"
        );
        let target = ["--target=wasm64-unknown-unknown"];
        work.compile("WSL_CLANG", name, "s", &(text + &function), &target)
    };
    let [a, b] = ["a", "b"].map(part);
    let library = work.archive("library.a", &[&b]);
    let words = args![a, library, "-mwasm64", "--no-entry", KEEP];
    assert_eq!(text(&work.link(words).silent()), "a;b;");
}

/// What becomes of each member is in the log.
#[test]
fn the_log_says_what_is_kept() {
    let work = Work::new();
    let a = part(&work, "a");
    let tied = part_with(&work, "tied", TIED);
    let library = work.archive("library.a", &[&a, &tied]);
    let lone = program(&work, "lone", None);
    let log = work.log("debug", args![lone, library, "--no-entry", KEEP]);
    let alone = "custom sections alone of library.a(a.o)";
    let parts = ["host_info: a custom section, kept by --section-keep", alone];
    says(
        &log.replace(&format!("{}/", work.path().display()), ""),
        &parts,
    );
    says(
        &log,
        &["library.a(tied.o): its custom sections have relocations"],
    );
}
