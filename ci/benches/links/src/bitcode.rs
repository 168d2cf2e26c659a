//! Bitcode of C files with entries: marks for us, and named segments, which the backend gathers by itself.

use crate::rows::Links;
use crate::{Result, Setup};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: usize = 200;
/// Entries of a file, each with a function, and functions that the entries' functions call.
const ENTRIES: usize = 5;
const FUNCTIONS: usize = 10;

/// The kind of LTO.
#[derive(Clone, Copy)]
pub enum Lto {
    /// `-flto=thin`.
    Thin,
    /// `-flto`.
    Full,
}

/// The links of these files.
pub fn files(setup: &Setup, lto: Lto) -> Result<Links> {
    Ok(Links {
        ours: words(setup, lto, true)?,
        plain: words(setup, lto, false)?,
        entries: FILES * ENTRIES,
    })
}

fn words(setup: &Setup, lto: Lto, marks: bool) -> Result<Vec<String>> {
    let (name, flag) = match lto {
        Lto::Thin => ("thin", "-flto=thin"),
        Lto::Full => ("full", "-flto"),
    };
    let kind = if marks { "marks" } else { "segments" };
    let directory = setup.work.join(format!("bitcode-{name}-{kind}"));
    let done = directory.join("done");
    if !done.exists() {
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("main.c"), MAIN)?;
        for file in 0..FILES {
            fs::write(directory.join(format!("{file}.c")), source(file, marks)?)?;
        }
        compile(setup, &directory, flag)?;
        fs::write(&done, b"")?;
    }
    let mut words = vec!["--no-entry".to_owned(), "--export=sum".to_owned()];
    let objects = (0..FILES).map(|file| format!("{file}.o"));
    words.extend(
        std::iter::once("main.o".to_owned())
            .chain(objects)
            .map(|object| directory.join(object).display().to_string()),
    );
    Ok(words)
}

fn compile(setup: &Setup, directory: &Path, flag: &str) -> Result<()> {
    let mut clang = Command::new(&setup.clang);
    clang
        .args(["--target=wasm32-unknown-unknown", "-O2", "-c", flag])
        .arg("main.c")
        .args((0..FILES).map(|file| format!("{file}.c")))
        .current_dir(directory);
    let output = clang.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{clang:?}\n{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

const MAIN: &str = "
struct plugin { const char *name; int (*run)(int); };
extern const struct plugin __start_PLUGINS[], __stop_PLUGINS[];
int sum(int n) {
    int sum = 0;
    for (const struct plugin *p = __start_PLUGINS; p < __stop_PLUGINS; p++) sum += p->run(n) + p->name[0];
    return sum;
}
";

fn source(file: usize, marks: bool) -> Result<String> {
    let mut source = String::from("struct plugin { const char *name; int (*run)(int); };\n");
    for function in 0..FUNCTIONS {
        writeln!(
            source,
            "__attribute__((noinline)) static int f{function}(int n) {{\n\
                 for (int i = 0; i < n; i++) n = n * {} ^ (n >> {}) ^ {file};\n\
                 return n;\n\
             }}",
            2 * function + 3,
            function + 1
        )?;
    }
    for entry in 0..ENTRIES {
        let calls: Vec<String> = (0..FUNCTIONS)
            .filter(|function| function % ENTRIES == entry)
            .map(|function| format!("f{function}(n)"))
            .collect();
        writeln!(
            source,
            "static int run{entry}(int n) {{ return {}; }}",
            calls.join(" + ")
        )?;
        let place = match marks {
            true => format!("__asm__(\"__link_section__PLUGINS$$f{file}_{entry}\")"),
            false => String::new(),
        };
        let section = match marks {
            true => "",
            false => "section(\"PLUGINS\"), ",
        };
        writeln!(
            source,
            "static const struct plugin entry{entry} {place} __attribute__(({section}used)) = \
             {{ \"plugin {file} {entry}\", run{entry} }};"
        )?;
    }
    Ok(source)
}
