//! What the output is to be like: options of `wasm-ld`, every two of them together, and the array the
//! same with all.

use crate::args;
use crate::support::assembler::halving;
use crate::support::pairwise;
use crate::support::{Instance, Rust, Work, linkers};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The settings, each with its values; the first is what is without the option.
const SETTINGS: [&[&str]; 11] = [
    &["", "--strip-all", "--strip-debug"],
    &["", "-O0", "-O1", "-O2"],
    &["", "--compress-relocations"],
    &["", "--emit-relocs"],
    &["", "--no-gc-sections"],
    &["", "--no-merge-data-segments"],
    &["", "--stack-first"],
    &["", "--global-base=131072"],
    &["", "--import-memory"],
    &["", "--export-all"],
    &["", "--build-id", "--build-id=sha1", "--build-id=0x12345678"],
];

const STRIP: usize = 0;
const COMPRESS: usize = 2;
const BUILD_ID: usize = 10;

/// What the linker refuses: `--compress-relocations is incompatible with output debug information`.
fn allowed(one: (usize, usize), other: (usize, usize)) -> bool {
    !(one == (STRIP, 0) && other == (COMPRESS, 1))
}

const C: &str = r#"
    struct plugin { const char *name; int (*run)(int); int number; };
    extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
    static int twice(int n) { return 2 * n; }
    static int negate(int n) { return -n; }
    __attribute__((section("PLUGINS"), used)) static const struct plugin a = { "twice", twice, 1 };
    static const struct plugin b __asm__("__link_section__PLUGINS$$b") __attribute__((used)) =
        { "negate", negate, 2 };
    static int counter __asm__("__link_section__COUNTERS$$c") __attribute__((used));
    extern int __start_COUNTERS[], __stop_COUNTERS[];
    __attribute__((export_name("count"))) int count(void) {
        return __stop_PLUGINS - __start_PLUGINS + 100 * (__stop_COUNTERS - __start_COUNTERS);
    }
    __attribute__((export_name("name"))) const char *name(int i) { return __start_PLUGINS[i].name; }
    __attribute__((export_name("number"))) int number(int i) {
        return __start_PLUGINS[i].number + __start_COUNTERS[0];
    }
    __attribute__((export_name("run"))) int run(int i, int n) { return __start_PLUGINS[i].run(n); }
"#;

const RUST: &str = r#"
    #![no_std]
    #[repr(C)] pub struct Plugin { name: *const u8, run: extern "C" fn(i32) -> i32, number: i32 }
    unsafe impl Sync for Plugin {}
    extern "C" fn square(n: i32) -> i32 { n.wrapping_mul(n) }
    mod __link_section__PLUGINS {
        #[used] static SQUARE: super::Plugin =
            super::Plugin { name: c"square".as_ptr().cast(), run: super::square, number: 4 };
    }
"#;

fn objects(work: &Work) -> [PathBuf; 3] {
    [
        work.c_with("c", C, &["-fdata-sections", "-g"]),
        work.asm("assembler", &halving("PLUGINS", 32, ".int32 3")),
        Rust::new(work, &["-Copt-level=1", "-g"]).object("rust", RUST),
    ]
}

/// The entries, by number: what is in memory of them, and what their functions give for 20.
fn plugins(instance: &mut Instance) -> Vec<(i32, String, i32)> {
    assert_eq!(instance.call("count", &[]), 104);
    let mut plugins: Vec<_> = (0..4)
        .map(|index| {
            let number = instance.call("number", &[index]);
            let name = instance.call("name", &[index]) as u32;
            (
                number,
                instance.string(name),
                instance.call("run", &[index, 20]),
            )
        })
        .collect();
    plugins.sort();
    plugins
}

/// Whether the linker has these options: LLVM 14 and 16 have no `--build-id`.
fn has(backend: &Path, options: &[&str]) -> bool {
    let name = backend.display().to_string();
    let old = name.ends_with("-14") || name.ends_with("-16");
    !old || options[BUILD_ID].is_empty()
}

#[test]
fn every_two_options_together() {
    let work = Work::new();
    let objects = objects(&work);
    let sizes = SETTINGS.map(<[_]>::len);
    let expected = [
        ("twice", 40),
        ("negate", -20),
        ("halve", 10),
        ("square", 400),
    ];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(number, (name, result))| (number, name.to_owned(), result))
        .collect();
    let mut links = 0;
    for row in pairwise::rows(&sizes, allowed) {
        let options: Vec<&str> = row
            .iter()
            .zip(SETTINGS)
            .map(|(&value, values)| values[value])
            .collect();
        for backend in linkers().iter().filter(|backend| has(backend, &options)) {
            let given = options.iter().filter(|option| !option.is_empty());
            let words = objects
                .iter()
                .map(OsString::from)
                .chain(given.map(OsString::from));
            let words = words.chain(args!["--no-entry"]);
            let linked = work.link_with(backend, words);
            assert_eq!(linked.stderr, "", "{} {options:?}", backend.display());
            let mut instance = Instance::new(&linked.module());
            assert_eq!(
                plugins(&mut instance),
                expected,
                "{} {options:?}",
                backend.display()
            );
            links += 1;
        }
    }
    assert!(links > 40, "{links}");
}
