//! `cargo wasm-sections`: cargo builds, and the modules that it links are shown, opened and compared.

use crate::support::tool::{Said, program, said};
use crate::support::{Work, linker, rust, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = rust::TARGET;

/// A crate that registers values and reads them.
const SOURCE: &str = r#"
    #![no_std]
    #![allow(non_snake_case)]

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {}
    }

    mod __link_section__NUMBERS {
        #[used]
        static ONE: u32 = 1;
        #[used]
        static TWO: u32 = 2;
        #[cfg(feature = "more")]
        #[used]
        static MORE: u32 = 3;
    }

    unsafe extern "C" {
        #[link_name = "__start_NUMBERS"]
        static START: [u32; 0];
    }

    #[unsafe(no_mangle)]
    pub extern "C" fn start() -> *const u32 {
        (&raw const START).cast()
    }
"#;

const MANIFEST: &str = r#"
[package]
name = "NAME"
version = "0.1.0"
edition = "2024"

[features]
more = []

[lib]
crate-type = [KIND]
"#;

const CONFIG: &str = "[target.wasm32-unknown-unknown]\nlinker = \"wasm-section-ld\"\n";

/// A workspace with the packages `app`, `other` and `library`, of which the last is linked to no module.
fn project() -> Work {
    let work = Work::new();
    let members = "[workspace]\nresolver = \"2\"\nmembers = [\"app\", \"other\", \"library\"]\ndefault-members = [\"app\"]\n";
    work.write(
        "Cargo.toml",
        format!("{members}[profile.dev]\npanic = \"abort\"\n"),
    );
    for (name, kind) in [
        ("app", "\"cdylib\""),
        ("other", "\"rlib\", \"cdylib\""),
        ("library", "\"rlib\""),
    ] {
        fs::create_dir_all(work.file(&format!("{name}/src"))).expect("a directory");
        let manifest = MANIFEST.replace("NAME", name).replace("KIND", kind);
        work.write(&format!("{name}/Cargo.toml"), manifest);
        let source = if name == "library" {
            "#![no_std]"
        } else {
            SOURCE
        };
        work.write(&format!("{name}/src/lib.rs"), source);
    }
    fs::create_dir(work.file(".cargo")).expect("a directory");
    work.write(".cargo/config.toml", CONFIG);
    work
}

/// `cargo wasm-sections` in a project.
fn command(work: &Work, arguments: &[&str]) -> Command {
    let mut command = rust::cargo();
    let directories = [program().parent(), linker().parent()];
    let directories = directories.into_iter().flatten().map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(directories.chain(std::env::split_paths(&path)));
    command
        .arg("wasm-sections")
        .args(arguments)
        .current_dir(work.path())
        .env("PATH", path.expect("a path"))
        .env("CARGO_HOME", work.file("cargo-home"))
        .env_remove("WASM_SECTION_LD_MANIFEST");
    command
}

fn run(work: &Work, arguments: &[&str]) -> Said {
    said(&mut command(work, arguments))
}

/// A plain build by cargo.
fn build(work: &Work, arguments: &[&str]) -> Said {
    let mut command = command(work, &[]);
    let mut build = rust::cargo();
    build
        .arg("build")
        .args(["--target", TARGET])
        .args(arguments)
        .current_dir(work.path());
    for (name, value) in command
        .get_envs()
        .filter(|(name, _)| *name == "PATH" || *name == "CARGO_HOME")
    {
        build.env(name, value.expect("a value"));
    }
    command.env_clear();
    said(&mut build)
}

fn module(work: &Work, profile: &str, name: &str) -> PathBuf {
    work.file(&format!("target/{TARGET}/{profile}/{name}.wasm"))
}

fn change(work: &Work, old: &str, new: &str) {
    let text = fs::read_to_string(work.file("app/src/lib.rs")).expect("a file");
    assert!(text.contains(old));
    work.write("app/src/lib.rs", text.replace(old, new));
}

#[track_caller]
fn shows(said: &Said, status: i32, parts: &[&str]) {
    assert_eq!(said.status, status, "{}\n{}", said.text, said.errors);
    for part in parts {
        assert!(
            said.text.contains(part),
            "{part:?} is not in: {}",
            said.text
        );
    }
}

#[test]
fn it_builds_and_shows() {
    let work = project();
    let said = run(&work, &[]);
    let path = module(&work, "debug", "app");
    let path = path.to_str().expect("UTF-8");
    shows(
        &said,
        0,
        &[
            path,
            "NUMBERS: 2 entries of 4 bytes",
            "app::ONE",
            "app::TWO",
        ],
    );
    assert!(said.errors.contains("Compiling app"), "{}", said.errors);
    assert!(!said.errors.contains("wasm-sections:"), "{}", said.errors);
    // Not a terminal: no line of progress.
    assert!(!said.errors.contains("reading"), "{}", said.errors);
    // Cargo's options, in any place.
    let said = run(
        &work,
        &[
            "--release",
            "show",
            "-p",
            "app",
            "--features=more",
            "--section",
            "NUMBERS",
            "--json",
        ],
    );
    assert_eq!(said.status, 0, "{}", said.errors);
    let json: serde_json::Value = serde_json::from_str(&said.text).expect("JSON");
    let report = &json[0];
    assert_eq!(
        report["file"],
        module(&work, "release", "app").to_str().expect("UTF-8")
    );
    let entries = report["modules"][0]["sections"][0]["entries"]
        .as_array()
        .expect("entries");
    assert_eq!(entries.len(), 3);
}

/// Cargo does not know of the manifest, so it would not link again what it has linked without one.
#[test]
fn what_was_linked_without_a_manifest_is_linked_again() {
    let work = project();
    assert_eq!(build(&work, &["--release"]).status, 0);
    let before = fs::read(module(&work, "release", "app")).expect("a module");
    let said = run(&work, &["--release"]);
    shows(&said, 0, &["NUMBERS: 2 entries"]);
    let with = fs::read(module(&work, "release", "app")).expect("a module");
    assert!(before.len() < with.len());
    // Once is enough.
    let said = run(&work, &["--release"]);
    shows(&said, 0, &["NUMBERS: 2 entries"]);
    assert!(!said.errors.contains("Compiling"), "{}", said.errors);
    // So it is for a module without entries, which never has a manifest.
    change(&work, "__link_section__NUMBERS", "numbers");
    change(&work, "(&raw const START).cast()", "core::ptr::null()");
    let parts = ["There is no manifest"];
    shows(&run(&work, &["--release"]), 0, &parts);
    let said = run(&work, &["--release"]);
    shows(&said, 0, &parts);
    assert!(!said.errors.contains("Compiling"), "{}", said.errors);
}

#[test]
fn several_modules() {
    let work = project();
    let said = run(&work, &["--workspace"]);
    let [app, other] = ["app", "other"].map(|name| module(&work, "debug", name));
    let names = [
        app.to_str().expect("UTF-8"),
        other.to_str().expect("UTF-8"),
        "other::TWO",
    ];
    shows(&said, 0, &names);
    let said = run(&work, &["diff", "--workspace", names[0]]);
    assert_eq!(said.status, 2);
    assert!(
        said.errors.contains("choose one with -p"),
        "{}",
        said.errors
    );
    change(&work, "ONE: u32 = 1", "ONE: u32 = 7");
    let said = run(&work, &["diff", "--workspace"]);
    shows(
        &said,
        1,
        &[
            names[0],
            "! app::ONE (app): 01000000 -> 07000000",
            names[1],
            "no differences",
        ],
    );
}

#[test]
fn differences() {
    let work = project();
    let said = run(&work, &["diff"]);
    assert_eq!(said.status, 2);
    assert!(
        said.errors.contains("there is no older module"),
        "{}",
        said.errors
    );
    shows(&run(&work, &["diff"]), 0, &["no differences"]);
    let old = work.file("old.wasm");
    fs::copy(module(&work, "debug", "app"), &old).expect("a module");
    change(&work, "TWO: u32 = 2", "TWO: u32 = 3");
    let changed = "! app::TWO (app): 02000000 -> 03000000";
    shows(&run(&work, &["diff"]), 1, &[changed]);
    // The last one is now the changed one.
    shows(&run(&work, &["diff"]), 0, &["no differences"]);
    shows(&run(&work, &["diff", "old.wasm"]), 1, &[changed]);
}

#[cfg(unix)]
#[test]
fn the_page_is_opened_in_the_browser() {
    use std::os::unix::fs::PermissionsExt;
    let work = project();
    let browser = work.write("browser", "#!/bin/sh\nprintf '%s' \"$1\" > opened\n");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("a mode");
    let said = said(command(&work, &["open"]).env("BROWSER", &browser));
    let page = module(&work, "debug", "wasm-sections/app").with_extension("html");
    shows(&said, 0, &[page.to_str().expect("UTF-8")]);
    let opened = fs::read_to_string(work.file("opened")).expect("a file");
    assert_eq!(Path::new(&opened), page);
    let text = fs::read_to_string(page).expect("a page");
    assert!(text.contains("app::ONE"));
    let none = work.file("no-such-browser");
    let said = crate::support::tool::said(command(&work, &["open"]).env("BROWSER", none));
    assert_eq!(said.status, 2);
    assert!(said.errors.contains("set BROWSER"), "{}", said.errors);
}

/// Cargo's messages and exit status are cargo's own.
#[test]
fn a_failed_build() {
    let work = project();
    change(&work, "static ONE: u32 = 1", "static ONE: u32 = true");
    let plain = build(&work, &[]);
    let ours = run(&work, &[]);
    assert_eq!((ours.status, ours.text.as_str()), (101, ""));
    assert_eq!((plain.status, plain.errors), (101, ours.errors));
    let said = run(&work, &["-p", "nobody"]);
    assert_eq!(said.status, 101);
    assert!(said.errors.contains("nobody"), "{}", said.errors);
}

#[test]
fn nothing_is_linked() {
    let work = project();
    let said = run(&work, &["-p", "library"]);
    assert_eq!((said.status, said.text.as_str()), (2, ""));
    for part in ["no module of library", "crate-type", "--example"] {
        assert!(said.errors.contains(part), "{part}: {}", said.errors);
    }
}

#[test]
fn another_target_than_wasm() {
    let work = project();
    let said = run(&work, &["--target", "x86_64-unknown-linux-gnu"]);
    assert_eq!(said.status, 2);
    assert!(
        said.errors
            .contains("x86_64-unknown-linux-gnu is not a wasm target"),
        "{}",
        said.errors
    );
    assert!(!work.file("target").exists());
}

/// The target of the configuration, by each way of setting it.
#[test]
fn the_target_of_the_configuration() {
    let work = project();
    let target = "wasm32v1-none";
    let linker = "[target.wasm32v1-none]\nlinker = \"wasm-section-ld\"\n";
    let built = |said: &Said, name: &str| {
        shows(
            said,
            0,
            &[&format!("target/{name}/debug/app.wasm"), "app::ONE"],
        )
    };
    work.write(".cargo/config.toml", linker);
    built(&run(&work, &[]), target);
    work.write(".cargo/config.toml", format!("{linker}{CONFIG}"));
    built(&run(&work, &[]), TARGET);
    work.write(
        ".cargo/config.toml",
        format!("{linker}{CONFIG}[build]\ntarget = \"{target}\"\n"),
    );
    built(&run(&work, &[]), target);
    built(
        &said(command(&work, &[]).env("CARGO_BUILD_TARGET", TARGET)),
        TARGET,
    );
    built(&run(&work, &["--target", TARGET]), TARGET);
}

#[test]
fn the_linker_of_the_configuration() {
    let work = project();
    // None: ours is used, and that is said.
    fs::remove_file(work.file(".cargo/config.toml")).expect("a file");
    let said = run(&work, &[]);
    shows(&said, 0, &["NUMBERS: 2 entries"]);
    for part in ["no linker is set", "wasm-sections init"] {
        assert!(said.errors.contains(part), "{part}: {}", said.errors);
    }
    assert!(!run(&work, &["-q"]).errors.contains("no linker"));
    // Another one is used as it is set.
    let other = format!("[target.{TARGET}]\nlinker = {:?}\n", tool("WSL_RUST_LLD"));
    work.write(".cargo/config.toml", other);
    change(&work, "(&raw const START).cast()", "core::ptr::null()");
    let said = run(&work, &["--release"]);
    shows(&said, 0, &["There is no manifest"]);
    assert!(
        said.errors
            .contains("without wasm-section-ld there is no manifest"),
        "{}",
        said.errors
    );
    // A variable overrides the file. Cargo does not link again for another linker, so the command makes it do so.
    let variable = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
    let said = crate::support::tool::said(command(&work, &["--release"]).env(variable, linker()));
    shows(&said, 0, &["NUMBERS: 2 entries"]);
    assert!(!said.errors.contains("wasm-sections:"), "{}", said.errors);
}

/// The linker is beside this program and not on PATH.
#[test]
fn a_linker_that_is_not_on_path() {
    let work = project();
    let own = program().with_file_name(format!(
        "cargo-wasm-sections{}",
        std::env::consts::EXE_SUFFIX
    ));
    let linker_directory = linker().parent().expect("a directory").to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&path).filter(|directory| *directory != linker_directory);
    let path = std::env::join_paths(path).expect("a path");
    let mut direct = Command::new(&own);
    for (name, value) in command(&work, &[]).get_envs() {
        match value {
            Some(value) => direct.env(name, value),
            None => direct.env_remove(name),
        };
    }
    direct
        .current_dir(work.path())
        .env("PATH", &path)
        .env("CARGO", tool("WSL_CARGO"));
    shows(&said(&mut direct), 0, &["NUMBERS: 2 entries"]);
    // Not beside it either.
    let copy = work.file("bin").join(own.file_name().expect("a name"));
    fs::create_dir(work.file("bin")).expect("a directory");
    fs::copy(&own, &copy).expect("a program");
    let mut alone = Command::new(copy);
    for (name, value) in direct.get_envs() {
        match value {
            Some(value) => alone.env(name, value),
            None => alone.env_remove(name),
        };
    }
    let said = said(alone.current_dir(work.path()));
    assert_eq!(said.status, 2);
    assert!(
        said.errors
            .contains("neither in the directory of this program nor on PATH"),
        "{}",
        said.errors
    );
    assert!(
        said.errors.contains("config.toml sets it as the linker"),
        "{}",
        said.errors
    );
}

#[test]
fn another_target_directory() {
    let work = project();
    let elsewhere = work.file("else where");
    let built = |said: &Said| {
        let path = elsewhere.join(TARGET).join("debug/app.wasm");
        shows(said, 0, &[path.to_str().expect("UTF-8"), "app::ONE"]);
    };
    built(&said(
        command(&work, &[]).env("CARGO_TARGET_DIR", &elsewhere),
    ));
    built(&run(
        &work,
        &["--target-dir", elsewhere.to_str().expect("UTF-8")],
    ));
    built(&said(
        command(&work, &["--manifest-path", "../Cargo.toml", "-p", "app"])
            .current_dir(work.file("other"))
            .env("CARGO_TARGET_DIR", &elsewhere),
    ));
    assert!(!work.file("target").exists());
}
