//! An input module: its name, its bytes, and its place on the command line.

use super::map::FileBytes;
use crate::args::ArgumentIndex;
use crate::wasm::ObjectBytes;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// An input module: a wasm module or LLVM bitcode.
#[derive(Debug)]
pub struct Module<'a> {
    /// Its display name.
    pub name: Name,
    /// Its bytes.
    pub bytes: Bytes<'a>,
    /// The place of its file or archive.
    pub place: Place,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// The bytes of a module.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// Bytes in memory.
    Here(&'a [u8]),
    /// A whole file.
    OfFile(&'a FileBytes),
}

/// Where a module comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// A file.
    File,
    /// An archive member.
    Member,
    /// An archive member, or a file between `--start-lib` and `--end-lib`, that is linked like a file, before
    /// its archive or its lazy copy.
    Promoted,
    /// The backend compiled it from input bitcode.
    Compiled,
}

/// The place of an input on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The argument that names it.
    pub argument: ArgumentIndex,
    /// Whether it is between `--start-lib` and `--end-lib`.
    pub in_lib: bool,
    /// Whether it is between `--whole-archive` and `--no-whole-archive`.
    pub whole_archive: bool,
    /// Whether it may be the value of an unknown option instead of an input. The backend then reports
    /// errors in it.
    pub ambiguous: bool,
}

impl Place {
    /// The place of an argument that no option affects.
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
    /// Its bytes.
    pub fn contents(&self) -> &'a [u8] {
        match self.bytes {
            Bytes::Here(bytes) => bytes,
            Bytes::OfFile(file) => file.bytes(),
        }
    }

    /// Its bytes as those of an object.
    pub fn object_bytes(&self) -> ObjectBytes<'a> {
        self.contents().into()
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.contents().len()
    }

    /// The address of its bytes, which identifies it.
    pub fn address(&self) -> *const u8 {
        self.contents().as_ptr()
    }

    /// Lets the system reclaim the pages of a large module.
    pub fn release(&self) {
        if let Bytes::OfFile(file) = self.bytes {
            file.release();
        }
    }

    /// Whether it is a member of an archive.
    pub fn is_member(&self) -> bool {
        self.provenance == Provenance::Member
    }

    /// Whether it is linked like a file although its input is lazy.
    pub fn is_promoted(&self) -> bool {
        self.provenance == Provenance::Promoted
    }

    /// Whether the backend has compiled it from bitcode.
    pub fn is_compiled(&self) -> bool {
        self.provenance == Provenance::Compiled
    }

    /// Whether the backend links it unconditionally: it is not lazy.
    pub fn always_linked(&self) -> bool {
        match self.provenance {
            Provenance::File => !self.place.in_lib,
            Provenance::Member => self.place.whole_archive,
            Provenance::Promoted | Provenance::Compiled => true,
        }
    }
}

impl Name {
    /// The name of a file, or of a member of an archive.
    pub fn new(file: Arc<Path>, member: Option<String>) -> Self {
        let member = member.map(String::into_boxed_str);
        Self { file, member }
    }

    /// The path of the file or archive.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The name of the archive member.
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
