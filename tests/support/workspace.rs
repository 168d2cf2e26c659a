//! Runs the tests of Cargo workspaces on the host and on wasm.

use super::rust::cargo;
use super::{linker, setting, tool};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target whose programs, including `libtest`, run in Node.
pub const WASI: &str = "wasm32-wasip1";

/// The targets that our linker links for.
pub const WASM_TARGETS: [&str; 3] = ["wasm32-unknown-unknown", "wasm32v1-none", WASI];

/// A directory with a `Cargo.toml`.
pub struct Workspace {
    directory: PathBuf,
    target_directory: PathBuf,
    flags: Vec<String>,
    rustc: Option<PathBuf>,
}

/// The outcomes of tests, by `BINARY::TEST`.
pub type Outcomes = BTreeMap<String, String>;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a directory. Does not touch unchanged files, so that cargo does not rebuild.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            write(&target, &fs::read(&source).expect("a file"));
        }
    }
}

/// Writes a file and creates its directory, unless the file is unchanged.
pub fn write(path: &Path, content: &[u8]) {
    if fs::read(path).is_ok_and(|found| found == content) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, content).expect("a file that can be written");
}

impl Workspace {
    /// The workspace in `directory`. `target_directory` is the name of its target directory in `target/tests`.
    pub fn new(directory: impl Into<PathBuf>, target_directory: &str) -> Self {
        Self {
            directory: directory.into(),
            target_directory: root().join("target/tests").join(target_directory),
            flags: Vec::new(),
            rustc: None,
        }
    }

    /// The same with flags for rustc on wasm targets.
    pub fn with(self, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self { flags, ..self }
    }

    /// The same with the compiler and the sysroot of these settings.
    pub fn by(self, rustc: &str, sysroot: &str) -> Self {
        let sysroot = setting(sysroot);
        let flags = (!sysroot.is_empty()).then(|| format!("--sysroot={sysroot}"));
        Self {
            flags: flags.into_iter().collect(),
            rustc: Some(tool(rustc)),
            ..self
        }
    }

    /// A cargo command, with our linker for wasm.
    pub fn cargo<'w>(&self, arguments: impl IntoIterator<Item = &'w str>) -> Command {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let mut command = cargo();
        if !arguments.contains(&"--target") {
            // The sysroot of ci/setup has no std for the host.
            command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        } else {
            self.set_flags(&mut command);
        }
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
        }
        let node = tool("WSL_NODE");
        let runner = root().join("tests/support/wasi.mjs");
        let runner = format!("{} --no-warnings {}", node.display(), runner.display());
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", &self.target_directory)
            .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner);
        for target in WASM_TARGETS {
            let target = target.to_uppercase().replace('-', "_");
            command.env(format!("CARGO_TARGET_{target}_LINKER"), linker());
        }
        command
    }

    fn set_flags(&self, command: &mut Command) {
        const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";
        let known = |(name, value)| (name == FLAGS).then_some(value)?;
        let own = command.get_envs().find_map(known);
        let own = own
            .filter(|_| self.rustc.is_none())
            .map(|own| own.to_string_lossy().into_owned());
        let flags: Vec<_> = own.into_iter().chain(self.flags.iter().cloned()).collect();
        if flags.is_empty() {
            command.env_remove(FLAGS);
        } else {
            command.env(FLAGS, flags.join("\x1f"));
        }
    }

    /// Runs cargo and returns its standard output and standard error. It must succeed.
    pub fn run<'w>(&self, arguments: impl IntoIterator<Item = &'w str>) -> (String, String) {
        let mut command = self.cargo(arguments);
        let output = command.output().expect("a cargo that can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command:?}\n{stdout}{stderr}");
        (stdout, stderr)
    }

    /// Runs tests, which must all pass or be ignored. `arguments` select the tests and the target.
    pub fn test(&self, arguments: &[&str]) -> Outcomes {
        let all = ["test", "--locked", "--tests", "--no-fail-fast"];
        let mut command = self.cargo(all.into_iter().chain(arguments.iter().copied()));
        // Merge both streams, so that each line follows the name of its binary.
        let output = Command::new("sh")
            .args(["-c", "exec \"$@\" 2>&1", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(&self.directory)
            .env_clear()
            .envs(environment(&command))
            .output()
            .expect("a cargo that can be run");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        command.env_clear();
        assert!(output.status.success(), "{command:?}\n{printed}");
        outcomes(&printed)
    }

    /// The path of a file that was built for a target.
    pub fn built(&self, target: &str, profile: &str, name: &str) -> PathBuf {
        self.target_directory.join(target).join(profile).join(name)
    }
}

/// The environment of a command: ours with its changes.
fn environment(command: &Command) -> BTreeMap<std::ffi::OsString, std::ffi::OsString> {
    let mut environment: BTreeMap<_, _> = std::env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => environment.insert(name.into(), value.into()),
            None => environment.remove(name),
        };
    }
    environment
}

/// Parses the output of `cargo test`: `Running tests/NAME.rs (…)`, then `test PATH ... ok`.
fn outcomes(printed: &str) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut binary = String::new();
    for line in printed.lines().map(str::trim) {
        if let Some(file) = line.strip_prefix("Running ") {
            let file = file.split(' ').find(|part| part.ends_with(".rs"));
            let stem = Path::new(file.unwrap_or_default()).file_stem();
            binary = stem.unwrap_or_default().to_string_lossy().into_owned();
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some((name, outcome)) = test.split_once(" ... ")
        {
            let outcome = outcome.split(',').next().unwrap_or_default();
            outcomes.insert(format!("{binary}::{name}"), outcome.to_owned());
        }
    }
    outcomes
}
