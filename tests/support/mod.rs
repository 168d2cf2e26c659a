//! What the tests are made of: a directory to build in, real compilers, our linker, and an
//! instance of what it made.

pub mod damage;
pub mod gnu_ld;
pub mod instance;
pub mod module;
pub mod program;
pub mod refusal;
pub mod toolchain;

pub use instance::Instance;
pub use toolchain::{linkers, setting, tool};

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of a test's own, which goes with it.
pub struct Work {
    directory: tempfile::TempDir,
}

/// What a link did.
#[derive(Debug)]
pub struct Linked {
    /// The exit status, or `None` after a signal.
    pub status: Option<i32>,
    /// What was printed.
    pub stdout: String,
    /// What was printed as errors and warnings.
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
            .expect("a directory to work in");
        fs::create_dir(directory.path().join("tmp")).expect("a directory for temporary files");
        Self { directory }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).expect("a file that can be written");
        path
    }

    /// Runs a tool here, which must succeed, and gives what it printed.
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

    /// Compiles C for wasm32 by the newest clang, with `-O1`, to `NAME.o`.
    pub fn c(&self, name: &str, source: &str) -> PathBuf {
        self.c_with(name, source, &[])
    }

    /// Compiles C with more arguments.
    pub fn c_with(&self, name: &str, source: &str, more: &[&str]) -> PathBuf {
        self.compile("WSL_CLANG", name, "c", source, more)
    }

    /// Compiles a source in language `language` (`c`, `cc`, `s`, `ll`) by the compiler of that
    /// setting.
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

    /// Makes an archive of objects.
    pub fn archive(&self, name: &str, objects: &[&Path]) -> PathBuf {
        let archive = self.file(name);
        let objects = objects.iter().map(|object| object.as_os_str());
        self.run(
            tool("WSL_AR"),
            [OsStr::new("rcs"), archive.as_os_str()]
                .into_iter()
                .chain(objects),
        );
        archive
    }

    /// Links with our linker to `out.wasm` and the newest backend. Whatever happens, no temporary
    /// file may be left.
    pub fn link<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Linked {
        self.link_with(&tool("WSL_WASM_LD"), arguments)
    }

    /// Links with our linker and that backend.
    pub fn link_with<S: AsRef<OsStr>>(
        &self,
        backend: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        let mut command = Command::new(linker());
        command.env("WASM_SECTION_LD_LINKER", backend);
        let linked = self.link_by(&mut command, arguments);
        let left: Vec<_> = fs::read_dir(self.file("tmp"))
            .expect("tmp")
            .flatten()
            .collect();
        assert!(left.is_empty(), "temporary files were left: {left:?}");
        linked
    }

    /// Links with the backend alone, to `plain.wasm`.
    pub fn plain_link<S: AsRef<OsStr>>(
        &self,
        backend: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        let mut command = Command::new(backend);
        self.link_to("plain.wasm", &mut command, arguments)
    }

    /// Runs a command with those arguments and `-o out.wasm`.
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
            .expect("a linker that runs");
        Linked {
            status: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
            output,
        }
    }

    /// Links what must link without a word, and gives an instance of it. Functions that it imports
    /// give zero.
    pub fn instance<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Instance {
        Instance::new(&self.link(arguments).silent())
    }
}

impl Linked {
    /// The module, of a link that succeeded.
    pub fn module(&self) -> Vec<u8> {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        fs::read(&self.output).expect("an output file")
    }

    /// The module, of a link that succeeded and had nothing to say.
    pub fn silent(&self) -> Vec<u8> {
        assert_eq!(self.stderr, "");
        self.module()
    }

    /// The message of a link that failed with status 1 and left no output.
    pub fn error(&self) -> &str {
        assert_eq!(self.status, Some(1), "{}", self.stderr);
        assert!(!self.output.exists(), "an output file was left");
        &self.stderr
    }
}

/// Arguments of different kinds in one list.
#[macro_export]
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        [$(::std::ffi::OsString::from($argument.clone())),*]
    };
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
