//! The inputs of a link: the modules of the input files, or modules in memory.

use super::archive;
use super::file_kind::FileKind;
use super::files::Files;
use super::module::{Bytes, Module, Name, Place, Provenance};
use super::object_id::{Modules, ObjectId};
use crate::args::ArgumentIndex;
use crate::error::Result;
use crate::hash::{HashMap, HashSet};
use crate::parallel::Threads;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The inputs of a link.
#[derive(Debug, Default)]
pub struct Inputs<'a> {
    /// The wasm modules, including archive members, in link order.
    pub modules: Modules<'a>,
    /// The LLVM bitcode, including archive members, in link order.
    pub bitcode: Vec<Module<'a>>,
    /// The result of compiling the bitcode; `None` before that.
    pub compiled: Option<Compiled<'a>>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// The input files; `None` if the modules are in memory.
    pub files: Option<&'a Files>,
    /// The threads that all phases use.
    pub threads: Threads,
}

/// The result of compiling bitcode, in [`Inputs`].
#[derive(Debug, Default)]
pub struct Compiled<'a> {
    /// The indices in [`Inputs::bitcode`] of linked files. Their objects are the last modules.
    pub linked: Vec<usize>,
    /// The bitcode of each separately compiled object, by the address of the object. The object replaces
    /// its bitcode in link order.
    separate: HashMap<*const u8, &'a [u8]>,
}

impl Compiled<'_> {
    /// The address of the input file or member that a module is or was compiled from.
    pub fn original(&self, module: &Module<'_>) -> *const u8 {
        let address = module.address();
        let bitcode = self.separate.get(&address);
        bitcode.map_or(address, |bitcode| bitcode.as_ptr())
    }

    /// Whether a module was compiled separately.
    pub fn is_separate(&self, module: &Module<'_>) -> bool {
        self.separate.contains_key(&module.address())
    }
}

/// The objects that the backend compiled from bitcode.
#[derive(Debug)]
pub struct FromBitcode {
    /// The objects of the linked bitcode.
    pub objects: Vec<(Name, Vec<u8>)>,
    /// The indices in [`Inputs::bitcode`] of the linked bitcode.
    pub linked: HashSet<usize>,
    /// The separately compiled objects of bitcode that is not linked, by their indices in
    /// [`Inputs::bitcode`].
    pub separate: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Inputs<'a> {
    /// The modules of `files`, in link order. An archive that is named more than once is used once: at its
    /// first occurrence with `--whole-archive`, or else at its first occurrence.
    ///
    /// # Errors
    /// A malformed archive.
    pub fn of(files: &'a Files) -> Result<Self> {
        let mut inputs = Self {
            files: Some(files),
            threads: files.threads.clone(),
            ..Self::default()
        };
        inputs.modules.0.reserve(files.files.len());
        let used = files.used_archives();
        for (index, file) in files.files.iter().enumerate() {
            match file.kind {
                FileKind::Module => _ = inputs.modules.push(file.module(None)),
                FileKind::Bitcode => inputs.bitcode.push(file.module(None)),
                FileKind::Archive if used.contains(&index) => match file.members() {
                    Err(_) if file.place.ambiguous => {}
                    members => {
                        let members = members?;
                        inputs.modules.0.extend(members.modules);
                        inputs.bitcode.extend(members.bitcode);
                        inputs.warnings.extend(members.warnings);
                    }
                },
                _ => {}
            }
        }
        Ok(inputs)
    }

    /// Lets the system reclaim the pages of large files. Later phases need only parts of them.
    pub fn release(&self) {
        let files = self.files.iter().flat_map(|files| &files.files);
        files.for_each(|file| file.bytes.release());
    }

    /// Adds an object after all other inputs. It is linked unconditionally.
    pub fn add_object(&mut self, name: impl AsRef<Path>, bytes: &'a [u8]) -> ObjectId {
        let name = Name::new(name.as_ref().into(), None);
        self.add(name, bytes, Place::at(self.next()), Provenance::File)
    }

    /// Adds the members of an archive after all other inputs. They are lazy unless `whole` is set
    /// (`--whole-archive`). Members of thin archives and members that are not wasm modules are ignored.
    ///
    /// # Errors
    /// A malformed archive.
    pub fn add_archive(
        &mut self,
        name: impl Into<PathBuf>,
        bytes: &'a [u8],
        whole: bool,
    ) -> Result<()> {
        let path: Arc<Path> = name.into().into();
        let mut place = Place::at(self.next());
        place.whole_archive = whole;
        for member in archive::members(&path, bytes)? {
            if let archive::Content::Inside(bytes) = member.content
                && FileKind::of(bytes) == FileKind::Module
            {
                let name = Name::new(path.clone(), Some(member.name));
                self.add(name, bytes, place, Provenance::Member);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: Name, bytes: &'a [u8], place: Place, of: Provenance) -> ObjectId {
        self.modules.push(Module {
            name,
            bytes: Bytes::Here(bytes),
            place,
            provenance: of,
        })
    }

    /// The place after all other inputs.
    fn next(&self) -> ArgumentIndex {
        let last = self.modules.last();
        last.map_or(ArgumentIndex::FIRST, |module| module.place.argument.next())
    }

    /// Adds the objects that the backend compiled from the bitcode. As in the backend, the objects of linked
    /// bitcode come after all other objects. A separately compiled object replaces its bitcode.
    ///
    /// # Errors
    /// A malformed archive.
    pub fn with_compiled(mut self, from: &'a FromBitcode) -> Result<Self> {
        let Some(place) = self.bitcode.first().map(|bitcode| bitcode.place) else {
            return Ok(self);
        };
        let mut compiled = Compiled::default();
        let mut remaining = Vec::with_capacity(self.bitcode.len());
        let mut separate = Vec::new();
        for (position, module) in std::mem::take(&mut self.bitcode).into_iter().enumerate() {
            if let Some(bytes) = from.separate.get(&position) {
                let original = module.contents();
                compiled.separate.insert(bytes.as_ptr(), original);
                separate.push(Module {
                    bytes: Bytes::Here(bytes),
                    ..module
                });
                continue;
            }
            if from.linked.contains(&position) {
                compiled.linked.push(remaining.len());
            }
            remaining.push(module);
        }
        self.bitcode = remaining;
        self.insert(separate, &compiled)?;
        let objects = from.objects.iter();
        self.modules.0.extend(objects.map(|(name, bytes)| Module {
            name: name.clone(),
            bytes: Bytes::Here(bytes),
            place: Place::at(place.argument),
            provenance: Provenance::Compiled,
        }));
        self.compiled = Some(compiled);
        Ok(self)
    }

    /// Inserts modules in link order.
    fn insert(&mut self, modules: Vec<Module<'a>>, compiled: &Compiled<'_>) -> Result<()> {
        // For each of their archives, the positions of its members.
        let mut archives = BTreeMap::new();
        for module in &modules {
            let argument = module.place.argument;
            let archive = match self.files {
                Some(files) if module.is_member() => files.archive(argument)?,
                _ => None,
            };
            let members = archive.into_iter().flat_map(|archive| archive.members);
            let places = members
                .enumerate()
                .map(|(at, (_, bytes))| (bytes.as_ptr(), at));
            archives.insert(argument, places.collect::<HashMap<_, _>>());
        }
        if modules.is_empty() {
            return Ok(());
        }
        self.modules.0.extend(modules);
        self.modules.0.sort_by_key(|module| {
            let argument = module.place.argument;
            let places = archives.get(&argument);
            let at = places.and_then(|places| places.get(&compiled.original(module)));
            (argument, at.copied().unwrap_or(0))
        });
        Ok(())
    }

    /// Promotes lazy objects: they are linked like files ([`Provenance::Promoted`]).
    pub fn promote(&mut self, objects: impl IntoIterator<Item = ObjectId>) {
        for object in objects {
            if let Some(module) = self.modules.0.get_mut(object.position()) {
                module.provenance = Provenance::Promoted;
            }
        }
    }

    /// Whether the bitcode has been compiled.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    /// The linked bitcode, once it has been compiled.
    pub fn linked_bitcode(&self) -> impl Iterator<Item = &Module<'a>> {
        let linked = self.compiled.iter().flat_map(|compiled| &compiled.linked);
        linked.filter_map(|&position| self.bitcode.get(position))
    }

    /// The separately compiled objects: their bitcode is not linked.
    pub fn separately_compiled(&self) -> impl Iterator<Item = &Module<'a>> {
        let compiled = self.compiled.as_ref();
        let is_separate =
            move |module: &&Module<'_>| compiled.is_some_and(|c| c.is_separate(module));
        self.modules.iter().filter(is_separate)
    }

    /// The linked bitcode, and the objects that replace other bitcode.
    pub fn replaced_bitcode(&self) -> impl Iterator<Item = &Module<'a>> {
        self.linked_bitcode().chain(self.separately_compiled())
    }

    /// The address of the input file or member that a module is or was compiled from.
    pub fn original(&self, module: &Module<'_>) -> *const u8 {
        match &self.compiled {
            Some(compiled) => compiled.original(module),
            None => module.address(),
        }
    }
}
