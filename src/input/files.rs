//! The input files on the command line: finds them, opens them, and checks at the end that none changed.

use super::archive::{self, Archive};
use super::file::InputFile;
use super::file_kind::FileKind;
use super::library::{Search, SharedLibraries};
use super::map::{FileId, Stamp, changed};
use super::module::{Name, Place};
use crate::args::{ArgumentIndex, CommandLine, Id, Meaning};
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::parallel::Threads;
use crate::wasm::has_symbols;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// The input files on the command line, in order, not yet opened.
#[derive(Debug)]
pub struct Named(Vec<(PathBuf, Place)>);

/// The open input files.
#[derive(Debug)]
pub struct Files {
    pub(super) files: Vec<InputFile>,
    pub(super) threads: Threads,
}

impl Named {
    /// The input files of `line`. `shared` returns when the backend resolves `-l` to a shared library.
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

    /// Whether all existing inputs can be read more than once: none is a pipe.
    pub fn are_files(&self) -> bool {
        let is_pipe = |metadata: Metadata| !metadata.is_file() && !metadata.is_dir();
        let mut paths = self.0.iter().map(|(path, _)| path);
        !paths.any(|path| path.metadata().is_ok_and(is_pipe))
    }

    /// Opens the files. Later phases use `threads` too.
    ///
    /// # Errors
    /// Every file that cannot be opened, or that the backend cannot link.
    pub fn open(&self, threads: &Threads) -> Result<Files> {
        let opened = threads
            .for_objects(self.0.len())
            .map(&self.0, |&(ref path, place)| {
                // A possible value of an unknown option: reading a pipe would consume it.
                if place.ambiguous && !path.is_file() {
                    return Ok(None);
                }
                match InputFile::open(path, place) {
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
            None => Ok(Files {
                files,
                threads: threads.clone(),
            }),
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

    /// The number of inputs before an argument; with `inclusive`, also those that it names.
    fn count_to(&self, argument: ArgumentIndex, inclusive: bool) -> usize {
        self.files.partition_point(|file| {
            file.place.argument < argument || inclusive && file.place.argument == argument
        })
    }

    /// The archive that `argument` names; `None` if it does not name an archive.
    ///
    /// # Errors
    /// A malformed archive.
    pub fn archive(&self, argument: ArgumentIndex) -> Result<Option<Archive<'_>>> {
        let mut files = self.at(argument);
        let Some(file) = files.find(|file| file.kind == FileKind::Archive) else {
            return Ok(None);
        };
        Ok(Some(Archive {
            name: file.name(None),
            members: file.contents()?,
        }))
    }

    /// Those of `names` that the indexes of lazy archives have, each with the contents of its member; `None` if an
    /// archive has no index.
    pub fn in_symbol_indexes(&self, names: &HashSet<&[u8]>) -> Option<Vec<(&[u8], &[u8])>> {
        let mut found = Vec::new();
        for file in &self.files {
            let is_lazy = match file.kind {
                FileKind::Archive => !file.place.whole_archive,
                _ => file.place.in_lib,
            };
            if is_lazy {
                found.extend(archive::index(file.bytes.bytes(), |name| {
                    names.contains(name)
                })?);
            }
        }
        Some(found)
    }

    /// The argument, name and contents of inputs that are pipes. The backend cannot read them again.
    pub fn read_once(&self) -> impl Iterator<Item = (ArgumentIndex, Name, &[u8])> {
        let files = self.files.iter().filter(|file| file.bytes.is_read_once());
        files.map(|file| (file.place.argument, file.name(None), file.bytes.bytes()))
    }

    /// Checks that no input except the `output` has changed since it was opened.
    ///
    /// # Errors
    /// The first input that has changed.
    pub fn check_unchanged(&self, output: &Path) -> Result<()> {
        self.threads
            .for_objects(self.files.len())
            .try_map(&self.files, |file| check(file, output))
            .map(|_| ())
    }

    /// The size in bytes of the files that an argument names.
    pub fn size(&self, argument: ArgumentIndex) -> usize {
        self.at(argument).map(|file| file.bytes.size()).sum()
    }

    /// The files that an argument names.
    fn at(&self, argument: ArgumentIndex) -> impl Iterator<Item = &InputFile> {
        let (start, end) = (
            self.count_to(argument, false),
            self.count_to(argument, true),
        );
        self.files[start..end].iter()
    }

    /// The occurrence of each archive to use: the first with `--whole-archive`, or else the first.
    pub(super) fn used_archives(&self) -> HashSet<usize> {
        let archives = self.files.iter().enumerate();
        let archives = archives.filter(|(_, file)| file.kind == FileKind::Archive);
        let mut best: HashMap<&FileId, usize> = HashMap::default();
        for (index, file) in archives {
            let used = best.entry(file.bytes.id()).or_insert(index);
            let whole = |index: usize| self.files[index].place.whole_archive;
            if whole(index) && !whole(*used) {
                *used = index;
            }
        }
        best.into_values().collect()
    }
}

fn check(file: &InputFile, output: &Path) -> Result<()> {
    let is_same =
        |stamp: &Stamp, path: &Path| stamp.is_still_at(path) || is_same_file(path, output);
    if let Some(stamp) = file.bytes.stamp()
        && !is_same(stamp, &file.path)
    {
        return Err(changed().in_file(file.path.display()));
    }
    if file.thin.is_empty() {
        return Ok(());
    }
    let members = archive::members(&file.path, file.bytes.bytes())?;
    for (member, bytes) in members.iter().zip(&file.thin) {
        if let (archive::Content::Outside(path), Some(stamp)) = (&member.content, bytes.stamp())
            && !is_same(stamp, path)
        {
            return Err(changed().in_file(path.display()));
        }
    }
    Ok(())
}

/// Whether two paths refer to the same file.
fn is_same_file(path: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(path).is_some_and(|path| Some(path) == real(other))
}

/// Whether a file is a module without a symbol table: it has nothing to link.
pub fn is_empty_module(bytes: &[u8]) -> bool {
    FileKind::of(bytes) == FileKind::Module && !has_symbols(bytes)
}
