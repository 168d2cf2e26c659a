//! The rows of the table: what is linked, and what it may cost.

use crate::bitcode::{self, Lto};
use crate::cargo::Profile;
use crate::crates;
use crate::generate::{self, Naming};
use crate::program;
use crate::rust::Program;
use crate::{Result, Setup};
use std::fmt::Write;

/// A row.
pub struct Row {
    /// Its name, which begins with the row it belongs to.
    pub name: String,
    /// What it is, in the table of README.md; `None` if it is not there.
    pub title: Option<&'static str>,
    /// What ours may take, as a multiple of the plain link.
    pub bar: Bar,
    /// How many times each side is run.
    pub rounds: usize,
    /// Makes the inputs.
    pub links: MakeLinks,
    /// Its place in the plot of growth.
    pub growth: Option<Growth>,
}

/// A place in the plot of growth.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Growth {
    /// The number of crates.
    pub count: usize,
    /// The line.
    pub line: String,
}

/// Makes the inputs of a row.
pub type MakeLinks = Box<dyn Fn(&Setup) -> Result<Links>>;

/// What a row may cost.
pub struct Bar {
    /// Wall time, as a multiple of the plain link with the same setting of the allocator.
    pub ratio: f64,
    /// Wall time beyond that of the plain link, in ms.
    pub ms: Option<f64>,
    /// Processor time, as such a multiple.
    pub cpu: Option<f64>,
    /// Memory of our own process.
    pub memory: Memory,
}

impl Bar {
    fn of(ratio: f64, memory: Memory) -> Self {
        Self {
            ratio,
            ms: None,
            cpu: None,
            memory,
        }
    }

    /// The same, and at most half a millisecond.
    fn half_a_millisecond(self) -> Self {
        Self {
            ms: Some(0.5),
            ..self
        }
    }
}

/// A bound of our own process's memory.
pub enum Memory {
    /// In MB, all in all.
    All(f64),
    /// In MB, beyond the pages of mapped files.
    BeyondMapped(f64),
    /// All in all, as a multiple of the input's size.
    OfInput(f64),
    /// Without a bound: the row is there for its time.
    Any,
}

/// Two links of one program, as words without the output.
pub struct Links {
    /// What ours is given.
    pub ours: Vec<String>,
    /// What the backend alone is given.
    pub plain: Vec<String>,
    /// How many entries there are.
    pub entries: usize,
}

impl Links {
    pub fn same(words: Vec<String>) -> Self {
        Self {
            ours: words.clone(),
            plain: words,
            entries: 0,
        }
    }

    /// The same for wild 0.10 alone, which does not know these options of rustc.
    fn for_wild(mut self) -> Self {
        const UNKNOWN: [&str; 4] = [
            "--allow-undefined",
            "--strip-debug",
            "--export=__heap_base",
            "--export=__data_end",
        ];
        self.plain.retain(|word| !UNKNOWN.contains(&word.as_str()));
        self
    }
}

/// All rows but those of workspaces.
pub fn all() -> Vec<Row> {
    fn row(
        name: &str,
        title: Option<&'static str>,
        bar: Bar,
        rounds: usize,
        links: impl Fn(&Setup) -> Result<Links> + 'static,
    ) -> Row {
        Row {
            name: name.to_owned(),
            title,
            bar,
            rounds,
            links: Box::new(links),
            growth: None,
        }
    }
    use Memory::{All, Any, BeyondMapped, OfInput};
    let mut rows = vec![
        row(
            "small",
            Some("one object and libcore, nothing to gather"),
            Bar::of(1.03, All(10.0)).half_a_millisecond(),
            101,
            small,
        ),
        row(
            "std",
            Some("a Rust program with std, nothing to gather"),
            Bar::of(1.03, BeyondMapped(16.0)).half_a_millisecond(),
            101,
            std,
        ),
        row(
            "large",
            Some("300 MB of rlibs with debug information, nothing to gather"),
            Bar::of(1.03, BeyondMapped(32.0)).half_a_millisecond(),
            31,
            large,
        ),
        row(
            "registry",
            Some("a Rust program with std, 1,000 entries in 50 crates"),
            Bar::of(1.05, BeyondMapped(16.0)),
            101,
            registry,
        ),
    ];
    let programs = [
        (
            Profile::Release,
            ["program release", "program release, nothing to gather"],
            "`yara-x`, release: a hundred crates, 129 entries in one",
        ),
        (
            Profile::Dev,
            ["program dev", "program dev, nothing to gather"],
            "the same, dev",
        ),
    ];
    for (profile, [name, nothing], title) in programs {
        let bar = |ratio| Bar::of(ratio, BeyondMapped(32.0));
        rows.push(row(name, Some(title), bar(1.05), 31, move |setup| {
            program::registered(setup, profile)
        }));
        rows.push(row(nothing, None, bar(1.02), 31, move |setup| {
            program::original(setup, profile)
        }));
    }
    rows.push(row(
        "many",
        Some("100,000 entries in 10,000 objects"),
        Bar::of(1.0, OfInput(2.0)),
        11,
        |setup| objects(setup, 10_000, 10),
    ));
    rows.push(row(
        "one huge",
        Some("1,000,000 entries in one object"),
        Bar::of(1.0, OfInput(3.0)),
        5,
        |setup| objects(setup, 1, 1_000_000),
    ));
    for (lto, name, title) in [
        (
            Lto::Thin,
            "bitcode thin",
            "200 files of bitcode with 1,000 entries, thin LTO",
        ),
        (Lto::Full, "bitcode full", "the same, full LTO"),
    ] {
        rows.push(row(
            name,
            Some(title),
            Bar::of(1.05, Any),
            5,
            move |setup| bitcode::files(setup, lto),
        ));
    }
    // Growth, by entries and by objects, up to the two rows above: the time of an entry is to stay the same.
    for (name, entries, rounds) in [
        ("entries 10^3", 1_000, 31),
        ("entries 10^4", 10_000, 31),
        ("entries 10^5", 100_000, 11),
    ] {
        rows.push(row(name, None, Bar::of(1.5, Any), rounds, move |setup| {
            objects(setup, 1, entries)
        }));
    }
    for (name, count) in [
        ("objects 10", 10),
        ("objects 10^2", 100),
        ("objects 10^3", 1_000),
    ] {
        rows.push(row(name, None, Bar::of(1.3, Any), 31, move |setup| {
            objects(setup, count, 10)
        }));
    }
    rows
}

const PROFILES: [(Profile, &str); 2] = [(Profile::Release, "thin LTO"), (Profile::Dev, "dev")];

/// Workspaces of these numbers of crates.
pub fn of_crates(counts: &[usize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (profile, profile_name) in PROFILES {
        for &count in counts {
            let mut row = |what: &str, ratio, cpu, links: MakeLinks| {
                rows.push(Row {
                    name: format!("{count} crates, {profile_name}{what}"),
                    title: None,
                    bar: Bar {
                        cpu,
                        ..Bar::of(ratio, Memory::BeyondMapped(32.0))
                    },
                    rounds: 15,
                    links,
                    growth: Some(Growth {
                        count,
                        line: format!("{profile_name}{what}"),
                    }),
                });
            };
            row(
                "",
                1.05,
                Some(1.10),
                Box::new(move |setup| crates::registered(setup, count, profile)),
            );
            row(
                ", nothing to gather",
                1.02,
                None,
                Box::new(move |setup| crates::by_hand(setup, count, profile)),
            );
        }
    }
    rows
}

/// The same by wild: ours with wild as the backend, and wild alone for the arrays by hand.
pub fn of_wild(counts: &[usize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (profile, profile_name) in PROFILES {
        for &count in counts {
            rows.push(Row {
                name: format!("{count} crates, {profile_name}, wild"),
                title: None,
                bar: Bar::of(1.10, Memory::BeyondMapped(32.0)),
                rounds: 31,
                links: Box::new(move |setup| {
                    crates::registered(setup, count, profile).map(Links::for_wild)
                }),
                growth: None,
            });
        }
    }
    rows
}

const RELEASE: [&str; 2] = ["-Copt-level=3", "-Cpanic=abort"];
const DEBUG: [&str; 3] = ["-Copt-level=0", "-Cdebuginfo=2", "-Cpanic=abort"];

/// One object, and libcore.
fn small(setup: &Setup) -> Result<Links> {
    let program = Program::new(setup, "small", &RELEASE)?;
    let source = "#![no_std]\n\
        #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n\
        #[unsafe(no_mangle)] pub extern \"C\" fn add(a: i32, b: i32) -> i32 { a + b }\n";
    program.link("program", source).map(Links::same)
}

/// A program with std and 20 more crates: 40 rlibs.
pub fn std(setup: &Setup) -> Result<Links> {
    let mut program = Program::new(setup, "std", &RELEASE)?;
    let source = libraries(&mut program, 20, 4)?;
    program.link("program", &source).map(Links::same)
}

/// The same with 300 MB and more, most of it debug information.
fn large(setup: &Setup) -> Result<Links> {
    let mut program = Program::new(setup, "large", &DEBUG)?;
    let source = libraries(&mut program, 8, 25)?;
    program.link("program", &source).map(Links::same)
}

/// Crates that are called, each of so many types with code of their own; and who calls them.
fn libraries(program: &mut Program<'_>, count: usize, types: usize) -> Result<String> {
    let mut source =
        String::from("#[unsafe(no_mangle)] pub extern \"C\" fn run(n: u32) -> u32 { 0\n");
    for index in 0..count {
        let mut library = String::from("use std::collections::{BTreeMap, HashMap};\n");
        let mut sum = String::from("pub fn run(n: u32) -> u32 { 0\n");
        for ty in 0..types {
            writeln!(
                library,
                "#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]\n\
                 pub struct T{ty}(u32, [u8; {ty}], String);\n\
                 pub fn f{ty}(n: u32) -> u32 {{\n\
                     let new = |i: u32| T{ty}(i ^ {index}, [i as u8; {ty}], format!(\"{{i}} {ty}\"));\n\
                     let tree: BTreeMap<T{ty}, u32> = (0..n).map(|i| (new(i), i)).collect();\n\
                     let map: HashMap<T{ty}, u32> = (0..n).map(|i| (new(i), i)).collect();\n\
                     let mut all: Vec<T{ty}> = tree.into_keys().chain(map.into_keys()).collect();\n\
                     all.sort();\n\
                     all.iter().map(|t| format!(\"{{t:?}}\").len() as u32).sum()\n\
                 }}"
            )?;
            writeln!(sum, "+ f{ty}(n)")?;
        }
        let name = format!("library_{index}");
        program.library(&name, &format!("{library}{sum}}}"))?;
        writeln!(source, "+ {name}::run(n)")?;
    }
    Ok(source + "}")
}

/// 1,000 entries over 50 crates; and the same program with an array by hand.
pub fn registry(setup: &Setup) -> Result<Links> {
    let links = |marked: bool| {
        let name = if marked { "registry" } else { "array" };
        let mut program = Program::new(setup, name, &RELEASE)?;
        program.library(
            "api",
            "pub struct Plugin { pub name: &'static str, pub run: fn(u32) -> u32 }",
        )?;
        let (mut list, mut uses) = (String::new(), String::new());
        for index in 0..50 {
            let name = format!("plugins_{index}");
            program.library(&name, &plugins(index, marked))?;
            writeln!(uses, "extern crate {name};")?;
            for entry in 0..20 {
                writeln!(list, "&{name}::entries::E{entry},")?;
            }
        }
        program.link("program", &(uses + &reader(marked, &list)))
    };
    Ok(Links {
        ours: links(true)?,
        plain: links(false)?,
        entries: 1_000,
    })
}

fn plugins(index: usize, marked: bool) -> String {
    let module = if marked {
        "#[allow(non_snake_case)] mod __link_section__PLUGINS"
    } else {
        "pub mod entries"
    };
    let visibility = if marked { "#[used]" } else { "pub" };
    let entries: String = (0..20)
        .map(|entry| {
            format!(
                "{visibility} static E{entry}: api::Plugin = api::Plugin {{ \
                     name: \"plugin {index} {entry}\", run: |n| n.wrapping_mul({entry} + n) ^ {index} }};\n"
            )
        })
        .collect();
    format!("{module} {{\n{entries}}}\n")
}

fn reader(marked: bool, list: &str) -> String {
    let plugins = if marked {
        "unsafe extern \"C\" {\n\
             static __start_PLUGINS: [api::Plugin; 0];\n\
             static __stop_PLUGINS: [api::Plugin; 0];\n\
         }\n\
         fn plugins() -> &'static [api::Plugin] {\n\
             let (start, stop) = (&raw const __start_PLUGINS, &raw const __stop_PLUGINS);\n\
             let count = (stop.addr() - start.addr()) / size_of::<api::Plugin>();\n\
             unsafe { core::slice::from_raw_parts(start.cast(), count) }\n\
         }\n"
        .to_owned()
    } else {
        format!(
            "fn plugins() -> &'static [&'static api::Plugin] {{ static ALL: [&api::Plugin; 1000] = [{list}]; &ALL }}\n"
        )
    };
    plugins
        + "#[unsafe(no_mangle)] pub extern \"C\" fn run(n: u32) -> u32 {\n\
               let mut names: Vec<String> = plugins().iter().map(|p| format!(\"{} {}\", p.name, (p.run)(n))).collect();\n\
               names.sort();\n\
               names.concat().len() as u32\n\
           }\n"
}

/// Objects without a compiler, as there are too many for one: with marks, and with the names that
/// the linker knows.
fn objects(setup: &Setup, objects: usize, entries: usize) -> Result<Links> {
    let words = |naming| generate::objects(&setup.work, objects, entries, naming);
    Ok(Links {
        ours: words(Naming::Marks)?,
        plain: words(Naming::Segments)?,
        entries: objects * entries,
    })
}
