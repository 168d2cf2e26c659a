//! How many instructions our own process takes for the rows `std` and `registry`, and for workspaces of 100 crates.
//! They are the same on
//! every machine, but for the standard library that rustc comes with: so they are counted by what there
//! is to look at.

use crate::cargo::Profile;
use crate::crates;
use crate::measure::{self, VARIABLE};
use crate::rows::{self, Links};
use crate::{Result, Setup};
use std::fs;
use std::path::Path;
use std::process::Command;
use wasm_section_ld::input::archive_members;

/// The baseline of 2026-11-28, with rustc 1.95: instructions for each member of an archive where there is nothing to
/// gather, and for each entry beyond that.
const A_MEMBER: f64 = 12_300.0;
const AN_ENTRY: f64 = 25_600.0;
/// The same for each crate of a workspace of 100 with registrations, of all instructions.
const A_CRATE_THIN_LTO: f64 = 395_000.0;
const A_CRATE_DEV: f64 = 1_152_000.0;
/// How many crates the workspace has.
const CRATES: usize = 100;
/// How much more it may be.
const MARGIN: f64 = 1.15;

/// Counts, and fails where it is more than it may be.
pub fn check(setup: &Setup, valgrind: &Path) -> Result<()> {
    let std = rows::std(setup)?;
    let nothing = instructions(setup, valgrind, &std.ours)? / members(&std.ours)?;
    let Links {
        ours,
        plain,
        entries,
    } = rows::registry(setup)?;
    let more = instructions(setup, valgrind, &ours)? - instructions(setup, valgrind, &plain)?;
    let a_crate = |profile| -> Result<f64> {
        let links = crates::registered(setup, CRATES, profile)?;
        Ok(instructions(setup, valgrind, &links.ours)? / CRATES as f64)
    };
    let rows = [
        ("std, a member", nothing, A_MEMBER),
        ("registry, an entry", more / entries as f64, AN_ENTRY),
        (
            "100 crates, thin LTO, a crate",
            a_crate(Profile::Release)?,
            A_CRATE_THIN_LTO,
        ),
        (
            "100 crates, dev, a crate",
            a_crate(Profile::Dev)?,
            A_CRATE_DEV,
        ),
    ];
    for (what, count, before) in rows {
        let most = before * MARGIN;
        println!("instructions, {what}: {count:.0}, at most {most:.0}");
    }
    match rows
        .iter()
        .find(|(_, count, before)| *count > before * MARGIN)
    {
        None => Ok(()),
        Some((what, ..)) => Err(format!("more instructions than before: {what}").into()),
    }
}

/// Those of our own process, for a link with these words.
fn instructions(setup: &Setup, valgrind: &Path, words: &[String]) -> Result<f64> {
    let log = tempfile::NamedTempFile::new()?;
    let seen = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(valgrind);
    command
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(format!("--log-file={}", log.path().display()))
        .arg(&setup.linker)
        .args(["-flavor", "wasm"])
        .args(words)
        .arg("-o")
        .arg(setup.work.join("output.wasm"))
        .arg(format!(
            "--section-linker={}",
            measure::stand_in(setup)?.display()
        ))
        .env(VARIABLE, seen.path());
    let output = command.output()?;
    let text = fs::read_to_string(log.path())?;
    let count = text.lines().find_map(|line| line.split_once("refs:"));
    match count {
        Some((_, count)) if output.status.success() => Ok(count.replace([',', ' '], "").parse()?),
        _ => Err(format!(
            "{command:?}\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into()),
    }
}

/// How many members the archives have that are linked.
fn members(words: &[String]) -> Result<f64> {
    let mut count = 0;
    for path in measure::words(words.iter().cloned())? {
        let path = Path::new(&path);
        if path
            .extension()
            .is_some_and(|extension| extension == "rlib")
        {
            count += archive_members(path, &fs::read(path)?)?.len();
        }
    }
    Ok(count as f64)
}
