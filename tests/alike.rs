//! Our `linkme` and `inventory` beside the originals: what compiles, and what it prints. See
//! tests/fixtures/alike.

use crate::support::workspace::{WASI, Workspace, copy, root, write};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

const EDITIONS: [&str; 4] = ["2015", "2018", "2021", "2024"];

/// The crates from crates.io, by the versions that ours bear, and the crates of this repository.
const SIDES: [(&str, &str); 2] = [
    ("theirs", "linkme = \"=0.3.37\"\ninventory = \"=0.3.25\"\n"),
    (
        "ours",
        "linkme = { path = \"../../../../../../crates/linkme\" }\n\
         inventory = { path = \"../../../../../../crates/inventory\" }\n",
    ),
];

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/alike").join(name)
}

/// The programs of a directory, by name.
fn programs(directory: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(fixture(directory)).expect("a directory");
    let files = files.map(|file| file.expect("a file").path());
    let named = files.map(|file| {
        let name = file.file_stem().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read_to_string(&file).expect("text"))
    });
    named.collect()
}

/// The program without its fault: lines that end in `// fault` are left out, and what stands behind
/// `// mended: ` is in.
fn mended(program: &str) -> String {
    let lines = program
        .lines()
        .filter(|line| !line.ends_with("// fault"))
        .map(|line| {
            line.trim_start()
                .strip_prefix("// mended: ")
                .unwrap_or(line)
        });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// A `main` that runs the programs, each a module, and prints their names and what they give.
fn main_of(programs: &BTreeMap<String, String>) -> String {
    let mut main = String::from(
        "#![deny(warnings)]\nextern crate inventory;\nextern crate linkme;\nextern crate plug;\n",
    );
    let mut calls = String::new();
    for name in programs.keys() {
        writeln!(
            main,
            "#[path = \"../../../programs/{name}.rs\"]\nmod {name};"
        )
        .expect("text");
        writeln!(calls, "    println!(\"{name}: {{}}\", {name}::run());").expect("text");
    }
    writeln!(main, "fn main() {{\n{calls}}}").expect("text");
    main
}

/// A crate that has the mended programs as modules.
fn all_mended(refused: &BTreeMap<String, String>) -> String {
    let mut main = String::from("#![allow(dead_code)]\n");
    for (name, program) in refused {
        assert_ne!(mended(program), *program, "{name} has no fault");
        writeln!(main, "#[path = \"../mended/{name}.rs\"]\nmod {name};").expect("text");
    }
    main + "fn main() {}\n"
}

/// One workspace for both sides and all editions: the packages are `SIDE-EDITION`, and
/// `SIDE-others` with what must not compile, or only with ours, as examples.
static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let directory = root().join("target/tests/alike/workspace");
    let put = |path: &str, content: &str| write(&directory.join(path), content.as_bytes());
    let manifest = |path: &str, name: &str, edition: &str, rest: &str| {
        let package = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n{rest}"
        );
        put(&format!("{path}/Cargo.toml"), &package);
    };
    copy(&fixture("programs"), &directory.join("programs"));
    let (taken, refused) = (programs("programs"), programs("refused"));
    let mut members = Vec::new();
    for (side, dependencies) in SIDES {
        let with_plug = format!(
            "[dependencies]\nplug = {{ path = \"../plug\", package = \"{side}-plug\" }}\n\
             {dependencies}"
        );
        let library = format!("[lib]\nname = \"plug\"\n\n[dependencies]\n{dependencies}");
        let names = ["plug", "others"].into_iter().chain(EDITIONS);
        members.extend(names.map(|name| format!("{side}/{name}")));
        manifest(
            &format!("{side}/plug"),
            &format!("{side}-plug"),
            "2021",
            &library,
        );
        let plug = fs::read_to_string(fixture("plug.rs")).expect("text");
        put(&format!("{side}/plug/src/lib.rs"), &plug);
        for edition in EDITIONS {
            let path = format!("{side}/{edition}");
            manifest(&path, &format!("{side}-{edition}"), edition, &with_plug);
            put(&format!("{path}/src/main.rs"), &main_of(&taken));
        }
        let path = format!("{side}/others");
        manifest(&path, &format!("{side}-others"), "2021", &with_plug);
        put(&format!("{path}/src/main.rs"), &all_mended(&refused));
        // Those of another day are no examples any more.
        let examples = directory.join(&path).join("examples");
        let _ = fs::remove_dir_all(examples);
        for (name, program) in &refused {
            put(&format!("{path}/examples/{side}-{name}.rs"), program);
            put(&format!("{path}/mended/{name}.rs"), &mended(program));
        }
        for (name, program) in programs("only-ours") {
            put(&format!("{path}/examples/{side}-{name}.rs"), &program);
        }
    }
    put(
        "Cargo.toml",
        &format!(
            "[workspace]\nresolver = \"2\"\nmembers = {members:?}\n[profile.dev]\ndebug = false\n"
        ),
    );
    let lock = fs::read_to_string(fixture("Cargo.lock")).expect("text");
    put("Cargo.lock", &lock);
    Workspace::new(directory, "alike/target")
});

/// Builds the program of each edition, and gives what each prints.
fn printed(side: &str, target: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["build", "--locked", "--quiet"];
    let packages = EDITIONS.map(|edition| format!("{side}-{edition}"));
    for package in &packages {
        arguments.extend(["-p", package]);
    }
    arguments.extend(target.into_iter().flat_map(|target| ["--target", target]));
    WORKSPACE.run(arguments);
    let run = |package: &String| {
        let mut command = match target {
            Some(target) => {
                let module = WORKSPACE.built(target, "debug", &format!("{package}.wasm"));
                let mut command = Command::new(crate::support::tool("WSL_NODE"));
                let runner = root().join("tests/support/wasi.mjs");
                command.arg("--no-warnings").arg(runner).arg(module);
                command
            }
            None => Command::new(WORKSPACE.built("", "debug", package)),
        };
        let output = command.output().expect("a program that runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{package}: {text}{output:?}");
        text
    };
    packages.iter().map(run).collect()
}

#[test]
fn what_compiles_and_what_it_prints() {
    let theirs = printed("theirs", None);
    let lines = theirs[0].lines().count();
    assert_eq!(lines, programs("programs").len(), "{theirs:#?}");
    for (edition, printed) in EDITIONS.iter().zip(&theirs) {
        assert_eq!(printed, &theirs[0], "edition {edition}");
    }
    assert_eq!(printed("ours", None), theirs);
    assert_eq!(printed("ours", Some(WASI)), theirs);
}

/// The programs that one side refuses.
fn refused_by(side: &str) -> BTreeSet<String> {
    let package = format!("{side}-others");
    // With the fault mended, they compile.
    WORKSPACE.run(["check", "--locked", "--quiet", "-p", &package, "--bins"]);
    let arguments = [
        "check",
        "--locked",
        "--keep-going",
        "-p",
        &package,
        "--examples",
    ];
    let output = WORKSPACE.cargo(arguments).output().expect("a cargo");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let prefix = format!("could not compile `{package}` (example \"{side}-");
    let names = text.lines().filter_map(|line| line.split_once(&prefix));
    let names = names.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()));
    let names: BTreeSet<_> = names.collect();
    assert!(!names.is_empty(), "{text}");
    names
}

#[test]
fn what_does_not_compile() {
    let refused: BTreeSet<_> = programs("refused").into_keys().collect();
    let only_ours: BTreeSet<_> = programs("only-ours").into_keys().collect();
    for (side, wanted) in [("theirs", &refused | &only_ours), ("ours", refused)] {
        let found = refused_by(side);
        let taken: BTreeSet<String> = &wanted - &found;
        assert_eq!(
            (taken, &found - &wanted),
            Default::default(),
            "taken, and refused, by {side}"
        );
    }
}
