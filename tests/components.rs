//! `examples/extensions`: an interpreter and its extensions in one module, in libraries that share memory,
//! stack and table, and in a component of those libraries.

use crate::args;
use crate::support::examples::example;
use crate::support::{Work, linkers, tool};
use std::fs;
use std::path::PathBuf;

const EXAMPLE: &str = "extensions";

fn expected() -> String {
    fs::read_to_string(example(EXAMPLE).join("expected.txt")).expect("what it prints")
}

/// What the modules print in Node.
fn in_node(work: &Work, modules: &[&str]) -> String {
    let modules = modules.iter().map(|name| work.file(name).into());
    let script = example(EXAMPLE).join("run.mjs");
    work.run(tool("WSL_NODE"), args![script].into_iter().chain(modules))
}

/// Not all backends: most of the time is wasm-opt's.
fn oldest_and_newest() -> [PathBuf; 2] {
    let backends = linkers();
    [&backends[0], &backends[backends.len() - 1]].map(Clone::clone)
}

#[test]
fn an_interpreter_finds_its_extensions_in_archives() {
    let work = Work::new();
    for backend in oldest_and_newest() {
        work.build_example(EXAMPLE, "static", &backend);
        let printed = in_node(&work, &["static.wasm"]);
        assert_eq!(printed, expected(), "{}", backend.display());
    }
}

#[test]
fn an_interpreter_finds_its_extensions_in_libraries_and_in_a_component() {
    let libraries = [
        "interpreter.so",
        "libdigest.so",
        "libjournal.so",
        "libdigits.so",
    ];
    let run = fs::read_to_string(example(EXAMPLE).join("run.py")).expect("a script");
    let run = run.replace("sys.argv[1]", "'component.wasm'");
    let work = Work::new();
    for backend in oldest_and_newest() {
        work.build_example(EXAMPLE, "component", &backend);
        let printed = in_node(&work, &libraries);
        assert_eq!(printed, expected(), "{}", backend.display());
        assert_eq!(work.wasmtime(&run), expected(), "{}", backend.display());
    }
}
