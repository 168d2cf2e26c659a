//! `--Map` and `--print-map`: the array is shown as the entries that are in it, each under the input
//! that it came from and at the address where it is.

use crate::args;
use crate::support::{Work, linkers, reading};
use std::ffi::OsString;

/// A line of a map: address, size, and what it is, with its indentation.
type Line = (u64, u64, String);

fn lines(map: &str) -> Vec<Line> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        let (address, _offset, size) = (number()?, number()?, number()?);
        let column = line.find(words.next()?)?;
        Some((address, size, line[column..].to_owned()))
    };
    map.lines().filter_map(line).collect()
}

fn arguments(work: &Work) -> Vec<OsString> {
    let marked = r#"
        int first __asm__("__link_section__ITEMS$$first") = 1;
        int second __asm__("__link_section__ITEMS$$second") = 2;
    "#;
    let named = r#"__attribute__((section("ITEMS"), used)) int a = 3, b = 4;"#;
    let custom = ".section .custom_section.ITEMS,\"\",@\n.int32 5\n.int32 6\n";
    let library = work.archive("libnamed.a", &[&work.c("named", named)]);
    let objects = args![
        work.c("marked", marked),
        library,
        work.asm("custom", custom)
    ];
    reading("ITEMS", objects)
}

#[test]
fn entries_under_their_inputs() {
    let work = Work::new();
    let arguments = arguments(&work);
    for backend in linkers() {
        let with = |more: &str| {
            let own = arguments.iter().cloned().chain([more.into()]);
            work.link_with(&backend, own)
        };
        with("--Map=map.txt").silent();
        let map = std::fs::read_to_string(work.file("map.txt")).expect("a map");
        for option in ["--print-map", "-M"] {
            assert_eq!(with(option).stdout, map);
        }
        let module = with("--print-map").module();
        let start: u64 = crate::support::Instance::new(&module)
            .address("__start_ITEMS")
            .into();
        let path = |name: &str| work.file(name).display().to_string();
        let inputs = [
            (
                start,
                4,
                format!("{}:(.data.__link_section__ITEMS$$first)", path("marked.o")),
            ),
            (start, 4, "__link_section__ITEMS$$first".to_owned()),
            (start, 0, "__start_ITEMS".to_owned()),
            (
                start + 4,
                4,
                format!("{}:(.data.__link_section__ITEMS$$second)", path("marked.o")),
            ),
            (start + 4, 4, "__link_section__ITEMS$$second".to_owned()),
            (
                start + 8,
                4,
                format!("{}(named.o):(ITEMS)", path("libnamed.a")),
            ),
            (start + 8, 4, "a".to_owned()),
            (
                start + 12,
                4,
                format!("{}(named.o):(ITEMS)", path("libnamed.a")),
            ),
            (start + 12, 4, "b".to_owned()),
            (start + 16, 8, format!("{}:(ITEMS)", path("custom.o"))),
            (start + 24, 0, "__stop_ITEMS".to_owned()),
        ];
        let shown = lines(&map);
        let first = shown.iter().position(|line| *line == inputs[0]);
        let first = first.unwrap_or_else(|| panic!("no array in:\n{map}"));
        assert_eq!(shown[first..first + inputs.len()], inputs);
        assert!(!map.contains("<link sections>"), "{map}");
    }
}

/// The manifest has symbols of its own in the synthesized object.
#[test]
fn the_manifest_does_not_show() {
    let work = Work::new();
    let mut arguments = arguments(&work);
    let plain = work
        .link(arguments.iter().cloned().chain(["-M".into()]))
        .stdout;
    arguments.push("--section-manifest".into());
    let map = work
        .link(arguments.iter().cloned().chain(["-M".into()]))
        .stdout;
    let but_custom = |map: &str| {
        let lines = lines(map).into_iter();
        Vec::from_iter(lines.filter(|(.., what)| !what.starts_with("CUSTOM")))
    };
    assert_eq!(but_custom(&map), but_custom(&plain));
    assert!(map.contains("CUSTOM(link_sections)") && !map.contains(".Lmanifest"));
}
