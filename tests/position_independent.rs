//! `-shared` and `-pie`: several modules in one memory, at bases that are right for nothing else,
//! each with an array of its own.

use crate::args;
use crate::support::assembler::halving;
use crate::support::module::{custom_section, exports};
use crate::support::refusal::says;
use crate::support::{Rust, Work, linkers, tool};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// What code and data in C need, and the reader of the section.
const READER: &str = r#"
    struct plugin { const char *name; int (*run)(int); };
    extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
    __attribute__((visibility("default"))) int count(void) { return __stop_PLUGINS - __start_PLUGINS; }
    __attribute__((visibility("default"))) const struct plugin *first(void) { return __start_PLUGINS; }
"#;

/// The same, as whoever follows ELF's customs declares it.
const HIDDEN_READER: &str = r#"
    struct plugin { const char *name; int (*run)(int); };
    __attribute__((visibility("hidden"))) extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
    __attribute__((visibility("default"))) int count(void) { return __stop_PLUGINS - __start_PLUGINS; }
    __attribute__((visibility("default"))) const struct plugin *first(void) { return __start_PLUGINS; }
"#;

/// Entries of two kinds, one of which points to what another module defines.
const NUMBERS: &str = r#"
    struct plugin { const char *name; int (*run)(int); };
    extern int negate(int);
    static int twice(int n) { return 2 * n; }
    __attribute__((section("PLUGINS"), used)) static const struct plugin a = { "twice", twice };
    static const struct plugin b __asm__("__link_section__PLUGINS$$b") __attribute__((used)) =
        { "negate", negate };
    /* Each points to the other: the address of an entry is one too. */
    static const struct plugin *const self __asm__("__link_section__SELF$$self")
        __attribute__((used)) = &b;
"#;

const TEXTS: &str = r#"
    struct plugin { const char *name; int (*run)(int); };
    __attribute__((visibility("default"))) int negate(int n) { return -n; }
    __attribute__((visibility("default"))) char text[] = "visible data";
    static int host(int n) { extern int host_fn(int); return host_fn(n); }
    const struct plugin c __asm__("__link_section__PLUGINS$$c") = { text, negate };
    static const struct plugin d __asm__("__link_section__PLUGINS$$d") __attribute__((used)) =
        { "host", host };
"#;

/// Loads modules, in this order, and prints their arrays.
const LOAD: &str = r#"
    import { Program } from "support/dylink.mjs";
    import { readFileSync } from "node:fs";
    const program = new Program({ host: { host_fn: (n) => n + 100 } });
    program.load(FILES.map((file) => readFileSync(file)));
    if (program.unresolved().length > 0) throw new Error(`unresolved: ${program.unresolved()}`);
    for (const { exports, memoryBase, memoryAlign } of program.modules) {
      if ((memoryBase >> memoryAlign) % 2 === 0) throw new Error("a base that may be right by luck");
      const plugins = [];
      for (let i = 0; i < exports.count(); i++) {
        const at = exports.first() + 8 * i;
        const run = program.word(at + 4);
        plugins.push(`${program.string(program.word(at))}(20) = ${program.call(run, 20)}`);
      }
      console.log(plugins.sort().join(", "));
    }
"#;

const PIC: [&str; 2] = ["-fPIC", "-fdata-sections"];

/// What loaders run, which older backends export only when asked.
const LOADED: [&str; 2] = [
    "--export-if-defined=__wasm_apply_data_relocs",
    "--export-if-defined=__wasm_call_ctors",
];

/// The two sorts of position-independent modules.
fn modes() -> [Vec<OsString>; 2] {
    let shared = args!["-shared"];
    let executable = args!["-pie", "--import-memory", "--no-entry", "--export-dynamic"];
    let loaded = LOADED.map(OsString::from);
    [
        shared.to_vec(),
        executable.into_iter().chain(loaded).collect(),
    ]
}

/// Links a module, to `NAME`.
fn link(
    work: &Work,
    backend: &Path,
    name: &str,
    mode: &[OsString],
    objects: &[&PathBuf],
) -> Vec<u8> {
    let words = args!["--experimental-pic", "--allow-undefined"];
    let words = words.into_iter().chain(mode.iter().cloned());
    let linked = work.link_with(backend, words.chain(objects.iter().map(OsString::from)));
    let module = linked.silent();
    fs::write(work.file(name), &module).expect("a module");
    module
}

fn load(work: &Work, files: &[&str]) -> String {
    work.node(&[], &LOAD.replace("FILES", &format!("{files:?}")))
}

fn pic(work: &Work, name: &str, source: &str) -> PathBuf {
    work.c_with(name, source, &PIC)
}

#[test]
fn each_of_several_modules_in_one_memory_has_its_own_array() {
    let work = Work::new();
    let reader = pic(&work, "reader", READER);
    let hidden = pic(&work, "hidden", HIDDEN_READER);
    let (numbers, texts) = (pic(&work, "numbers", NUMBERS), pic(&work, "texts", TEXTS));
    let assembler = work.asm("assembler", &halving("PLUGINS", 32, ""));
    let archive = work.archive("libtexts.a", &[&texts, &assembler]);
    for backend in linkers() {
        for mode in modes() {
            // What negates comes after who needs it, from a member that nothing else asks for.
            link(&work, &backend, "1.wasm", &mode, &[&reader, &numbers]);
            let second = link(&work, &backend, "2.wasm", &mode, &[&hidden, &archive]);
            assert_eq!(
                authors_exports(&second),
                ["count", "first", "negate", "text"]
            );
            let printed = load(&work, &["1.wasm", "2.wasm", "1.wasm"]);
            let numbers = "negate(20) = -20, twice(20) = 40";
            let texts = "halve(20) = 10, host(20) = 120, visible data(20) = -20";
            let expected = format!("{numbers}\n{texts}\n{numbers}\n");
            assert_eq!(printed, expected, "{} {mode:?}", backend.display());
        }
    }
}

/// What a module exports that neither `wasm-ld` nor the format asks for. (14 exports the bounds of
/// sections too, its own as well as ours.)
fn authors_exports(module: &[u8]) -> Vec<String> {
    let own = |name: &String| {
        let bounds = ["__start_PLUGINS", "__stop_PLUGINS"];
        name.starts_with("__wasm_") || bounds.contains(&name.as_str())
    };
    let mut names = exports(module);
    names.retain(|name| !own(name));
    names.sort();
    names
}

#[test]
fn what_an_old_backend_would_import_is_gathered() {
    let work = Work::new();
    let entries = r#"
        struct plugin { const char *name; int (*run)(int); };
        static int twice(int n) { return 2 * n; }
        __attribute__((section("PLUGINS"), used)) static const struct plugin a = { "twice", twice };
    "#;
    let (reader, entries) = (pic(&work, "reader", READER), pic(&work, "entries", entries));
    for backend in linkers() {
        for mode in modes() {
            let module = link(&work, &backend, "1.wasm", &mode, &[&reader, &entries]);
            assert!(!imports_data(&module, "__start_PLUGINS"));
            assert_eq!(load(&work, &["1.wasm"]), "twice(20) = 40\n");
        }
    }
    // A backend that retains is left to it, as everywhere.
    let words = args!["--experimental-pic", "-shared", reader, entries];
    let plain = work.plain_link(&tool("WSL_WASM_LD"), words.clone());
    let ours = work.link_with(&tool("WSL_WASM_LD"), words);
    assert!(ours.module() == plain.module());
}

fn imports_data(module: &[u8], name: &str) -> bool {
    let payloads = wasmparser::Parser::new(0).parse_all(module);
    payloads
        .filter_map(|payload| match payload.expect("a module") {
            wasmparser::Payload::ImportSection(imports) => Some(imports),
            _ => None,
        })
        .flat_map(|imports| imports.into_imports())
        .map(|import| import.expect("an import"))
        .any(|import| import.module == "GOT.mem" && import.name == name)
}

#[test]
fn what_no_live_code_reads_is_not_in_a_shared_library() {
    let work = Work::new();
    let other = "__attribute__((visibility(\"default\"))) int other(void) { return 1; }";
    let entries = r#"
        static int twice(int n) { return 2 * n; }
        static int (*const a)(int) __asm__("__link_section__PLUGINS$$a") __attribute__((used)) = twice;
    "#;
    let (other, entries) = (pic(&work, "other", other), pic(&work, "entries", entries));
    for backend in linkers() {
        let mode = &modes()[0];
        let without = link(&work, &backend, "1.wasm", mode, &[&other]);
        let with = link(&work, &backend, "1.wasm", mode, &[&other, &entries]);
        assert_eq!(
            custom_section(&with, "dylink.0"),
            custom_section(&without, "dylink.0")
        );
    }
}

#[test]
fn rust_and_c_in_one_memory() {
    let work = Work::new();
    let texts = pic(&work, "texts", TEXTS);
    let reader = pic(&work, "reader", READER);
    let source = r#"
        #![no_std]
        #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
        #[repr(C)] pub struct Plugin { pub name: *const u8, pub run: unsafe extern "C" fn(i32) -> i32 }
        unsafe impl Sync for Plugin {}
        unsafe extern "C" { fn negate(n: i32) -> i32; }
        mod __link_section__PLUGINS {
            #[used] static TWICE: super::Plugin = super::Plugin { name: c"twice".as_ptr().cast(), run: super::twice };
            #[used] static NEGATE: super::Plugin = super::Plugin { name: c"negate".as_ptr().cast(), run: super::negate };
        }
        extern "C" fn twice(n: i32) -> i32 { 2 * n }
        unsafe extern "C" { static __start_PLUGINS: [Plugin; 0]; static __stop_PLUGINS: [Plugin; 0]; }
        #[unsafe(no_mangle)] pub extern "C" fn count() -> usize {
            ((&raw const __stop_PLUGINS).addr() - (&raw const __start_PLUGINS).addr()) / size_of::<Plugin>()
        }
        #[unsafe(no_mangle)] pub extern "C" fn first() -> *const Plugin { &raw const __start_PLUGINS as _ }
    "#;
    for backend in linkers() {
        for opt in ["1", "3"] {
            let mut flags = vec![
                "-Crelocation-model=pic".to_owned(),
                format!("-Copt-level={opt}"),
                format!("-Clink-arg=--section-linker={}", backend.display()),
                "-Clink-args=-shared --experimental-pic".to_owned(),
            ];
            flags.extend(LOADED.map(|option| format!("-Clink-arg={option}")));
            let rust = Rust::new(&work, &flags);
            let rust = rust.program("rust", source);
            assert_eq!(rust.status, Some(0), "{}", rust.stderr);
            link(&work, &backend, "c.wasm", &modes()[0], &[&reader, &texts]);
            let printed = load(&work, &["rust.wasm", "c.wasm"]);
            let rust = "negate(20) = -20, twice(20) = 40";
            let c = "host(20) = 120, visible data(20) = -20";
            assert_eq!(printed, format!("{rust}\n{c}\n"), "{}", backend.display());
        }
    }
}

#[test]
fn code_that_is_bound_to_its_place_is_refused() {
    let work = Work::new();
    let object = work.c("fixed", READER);
    let words = args!["--experimental-pic", "-shared", object];
    for backend in linkers() {
        let message = work.refused_with(&backend, &words);
        says(
            &message,
            &[
                "fixed.o: relocation R_WASM_MEMORY_ADDR_",
                "recompile with -fPIC",
            ],
        );
    }
}

#[test]
fn a_distance_is_refused_as_no_backend_can_write_it() {
    let source = |section: &str| {
        format!(
            r#"
            .section .rodata.text,"",@
            text:
            .asciz "text"
            .size text, 5
            .section {section},"",@
            .int32 text-.
            "#
        )
    };
    for (section, name) in [(".custom_section.PLUGINS", "custom"), ("PLUGINS", "data")] {
        let work = Work::new();
        let object = work.asm(name, &source(section));
        let reader = pic(&work, "reader", READER);
        for backend in linkers() {
            for mode in modes() {
                let words = args!["--experimental-pic", "--gather=PLUGINS", reader, object];
                let words: Vec<_> = words.into_iter().chain(mode).collect();
                let message = work.refused_with(&backend, &words);
                let file =
                    format!("{name}.o: an entry of section `PLUGINS` holds its distance to `text`");
                says(
                    &message,
                    &[&file, "cannot write into a position-independent module"],
                );
            }
        }
        // Where nothing moves, a distance is a number.
        let instance = work.gathered("PLUGINS", args!["--gather=PLUGINS", object]);
        let start = instance.address("__start_PLUGINS");
        let [distance] = instance.words("PLUGINS")[..] else {
            panic!("one entry");
        };
        assert_eq!(instance.string(start.wrapping_add(distance)), "text");
    }
}
