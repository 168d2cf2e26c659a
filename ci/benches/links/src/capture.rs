//! A stand-in for rustc's linker that keeps the objects which rustc takes away after a link, and
//! the command line with their new places.

use crate::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory to keep them in.
pub const VARIABLE: &str = "LINKS_CAPTURE";

/// Keeps the objects, and the words of this call in `words`, a line each.
pub fn capture() -> Result<()> {
    let directory = PathBuf::from(std::env::var(VARIABLE)?);
    fs::create_dir_all(&directory)?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut kept = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            // The platform is for the caller to say.
            "-flavor" => drop(words.next()),
            "-o" => {
                // rustc wants to see an output.
                fs::write(words.next().ok_or("-o without a file")?, b"")?;
            }
            _ => kept.push(keep(&directory, word)?),
        }
    }
    fs::write(directory.join("words"), kept.join("\n"))?;
    Ok(())
}

/// The word, and where it is an object, that of a copy: rustc takes its own away.
fn keep(directory: &Path, word: String) -> Result<String> {
    let path = Path::new(&word);
    let Some(name) = path.file_name().filter(|_| path.is_file()) else {
        return Ok(word);
    };
    let copy = directory.join(name);
    fs::copy(path, &copy)?;
    Ok(copy.display().to_string())
}

/// What was kept in `directory`: the words of a link, without its output.
pub fn words(directory: &Path) -> Result<Vec<String>> {
    let words = fs::read_to_string(directory.join("words"))?;
    Ok(words.lines().map(str::to_owned).collect())
}
