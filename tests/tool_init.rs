//! `wasm-sections init`: the linker's line in cargo's configuration, with all else left as it is.

use crate::support::Work;
use crate::support::tool::{Said, said, wasm_sections};
use crate::support::workspace::root;
use serde_json::json;
use std::fs;
use std::path::Path;

const LINE: &str = "[target.wasm32-unknown-unknown]\nlinker = \"wasm-section-ld\"\n";

/// A workspace with a package in it, and the configuration in its `.cargo/config.toml`, if any.
fn project(config: Option<&str>) -> Work {
    let work = Work::new();
    fs::create_dir_all(work.file("member/src")).expect("a directory");
    work.write("Cargo.toml", "[workspace]\nmembers = [\"member\"]\n");
    work.write("member/Cargo.toml", "[package]\nname = \"member\"\n");
    if let Some(config) = config {
        fs::create_dir(work.file(".cargo")).expect("a directory");
        work.write(".cargo/config.toml", config);
    }
    work
}

fn init(work: &Work, directory: &str, arguments: &[&str]) -> Said {
    let mut command = wasm_sections(work);
    // What the repository has in that place is not to be found, nor changed.
    command.env("CARGO_HOME", root().join(".cargo"));
    said(
        command
            .current_dir(work.file(directory))
            .arg("init")
            .args(arguments),
    )
}

fn config(work: &Work) -> String {
    fs::read_to_string(work.file(".cargo/config.toml")).expect("a configuration")
}

/// What is in the configuration of a project that had `before`.
fn after(before: &str) -> String {
    let work = project(Some(before));
    let said = init(&work, "member/src", &[]);
    assert_eq!((said.status, said.errors.as_str()), (0, ""));
    config(&work)
}

#[test]
fn a_new_file_beside_the_manifest_of_the_workspace() {
    let work = project(None);
    let said = init(&work, "member/src", &[]);
    assert_eq!(said.status, 0, "{}", said.errors);
    assert_eq!(config(&work), LINE);
    let shown = format!(
        "{}\n+[target.wasm32-unknown-unknown]\n+linker = \"wasm-section-ld\"\n",
        work.file(".cargo/config.toml").display()
    );
    assert_eq!(said.text, shown);
    assert!(!work.file("member/.cargo").exists());
}

#[test]
fn what_is_there_stays() {
    let before =
        "# ours\n[build]\njobs = 2 # few\n\n[target.x86_64-unknown-linux-gnu]\nlinker = 'clang'\n";
    assert_eq!(after(before), format!("{before}\n{LINE}"));
    let before =
        "[target.wasm32-unknown-unknown] # wasm\nrustflags = [\n  \"-Ctarget-cpu=mvp\", # old\n]\n";
    assert_eq!(
        after(before),
        format!("{before}linker = \"wasm-section-ld\"\n")
    );
}

#[test]
fn another_linker_is_replaced_and_shown() {
    let work = project(Some(
        "[target.wasm32-unknown-unknown]\nlinker = \"rust-lld\" # for now\n",
    ));
    let said = init(&work, ".", &[]);
    let expected = "[target.wasm32-unknown-unknown]\nlinker = \"wasm-section-ld\" # for now\n";
    assert_eq!(config(&work), expected);
    let shown = "\n-linker = \"rust-lld\" # for now\n+linker = \"wasm-section-ld\" # for now\n";
    assert!(said.text.ends_with(shown), "{}", said.text);
}

#[test]
fn tables_in_every_form() {
    for (before, expected) in [
        (
            "target.wasm32-unknown-unknown.linker = \"x\"\n",
            "target.wasm32-unknown-unknown.linker = \"wasm-section-ld\"\n",
        ),
        (
            "target = { wasm32-unknown-unknown = { runner = \"node\" } }\n",
            "target = { wasm32-unknown-unknown = { runner = \"node\", linker = \"wasm-section-ld\" } }\n",
        ),
        (
            "[target]\nwasm32-unknown-unknown = { linker = \"x\" }\n",
            "[target]\nwasm32-unknown-unknown = { linker = \"wasm-section-ld\" }\n",
        ),
        (
            "[build]\r\njobs = 1\r\n",
            "[build]\r\njobs = 1\r\n\r\n[target.wasm32-unknown-unknown]\r\nlinker = \"wasm-section-ld\"\r\n",
        ),
    ] {
        assert_eq!(after(before), expected);
    }
}

#[test]
fn the_target_that_is_built_for_or_that_is_given() {
    let wasi = after("[build]\ntarget = \"wasm32-wasip1\"\n");
    assert!(wasi.contains("[target.wasm32-wasip1]\nlinker = "), "{wasi}");
    let work = project(None);
    let said = init(
        &work,
        ".",
        &[
            "--target",
            "wasm32-wasip1",
            "--target=wasm32v1-none",
            "--json",
        ],
    );
    let change = said.json();
    assert_eq!(change["targets"], json!(["wasm32-wasip1", "wasm32v1-none"]));
    assert_eq!(change["added"].as_array().map(Vec::len), Some(5));
    assert!(config(&work).contains("[target.wasm32v1-none]\nlinker = "));
}

#[test]
fn again_nothing_changes_and_on_trial_nothing_is_written() {
    let work = project(None);
    let said = init(&work, ".", &["--dry-run"]);
    assert!(
        said.text.contains(" would change\n+[target."),
        "{}",
        said.text
    );
    assert!(!work.file(".cargo").exists());
    init(&work, ".", &[]);
    let said = init(&work, "member", &[]);
    let already = "wasm-section-ld is already the linker for wasm32-unknown-unknown\n";
    assert!(
        said.status == 0 && said.text.ends_with(already),
        "{}",
        said.text
    );
    assert_eq!(config(&work), LINE);
}

#[test]
fn why_cargo_takes_another_linker_all_the_same() {
    let work = project(None);
    let mut command = wasm_sections(&work);
    command.env("RUSTFLAGS", "-Clinker=gcc").arg("init");
    let with_flags = said(&mut command);
    assert_eq!(with_flags.status, 0, "{}", with_flags.errors);
    assert_eq!(config(&work), LINE);
    let note = "note: ";
    let (_, note) = with_flags.text.split_once(note).expect("a note");
    assert!(note.contains("RUSTFLAGS has `-C linker=gcc`"), "{note}");
    // A condition may say it for several targets.
    let text = "[target.'cfg(target_arch = \"wasm32\")']\nlinker = \"wasm-section-ld\"\n";
    assert_eq!(after(text), text);
    // Cargo stops at a broken file further up too.
    let work = project(None);
    fs::create_dir(work.file(".cargo")).expect("a directory");
    work.write(".cargo/config.toml", "[target\n");
    fs::create_dir(work.file("member/.cargo")).expect("a directory");
    work.write("member/.cargo/config.toml", "");
    let broken = init(&work, "member", &[]);
    assert_eq!(broken.status, 2);
    assert!(
        broken
            .errors
            .contains("config.toml: the file is not valid TOML"),
        "{}",
        broken.errors
    );
}

#[test]
fn cargos_home_is_not_the_projects() {
    let work = project(None);
    fs::create_dir(work.file(".cargo")).expect("a directory");
    // The repository that this directory is in is a workspace too.
    work.write("member/Cargo.toml", "[workspace]\n");
    let own = "[net]\noffline = true\n";
    work.write(".cargo/config.toml", own);
    let mut command = wasm_sections(&work);
    command.env("CARGO_HOME", work.file(".cargo")).arg("init");
    let said = said(command.current_dir(work.file("member")));
    assert_eq!(said.status, 0, "{}", said.errors);
    assert_eq!(config(&work), own);
    let made = work.file("member/.cargo/config.toml");
    assert_eq!(fs::read_to_string(made).expect("a configuration"), LINE);
}

#[test]
fn what_cannot_be_done_leaves_the_file_as_it_is() {
    for (config_text, message) in [
        (
            "[target\n",
            "config.toml: the file is not valid TOML: TOML parse error at line 1",
        ),
        ("target = 1\n", "config.toml: `target` is not a table"),
        (
            "[target]\nwasm32-unknown-unknown = []\n",
            "`wasm32-unknown-unknown` is not a table",
        ),
    ] {
        let work = project(Some(config_text));
        let said = init(&work, ".", &[]);
        assert_eq!((said.status, said.text.as_str()), (2, ""));
        assert!(said.errors.contains(message), "{}", said.errors);
        assert_eq!(config(&work), config_text);
        let left = fs::read_dir(work.file(".cargo"))
            .expect("a directory")
            .count();
        assert_eq!(left, 1);
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let work = project(None);
    let real = work.write("shared.toml", "");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).expect("permissions");
    fs::create_dir(work.file(".cargo")).expect("a directory");
    symlink(&real, work.file(".cargo/config.toml")).expect("a link");
    assert_eq!(init(&work, ".", &[]).status, 0);
    assert!(work.file(".cargo/config.toml").is_symlink());
    assert_eq!(fs::read_to_string(&real).expect("a file"), LINE);
    assert_eq!(mode(&real), 0o640);
}
