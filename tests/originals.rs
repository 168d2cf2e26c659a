//! The tests of `linkme`, `inventory` and `typetag`, as they are, with our `linkme` and `inventory`:
//! run on the host and on wasm. See tests/fixtures/originals.

use crate::support::workspace::{Outcomes, WASI, Workspace, copy, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Each original with how many tests its files have.
const ORIGINALS: [(&str, &str, usize); 3] = [
    ("linkme", "linkme-tests", 15),
    ("inventory", "inventory-tests", 2),
    ("typetag", "typetag", 21),
];

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/originals").join(name)
}

/// A workspace with the members' manifests, and without their sources.
fn workspace(name: &str) -> (PathBuf, Workspace) {
    let directory = root().join("target/tests/originals").join(name);
    copy(&fixture(name), &directory);
    for member in ["linkme", "inventory"] {
        copy(&fixture("members").join(member), &directory.join(member));
        let source = directory.join(member).join("src");
        fs::create_dir_all(&source).expect("a directory");
        if !source.join("lib.rs").exists() {
            fs::write(source.join("lib.rs"), "").expect("a file that can be written");
        }
    }
    let workspace = Workspace::new(&directory, "originals/target");
    (directory, workspace)
}

/// Where cargo has the source of a package.
fn source(metadata: &str, package: &str) -> PathBuf {
    let paths = metadata.split("\"manifest_path\":\"").skip(1);
    let mut paths = paths.filter_map(|rest| rest.split('"').next());
    let prefix = format!("{package}-0.");
    let is_it = |path: &&str| {
        let directory = Path::new(path).parent().and_then(Path::file_name);
        directory.is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    let manifest = paths
        .find(is_it)
        .unwrap_or_else(|| panic!("no source of {package}"));
    Path::new(manifest)
        .parent()
        .expect("a directory")
        .to_owned()
}

struct Originals {
    ours: Workspace,
    theirs: Workspace,
}

/// Both workspaces, once for all tests.
static ORIGINAL: LazyLock<Originals> = LazyLock::new(|| {
    let sources = Workspace::new(fixture("sources"), "originals/sources");
    let (metadata, _) = sources.run(["metadata", "--locked", "--format-version=1"]);
    let (their_directory, theirs) = workspace("theirs");
    let (our_directory, ours) = workspace("ours");
    for package in ["linkme", "inventory"] {
        let source = source(&metadata, package);
        for directory in [&our_directory, &their_directory] {
            copy(
                &source.join("tests"),
                &directory.join(package).join("tests"),
            );
            // What must not compile is compiled by cargo as examples.
            copy(
                &source.join("tests/ui"),
                &directory.join(package).join("examples"),
            );
        }
    }
    copy(
        &source(&metadata, "typetag"),
        &our_directory.join("typetag"),
    );
    // Cargo means the workspace's.
    let _ = fs::remove_file(our_directory.join("typetag/Cargo.lock"));
    Originals { ours, theirs }
});

fn not_applicable(package: &str) -> BTreeSet<String> {
    let list = fs::read_to_string(fixture("not-applicable.txt")).expect("the list");
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let tests = lines.map(|line| line.split_once(": ").expect("a test and a reason").0);
    tests
        .filter_map(|test| test.strip_prefix(package)?.strip_prefix(' '))
        .map(str::to_owned)
        .collect()
}

fn check(outcomes: &Outcomes, original: &str, count: usize) {
    assert_eq!(outcomes.len(), count, "{original}: {outcomes:#?}");
    let not_ok = outcomes.iter().filter(|(_, outcome)| *outcome != "ok");
    let not_ok: BTreeSet<_> = not_ok.map(|(test, _)| test.clone()).collect();
    assert_eq!(
        not_ok,
        not_applicable(original),
        "{original}: {outcomes:#?}"
    );
}

#[test]
fn their_tests_pass_on_the_host() {
    for (original, package, count) in ORIGINALS {
        check(&ORIGINAL.ours.test(&["-p", package]), original, count);
    }
}

#[test]
fn their_tests_pass_on_wasm() {
    for (original, package, count) in ORIGINALS {
        let arguments = ["-p", package, "--target", WASI];
        check(&ORIGINAL.ours.test(&arguments), original, count);
    }
}

/// Two of linkme's tests are regressions of optimized builds.
#[test]
fn linkmes_tests_pass_on_wasm_when_optimized() {
    let arguments = ["-p", "linkme-tests", "--release", "--target", WASI];
    check(&ORIGINAL.ours.test(&arguments), "linkme", ORIGINALS[0].2);
}

/// The errors in the files that must not compile: where, which, and what.
fn errors(workspace: &Workspace) -> BTreeSet<String> {
    let mut command = workspace.cargo([
        "check",
        "--locked",
        "--examples",
        "--keep-going",
        "--message-format=short",
        "--workspace",
    ]);
    let output = command.output().expect("a cargo that runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors = text
        .lines()
        .filter(|line| line.contains("/examples/") && line.contains(": error"));
    errors.map(str::to_owned).collect()
}

/// What errors say otherwise with us, and why that is no worse.
const OTHER_WORDS: [(&str, &str); 2] = [
    // The type as the user wrote it.
    ("found `&'static str`", "found `&str`"),
    // The trait that the user knows.
    (
        "`Thing: inventory::ErasedNode` is not satisfied: unsatisfied trait bound",
        "`Thing: Collect` is not satisfied: unsatisfied trait bound, required by a bound introduced \
         by this call",
    ),
];

#[test]
fn errors_are_where_the_originals_are() {
    let ours = errors(&ORIGINAL.ours);
    let mut theirs = errors(&ORIGINAL.theirs);
    for (their_words, our_words) in OTHER_WORDS {
        let other = theirs
            .iter()
            .find(|error| error.contains(their_words))
            .cloned();
        let other = other.unwrap_or_else(|| panic!("no error of theirs has {their_words}"));
        theirs.remove(&other);
        theirs.insert(other.replace(their_words, our_words));
    }
    assert!(theirs.len() >= 18, "{theirs:#?}");
    assert_eq!(ours, theirs);
}
