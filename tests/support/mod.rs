//! Helpers for tests: a working directory, real compilers, our linker, and instances of linked modules.

pub mod assembler;
pub mod commands;
pub mod damage;
pub mod examples;
pub mod gnu_ld;
pub mod hosts;
pub mod instance;
pub mod module;

pub mod pairwise;
pub mod program;
mod reencoder;
pub mod refusal;
pub mod rust;
pub mod tool;
pub mod toolchain;
pub mod workspace;

pub use instance::Instance;
pub use reencoder::reencoder;
pub use rust::Rust;
pub use toolchain::{linkers, setting, tool};

use crate::args;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The working directory of a test, which is removed at its end.
pub struct Work {
    directory: tempfile::TempDir,
}

/// The result of a link.
#[derive(Debug)]
pub struct Linked {
    /// The exit status, or `None` after a signal.
    pub status: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The errors and warnings.
    pub stderr: String,
    /// The output file.
    pub output: PathBuf,
}

/// Our linker.
pub fn linker() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_wasm-section-ld"))
}

impl Work {
    /// An empty directory.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("test-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a working directory");
        for name in ["tmp", "plain"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        Self { directory }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).expect("a file that can be written");
        path
    }

    /// Runs a tool in the directory and returns its output. It must succeed.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
    ) -> String {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path());
        let output = command.output().expect("a tool that runs");
        assert!(
            output.status.success(),
            "{command:?}:\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Compiles C for wasm32 with the newest clang and `-O1` to `NAME.o`.
    pub fn c(&self, name: &str, source: &str) -> PathBuf {
        self.c_with(name, source, &[])
    }

    /// Like [`Self::c`], with more arguments.
    pub fn c_with(&self, name: &str, source: &str, more: &[&str]) -> PathBuf {
        self.compile("WSL_CLANG", name, "c", source, more)
    }

    /// Compiles a source in `language` (`c`, `cc`, `s`, `ll`) with the compiler of the setting `compiler`.
    pub fn compile(
        &self,
        compiler: &str,
        name: &str,
        language: &str,
        source: &str,
        more: &[&str],
    ) -> PathBuf {
        let from = self.write(&format!("{name}.{language}"), source);
        let object = self.file(&format!("{name}.o"));
        let mut arguments: Vec<OsString> = vec!["--target=wasm32-unknown-unknown".into()];
        if language != "s" {
            arguments.push("-O1".into());
        }
        arguments.extend(["-c".into(), from.into(), "-o".into(), object.clone().into()]);
        arguments.extend(more.iter().map(Into::into));
        self.run(tool(compiler), arguments);
        object
    }

    /// Assembles for wasm32.
    pub fn asm(&self, name: &str, source: &str) -> PathBuf {
        self.compile("WSL_CLANG", name, "s", source, &[])
    }

    /// Compiles C++ for wasm32.
    pub fn cxx(&self, name: &str, source: &str) -> PathBuf {
        self.compile("WSL_CLANGXX", name, "cc", source, &[])
    }

    /// Compiles LLVM IR for wasm32.
    pub fn ir(&self, name: &str, source: &str) -> PathBuf {
        let from = self.write(&format!("{name}.ll"), source);
        let object = self.file(&format!("{name}.o"));
        let arguments = args![
            "-mtriple=wasm32-unknown-unknown",
            "-filetype=obj",
            from,
            "-o",
            object
        ];
        self.run(tool("WSL_LLC"), arguments);
        object
    }

    /// Creates an archive of objects.
    pub fn archive(&self, name: &str, objects: &[&Path]) -> PathBuf {
        self.archive_with("rcs", name, objects)
    }

    /// Creates an archive with an operation of `ar`, such as `rcsT` for a thin archive.
    pub fn archive_with(&self, operation: &str, name: &str, objects: &[&Path]) -> PathBuf {
        let archive = self.file(name);
        let objects = objects.iter().map(|object| object.as_os_str());
        self.run(
            tool("WSL_AR"),
            [OsStr::new(operation), archive.as_os_str()]
                .into_iter()
                .chain(objects),
        );
        archive
    }

    /// Links to `out.wasm` with our linker and the newest backend. Checks that no temporary files remain.
    pub fn link<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Linked {
        self.link_with(&tool("WSL_WASM_LD"), arguments)
    }

    /// Like [`Self::link`], with the given backend.
    pub fn link_with<S: AsRef<OsStr>>(
        &self,
        backend: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        let mut command = Command::new(linker());
        command.env("WASM_SECTION_LD_LINKER", backend);
        let linked = self.link_by(&mut command, arguments);
        let remaining: Vec<_> = fs::read_dir(self.file("tmp"))
            .expect("tmp")
            .flatten()
            .collect();
        assert!(
            remaining.is_empty(),
            "temporary files remain: {remaining:?}"
        );
        linked
    }

    /// Links with only the backend, to `plain/out.wasm`. The file name is the same as with our linker, because
    /// the module contains it.
    pub fn plain_link<S: AsRef<OsStr>>(
        &self,
        backend: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        let mut command = Command::new(backend);
        self.link_to("plain/out.wasm", &mut command, arguments)
    }

    /// Links with our linker and returns its log at `level` of `WASM_SECTION_LD_LOG`. It must succeed.
    pub fn log<S: AsRef<OsStr>>(
        &self,
        level: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> String {
        let mut command = Command::new(linker());
        command
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .env("WASM_SECTION_LD_LOG", level);
        let linked = self.link_by(&mut command, arguments);
        assert_eq!(linked.status, Some(0), "{}", linked.stderr);
        linked.stderr
    }

    /// Runs a linker command with `arguments` and `-o out.wasm`.
    pub fn link_by<S: AsRef<OsStr>>(
        &self,
        command: &mut Command,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        self.link_to("out.wasm", command, arguments)
    }

    fn link_to<S: AsRef<OsStr>>(
        &self,
        output: &str,
        command: &mut Command,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        let output = self.file(output);
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .args(arguments)
            .arg("-o")
            .arg(&output)
            .current_dir(self.path())
            .env("TMPDIR", self.file("tmp"))
            .output()
            .expect("a linker that can be run");
        Linked {
            status: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
            output,
        }
    }

    /// Links a module without any message, and instantiates it. Imported functions return zero.
    pub fn instance<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Instance {
        Instance::new(&self.link(arguments).silent())
    }

    /// Like [`Self::instance`], for a host that reads the section `name` and calls function pointers.
    pub fn gathered<S: Into<OsString>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Instance {
        self.instance(reading(name, arguments))
    }

    /// Like [`Self::gathered`], once with each backend.
    pub fn gathered_by_each<S: Into<OsString>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Vec<Instance> {
        let arguments = reading(name, arguments);
        let backends = linkers().into_iter();
        backends
            .map(|backend| Instance::new(&self.link_with(&backend, &arguments).silent()))
            .collect()
    }
}

impl Linked {
    /// The module of a link, which must have succeeded.
    pub fn module(&self) -> Vec<u8> {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        fs::read(&self.output).expect("an output file")
    }

    /// The module of a link, which must have succeeded without any message.
    pub fn silent(&self) -> Vec<u8> {
        assert_eq!(self.stderr, "");
        self.module()
    }

    /// The message of a link, which must have failed with status 1 and without an output.
    pub fn error(&self) -> &str {
        assert_eq!(self.status, Some(1), "{}", self.stderr);
        assert!(!self.output.exists(), "the output file remains");
        &self.stderr
    }
}

/// Adds the arguments that let the host read the section `name` and call function pointers.
pub fn reading<S: Into<OsString>>(
    name: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Vec<OsString> {
    let own = instance::export_section(name).map(OsString::from);
    let arguments = arguments.into_iter().map(Into::into);
    arguments
        .chain(own)
        .chain(["--export-table".into()])
        .collect()
}

/// An array of arguments of different types.
#[macro_export]
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        [$(::std::ffi::OsString::from($argument.clone())),*]
    };
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
