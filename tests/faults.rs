//! "Faults": the disk is full, a signal comes, a file changes or cannot be written. After each: an
//! exit status that says so, no temporary file, and the last output still there, unless the backend
//! itself has changed it.

use crate::args;
use crate::support::instance::export_section;
use crate::support::refusal::says;
use crate::support::{Instance, Work, linker, tool};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BEFORE: &str = "the output of the last good build";

/// An object with an entry of `size` bytes.
fn entry_of(work: &Work, name: &str, size: u32) -> PathBuf {
    let symbol = format!("__link_section__NUMBERS$${name}");
    let source = format!("int {name}[{size} / 4] __asm__(\"{symbol}\") = {{ 7 }};");
    work.c(name, &source)
}

fn entry(work: &Work) -> PathBuf {
    entry_of(work, "entry", 4)
}

/// Our linker on its way to `out.wasm`, where there is an output already.
///
/// Signals have their default effect whatever started these tests: what a
/// shell runs in the background has SIGINT ignored, and that is inherited.
fn command(work: &Work, backend: &Path) -> Command {
    work.write("out.wasm", BEFORE);
    let mut command = Command::new("env");
    command
        .arg("--default-signal=HUP,INT,TERM")
        .arg(linker())
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .args(["--no-entry", "-o", "out.wasm"])
        .current_dir(work.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn wait_until(what: &str, happened: impl Fn() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process has ended, though nobody has asked how.
fn has_ended(id: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
    status.is_ok_and(|status| {
        status
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a process");
}

fn nothing_left(work: &Work) {
    let left: Vec<_> = fs::read_dir(work.file("tmp"))
        .expect("tmp")
        .flatten()
        .collect();
    assert!(left.is_empty(), "temporary files were left: {left:?}");
}

/// The message of a link that failed by itself.
fn failed(work: &Work, output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    assert!(
        !message.contains("wasm-section-ld-"),
        "a temporary name: {message}"
    );
    nothing_left(work);
    assert_eq!(
        fs::read_to_string(work.file("out.wasm")).expect("it"),
        BEFORE
    );
    message
}

#[test]
fn a_signal_ends_the_backend_too_and_nothing_is_left() {
    let work = Work::new();
    let object = entry(&work);
    let running = work.file("running");
    let backend = work.script("backend", "echo $$ >pid; mv pid running; exec sleep 90");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let _ = fs::remove_file(&running);
        let child = command(&work, &backend)
            .arg(&object)
            .spawn()
            .expect("our linker");
        wait_until("the backend runs", || running.exists());
        assert_eq!(fs::read_dir(work.file("tmp")).expect("tmp").count(), 1);
        send(&child, signal);
        let id = Pid::from_child(&child);
        wait_until("our linker has ended", || has_ended(id));
        let output = child.wait_with_output().expect("our linker");
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
        let id = fs::read_to_string(&running).expect("a process id");
        let id = id
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        assert!(test_kill_process(id).is_err(), "the backend runs on");
        nothing_left(&work);
        assert_eq!(
            fs::read_to_string(work.file("out.wasm")).expect("it"),
            BEFORE
        );
    }
}

/// A terminal sends it to both.
#[test]
fn a_signal_to_the_group_is_no_failure_of_the_backend() {
    let work = Work::new();
    let object = entry(&work);
    let running = work.file("running");
    let backend = work.script("backend", ": >running; exec sleep 90");
    let mut command = command(&work, &backend);
    let child = command
        .arg(&object)
        .process_group(0)
        .spawn()
        .expect("our linker");
    wait_until("the backend runs", || running.exists());
    let group = Pid::from_child(&child);
    rustix::process::kill_process_group(group, Signal::INT).expect("a group");
    let output = child.wait_with_output().expect("our linker");
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    nothing_left(&work);
}

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

#[test]
fn the_backend_has_time_to_clean_up_after_a_signal() {
    let work = Work::new();
    let object = entry(&work);
    let (running, cleaned) = (work.file("running"), work.file("cleaned"));
    let backend = work.script(
        "backend",
        "trap 'sleep 0.2; : >cleaned; exit 7' TERM\n: >running\nwhile :; do sleep 0.05; done",
    );
    let child = command(&work, &backend)
        .arg(&object)
        .spawn()
        .expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::TERM);
    let output = child.wait_with_output().expect("our linker");
    assert_eq!(output.status.signal(), Some(Signal::TERM.as_raw()));
    assert!(cleaned.exists(), "the backend had no time");
    nothing_left(&work);
}

/// `nohup make`.
#[test]
fn a_signal_that_the_caller_ignores_is_ignored() {
    let work = Work::new();
    let object = entry(&work);
    let (running, go) = (work.file("running"), work.file("go"));
    let backend = work.script(
        "backend",
        ": >running\nwhile [ ! -e go ]; do sleep 0.05; done\nexit 5",
    );
    let mut shell = Command::new("/bin/sh");
    let mut words = args!["-c", r#"trap "" HUP; exec "$0" "$@""#, linker()].to_vec();
    words.extend(args![object, "--no-entry", "-o", "out.wasm"]);
    shell.args(words).current_dir(work.path());
    shell
        .env("WASM_SECTION_LD_LINKER", &backend)
        .env("TMPDIR", work.file("tmp"));
    let mut child = shell.spawn().expect("our linker");
    wait_until("the backend runs", || running.exists());
    send(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(100));
    fs::write(go, "").expect("a file");
    assert_eq!(child.wait().expect("our linker").code(), Some(5));
    nothing_left(&work);
}

#[test]
fn a_full_disk_while_a_rewritten_object_is_written() {
    let work = Work::new();
    let object = entry_of(&work, "large", 200_000);
    // No room for the synthesized object, or not for all of it. In blocks of 512 bytes.
    for blocks in [0, 1, 100] {
        work.write("out.wasm", BEFORE);
        let limit = format!(r#"ulimit -f {blocks}; exec "$0" "$@""#);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(args![
                "-c",
                limit,
                linker(),
                "--no-entry",
                "-o",
                "out.wasm",
                object
            ])
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .env("TMPDIR", work.file("tmp"))
            .current_dir(work.path());
        let message = failed(&work, &shell.output().expect("our linker"));
        says(
            &message,
            &["cannot write to", "File too large", "TMPDIR", "room"],
        );
    }
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
    let output = in_public(path)
        .args(["-o", "out.wasm"])
        .output()
        .expect("our linker");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    says(
        &message,
        &["cannot write to", "Permission denied", "TMPDIR"],
    );
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

/// Arguments for a module whose NUMBERS the host reads.
fn reading(inputs: &[PathBuf]) -> Vec<OsString> {
    let flags = export_section("NUMBERS").map(OsString::from);
    let inputs = inputs.iter().map(OsString::from);
    flags.into_iter().chain(inputs).collect()
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
    says(&failed(&work, &output), &["an input was truncated", ">>> "]);
}

#[test]
fn a_backend_that_writes_half_of_the_output_and_fails() {
    let work = Work::new();
    let object = entry(&work);
    let script = "while [ \"$1\" != -o ]; do shift; done\nprintf half >\"$2\"\n";
    for (end, status) in [("exit 1", 1), ("exit 3", 3), ("kill -9 $$", 128 + 9)] {
        let backend = work.script("backend", &format!("{script}{end}"));
        let output = command(&work, &backend)
            .arg(&object)
            .output()
            .expect("our linker");
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        nothing_left(&work);
        // The backend itself did that.
        assert_eq!(
            fs::read_to_string(work.file("out.wasm")).expect("it"),
            "half"
        );
    }
}

#[test]
fn a_thousand_inputs_beyond_what_a_command_line_can_hold() {
    const COUNT: usize = 2_200;
    let work = Work::new();
    let source = ".section .custom_section.NUMBERS,\"\",@\n.int32 5\n";
    work.asm("number", source);
    // One file, each time by a name of a kilobyte: an object without a symbol can come again.
    let name = format!("{}number.o", "./".repeat(500));
    let response = format!("{name}\n").repeat(COUNT);
    assert!(response.len() > 2 << 20, "a command line could hold it");
    work.write("many.rsp", response);
    let words = reading(&[]).into_iter().chain(args!["@many.rsp"]);
    let numbers = Instance::new(&work.link(words).silent()).words("NUMBERS");
    assert!(numbers == [5; COUNT], "{} numbers", numbers.len());
}

/// Names that somebody forgets to quote.
const NAMES: [&[u8]; 11] = [
    b"a name with spaces",
    b"it's",
    b"a \"quoted\" one",
    b"back\\slash\\",
    b"two\nlines",
    b"no \xff\xfe UTF-8 \xc3",
    b"@at",
    b"$HOME `id` $(id)",
    b"*?[a-z]",
    b"=--gather=x",
    b"#comment;",
];

#[test]
fn paths_of_every_kind() {
    let work = Work::new();
    let (first, second) = (entry(&work), entry_of(&work, "second", 8));
    let archived = entry_of(&work, "archived", 4);
    work.archive("plain.a", &[&archived]);
    // Long, so that all of it goes into a response file.
    let filler = (0..4_000).map(|number| format!("--export-if-defined=f{number}").into());
    let filler: Vec<OsString> = filler.collect();
    for name in NAMES {
        let name = OsStr::from_bytes(name);
        let directory = work.path().join(name);
        fs::create_dir(&directory).expect("a directory");
        let file = |suffix: &str| {
            let mut file = name.to_owned();
            file.push(suffix);
            directory.join(file)
        };
        fs::copy(&first, file(".o")).expect("a copy");
        fs::copy(&second, directory.join("second.o")).expect("a copy");
        fs::copy(work.file("plain.a"), file(".a")).expect("a copy");
        fs::create_dir(directory.join("tmp")).expect("a directory");
        let inputs = [file(".o"), directory.join("second.o"), file(".a")];
        // By the whole path, and by one that begins with the name.
        let relative = inputs.clone().map(|input| {
            let input = input.strip_prefix(work.path()).map(Path::to_path_buf);
            input.expect("below")
        });
        for words in [reading(&inputs), reading(&relative)] {
            for more in [&[][..], &filler] {
                let mut command = Command::new(linker());
                command.env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
                command.args(&words).args(more).arg("-o").arg(file(".wasm"));
                command
                    .env("TMPDIR", directory.join("tmp"))
                    .current_dir(work.path());
                let output = command.output().expect("our linker");
                let message = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name:?}: {message}");
                assert_eq!(message, "", "{name:?}");
                let module = fs::read(file(".wasm")).expect("a module");
                assert_eq!(
                    Instance::new(&module).words("NUMBERS"),
                    [7, 7, 0, 7],
                    "{name:?}"
                );
                assert_eq!(fs::read_dir(directory.join("tmp")).expect("tmp").count(), 0);
            }
        }
    }
}

#[test]
fn an_at_sign_that_names_no_file_is_a_part_of_a_name() {
    let work = Work::new();
    fs::copy(entry(&work), work.file("@input.o")).expect("a copy");
    let plain = work.plain_link(&tool("WSL_WASM_LD"), ["--no-entry", "@input.o"]);
    plain.silent();
    let instance = work.gathered("NUMBERS", args!["@input.o"]);
    assert_eq!(instance.words("NUMBERS"), [7]);
    let status = Command::new(linker())
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .args(["--no-entry", "@input.o", "-o", "@output.wasm"])
        .current_dir(work.path())
        .status();
    assert!(status.expect("our linker").success());
    assert!(work.file("@output.wasm").exists());
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
