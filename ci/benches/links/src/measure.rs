//! Links, timed in rounds; and one more of ours, with a stand-in for the backend that looks at what
//! it is given and at the process that started it.

use crate::rows::{Growth, Links, Memory, Row};
use crate::{Result, Setup};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The file for what the stand-in saw.
pub const VARIABLE: &str = "LINKS_REPORT";
/// What our linker sets for the backend (`src/backend/process.rs`).
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";

/// A row, measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// What it is, if it is in README's table.
    pub title: Option<&'static str>,
    /// Its place in the plot of growth.
    pub growth: Option<Growth>,
    /// What the ratio of wall times may be.
    pub bar: f64,
    /// What the difference of wall times may be, in ms.
    pub ms_bar: Option<f64>,
    /// What the ratio of processor times may be.
    pub cpu_bar: Option<f64>,
    /// How many times each side was run.
    pub rounds: usize,
    /// How many entries there are.
    pub entries: usize,
    /// The input's size in bytes.
    pub input: u64,
    /// Wall times of ours in ms.
    pub ours: Spread,
    /// Wall times of the backend in ms, with the allocator setting that ours gives it.
    pub like_for_like: Spread,
    /// Wall times of the backend in ms, as a user has it.
    pub plain: Spread,
    /// Of each round, ours by like for like.
    pub ratio: Spread,
    /// Of each round, ours without like for like, in ms.
    pub difference: Spread,
    /// The same ratio of processor times.
    pub cpu: Spread,
    /// Of each round, ours by plain.
    pub ratio_to_plain: Spread,
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

impl Measured {
    /// Whether the bars of wall time are met.
    pub fn is_met(&self) -> bool {
        self.ratio.median <= self.bar && self.ms_bar.is_none_or(|bar| self.difference.median <= bar)
    }
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

/// The sides of a round.
const OURS: usize = 0;
const LIKE_FOR_LIKE: usize = 1;
const PLAIN: usize = 2;

/// Runs the rounds: each side once, in an order that changes.
pub fn measure(setup: &Setup, backend: &Path, row: &Row, links: &Links) -> Result<Measured> {
    let output = setup.work.join("output.wasm");
    let run = |side: usize| match side {
        OURS => time(ours(setup, backend, links, &output)),
        LIKE_FOR_LIKE => {
            let mut command = link(backend, &links.plain, &output);
            command.env("GLIBC_TUNABLES", HUGE_PAGES);
            time(command)
        }
        _ => time(link(backend, &links.plain, &output)),
    };
    let mut times: [Vec<Time>; 3] = Default::default();
    // The first warms the page cache.
    for side in 0..times.len() {
        run(side)?;
    }
    for round in 0..row.rounds {
        for turn in 0..times.len() {
            let side = (round + turn) % times.len();
            times[side].push(run(side)?);
        }
    }
    let wall = |side: usize| Spread::of(times[side].iter().map(|time| time.wall).collect());
    let rounds = || times[OURS].iter().zip(&times[LIKE_FOR_LIKE]);
    let difference = Spread::of(
        rounds()
            .map(|(ours, other)| ours.wall - other.wall)
            .collect(),
    );
    let ratio = |other: usize, of: fn(&Time) -> f64| {
        let pairs = times[OURS].iter().zip(&times[other]);
        Spread::of(pairs.map(|(ours, other)| of(ours) / of(other)).collect())
    };
    let memory = look(setup, links, &output)?;
    let input = input_size(&links.ours)?;
    let memory_bar = memory_bar(&row.bar.memory, &memory, input);
    Ok(Measured {
        name: row.name.clone(),
        title: row.title,
        growth: row.growth.clone(),
        bar: row.bar.ratio,
        ms_bar: row.bar.ms,
        cpu_bar: row.bar.cpu,
        rounds: row.rounds,
        entries: links.entries,
        input,
        ours: wall(OURS),
        like_for_like: wall(LIKE_FOR_LIKE),
        plain: wall(PLAIN),
        ratio: ratio(LIKE_FOR_LIKE, |time| time.wall),
        difference,
        cpu: ratio(LIKE_FOR_LIKE, |time| time.cpu),
        ratio_to_plain: ratio(PLAIN, |time| time.wall),
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

/// The time of a link, in ms.
#[derive(Debug, Clone, Copy)]
struct Time {
    wall: f64,
    /// Of all its processes.
    cpu: f64,
}

fn time(mut command: Command) -> Result<Time> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let cpu = cpu_of_children()?;
    let begin = Instant::now();
    let output = command.spawn()?.wait_with_output()?;
    let wall = begin.elapsed().as_secs_f64() * 1e3;
    let cpu = cpu_of_children()? - cpu;
    if output.status.success() {
        return Ok(Time { wall, cpu });
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The processor time of all processes that were waited for, in ms.
fn cpu_of_children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ms = |time: TimeVal| time.num_microseconds() as f64 / 1e3;
    Ok(ms(usage.user_time()) + ms(usage.system_time()))
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

/// The words with those of response files in their places. A response file may name others.
pub fn words(given: impl Iterator<Item = String>) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for word in given {
        match word.strip_prefix('@') {
            Some(response) => {
                let text = fs::read_to_string(response)?;
                let quoted = text.split_whitespace();
                let inner: Vec<_> = quoted
                    .map(|word| word.trim_matches('"').to_owned())
                    .collect();
                expanded.extend(words(inner.into_iter())?);
            }
            None => expanded.push(word),
        }
    }
    Ok(expanded)
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
