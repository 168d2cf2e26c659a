//! `init`: the linker's line in the nearest `.cargo/config.toml`.

use super::cargo::{Configuration, Finding, built_targets, parse};
use super::{Answer, BAD, BOLD, FAINT, GOOD, Show};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, TableLike, value};
use wasm_section_ld::error::{Error, Result, os_message};

/// What cargo calls us.
pub const LINKER: &str = "wasm-section-ld";
/// What is set where nothing says which target is built for.
const TARGET: &str = "wasm32-unknown-unknown";

/// What was changed.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The file.
    file: String,
    targets: Vec<String>,
    /// Whether the file is another one now.
    changed: bool,
    /// Whether it was only shown.
    dry_run: bool,
    /// The lines that went.
    removed: Vec<String>,
    /// The lines that came.
    added: Vec<String>,
    /// Why cargo takes another linker all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ineffective: Vec<Finding>,
}

/// Writes the line, unless it is there.
///
/// # Errors
/// A file that cannot be read or written, or that is not TOML.
pub fn init(targets: &[String], dry_run: bool) -> Result<Answer<Change>> {
    let current =
        std::env::current_dir().map_err(|error| io_error("find", Path::new("."), &error))?;
    let path = config(&current);
    // Of all files, as cargo stops at one that is broken.
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
        // A file may say it for several targets, by a condition.
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

pub fn io_error(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!(
        "cannot {what} {}: {}",
        path.display(),
        os_message(error)
    ))
}

/// The nearest configuration of cargo's from `directory` upward or, where there is none, where one
/// belongs: beside the manifest of the workspace. The user's own, in cargo's home, is not the
/// project's.
pub fn config(directory: &Path) -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let of_project = |directory: &&Path| Some(directory.join(".cargo")) != home;
    let directories = || directory.ancestors().filter(of_project);
    // Cargo reads the one without a suffix first.
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
        let place = workspace.or_else(package).unwrap_or(directory);
        place.join(".cargo").join("config.toml")
    })
}

/// The target that is built for without `--target`, if that is for wasm.
fn built_target(document: &DocumentMut) -> String {
    let mut targets = built_targets(document).into_iter();
    targets.next().unwrap_or_else(|| TARGET.to_owned())
}

/// The linker that a file names for a target.
fn linker_of<'d>(document: &'d DocumentMut, target: &str) -> Option<&'d str> {
    document.get("target")?.get(target)?.get("linker")?.as_str()
}

/// Sets `target.TARGET.linker`, in whatever form the table is written.
fn set_linker(document: &mut DocumentMut, target: &str) -> Result<()> {
    if linker_of(document, target) == Some(LINKER) {
        return Ok(());
    }
    let targets = table(document.as_table_mut(), "target", true);
    let targets = as_table(targets, "target")?;
    let item = table(targets, target, false);
    let known = as_table(item, target)?.contains_key("linker");
    if let Some(inline) = item.as_inline_table_mut().filter(|_| !known) {
        // Else the space before the brace would come before a comma.
        if let Some((_, last)) = inline.iter_mut().last() {
            last.decor_mut().set_suffix("");
        }
    }
    let table = as_table(item, target)?;
    match table.get_mut("linker").and_then(Item::as_value_mut) {
        Some(old) => {
            // The comment behind it stays.
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

/// What a table has under a key: a new table, if nothing; without a header of its own, if `implicit`.
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

/// Writes all of a file or nothing.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // What a link leads to is changed, and the link stays.
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

/// The lines between those at the beginning and at the end that both have.
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
                "{}: {LINKER} is the linker of {targets} already",
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
