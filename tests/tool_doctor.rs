//! `wasm-sections doctor`: what is there, and a link on trial.

use crate::args;
use crate::support::tool::{Said, said, wasm_sections};
use crate::support::{Work, linkers, tool};

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
            "the linker that links",
            "versions",
            "a link on trial",
            "can it link for wasm64?",
        ] {
            assert!(found.contains(&good(what)), "{what}: {found:?}");
        }
        let shown = work.sections(args!["doctor", "--linker", linker]).text;
        assert!(shown.contains(&format!(
            "ok     the linker that links: {}\n",
            linker.display()
        )));
        assert!(shown.contains(&format!("wasm-section-ld {}", env!("CARGO_PKG_VERSION"))));
    }
}

#[test]
fn a_linker_that_is_not_there_or_does_nothing() {
    let work = Work::new();
    let said = work.sections(["doctor", "--linker", "/nowhere/wasm-ld"]);
    assert_eq!(said.status, 1);
    assert!(
        said.text.contains(
            "bad    the linker that links: --section-linker: there is no linker /nowhere/wasm-ld"
        ),
        "{}",
        said.text
    );
    let lazy = work.script("lazy-ld", "exit 0");
    let said = work.sections(args!["doctor", "--linker", lazy]);
    assert_eq!(said.status, 1);
    assert!(
        said.text.contains("bad    a link on trial: "),
        "{}",
        said.text
    );
    // One that links, but does not know the array.
    let script = format!(
        "if [ \"$1\" = --version ]; then exec {0} \"$@\"; fi\necho 'cannot link today' >&2; exit 1",
        tool("WSL_WASM_LD").display()
    );
    let broken = work.script("broken-ld", &script);
    let said = work.sections(args!["doctor", "--linker", broken]);
    assert_eq!(said.status, 1);
    assert!(
        said.text
            .contains("bad    a link on trial: cannot link today\n"),
        "{}",
        said.text
    );
    assert!(
        said.text.contains("name another linker by --linker"),
        "{}",
        said.text
    );
}

#[test]
fn what_cargo_knows() {
    let work = Work::new();
    work.write("Cargo.toml", "[workspace]\n");
    let doctor = || said(wasm_sections(&work).arg("doctor")).text;
    assert!(doctor().contains(
        "names wasm-section-ld for no target\n       wasm-sections init writes it there\n"
    ));
    assert_eq!(work.sections(["init"]).status, 0);
    assert!(doctor().contains("config.toml names wasm-section-ld for wasm32-unknown-unknown\n"));
    let left = std::fs::read_dir(work.file("tmp")).expect("tmp").count();
    assert_eq!(left, 0, "directories of links on trial were left");
}
