//! The scripts in `linker-scripts/`, each with the program in `examples/scripts/` that uses it.

use crate::args;
use crate::support::{Instance, Rust, Work, linkers, setting};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(name: &str) -> PathBuf {
    root().join("linker-scripts").join(name)
}

/// Compiles the C sources of an example, in the order given, and links them by each backend.
fn run(name: &str, sources: &[&str], check: impl Fn(&mut Instance)) {
    let directory = root().join("examples/scripts").join(name);
    let include = format!("-I{}", directory.display());
    let work = Work::new();
    let mut arguments = args!["--no-entry", "-T", script(&format!("{name}.ld"))].to_vec();
    for source in sources {
        let text = fs::read_to_string(directory.join(source).with_extension("c"));
        arguments.push(
            work.c_with(source, &text.expect("a source"), &[&include])
                .into(),
        );
    }
    for linker in linkers() {
        let module = work.link_with(&linker, &arguments).silent();
        check(&mut Instance::new(&module));
    }
}

#[test]
fn tasks_run_by_priority() {
    run("priority", &["main"], |instance| {
        assert_eq!(instance.call("run", &[]), 1234);
    });
}

#[test]
fn a_rust_registry_is_sorted_and_checked() {
    let source = |name: &str| {
        let path = root().join("examples/scripts/plugins").join(name);
        fs::read_to_string(path).expect("a source")
    };
    let work = Work::new();
    let script = format!("-Clink-arg=-T{}", script("plugins.ld").display());
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", &source("registry.rs"));
    rust.rlib("plugins", &source("plugins.rs"));
    let rust = rust.with(&[script.as_str()]);
    let mut instance = rust.instance(&source("main.rs"));
    assert_eq!(instance.call("through_all", &[1]), (1 + 1) * 2 * 3);
    assert_eq!(instance.call("with_key", &[]), 2);

    // An entry of another type.
    let wrong = source("main.rs") + "mod __link_section__PLUGINS { #[used] static N: u32 = 1; }";
    let linked = rust.program("wrong", &wrong);
    let message = "assertion failed: an entry of PLUGINS is no struct Plugin";
    assert!(linked.stderr.contains(message), "{}", linked.stderr);
    assert!(!linked.output.exists());
}

#[test]
fn every_script_is_tested_and_told_of() {
    let readme = fs::read_to_string(script("README.md")).expect("the README");
    let tests = [
        include_str!("script_examples.rs"),
        include_str!("worlds.rs"),
    ]
    .concat();
    for entry in fs::read_dir(root().join("linker-scripts")).expect("scripts") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("UTF-8");
        let Some(stem) = name.strip_suffix(".ld") else {
            continue;
        };
        assert!(
            readme.contains(&format!("`{name}`")),
            "{name} in the README"
        );
        let tested =
            tests.contains(&format!("\"{stem}\"")) || tests.contains(&format!("\"{name}\""));
        assert!(tested || stem == "default", "{name} has a test");
    }
    // What the examples need of the toolchain is there.
    assert!(!setting("WSL_CLANG").is_empty());
}
