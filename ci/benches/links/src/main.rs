//! Measures links. `ci/bench` runs it.
//!
//!     links links WORK LINKER RUSTC CARGO SYSROOT BACKEND RESULTS [--write] [ROW...]
//!     links crates WORK LINKER RUSTC CARGO SYSROOT BACKEND RESULTS [--write] [--plot] [N...]
//!     links wild WORK LINKER RUSTC CARGO SYSROOT BACKEND RESULTS [--write] [N...]
//!     links counts WORK LINKER RUSTC CARGO SYSROOT VALGRIND
//!
//! `links` is ours against the backend's own, in rounds, `crates` the same for workspaces of N crates, `wild` the same
//! with wild as the backend, `counts` the instructions of ours, as a check. WORK is the directory for inputs, which are
//! kept, RESULTS the one for JSON and plots; SYSROOT may be empty. `--rounds=N` is the number of rounds of each row.
//! `--write` replaces the tables in the documents, `--plot` writes `docs/crates.svg`. The environment has the clang of
//! the rows of bitcode (`WSL_CLANG`), and in words what measures (`LINKS_CONDITIONS`). This program is its own helper:
//! under `LINKS_CAPTURE` it stands for rustc's linker and keeps what it is given, under `LINKS_REPORT` it stands for our
//! backend and says what it was given.

mod bitcode;
mod capture;
mod cargo;
mod counts;
mod crates;
mod generate;
mod growth;
mod measure;
mod program;
mod report;
mod rows;
mod rust;

use measure::Measured;
use rows::Row;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where everything is.
pub struct Setup {
    /// For inputs, kept between runs.
    pub work: PathBuf,
    /// Our linker.
    pub linker: PathBuf,
    /// The compiler of the Rust rows.
    pub rustc: PathBuf,
    /// Cargo, for the workspaces.
    pub cargo: PathBuf,
    /// The compiler's `--sysroot`, if it needs one.
    pub sysroot: Option<PathBuf>,
    /// clang, for bitcode.
    pub clang: PathBuf,
}

/// Whatever went wrong: this program is only run by people.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let done = if std::env::var_os(capture::VARIABLE).is_some() {
        capture::capture()
    } else if std::env::var_os(measure::VARIABLE).is_some() {
        measure::report_to_caller()
    } else {
        bench()
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("links: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("too few arguments; see ci/bench");
    let what = next()?;
    let (work, linker) = (next()?.into(), next()?.into());
    let (rustc, cargo) = (next()?.into(), next()?.into());
    let sysroot = Some(next()?).filter(|sysroot| !sysroot.is_empty());
    let clang = std::env::var_os("WSL_CLANG").unwrap_or_else(|| "clang".into());
    let setup = Setup {
        work,
        linker,
        rustc,
        cargo,
        sysroot: sysroot.map(PathBuf::from),
        clang: clang.into(),
    };
    let program = PathBuf::from(next()?);
    if what == "counts" {
        return counts::check(&setup, &program);
    }
    let results = PathBuf::from(next()?);
    let (options, wanted): (Vec<_>, Vec<_>) = arguments.partition(|word| word.starts_with("--"));
    let has = |option: &str| options.iter().any(|word| word == option);
    let numbers = || -> Result<Vec<usize>> {
        let numbers = wanted.iter().map(|count| count.parse());
        Ok(numbers.collect::<std::result::Result<_, _>>()?)
    };
    let mut rows: Vec<Row> = match what.as_str() {
        "links" => {
            let is_wanted = |row: &Row| {
                wanted.is_empty() || wanted.iter().any(|name| row.name.starts_with(name))
            };
            if has("--write") && !wanted.is_empty() {
                return Err("--write replaces the whole table: name no rows".into());
            }
            rows::all().into_iter().filter(is_wanted).collect()
        }
        "crates" => rows::of_crates(&numbers()?),
        "wild" => rows::of_wild(&numbers()?),
        other => return Err(format!("neither links, crates, wild nor counts: {other}").into()),
    };
    let rounds = options
        .iter()
        .find_map(|word| word.strip_prefix("--rounds="));
    if let Some(rounds) = rounds {
        let rounds = rounds.parse()?;
        rows.iter_mut().for_each(|row| row.rounds = rounds);
    }
    let measured = measure_all(&setup, &program, rows)?;
    let conditions = std::env::var("LINKS_CONDITIONS").unwrap_or_default();
    if has("--plot") {
        let file = report::document("docs/crates.svg");
        growth::plot(&file, &measured, &conditions)?;
    }
    report::Report {
        command: &what,
        results: &results,
        conditions: &conditions,
        write: has("--write"),
    }
    .report(&measured)
}

fn measure_all(setup: &Setup, backend: &Path, rows: Vec<Row>) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for row in rows {
        eprintln!("links: {}", row.name);
        let links = (row.links)(setup)?;
        measured.push(measure::measure(setup, backend, &row, &links)?);
    }
    Ok(measured)
}
