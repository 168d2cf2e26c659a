//! `wasm-sections doctor`: checks of an installation, and a test link.

use crate::args;
use crate::support::tool::{Said, said, wasm_sections};
use crate::support::{Work, linkers, tool};
use std::process::Command;

fn states(said: &Said) -> Vec<(String, String)> {
    let report = said.json();
    let checks = report["checks"].as_array().expect("checks").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    checks
        .map(|check| (text(&check["what"]), text(&check["state"])))
        .collect()
}

#[test]
fn each_linker_is_well() {
    let work = Work::new();
    for linker in linkers() {
        let said = work.sections(args!["doctor", "--linker", linker, "--json"]);
        assert_eq!(said.status, 0, "{}", said.text);
        let good = |what: &str| (what.to_owned(), "good".to_owned());
        let found = states(&said);
        for what in [
            "wasm-section-ld",
            "backend",
            "versions",
            "test link",
            "wasm64",
        ] {
            assert!(found.contains(&good(what)), "{what}: {found:?}");
        }
        let shown = work.sections(args!["doctor", "--linker", linker]).text;
        assert!(shown.contains(&format!("ok     backend: {}\n", linker.display())));
        assert!(shown.contains(&format!("wasm-section-ld {}", env!("CARGO_PKG_VERSION"))));
    }
}

#[cfg(unix)]
#[test]
fn a_linker_that_is_not_there_or_does_nothing() {
    let work = Work::new();
    let said = work.sections(["doctor", "--linker", "/nowhere/wasm-ld"]);
    assert_eq!(said.status, 1);
    assert!(
        said.text
            .contains("bad    backend: --section-linker: linker not found: /nowhere/wasm-ld"),
        "{}",
        said.text
    );
    let lazy = work.script("lazy-ld", "exit 0");
    let said = work.sections(args!["doctor", "--linker", lazy]);
    assert_eq!(said.status, 1);
    let nothing = "lazy-ld is not wasm-ld: it prints no version\n";
    assert!(said.text.contains(nothing), "{}", said.text);
    // One that links, but does not know the array.
    let script = format!(
        "if [ \"$1\" = --version ]; then exec {0} \"$@\"; fi\necho 'cannot link today' >&2; exit 1",
        tool("WSL_WASM_LD").display()
    );
    let broken = work.script("broken-ld", &script);
    let said = work.sections(args!["doctor", "--linker", broken]);
    assert_eq!(said.status, 1);
    assert!(
        said.text.contains("bad    test link: cannot link today\n"),
        "{}",
        said.text
    );
    assert!(
        said.text.contains("name another linker: with --linker"),
        "{}",
        said.text
    );
}

#[test]
fn a_program_that_is_no_linker_for_wasm_is_named_as_such() {
    let work = Work::new();
    for (program, says) in [
        ("/usr/bin/gcc", "gcc"),
        ("/usr/bin/ld", "GNU ld"),
        ("/bin/true", "true (GNU coreutils)"),
    ] {
        let said = work.sections(args!["doctor", "--linker", program]);
        assert_eq!(said.status, 1);
        let line = format!("{program} is not wasm-ld: it identifies itself as `");
        let of_itself = said.text.split_once(&line).map(|(_, rest)| rest);
        assert!(
            of_itself.is_some_and(|rest| rest.starts_with(says)),
            "{}",
            said.text
        );
        assert!(!said.text.contains("test link"), "{}", said.text);
    }
    // It knows wasm.
    let said = work.sections(args!["doctor", "--linker", tool("WSL_EMCC")]);
    assert!(!said.text.contains("is not wasm-ld"), "{}", said.text);
}

const TARGET: &str = "[target.wasm32-unknown-unknown]\nlinker = \"wasm-section-ld\"\n";

/// A change to a command.
type Change<'a> = &'a dyn Fn(&mut Command);

/// What it says of cargo in a project with that configuration, by a command that `change` changes.
fn of_cargo(config: &str, change: impl Fn(&mut Command)) -> (String, i32) {
    let work = Work::new();
    work.write("Cargo.toml", "[workspace]\n");
    std::fs::create_dir(work.file(".cargo")).expect("a directory");
    work.write(".cargo/config.toml", config);
    let mut command = wasm_sections(&work);
    command.arg("doctor");
    change(&mut command);
    let said = said(&mut command);
    let lines = said
        .text
        .lines()
        .skip_while(|line| !line.contains("Cargo: "));
    (lines.collect::<Vec<_>>().join("\n"), said.status)
}

#[test]
fn what_makes_cargo_take_another_linker() {
    let good = of_cargo(TARGET, |_| ());
    assert!(
        good.0.starts_with("ok     Cargo: ") && good.1 == 0,
        "{good:?}"
    );
    let by_condition = "[target.'cfg(target_family = \"wasm\")']\nlinker = \"wasm-section-ld\"\n\
        [build]\ntarget = \"wasm32-wasip1\"\n";
    let good = of_cargo(by_condition, |_| ());
    assert!(
        good.0.ends_with("names wasm-section-ld for wasm32-wasip1"),
        "{good:?}"
    );
    let variable = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
    let cases: [(&str, Change, &[&str]); 5] = [
        (
            TARGET,
            &|command| _ = command.env(variable, "rust-lld"),
            &[variable, "unset"],
        ),
        (
            TARGET,
            &|command| _ = command.env("RUSTFLAGS", "-C linker=wasm-ld"),
            &["RUSTFLAGS has `-C linker=wasm-ld`", "remove"],
        ),
        (
            TARGET,
            &|command| _ = command.env("PATH", "/nowhere"),
            &["is not on PATH", "~/.cargo/bin"],
        ),
        (
            "[target\n",
            &|_| (),
            &[
                "config.toml: the file is not valid TOML",
                "cargo stops at this error",
            ],
        ),
        (
            "[target.wasm32-unknown-unknown]\nlinker = \"wasm-section-ld\"\n\
             rustflags = [\"-Clink-arg=--section-manifest\"]\n",
            &|command| _ = command.env("RUSTFLAGS", "-g"),
            &[
                "RUSTFLAGS is set, so cargo ignores the rustflags of",
                "move all flags to RUSTFLAGS",
            ],
        ),
    ];
    for (config, change, parts) in cases {
        let (text, status) = of_cargo(config, change);
        assert_eq!(status, 1, "{text}");
        assert!(text.starts_with("bad    Cargo: "), "{text}");
        for part in parts {
            assert!(text.contains(part), "not {part:?}: {text}");
        }
    }
}

#[test]
fn what_cargo_knows() {
    let work = Work::new();
    work.write("Cargo.toml", "[workspace]\n");
    let doctor = || said(wasm_sections(&work).arg("doctor")).text;
    assert!(doctor().contains(
        "names wasm-section-ld as the linker of no target\n       `wasm-sections init` adds it\n"
    ));
    assert_eq!(work.sections(["init"]).status, 0);
    assert!(doctor().contains("config.toml names wasm-section-ld for wasm32-unknown-unknown\n"));
    let left = std::fs::read_dir(work.file("tmp")).expect("tmp").count();
    assert_eq!(left, 0, "directories of test links were left");
}
