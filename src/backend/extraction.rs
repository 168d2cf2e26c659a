//! Which bitcode a link has, by the backend's own list of what it extracts and why.

use super::job::Job;
use super::messages::Names;
use crate::bitcode::Bitcode;
use crate::demangle;
use crate::error::{Error, Result};
use crate::hash::{HashMap, HashSet};
use crate::input::{Inputs, Module, Provenance};
use memchr::memrchr;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of what is extracted.
pub struct Extraction(PathBuf);

impl Extraction {
    pub fn new(job: &Job<'_>) -> Self {
        Self(job.directory().join("extraction"))
    }

    /// What asks the backend for it.
    pub fn option(&self) -> OsString {
        let mut option = OsString::from("--why-extract=");
        option.push(&self.0);
        option
    }

    /// The bitcode that is linked, as places in `Inputs::bitcode`.
    ///
    /// # Errors
    /// The backend has not written the list.
    pub fn linked(&self, inputs: &Inputs<'_>, names: &Names<'_>) -> Result<HashSet<usize>> {
        let mut linked: HashSet<usize> = inputs
            .bitcode
            .iter()
            .enumerate()
            .filter(|(_, module)| module.always_linked())
            .map(|(position, _)| position)
            .collect();
        if linked.len() == inputs.bitcode.len() {
            return Ok(linked);
        }
        let text = fs::read(&self.0).map_err(|error| {
            Error::new("the linker does not say which archive members it extracts")
                .note(format!("it has written no list for --why-extract: {error}"))
        })?;
        let text = names.text(&text);
        let mut canonical = Canonical::default();
        let mut members: HashMap<(PathBuf, &[u8]), Vec<usize>> = HashMap::default();
        for (position, module) in inputs.bitcode.iter().enumerate() {
            let named = members.entry(canonical.of_module(module)).or_default();
            named.push(position);
        }
        for line in text.split(|&byte| byte == b'\n').skip(1) {
            let mut columns = line.split(|&byte| byte == b'\t').skip(1);
            let (Some(name), Some(symbol)) = (columns.next(), columns.next()) else {
                continue;
            };
            let positions = members.get(&canonical.of_name(name));
            let positions = positions.map_or(&[][..], Vec::as_slice);
            // An archive may have two members of one name.
            let extracted = |&&position: &&usize| {
                !linked.contains(&position) && defines(&inputs.bitcode[position], symbol)
            };
            match positions {
                [] => {}
                [only] => {
                    linked.insert(*only);
                }
                several => linked.extend(several.iter().find(extracted).copied()),
            }
        }
        Ok(linked)
    }
}

/// Whether bitcode defines a symbol that the backend shows so.
fn defines(module: &Module<'_>, shown: &[u8]) -> bool {
    let bitcode = Bitcode::parse(module.resident().unwrap_or_default());
    let symbols = bitcode.symbols.iter().flatten();
    let mut defined = symbols.filter(|symbol| symbol.is_global() && !symbol.is_undefined());
    defined.any(|symbol| {
        let demangled = || demangle::as_llvm(symbol.name);
        symbol.name.as_bytes() == shown || demangled().is_some_and(|name| name.as_bytes() == shown)
    })
}

/// Files by their canonical paths, as the backend may have found one by another way.
#[derive(Default)]
struct Canonical(HashMap<PathBuf, PathBuf>);

impl Canonical {
    fn path(&mut self, path: &Path) -> PathBuf {
        let known = self.0.entry(path.to_path_buf());
        known
            .or_insert_with(|| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
            .clone()
    }

    fn of_module<'m>(&mut self, module: &'m Module<'_>) -> (PathBuf, &'m [u8]) {
        let member = match module.provenance {
            Provenance::Member => module.name.member().unwrap_or_default(),
            Provenance::File | Provenance::Compiled => "",
        };
        (self.path(module.name.file()), member.as_bytes())
    }

    /// By `FILE`, or `ARCHIVE(MEMBER)`.
    fn of_name<'n>(&mut self, name: &'n [u8]) -> (PathBuf, &'n [u8]) {
        let parts = name
            .strip_suffix(b")")
            .and_then(|name| Some((name, memrchr(b'(', name)?)));
        let whole = PathBuf::from(crate::args::from_bytes(name));
        match parts {
            Some((inner, at)) if !whole.exists() => {
                let archive = PathBuf::from(crate::args::from_bytes(&inner[..at]));
                (self.path(&archive), &inner[at + 1..])
            }
            _ => (self.path(&whole), b""),
        }
    }
}
