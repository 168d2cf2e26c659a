//! `inspect --html`: one self-contained page.

use super::report::Report;
use std::path::Path;
use wasm_section_ld::error::{Error, Result, os_message};

const PAGE: &str = include_str!("page.html");
/// What the report replaces in the page.
const REPORT: &str = "{{report}}";

/// Writes the page.
///
/// # Errors
/// The file cannot be written.
pub fn write(report: &Report, path: &Path) -> Result<()> {
    std::fs::write(path, page(report)?).map_err(|error| {
        Error::new(format!(
            "cannot write {}: {}",
            path.display(),
            os_message(&error)
        ))
    })
}

fn page(report: &Report) -> Result<String> {
    let json = serde_json::to_string(report).map_err(|error| Error::new(error.to_string()))?;
    // In a script element, `</script` would end it and `<!--` would begin a comment.
    Ok(PAGE.replacen(REPORT, &json.replace('<', "\\u003c"), 1))
}
