//! What programs answered in earlier links, in a file in the user's cache directory, so that they need not be
//! started again. It is only a cache: where it cannot be read or written, the program is started.

use etcetera::BaseStrategy;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many answers are kept: of a few toolchains in a few directories.
const MOST: usize = 32;

/// The answer to `question`, which must contain everything that the answer depends on. `is_valid` says whether an
/// answer of an earlier link can still be used.
pub fn answer(
    question: &impl Hash,
    is_valid: impl Fn(&str) -> bool,
    ask: impl FnOnce() -> Option<String>,
) -> Option<String> {
    let file = file();
    let known = file.as_deref().map(fs::read_to_string);
    let known = known.and_then(Result::ok).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_PKG_VERSION"), question).hash(&mut hasher);
    let key = format!("{:016x} ", hasher.finish());
    let found = known.lines().find_map(|line| line.strip_prefix(&key));
    if let Some(found) = found.filter(|found| is_valid(found)) {
        return Some(found.to_owned());
    }
    let given = ask()?;
    if let Some(file) = file
        && !given.contains('\n')
    {
        let others = known.lines().filter(|line| !line.starts_with(&key));
        let lines: Vec<String> = std::iter::once(format!("{key}{given}\n"))
            .chain(others.take(MOST - 1).map(|line| format!("{line}\n")))
            .collect();
        let _ = replace(&file, lines.concat().as_bytes());
    }
    Some(given)
}

/// The user's home, if a variable names it: without one, a statically linked program would load shared libraries to
/// ask for it.
pub fn home() -> Option<PathBuf> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match cfg!(windows) || is_set("HOME") {
        true => etcetera::home_dir().ok(),
        false => None,
    }
}

/// The file of all answers.
fn file() -> Option<PathBuf> {
    home()?;
    let strategy = etcetera::base_strategy::choose_base_strategy().ok()?;
    let directory = strategy.cache_dir();
    // XDG_CACHE_HOME may be relative, which the specification forbids.
    directory
        .is_absolute()
        .then(|| directory.join("wasm-section-ld").join("answers"))
}

/// Writes a file as a whole: other links read it at the same time.
fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(file);
    fs::create_dir_all(directory)?;
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(content)?;
    temporary.persist(file)?;
    Ok(())
}
