//! The backend is found in a Rust toolchain without starting a program, or by starting it once: as the kernel sees
//! it.

use crate::support::{Work, linker, setting};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A toolchain with `rust-lld`, and the directory of its wasm libraries.
fn toolchain(work: &Work, name: &str) -> (PathBuf, PathBuf) {
    let sysroot = work.file(name);
    work.script(&format!("{name}/lib/rustlib/host/bin/rust-lld"), "exit 0");
    let libraries = sysroot.join("lib/rustlib/wasm32-unknown-unknown/lib");
    fs::create_dir_all(&libraries).expect("a directory");
    (sysroot, libraries)
}

fn rust_lld(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/host/bin/rust-lld")
}

/// A `rustc` on PATH that says another sysroot: who starts it is slow.
fn decoy(work: &Work) -> PathBuf {
    let (decoy, _) = toolchain(work, "decoy");
    work.script("path/rustc", &format!("echo '{}'", decoy.display()));
    work.file("path")
}

/// The programs that a command starts (`execve`), without itself. Its environment is only PATH and a home.
struct Traced(Command);

impl Traced {
    fn new(work: &Work, program: &Path) -> Self {
        let mut command = Command::new(setting("WSL_STRACE"));
        command
            .args(["-f", "-s", "4096", "-o"])
            .arg(work.file("trace"))
            .args(["-e", "trace=execve"])
            .arg(program)
            .env_clear()
            .env("PATH", work.file("path"))
            .env("HOME", work.file("home"))
            .current_dir(work.path());
        Self(command)
    }

    fn with(mut self, edit: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        edit(&mut self.0);
        self
    }

    fn started(mut self, work: &Work) -> Vec<PathBuf> {
        let output = self.0.output().expect("strace");
        assert!(output.status.success(), "{output:?}");
        let trace = fs::read_to_string(work.file("trace")).expect("a trace");
        let lines = trace
            .lines()
            .filter(|line| line.contains("execve(") && !line.contains("= -1 "));
        let paths = lines.map(|line| PathBuf::from(line.split('"').nth(1).expect("a path")));
        paths.skip(1).collect()
    }
}

#[test]
fn the_toolchain_that_runs_the_link_is_found_without_starting_anything() {
    let work = Work::new();
    decoy(&work);
    let (sysroot, libraries) = toolchain(&work, "toolchain");
    let expected = [rust_lld(&sysroot)];
    let ours = || Traced::new(&work, linker());

    // What rustc passes.
    let library = work.write("libcore.rlib", "!<arch>\n");
    let rlib = libraries.join("libcore-0123456789abcdef.rlib");
    fs::copy(library, &rlib).expect("a copy");
    let started = ours().with(|command| command.arg(&rlib)).started(&work);
    assert_eq!(started, expected, "a library");
    let directory = libraries.join("self-contained");
    for words in [
        vec![OsStr::new("-L"), directory.as_os_str()],
        vec![OsStr::new("--library-path"), directory.as_os_str()],
    ] {
        let started = ours().with(|command| command.args(&words)).started(&work);
        assert_eq!(started, expected, "{words:?}");
    }

    // What cargo and rustup set.
    let (rustc, cargo) = (sysroot.join("bin/rustc"), sysroot.join("bin/cargo"));
    for program in ["toolchain/bin/rustc", "toolchain/bin/cargo"] {
        work.script(program, "exit 9");
    }
    for (variable, program) in [("RUSTC", &rustc), ("CARGO", &cargo)] {
        let started = ours().with(|command| command.env(variable, program));
        assert_eq!(started.started(&work), expected, "{variable}");
    }
    let toolchains = work.file("rustup/toolchains");
    fs::create_dir_all(&toolchains).expect("a directory");
    symlink(&sysroot, toolchains.join("mine")).expect("a symlink");
    let by_rustup = ours()
        .with(|command| command.env("RUSTUP_HOME", work.file("rustup")))
        .with(|command| command.env("RUSTUP_TOOLCHAIN", "mine"));
    assert_eq!(
        by_rustup.started(&work),
        [rust_lld(&toolchains.join("mine"))]
    );

    // rustc on PATH, with its libraries.
    let bin = sysroot.join("bin");
    let started = ours().with(|command| command.env("PATH", &bin));
    assert_eq!(started.started(&work), expected);
}

/// The parent is a shell that has the name of rustc.
#[test]
fn the_rustc_that_is_our_parent_is_the_toolchain() {
    let work = Work::new();
    decoy(&work);
    let (sysroot, _) = toolchain(&work, "toolchain");
    let shell = fs::canonicalize("/bin/sh").expect("a shell");
    let script = work.write(
        "link.sh",
        format!("'{}' --no-entry\nexit $?\n", linker().display()),
    );
    let programs = [
        sysroot.join("bin/rustc"),
        // It is in the directory of `rust-lld`.
        sysroot.join("lib/rustlib/host/bin/wasm-component-ld"),
    ];
    for program in programs {
        fs::create_dir_all(program.parent().expect("a directory")).expect("a directory");
        fs::copy(&shell, &program).expect("a copy");
        let started = Traced::new(&work, &program)
            .with(|command| command.arg(&script))
            .started(&work);
        assert_eq!(started, [linker().to_path_buf(), rust_lld(&sysroot)]);
    }
    // A program of another name says nothing.
    fs::copy(&shell, sysroot.join("bin/make")).expect("a copy");
    let started = Traced::new(&work, &sysroot.join("bin/make"))
        .with(|command| command.arg(&script))
        .started(&work);
    let asked = work.file("path/rustc");
    let expected = [linker().to_path_buf(), asked, rust_lld(&work.file("decoy"))];
    assert_eq!(started, expected);
}

/// What is no toolchain, or has no `rust-lld`, is passed over.
#[test]
fn an_incomplete_toolchain_does_not_matter() {
    let work = Work::new();
    decoy(&work);
    let libraries = work.file("other/lib/rustlib/wasm32-unknown-unknown/lib");
    fs::create_dir_all(&libraries).expect("a directory");
    let cargo = work.script("other/bin/cargo", "exit 9");
    let started = Traced::new(&work, linker())
        .with(|command| command.arg("-L").arg(&libraries))
        .with(|command| command.args(["-L", "lib/rustlib/wasm32-unknown-unknown/lib"]))
        .with(|command| command.env("CARGO", &cargo).env("RUSTC", "rustc"))
        .with(|command| command.env("RUSTUP_TOOLCHAIN", "missing"));
    let expected = [work.file("path/rustc"), rust_lld(&work.file("decoy"))];
    assert_eq!(started.started(&work), expected);
}

/// rustup as it is installed: `rustc` is a link to it. It says `toolchain`, whatever is asked.
struct Rustup {
    work: Work,
    backend: PathBuf,
}

impl Rustup {
    fn new() -> Self {
        let work = Work::new();
        let (sysroot, _) = toolchain(&work, "toolchain");
        fs::create_dir_all(work.file("home/.rustup/toolchains")).expect("a directory");
        let rustup = Self {
            backend: rust_lld(&sysroot),
            work,
        };
        rustup.install("");
        symlink("rustup", rustup.work.file("path/rustc")).expect("a symlink");
        rustup
    }

    fn install(&self, more: &str) {
        let sysroot = self.work.file("toolchain");
        let text = format!("echo '{}' {more}", sysroot.display());
        self.work.script("path/rustup", &text);
    }

    fn settings(&self, text: &str) {
        self.work.write("home/.rustup/settings.toml", text);
    }

    /// Whether a link in this directory asks it. Both ways, the link runs the same backend.
    fn is_asked_in(&self, directory: &Path, variable: Option<&str>) -> bool {
        let started = Traced::new(&self.work, linker())
            .with(|command| command.current_dir(directory))
            .with(|command| command.envs(variable.map(|name| ("RUSTUP_TOOLCHAIN", name))))
            .started(&self.work);
        assert_eq!(started.last(), Some(&self.backend));
        match started.len() {
            1 => false,
            2 => started[0] == self.work.file("path/rustc"),
            _ => panic!("{started:?}"),
        }
    }

    fn is_asked(&self) -> bool {
        self.is_asked_in(self.work.path(), None)
    }

    /// Whether it is asked once more, and then no more.
    fn is_asked_once(&self) -> bool {
        self.is_asked() && !self.is_asked()
    }
}

#[test]
fn rustup_is_asked_again_only_if_its_answer_may_be_another() {
    let rustup = Rustup::new();
    let work = &rustup.work;
    assert!(rustup.is_asked_once(), "for the first time");

    rustup.settings("default_toolchain = \"stable\"\n\n[overrides]\n");
    assert!(rustup.is_asked_once(), "another default");

    fs::create_dir(work.file("home/.rustup/toolchains/new")).expect("a directory");
    assert!(rustup.is_asked_once(), "a new toolchain");

    rustup.install("# as updated");
    assert!(rustup.is_asked_once(), "another rustup");

    // Where there are no overrides, the directory does not matter, but for a file in it or above.
    let inner = work.file("project/inner");
    fs::create_dir_all(&inner).expect("a directory");
    assert!(!rustup.is_asked_in(&inner, None));
    for name in ["rust-toolchain.toml", "rust-toolchain"] {
        for content in ["nightly", "beta"] {
            work.write(&format!("project/{name}"), content);
            assert!(rustup.is_asked_in(&inner, None), "{name}: {content}");
            assert!(!rustup.is_asked_in(&inner, None), "{name}: {content}");
        }
    }
    assert!(!rustup.is_asked(), "a file that is not above");

    let before = "default_toolchain = \"stable\"\n\n[overrides]\n\"/somewhere\" = \"nightly\"\n";
    rustup.settings(before);
    assert!(rustup.is_asked_once(), "an override");
    let other = work.file("other");
    fs::create_dir(&other).expect("a directory");
    assert!(rustup.is_asked_in(&other, None), "another directory");
    assert!(!rustup.is_asked_in(&other, None));

    assert!(rustup.is_asked_in(&other, Some("nightly")), "by name");
    assert!(!rustup.is_asked_in(&other, Some("nightly")));
}

#[test]
fn a_toolchain_that_is_gone_is_asked_for_again() {
    let mut rustup = Rustup::new();
    assert!(rustup.is_asked_once());
    let work = &rustup.work;
    let (from, to) = (work.file("toolchain"), work.file("moved"));
    fs::rename(&from, &to).expect("a move");
    symlink(&to, &from).expect("a symlink");
    assert!(!rustup.is_asked(), "it is there again");
    fs::remove_file(&from).expect("a symlink");
    // As it is now installed elsewhere, in the same second and with the same size.
    let (elsewhere, _) = toolchain(work, "toolch@in");
    let script = fs::read_to_string(work.file("path/rustup")).expect("a script");
    let times = fs::metadata(work.file("path/rustup")).and_then(|it| it.modified());
    let script = script.replace("/toolchain'", "/toolch@in'");
    fs::write(work.file("path/rustup"), script).expect("a script");
    let file = fs::File::options()
        .write(true)
        .open(work.file("path/rustup"));
    file.expect("a script")
        .set_modified(times.expect("a time"))
        .expect("a time");
    rustup.backend = rust_lld(&elsewhere);
    assert!(rustup.is_asked_once());
}

/// A failure of the cache is no failure of the link: rustup is asked each time.
#[test]
fn a_cache_that_cannot_be_used_is_no_error() {
    let rustup = Rustup::new();
    let work = &rustup.work;
    let directory = work.file("home/.cache/wasm-section-ld");
    work.write("home/.cache", "");
    assert!(rustup.is_asked() && rustup.is_asked(), "a file");
    fs::remove_file(work.file("home/.cache")).expect("a file");
    fs::create_dir_all(directory.join("answers")).expect("a directory");
    assert!(rustup.is_asked() && rustup.is_asked(), "a directory");
    fs::remove_dir(directory.join("answers")).expect("a directory");
    for damaged in [&b"\xff\xfe\0"[..], b"0123456789abcdef", b"\n\n \n"] {
        fs::write(directory.join("answers"), damaged).expect("a file");
        assert!(rustup.is_asked_once(), "{damaged:?}");
    }
}

/// The file does not grow with the number of directories.
#[test]
fn only_some_answers_are_kept() {
    let rustup = Rustup::new();
    let work = &rustup.work;
    for count in 0..40 {
        rustup.settings(&format!("version = {count}\n"));
        assert!(rustup.is_asked());
    }
    let answers = fs::read_to_string(work.file("home/.cache/wasm-section-ld/answers"));
    let answers = answers.expect("answers");
    assert_eq!(answers.lines().count(), 32, "{answers}");
    assert!(!rustup.is_asked(), "the last one is kept");
}

/// Wrappers of other tools may go by anything.
#[test]
fn a_rustc_that_is_no_proxy_of_rustup_is_always_asked() {
    let work = Work::new();
    let path = decoy(&work);
    for _ in 0..2 {
        let started = Traced::new(&work, linker()).started(&work);
        let expected = [path.join("rustc"), rust_lld(&work.file("decoy"))];
        assert_eq!(started, expected);
    }
    assert!(!work.file("home").exists());
}
