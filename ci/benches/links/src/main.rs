//! Measures links. `ci/bench` runs it.
//!
//!     links times WORK LINKER RUSTC CARGO SYSROOT BACKEND RESULTS [ROW...]
//!     links crates WORK LINKER RUSTC CARGO SYSROOT BACKEND RESULTS [N...]
//!     links counts WORK LINKER RUSTC CARGO SYSROOT VALGRIND
//!
//! `times` is ours against the backend's own, in rounds, `crates` the same for workspaces of N crates, `counts` the
//! instructions of ours, as a check. WORK is the directory for inputs, which are kept, RESULTS the one for `links.json` and
//! `links.svg`; SYSROOT may be empty. This program is its own helper: under `LINKS_CAPTURE` it stands for
//! rustc's linker and keeps what it is given, under `LINKS_REPORT` it stands for our backend and
//! says what it was given.

mod capture;
mod counts;
mod crates;
mod generate;
mod measure;
mod report;
mod rows;
mod rust;

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
    let setup = Setup {
        work,
        linker,
        rustc,
        cargo,
        sysroot: sysroot.map(PathBuf::from),
    };
    let program = PathBuf::from(next()?);
    match what.as_str() {
        "counts" => counts::check(&setup, &program),
        "times" => {
            let results = PathBuf::from(next()?);
            let wanted: Vec<_> = arguments.collect();
            let is_wanted = |row: &Row| {
                wanted.is_empty() || wanted.iter().any(|name| row.name.starts_with(name))
            };
            let rows = rows::all().into_iter().filter(is_wanted).collect();
            times(&setup, &program, &results.join("links"), rows)
        }
        "crates" => {
            let results = PathBuf::from(next()?);
            let counts: Vec<usize> = arguments
                .map(|count| count.parse())
                .collect::<std::result::Result<_, _>>()?;
            times(
                &setup,
                &program,
                &results.join("crates"),
                rows::of_crates(&counts),
            )
        }
        other => Err(format!("neither times, crates nor counts: {other}").into()),
    }
}

fn times(setup: &Setup, backend: &Path, results: &Path, rows: Vec<Row>) -> Result<()> {
    let mut measured = Vec::new();
    for row in rows {
        eprintln!("links: {}", row.name);
        let links = (row.links)(setup)?;
        measured.push(measure::measure(setup, backend, &row, &links)?);
    }
    report::report(results, &measured)
}
