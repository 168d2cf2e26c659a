//! wild as the backend: the options that it does not know are done without them, or are an error that names them. The
//! table in docs/ways-of-linking.md says which.

use crate::args;
use crate::support::module::custom_sections;
use crate::support::rust::rustc;
use crate::support::workspace::root;
use crate::support::{Instance, Linked, Work, linker, tool};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether the objects have something to gather.
const BOTH: [bool; 2] = [false, true];

/// Objects that define `f`. Its result is the addresses that wild defines.
fn objects(work: &Work, gathered: bool) -> Vec<PathBuf> {
    let program = r#"
        extern char __heap_base, __data_end, __heap_end;
        __attribute__((visibility("default"))) int f(int which) {
            char *all[] = { &__heap_base, &__data_end, &__heap_end };
            return (int)all[which];
        }
        void _start(void) {}
    "#;
    let mut objects = vec![work.c("program", program)];
    if gathered {
        let entry = |name: &str| {
            let text =
                format!("int {name} __asm__(\"__link_section__NUMBERS$${name}\") = sizeof {name};");
            work.c(name, &text)
        };
        objects.extend(["one", "two", "three"].map(entry));
    }
    objects
}

fn wild_alone(work: &Work, words: &[OsString]) -> bool {
    let mut command = Command::new(tool("WSL_WILD"));
    work.link_by(&mut command, words).status == Some(0)
}

fn with_us(work: &Work, words: &[OsString]) -> Linked {
    work.link_with(&tool("WSL_WILD"), words)
}

/// The rows of the table: options, and what is said of them.
fn table() -> Vec<(Vec<String>, String)> {
    let text = fs::read_to_string(root().join("docs/ways-of-linking.md")).expect("the document");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| option | with wild 0.10 |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let options = cells[0]
            .split(", ")
            .map(|it| it.trim_matches('`').to_owned());
        let said = cells[1].split(':').next().expect("a word");
        (options.collect(), said.to_owned())
    })
    .collect()
}

#[test]
fn each_option_is_treated_as_the_table_says() {
    let rows = table();
    assert_eq!(rows.len(), 5);
    for gathered in BOTH {
        let work = Work::new();
        let objects = objects(&work, gathered);
        for (options, said) in &rows {
            for option in options {
                let mut words: Vec<OsString> = vec![option.into()];
                words.extend(objects.iter().map(Into::into));
                let _ = fs::remove_file(work.file("out.wasm"));
                let alone = wild_alone(&work, &words);
                let _ = fs::remove_file(work.file("out.wasm"));
                let linked = with_us(&work, &words);
                let works = linked.status == Some(0);
                let expected = match said.as_str() {
                    "passed on" => (true, true),
                    "left out" | "object of ours" => (false, true),
                    "error" => (false, false),
                    other => panic!("the table says {other}"),
                };
                assert_eq!((alone, works), expected, "{option}: {}", linked.stderr);
                if !works {
                    let message = format!("this wild does not know {option}\n>>> leave it out");
                    assert!(linked.error().contains(&message), "{}", linked.stderr);
                    assert_eq!(linked.stderr.matches("error:").count(), 1);
                }
            }
        }
    }
}

#[test]
fn several_unknown_options_are_one_error() {
    let work = Work::new();
    let mut words = args!["--strip-all", "--allow-undefined", "--export-all"].to_vec();
    words.extend(objects(&work, true).into_iter().map(Into::into));
    let linked = with_us(&work, &words);
    let error = linked.error();
    assert!(
        error.contains("does not know --strip-all, --export-all\n"),
        "{error}"
    );
    assert!(error.contains("wild 0.11 or later"), "{error}");
}

/// The value of each exported address is that in the program; and lld exports it in the same form.
#[test]
fn addresses_are_exported_as_by_lld() {
    let names = ["__heap_base", "__data_end", "__heap_end"];
    for gathered in BOTH {
        let work = Work::new();
        let mut words = args!["--export=f", "--no-entry"].to_vec();
        // Each spelling, and one twice.
        words.extend(args!["--export", names[0], "-export=__data_end"]);
        words.extend(args!["--export=__heap_end", "--export=__heap_base"]);
        words.extend(objects(&work, gathered).into_iter().map(Into::into));
        let module = with_us(&work, &words).silent();
        let mut instance = Instance::new(&module);
        for (index, name) in names.into_iter().enumerate() {
            let inside = instance.call("f", &[index as i32]);
            assert_eq!(instance.address(name), inside as u32, "{name}");
            assert_ne!(inside, 0, "{name}");
        }
        let by_lld = work.link_with(&tool("WSL_WASM_LD"), &words).silent();
        assert_eq!(globals(&module), globals(&by_lld));
    }
}

/// The exported globals: name, type and whether they can change.
fn globals(module: &[u8]) -> Vec<(String, String)> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, module).expect("a module");
    let mut globals: Vec<_> = module
        .exports()
        .filter_map(|export| {
            let ty = export.ty().global()?;
            Some((export.name().to_owned(), format!("{ty:?}")))
        })
        .collect();
    globals.sort();
    globals
}

/// As rustc 1.95 links a `cdylib`, in both profiles of cargo.
#[test]
fn rustc_links_with_it() {
    let source = r#"
        pub mod __link_section__CALLS {
            #[used] static A: fn(i32) -> String = |n| format!("{}", n + 1);
            #[used] static B: fn(i32) -> String = |n| [n.to_string(), n.to_string()].concat();
        }
        unsafe extern "C" {
            static __start_CALLS: [fn(i32) -> String; 0];
            static __stop_CALLS: [fn(i32) -> String; 0];
        }
        #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> i32 {
            let (start, stop) = (&raw const __start_CALLS, &raw const __stop_CALLS);
            let count = (stop.addr() - start.addr()) / 4;
            let calls = unsafe { std::slice::from_raw_parts(start.cast::<fn(i32) -> String>(), count) };
            calls.iter().map(|call| call(n).parse::<i32>().unwrap()).sum()
        }
    "#;
    let plain = "#[unsafe(no_mangle)] pub extern \"C\" fn sum(n: i32) -> i32 { n.to_string().len() as i32 }";
    let profiles = [
        ["-Copt-level=0", "-Cdebuginfo=2"],
        ["-Copt-level=3", "-Cstrip=debuginfo"],
    ];
    for (source, expected) in [(source, 10 + 99), (plain, 1)] {
        for flags in profiles {
            let work = Work::new();
            let output = rustc()
                .args(["--crate-type=cdylib", "-o", "program.wasm"])
                .args(flags)
                .arg(format!("-Clinker={}", linker().display()))
                .arg(work.write("program.rs", source))
                .env("WASM_SECTION_LD_LINKER", tool("WSL_WILD"))
                .current_dir(work.path())
                .output()
                .expect("a rustc that runs");
            assert!(output.status.success(), "{flags:?}: {output:?}");
            let module = fs::read(work.file("program.wasm")).expect("a module");
            let mut instance = Instance::new(&module);
            assert_eq!(instance.call("sum", &[9]), expected, "{flags:?}");
            let exports = instance.exports();
            for name in ["__heap_base", "__data_end"] {
                assert!(exports.iter().any(|export| export == name), "{exports:?}");
            }
            let debug = custom_sections(&module);
            assert!(!debug.iter().any(|(name, _)| name.starts_with(".debug")));
        }
    }
}

/// Adjacent objects with entries: lld gets them as one archive, with an option that wild 0.10 does not know.
#[test]
fn adjacent_objects_with_entries() {
    let work = Work::new();
    let entry = |name: &str, value: u32| {
        let text = format!("int {name} __asm__(\"__link_section__NUMBERS$${name}\") = {value};");
        work.c(name, &text)
    };
    let reader = "extern const int __start_NUMBERS[], __stop_NUMBERS[];
        __attribute__((export_name(\"sum\"))) int sum(void) {
            int sum = 0;
            for (const int *n = __start_NUMBERS; n < __stop_NUMBERS; n++) sum = 10 * sum + *n;
            return sum;
        }";
    let objects: Vec<PathBuf> = (1..=4).map(|n| entry(&format!("n{n}"), n)).collect();
    let mut words = args!["--no-entry", work.c("reader", reader)].to_vec();
    words.extend(objects.iter().map(OsString::from));
    let module = with_us(&work, &words).silent();
    assert_eq!(Instance::new(&module).call("sum", &[]), 1234);
}

/// A later wild knows its version, and the options: they are passed on. It is asked once.
#[test]
fn a_later_wild_gets_all_options() {
    let work = Work::new();
    let says = |version: &str, status: &str| {
        let asked = format!(
            "[ \"$*\" = --version ] && {{ echo x >> asked; echo '{version}'; exit {status}; }}"
        );
        work.script("wild", &format!("{asked}\nprintf '%s\\n' \"$@\""));
    };
    std::os::unix::fs::symlink("wild", work.file("wasm-ld")).expect("a symlink");
    let words = ["--allow-undefined", "--strip-all", "--export=__heap_base"];
    let link = || {
        let mut command = work.linker_on_path(&[]);
        command
            .args(words)
            .env("HOME", work.path())
            .env("WASM_SECTION_LD_LINKER", work.file("wasm-ld"));
        let output = command.output().expect("our linker");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    says("Wild 0.11.0 (compatible with GNU linkers)", "0");
    for _ in 0..2 {
        assert_eq!(
            link(),
            (true, words.map(|word| format!("{word}\n")).concat())
        );
    }
    assert_eq!(asked(&work), 1);
    says("unrecognized option(s): --version", "255");
    for _ in 0..2 {
        assert_eq!(link(), (false, String::new()));
    }
    assert_eq!(asked(&work), 2, "another program");
}

fn asked(work: &Work) -> usize {
    let file: &Path = &work.file("asked");
    fs::read_to_string(file).expect("a file").lines().count()
}
