//! The inputs: files found and mapped, told apart by what is in them and not by their names,
//! archives taken apart into members.

mod archive;
mod archive_write;
mod changes;
mod compiled;
mod file;
mod foreign;
mod library;
mod map;
mod memory;
mod object_map;
#[cfg(unix)]
mod truncation;

pub use archive::{Content as ArchiveContent, Member as ArchiveMember, members as archive_members};
pub use archive_write::{write as write_archive, write_to as write_archive_to};

pub use compiled::{Compiled, FromBitcode};
pub use map::{FileBytes, changed};
pub use object_map::ObjectMap;

use crate::args::{ArgumentIndex, CommandLine, Id, Meaning};
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::parallel::{self, Cores};
use crate::wasm::has_symbols;
use file::InputFile;
use foreign::Format;
use library::Search;
pub use library::SharedLibraries;
use map::FileId;
use std::borrow::Cow;
use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that the command line names, in its order. Nothing is known of them yet.
#[derive(Debug)]
pub struct Named(Vec<(PathBuf, Place)>);

/// The same, open.
#[derive(Debug)]
pub struct Files {
    files: Vec<InputFile>,
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

/// The name of an object for people: `FILE`, or `ARCHIVE(MEMBER)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    file: Arc<Path>,
    member: Option<Box<str>>,
}

/// What there is to link.
#[derive(Debug, Default)]
pub struct Inputs<'a> {
    /// The wasm modules, archive members too, in link order.
    pub modules: Vec<Module<'a>>,
    /// The LLVM bitcode, archive members too, in link order.
    pub bitcode: Vec<Module<'a>>,
    /// What has become of the bitcode, once it has been compiled.
    pub compiled: Option<Compiled<'a>>,
    /// What a user should know.
    pub warnings: Vec<String>,
    /// Where they are from.
    pub files: Option<&'a Files>,
}

/// The place of a module in [`Inputs::modules`], which is link order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub usize);

/// An object among the inputs: a wasm module, or one of LLVM's before it is compiled.
#[derive(Debug)]
pub struct Module<'a> {
    /// Its name for people.
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

/// An archive among the inputs.
#[derive(Debug)]
pub struct Archive<'a> {
    /// Its name for people.
    pub name: Name,
    /// The names and the bytes of its members, in order.
    pub members: Vec<(String, &'a [u8])>,
}

impl Archive<'_> {
    /// Whether a member that `is_edited` says to come before its archive would be offered before another that
    /// now comes before it.
    pub fn has_others_before(&self, is_edited: impl Fn(&[u8]) -> bool) -> bool {
        let last = self.members.iter().rposition(|(_, bytes)| is_edited(bytes));
        let before = &self.members[..last.unwrap_or(0)];
        before
            .iter()
            .any(|(_, bytes)| !is_edited(bytes) && offers_anything(bytes))
    }

    /// How many members there are up to the last that `is_edited`, if one after it offers anything.
    pub fn end_of_edited(&self, is_edited: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let end = self
            .members
            .iter()
            .rposition(|(_, bytes)| is_edited(bytes))?
            + 1;
        let after = self.members[end..].iter();
        after
            .clone()
            .any(|(_, bytes)| offers_anything(bytes))
            .then_some(end)
    }
}

/// Whether a module has no symbols, so that there is nothing to link.
pub fn is_empty_module(bytes: &[u8]) -> bool {
    Format::of(bytes) == Format::Module && !has_symbols(bytes)
}

/// Whether a member may be extracted.
fn offers_anything(bytes: &[u8]) -> bool {
    archive_write::each_offered(bytes, |_| Err(())).is_err()
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

impl<'a> Module<'a> {
    /// All of it. One of many objects is read, and is not in memory longer than this.
    ///
    /// # Errors
    /// It cannot be read again.
    pub fn load(&self) -> Result<Cow<'a, [u8]>> {
        match self.bytes {
            Bytes::Here(bytes) => Ok(Cow::Borrowed(bytes)),
            Bytes::OfFile(file) => file.load(self.name.file()),
        }
    }

    /// All of it, if it is in memory as long as the inputs, and is not read when it is asked for.
    pub fn lasting(&self) -> Option<&'a [u8]> {
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
        self.lasting().map(<[u8]>::as_ptr)
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

impl<'a> Inputs<'a> {
    /// Lets the system take back the memory of large files, where all that is needed next are parts.
    pub fn release(&self) {
        let files = self.files.iter().flat_map(|files| &files.files);
        files.for_each(|file| file.bytes.release());
    }
}

impl Named {
    /// The inputs of `line`, for a backend that takes `shared` libraries.
    pub fn by(line: &CommandLine, shared: &dyn Fn() -> SharedLibraries) -> Self {
        let mut named: Vec<(PathBuf, Place)> = Vec::new();
        let mut search = Search::new(line.values(Id::LibraryPath), shared);
        search.is_position_independent = line.is_position_independent();
        search.archives_only = !search.is_position_independent;
        let (mut in_lib, mut whole_archive) = (false, false);
        for (argument, meaning) in line.arguments().map(|(i, a)| (i, &a.meaning)) {
            let place = Place {
                argument,
                in_lib,
                whole_archive,
                ambiguous: matches!(meaning, Meaning::Ambiguous(_)),
            };
            match meaning {
                Meaning::Input(path) | Meaning::Ambiguous(path) => named.push((path.into(), place)),
                Meaning::Option(Id::Library, name) => {
                    named.extend(search.find(name).map(|path| (path, place)));
                }
                Meaning::Option(Id::Bstatic, _) => search.archives_only = true,
                Meaning::Option(Id::Bdynamic, _) => search.archives_only = false,
                Meaning::Option(Id::StartLib, _) => in_lib = true,
                Meaning::Option(Id::EndLib, _) => in_lib = false,
                Meaning::Option(Id::WholeArchive, _) => whole_archive = true,
                Meaning::Option(Id::NoWholeArchive, _) => whole_archive = false,
                Meaning::Option(..) | Meaning::Unknown => {}
            }
        }
        Self(named)
    }

    /// Whether all that are there can be read again.
    pub fn are_files(&self) -> bool {
        let is_pipe = |metadata: Metadata| !metadata.is_file() && !metadata.is_dir();
        let mut paths = self.0.iter().map(|(path, _)| path);
        !paths.any(|path| path.metadata().is_ok_and(is_pipe))
    }

    /// Opens them.
    ///
    /// # Errors
    /// All files that cannot be opened, or that are nothing the backend can link.
    pub fn open(&self) -> Result<Files> {
        let many = parallel::are_many(self.0.len());
        let opened = Cores::for_objects(self.0.len()).map(&self.0, |&(ref path, place)| {
            // What an option that we don't know does with a pipe is its business.
            if place.ambiguous && !path.is_file() {
                return Ok(None);
            }
            match InputFile::open(path, place, many) {
                Err(_) if place.ambiguous => Ok(None),
                file => file.map(Some),
            }
        });
        let mut files = Vec::with_capacity(opened.len());
        let mut errors = Vec::new();
        for file in opened {
            match file {
                Ok(file) => files.extend(file),
                Err(error) => errors.push(error),
            }
        }
        let mut errors = errors.into_iter();
        match errors.next() {
            Some(first) => Err(first.with(errors)),
            None => Ok(Files { files }),
        }
    }
}

impl Files {
    /// Whether there are no inputs between two arguments.
    pub fn none_between(&self, first: ArgumentIndex, last: ArgumentIndex) -> bool {
        self.between(first, last).is_empty()
    }

    fn between(&self, first: ArgumentIndex, last: ArgumentIndex) -> &[InputFile] {
        let (start, end) = (self.count_to(first, true), self.count_to(last, false));
        self.files.get(start..end).unwrap_or_default()
    }

    /// How many inputs there are up to an argument, with those that it names or without.
    fn count_to(&self, argument: ArgumentIndex, with: bool) -> usize {
        self.files.partition_point(|file| {
            file.place.argument < argument || with && file.place.argument == argument
        })
    }

    /// What there is to link, in link order. An archive that is named more than once counts where it
    /// counts most: the first time, or where all of it is linked.
    ///
    /// # Errors
    /// An archive that is not right.
    pub fn inputs(&self) -> Result<Inputs<'_>> {
        let mut inputs = Inputs {
            files: Some(self),
            ..Inputs::default()
        };
        inputs.modules.reserve(self.files.len());
        let counted = self.counted_archives();
        for (index, file) in self.files.iter().enumerate() {
            match file.format {
                Format::Module => inputs.modules.push(file.module(None)),
                Format::Bitcode => inputs.bitcode.push(file.module(None)),
                Format::Archive if counted.contains(&index) => match file.members() {
                    Err(_) if file.place.ambiguous => {}
                    members => {
                        let members = members?;
                        inputs.modules.extend(members.modules);
                        inputs.bitcode.extend(members.bitcode);
                        inputs.warnings.extend(members.warnings);
                    }
                },
                _ => {}
            }
        }
        Ok(inputs)
    }

    /// The members of the archive that `argument` names, in order; none if it names none.
    ///
    /// # Errors
    /// An archive that is not right.
    pub fn archive(&self, argument: ArgumentIndex) -> Result<Option<Archive<'_>>> {
        let mut files = self.at(argument);
        let Some(file) = files.find(|file| file.format == Format::Archive) else {
            return Ok(None);
        };
        Ok(Some(Archive {
            name: file.name(None),
            members: file.contents()?,
        }))
    }

    /// Whether the archive that `argument` names has nothing to link but members for which `is_given`
    /// says that they are given elsewhere.
    ///
    /// # Errors
    /// An archive that is not right.
    pub fn offers_only(
        &self,
        argument: ArgumentIndex,
        is_given: impl Fn(&[u8]) -> bool,
    ) -> Result<bool> {
        let mut archives = self.at(argument).peekable();
        let is_there = archives.peek().is_some();
        for file in archives {
            for (_, bytes) in file.contents()? {
                if !is_given(bytes) && !is_empty_module(bytes) {
                    return Ok(false);
                }
            }
        }
        Ok(is_there)
    }

    /// Those of `names` that members of archives offer by the archives' symbol indexes, or none where some
    /// archive has no index.
    pub fn offered<'n>(&self, names: &HashSet<&'n [u8]>) -> Option<HashSet<&'n [u8]>> {
        let mut offered = HashSet::default();
        for file in &self.files {
            let is_lazy = match file.format {
                Format::Archive => !file.place.whole_archive,
                _ => file.place.in_lib,
            };
            if is_lazy {
                let index = archive::index(file.bytes.bytes())?;
                offered.extend(index.filter_map(|name| names.get(name)).copied());
            }
        }
        Some(offered)
    }

    /// What can be read only once, as it is a pipe: the argument, its name, and what we have read.
    pub fn read_once(&self) -> impl Iterator<Item = (ArgumentIndex, Name, &[u8])> {
        let files = self.files.iter().filter(|file| file.bytes.is_read_once());
        files.map(|file| (file.place.argument, file.name(None), file.bytes.bytes()))
    }

    /// What an argument names.
    fn at(&self, argument: ArgumentIndex) -> impl Iterator<Item = &InputFile> {
        let (start, end) = (
            self.count_to(argument, false),
            self.count_to(argument, true),
        );
        self.files[start..end].iter()
    }

    /// Of the places that name one archive, the one that counts.
    fn counted_archives(&self) -> HashSet<usize> {
        let archives = self.files.iter().enumerate();
        let archives = archives.filter(|(_, file)| file.format == Format::Archive);
        let mut best: HashMap<&FileId, usize> = HashMap::default();
        for (index, file) in archives {
            let counted = best.entry(file.bytes.id()).or_insert(index);
            let whole = |index: usize| self.files[index].place.whole_archive;
            if whole(index) && !whole(*counted) {
                *counted = index;
            }
        }
        best.into_values().collect()
    }
}
