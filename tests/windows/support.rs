//! Helpers: a working directory, the toolchain, objects and links.

use crate::instance::Instance;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The target of objects and modules.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Our linker.
pub fn linker() -> PathBuf {
    absolute(env!("CARGO_BIN_EXE_wasm-section-ld")).expect("a path")
}

/// A program of this package in the directory of our linker.
pub fn built(name: &str) -> PathBuf {
    let path = linker().with_file_name(name);
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

/// The repository.
pub fn root() -> PathBuf {
    absolute(env!("CARGO_MANIFEST_DIR")).expect("a path")
}

/// A directory for the files of tests.
pub fn temporary() -> PathBuf {
    let path = absolute(env!("CARGO_TARGET_TMPDIR")).expect("a path");
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// The Rust toolchain: that of `ci/windows`, or the one on PATH.
pub fn toolchain() -> &'static Path {
    static TOOLCHAIN: OnceLock<PathBuf> = OnceLock::new();
    TOOLCHAIN.get_or_init(|| {
        if let Some(path) = std::env::var_os("WSL_WINDOWS_TOOLCHAIN") {
            return path.into();
        }
        let mut rustc = Command::new("rustc");
        let output = rustc.args(["--print", "sysroot"]).output();
        let output = output.expect("rustc on PATH, or WSL_WINDOWS_TOOLCHAIN: see ci/windows");
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim()
            .into()
    })
}

/// The directory of `rust-lld.exe`.
pub fn backend_directory() -> PathBuf {
    let targets = fs::read_dir(toolchain().join(r"lib\rustlib")).expect("a toolchain");
    let directories = targets.flatten().map(|target| target.path().join("bin"));
    let mut directories = directories.filter(|bin| bin.join("rust-lld.exe").is_file());
    directories.next().expect("rust-lld.exe in the toolchain")
}

/// The backend.
pub fn backend() -> PathBuf {
    backend_directory().join("rust-lld.exe")
}

/// PATH with the toolchain, as in rustc's child processes.
pub fn path_variable() -> OsString {
    let own = [toolchain().join("bin"), backend_directory()];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).expect("a path")
}

/// A working directory, which is removed at the end.
pub struct Work(tempfile::TempDir);

impl Work {
    /// An empty directory. Its name has a space and letters beyond ASCII.
    pub fn new() -> Self {
        Self::named("tést 目录 ")
    }

    /// An empty directory for the linker of the host, which takes only letters of the system's code page.
    pub fn for_host() -> Self {
        Self::named("a test ")
    }

    fn named(prefix: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(temporary())
            .expect("a working directory");
        fs::create_dir(directory.path().join("tmp")).expect("a directory");
        Self(directory)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in the directory.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, content).expect("a file that can be written");
        path
    }

    /// A command in this directory, with its `tmp` for temporary files.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("PATH", path_variable())
            .env("TMP", self.file("tmp"))
            .env("TEMP", self.file("tmp"));
        command
    }

    /// Links to `out.wasm`.
    pub fn link<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Linked {
        self.link_by(&mut self.command(linker()), arguments)
    }

    /// Links to `out.wasm` with a command. Checks that no temporary files remain.
    pub fn link_by<S: AsRef<OsStr>>(
        &self,
        command: &mut Command,
        arguments: impl IntoIterator<Item = S>,
    ) -> Linked {
        command
            .args(arguments)
            .args(["--no-entry", "-o", "out.wasm"]);
        let linked = said(command);
        self.has_no_temporaries();
        Linked {
            output: self.file("out.wasm"),
            ..linked
        }
    }

    /// Links for a host that reads the section NUMBERS. There must be no message.
    pub fn numbers<S: Into<OsString>>(&self, arguments: impl IntoIterator<Item = S>) -> Vec<u32> {
        let arguments = arguments.into_iter().map(Into::into);
        self.link(arguments.chain(reading())).numbers()
    }

    /// Checks that no temporary files remain.
    pub fn has_no_temporaries(&self) {
        let files = fs::read_dir(self.file("tmp")).expect("tmp").flatten();
        let files: Vec<_> = files.map(|entry| entry.path()).collect();
        assert!(files.is_empty(), "temporary files remain: {files:?}");
    }

    /// Runs rustc. It must succeed.
    pub fn rustc<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) {
        let rustc = toolchain().join(r"bin\rustc.exe");
        let mut command = self.command(rustc);
        command.args(["--target", WASM, "--edition=2021", "-Copt-level=1"]);
        let said = said(command.args(arguments));
        assert_eq!(said.status, 0, "{}", said.stderr);
    }
}

/// The arguments for a host that reads the section NUMBERS.
pub fn reading() -> [OsString; 2] {
    ["--export=__start_NUMBERS", "--export=__stop_NUMBERS"].map(Into::into)
}

/// The result of a program.
#[derive(Debug)]
pub struct Linked {
    /// The exit status.
    pub status: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error, with `\n` as the end of lines.
    pub stderr: String,
    /// The output file.
    pub output: PathBuf,
}

impl Linked {
    /// The numbers in the section NUMBERS of a link without messages.
    pub fn numbers(&self) -> Vec<u32> {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""));
        let module = fs::read(&self.output).expect("an output file");
        Instance::new(&module).words("NUMBERS")
    }
}

/// Runs a command.
pub fn said(command: &mut Command) -> Linked {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("a program that can be run");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Linked {
        status: status.code().expect("an exit status"),
        stdout: text(stdout),
        stderr: text(stderr),
        output: PathBuf::new(),
    }
}

/// An object with an entry of NUMBERS: this number.
pub fn number(value: u32) -> Vec<u8> {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    with_symbol(&OBJECT, "__link_section__NUMBERS$$", value)
}

/// An object without entries, with the symbol `plain_` and this number in eight hexadecimal digits.
pub fn plain(value: u32) -> Vec<u8> {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    with_symbol(&OBJECT, "plain_", value)
}

/// An object with one variable, and this number as its value and at the end of its name. rustc compiles `object`
/// once, and the number is replaced.
fn with_symbol(object: &OnceLock<Vec<u8>>, name: &str, value: u32) -> Vec<u8> {
    const PLACE: u32 = 0x5eed_5eed;
    let object = object.get_or_init(|| {
        let work = Work::new();
        let name = format!("{name}{PLACE:08x}");
        let source =
            format!("#![no_std] #[used] #[export_name = \"{name}\"] static N: u32 = {PLACE};");
        work.write("number.rs", source);
        work.rustc([
            "number.rs",
            "--crate-type=lib",
            "--emit=obj",
            "-o",
            "number.o",
        ]);
        fs::read(work.file("number.o")).expect("an object")
    });
    let mut object = object.clone();
    let replaced = [
        (PLACE.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()),
        (format!("{PLACE:08x}").into(), format!("{value:08x}").into()),
    ];
    for (from, to) in replaced {
        let places: Vec<_> = memchr::memmem::find_iter(&object, &from).collect();
        assert!(!places.is_empty(), "the number is not in the object");
        for at in places {
            object[at..at + from.len()].copy_from_slice(&to);
        }
    }
    object
}
