//! Pairs of links, timed; and one more of ours, with a stand-in for the backend that looks at what
//! it is given and at the process that started it.

use crate::rows::{Links, Memory, Row};
use crate::{Result, Setup};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The file for what the stand-in saw.
pub const VARIABLE: &str = "LINKS_REPORT";

/// A row, measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// What the ratio may be.
    pub bar: f64,
    /// How many pairs were run.
    pub pairs: usize,
    /// How many entries there are.
    pub entries: usize,
    /// The input's size in bytes.
    pub input: u64,
    /// Wall times in ms.
    pub ours: Spread,
    /// Wall times in ms.
    pub plain: Spread,
    /// Of each pair, ours by plain.
    pub ratio: Spread,
    /// Of our own process, when it starts the backend.
    pub memory: Seen,
    /// What that may be, in words, and whether it is; none where there is no bound.
    pub memory_bar: Option<(String, bool)>,
}

/// Least, median and greatest.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

/// What the stand-in for the backend saw.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Bytes of the files that were made for it.
    pub rewritten: u64,
    /// The caller's peak memory in bytes, pages of mapped files with it.
    pub peak: u64,
    /// The pages of mapped files among them.
    pub mapped: u64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            min: at(0),
            median: at(values.len() / 2),
            max: at(values.len().saturating_sub(1)),
        }
    }
}

/// Runs the pairs.
pub fn measure(setup: &Setup, backend: &Path, row: &Row, links: &Links) -> Result<Measured> {
    let output = setup.work.join("output.wasm");
    let time_ours = || time(ours(setup, backend, links, &output));
    let time_plain = || time(link(backend, &links.plain, &output));
    // The first of each warms the page cache.
    time_ours()?;
    time_plain()?;
    let (mut ours, mut plain, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..row.pairs {
        let (a, b) = if pair % 2 == 0 {
            let first = time_ours()?;
            (first, time_plain()?)
        } else {
            let first = time_plain()?;
            (time_ours()?, first)
        };
        ours.push(a);
        plain.push(b);
        ratio.push(a / b);
    }
    let memory = look(setup, links, &output)?;
    let input = input_size(&links.ours)?;
    let memory_bar = memory_bar(&row.bar.memory, &memory, input);
    Ok(Measured {
        name: row.name,
        bar: row.bar.ratio,
        pairs: row.pairs,
        entries: links.entries,
        input,
        ours: Spread::of(ours),
        plain: Spread::of(plain),
        ratio: Spread::of(ratio),
        memory,
        memory_bar,
    })
}

fn ours(setup: &Setup, backend: &Path, links: &Links, output: &Path) -> Command {
    let mut command = link(&setup.linker, &links.ours, output);
    // As rustc does: its own linker is first on PATH.
    if let Some(directory) = backend.parent() {
        command.env("PATH", directory);
    }
    command
}

fn link(linker: &Path, words: &[String], output: &Path) -> Command {
    let mut command = Command::new(linker);
    command.args(["-flavor", "wasm"]).args(words);
    command.arg("-o").arg(output);
    command
}

/// In ms.
fn time(mut command: Command) -> Result<f64> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.spawn()?.wait_with_output()?;
    let time = begin.elapsed().as_secs_f64() * 1e3;
    if output.status.success() {
        return Ok(time);
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Runs ours once with the stand-in.
fn look(setup: &Setup, links: &Links, output: &Path) -> Result<Seen> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = link(&setup.linker, &links.ours, output);
    command
        .arg(format!("--section-linker={}", stand_in(setup)?.display()))
        .env(VARIABLE, file.path());
    time(command)?;
    Ok(serde_json::from_slice(&fs::read(file.path())?)?)
}

/// This program under a name of lld, so that it is given what lld is given.
pub fn stand_in(setup: &Setup) -> Result<PathBuf> {
    let path = setup.work.join("wasm-ld");
    let _ = fs::remove_file(&path);
    std::os::unix::fs::symlink(std::env::current_exe()?, &path)?;
    Ok(path)
}

/// The stand-in for the backend: says what it sees.
pub fn report_to_caller() -> Result<()> {
    let file = std::env::var(VARIABLE)?;
    // It may be told only later what it is given.
    let given = words(std::env::args().skip(1))?;
    let caller = std::os::unix::process::parent_id();
    let status = fs::read_to_string(format!("/proc/{caller}/status"))?;
    let bytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1024
    };
    let made = std::env::temp_dir();
    let rewritten = given
        .iter()
        .filter(|word| word.contains("wasm-section-ld-") && Path::new(word).starts_with(&made))
        .filter_map(|word| fs::metadata(word).ok())
        .map(|metadata| metadata.len())
        .sum();
    let seen = Seen {
        rewritten,
        peak: bytes("VmHWM"),
        mapped: bytes("RssFile"),
    };
    fs::write(file, serde_json::to_vec(&seen)?)?;
    Ok(())
}

/// The words with those of response files in their places.
pub fn words(given: impl Iterator<Item = String>) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for word in given {
        match word.strip_prefix('@') {
            Some(response) => {
                let text = fs::read_to_string(response)?;
                words.extend(
                    text.split_whitespace()
                        .map(|word| word.trim_matches('"').to_owned()),
                );
            }
            None => words.push(word),
        }
    }
    Ok(words)
}

fn input_size(given: &[String]) -> Result<u64> {
    let words = words(given.iter().cloned())?;
    let sizes = words.iter().filter_map(|word| fs::metadata(word).ok());
    Ok(sizes
        .filter(fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum())
}

fn memory_bar(bar: &Memory, seen: &Seen, input: u64) -> Option<(String, bool)> {
    const MB: f64 = 1e6;
    let (peak, mapped) = (seen.peak as f64, seen.mapped as f64);
    Some(match bar {
        Memory::Any => return None,
        Memory::All(most) => (format!("{most} MB"), peak <= most * MB),
        Memory::BeyondMapped(most) => (
            format!("{most} MB beyond mapped files"),
            peak - mapped <= most * MB,
        ),
        Memory::OfInput(times) => (format!("{times} × input"), peak <= times * input as f64),
    })
}
