//! `init`: sets the linker in the nearest `.cargo/config.toml`.

use super::cargo::{Configuration, Finding, LINKER, built_targets, io_error, parse};
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, TableLike, value};
use wasm_section_ld::error::{Error, Result};

/// The target whose linker is set by default.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The change.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The file.
    file: String,
    targets: Vec<String>,
    /// Whether the content of the file is different.
    changed: bool,
    /// Whether the change was shown and not written.
    dry_run: bool,
    /// The removed lines.
    removed: Vec<String>,
    /// The added lines.
    added: Vec<String>,
    /// Why cargo uses another linker nevertheless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ineffective: Vec<Finding>,
}

/// Sets the linker for the targets, unless it is set already.
///
/// # Errors
/// A file cannot be read or written, or is not TOML.
pub fn init(targets: &[String], dry_run: bool) -> Result<Answer<Change>> {
    let current =
        std::env::current_dir().map_err(|error| io_error("find", Path::new("."), &error))?;
    let path = config(&current);
    // Read all files: cargo stops at any that is not TOML.
    let configuration = Configuration::read(&current)?;
    let (old, mut document) = match path.is_file() {
        true => {
            let document = parse(&path)?;
            let text = std::fs::read_to_string(&path);
            (
                text.map_err(|error| io_error("read", &path, &error))?,
                document,
            )
        }
        false => Default::default(),
    };
    let targets = match targets {
        [] => vec![built_target(&document)],
        given => given.to_vec(),
    };
    for target in &targets {
        // The file may set the linker for several targets by `cfg(…)`.
        let named = configuration.linker(target);
        if named.is_some_and(|(file, linker)| file == path && linker == LINKER) {
            continue;
        }
        set_linker(&mut document, target).map_err(|error| error.in_file(path.display()))?;
    }
    let mut new = document.to_string();
    if old.contains("\r\n") {
        new = new.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    if new != old && !dry_run {
        replace(&path, &new).map_err(|error| io_error("write", &path, &error))?;
    }
    let (removed, added) = changed_lines(&old, &new);
    let configuration = match dry_run {
        true => configuration,
        false => Configuration::read(&current)?,
    };
    let findings = targets
        .iter()
        .filter_map(|target| configuration.finding(target));
    let ineffective: Vec<_> = findings
        .filter(|finding| finding.advice.is_some())
        .collect();
    let change = Change {
        file: path.display().to_string(),
        targets,
        changed: new != old,
        dry_run,
        removed,
        added,
        ineffective,
    };
    Ok(Answer {
        shown: change,
        good: true,
    })
}

/// The nearest configuration file of cargo, from `directory` upward. If there is none, the file to create: next to
/// the Cargo.toml of the workspace. The file in cargo's home is the user's, not the project's, so it is skipped.
pub fn config(directory: &Path) -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let of_project = |directory: &&Path| Some(directory.join(".cargo")) != home;
    let directories = || directory.ancestors().filter(of_project);
    // Cargo prefers the file without a suffix.
    let files = directories().flat_map(|directory| {
        ["config", "config.toml"].map(|name| directory.join(".cargo").join(name))
    });
    let mut files = files.filter(|file| file.is_file());
    files.next().unwrap_or_else(|| {
        let is_workspace = |directory: &&Path| {
            let manifest = std::fs::read_to_string(directory.join("Cargo.toml"));
            let document = manifest
                .ok()
                .and_then(|text| text.parse::<DocumentMut>().ok());
            document.is_some_and(|document| document.contains_key("workspace"))
        };
        let workspace = directories().find(is_workspace);
        let package = || directories().find(|directory| directory.join("Cargo.toml").is_file());
        let directory = workspace.or_else(package).unwrap_or(directory);
        directory.join(".cargo").join("config.toml")
    })
}

/// The target that cargo builds for without `--target`, if it is a wasm target.
fn built_target(document: &DocumentMut) -> String {
    let mut targets = built_targets(document).into_iter();
    targets.next().unwrap_or_else(|| TARGET.to_owned())
}

/// The linker that the document sets for a target.
fn linker_of<'d>(document: &'d DocumentMut, target: &str) -> Option<&'d str> {
    document.get("target")?.get(target)?.get("linker")?.as_str()
}

/// Sets `target.TARGET.linker`, and keeps the form in which the table is written.
fn set_linker(document: &mut DocumentMut, target: &str) -> Result<()> {
    if linker_of(document, target) == Some(LINKER) {
        return Ok(());
    }
    let targets = table(document.as_table_mut(), "target", true);
    let targets = as_table(targets, "target")?;
    let item = table(targets, target, false);
    let known = as_table(item, target)?.contains_key("linker");
    if let Some(inline) = item.as_inline_table_mut().filter(|_| !known) {
        // Without this, the space before the closing brace would end up before a comma.
        if let Some((_, last)) = inline.iter_mut().last() {
            last.decor_mut().set_suffix("");
        }
    }
    let table = as_table(item, target)?;
    match table.get_mut("linker").and_then(Item::as_value_mut) {
        Some(old) => {
            // Keeps the comment after the value.
            let decor = old.decor().clone();
            *old = LINKER.into();
            *old.decor_mut() = decor;
        }
        None => {
            table.insert("linker", value(LINKER));
        }
    }
    Ok(())
}

/// The item of a key. If there is none, a new table, which has no header of its own if it is `implicit`.
fn table<'t>(parent: &'t mut dyn TableLike, key: &str, implicit: bool) -> &'t mut Item {
    parent.entry(key).or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(implicit);
        Item::Table(table)
    })
}

fn as_table<'t>(item: &'t mut Item, key: &str) -> Result<&'t mut dyn TableLike> {
    item.as_table_like_mut()
        .ok_or_else(|| Error::new(format!("`{key}` is not a table")))
}

/// Replaces the content of a file atomically.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Writes to the target of a symbolic link, and keeps the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut file = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let known = std::fs::metadata(&path).map(|metadata| metadata.permissions().mode());
        file.permissions(PermissionsExt::from_mode(known.unwrap_or(0o644) & 0o7777));
    }
    let mut file = file.tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(&path)?;
    Ok(())
}

/// The removed and the added lines: those between the common lines at the start and at the end.
fn changed_lines(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let (mut old, mut new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let before = old.iter().zip(&new).take_while(same).count();
    let (mut old, mut new) = (old.split_off(before), new.split_off(before));
    let after = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    old.truncate(old.len() - after);
    new.truncate(new.len() - after);
    let owned = |lines: Vec<&str>| lines.into_iter().map(str::to_owned).collect();
    (owned(old), owned(new))
}

impl Show for Change {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.changed {
            let targets = self.targets.join(" and ");
            let _ = writeln!(
                text,
                "{}: {LINKER} is already the linker for {targets}",
                self.file
            );
            return text + &self.warnings();
        }
        let would = if self.dry_run { " would change" } else { "" };
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}{would}", self.file);
        for line in &self.removed {
            let _ = writeln!(text, "{BAD}-{line}{BAD:#}");
        }
        for line in &self.added {
            let _ = writeln!(text, "{GOOD}+{line}{GOOD:#}");
        }
        text + &self.warnings()
    }
}

impl Change {
    fn warnings(&self) -> String {
        let mut text = String::new();
        for Finding { found, advice, .. } in &self.ineffective {
            let _ = writeln!(text, "{BAD}note{BAD:#}: {found}");
            if let Some(advice) = advice {
                let _ = writeln!(text, "      {FAINT}{advice}{FAINT:#}");
            }
        }
        text
    }
}
