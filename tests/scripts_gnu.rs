//! GNU ld is the reference: what it refuses we refuse, and where both accept a script, the same
//! input sections are in the same places.

use crate::support::gnu_ld::{Both, Section};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

pub const NAMES: [&str; 8] = ["s.1", "s.2", "s.10", "s.00100", "t.b", "t.a", "plain", "s"];

/// Four objects and an archive of two more, each with some sections of several alignments.
pub fn objects() -> Both {
    let mut number = 0;
    let mut sections = |names: &[(&'static str, u32)]| -> Vec<Section> {
        let section = |&(name, alignment): &(&'static str, u32)| {
            number += 1;
            Section {
                name,
                alignment,
                number,
                // Every fifth is but a place.
                words: if number % 5 == 0 {
                    0
                } else {
                    number as usize % 3 + 1
                },
            }
        };
        names.iter().map(section).collect()
    };
    let objects = [
        (
            "a.o",
            sections(&[
                ("s.10", 4),
                ("s.2", 16),
                ("t.b", 4),
                ("plain", 4),
                ("s", 64),
            ]),
        ),
        (
            "b.o",
            sections(&[("s.1", 8), ("s.10", 4), ("t.a", 4), ("s.00100", 4)]),
        ),
        (
            "c.o",
            sections(&[("plain", 32), ("s.2", 4), ("t.b", 8), ("s.1", 4)]),
        ),
        (
            "d.o",
            sections(&[("s", 4), ("s.00100", 128), ("t.a", 16), ("s.2", 8)]),
        ),
        (
            "m.o",
            sections(&[("s.1", 16), ("t.b", 4), ("plain", 4), ("s.2", 4)]),
        ),
        (
            "n.o",
            sections(&[("t.a", 8), ("s.10", 8), ("s", 4), ("plain", 8)]),
        ),
    ];
    Both::new(&objects, &[("libx.a", &["m.o", "n.o"])])
}

pub const INPUTS: [&str; 5] = ["a.o", "b.o", "libx.a", "c.o", "d.o"];

/// How many cases are tried: so many, unless `PROPTEST_CASES` says it.
pub fn cases(usual: u32) -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.map_or(usual, |cases| cases.parse().expect("a number"))
}

/// What is not the same.
fn difference(both: &Both, script: &str) -> Option<String> {
    let gnu = both.gnu(script, &INPUTS, "OUT").map(|bytes| words(&bytes));
    let ours = both.ours(script, &INPUTS, "OUT").map(|bytes| words(&bytes));
    match (&gnu, &ours) {
        (Ok(expected), Ok(found)) if expected == found => None,
        _ => Some(format!(
            "{script}\n  GNU ld: {gnu:x?}\n  ours:   {ours:x?}\n"
        )),
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

#[test]
fn scripts_that_both_accept() {
    let both = objects();
    let mut differences = Vec::new();
    for body in [
        "*(s)",
        "*(s s.*)",
        "*(s) *(s.*)",
        "*(SORT(s.*))",
        "*(SORT_BY_NAME(s.*) t.*)",
        "*(SORT_BY_ALIGNMENT(s.*))",
        "*(SORT_BY_NAME(SORT_BY_ALIGNMENT(s.*)))",
        "*(SORT_BY_ALIGNMENT(SORT_BY_NAME(s.*)))",
        "*(SORT_BY_INIT_PRIORITY(s.*))",
        "*(SORT_NONE(s.*))",
        "KEEP(*(SORT(t.*)))",
        "a.o(s.*) *(s.*)",
        "*a.o(s.*)",
        "libx.a:m.o(s.*) *(s.*)",
        "libx.a:(s.*) *(s.*)",
        "*x.a:*(s.*)",
        ":*(s.*) *(s.*)",
        "*m.o(s.*) *(s.*)",
        "EXCLUDE_FILE(a.o) *(s.*)",
        "*(EXCLUDE_FILE(a.o c.o) s.* t.*)",
        "*(EXCLUDE_FILE(*x.a:m.o) s.* EXCLUDE_FILE(b.o) t.*)",
        "*(EXCLUDE_FILE(libx.a) s.*)",
        "SORT(*)(SORT(s.*))",
        "SORT_BY_NAME(EXCLUDE_FILE(a.o) *)(SORT(s.*))",
        "*(s.[0-9])",
        "*(s.[!1]*)",
        "*(s.?)",
        "*(plain) LONG(0x12345678) SHORT(1) SHORT(-2) BYTE(3) BYTE(4); BYTE(5) BYTE(6) QUAD(7)",
        "LONG(1) . += 12; *(s) . = . + 4; BYTE(9)",
        "*(s) a = .; LONG(a - ADDR(OUT)) b = .; LONG(b - a) LONG(a == a) LONG(DEFINED(a))",
        "*(s) LONG(2 + 3 * 4 << 1 | 1 & 3) LONG(!1) LONG(~0) LONG(-7 / 2) LONG(7 % 4)",
        "LONG(1 ? 2 : 3) LONG(0 || 2) LONG(1 && 0) LONG(3 > 2) LONG(MAX(3, 4)) LONG(MIN(3, 4))",
        "LONG(LOG2CEIL(9)) LONG(ALIGN(5, 4)) LONG(0x10) LONG(010) LONG(4K) LONG(1M)",
        "FILL(0x90) BYTE(1) . += 7; FILL(0x1234) BYTE(2) . += 7; LONG(3)",
        "FILL(0x00000090) BYTE(1) . += 7; FILL(144) BYTE(2) . += 7;",
        "*(s);;; *(t.*) /* a comment */ ASSERT(1, \"fine\");",
        "PROVIDE(p = .); HIDDEN(h = .); PROVIDE_HIDDEN(ph = .); *(s) x = 4; x += 2; *(t.*)",
    ] {
        let script = format!("SECTIONS {{ OUT : ALIGN(64) {{ {body} }} }}");
        differences.extend(difference(&both, &script));
    }
    for script in [
        "SECTIONS { OUT : ALIGN(64) { *(s) . = ALIGN(16); *(t.*) . = ALIGN(64); } }",
        "SECTIONS { OUT : ALIGN(64) SUBALIGN(32) { *(s.*) } }",
        "SECTIONS { OUT : SUBALIGN(4) { *(SORT_BY_ALIGNMENT(s.*)) } }",
        "SECTIONS { OUT : ALIGN(64) { BYTE(1) . = ALIGN(8); *(s) } = 0xff }",
        "SECTIONS { /DISCARD/ : { *(s.1) a.o(s.2) } OUT : { *(s.*) } }",
        "SECTIONS { OUT : { *(s.*) } /DISCARD/ : { *(s.1) } }",
        "SECTIONS { OTHER : { *(s.1) } OUT : { *(s.*) } }",
        "SECTIONS { OUT : { *(s.1) } } SECTIONS { OTHER : { *(t.*) } }",
        "x = 4; SECTIONS { OUT : { *(s.1) LONG(x) } y = x + 1; z = SIZEOF(OUT); } ASSERT(y == 5, \"y\")",
        "SECTIONS { OUT : { *(s.1) } ASSERT(SIZEOF(OUT) > 0, \"empty\") ASSERT(ALIGNOF(OUT) == 16, \"align\") }",
        "SECTIONS { \"OUT\" : { \"a.o\"(\"s.2\") } }",
    ] {
        differences.extend(difference(&both, script));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn scripts_that_both_refuse() {
    let both = objects();
    let mut taken = Vec::new();
    for script in [
        "SECTIONS {",
        "SECTIONS { OUT : { *(s } }",
        "SECTIONS { OUT { *(s) } }",
        "SECTIONS { OUT : { *() } }",
        "SECTIONS { OUT : { x = ; } }",
        "SECTIONS { OUT : { x = 1 } }",
        "SECTIONS { OUT : { . = 1 + ; } }",
        "SECTIONS { OUT : { *(s) . = 0; } }",
        "SECTIONS { OUT : { BYTE() } }",
        "SECTIONS { OUT : { *(SORT_BY_NAME(SORT_BY_INIT_PRIORITY(s))) } }",
        "SECTIONS { OUT : { *(SORT_NONE(SORT_BY_NAME(s))) } }",
        "SECTIONS { OUT : { LONG(nowhere) } }",
        "SECTIONS { OUT : { LONG(1 / 0) } }",
        "SECTIONS { OUT : { LONG(SIZEOF(NOWHERE)) } }",
        "SECTIONS { OUT : { *(s) ASSERT(1, \"no separator\") } }",
        "SECTIONS { OUT : { *(s) }; }",
        "SECTIONS { OUT : { *(s) } ASSERT(SIZEOF(OUT) == 1, \"size\") }",
        "SECTIONS { OUT : { *(s) } } }",
        "SECTIONS { OUT : { PROVIDE(x) } }",
        "SECTIONS { OUT : { ASSERT(1) } }",
        "/* no end",
        "SECTIONS { OUT : { *(s) } } \"no end",
        "INCLUDE nowhere.ld",
        "SECTIONS { INCLUDE script.ld }",
        "EXCLUDE_FILE",
        "= 4;",
    ] {
        let gnu = both.gnu(script, &INPUTS, "OUT");
        let ours = both.ours(script, &INPUTS, "OUT");
        if gnu.is_ok() || ours.is_ok() {
            taken.push(format!("{script}\n  GNU ld: {gnu:?}\n  ours: {ours:?}"));
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
}

/// Scripts to damage, word by word.
const WHOLE: [&str; 9] = [
    "SECTIONS { OUT : ALIGN ( 64 ) { * ( s ) x = . ; * ( SORT ( s.* ) EXCLUDE_FILE ( a.o ) t.* ) } }",
    "SECTIONS { OUT : SUBALIGN ( 4 ) { KEEP ( * ( s.1 ) ) LONG ( 1 + 2 ) . += 4 ; BYTE ( 3 ) } = 0x90 }",
    "x = 4 ; SECTIONS { /DISCARD/ : { * ( s.1 ) } OUT : { * ( s.* ) } y = SIZEOF ( OUT ) ; }",
    "SECTIONS { OUT : { PROVIDE ( p = . ) ; FILL ( 0x12 ) . = ALIGN ( 8 ) ; ASSERT ( 1 , \"m\" ) ; } }",
    "SECTIONS { OUT : { libx.a:m.o ( s.* ) * ( t.a ) } } ASSERT ( SIZEOF ( OUT ) > 0 , \"none\" )",
    "SECTIONS { . = ALIGN ( 8 ) ; lo = . ; OUT ALIGN ( 4 ) : AT ( ADDR ( OUT ) ) { * ( s ) } : NONE hi = . ; }",
    "SECTIONS { OUT . ( NOLOAD ) : ALIGN ( 8 ) { . += 4 ; } PROVIDE ( x = . ) ; } ASSERT ( 1 , \"m\" ) PROVIDE ( y = 1 ) ;",
    "# 1 \"x\"\n SECTIONS { OUT ( ) : { * ( s ) } } INSERT AFTER .data ; SECTIONS { O : { * ( s.1 ) } } INSERT BEFORE .text",
    "SECTIONS { OUT : { LONG ( DEFINED ( x ) ? 1 : ! 2 ) QUAD ( ( 3 - - 1 ) * ~ 4 ) } z = 1 << 2 ; }",
];

/// One of them with a word left out, put in, or doubled.
fn damaged() -> impl Strategy<Value = String> {
    let stray = [
        "{", "}", "(", ")", ":", ";", ",", "=", "*", "x", "3", ".", "KEEP", "SECTIONS", "AT",
        "NOLOAD", "INSERT", "AFTER", "#",
    ];
    let whole = prop::sample::select(WHOLE.to_vec());
    (
        whole,
        any::<prop::sample::Index>(),
        0..3,
        prop::sample::select(stray.to_vec()),
    )
        .prop_map(|(script, at, how, stray)| {
            let mut words: Vec<&str> = script.split(' ').collect();
            let at = at.index(words.len());
            match how {
                0 => drop(words.remove(at)),
                1 => words.insert(at, stray),
                _ => words.insert(at, words[at]),
            }
            words.join(" ")
        })
}

#[test]
fn what_gnu_ld_refuses_we_refuse() {
    let both = objects();
    let mut runner = TestRunner::new(Config {
        cases: cases(400),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&damaged(), |script| {
        if let Err(message) = both.gnu_takes(&script, &INPUTS)
            // Not that it finds no file of a name that the script has.
            && message.contains("script.ld:")
        {
            let ours = both.ours(&script, &INPUTS, "OUT");
            prop_assert!(ours.is_err(), "{}\n{}{:?}", script, message, ours);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}\n");
    }
}

fn file_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => prop::sample::select(vec!["a.o", "*b.o", "[ac].o", "libx.a:*", ":*", "*:m.o", "*m.o"])
            .prop_map(str::to_owned),
        1 => Just("EXCLUDE_FILE(b.o *:n.o) *".to_owned()),
    ]
}

fn section_pattern() -> impl Strategy<Value = String> {
    let mut names = NAMES.to_vec();
    names.extend(["s.*", "t.*", "s*", "[pst]*", "s.?", "[st].*"]);
    let name = prop::sample::select(names);
    let exclude = ["", "", "", "EXCLUDE_FILE(c.o) ", "EXCLUDE_FILE(libx.a) "];
    let sort = prop::sample::select(vec![
        "@",
        "@",
        "SORT(@)",
        "SORT_BY_ALIGNMENT(@)",
        "SORT_BY_NAME(SORT_BY_ALIGNMENT(@))",
        "SORT_BY_ALIGNMENT(SORT_BY_NAME(@))",
        "SORT_BY_INIT_PRIORITY(@)",
        "SORT_NONE(@)",
    ]);
    (name, prop::sample::select(exclude.to_vec()), sort)
        .prop_map(|(name, exclude, sort)| sort.replace('@', &format!("{exclude}{name}")))
}

pub fn description() -> impl Strategy<Value = String> {
    let sections = prop::collection::vec(section_pattern(), 1..4);
    (file_pattern(), sections, any::<bool>()).prop_map(|(file, sections, keep)| {
        let description = format!("{file}({})", sections.join(" "));
        if keep {
            format!("KEEP({description})")
        } else {
            description
        }
    })
}

/// The sections of one object: every name at most once, as clang merges those of one name. Their numbers
/// are still to be given.
pub fn random_sections() -> impl Strategy<Value = Vec<Section>> {
    let names = prop::sample::subsequence(NAMES.to_vec(), 1..NAMES.len()).prop_shuffle();
    let words = prop::sample::select(vec![0, 0, 1, 1, 1, 2, 3]);
    let shapes = prop::collection::vec((2_u32..8, words), NAMES.len());
    (names, shapes).prop_map(|(names, shapes)| {
        let section = |(name, (power, words))| Section {
            name,
            alignment: 1_u32 << power,
            number: 0,
            words,
        };
        names.into_iter().zip(shapes).map(section).collect()
    })
}

/// Objects with sections of random shapes, of which two are in an archive.
pub fn random_objects(objects: Vec<Vec<Section>>) -> Both {
    let mut objects: Vec<_> = FILES.into_iter().zip(objects).collect();
    let sections = objects.iter_mut().flat_map(|(_, sections)| sections);
    for (section, number) in sections.zip(1..) {
        section.number = number;
    }
    Both::new(&objects, &[("libx.a", &["m.o", "n.o"])])
}

/// The objects of [`random_objects`], and how they are linked.
pub const FILES: [&str; 5] = ["a.o", "b.o", "c.o", "m.o", "n.o"];
pub const FILES_AND_ARCHIVE: [&str; 4] = ["a.o", "libx.a", "b.o", "c.o"];

#[test]
fn random_objects_give_the_same_order() {
    let objects = prop::collection::vec(random_sections(), FILES.len());
    let scripts = prop::collection::vec(prop::collection::vec(description(), 1..4), 8);
    let mut runner = TestRunner::new(Config {
        cases: cases(12),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&(objects, scripts), |(objects, scripts)| {
        let both = random_objects(objects);
        for bodies in scripts {
            let body = bodies.join(" ");
            let script = format!("SECTIONS {{ OUT : {{ {body} }} }}");
            let inputs = FILES_AND_ARCHIVE;
            let gnu = both
                .gnu(&script, &inputs, "OUT")
                .map_err(TestCaseError::fail)?;
            let ours = both
                .ours(&script, &inputs, "OUT")
                .map_err(TestCaseError::fail)?;
            prop_assert_eq!(words(&gnu), words(&ours), "{}", script);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}\n");
    }
}

#[test]
fn random_scripts_give_the_same_order() {
    let both = objects();
    let discard = prop::option::of(description());
    let bodies = prop::collection::vec(description(), 1..4);
    let subalign = prop::sample::select(vec!["", "", "SUBALIGN(4)", "SUBALIGN(32)"]);
    let inputs = Just(INPUTS.to_vec()).prop_shuffle();
    let mut runner = TestRunner::new(Config {
        cases: cases(300),
        failure_persistence: None,
        ..Config::default()
    });
    let jobs = (discard, bodies, subalign, inputs);
    let result = runner.run(&jobs, |(discard, bodies, subalign, inputs)| {
        let discard = discard
            .map(|body| format!("/DISCARD/ : {{ {body} }}"))
            .unwrap_or_default();
        let body = bodies.join("\n    ");
        let script =
            format!("SECTIONS {{\n  {discard}\n  OUT : {subalign} {{\n    {body}\n  }}\n}}\n");
        let gnu = both
            .gnu(&script, &inputs, "OUT")
            .map_err(TestCaseError::fail)?;
        let ours = both
            .ours(&script, &inputs, "OUT")
            .map_err(TestCaseError::fail)?;
        prop_assert_eq!(words(&gnu), words(&ours), "{}\n{:?}", script, inputs);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
