//! Names of sections and entries that are the same in each version and profile of a program, built by
//! cargo with our `linkme` and `inventory`. See tests/fixtures/names.

use crate::args;
use crate::support::module::contains;
use crate::support::rust::TARGET;
use crate::support::tool::Said;
use crate::support::workspace::{Workspace, root};
use crate::support::{Instance, Work, setting, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A compiler and how it mangles.
struct Compiler {
    /// Also that of the directories that it builds in.
    name: &'static str,
    /// The settings that say where it is, and where its sysroot is.
    settings: [&'static str; 2],
    flags: &'static [&'static str],
}

const STABLE: Compiler = Compiler {
    name: "stable",
    settings: ["WSL_RUSTC", "WSL_SYSROOT"],
    flags: &[],
};

/// The program with some of its source replaced, in a directory of its own.
fn source(name: &str, replaced: &[(&str, &str)]) -> PathBuf {
    let directory = root().join("target/tests").join(name);
    let fixture = root().join("tests/fixtures/names");
    let crates = root().join("crates");
    let of_crate = |name: &str| ["Cargo.toml", "src/lib.rs"].map(|file| format!("{name}/{file}"));
    let files = ["registry", "plugin", "app"].map(of_crate);
    let mut left: Vec<_> = replaced.to_vec();
    for file in ["Cargo.toml".to_owned(), "Cargo.lock".to_owned()]
        .iter()
        .chain(files.iter().flatten())
    {
        let text = fs::read_to_string(fixture.join(file)).expect("a file");
        let mut text = text.replace("../../../crates", &crates.to_string_lossy());
        left.retain(|(old, _)| !text.contains(old));
        for (old, new) in replaced {
            text = text.replace(old, new);
        }
        let to = directory.join(file);
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        fs::write(to, text).expect("a file that can be written");
    }
    assert!(left.is_empty(), "{left:?} is nowhere");
    directory
}

/// Cargo has one place for the crates of all variants of the program.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Builds the program, and gives the module a name in the test's directory.
fn build(
    work: &Work,
    compiler: &Compiler,
    (name, replaced): (&str, &[(&str, &str)]),
    profile: &str,
    manifest: bool,
) -> PathBuf {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Written anew, so that cargo builds what another variant has left.
    let directory = source(&format!("names/{}/{name}", compiler.name), replaced);
    let workspace = Workspace::new(directory, &format!("names/{}/target", compiler.name));
    let directory = if profile == "dev" { "debug" } else { profile };
    let module = workspace.built(TARGET, directory, "app.wasm");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&module, &module.with_file_name("deps/app.wasm")] {
        let _ = fs::remove_file(file);
    }
    let mut flags: Vec<String> = compiler.flags.iter().map(|&flag| flag.to_owned()).collect();
    flags.extend(manifest.then(|| "-Clink-arg=--section-manifest".to_owned()));
    let arguments = [
        "build",
        "--quiet",
        "--locked",
        "--profile",
        profile,
        "--target",
        TARGET,
    ];
    let mut command = workspace.cargo(arguments);
    let [rustc, sysroot] = compiler.settings;
    let sysroot = setting(sysroot);
    flags.extend((!sysroot.is_empty()).then(|| format!("--sysroot={sysroot}")));
    command.env("RUSTC", tool(rustc));
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let output = command.output().expect("a cargo that runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let to = work.file(&format!("{name}-{profile}-{manifest}.wasm"));
    fs::copy(module, &to).expect("a module");
    to
}

const FIRST: (&str, &[(&str, &str)]) = ("first", &[]);
const SECOND: (&str, &[(&str, &str)]) = (
    "second",
    &[
        (
            "\nversion = \"0.1.0\"\nedition",
            "\nversion = \"0.2.0\"\nedition",
        ),
        (
            "name = \"app\"\nversion = \"0.1.0\"\ndep",
            "name = \"app\"\nversion = \"0.2.0\"\ndep",
        ),
        (
            "name = \"plugin\"\nversion = \"0.1.0\"\ndep",
            "name = \"plugin\"\nversion = \"0.2.0\"\ndep",
        ),
        (
            "name = \"registry\"\nversion = \"0.1.0\"\ndep",
            "name = \"registry\"\nversion = \"0.2.0\"\ndep",
        ),
    ],
);

/// One text in the value of an inventory's item.
const CHANGED: (&str, &[(&str, &str)]) = ("changed", &[("name: \"twice\"", "name: \"double\"")]);

fn diff(work: &Work, old: &Path, new: &Path) -> Said {
    work.sections(args!["diff", old, new])
}

fn check(compiler: &Compiler) {
    let work = Work::new();
    let built = |source, profile| build(&work, compiler, source, profile, true);
    let first = built(FIRST, "dev");
    let mut instance = Instance::new(&fs::read(&first).expect("a module"));
    // 5 is incremented, doubled, and tripled, in some order, with the lengths of three names.
    assert_ne!(instance.call("run", &[5]), 5);
    assert_eq!(
        instance.call("sum", &[]),
        25 * 4 + 2 + 6 + 1000 + 2000 + 1 + 2
    );
    assert_eq!(
        instance.call("hooks", &[]),
        20 + 300 + 50_000 + 600_000 + 7_000_000 + 80_000_000
    );
    for other in [
        built(FIRST, "release"),
        built(SECOND, "dev"),
        built(SECOND, "release"),
    ] {
        let said = diff(&work, &first, &other);
        let same = "no differences: the same entries in the same order\n";
        assert_eq!((said.status, said.text.as_str()), (0, same), "{other:?}");
    }
    let said = diff(&work, &first, &built(CHANGED, "release"));
    let lines: Vec<&str> = said.text.lines().collect();
    assert_eq!(said.status, 1);
    assert_eq!(lines.len(), 2, "{}", said.text);
    assert_eq!(lines[0], "inventory<registry::Command>: 3 -> 3 entries");
    assert!(lines[1].starts_with("! plugin"), "{}", said.text);
    assert!(
        lines[1].ends_with(" (plugin): \"twice\" -> \"double\""),
        "{}",
        said.text
    );
}

#[test]
fn one_program_is_the_same_in_each_version_and_profile() {
    check(&STABLE);
}

#[test]
fn one_program_is_the_same_by_v0_mangling() {
    check(&V0);
}

#[test]
fn one_program_is_the_same_on_nightly() {
    check(&Compiler {
        name: "nightly",
        settings: ["WSL_RUSTC_NIGHTLY", "WSL_SYSROOT_NIGHTLY"],
        flags: &[],
    });
}

/// A row of a table without what differs from one build to the next.
fn rows(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.contains("address"));
    let lines = lines.map(|line| {
        let (line, _) = line.split_once(", section ").unwrap_or((line, ""));
        let words = line.split_whitespace();
        let words = words.filter(|word| !word.contains("0x") && *word != "at");
        words.collect::<Vec<_>>().join(" ")
    });
    lines.skip(1).filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_people_call_them() {
    let work = Work::new();
    let module = build(&work, &STABLE, FIRST, "release", true);
    let said = work.sections(args!["inspect", module]);
    let rows = rows(&said.text);
    let has = |expected: &str| {
        assert!(
            rows.iter().any(|row| row == expected),
            "{expected}: {rows:#?}"
        )
    };
    has("inventory<registry::Command>: 3 entries of 12 bytes");
    has("inventory<registry::shapes::Kind>: 1 entry of 20 bytes");
    has("inventory<registry::shapes::generic::Of<u16>>: 1 entry of 8 bytes");
    has("linkme<registry::shapes::HANDLERS>: 2 entries of 12 bytes");
    has("linkme<registry::LIMITS>: 4 entries of 4 bytes");
    // Each value's texts and functions, however deep.
    let text = rows.join("\n");
    let has = |expected: &str| assert!(text.contains(expected), "{expected}:\n{text}");
    has("app app \"increment\"\nfn app::increment");
    has("plugin \"twice\"\nfn plugin::twice");
    has("plugin \"thrice\"\nfn plugin::thrice");
    has(
        "plugin::deep plugin \"square\"\n\"quadrat\"\n4 bytes\nfn <plugin::Square as registry::shapes::Shape>::area",
    );
    has("plugin::NEGATE plugin \"negate\"\nfn plugin::negate");
    // Two statics of one name in one module.
    for name in [
        "plugin::UPPER",
        "plugin::two::UPPER",
        "plugin::two::LOWER",
        "plugin::two::LOWER #1",
    ] {
        has(&format!(" 4 {name} plugin"));
    }
    // By either name.
    let title = work.sections(args![
        "inspect",
        module,
        "--section",
        "linkme<registry::LIMITS>",
        "--json"
    ]);
    let section = title.json()["modules"][0]["sections"][0].clone();
    let name = section["name"].as_str().expect("a name");
    assert!(name.starts_with("linkme_LIMITS_"), "{name}");
    let by_name = work.sections(args!["inspect", module, "--section", name, "--json"]);
    assert_eq!(by_name.json(), title.json());
    // All of it is in the manifest.
    let bytes = fs::read(&module).expect("a module");
    assert!(contains(&bytes, "linkme<registry::LIMITS>"));
    let module = build(&work, &STABLE, FIRST, "release", false);
    let bytes = fs::read(&module).expect("a module");
    for text in [
        "linkme<",
        "registry::LIMITS",
        "plugin::two",
        "__link_section__",
    ] {
        assert!(!contains(&bytes, text), "{text}");
    }
}

/// What a person changed, and nothing else.
#[test]
fn what_changed() {
    let work = Work::new();
    let first = build(&work, &STABLE, FIRST, "release", true);
    let several: &[(&str, &str)] = &[
        ("UPPER: u32 = 2000", "UPPER: u32 = 2001"),
        ("\"quadrat\"", "\"box\""),
        ("&super::Square(5)", "&super::Square(6)"),
        ("fn twice(n", "fn double(n"),
        ("run: twice", "run: double"),
        (
            "inventory::submit! { Of::<u16>(&[1, 2, 3]) }",
            "inventory::submit! { Of::<u16>(&[1, 2]) }\ninventory::submit! { Of::<u16>(&[7]) }",
        ),
        ("static NEGATE: Command", "static MINUS: Command"),
    ];
    let other = build(&work, &STABLE, ("several", several), "release", true);
    let said = diff(&work, &first, &other);
    let expected = "\
inventory<registry::Command>: 3 -> 3 entries
! plugin (plugin): fn plugin::twice -> fn plugin::double
inventory<registry::shapes::Kind>: 1 -> 1 entries
! plugin::deep (plugin): \"quadrat\" -> \"box\", 05000000 -> 06000000
inventory<registry::shapes::generic::Of<u16>>: 1 -> 2 entries
- plugin (plugin): 6 bytes
+ plugin #1 (plugin): 4 bytes
+ plugin (plugin): 2 bytes
linkme<registry::LIMITS>: 4 -> 4 entries
! plugin::two::UPPER (plugin): d0070000 -> d1070000
linkme<registry::shapes::HANDLERS>: 2 -> 2 entries
- plugin::NEGATE (plugin): \"negate\", fn plugin::negate
+ plugin::MINUS (plugin): \"negate\", fn plugin::negate
";
    // rustc orders the entries of a crate by hashes, which depend on the path of the sources.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!((said.status, sorted(&said.text)), (1, sorted(expected)));
    let differences = work.sections(args!["diff", first, other, "--json"]).json();
    let changed = &differences["sections"][1]["changed"][0];
    assert_eq!(changed["old"]["title"], "plugin::deep");
    assert_eq!(changed["changes"][0]["old"], "\"quadrat\"");
}

/// What entries with closures refer to, each by the name of the entry.
fn closures(module: &Path, work: &Work) -> Vec<String> {
    let said = work.sections(args!["inspect", module]);
    let all = rows(&said.text).into_iter();
    let all = all.filter_map(|row| {
        row.split_once(" plugin ")
            .map(|(entry, to)| format!("{entry}: {to}"))
    });
    let mut all: Vec<_> = all
        .filter_map(|row| Some(row.split_once(' ')?.1.split_once(' ')?.1.to_owned()))
        .filter(|row| row.contains("closure") || row.contains("call_once"))
        .collect();
    all.sort();
    all
}

/// Where closures stand: in which function, constant or static, or for values of inventory in which module. `line` is what
/// follows that, by a part of the line that the closure is in.
fn check_closures(compiler: &Compiler, profile: &str, number: &str, line: impl Fn(&str) -> String) {
    let work = Work::new();
    let module = build(&work, compiler, FIRST, profile, true);
    let expected = [
        format!(
            "plugin::closures: closure in plugin::closures{}",
            line("600_000")
        ),
        format!(
            "plugin::closures: closure in plugin::closures{}",
            line("7_000_000")
        ),
        format!(
            "plugin::closures::IN_STATIC: closure in plugin::closures::IN_STATIC{}",
            line("n + 20")
        ),
        format!(
            "plugin::closures::OF_CONSTANT: closure in plugin::closures::IN_CONSTANT{}",
            line("n + 300")
        ),
        format!(
            "plugin::closures::OF_FUNCTION: closure{number} in plugin::closures::in_function{}",
            line("50_000")
        ),
    ];
    let closures = closures(&module, &work);
    for expected in expected {
        assert!(closures.contains(&expected), "{expected}: {closures:#?}");
    }
    let call_once = closures.iter().find(|row| row.contains("call_once"));
    assert_eq!(call_once, None);
}

/// ` (…/plugin/src/lib.rs:12)`, of the line that contains this.
fn line_of(compiler: &Compiler) -> impl Fn(&str) -> String {
    let directory = format!(
        "target/tests/names/{}/first/plugin/src/lib.rs",
        compiler.name
    );
    let path = root().join(directory);
    move |part| {
        let text = fs::read_to_string(&path).expect("a file");
        let index = text.lines().position(|line| line.contains(part));
        let line = index.expect("a line") + 1;
        format!(" ({}:{line})", path.display())
    }
}

const V0: Compiler = Compiler {
    name: "v0",
    flags: &["-Csymbol-mangling-version=v0"],
    ..STABLE
};

#[test]
fn where_closures_stand() {
    check_closures(&STABLE, "dev", "", line_of(&STABLE));
    check_closures(&V0, "dev", " #1", line_of(&V0));
    check_closures(&V0, "release", " #1", |_| String::new());
    let work = Work::new();
    let module = build(&work, &V0, FIRST, "release", true);
    let said = work.sections(args!["inspect", module]);
    let rows = rows(&said.text);
    let plain = rows.iter().find(|row| row.contains(" plugin::plain "));
    let plain = plain.unwrap_or_else(|| panic!("no entry: {rows:#?}"));
    assert!(
        plain.ends_with(" plugin fn plugin::plain::plain"),
        "{plain}"
    );
}

/// Optimized code has no call of a closure, but the debug information has its name.
#[test]
fn where_closures_stand_by_debug_information() {
    const DEBUG: Compiler = Compiler {
        name: "debug",
        flags: &["-Cdebuginfo=1", "-Cstrip=none"],
        ..STABLE
    };
    check_closures(&DEBUG, "release", "", line_of(&DEBUG));
    const LINES: Compiler = Compiler {
        name: "lines",
        flags: &["-Cdebuginfo=line-tables-only", "-Cstrip=none"],
        ..STABLE
    };
    check_closures(&LINES, "release", " #1", line_of(&LINES));
}

/// Legacy mangling without debug information does not say it. The entry is known.
#[test]
fn closures_of_entries() {
    let work = Work::new();
    let module = build(&work, &STABLE, FIRST, "release", true);
    assert_eq!(
        closures(&module, &work),
        [
            // Its table of methods has the closure itself.
            "plugin::closures: closure in plugin::closures",
            "plugin::closures: closure of plugin::closures",
            "plugin::closures::IN_STATIC: closure of plugin::closures::IN_STATIC",
            "plugin::closures::OF_CONSTANT: closure of plugin::closures::OF_CONSTANT",
            "plugin::closures::OF_FUNCTION: closure of plugin::closures::OF_FUNCTION",
            "plugin::plain: function or closure of plugin::plain",
        ]
    );
}

/// The same closures by both manglings, and another one in place of one.
#[test]
fn closures_are_compared_by_where_they_stand() {
    let work = Work::new();
    let old = build(&work, &STABLE, FIRST, "dev", true);
    let new = build(&work, &V0, FIRST, "release", true);
    let said = diff(&work, &old, &new);
    assert_eq!(
        said.text,
        "no differences: the same entries in the same order\n"
    );
    let other: (&str, &[_]) = (
        "other",
        &[(
            "OF_CONSTANT: fn(i32) -> i32 = IN_CONSTANT",
            "OF_CONSTANT: fn(i32) -> i32 = |n| n",
        )],
    );
    let new = build(&work, &STABLE, other, "dev", true);
    let said = diff(&work, &old, &new);
    let expected = "\
linkme<registry::HOOKS>: 3 -> 3 entries
! plugin::closures::OF_CONSTANT (plugin): closure in plugin::closures::IN_CONSTANT -> closure in plugin::closures::OF_CONSTANT
";
    assert_eq!((said.status, said.text.as_str()), (1, expected));
    let said = work.sections(args!["why", old, "closures::IN_CONSTANT"]);
    assert_eq!(said.status, 0, "{}", said.text);
    assert!(
        said.text.contains("plugin::closures::OF_CONSTANT"),
        "{}",
        said.text
    );
}
