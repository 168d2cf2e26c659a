//! The inputs: finds and maps the files, classifies them by content, and reads archive members.

mod archive;
mod file;
mod file_kind;
mod files;
mod inputs;
mod library;
mod map;
mod module;
mod object_id;
#[cfg(unix)]
mod truncation;

pub use archive::{
    Archive, Content as ArchiveContent, Index, Member as ArchiveMember, members as archive_members,
    write as write_archive, write_to as write_archive_to,
};
pub use files::{Files, Named, is_empty_module};
pub use inputs::{Compiled, FromBitcode, Inputs};
pub use library::SharedLibraries;
pub use map::{FileBytes, changed};
pub use module::{Bytes, Module, Name, Place, Provenance};
pub use object_id::{Modules, ObjectId, ObjectMap};
