//! Files that cannot be written, that change meanwhile, or that are the same.

use super::{
    BEFORE, command, entry, entry_of, failed, nothing_changed, nothing_left, processes, reading,
    wait_until,
};
use crate::args;
use crate::support::refusal::says;
use crate::support::{Instance, Work, linker, setting, tool};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

#[test]
fn temporary_files_are_the_users_own() {
    let work = Work::new();
    let object = entry(&work);
    let backend = work.script(
        "backend",
        "cd tmp; ls -ld wasm-section-ld-* | cut -c1-10; umask",
    );
    let mut shell = Command::new("/bin/sh");
    shell
        .args(args![
            "-c",
            r#"umask 000; exec "$0" "$@""#,
            linker(),
            object
        ])
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    let output = shell.output().expect("our linker");
    // And the output is as open as the user wants it.
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "drwx------\n0000\n"
    );
}

/// Runs `command` as a user who is not root, whom no permission stops.
fn as_nobody(command: &mut Command, directory: &Path) {
    if fs::metadata(directory).expect("metadata").uid() == 0 {
        const NOBODY: u32 = 65534;
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

/// A directory that anyone can get at, with our linker and an object with an entry in it.
fn public_directory(work: &Work) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fs::copy(entry(work), path.join("entry.o")).expect("a copy");
    work.executable(linker(), &path.join("wasm-section-ld"));
    fs::create_dir(path.join("tmp")).expect("a directory");
    mode(path, 0o755);
    directory
}

fn in_public(path: &Path) -> Command {
    let mut command = Command::new(path.join("wasm-section-ld"));
    command
        .args(["--no-entry", "entry.o"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", "tmp")
        .current_dir(path);
    as_nobody(&mut command, path);
    command
}

#[test]
fn a_temporary_directory_that_may_not_be_written() {
    let work = Work::new();
    let directory = public_directory(&work);
    let path = directory.path();
    mode(&path.join("tmp"), 0o555);
    mode(path, 0o777);
    fs::write(path.join("out.wasm"), BEFORE).expect("a file");
    // With this option the files are not in memory, as lld names them.
    let output = in_public(path)
        .args(["-o", "out.wasm", "--verbose"])
        .output()
        .expect("our linker");
    // Another directory is used, and nothing is left there. See tests/hermetic.rs.
    assert!(output.status.success(), "{output:?}");
    let linked = fs::read(path.join("out.wasm")).expect("it");
    assert_ne!(linked, BEFORE.as_bytes());
}

#[test]
fn an_output_that_may_not_be_written() {
    let work = Work::new();
    let directory = public_directory(&work);
    let path = directory.path();
    mode(&path.join("tmp"), 0o777);
    fs::create_dir(path.join("closed")).expect("a directory");
    fs::write(path.join("closed/out.wasm"), BEFORE).expect("a file");
    mode(&path.join("closed"), 0o555);
    for out in ["closed/out.wasm", "closed", "nowhere/out.wasm"] {
        let ours = in_public(path)
            .args(["-o", out])
            .output()
            .expect("our linker");
        let mut plain = Command::new(tool("WSL_WASM_LD"));
        plain
            .args(["--no-entry", "entry.o", "-o", out])
            .current_dir(path);
        as_nobody(&mut plain, path);
        let plain = plain.output().expect("a linker");
        // Whatever the backend says.
        assert_eq!(ours.status.code(), plain.status.code(), "{out}: {ours:?}");
        assert_eq!(
            String::from_utf8_lossy(&ours.stderr),
            String::from_utf8_lossy(&plain.stderr)
        );
        assert_eq!(ours.status.code(), Some(1), "{out}: {ours:?}");
        assert_eq!(fs::read_dir(path.join("tmp")).expect("tmp").count(), 0);
        let before = fs::read_to_string(path.join("closed/out.wasm")).expect("it");
        assert_eq!(before, BEFORE);
    }
}

#[test]
fn an_output_on_another_file_system() {
    let elsewhere = Path::new("/dev/shm");
    let work = Work::new();
    let directory = tempfile::tempdir_in(elsewhere).expect("a directory in memory");
    let device = |path: &Path| fs::metadata(path).expect("metadata").dev();
    assert_ne!(
        device(directory.path()),
        device(work.path()),
        "one file system"
    );
    let out = directory.path().join("out.wasm");
    let here = work.link(reading(&[entry(&work)]));
    let mut command = Command::new(linker());
    command
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", work.file("tmp"));
    let status = command
        .args(reading(&[entry(&work)]))
        .arg("-o")
        .arg(&out)
        .status();
    assert!(status.expect("our linker").success());
    assert!(fs::read(&out).expect("a module") == here.silent());
    nothing_left(&work);
}

#[test]
fn an_output_that_is_an_input_too() {
    let work = Work::new();
    let other = entry_of(&work, "other", 8);
    // The name of the output is in the module.
    let first = work.link(reading(&[entry(&work), other.clone()])).silent();
    let input = work.file("out.wasm");
    fs::copy(work.file("entry.o"), &input).expect("a copy");
    let linked = work.link(reading(&[input, other]));
    assert!(linked.silent() == first);
    assert_eq!(Instance::new(&first).words("NUMBERS"), [7, 7, 0]);
}

#[test]
fn an_input_that_is_truncated_while_it_is_mapped() {
    let work = Work::new();
    let large = entry_of(&work, "large", 1 << 20);
    let pipe = work.file("pipe.o");
    work.run("mkfifo", [&pipe]);
    // Opened after the first input, and only when somebody writes to it.
    let mut command = command(&work, &tool("WSL_WASM_LD"));
    let child = command.args([&large, &pipe]).spawn().expect("our linker");
    let maps = format!("/proc/{}/maps", child.id());
    wait_until("the input is mapped", || {
        fs::read_to_string(&maps).is_ok_and(|maps| maps.contains("large.o"))
    });
    fs::File::options()
        .write(true)
        .open(&large)
        .expect("it")
        .set_len(0)
        .expect("it is shorter");
    fs::write(&pipe, fs::read(entry(&work)).expect("an object")).expect("a pipe");
    let output = child.wait_with_output().expect("our linker");
    let said = ["large.o", "the file was truncated", ">>> another program"];
    says(&failed(&work, &output), &said);
}

/// Lets another program do something with the input `name` when temporary files are about to be written, which is
/// late, and gives what our linker says.
fn meanwhile(work: &Work, words: &[OsString], change: impl FnOnce()) -> Output {
    let link = command(work, &tool("WSL_WASM_LD"));
    let mut command = Command::new(setting("WSL_STRACE"));
    command
        .args([
            "-e",
            "inject=memfd_create:delay_exit=1500000:when=1",
            "-o",
            "trace",
        ])
        .arg(link.get_program())
        .args(link.get_args())
        .args(words)
        .current_dir(work.path())
        .stderr(Stdio::piped());
    for (name, value) in link.get_envs() {
        command.env(name, value.expect("a value"));
    }
    let strace = command.spawn().expect("strace");
    wait_until("the inputs are read", || has_temporary_file(work));
    change();
    strace.wait_with_output().expect("strace")
}

/// Whether a process that is at work in the directory has a temporary file in memory.
fn has_temporary_file(work: &Work) -> bool {
    let files = processes(work)
        .into_iter()
        .flat_map(|process| fs::read_dir(process.join("fd")));
    let mut links = files
        .flatten()
        .flatten()
        .flat_map(|file| fs::read_link(file.path()));
    links.any(|link| link.to_string_lossy().contains("memfd:wasm-section-ld"))
}

fn no_output(work: &Work, output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    nothing_left(work);
    message
}

/// It is read until the last temporary file is written.
#[test]
fn an_input_that_is_truncated_while_temporary_files_are_written() {
    let work = Work::new();
    // So large that it is mapped.
    let large = entry_of(&work, "large", 1 << 20);
    let output = meanwhile(&work, &reading(std::slice::from_ref(&large)), || {
        let file = fs::File::options().write(true).open(&large);
        file.and_then(|file| file.set_len(0)).expect("shorter");
    });
    let said = ["large.o", "the file was truncated", ">>> another program"];
    says(&failed(&work, &output), &said);
}

/// Only what the system says of a mapping of ours is that.
#[test]
fn the_same_signal_from_somebody_else() {
    let work = Work::new();
    let large = entry_of(&work, "large", 1 << 20);
    let link = command(&work, &tool("WSL_WASM_LD"));
    let mut command = Command::new(setting("WSL_STRACE"));
    command
        .args(["-e", "inject=memfd_create:signal=SIGBUS", "-o", "trace"])
        .arg(link.get_program())
        .args(link.get_args())
        .args(reading(&[large]))
        .current_dir(work.path());
    for (name, value) in link.get_envs() {
        command.env(name, value.expect("a value"));
    }
    let output = command.output().expect("strace");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.signal(),
        Some(Signal::BUS.as_raw()),
        "{message}"
    );
    assert!(!message.contains("truncated"), "{message}");
    nothing_changed(&work);
}

/// What an input is changed to, and from.
type Change = fn(&Path);

#[test]
fn an_input_that_is_changed_meanwhile() {
    let work = Work::new();
    let marked = entry(&work);
    let large = work.c("large", "char large[100000] = { 1 };");
    let member = work.c("member", "int member;");
    let other = work.c("other", "int other;");
    let archive = work.archive("lib.a", &[&member]);
    let thin = work.archive_with("rcsT", "thin.a", &[&other]);
    let words = args![marked, large, archive, thin, "--no-entry"];
    let in_place: Change = |path| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().read(true).write(true).open(path);
        let file = file.expect("it");
        let mut last = [0];
        let at = file.metadata().expect("metadata").len() - 1;
        file.read_exact_at(&mut last, at).expect("a byte");
        file.write_all_at(&[last[0] ^ 1], at).expect("written");
    };
    let replaced: Change = |path| {
        let new = path.with_extension("new");
        fs::copy(path, &new).expect("a copy");
        fs::rename(new, path).expect("renamed");
    };
    let removed: Change = |path| fs::remove_file(path).expect("removed");
    for change in [in_place, replaced, removed] {
        for file in [&marked, &large, &archive, &other] {
            let before = fs::read(file).expect("an input");
            let output = meanwhile(&work, &words, || change(file));
            let message = no_output(&work, &output);
            fs::write(file, before).expect("as it was");
            let name = file.file_name().expect("a name").to_string_lossy();
            says(
                &message,
                &[
                    &name,
                    ": the file changed during the link",
                    ">>> another program",
                ],
            );
            assert!(!work.file("out.wasm").exists(), "{name}: an output");
        }
    }
    // A new name for it, as build systems make, is no change.
    let output = meanwhile(&work, &words, || {
        fs::hard_link(&marked, work.file("linked.o")).expect("a link");
    });
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn links_at_once_in_one_directory() {
    let work = Work::new();
    let words = reading(&[entry(&work), entry_of(&work, "other", 8)]);
    let expected = work.link(&words).silent();
    // Each to a directory of its own; then all to the same file.
    for shared in [false, true] {
        let out = |number: usize| match shared {
            true => work.file("shared/out.wasm"),
            false => work.file(&format!("{number}/out.wasm")),
        };
        let start = |number: usize| {
            fs::create_dir_all(out(number).parent().expect("a directory")).expect("a directory");
            let mut command = command(&work, &tool("WSL_WASM_LD"));
            command.args(&words).arg("-o").arg(out(number));
            command.spawn().expect("our linker")
        };
        let links: Vec<Child> = (0..6).map(start).collect();
        for (number, link) in links.into_iter().enumerate() {
            let output = link.wait_with_output().expect("our linker");
            assert!(output.status.success(), "{output:?}");
            assert!(fs::read(out(number)).expect("a module") == expected);
        }
        nothing_left(&work);
    }
}
