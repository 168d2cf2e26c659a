//! What a script says between output sections, and where it says that all of it goes (`INSERT`): for each
//! script and each random one, output sections, symbols and sections without bytes are where GNU ld puts
//! them.

use crate::args;
use crate::scripts_gnu::{
    FILES, FILES_AND_ARCHIVE, INPUTS, cases, description, objects, random_objects, random_sections,
};
use crate::support::gnu_ld::{Both, Image};
use crate::support::{Instance, Work, linkers};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Write as _;

/// The output sections of all scripts here.
const OUTPUTS: [&str; 3] = ["O0", "O1", "O2"];
/// What is left of the inputs must not come between.
const REST: &str = "/DISCARD/ : { *(s s.* t.* plain) }";

/// What is to be the same.
struct Job {
    script: String,
    /// The output sections that are behind each other, with the symbols between them. Addresses in them
    /// are from the symbol `base`, those in others from the beginning of each.
    held: Vec<&'static str>,
    symbols: Vec<String>,
}

impl Job {
    /// With the symbols that the script assigns.
    fn new(script: String, held: &[&'static str]) -> Self {
        let words: Vec<&str> = script
            .split([' ', '(', ')', ';'])
            .filter(|word| !word.is_empty())
            .collect();
        let assigned = words
            .windows(2)
            .filter(|pair| pair[1] == "=" && pair[0] != ".");
        let symbols = assigned.map(|pair| pair[0].to_owned());
        // Not those that are numbers.
        let mut symbols: Vec<String> = symbols.filter(|name| !name.starts_with('n')).collect();
        symbols.extend((1..60).map(|number| format!("v{number}")));
        Self {
            script,
            held: held.to_vec(),
            symbols,
        }
    }

    /// What is where, as lines, of those output sections that GNU ld has.
    fn places(&self, image: &Image, gnu: &Image) -> String {
        let address = |image: &Image, symbol: &str| Some(image.symbols.get(symbol)?.0);
        let base = address(image, "base").unwrap_or_default();
        let start = |output: &str| match self.held.contains(&output) {
            true => Some(base),
            false => Some(image.sections.get(output)?.0),
        };
        // GNU ld says of what is in a section that it leaves out that it is in another.
        let is_told = OUTPUTS
            .iter()
            .all(|&output| gnu.sections.contains_key(output));
        let mut lines = String::new();
        for &output in OUTPUTS
            .iter()
            .filter(|output| gnu.sections.contains_key(**output))
        {
            let Some((address, bytes)) = image.sections.get(output) else {
                let _ = writeln!(lines, "{output} is not there");
                continue;
            };
            let from = start(output).map(|start| address.wrapping_sub(start).cast_signed());
            let _ = writeln!(
                lines,
                "{output} at {from:?}, {} bytes: {bytes:02x?}",
                bytes.len()
            );
        }
        for symbol in &self.symbols {
            let output = match symbol.split_once('_') {
                Some((output, _)) if OUTPUTS.contains(&output) => output,
                _ if symbol.starts_with('v') => {
                    match gnu.symbols.get(symbol).and_then(|place| place.1.as_deref()) {
                        Some(output) if is_told && OUTPUTS.contains(&output) => output,
                        _ => continue,
                    }
                }
                _ => self.held.first().copied().unwrap_or_default(),
            };
            let is_there = self.held.contains(&output) || gnu.sections.contains_key(output);
            let known = address(image, symbol).filter(|_| is_there);
            // GNU ld defines what is provided only where something refers to it.
            if address(gnu, symbol).is_none() {
                continue;
            }
            let from = known.zip(start(output));
            let from = from.map(|(address, start)| address.wrapping_sub(start).cast_signed());
            let _ = writeln!(lines, "{symbol} at {from:?} from {output}");
        }
        lines
    }

    /// What is not the same.
    fn difference(&self, both: &Both, inputs: &[&str]) -> Option<String> {
        let gnu = both.gnu_image(&self.script, inputs, &OUTPUTS);
        let ours = both.our_image(&self.script, inputs, &OUTPUTS, &self.symbols);
        match (&gnu, &ours) {
            (Ok(gnu), Ok(ours)) => {
                // Of the symbols of entries, those are global, and exported, that have no bytes.
                let mut gnu = gnu.clone();
                gnu.symbols
                    .retain(|name, _| !name.starts_with('v') || ours.symbols.contains_key(name));
                let (expected, found) = (self.places(&gnu, &gnu), self.places(ours, &gnu));
                (expected != found)
                    .then(|| format!("{}\n  GNU ld:\n{expected}\n  ours:\n{found}", self.script))
            }
            _ => Some(format!(
                "{}\n  GNU ld: {gnu:?}\n  ours: {ours:?}",
                self.script
            )),
        }
    }
}

/// Scripts whose output sections are all held together by symbols.
const HELD: &[&str] = &[
    "base = .; O0 : { *(s) } O0_end = .; O1 : { *(s.*) } O1_end = .; O2 : { *(t.*) } last = .;",
    "base = .; O0 : { *(s) } . = ALIGN(32); O1 : { *(plain) } . = ALIGN(64); O2 : { *(t.*) } . = ALIGN(128); last = .;",
    "base = .; O0 : { *(s) } O1 : { *(s.*) } O2 : { *(t.*) } last = .;",
    "PROVIDE(base = .); base = .; O0 : { *(s) } HIDDEN(hidden = .); O1 : { *(plain) } last = .;",
    "base = .; O0 : { *(s) } a = .; b = a + 4; O1 : { LONG(a - base) LONG(b - ADDR(O0)) LONG(. - ADDR(O0)) }",
    "base = .; O0 : { *(s) } . += 12; . = . + 4; a = . - 2; O1 : { *(plain) } a += 1;",
    "base = .; O0 : { *(s) BYTE(1) } O1 . : { O1_in = .; *(plain) } O2 ALIGN(32) : { *(t.*) } last = .;",
    "base = .; O0 : { BYTE(1) } O1 ALIGN(8) : ALIGN(64) { *(t.*) } O2 . + 20 : { BYTE(1) } last = .;",
    "base = .; O0 : { BYTE(1) } O1 ADDR(O0) + SIZEOF(O0) : { *(plain) } O2 ADDR(O1) + 256 : { BYTE(2) } last = .;",
    "base = .; O0 : { BYTE(1) } O1 : ALIGN(64) { *(nowhere) } a = .; O2 : ALIGN(16) { b = .; } c = .;",
    "base = .; O0 : { BYTE(1) } O1 : ALIGN(64) { a = .; *(nowhere) } O2 : { BYTE(2) } c = .;",
    "base = .; O0 : { BYTE(1) } O1 : SUBALIGN(64) { *(plain) } O2 : SUBALIGN(4) { *(t.*) } c = .;",
    "base = .; O0 : { . = ALIGN(16); BYTE(1) . = ALIGN(64); } O1 : { BYTE(1) . = ALIGN(64); } c = .;",
    "base = .; O0 : { BYTE(1) . = 8; BYTE(2) O0_x = 3; } O1 : { BYTE(1) . = 8; BYTE(3) O1_x = 3; LONG(O1_x - ADDR(O1)) } c = .;",
    "base = .; O0 : { *(s) } n = . - base; O1 : { LONG(SIZEOF(O0)) LONG(n) LONG(ALIGNOF(O0)) } c = .;",
    "base = .; O0 : { *(s.*) } = 0x90, O1 : { BYTE(1) . += 7; } = 0x1234 O2 : { *(plain) } c = .;",
    "base = .; O0 : { FILL(0x11) . += 5; } a = .; O1 : { BYTE(2) . += 5; } = 0x33 last = .;",
    "base = .; O0 : { BYTE(1) } O1 : ALIGN(64) { a = .; } O2 . : { BYTE(2) } last = .;",
    "base = .; O0 : { BYTE(1) } O1 : ALIGN(64) { a = .; } O2 ALIGN(4) : { BYTE(2) } last = .;",
    "base = .; O0 : { BYTE(1) } O1 : ALIGN(64) { a = .; } n = 1; O2 : { BYTE(2) } last = .;",
    "base = .; O0 : { BYTE(1) *:m.o(s.1) } O1 : { *(t.b) KEEP(*(t.*)) } O2 : { BYTE(2) } last = .;",
    "O0 : { *(s) } base = .; O1 : { *(s.*) }",
    "O0 : { *(s) } O1 : { *(plain) } base = .;",
    "base = .; O0 : { *(s) } ASSERT(. - base == SIZEOF(O0), \"size\") O1 : { *(plain) } c = .;",
    "base = .; O0 : { *(s) . = ALIGN(64); *(s.10) } O1 : { *(s.1) } c = .; d = ALIGN(64); e = ALIGN(., 32);",
];

#[test]
fn sections_with_symbols_between_them_are_behind_each_other() {
    let both = objects();
    let mut differences = Vec::new();
    for body in HELD {
        for script in [
            format!("SECTIONS {{ . = ALIGN(128); {body} {REST} }}"),
            format!("SECTIONS {{ . = ALIGN(128); {body} {REST} }} INSERT AFTER .data;"),
            format!("SECTIONS {{ . = ALIGN(128); {body} {REST} }} INSERT BEFORE .bss"),
        ] {
            differences.extend(Job::new(script, &OUTPUTS).difference(&both, &INPUTS));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn sections_with_nothing_between_them_are_each_where_the_backend_puts_them() {
    let both = objects();
    let mut differences = Vec::new();
    for body in [
        ". = ALIGN(128); O0 : { O0_a = .; *(s) } . = ALIGN(128); O1 : { *(s.*) O1_b = .; } ASSERT(1, \"m\")",
        ". = ALIGN(128); O0 : ALIGN(128) { *(s) } PROVIDE(x = 4); O1 ALIGN(128) : { *(s.*) LONG(x) O1_b = .; }",
        "O0 ALIGN(128) : { *(s) } O1 : ALIGN(128) { . = ALIGN(128); *(plain) . = ALIGN(32); O1_a = .; }",
        ". = ALIGN(128); base = .; O0 : { *(s) } . = ALIGN(128); O1 : { *(s.*) O1_b = .; }",
    ] {
        for end in ["", " INSERT AFTER .text;", " INSERT BEFORE .data;"] {
            let script = format!("SECTIONS {{ {body} {REST} }}{end}");
            let held: &[_] = if body.contains("base") { &["O0"] } else { &[] };
            differences.extend(Job::new(script, held).difference(&both, &INPUTS));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A statement of an output section, in which `@` stands for a number of its own and `%`
/// for the output section.
fn inside() -> impl Strategy<Value = String> {
    let others = [
        ". = ALIGN(8);",
        ". = ALIGN(64);",
        ". += 5;",
        "BYTE(7)",
        "LONG(. - ADDR(%))",
        "%_@ = .;",
        "%_@ = ALIGN(16);",
        "FILL(0x11)",
    ];
    prop_oneof![
        3 => description(),
        2 => prop::sample::select(others.to_vec()).prop_map(str::to_owned),
    ]
}

fn output() -> impl Strategy<Value = String> {
    // Those with an address are not empty: where the next section would be after such a one depends on
    // more than what is written here.
    let headers = [
        "% : {",
        "% : {",
        "% : ALIGN(64) {",
        "% : SUBALIGN(16) {",
        "% () : AT(ADDR(%)) ALIGN(16) {",
        "% . : { BYTE(1)",
        "% ALIGN(32) : { BYTE(1)",
        "% . + 4 : ALIGN(8) { BYTE(1)",
    ];
    let header = prop::sample::select(headers.to_vec());
    let body = prop::collection::vec(inside(), 0..4);
    (header, body).prop_map(|(header, body)| format!("{header} {} }}", body.join(" ")))
}

/// What stands between two output sections that are held together.
fn between() -> impl Strategy<Value = String> {
    let statements = [
        "x@ = .;",
        "PROVIDE(x@ = .);",
        "n@ = SIZEOF(O0);",
        "x@ = ALIGN(16);",
        ". = ALIGN(8);",
        ". = ALIGN(64);",
        ". += 3;",
        "ASSERT(1, \"fine\")",
        "n@ = 4;",
    ];
    let statement = prop::sample::select(statements.to_vec());
    prop::collection::vec(statement, 0..4).prop_map(|all| all.join(" "))
}

/// Three output sections, of which those from `first` to `last` are held together.
fn job() -> impl Strategy<Value = Job> {
    let outputs = prop::collection::vec(output(), 3);
    let gaps = prop::collection::vec(between(), 4);
    let ends = prop::option::weighted(0.8, (0_usize..4, 0_usize..4));
    let insert = prop::sample::select(vec!["", "", " INSERT AFTER .data;", " INSERT BEFORE .bss"]);
    (outputs, gaps, ends, insert).prop_map(|(outputs, gaps, ends, insert)| {
        let ends = ends.map(|(a, b)| (a.min(b), a.max(b)));
        let holds = |gap: usize| ends.is_some_and(|(first, last)| (first..=last).contains(&gap));
        let mut body = String::new();
        let mut held = Vec::new();
        for gap in 0..4 {
            let is_end = gap == 0 || gap == 3;
            if gap == 0 || !(is_end || holds(gap)) {
                body += " . = ALIGN(128);";
            }
            if let Some((first, last)) = ends {
                body += if gap == first { " base = .;" } else { "" };
                body += " ";
                body += if holds(gap) { &gaps[gap] } else { "" };
                body += if gap == last { " last = .;" } else { "" };
            }
            if gap < 3 {
                body += &format!(" {}", outputs[gap].replace('%', OUTPUTS[gap]));
                // One end of it is enough.
                if holds(gap) || holds(gap + 1) {
                    held.push(OUTPUTS[gap]);
                }
            }
        }
        let mut numbered = String::new();
        for (number, part) in body.split('@').enumerate() {
            let number = if number > 0 {
                number.to_string()
            } else {
                String::new()
            };
            numbered += &format!("{number}{part}");
        }
        Job::new(format!("SECTIONS {{{numbered} {REST} }}{insert}"), &held)
    })
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.script)
    }
}

#[test]
fn random_scripts_put_all_where_gnu_ld_does() {
    let objects = prop::collection::vec(random_sections(), FILES.len());
    let jobs = prop::collection::vec(job(), 20);
    let mut runner = TestRunner::new(Config {
        cases: cases(12),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    });
    let result = runner.run(&(objects, jobs), |(objects, jobs)| {
        let both = random_objects(objects);
        for job in jobs {
            let difference = job.difference(&both, &FILES_AND_ARCHIVE);
            prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}\n");
    }
}

#[test]
fn sections_that_are_held_together_are_arrays_of_their_own() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        #define IN(name) __attribute__((section(name), used))
        IN("a") static const short a[] = {1, 2, 3};
        IN("b") static const int b[] = {4, 5};
        extern const short __start_A[], __stop_A[];
        extern const int __start_B[], __stop_B[], between[], end[];
        __attribute__((export_name("of_a"))) int of_a(void) { return __stop_A - __start_A; }
        __attribute__((export_name("of_b"))) int of_b(void) { return __stop_B - __start_B; }
        __attribute__((export_name("gap"))) int gap(void) {
            return (const char *)__start_B - (const char *)__stop_A;
        }
        __attribute__((export_name("symbols"))) int symbols(void) {
            return (const char *)between == (const char *)__stop_A && end == __stop_B + 4;
        }
        "#,
    );
    let script =
        "SECTIONS { A : { *(a) } between = .; B : { *(b) } None : { *(none) } . += 16; end = .; }";
    let script = work.write("script.ld", script);
    let arguments = args!["--no-entry", "--section-manifest", "-T", script, object];
    // Nobody declares a section by naming it in a script.
    let asked = work.link(args![
        "--no-entry",
        "-T",
        script,
        object,
        "--export=__start_None"
    ]);
    assert!(asked.error().contains("__start_None"), "{}", asked.stderr);
    for backend in linkers() {
        let mut instance = Instance::new(&work.link_with(&backend, &arguments).silent());
        let mut call = |name: &str| instance.call(name, &[]);
        assert_eq!(
            (call("of_a"), call("of_b"), call("gap"), call("symbols")),
            (3, 2, 2, 1)
        );
    }
    // The manifest and the log tell them apart.
    let module = work.file("out.wasm");
    let report = work.sections(args!["inspect", module, "--json"]).json();
    let sections = report["modules"][0]["sections"].as_array();
    let shown = sections.expect("sections").iter().map(|section| {
        let entry = &section["entries"][0];
        assert_eq!(entry["address"], section["start"]);
        (section["name"].to_string(), section["size"].to_string())
    });
    let expected = [("\"A\"", "6"), ("\"B\"", "8")];
    let expected = expected.map(|(name, size)| (name.to_owned(), size.to_owned()));
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let log = work.log("info", arguments);
    for line in ["A: 1 entry of 6 bytes", "B: 1 entry of 8 bytes"] {
        assert!(log.contains(line), "{log}");
    }
}
