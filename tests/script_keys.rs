//! The same source gives the same order, whatever the codegen units, the order of crates or the
//! state of an incremental build, wherever keys or `SORT_BY_NAME` decide it.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Rust, Work};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::PathBuf;

/// A crate that registers numbers under keys that are those numbers with leading zeros.
fn registers(numbers: &[u32]) -> String {
    let entry = |number: &u32| {
        format!(
            "mod m{number} {{ mod __link_section__NUMBERS {{ mod __link_order__{number:04} {{\n\
             #[used] static NUMBER: u32 = {number};\n\
             }} }} }}\n"
        )
    };
    let entries: String = numbers.iter().map(entry).collect();
    format!("#![no_std]\n{entries}")
}

#[test]
fn keys_decide_over_crates_units_and_incremental_state() {
    let crates = [
        ("first", vec![30, 7, 12]),
        ("second", vec![1, 99, 13]),
        ("third", vec![8, 2, 50]),
    ];
    for flags in [
        &["-Ccodegen-units=1"][..],
        &["-Ccodegen-units=16"],
        &["-Ccodegen-units=16", "-Copt-level=3"],
        &["-Cincremental=state"],
    ] {
        let work = Work::new();
        let mut libraries: Vec<PathBuf> = Vec::new();
        for (name, numbers) in &crates {
            libraries.push(Rust::new(&work, flags).rlib(name, &registers(numbers)));
        }
        for _ in 0..libraries.len() {
            libraries.rotate_left(1);
            let mut arguments: Vec<_> = libraries.iter().map(Into::into).collect();
            arguments.extend(export_section("NUMBERS").map(Into::into));
            let instance = work.instance::<std::ffi::OsString>(arguments);
            assert_eq!(
                instance.words("NUMBERS"),
                [1, 2, 7, 8, 12, 13, 30, 50, 99],
                "{flags:?}"
            );
        }
        // Built again after a change, from what the first build left.
        let changed = registers(&[30, 7, 11]);
        Rust::new(&work, flags).rlib("first", &changed);
        let mut arguments: Vec<std::ffi::OsString> = libraries.iter().map(Into::into).collect();
        arguments.extend(export_section("NUMBERS").map(Into::into));
        let instance = work.instance(arguments);
        assert_eq!(
            instance.words("NUMBERS"),
            [1, 2, 7, 8, 11, 13, 30, 50, 99],
            "{flags:?}"
        );
    }
}

#[test]
fn entries_without_a_key_come_first_and_ties_are_in_link_order() {
    let work = Work::new();
    let object = |name: &str, entries: &[(&str, u32)]| {
        let entry = |(key, number): &(&str, u32)| {
            format!("int v{number} __asm__(\"__link_section__N${key}${number}\") = {number};\n")
        };
        work.c(name, &entries.iter().map(entry).collect::<String>())
    };
    let first = object("first", &[("b", 1), ("", 2), ("a", 3)]);
    let second = object("second", &[("a", 4), ("b", 5), ("", 6)]);
    let mut arguments = args![first, second].to_vec();
    arguments.extend(export_section("N").map(Into::into));
    assert_eq!(work.instance(arguments).words("N"), [2, 6, 3, 4, 1, 5]);
}

#[test]
fn any_order_of_inputs_gives_one_order_by_name() {
    let work = Work::new();
    let names = ["k", "a", "z", "m", "b", "y"];
    let objects: Vec<PathBuf> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let source = format!(
                "__attribute__((section(\"s.{name}\"), used)) static const int v = {number};"
            );
            work.c(name, &source)
        })
        .collect();
    work.write("script.ld", "SECTIONS { OUT : { *(SORT_BY_NAME(s.*)) } }");
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&Just(objects).prop_shuffle(), |objects| {
        let mut arguments = args!["-T", "script.ld"].to_vec();
        arguments.extend(objects.into_iter().map(Into::into));
        arguments.extend(export_section("OUT").map(Into::into));
        prop_assert_eq!(work.instance(arguments).words("OUT"), [1, 4, 0, 3, 5, 2]);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
