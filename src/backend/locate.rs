//! Finds the backend.

use super::replaced;
use super::sysroot::sysroots;
use super::wild;
use crate::args::{CommandLine, Id};
use crate::error::{Error, Result};
use crate::input::{Index, SharedLibraries};
use std::cell::OnceCell;
use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable with the path of the backend.
pub const VARIABLE: &str = "WASM_SECTION_LD_LINKER";

/// The linker that makes a component from a linked module.
const COMPONENT_LD: &str = "wasm-component-ld";

/// The linker that this program runs.
#[derive(Debug)]
pub struct Backend {
    /// Its executable.
    pub path: PathBuf,
    /// The linker for `wasm-component-ld` to run, if it would not find that itself.
    pub inner: Option<PathBuf>,
    /// The major version of lld, once known.
    version: OnceCell<Option<u32>>,
    /// The name of the file that the path leads to, without its extension, once known.
    real_stem: OnceCell<String>,
    /// Whether it is a binary, once known.
    program: OnceCell<bool>,
    /// Whether it is wild before 0.11, once known.
    old_wild: OnceCell<bool>,
}

impl Backend {
    /// Finds the backend: the first of `--section-linker`, the environment, the linker in whose place this program
    /// is `called` (`replaced::replaced`), `rust-lld` and then `wasm-ld` on PATH (rustc adds its own directory),
    /// `rust-lld` in the sysroot of the toolchain that runs this link or of the `rustc` on PATH, and the newest
    /// `wasm-ld-NN` on PATH.
    ///
    /// # Errors
    /// No linker is found, or a given path does not exist or is this program.
    pub fn find(line: &CommandLine, called: Option<&Path>) -> Result<Self> {
        let backend = Self::find_linker(line, called)?;
        match line.is_for_component() && backend.stem().is_none_or(|stem| stem != COMPONENT_LD) {
            true => backend.for_component(),
            false => Ok(backend),
        }
    }

    /// The `wasm-component-ld` that runs this linker, from the directory of this linker, as in a Rust toolchain,
    /// or from PATH.
    fn for_component(self) -> Result<Self> {
        let own = self.path.parent().map(Path::to_path_buf);
        let directories = own.into_iter().chain(path_directories());
        let mut programs = directories.map(|directory| directory.join(exe(COMPONENT_LD)));
        let Some(path) = programs.find(|path| path.is_file()) else {
            return Err(Error::new(format!(
                "the output of this target is a component, and {COMPONENT_LD} is not on PATH"
            ))
            .note(format!(
                "install rustc's toolchain for the target, or run: cargo install {COMPONENT_LD}"
            ))
            .note(format!(
                "to link a core module, use --section-linker={COMPONENT_LD} --skip-wit-component"
            )));
        };
        // `wasm-component-ld` passes no `-flavor`, and finds `rust-lld` itself.
        let inner = (!self.needs_flavor()).then_some(self.path);
        Ok(Self {
            inner,
            ..Self::at(path)
        })
    }

    fn find_linker(line: &CommandLine, called: Option<&Path>) -> Result<Self> {
        let itself = std::env::current_exe().ok();
        let itself = itself.as_deref();
        if let Some(path) = line.values(Id::SectionLinker).last() {
            return Self::named(path, "--section-linker", itself);
        }
        if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return Self::named(&path, VARIABLE, itself);
        }
        let directories = path_directories();
        let on_path = ["rust-lld", "wasm-ld"].into_iter().flat_map(|name| {
            directories
                .iter()
                .map(move |directory| directory.join(exe(name)))
        });
        let replaced = called.into_iter();
        replaced
            .flat_map(|called| replaced::replaced(called, &directories))
            .chain(on_path)
            .chain(sysroots(line).flat_map(|sysroot| in_sysroot(&sysroot)))
            .chain(std::iter::once_with(|| newest_versioned(&directories)).flatten())
            .find(|path| path.is_file() && !itself.is_some_and(|itself| is_same(path, itself)))
            .map(Self::at)
            .ok_or_else(|| {
                Error::new("no wasm-ld found: not on PATH and not in rustc's sysroot").note(format!(
                    "install LLVM's lld, or give the path of a linker with --section-linker=PATH or {VARIABLE}"
                ))
            })
    }

    fn named(name: &OsStr, by: &str, itself: Option<&Path>) -> Result<Self> {
        let path = Path::new(name);
        // As in a shell, a name without a directory is searched only on PATH.
        let path = if path.components().count() > 1 {
            program(path)
        } else {
            let directories = path_directories();
            directories
                .iter()
                .find_map(|directory| program(&directory.join(path)))
        };
        let Some(path) = path else {
            let shown = name.display();
            return Err(Error::new(format!("{by}: linker not found: {shown}"))
                .note("give the path of an executable such as /usr/bin/wasm-ld"));
        };
        let shown = path.display();
        if itself.is_some_and(|itself| is_same(&path, itself)) {
            return Err(
                Error::new(format!("{by}: {shown} is wasm-section-ld itself"))
                    .note("give the path of the linker to run, such as LLVM's wasm-ld"),
            );
        }
        Ok(Self::at(path))
    }

    fn at(path: PathBuf) -> Self {
        Self {
            path,
            inner: None,
            version: OnceCell::new(),
            real_stem: OnceCell::new(),
            program: OnceCell::new(),
            old_wild: OnceCell::new(),
        }
    }

    /// Whether it is the generic lld, which needs `-flavor`.
    pub fn needs_flavor(&self) -> bool {
        matches!(self.stem(), Some("rust-lld" | "lld"))
    }

    /// Whether it is lld, which accepts `-flavor wasm` under any name.
    pub fn takes_flavor(&self) -> bool {
        self.needs_flavor() || self.stem().is_some_and(|stem| stem.starts_with("wasm-ld"))
    }

    /// Whether it honours `WASM_SEG_FLAG_RETAIN`, as lld does since LLVM 19. True for an unknown version.
    pub fn retains(&self) -> bool {
        const FIRST: u32 = 19;
        self.lld_version().is_none_or(|version| version >= FIRST)
    }

    /// When it resolves `-l` to shared libraries (tested with LLVM 14, 16, 19 and 22).
    pub fn shared_libraries(&self) -> SharedLibraries {
        match self.lld_version() {
            Some(..16) => SharedLibraries::Never,
            Some(16) => SharedLibraries::PositionIndependent,
            _ => SharedLibraries::Dynamic,
        }
    }

    /// The index that an archive of lazy members needs. Older versions of lld find members by it. wild reads the members.
    pub fn lazy_index(&self) -> Index {
        match self.is_wild() {
            true => Index::Empty,
            false => Index::Full,
        }
    }

    /// The major version of lld; `None` if unknown. Runs the backend at most once.
    fn lld_version(&self) -> Option<u32> {
        *self.version.get_or_init(|| self.query_version())
    }

    /// Runs the backend with `--version`, which prints a line such as `Debian LLD 14.0.6`.
    fn query_version(&self) -> Option<u32> {
        let flavor = ["-flavor", "wasm"];
        let linker = match &self.inner {
            Some(inner) => &Self::at(inner.clone()),
            None => self,
        };
        let output = Command::new(&linker.path)
            .args(flavor.iter().filter(|_| linker.needs_flavor()))
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (_, version) = text.split_once("LLD ")?;
        version.split('.').next()?.parse().ok()
    }

    /// Whether it certainly is lld, which opens its inputs one after another. Other linkers may be called `wasm-ld`
    /// too: wild maps all its inputs at once.
    pub fn opens_inputs_in_order(&self) -> bool {
        let stem = self.real_stem();
        let is_version = |rest: &str| {
            rest.bytes()
                .all(|b| b.is_ascii_digit() || b == b'-' || b == b'.')
        };
        stem == "rust-lld" || stem.strip_prefix("lld").is_some_and(is_version)
    }

    /// Whether it certainly opens its inputs itself, by their paths. A wrapper may copy them, or run a linker that
    /// cannot see the files of this process.
    pub fn opens_any_path(&self) -> bool {
        (self.opens_inputs_in_order() || self.is_wild()) && self.is_program()
    }

    fn is_wild(&self) -> bool {
        self.real_stem() == "wild"
    }

    /// Whether it is wild before 0.11, which does not know all options that rustc passes. Runs it at most once, if it is
    /// wild.
    pub fn is_old_wild(&self) -> bool {
        let is_old = || self.is_wild() && wild::is_old(&self.path);
        *self.old_wild.get_or_init(is_old)
    }

    /// Whether it does not know an option of this command line that is done without it.
    pub fn must_carry(&self, line: &CommandLine) -> bool {
        self.is_wild() && wild::must_carry(line) && self.is_old_wild()
    }

    /// Whether it links several objects from one archive: lld or another linker under a name of lld, with
    /// `--whole-archive`. A wrapper may look at its arguments, so it gets no archive in place of an object.
    pub fn takes_objects_together(&self) -> bool {
        self.takes_flavor() && !self.is_old_wild()
    }

    /// Whether it is a binary, not a script.
    pub fn is_program(&self) -> bool {
        *self.program.get_or_init(|| {
            let mut first = [0; 2];
            let read = fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut first));
            read.is_ok() && first != *b"#!"
        })
    }

    /// The name of the file that the path leads to, without its extension; empty if there is none.
    fn real_stem(&self) -> &str {
        self.real_stem.get_or_init(|| {
            let path = fs::canonicalize(&self.path).ok();
            let stem = path.as_deref().and_then(Path::file_stem);
            stem.and_then(OsStr::to_str).unwrap_or_default().to_owned()
        })
    }

    fn stem(&self) -> Option<&str> {
        self.path.file_stem()?.to_str()
    }
}

pub(super) fn exe(name: &str) -> OsString {
    format!("{name}{EXE_SUFFIX}").into()
}

/// The program at `path`. On Windows, `.exe` may be left out.
pub fn program(path: &Path) -> Option<PathBuf> {
    let mut with_suffix = path.as_os_str().to_owned();
    with_suffix.push(EXE_SUFFIX);
    let mut candidates = [path.to_path_buf(), with_suffix.into()].into_iter();
    candidates.find(|candidate| candidate.is_file())
}

/// The absolute directories of PATH. Relative ones are ignored, so nothing runs from the current directory.
pub(super) fn path_directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .collect()
}

/// The candidates for `rust-lld` in a sysroot.
fn in_sysroot(sysroot: &Path) -> Vec<PathBuf> {
    let targets = sysroot.join("lib").join("rustlib");
    directory_entries(&targets)
        .into_iter()
        .map(|target| target.join("bin").join(exe("rust-lld")))
        .collect()
}

/// The `wasm-ld-NN` in `directories`, newest first.
pub(super) fn newest_versioned(directories: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = directories
        .iter()
        .flat_map(|directory| directory_entries(directory))
        .filter_map(|path| {
            let version = version_in_name(&path)?;
            Some((version, path))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// NN of `wasm-ld-NN`.
pub(super) fn version_in_name(path: &Path) -> Option<u32> {
    let version = path.file_stem()?.to_str()?.strip_prefix("wasm-ld-")?;
    version.parse().ok()
}

/// The entries of a directory, sorted for a deterministic result.
fn directory_entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Whether two paths are the same program: the same file, or a copy.
fn is_same(path: &Path, itself: &Path) -> bool {
    let length = |path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    if length(path) != length(itself) {
        return false;
    }
    matches!((path.canonicalize(), itself.canonicalize()), (Ok(a), Ok(b)) if a == b)
        || matches!((fs::read(path), fs::read(itself)), (Ok(a), Ok(b)) if a == b)
}
