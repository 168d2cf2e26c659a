//! Which linker cargo uses, according to its configuration files and the environment variables that override them.

use cargo_platform::{Cfg, Platform};
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, TableLike};
use wasm_section_ld::backend::program;
use wasm_section_ld::error::{Error, Result, os_message};

/// The linker, as `.cargo/config.toml` names it.
pub const LINKER: &str = "wasm-section-ld";

/// The configuration of cargo for a directory.
pub struct Configuration {
    /// The files, in order of precedence.
    files: Vec<(PathBuf, DocumentMut)>,
    variables: Vec<(String, String)>,
}

/// A target whose linker is wasm-section-ld, and what prevents cargo from using it, if anything does.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The target.
    pub target: String,
    /// What the configuration has.
    pub found: String,
    /// What to do, if cargo does not use wasm-section-ld.
    pub advice: Option<String>,
}

impl Configuration {
    /// Reads the configuration files for a directory, and the environment.
    ///
    /// # Errors
    /// A file cannot be read, or is not TOML. Cargo stops at such a file too.
    pub fn read(directory: &Path) -> Result<Self> {
        let variables = std::env::vars_os();
        let variables = variables.map(|(name, value)| (text(name), text(value)));
        let mut files = Vec::new();
        for path in paths(directory) {
            files.push((path.clone(), parse(&path)?));
        }
        Ok(Self {
            files,
            variables: variables.collect(),
        })
    }

    /// The targets whose linker is wasm-section-ld.
    pub fn findings(&self) -> Vec<Finding> {
        let mut targets: Vec<String> = Vec::new();
        for (_, document) in &self.files {
            let tables = document.get("target").and_then(Item::as_table_like);
            let names = tables
                .into_iter()
                .flat_map(TableLike::iter)
                .map(|(name, _)| name);
            for name in names.filter(|name| name.starts_with("wasm")) {
                add(&mut targets, name);
            }
            for name in built_targets(document) {
                add(&mut targets, &name);
            }
        }
        targets
            .iter()
            .filter_map(|target| self.finding(target))
            .collect()
    }

    /// What was found for a target, if its linker is wasm-section-ld.
    pub fn finding(&self, target: &str) -> Option<Finding> {
        let (file, linker) = self.linker(target).filter(|(_, linker)| is_ours(linker))?;
        let file = file.display();
        let finding = |found: String, advice: Option<String>| {
            let target = target.to_owned();
            Some(Finding {
                target,
                found,
                advice,
            })
        };
        let named = format!("{file} names {linker} for {target}");
        let variable = variable_of(target, "LINKER");
        if let Some(value) = self.variable(&variable).filter(|value| !is_ours(value)) {
            let advice = format!("unset {variable}: it overrides the file");
            return finding(format!("{named}, but {variable} is {value}"), Some(advice));
        }
        if let Some((by, value)) = self.linker_in_flags(target) {
            let advice = format!("remove `-C linker` from {by}: it overrides the file");
            return finding(
                format!("{named}, but {by} has `-C linker={value}`"),
                Some(advice),
            );
        }
        if let Some((by, others)) = self.dropped_flags(target) {
            let advice = format!("move all flags to {by}: cargo uses only those");
            let found =
                format!("{named}, but {by} is set, so cargo ignores the rustflags of {others}");
            return finding(found, Some(advice));
        }
        if !linker.contains(['/', '\\']) {
            if !is_on_path(&linker) {
                let advice = "add its directory to PATH (cargo installs to ~/.cargo/bin), or write the full path";
                return finding(
                    format!("{named}, which is not on PATH"),
                    Some(advice.to_owned()),
                );
            }
        } else if !self.exists(target, &linker) {
            let advice = "correct the path, or write only the name if it is on PATH";
            return finding(
                format!("{named}, which does not exist"),
                Some(advice.to_owned()),
            );
        }
        finding(named, None)
    }

    /// The linker that the files set for a target, and the file that sets it.
    pub fn linker(&self, target: &str) -> Option<(&Path, String)> {
        let by_name = self.files.iter().find_map(|(path, document)| {
            let linker = document
                .get("target")?
                .get(target)?
                .get("linker")?
                .as_str()?;
            Some((path.as_path(), linker.to_owned()))
        });
        by_name.or_else(|| {
            self.files.iter().find_map(|(path, document)| {
                let mut tables = cfg_tables(document, target);
                let linker = tables.find_map(|table| table.get("linker")?.as_str());
                Some((path.as_path(), linker?.to_owned()))
            })
        })
    }

    /// The linker that cargo uses for a target, and the variable or file that sets it.
    pub fn effective_linker(&self, target: &str) -> Option<(String, String)> {
        let variable = variable_of(target, "LINKER");
        self.linker_in_flags(target)
            .or_else(|| Some((variable.clone(), self.variable(&variable)?.to_owned())))
            .or_else(|| {
                let (file, linker) = self.linker(target)?;
                Some((file.display().to_string(), linker))
            })
    }

    /// The wasm targets that cargo builds for without `--target`; if there are none, the only target whose linker is
    /// wasm-section-ld, or else the usual one.
    pub fn wasm_targets(&self) -> Vec<String> {
        if let Some(target) = self.variable("CARGO_BUILD_TARGET") {
            if target.starts_with("wasm") {
                return vec![target.to_owned()];
            }
        } else {
            let mut built = self.files.iter().map(|(_, file)| built_targets(file));
            if let Some(built) = built.find(|targets| !targets.is_empty()) {
                return built;
            }
        }
        match self.findings().as_slice() {
            [only] => vec![only.target.clone()],
            _ => vec![super::init::TARGET.to_owned()],
        }
    }

    /// Whether the file of a linker exists. A relative path is relative to the directory that has `.cargo`.
    fn exists(&self, target: &str, linker: &str) -> bool {
        let file = self.linker(target).map(|(file, _)| file);
        let directory = file.and_then(|file| file.parent()?.parent());
        program(&directory.unwrap_or(Path::new("")).join(linker)).is_some()
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        let is_same = |known: &str| match cfg!(windows) {
            true => known.eq_ignore_ascii_case(name),
            false => known == name,
        };
        let (_, value) = variables.find(|(known, _)| is_same(known))?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The variable whose flags cargo uses, and the flags.
    fn flags_by_variable(&self, target: &str) -> Option<(String, Vec<String>)> {
        let of_target = variable_of(target, "RUSTFLAGS");
        let encoded = "CARGO_ENCODED_RUSTFLAGS";
        if let Some(value) = self.variable(encoded) {
            return Some((
                encoded.to_owned(),
                value.split('\x1f').map(str::to_owned).collect(),
            ));
        }
        let mut names = ["RUSTFLAGS", &of_target].into_iter();
        names.find_map(|name| {
            let flags = self.variable(name)?.split_whitespace();
            Some((name.to_owned(), flags.map(str::to_owned).collect()))
        })
    }

    fn flags_in_files<'a>(
        &'a self,
        target: &'a str,
    ) -> impl Iterator<Item = (&'a Path, Vec<String>)> {
        self.files.iter().flat_map(move |(path, document)| {
            let named = document
                .get("target")
                .and_then(|all| all.get(target)?.as_table_like());
            let build = document.get("build").and_then(Item::as_table_like);
            let tables = named
                .into_iter()
                .chain(cfg_tables(document, target))
                .chain(build);
            tables.filter_map(|table| Some((path.as_path(), strings(table.get("rustflags")?))))
        })
    }

    /// The variable or file that passes another linker to rustc by `-C linker`, and that linker.
    fn linker_in_flags(&self, target: &str) -> Option<(String, String)> {
        if let Some((by, flags)) = self.flags_by_variable(target) {
            return Some((by, linker_of(&flags)?));
        }
        self.flags_in_files(target).find_map(|(path, flags)| {
            Some((
                format!("rustflags of {}", path.display()),
                linker_of(&flags)?,
            ))
        })
    }

    /// The variable that makes cargo ignore flags for the linker, and the file that has those flags.
    fn dropped_flags(&self, target: &str) -> Option<(String, String)> {
        let (by, _) = self.flags_by_variable(target)?;
        let is_for_linker = |flags: &[String]| flags.iter().any(|flag| flag.contains("link-arg"));
        let mut files = self.flags_in_files(target);
        let (path, _) = files.find(|(_, flags)| is_for_linker(flags))?;
        Some((by, path.display().to_string()))
    }
}

fn text(value: OsString) -> String {
    value.to_string_lossy().into_owned()
}

fn add(targets: &mut Vec<String>, name: &str) {
    if !targets.iter().any(|known| known == name) {
        targets.push(name.to_owned());
    }
}

/// The environment variable for a value of a target: `CARGO_TARGET_<TRIPLE>_LINKER`.
pub fn variable_of(target: &str, value: &str) -> String {
    let triple = target.to_uppercase().replace(['-', '.'], "_");
    format!("CARGO_TARGET_{triple}_{value}")
}

/// Whether a linker is wasm-section-ld.
pub fn is_ours(linker: &str) -> bool {
    Path::new(linker)
        .file_stem()
        .is_some_and(|stem| stem == LINKER)
}

/// Whether a directory of PATH has a program of that name.
pub fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| program(&directory.join(name)).is_some())
}

/// The configuration files that cargo reads in a directory, the nearest first.
fn paths(directory: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let directories = directory
        .ancestors()
        .map(|directory| directory.join(".cargo"));
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in directories.chain(home) {
        // If there are both, cargo reads the file without a suffix.
        let mut names = ["config", "config.toml"]
            .map(|name| directory.join(name))
            .into_iter();
        let file = names.find(|file| file.is_file());
        found.extend(file.filter(|file| !found.contains(file)));
    }
    found
}

/// Reads a configuration file.
///
/// # Errors
/// The file cannot be read, or is not TOML.
pub fn parse(path: &Path) -> Result<DocumentMut> {
    let text = std::fs::read_to_string(path).map_err(|error| io_error("read", path, &error))?;
    text.parse().map_err(|error: toml_edit::TomlError| {
        let what = error.to_string();
        Error::new(format!("the file is not valid TOML: {}", what.trim_end()))
            .in_file(path.display())
    })
}

/// The wasm targets that cargo builds for without `--target`.
pub fn built_targets(document: &DocumentMut) -> Vec<String> {
    let target = document.get("build").and_then(|build| build.get("target"));
    let named = target.map(strings).unwrap_or_default();
    named
        .into_iter()
        .filter(|name| name.starts_with("wasm"))
        .collect()
}

/// The strings of an array, or the words of a string.
fn strings(item: &Item) -> Vec<String> {
    let array = item.as_array().into_iter().flatten();
    let of_array = array.filter_map(|value| value.as_str()).map(str::to_owned);
    let of_string = item.as_str().into_iter().flat_map(str::split_whitespace);
    of_array.chain(of_string.map(str::to_owned)).collect()
}

/// The last linker that flags of rustc set: `-C linker=NAME`, `-Clinker=NAME`. None if it is wasm-section-ld.
fn linker_of(flags: &[String]) -> Option<String> {
    let follows = |at: usize| {
        at.checked_sub(1)
            .is_some_and(|at| matches!(flags[at].as_str(), "-C" | "--codegen"))
    };
    let mut named = flags.iter().enumerate().filter_map(|(at, flag)| {
        let joined = flag
            .strip_prefix("-C")
            .or_else(|| flag.strip_prefix("--codegen="));
        let option = joined.or_else(|| follows(at).then_some(flag))?;
        option.strip_prefix("linker=")
    });
    let last = named.next_back().filter(|linker| !is_ours(linker))?;
    Some(last.to_owned())
}

/// The tables `[target.'cfg(…)']` that apply to a target.
fn cfg_tables<'d>(
    document: &'d DocumentMut,
    target: &'d str,
) -> impl Iterator<Item = &'d dyn TableLike> {
    let known = known_of(target);
    let tables = document.get("target").and_then(Item::as_table_like);
    let tables = tables.into_iter().flat_map(TableLike::iter);
    tables.filter_map(move |(name, table)| {
        let platform: Platform = name.parse().ok()?;
        let holds = matches!(platform, Platform::Cfg(_)) && platform.matches(target, &known);
        holds.then(|| table.as_table_like())?
    })
}

/// The configuration of a wasm target (`rustc --print cfg`), as far as it follows from its name.
fn known_of(target: &str) -> Vec<Cfg> {
    let mut parts = target.split('-');
    let arch = parts.next().unwrap_or_default();
    let width = if arch.starts_with("wasm64") {
        "64"
    } else {
        "32"
    };
    let system = parts.next_back().unwrap_or("unknown");
    // `wasm32-wasip1-threads`.
    let system = parts
        .find(|word| word.starts_with("wasi"))
        .unwrap_or(system);
    let system = match system {
        wasi if wasi.starts_with("wasi") => "wasi",
        other => other,
    };
    let known = [
        format!("target_arch = \"wasm{width}\""),
        format!("target_pointer_width = \"{width}\""),
        "target_family = \"wasm\"".to_owned(),
        "target_endian = \"little\"".to_owned(),
        format!(
            "target_os = \"{}\"",
            if arch.ends_with("v1") { "none" } else { system }
        ),
    ];
    known.iter().filter_map(|cfg| cfg.parse().ok()).collect()
}

/// An error of the operating system: `what` is a verb.
pub fn io_error(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!(
        "cannot {what} {}: {}",
        path.display(),
        os_message(error)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(text: &str, variables: &[(&str, &str)]) -> Configuration {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Configuration {
            files: vec![("c.toml".into(), text.parse().expect("TOML"))],
            variables: variables.collect(),
        }
    }

    const TARGET: &str = "wasm32-unknown-unknown";
    const NAMED: &str = "[target.wasm32-unknown-unknown]\nlinker = 'HERE/wasm-section-ld'\n";

    /// HERE is replaced by a directory with a linker in it.
    fn found(text: &str, variables: &[(&str, &str)]) -> (String, bool) {
        let here = tempfile::tempdir().expect("a directory");
        std::fs::write(here.path().join("wasm-section-ld"), "").expect("a file");
        let text = text.replace("HERE", &here.path().display().to_string());
        let finding = configuration(&text, variables)
            .finding(TARGET)
            .expect("one");
        (finding.found, finding.advice.is_none())
    }

    #[test]
    fn what_overrides_the_file() {
        assert!(found(NAMED, &[]).1);
        let (elsewhere, good) = found(&NAMED.replace("HERE", "/nowhere"), &[]);
        assert!(
            !good && elsewhere.ends_with("which does not exist"),
            "{elsewhere}"
        );
        assert!(
            found(
                NAMED,
                &[("RUSTFLAGS", "-Copt-level=1 -C linker=/bin/wasm-section-ld")]
            )
            .1
        );
        for (name, value) in [
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "gcc"),
            ("RUSTFLAGS", "-g -C linker=gcc"),
            ("RUSTFLAGS", "-Clinker=gcc"),
            ("CARGO_ENCODED_RUSTFLAGS", "-g\x1f-Clinker=gcc"),
            (
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                "--codegen linker=gcc",
            ),
        ] {
            let (found, good) = found(NAMED, &[(name, value)]);
            assert!(
                !good && found.contains(name) && found.contains("gcc"),
                "{found}"
            );
        }
    }

    #[test]
    fn flags_in_files() {
        for table in [
            "[build]",
            "[target.'cfg(all(target_family = \"wasm\", not(target_os = \"wasi\")))']",
        ] {
            let text = format!("{NAMED}{table}\nrustflags = [\"-C\", \"linker=gcc\"]\n");
            let (found, good) = found(&text, &[]);
            assert!(!good && found.contains("rustflags of c.toml"), "{found}");
        }
        let text = format!("{NAMED}rustflags = \"-Clink-arg=--section-manifest\"\n");
        assert!(found(&text, &[]).1);
        let (found, good) = found(&text, &[("RUSTFLAGS", "-g")]);
        assert!(
            !good && found.contains("RUSTFLAGS is set, so cargo ignores"),
            "{found}"
        );
    }

    #[test]
    fn conditions() {
        let linker = |condition: &str, target: &str| {
            let text = format!("[target.'cfg({condition})']\nlinker = \"wasm-section-ld\"\n");
            configuration(&text, &[]).linker(target).is_some()
        };
        assert!(linker("target_arch = \"wasm32\"", TARGET));
        assert!(linker("any(unix, target_family = \"wasm\")", TARGET));
        assert!(linker("target_os = \"wasi\"", "wasm32-wasip1-threads"));
        assert!(linker("target_os = \"none\"", "wasm32v1-none"));
        assert!(!linker("target_os = \"wasi\"", TARGET));
        assert!(!linker("not(target_family = \"wasm\")", TARGET));
        assert!(!linker(
            "target_arch = \"wasm32\"",
            "wasm64-unknown-unknown"
        ));
    }
}
