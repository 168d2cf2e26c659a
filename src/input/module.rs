//! An object among the inputs: its name, its bytes, and where it stands on the command line.

use super::map::FileBytes;
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::wasm::ObjectBytes;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// An object among the inputs: a wasm module, or one of LLVM's before it is compiled.
#[derive(Debug)]
pub struct Module<'a> {
    /// Its display name.
    pub name: Name,
    /// All of it.
    pub bytes: Bytes<'a>,
    /// Where it, or its archive, stands.
    pub place: Place,
    /// What it is a part of.
    pub provenance: Provenance,
}

/// Where the bytes of a module are.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// Here.
    Here(&'a [u8]),
    /// They are all of a file.
    OfFile(&'a FileBytes),
}

/// Where a module comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// It is a file.
    File,
    /// It is a member of an archive.
    Member,
    /// The backend has made it of bitcode among the inputs.
    Compiled,
}

/// Where an input stands on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The argument that names it.
    pub argument: ArgumentIndex,
    /// Whether it is between `--start-lib` and `--end-lib`.
    pub in_lib: bool,
    /// Whether it is between `--whole-archive` and `--no-whole-archive`.
    pub whole_archive: bool,
    /// Whether it may be no input at all but the value of an option that we don't know: what is
    /// wrong with it is the backend's to say.
    pub ambiguous: bool,
}

impl Place {
    /// Where an argument is, and no option says anything of it.
    pub fn at(argument: ArgumentIndex) -> Self {
        Self {
            argument,
            in_lib: false,
            whole_archive: false,
            ambiguous: false,
        }
    }
}

/// The display name of an object: `FILE`, or `ARCHIVE(MEMBER)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    file: Arc<Path>,
    member: Option<Box<str>>,
}

impl<'a> Module<'a> {
    /// All of it. One of many objects is read, and is not in memory longer than this.
    ///
    /// # Errors
    /// It cannot be read again.
    pub fn load(&self) -> Result<ObjectBytes<'a>> {
        match self.bytes {
            Bytes::Here(bytes) => Ok(bytes.into()),
            Bytes::OfFile(file) => file.load(self.name.file()).map(ObjectBytes::from),
        }
    }

    /// All of it, if it is in memory as long as the inputs, and is not read when it is asked for.
    pub fn resident(&self) -> Option<&'a [u8]> {
        match self.bytes {
            Bytes::Here(bytes) => Some(bytes),
            Bytes::OfFile(file) => (!file.is_unread()).then(|| file.bytes()),
        }
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        match self.bytes {
            Bytes::Here(bytes) => bytes.len(),
            Bytes::OfFile(file) => file.size(),
        }
    }

    /// What tells it from others that are in memory as long as the inputs.
    pub fn address(&self) -> Option<*const u8> {
        self.resident().map(<[u8]>::as_ptr)
    }

    /// Lets the system take back the memory of a large one, until it is read again.
    pub fn release(&self) {
        if let Bytes::OfFile(file) = self.bytes {
            file.release();
        }
    }

    /// Whether it is a member of an archive.
    pub fn is_member(&self) -> bool {
        self.provenance == Provenance::Member
    }

    /// Whether the backend links it whether anything refers to it or not.
    pub fn always_linked(&self) -> bool {
        match self.provenance {
            Provenance::File => !self.place.in_lib,
            Provenance::Member => self.place.whole_archive,
            Provenance::Compiled => true,
        }
    }
}

impl Name {
    /// The name of a file, or of a member of an archive.
    pub fn new(file: Arc<Path>, member: Option<String>) -> Self {
        let member = member.map(String::into_boxed_str);
        Self { file, member }
    }

    /// The file, or the archive that the member is in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The member, of an object in an archive.
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            None => write!(f, "{}", self.file.display()),
            Some(member) => write!(f, "{}({member})", self.file.display()),
        }
    }
}
