//! Times links: ours against the backend's own, in alternating pairs. `ci/bench` runs it.
//!
//!     links RESULTS WORK LINKER BACKEND RUSTC SYSROOT [ROW...]
//!
//! RESULTS is the directory for `links.json` and `links.svg`, WORK the one for inputs, which are
//! kept; SYSROOT may be empty. This program is its own helper: under `LINKS_CAPTURE` it stands for
//! rustc's linker and keeps what it is given, under `LINKS_REPORT` it stands for our backend and
//! says what it was given.

mod capture;
mod generate;
mod measure;
mod report;
mod rows;
mod rust;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where everything is.
pub struct Setup {
    /// For inputs, kept between runs.
    pub work: PathBuf,
    /// Our linker.
    pub linker: PathBuf,
    /// The linker that does the linking.
    pub backend: PathBuf,
    /// The compiler of the Rust rows.
    pub rustc: PathBuf,
    /// Its `--sysroot`, if it needs one.
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
    let results = PathBuf::from(next()?);
    let work = PathBuf::from(next()?);
    let (linker, backend, rustc) = (next()?.into(), next()?.into(), next()?.into());
    let sysroot = Some(next()?).filter(|sysroot| !sysroot.is_empty());
    let setup = Setup {
        work,
        linker,
        backend,
        rustc,
        sysroot: sysroot.map(PathBuf::from),
    };
    let wanted: Vec<String> = arguments.collect();
    let mut measured = Vec::new();
    for row in rows::all() {
        if !wanted.is_empty() && !wanted.iter().any(|name| row.name.starts_with(name)) {
            continue;
        }
        eprintln!("links: {}", row.name);
        let links = (row.links)(&setup)?;
        measured.push(measure::measure(&setup, &row, &links)?);
    }
    report::report(&results, &measured)
}
