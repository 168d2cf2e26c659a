//! Registries over several crates, under every combination of the options that change what rustc
//! emits and how it links.

use crate::support::rust::UNSTABLE;
use crate::support::{Instance, Rust, Work, tool};

pub const REGISTRY: &str = include_str!("fixtures/rust/registry.rs");
pub const ALPHA: &str = include_str!("fixtures/rust/alpha.rs");

/// A crate with the same names as `alpha` has, and with all kinds of entries of one section: rustc
/// makes a custom section of the first two.
pub const BETA: &str = r#"
    #![no_std]
    mod __link_section__PLUGINS {
        #[used]
        static MODULE: registry::Plugin =
            registry::Plugin { name: "beta::module", run: |n| n - 1 };
    }
    #[used]
    #[unsafe(export_name = "__link_section__PLUGINS$$beta::name")]
    static NAME: registry::Plugin = registry::Plugin { name: "beta::name", run: |n| n - 2 };
    #[used]
    #[unsafe(link_section = "NUMBERS")]
    static CUSTOM: u32 = 201;
    #[used]
    #[unsafe(link_section = "NUMBERS")]
    static CUSTOM_ARRAY: [u32; 2] = [202, 203];
    #[used]
    #[unsafe(export_name = "__link_section__NUMBERS$$beta")]
    static NUMBER: u32 = 204;
    mod __link_section__NUMBERS {
        #[used]
        static NUMBER: u32 = 205;
    }
"#;

/// The program registers too.
pub const PROGRAM: &str = r#"
    #![no_std]
    extern crate alpha as _;
    extern crate beta as _;
    mod __link_section__PLUGINS {
        #[used]
        static MODULE: registry::Plugin =
            registry::Plugin { name: "program::module", run: |n| n * n };
    }
    registry::export_plugins!();
    registry::export_commands!();
    registry::export_numbers!();
"#;

/// What each plugin of those crates makes of 10.
const PLUGINS: [(&str, i32); 17] = [
    ("alpha::constant", 18),
    ("alpha::four", 24),
    ("alpha::function", 15),
    ("alpha::generic", 16),
    ("alpha::helped", 17),
    ("alpha::method", 17),
    ("alpha::module", 12),
    ("alpha::name", 11),
    ("alpha::nested", 13),
    ("alpha::one", 21),
    ("alpha::outer", 14),
    ("alpha::path", 12),
    ("alpha::three", 23),
    ("alpha::two", 22),
    ("beta::module", 9),
    ("beta::name", 8),
    ("program::module", 100),
];

const COMMANDS: [(&str, i32); 3] = [
    ("alpha::shout", 100),
    ("alpha::thrice", 30),
    ("alpha::twice", 20),
];

const NUMBERS: [i32; 8] = [0, 101, 102, 201, 202, 203, 204, 205];

/// The name of each entry of a registry that the program exports by `export_REGISTRY!`, with what
/// it makes of 10, sorted: the order of crates is rustc's.
pub fn entries(instance: &mut Instance, registry: &str) -> Vec<(String, i32)> {
    let mut entries = Vec::new();
    for index in 0..instance.call(registry, &[]) {
        let name = instance.call(&format!("{registry}_name"), &[index]);
        let length = instance.call(&format!("{registry}_name_length"), &[index]);
        let name = instance.bytes(name as u32, length as u32).to_vec();
        let name = String::from_utf8(name).expect("UTF-8");
        entries.push((
            name,
            instance.call(&format!("{registry}_run"), &[index, 10]),
        ));
    }
    entries.sort();
    entries
}

/// The numbers of a program that exports them, sorted.
pub fn numbers(instance: &mut Instance) -> Vec<i32> {
    let mut numbers: Vec<_> = (0..instance.call("numbers", &[]))
        .map(|index| instance.call("number", &[index]))
        .collect();
    numbers.sort();
    numbers
}

pub fn owned(entries: &[(&str, i32)]) -> Vec<(String, i32)> {
    let owned = |&(name, result): &(&str, i32)| (name.to_owned(), result);
    entries.iter().map(owned).collect()
}

/// Two modules of code that is too large for one codegen unit, so that rustc does make several.
fn with_units(source: &str) -> String {
    let steps = "n = (n ^ 5) + (n >> 1);".repeat(400);
    let module = |name| {
        format!("pub mod {name} {{ #[inline(never)] pub fn f(mut n: u64) -> u64 {{ {steps} n }} }}")
    };
    format!("{source}\n{}\n{}", module("large"), module("larger"))
}

/// Builds and runs it all for every combination of the other options.
fn at_opt_level(level: &str) {
    for units in [1, 16] {
        for debug in [0, 2] {
            for mangling in ["v0", "legacy"] {
                let mut flags = vec![
                    format!("-Copt-level={level}"),
                    format!("-Ccodegen-units={units}"),
                    format!("-Cdebuginfo={debug}"),
                    format!("-Csymbol-mangling-version={mangling}"),
                    "-Cembed-bitcode=yes".to_owned(),
                ];
                if mangling == "legacy" {
                    flags.push(UNSTABLE.to_owned());
                }
                links_with_every_lto(&flags, units > 1);
            }
        }
    }
}

fn links_with_every_lto(flags: &[String], several: bool) {
    let work = Work::new();
    let mut rust = Rust::new(&work, flags);
    rust.rlib("registry", REGISTRY);
    let alpha = rust.rlib("alpha", &with_units(ALPHA));
    rust.rlib("beta", BETA);
    let members = work.run(tool("WSL_AR"), ["t".as_ref(), alpha.as_os_str()]);
    let objects = members.lines().filter(|name| name.ends_with(".o")).count();
    assert_eq!(objects > 1, several, "{flags:?}: {members}");
    // Without the option, the units of one crate are optimized together.
    let nothing: &[&str] = &[];
    for lto in [nothing, &["-Clto=off"], &["-Clto=thin"], &["-Clto=fat"]] {
        let mut instance = rust.with(lto).instance(PROGRAM);
        let instance = &mut instance;
        let options = format!("{flags:?} {lto:?}");
        assert_eq!(entries(instance, "plugins"), owned(&PLUGINS), "{options}");
        assert_eq!(entries(instance, "commands"), owned(&COMMANDS), "{options}");
        assert_eq!(numbers(instance), NUMBERS, "{options}");
    }
}

#[test]
fn all_is_there_at_opt_level_0() {
    at_opt_level("0");
}

#[test]
fn all_is_there_at_opt_level_1() {
    at_opt_level("1");
}

#[test]
fn all_is_there_at_opt_level_2() {
    at_opt_level("2");
}

#[test]
fn all_is_there_at_opt_level_3() {
    at_opt_level("3");
}

#[test]
fn all_is_there_at_opt_level_s() {
    at_opt_level("s");
}
