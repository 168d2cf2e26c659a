//! The rows of the table: what is linked, and what it may cost.

use crate::crates::{self, Profile};
use crate::generate::{self, Naming};
use crate::rust::Program;
use crate::{Result, Setup};
use std::fmt::Write;

/// A row.
pub struct Row {
    /// Its name, which begins with the row it belongs to.
    pub name: String,
    /// What ours may take, as a multiple of the plain link.
    pub bar: Bar,
    /// How many times each side is run.
    pub rounds: usize,
    /// Makes the inputs.
    pub links: MakeLinks,
}

/// Makes the inputs of a row.
pub type MakeLinks = Box<dyn Fn(&Setup) -> Result<Links>>;

/// What a row may cost.
pub struct Bar {
    /// Wall time, as a multiple of the plain link with the same setting of the allocator.
    pub ratio: f64,
    /// Processor time, as such a multiple.
    pub cpu: Option<f64>,
    /// Memory of our own process.
    pub memory: Memory,
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
}

/// All rows.
pub fn all() -> Vec<Row> {
    fn row(
        name: &str,
        ratio: f64,
        memory: Memory,
        rounds: usize,
        links: impl Fn(&Setup) -> Result<Links> + 'static,
    ) -> Row {
        Row {
            name: name.to_owned(),
            bar: Bar {
                ratio,
                cpu: None,
                memory,
            },
            rounds,
            links: Box::new(links),
        }
    }
    vec![
        row("small", 1.03, Memory::All(10.0), 101, small),
        row("std", 1.03, Memory::BeyondMapped(16.0), 101, std),
        row("large", 1.03, Memory::BeyondMapped(32.0), 31, large),
        row("registry", 1.05, Memory::BeyondMapped(16.0), 101, registry),
        row("many", 1.0, Memory::OfInput(2.0), 11, |setup| {
            objects(setup, 10_000, 10)
        }),
        row("one huge", 1.0, Memory::OfInput(3.0), 5, |setup| {
            objects(setup, 1, 1_000_000)
        }),
        // Growth, by entries and by objects, up to the two rows above: the time of an entry is to stay
        // the same.
        row("entries 10^3", 1.5, Memory::Any, 31, |setup| {
            objects(setup, 1, 1_000)
        }),
        row("entries 10^4", 1.5, Memory::Any, 31, |setup| {
            objects(setup, 1, 10_000)
        }),
        row("entries 10^5", 1.5, Memory::Any, 11, |setup| {
            objects(setup, 1, 100_000)
        }),
        row("objects 10", 1.3, Memory::Any, 31, |setup| {
            objects(setup, 10, 10)
        }),
        row("objects 10^2", 1.3, Memory::Any, 31, |setup| {
            objects(setup, 100, 10)
        }),
        row("objects 10^3", 1.3, Memory::Any, 31, |setup| {
            objects(setup, 1_000, 10)
        }),
    ]
}

/// Workspaces of these numbers of crates.
pub fn of_crates(counts: &[usize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (profile, profile_name) in [(Profile::ThinLto, "thin LTO"), (Profile::Dev, "dev")] {
        for &count in counts {
            let mut row = |what: &str, ratio, cpu, links: MakeLinks| {
                rows.push(Row {
                    name: format!("{count} crates, {profile_name}{what}"),
                    bar: Bar {
                        ratio,
                        cpu,
                        memory: Memory::BeyondMapped(32.0),
                    },
                    rounds: 15,
                    links,
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
