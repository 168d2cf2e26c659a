//! Finds the sysroots of Rust toolchains: of the one that runs this link, and then of the `rustc` on PATH. `rustc
//! --print sysroot` would say it, but where `rustc` is rustup's proxy that takes 25 to 100 ms, longer than many
//! links. So nothing is started if the sysroot is known without.

use super::answers;
use super::locate::{exe, path_directories};
use crate::args::{CommandLine, Id, Meaning};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The sysroots, the likeliest first. Each is looked for only when it is asked for.
pub fn sysroots(line: &CommandLine) -> impl Iterator<Item = PathBuf> {
    std::iter::once_with(|| of_libraries(line))
        .chain(std::iter::once_with(of_parent))
        .chain(std::iter::once_with(|| of_variable("RUSTC")))
        .chain(std::iter::once_with(of_rustup_variable))
        .chain(std::iter::once_with(|| of_variable("CARGO")))
        .chain(std::iter::once_with(of_rustc_on_path))
        .flatten()
}

/// The sysroot whose libraries the command line names.
fn of_libraries(line: &CommandLine) -> Option<PathBuf> {
    line.arguments().find_map(|(_, argument)| {
        let (Meaning::Input(path)
        | Meaning::Ambiguous(path)
        | Meaning::Option(Id::LibraryPath, path)) = &argument.meaning
        else {
            return None;
        };
        above_libraries(Path::new(path))
    })
}

/// The part of a path before `lib/rustlib`, if it is absolute.
fn above_libraries(path: &Path) -> Option<PathBuf> {
    let names: Vec<&OsStr> = path.iter().collect();
    let index = names
        .windows(2)
        .rposition(|pair| pair[0] == "lib" && pair[1] == "rustlib")?;
    Some(names[..index].iter().collect()).filter(|sysroot: &PathBuf| sysroot.is_absolute())
}

/// The sysroot of the process that runs this one, if that is rustc, or a program of its toolchain such as
/// `wasm-component-ld`.
#[cfg(target_os = "linux")]
fn of_parent() -> Option<PathBuf> {
    let parent = std::os::unix::process::parent_id();
    let program = fs::read_link(format!("/proc/{parent}/exe")).ok()?;
    above_libraries(&program).or_else(|| {
        let is_rustc = program.file_stem().is_some_and(|stem| stem == "rustc");
        is_rustc.then(|| above_program(&program)).flatten()
    })
}

#[cfg(not(target_os = "linux"))]
fn of_parent() -> Option<PathBuf> {
    None
}

/// The sysroot of the program that a variable of cargo names.
fn of_variable(variable: &str) -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os(variable)?);
    program
        .is_absolute()
        .then(|| above_program(&program))
        .flatten()
}

/// The toolchain that rustup's proxy has chosen for the programs below it.
fn of_rustup_variable() -> Option<PathBuf> {
    let name = std::env::var_os("RUSTUP_TOOLCHAIN").filter(|name| !name.is_empty())?;
    let sysroot = rustup_home()?.join("toolchains").join(name);
    Some(sysroot).filter(|sysroot| is_sysroot(sysroot))
}

/// The sysroot whose `bin` has this program. Proxies and wrappers are in none.
fn above_program(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    let sysroot = program.parent()?.parent()?;
    is_sysroot(sysroot).then(|| sysroot.to_path_buf())
}

fn is_sysroot(directory: &Path) -> bool {
    directory.join("lib").join("rustlib").is_dir()
}

/// The sysroot of the first `rustc` on PATH. It is started unless it is beside its libraries, or is rustup's proxy,
/// whose answer depends on a few files only.
fn of_rustc_on_path() -> Option<PathBuf> {
    let mut programs = path_directories()
        .into_iter()
        .map(|directory| directory.join(exe("rustc")));
    let rustc = programs.find(|path| path.is_file())?;
    let known = above_program(&rustc);
    known.or_else(|| {
        let sysroot = match rustup(&rustc) {
            Some(rustup) => answers::answer(
                &RustupQuestion::new(&rustup),
                |sysroot| Path::new(sysroot).is_dir(),
                || ask(&rustc),
            ),
            None => ask(&rustc),
        };
        sysroot.map(PathBuf::from)
    })
}

fn ask(rustc: &Path) -> Option<String> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let sysroot = sysroot.trim();
    (output.status.success() && !sysroot.is_empty()).then(|| sysroot.to_owned())
}

/// The `rustup` that a program is: by a symlink, or by a hard link or a copy beside it.
fn rustup(program: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(program).ok()?;
    if target.file_stem().is_some_and(|stem| stem == "rustup") {
        return Some(target);
    }
    let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    let beside = program.with_file_name(exe("rustup"));
    (length(&beside)? == length(&target)?).then_some(beside)
}

fn rustup_home() -> Option<PathBuf> {
    let set = std::env::var_os("RUSTUP_HOME").filter(|home| !home.is_empty());
    set.map(PathBuf::from)
        .or_else(|| Some(answers::home()?.join(".rustup")))
}

/// Everything by which rustup chooses a toolchain.
#[derive(Hash)]
struct RustupQuestion {
    /// The program, its size and when it was written.
    rustup: (PathBuf, Option<(u64, Option<SystemTime>)>),
    home: Option<PathBuf>,
    variable: Option<std::ffi::OsString>,
    /// The default toolchain and the overrides: of the user, and of the system.
    settings: [Option<String>; 2],
    /// When a toolchain was last added or removed.
    toolchains: Option<SystemTime>,
    /// The `rust-toolchain` of the nearest directory with one.
    files: Vec<(PathBuf, String)>,
    /// The current directory, if there are overrides for directories.
    directory: Option<PathBuf>,
}

impl RustupQuestion {
    fn new(rustup: &Path) -> Self {
        let metadata = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.len(), metadata.modified().ok()))
        };
        let home = rustup_home();
        let own = home.as_deref().map(|home| home.join("settings.toml"));
        let settings = own.as_deref().map(fs::read_to_string);
        let settings = settings.and_then(Result::ok);
        let overrides = settings
            .as_deref()
            .and_then(|all| all.split_once("[overrides]"));
        let current = std::env::current_dir().ok();
        Self {
            rustup: (rustup.to_path_buf(), metadata(rustup)),
            variable: std::env::var_os("RUSTUP_TOOLCHAIN"),
            toolchains: home
                .as_deref()
                .and_then(|home| metadata(&home.join("toolchains"))?.1),
            home,
            files: current.as_deref().map(toolchain_files).unwrap_or_default(),
            directory: current.filter(|_| overrides.is_some_and(|(_, all)| all.contains('='))),
            settings: [
                settings,
                fs::read_to_string("/etc/rustup/settings.toml").ok(),
            ],
        }
    }
}

/// The files that choose a toolchain in the first of a directory and those above it that has any.
fn toolchain_files(directory: &Path) -> Vec<(PathBuf, String)> {
    let in_directory = |directory: &Path| -> Vec<_> {
        ["rust-toolchain", "rust-toolchain.toml"]
            .into_iter()
            .filter_map(|name| {
                let file = directory.join(name);
                let content = fs::read_to_string(&file).ok()?;
                Some((file, content))
            })
            .collect()
    };
    directory
        .ancestors()
        .map(in_directory)
        .find(|files| !files.is_empty())
        .unwrap_or_default()
}
