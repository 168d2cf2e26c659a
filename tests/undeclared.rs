//! A section at whose ends live code looks and that nobody declares, or a mark that it refers to and nobody
//! defines: an error that says what to do, also where undefined symbols are allowed. All else is as with the
//! plain link.

use crate::args;
use crate::support::refusal::says;
use crate::support::{Instance, Rust, Work, linkers};
use std::ffi::OsString;
use std::path::PathBuf;

const READER: &str = r#"
    extern const int start[] __asm__("__start_NUMBERS"), stop[] __asm__("__stop_NUMBERS");
    int count(void) { return stop - start; }
"#;

fn reader(work: &Work) -> PathBuf {
    work.c("reader", READER)
}

/// Links for `count` without and with undefined symbols allowed, which must fail, and gives what is said.
fn refused(work: &Work, words: &[OsString], parts: &[&str]) {
    refused_by(work, linkers(), words, parts);
}

fn refused_by(work: &Work, backends: Vec<PathBuf>, words: &[OsString], parts: &[&str]) {
    for backend in backends {
        let words = args!["--no-entry", "--export=count"]
            .into_iter()
            .chain(words.iter().cloned());
        let plain = work.plain_link(&backend, words.clone());
        let strict = work.link_with(&backend, words.clone());
        // The backend's own words come first.
        let said = strict.error();
        assert!(said.starts_with(&plain.stderr), "{said}");
        assert_ne!(plain.status, Some(0));
        says(said, &["note: "]);
        says(said, parts);
        let allowed = words.chain(args!["--allow-undefined"]);
        let plain = work.plain_link(&backend, allowed.clone());
        assert_eq!(plain.status, Some(0), "{}", plain.stderr);
        let linked = work.link_with(&backend, allowed);
        says(
            linked.error(),
            &["error: ", "undefined symbol: __start_NUMBERS"],
        );
        says(linked.error(), &["reader.o"]);
        says(linked.error(), parts);
        assert_eq!(linked.status, Some(1));
    }
}

#[test]
fn nobody_declares_it() {
    let work = Work::new();
    let reader = reader(&work);
    let nothing = "no input has an entry of section `NUMBERS`, or declares it";
    refused(&work, &args![reader], &[nothing]);
    // Where there is something else to gather.
    let other = work.c(
        "other",
        r#"int other __asm__("__link_section__OTHER$$other") = 3;"#,
    );
    refused(&work, &args![reader, other], &[nothing]);
}

#[test]
fn another_name_is_meant() {
    let work = Work::new();
    let reader = reader(&work);
    for near in ["NUMBER", "numbers", "NUMBRES"] {
        let hint = format!("did you mean `{near}`?");
        for source in [
            format!(r#"__attribute__((section("{near}"), used)) static const int a = 1;"#),
            format!(r#"__asm__(".section .custom_section.{near},\"\",@\n.int32 1\n");"#),
            format!(r#"int a __asm__("__link_section__{near}$$a") = 1;"#),
        ] {
            let entry = work.c("entry", &source);
            refused(&work, &args![reader, entry], &[&hint]);
        }
    }
    let far = work.c("far", r#"int a __asm__("__link_section__LETTERS$$a") = 1;"#);
    let linked = work.link(args!["--no-entry", "--export=count", reader, far]);
    assert!(
        !linked.error().contains("did you mean"),
        "{}",
        linked.error()
    );
}

#[test]
fn its_entries_are_not_linked() {
    let work = Work::new();
    let reader = reader(&work);
    let entry = r#"__attribute__((section("NUMBERS"), used)) static const int a = 1;"#;
    let library = work.archive("libentry.a", &[&work.c("entry", entry)]);
    let older = ["14", "16"].map(|version| format!("wasm-ld-{version}"));
    let is_older = |path: &PathBuf| older.iter().any(|name| path.ends_with(name));
    let (older, newer): (Vec<_>, Vec<_>) = linkers().into_iter().partition(is_older);
    refused_by(
        &work,
        newer,
        &args![reader, library],
        &[
            "has an entry in",
            "libentry.a(entry.o)",
            "give --gather=NUMBERS",
        ],
    );
    // Before LLVM 19 the backend would lose it, so the section is gathered.
    for backend in older {
        let words = args!["--no-entry", "--export=count", reader, library];
        let module = work.link_with(&backend, words).silent();
        assert_eq!(Instance::new(&module).call("count", &[]), 1);
    }
    let asked = args![
        "--export=count",
        "--allow-undefined",
        "--gather=NUMBERS",
        reader,
        library
    ];
    let mut instance = work.instance(args!["--no-entry"].into_iter().chain(asked));
    assert_eq!(instance.call("count", &[]), 1);
}

#[test]
fn a_script_leaves_its_entries_out() {
    let work = Work::new();
    let entry = r#"__attribute__((section("NUMBERS"), used)) static const int a = 1;"#;
    let (reader, entry) = (reader(&work), work.c("entry", entry));
    let script = work.write("discard.ld", "SECTIONS { /DISCARD/ : { *(NUMBERS) } }");
    let words = args!["--no-entry", "--export=count", "-T", script, reader, entry];
    for more in [None, Some("--allow-undefined")] {
        let linked = work.link(words.iter().cloned().chain(more.map(OsString::from)));
        says(
            linked.error(),
            &[
                "undefined symbol: __start_NUMBERS",
                "the script leaves the entries of section `NUMBERS` out",
            ],
        );
    }
}

/// What the plain link makes of it, that is what there is.
#[test]
fn all_else_is_as_with_the_plain_link() {
    let work = Work::new();
    let weak = READER.replace("_NUMBERS\")", "_NUMBERS\") __attribute__((weak))");
    let weak = work.c("weak", &weak);
    let dead = format!("{READER} int alive(void) {{ return 7; }}");
    let dead = work.c_with("dead", &dead, &["-ffunction-sections"]);
    let own = work.c(
        "own",
        r#"int numbers[3] __asm__("__start_NUMBERS") = {1, 2, 3}; int end __asm__("__stop_NUMBERS");"#,
    );
    let reader = reader(&work);
    let pic = work.c_with("pic", READER, &["-fPIC"]);
    let links: &[&[OsString]] = &[
        &args!["--export=count", weak],
        &args!["--export=count", "--allow-undefined", weak],
        &args!["--export=alive", dead],
        &args!["--export=alive", "--allow-undefined", dead],
        &args!["--export=count", reader, own],
        &args!["--export=count", "--allow-undefined", reader, own],
        // Who says so explicitly means it.
        &args!["--export=count", "--unresolved-symbols=ignore-all", reader],
        &args![
            "--export=count",
            "--allow-undefined",
            "--warn-unresolved-symbols",
            reader
        ],
        // Somebody else may define it.
        &args!["--export=count", "--shared", "--experimental-pic", pic],
        &args![
            "--export=count",
            "--shared",
            "--experimental-pic",
            "--unresolved-symbols=import-dynamic",
            pic
        ],
        &args!["--relocatable", reader],
    ];
    let is_pic = |words: &[OsString]| words.iter().any(|word| word == "--shared");
    let mut pics = 0;
    for backend in linkers() {
        for &words in links {
            let words = args!["--no-entry"].into_iter().chain(words.iter().cloned());
            let words: Vec<OsString> = words.collect();
            let plain = work.plain_link(&backend, &words);
            let linked = work.link_with(&backend, &words);
            let what = format!("{} {}", backend.display(), plain.stderr);
            // Backends up to 16 and those from 19 on want other flags for the same.
            if is_pic(&words) && plain.status != Some(0) {
                assert!(linked.stderr.starts_with(&plain.stderr), "{what}");
                continue;
            }
            assert_eq!(linked.stderr, plain.stderr, "{what}");
            assert_eq!(linked.module(), plain.module(), "{what}");
            pics += usize::from(is_pic(&words));
        }
    }
    assert!(pics >= linkers().len());
    let mut instance = work.instance(args!["--no-entry", "--export=count", weak]);
    assert_eq!(instance.call("count", &[]), 0);
}

/// Marks that nobody defines, by name and by path in both of Rust's manglings, and how lld shows them.
const MARKS: [(&str, &str); 3] = [
    (
        "__link_section__NUMBERS$$gone",
        "__link_section__NUMBERS$$gone",
    ),
    (
        "_ZN1a23__link_section__NUMBERS4gone17h0123456789abcdefE",
        "a::__link_section__NUMBERS::gone",
    ),
    (
        "_RNvNtC1a23___link_section__NUMBERS4gone",
        "a::__link_section__NUMBERS::gone",
    ),
];

fn with_mark(symbol: &str) -> String {
    format!(
        r#"
        extern const int gone __asm__("{symbol}");
        int use(void) {{ return gone; }}
        int alive(void) {{ return 7; }}
        "#
    )
}

#[test]
fn live_code_refers_to_a_mark_that_nobody_defines() {
    for (symbol, shown) in MARKS {
        let work = Work::new();
        let object = work.c("marks", &with_mark(symbol));
        let entry = r#"
            extern const int gone __asm__("SYMBOL");
            const int *e __asm__("__link_section__OTHER$$e") = &gone;
            extern const int *start[] __asm__("__start_OTHER");
            int use(void) { return *start[0]; }
        "#;
        let entry = work.c("entry", &entry.replace("SYMBOL", symbol));
        let archive = work.archive("libmarks.a", &[&object]);
        let hint = "a marked symbol, and no input defines it: link the object";
        for backend in linkers() {
            for (input, by) in [
                (&object, "marks.o: "),
                (&archive, "libmarks.a(marks.o): "),
                (&entry, "entry.o: "),
            ] {
                let words = args!["--no-entry", "--export=use", input];
                let strict = work.link_with(&backend, &words);
                if *input != entry {
                    let plain = work.plain_link(&backend, &words).stderr;
                    assert!(strict.error().starts_with(&plain), "{}", strict.stderr);
                }
                says(
                    strict.error(),
                    &[by, "undefined symbol: ", shown, "note: ", hint],
                );
                let allowed = words.into_iter().chain(args!["--allow-undefined"]);
                let allowed = work.link_with(&backend, allowed);
                says(allowed.error(), &[by, "undefined symbol: ", shown, hint]);
            }
        }
        // As it is shown without that.
        let words = args!["--no-entry", "--export=use", "--no-demangle", &object];
        says(work.link(words).error(), &[symbol, hint]);
    }
}

#[test]
fn dead_code_refers_to_a_mark_that_nobody_defines() {
    for (symbol, _) in MARKS {
        let work = Work::new();
        let sections = &["-ffunction-sections"];
        let object = work.c_with("marks", &with_mark(symbol), sections);
        let weak = with_mark(symbol).replace("\");\n", "\") __attribute__((weak));\n");
        let weak = work.c("weak", &weak);
        let array = work.c(
            "array",
            r#"
            const int e __asm__("__link_section__NUMBERS$$e") = 4;
            extern const int start[] __asm__("__start_NUMBERS"), stop[] __asm__("__stop_NUMBERS");
            int count(void) { return stop - start; }
            "#,
        );
        for backend in linkers() {
            for more in [&[][..], &args!["--allow-undefined"]] {
                for (input, export) in [(&object, "alive"), (&weak, "use")] {
                    let words = args!["--no-entry", format!("--export={export}"), input];
                    let words: Vec<_> = words.iter().chain(more).cloned().collect();
                    let plain = work.plain_link(&backend, &words).silent();
                    assert_eq!(work.link_with(&backend, &words).silent(), plain);
                    // Beside an array.
                    let words = words.into_iter().chain(args!["--export=count", &array]);
                    let module = work.link_with(&backend, words).silent();
                    let mut instance = Instance::new(&module);
                    assert_eq!(instance.call("count", &[]), 1);
                    let result = if export == "alive" {
                        7
                    } else {
                        instance.call("use", &[])
                    };
                    assert_eq!(instance.call(export, &[]), result);
                }
            }
        }
    }
}

/// rustc up to 1.95 allows undefined symbols.
#[test]
fn in_rust_the_crate_is_not_named_or_the_name_is_wrong() {
    let work = Work::new();
    let mut rust = Rust::new::<&str>(&work, &["-O"]);
    rust.rlib(
        "plug",
        "#![no_std] mod __link_section__PLUGINS { #[used] static A: u32 = 7; }",
    );
    let program = |named: &str, section: &str| {
        format!(
            "#![no_std] {named}
             unsafe extern \"C\" {{
                 #[link_name = \"__start_{section}\"] safe static START: [u32; 0];
                 #[link_name = \"__stop_{section}\"] safe static STOP: [u32; 0];
             }}
             #[unsafe(no_mangle)]
             extern \"C\" fn bytes() -> usize {{ (&raw const STOP).addr() - (&raw const START).addr() }}
             #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}"
        )
    };
    let named = rust.program("named", &program("use plug as _;", "PLUGINS"));
    assert_eq!(Instance::new(&named.module()).call("bytes", &[]), 4);
    let not_named = rust.program("not_named", &program("", "PLUGINS"));
    says(
        not_named.error(),
        &["undefined symbol: __start_PLUGINS", "`use NAME as _;`"],
    );
    let wrong = rust.program("wrong", &program("use plug as _;", "PLUGIN"));
    says(wrong.error(), &["did you mean `PLUGINS`?"]);
}
