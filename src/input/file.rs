//! An input file: an object, bitcode, or an archive with its members.

use super::archive::{self, Content};
use super::file_kind::{self, FileKind};
use super::map::FileBytes;
use super::module::{Bytes, Module, Name, Place, Provenance};
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// An open file.
#[derive(Debug)]
pub struct InputFile {
    pub path: Arc<Path>,
    pub bytes: FileBytes,
    /// The files of a thin archive, one per member.
    pub thin: Vec<FileBytes>,
    pub kind: FileKind,
    pub place: Place,
}

/// The linkable members of an archive.
#[derive(Debug, Default)]
pub struct Members<'a> {
    pub modules: Vec<Module<'a>>,
    pub bitcode: Vec<Module<'a>>,
    pub warnings: Vec<String>,
}

impl InputFile {
    pub fn open(path: &Path, place: Place) -> Result<Self> {
        let bytes = FileBytes::open(path)?;
        let kind = FileKind::of(bytes.bytes());
        match kind {
            FileKind::Unknown => return Err(unknown_file_type(path, bytes.bytes())),
            FileKind::Component => {
                return Err(Error::new("this is a component, not an object file")
                    .note("link the objects it was made of; a component cannot be linked again")
                    .in_file(path.display()));
            }
            _ => {}
        }
        let thin = match kind {
            FileKind::Archive if bytes.is_read_once() && archive::is_thin(bytes.bytes()) => {
                return Err(Error::new("a thin archive cannot be read from a pipe")
                    .note("a thin archive names its members relative to its own path: pass the file itself")
                    .in_file(path.display()));
            }
            FileKind::Archive => archive::open_thin(path, bytes.bytes())?,
            _ => Vec::new(),
        };
        Ok(Self {
            path: path.into(),
            bytes,
            thin,
            kind,
            place,
        })
    }

    pub fn name(&self, member: Option<String>) -> Name {
        Name::new(self.path.clone(), member)
    }

    /// The names and contents of the members of an archive.
    pub fn contents(&self) -> Result<Vec<(String, &[u8])>> {
        let members = archive::members(&self.path, self.bytes.bytes())?;
        let contents = members.into_iter().enumerate().map(|(index, member)| {
            let bytes = match member.content {
                Content::Inside(bytes) => bytes,
                Content::Outside(_) => self.thin.get(index).map_or(&[][..], FileBytes::bytes),
            };
            (member.name, bytes)
        });
        Ok(contents.collect())
    }

    /// The module of the file, or of a member.
    pub fn module<'a>(&'a self, member: Option<(String, &'a [u8])>) -> Module<'a> {
        let (provenance, bytes, member) = match member {
            Some((name, bytes)) => (Provenance::Member, Bytes::Here(bytes), Some(name)),
            None => (Provenance::File, Bytes::OfFile(&self.bytes), None),
        };
        Module {
            name: self.name(member),
            bytes,
            place: self.place,
            provenance,
        }
    }

    pub fn members(&self) -> Result<Members<'_>> {
        let mut members = Members::default();
        let mut foreign = None;
        for (member, bytes) in self.contents()? {
            match FileKind::of(bytes) {
                FileKind::Module => members.modules.push(self.module(Some((member, bytes)))),
                FileKind::Bitcode => members.bitcode.push(self.module(Some((member, bytes)))),
                // The backend warns about it and continues.
                _ => {
                    let what = file_kind::describe(bytes);
                    foreign = foreign.or(what.map(|what| (member, what)));
                }
            }
        }
        let linkable = !members.modules.is_empty() || !members.bitcode.is_empty();
        // The backend skips the archive silently, and the user sees only undefined symbols.
        if let (Some((member, what)), false) = (foreign, linkable) {
            let warning = Error::new(format!(
                "this is {what}, and nothing in the archive is WebAssembly"
            ))
            .note("build the library for the wasm target, or correct the search path (-L)")
            .in_file(self.name(Some(member)));
            members.warnings.push(warning.to_string());
        }
        Ok(members)
    }
}

/// The message of `wasm-ld`, with a note on what the file is.
fn unknown_file_type(path: &Path, bytes: &[u8]) -> Error {
    let error = Error::new(format!("unknown file type: {}", path.display()));
    if bytes.is_empty() {
        return error.note("the file is empty: build it again");
    }
    match file_kind::describe(bytes) {
        Some(what) => error.note(format!(
            "this is {what}, not a WebAssembly object: build it for the wasm target"
        )),
        None => error.note("expected a WebAssembly object, LLVM bitcode or an archive of them"),
    }
}
