//! The backend: found in the documented order, never our linker itself, its exit status and what it
//! says passed on.

use crate::args;
use crate::support::program::lines;
use crate::support::{Work, linker, tool};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The name of the stand-in that runs, for a command line with nothing to gather.
fn chosen(command: &mut Command) -> String {
    lines(command)[0].clone()
}

fn failure(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("our linker");
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).expect("UTF-8")
}

#[test]
fn it_is_found_in_the_documented_order() {
    let work = Work::new();
    let path = work.file("bin");
    let sysroot = work.file("sysroot");
    let install = |name: &str| work.echo(name);
    install("bin/wasm-ld-9");
    install("bin/wasm-ld-22");
    install("bin/wasm-ld-100");
    install("bin/wasm-ld-next");
    install("bin/rustc-says-nothing");
    let run = |edit: &dyn Fn(&mut Command)| {
        let mut command = work.linker_on_path(&[&path]);
        edit(&mut command);
        chosen(&mut command)
    };
    let found = || run(&|_| {});
    // The newest by number, from the last place of the search to the first.
    assert_eq!(found(), "bin/wasm-ld-100");
    install("sysroot/lib/rustlib/host/bin/rust-lld");
    let print = r#"[ "$*" = "--print sysroot" ] && echo "#;
    work.script("bin/rustc", &format!("{print}'{}'", sysroot.display()));
    assert_eq!(found(), "sysroot/lib/rustlib/host/bin/rust-lld");
    install("bin/wasm-ld");
    assert_eq!(found(), "bin/wasm-ld");
    install("bin/rust-lld");
    assert_eq!(found(), "bin/rust-lld");
    let by_environment = install("by-environment");
    let environment = |command: &mut Command| {
        command.env("WASM_SECTION_LD_LINKER", &by_environment);
    };
    assert_eq!(run(&environment), "by-environment");
    let by_option = install("by-option");
    let option = |command: &mut Command| {
        environment(command);
        command.arg("--section-linker").arg(&by_option);
    };
    assert_eq!(run(&option), "by-option");
}

/// Under the name of a linker, it runs the one that it takes the place of.
#[test]
fn in_the_place_of_a_linker() {
    let work = Work::new();
    let [other, path, llvm] = ["other", "bin", "llvm"].map(|name| work.file(name));
    for directory in [&other, &path, &llvm] {
        fs::create_dir(directory).expect("a directory");
    }
    let install = |name: &str| work.echo(name);
    let ours = |name: &str| symlink(linker(), work.file(name)).expect("a symlink");
    let chosen_as = |program: &Path| {
        let mut command = Command::new(program);
        let linker = work.linker_on_path(&[&other, &path]);
        let environment = linker
            .get_envs()
            .map(|(name, value)| (name, value.expect("a value")));
        chosen(
            command
                .env_clear()
                .envs(environment)
                .current_dir(work.path()),
        )
    };
    install("other/rust-lld");
    install("bin/wasm-ld-14");
    install("bin/wasm-ld-22");
    for name in ["wasm-ld-14", "wasm-ld-15", "wasm-ld", "wasm-section-ld"] {
        ours(&format!("llvm/{name}"));
    }
    let at = |name: &str| llvm.join(name);
    assert_eq!(chosen_as(&at("wasm-ld-14")), "bin/wasm-ld-14");
    // There is nothing of that version, and nothing else in the directory.
    for name in ["wasm-ld-15", "wasm-ld", "wasm-section-ld"] {
        assert_eq!(chosen_as(&at(name)), "other/rust-lld", "{name}");
    }
    install("llvm/wasm-ld-9");
    install("llvm/wasm-ld-16");
    assert_eq!(chosen_as(&at("wasm-ld-14")), "bin/wasm-ld-14");
    for name in ["wasm-ld-15", "wasm-ld"] {
        assert_eq!(chosen_as(&at(name)), "llvm/wasm-ld-16", "{name}");
    }
    // As in the releases of LLVM and of Emscripten.
    install("llvm/lld");
    for name in ["wasm-ld-15", "wasm-ld", "../llvm/./wasm-ld"] {
        assert_eq!(chosen_as(&at(name)), "llvm/lld", "{name}");
    }
    assert_eq!(chosen_as(Path::new("llvm/wasm-ld")), "llvm/lld");
    assert_eq!(chosen_as(&at("wasm-section-ld")), "other/rust-lld");
    // By a name that was found on PATH.
    ours("other/wasm-ld-22");
    ours("other/wasm-ld");
    install("other/lld");
    assert_eq!(chosen_as(Path::new("wasm-ld-22")), "bin/wasm-ld-22");
    assert_eq!(chosen_as(Path::new("wasm-ld")), "other/rust-lld");
    fs::remove_file(work.file("other/rust-lld")).expect("the file");
    assert_eq!(chosen_as(Path::new("wasm-ld")), "other/lld");
    let by_option = install("by-option");
    let mut command = Command::new(at("wasm-ld-14"));
    command.arg("--section-linker").arg(by_option);
    assert_eq!(chosen(&mut command), "by-option");
}

#[test]
fn a_directory_of_that_name_is_passed_over() {
    let work = Work::new();
    fs::create_dir_all(work.file("first/wasm-ld")).expect("a directory");
    work.echo("second/wasm-ld");
    let (first, second) = (work.file("first"), work.file("second"));
    let mut command = work.linker_on_path(&[&first, &second]);
    assert_eq!(chosen(&mut command), "second/wasm-ld");
}

#[test]
fn a_name_without_a_directory_is_looked_up_on_path() {
    let work = Work::new();
    work.echo("bin/my-lld");
    work.echo("my-lld");
    let bin = work.file("bin");
    let mut by_environment = work.linker_on_path(&[&bin]);
    by_environment.env("WASM_SECTION_LD_LINKER", "my-lld");
    assert_eq!(chosen(&mut by_environment), "bin/my-lld");
    let mut by_option = work.linker_on_path(&[&bin]);
    by_option.arg("--section-linker=my-lld");
    assert_eq!(chosen(&mut by_option), "bin/my-lld");
    let mut with_directory = work.linker_on_path(&[&bin]);
    with_directory.arg("--section-linker=./my-lld");
    assert_eq!(chosen(&mut with_directory), "my-lld");
}

#[test]
fn it_is_never_our_linker_under_another_name() {
    let work = Work::new();
    work.echo("real/wasm-ld");
    for kind in ["symlink", "hard link", "copy"] {
        let first = work.file(kind);
        fs::create_dir(&first).expect("a directory");
        let alias = first.join("wasm-ld");
        match kind {
            "symlink" => symlink(linker(), &alias).expect("a symlink"),
            "hard link" => fs::hard_link(linker(), &alias).expect("a hard link"),
            _ => drop(work.copy_of_linker("copy/wasm-ld")),
        }
        symlink(&alias, first.join("rust-lld")).expect("a symlink");
        let path = [first.as_path(), &work.file("real")];
        assert_eq!(chosen(&mut work.linker_on_path(&path)), "real/wasm-ld");
        // Called by that name, as clang and rustc would.
        let mut command = work.linker_on_path(&path);
        let environment: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.expect("a value").to_owned()))
            .collect();
        command = Command::new(&alias);
        command.env_clear().envs(environment);
        assert_eq!(chosen(&mut command), "real/wasm-ld", "{kind}");
        // Alone, there is none.
        let error = failure(&mut work.linker_on_path(&path[..1]));
        assert!(error.contains("no wasm-ld found"), "{error}");
        assert!(error.contains("--section-linker=PATH"), "{error}");
        // Named, it is refused.
        let mut command = work.linker_on_path(&path);
        let error = failure(command.env("WASM_SECTION_LD_LINKER", &alias));
        let expected = format!("{} is wasm-section-ld itself", alias.display());
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn lld_alone_is_told_to_use_large_pages_and_only_if_the_user_says_nothing() {
    let work = Work::new();
    let says = r#"printf '%s\n' "${GLIBC_TUNABLES-nothing}""#;
    let run = |name: &str, own: Option<&str>| {
        let mut command = work.linker_on_path(&[]);
        command.env("WASM_SECTION_LD_LINKER", work.script(name, says));
        command.envs(own.map(|own| ("GLIBC_TUNABLES", own)));
        chosen(&mut command)
    };
    for lld in ["wasm-ld", "rust-lld", "wasm-ld-19"] {
        assert_eq!(run(lld, None), "glibc.malloc.hugetlb=1", "{lld}");
        let own = "glibc.malloc.check=0";
        assert_eq!(run(lld, Some(own)), own, "{lld}");
    }
    assert_eq!(run("my-wrapper", None), "nothing");
}

#[test]
fn nothing_is_run_from_the_current_directory() {
    let work = Work::new();
    for name in ["wasm-ld", "rust-lld", "wasm-ld-99", "rustc", "sub/wasm-ld"] {
        work.echo(name);
    }
    for path in ["", ":", ".", "./", "sub", "./sub", ":sub:."] {
        let mut command = work.linker_on_path(&[]);
        command.env("PATH", path);
        let error = failure(&mut command);
        assert!(error.contains("no wasm-ld found"), "{path:?}: {error}");
        let error = failure(command.env("WASM_SECTION_LD_LINKER", "wasm-ld"));
        assert!(
            error.contains("linker not found: wasm-ld"),
            "{path:?}: {error}"
        );
    }
}

#[test]
fn a_wrapper_that_calls_us_again_is_an_error() {
    let work = Work::new();
    let calls = work.file("calls");
    let wrapper = work.script(
        "wrapper",
        &format!(
            "echo >>'{}'\n'{}' \"$@\"",
            calls.display(),
            linker().display()
        ),
    );
    let object = work.c("object", r#"int x __asm__("__link_section__X$$x") = 1;"#);
    for arguments in [args!["--no-entry"].to_vec(), args![object].to_vec()] {
        let _ = fs::remove_file(&calls);
        let linked = work.link_with(&wrapper, arguments);
        assert_ne!(linked.status, Some(0));
        let error = &linked.stderr;
        assert!(error.contains("runs wasm-section-ld in a loop"), "{error}");
        assert!(error.contains(&*wrapper.to_string_lossy()), "{error}");
        assert!(fs::read(&calls).expect("calls").len() < 10);
    }
}

#[test]
fn a_wrapper_that_links_with_us_once_works() {
    // As `wasm-component-ld` does: a backend that runs the linker it was told to run.
    let work = Work::new();
    let wrapper = work.script(
        "wrapper",
        &format!(
            "WASM_SECTION_LD_LINKER='{}' exec '{}' \"$@\"",
            tool("WSL_WASM_LD").display(),
            linker().display()
        ),
    );
    let object = work.c("object", r#"int x __asm__("__link_section__X$$x") = 5;"#);
    let words = crate::support::instance::export_section("X").map(Into::into);
    let words: Vec<_> = args![object].into_iter().chain(words).collect();
    let linked = work.link_with(&wrapper, words);
    let instance = crate::support::Instance::new(&linked.silent());
    assert_eq!(instance.words("X"), [5]);
}

/// Inputs with nothing to gather, and some with: the backend is run in both ways.
fn both_ways(work: &Work) -> [PathBuf; 2] {
    [
        work.c("plain", "int f(void) { return 1; }"),
        work.c("marked", r#"int x __asm__("__link_section__X$$x") = 1;"#),
    ]
}

#[test]
fn the_exit_status_is_passed_on() {
    let work = Work::new();
    for object in both_ways(&work) {
        for status in [0, 1, 3, 255] {
            let backend = work.script("backend", &format!("exit {status}"));
            let linked = work.link_with(&backend, [&object]);
            assert_eq!(linked.status, Some(status), "{}", object.display());
            assert_eq!(linked.stderr, "");
        }
    }
}

#[test]
fn a_backend_that_dies_by_a_signal_is_a_failure() {
    let work = Work::new();
    let backend = work.script("backend", "kill -9 $$");
    let [plain, marked] = both_ways(&work);
    // Our process was the backend's, and died by that signal.
    assert_eq!(work.link_with(&backend, [plain]).status, None);
    let linked = work.link_with(&backend, [marked]);
    assert_eq!(linked.status, Some(128 + 9));
    assert!(linked.stderr.contains("signal 9"), "{}", linked.stderr);
}

#[test]
fn what_it_says_is_passed_on() {
    let work = Work::new();
    let backend = work.script(
        "backend",
        "echo to stdout\necho to stderr >&2\nprintf 'no end'",
    );
    for object in both_ways(&work) {
        let linked = work.link_with(&backend, [object]);
        assert_eq!(linked.stdout, "to stdout\nno end");
        assert_eq!(linked.stderr, "to stderr\n");
    }
}

#[test]
fn a_megabyte_that_is_no_text_is_passed_on_as_it_is() {
    let work = Work::new();
    let noise: Vec<u8> = (0..1_u32 << 20)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80)
        .collect();
    let noise_file = work.write("noise", &noise);
    let cat = format!("cat '{0}'\ncat '{0}' >&2", noise_file.display());
    let backend = work.script("backend", &cat);
    for object in both_ways(&work) {
        let mut command = Command::new(linker());
        command.env("WASM_SECTION_LD_LINKER", &backend).arg(object);
        let output = command.output().expect("our linker");
        assert!(output.status.success());
        assert!(output.stdout == noise && output.stderr == noise);
    }
}

#[test]
fn it_goes_on_when_nobody_listens() {
    let work = Work::new();
    let backend = work.script(
        "backend",
        "i=0\nwhile [ $i -lt 20000 ]; do echo a line of a map; i=$((i+1)); done\nexit 3",
    );
    let [_, marked] = both_ways(&work);
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"{ "$0" "$1"; echo $? >status; } | head -n 1"#])
        .args([linker(), &marked])
        .env("WASM_SECTION_LD_LINKER", backend)
        .current_dir(work.path());
    assert_eq!(lines(&mut command), ["a line of a map"]);
    assert_eq!(fs::read_to_string(work.file("status")).expect("it"), "3\n");
}

#[test]
fn one_that_is_missing_or_cannot_be_run_is_an_error() {
    let work = Work::new();
    let missing = Path::new("nowhere/wasm-ld");
    let linked = work.link_with(missing, ["--no-entry"]);
    let error = linked.error();
    assert!(
        error.contains("linker not found: nowhere/wasm-ld"),
        "{error}"
    );
    let no_program = work.write("no-program", "hello");
    for object in both_ways(&work) {
        let linked = work.link_with(&no_program, [object]);
        let error = linked.error();
        let expected = format!("cannot run the linker {}", no_program.display());
        assert!(error.contains(&expected), "{error}");
    }
}
