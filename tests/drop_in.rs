//! "Drop-in": any command line that `wasm-ld` accepts is accepted, with the same meaning, and with
//! nothing to gather the backend is run with the caller's own arguments, in place of our process.

use crate::args;
use crate::support::instance::export_section;
use crate::support::program::lines;
use crate::support::rust::rustc;
use crate::support::{Instance, Linked, Work, linker, linkers, tool};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
#[cfg(unix)]
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Command;

const PLUGIN: &str = r#"
    int plugin(int x) { return x + 1; }
    int entry __asm__("__link_section__NUMBERS$$entry") = 7;
"#;

/// Arguments that export NUMBERS, after those.
fn numbers(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let exports = export_section("NUMBERS").map(OsString::from);
    arguments.into_iter().chain(exports).collect()
}

/// Objects and an archive with nothing to gather, which every linker can read.
struct Plain {
    work: Work,
    main: PathBuf,
    archive: PathBuf,
    bitcode: PathBuf,
}

impl Plain {
    fn new() -> Self {
        const MAIN: &str = r#"
            int library(int x);
            __attribute__((section("TABLE"), used)) static const int table[] = {1, 2, 3};
            static const char *words[] = {"one", "two"};
            const char *word(int i) { return words[i]; }
            int _start(int x) { return library(x) + table[x]; }
        "#;
        const LIBRARY: &str = r#"
            int hidden(int x) { return x * 3; }
            int library(int x) { return hidden(x) + 1; }
            int unused(void) { return 9; }
        "#;
        const OLD: &str = "WSL_CLANG_OLD";
        let work = Work::new();
        let main = work.compile(OLD, "main", "c", MAIN, &["-g"]);
        let library = work.compile(OLD, "library", "c", LIBRARY, &["-g", "-ffunction-sections"]);
        let bitcode = work.compile(OLD, "bitcode", "c", LIBRARY, &["-flto"]);
        let archive = work.archive("liblibrary.a", &[&library]);
        Self {
            work,
            main,
            archive,
            bitcode,
        }
    }
}

#[test]
fn with_nothing_wanted_the_output_is_the_backends_own() {
    let plain = Plain::new();
    let (main, archive) = (&plain.main, &plain.archive);
    plain
        .work
        .write("posix.rsp", "--export=word 'main.o'\n@inner.rsp");
    plain.work.write("inner.rsp", "-L. \"-llibrary\"");
    plain
        .work
        .write("windows.rsp", "--export=word \".\\main.o\" -L . -llibrary");
    fs::hard_link(main, plain.work.file(".\\main.o")).expect("a link");
    let links = [
        args![main, archive].to_vec(),
        args![main, "-L", plain.work.path(), "-llibrary", "--export-all"].to_vec(),
        args!["--whole-archive", archive, "--no-whole-archive", main].to_vec(),
        args![main, "--start-lib", archive, "--end-lib", "--strip-all"].to_vec(),
        args![main, archive, "--no-gc-sections", "--strip-debug"].to_vec(),
        args![main, archive, "--no-merge-data-segments", "-O2"].to_vec(),
        args![
            main,
            archive,
            "--emit-relocs",
            "--no-entry",
            "--export",
            "word"
        ]
        .to_vec(),
        args!["-r", main, archive].to_vec(),
        args![main, plain.bitcode].to_vec(),
        args!["@posix.rsp"].to_vec(),
        args!["--rsp-quoting=windows", "@windows.rsp"].to_vec(),
    ];
    for backend in linkers() {
        for link in &links {
            let _ = fs::remove_file(plain.work.file("out.wasm"));
            // To one name, which is also the module's own in the `name` section.
            let theirs = plain.work.link_by(&mut Command::new(&backend), link);
            let expected = fs::read(&theirs.output).ok();
            let _ = fs::remove_file(&theirs.output);
            let ours = plain.work.link_with(&backend, link);
            let what = format!("{} {link:?}", backend.display());
            assert_eq!(ours.status, theirs.status, "{what}");
            assert_eq!(ours.stderr, theirs.stderr, "{what}");
            assert_eq!(ours.stdout, theirs.stdout, "{what}");
            assert!(fs::read(&ours.output).ok() == expected, "{what}");
            // Of these, the oldest linker knows not all.
            assert!(
                theirs.status == Some(0) || theirs.stderr.contains("unknown argument"),
                "{what}: {}",
                theirs.stderr
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn with_nothing_wanted_the_process_is_replaced() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let backend = work.script("backend", "echo $$");
    for arguments in [vec![], vec!["--help"], vec!["-r"]] {
        let mut command = Command::new(linker());
        command
            .env("WASM_SECTION_LD_LINKER", &backend)
            .arg(&object)
            .args(&arguments)
            .stdout(std::process::Stdio::piped());
        let child = command.spawn().expect("our linker");
        let pid = child.id().to_string();
        let output = child.wait_with_output().expect("an end");
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(stdout.lines().last(), Some(pid.as_str()), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn with_nothing_wanted_the_backend_gets_the_callers_own_words() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let odd = OsString::from_vec(b"odd \xff 'name'.o".to_vec());
    fs::copy(&object, work.path().join(&odd)).expect("a copy");
    work.archive("libfoo.a", &[&object]);
    work.write("inner.rsp", "object.o");
    work.write("outer.rsp", "--no-entry @inner.rsp 'odd\\ name'");
    work.write("odd name", [0; 0]);
    fs::copy(&object, work.file("odd name")).expect("a copy");
    let words = args![
        "-flavor",
        "wasm",
        "object.o",
        odd,
        "@outer.rsp",
        "-oout",
        "-o",
        "out",
        "--Map",
        "map",
        "--Map=map",
        "-Map=map",
        "-L.",
        "-L",
        ".",
        "-lfoo",
        "-l",
        "foo",
        "--library=foo",
        "-z",
        "stack-size=65536",
        "-zstack-size=65536",
        "--export=f",
        "-export",
        "f",
        OsString::from_vec(b"--export-if-defined=\xfe".to_vec()),
        "",
        "-O2",
        "-mwasm32",
        "-m",
        "wasm32",
        "--new-flag",
        "--other=1",
        "--threads",
        "2",
        "-u",
        "f",
    ];
    // The empty word is an input that cannot be opened, whose report is the backend's.
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let backend = work.script("wasm-ld", "printf '%s\\0' \"$@\"");
    let mut command = Command::new(linker());
    command
        .args(&words)
        .env("WASM_SECTION_LD_LINKER", &backend)
        .current_dir(work.path());
    let output = command.output().expect("our linker");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let got: Vec<OsString> = output
        .stdout
        .split_inclusive(|&byte| byte == 0)
        .map(|word| OsString::from_vec(word[..word.len() - 1].to_vec()))
        .collect();
    assert_eq!(got, words);
}

#[cfg(unix)]
#[test]
fn flavor_first_is_what_rustc_says() {
    let work = Work::new();
    let object = work.c("plugin", PLUGIN);
    let words = args!["-flavor", "wasm", object];
    for backend in linkers() {
        let linked = work.link_with(&backend, numbers(words.clone()));
        assert_eq!(Instance::new(&linked.silent()).words("NUMBERS"), [7]);
    }
    // A driver does not know it; lld under its own name does, and under that of rustc needs it.
    let main = work.c("main", "int f(void) { return 1; }");
    let run = |name, words: &[&str]| {
        let backend = work.echo(name);
        let mut command = Command::new(linker());
        command.args(words).env("WASM_SECTION_LD_LINKER", backend);
        lines(command.arg(&main))[1..].to_vec()
    };
    let main = main.display().to_string();
    let main = main.as_str();
    assert_eq!(run("clang", &["-flavor", "wasm"]), [main]);
    assert_eq!(
        run("wasm-ld", &["-flavor", "wasm"]),
        ["-flavor", "wasm", main]
    );
    assert_eq!(run("wasm-ld", &[]), [main]);
    assert_eq!(
        run("rust-lld", &["-flavor", "wasm"]),
        ["-flavor", "wasm", main]
    );
    assert_eq!(run("rust-lld", &[]), ["-flavor", "wasm", main]);
}

#[test]
fn flavor_in_a_response_file_is_the_backends_to_refuse() {
    let work = Work::new();
    work.c("object", "int f(void) { return 1; }");
    work.write("all.rsp", "-flavor wasm object.o --no-entry");
    let backend = tool("WSL_WASM_LD");
    let theirs = work.plain_link(&backend, ["@all.rsp"]);
    assert!(theirs.stderr.contains("-flavor"), "{theirs:?}");
    assert_eq!(work.link(["@all.rsp"]).error(), theirs.stderr);
}

#[test]
fn a_library_is_found_in_every_spelling() {
    let work = Work::new();
    let plugin = work.c("plugin", PLUGIN);
    fs::create_dir(work.file("empty")).expect("a directory");
    fs::create_dir(work.file("lib")).expect("a directory");
    work.archive("lib/libfoo.a", &[&plugin]);
    let paths: [&[&str]; 7] = [
        &["-Llib"],
        &["-L", "lib"],
        &["-Lempty", "-Llib"],
        &["--library-path=lib"],
        &["--library-path", "lib"],
        &["-library-path=lib"],
        &["-library-path", "lib"],
    ];
    let libraries: [&[&str]; 10] = [
        &["-lfoo"],
        &["-l", "foo"],
        &["--library=foo"],
        &["--library", "foo"],
        &["-library=foo"],
        &["-library", "foo"],
        &["-l:libfoo.a"],
        &["-l", ":libfoo.a"],
        &["-Bstatic", "-lfoo", "-Bdynamic"],
        &["-Bdynamic", "-lfoo"],
    ];
    let every_library = libraries.iter().map(|library| (paths[0], *library));
    let every_path = paths.iter().map(|path| (*path, libraries[0]));
    for (path, library) in every_library.chain(every_path) {
        let words = path.iter().chain(library).map(OsString::from);
        let instance = work.instance(numbers(words));
        assert_eq!(instance.words("NUMBERS"), [7], "{path:?} {library:?}");
    }
    // A search path counts wherever it stands.
    let instance = work.instance(numbers(args!["-lfoo", "-Llib"]));
    assert_eq!(instance.words("NUMBERS"), [7]);
}

#[test]
fn bstatic_and_bdynamic_choose_what_the_backend_chooses() {
    let work = Work::new();
    let which = work.c_with("which", "int which(void) { return 1; }", &["-fPIC"]);
    let entry = work.c_with("entry", PLUGIN, &["-fPIC"]);
    // What a file is, its content says.
    work.archive("libfoo.a", &[&which, &entry]);
    work.archive("libfoo.so", &[&which, &entry]);
    let flags: [&[&str]; 14] = [
        &[],
        &["-Bdynamic"],
        &["-Bstatic"],
        &["-Bstatic", "-Bdynamic"],
        &["-Bdynamic", "-Bstatic"],
        &["-dy"],
        &["--call_shared"],
        &["-Bdynamic", "-static"],
        &["-dy", "-dn"],
        &["-pie"],
        &["-pie", "-non_shared"],
        &["-pie", "-no-pie"],
        &["-no-pie", "-pie"],
        &["-shared", "-no-pie"],
    ];
    let mut chosen = HashSet::new();
    for flags in flags {
        let words = args!["--experimental-pic", "--trace", "--export=which", "-L."];
        let words = words.into_iter().chain(flags.iter().map(OsString::from));
        let words: Vec<_> = words.chain(args!["-lfoo", "--no-entry"]).collect();
        let archives = |linked: Linked| {
            linked.silent();
            let files = linked
                .stdout
                .lines()
                .filter_map(|file| file.split_once('('));
            files.map(|(archive, _)| archive.to_owned()).collect()
        };
        let plain: HashSet<String> = archives(work.plain_link(&tool("WSL_WASM_LD"), &words));
        let ours: HashSet<String> = archives(work.link(&words));
        assert_eq!((ours.len(), &ours), (1, &plain), "{flags:?}");
        chosen.extend(ours);
    }
    assert_eq!(chosen.len(), 2, "both kinds were chosen: {chosen:?}");
}

#[cfg(unix)]
#[test]
fn options_of_our_own_are_not_passed_on() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let backend = work.echo("backend");
    let linker_option = format!("--section-linker={}", backend.display());
    let nothing_to_gather = args![
        "-o",
        "out",
        linker_option,
        "--gather=X*",
        object,
        "--gather",
        "Y",
        "--section-keep=X*",
        "--section-keep",
        "Y",
        "--no-entry",
        "--section-linker",
        backend
    ];
    let mut command = Command::new(linker());
    let object = object.display().to_string();
    assert_eq!(
        lines(command.args(nothing_to_gather)),
        ["backend", "-o", "out", object.as_str(), "--no-entry"]
    );
}

#[cfg(unix)]
#[test]
fn the_value_of_an_option_that_we_do_not_know_may_be_any_file() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let linked = work.link(args!["--no-entry", object]);
    let finished = work.write("finished.wasm", linked.module());
    let other_target = ["--target=x86_64-unknown-linux-gnu"];
    let native = work.c_with("native", "int f(void) { return 1; }", &other_target);
    let foreign = work.archive("libforeign.a", &[&native]);
    let cut_off = work.write("cut-off.wasm", b"\0asm\x01\0\0\0\x0b\x7f");
    let backend = work.echo("backend");
    for value in [finished, native, foreign, cut_off, work.path().to_owned()] {
        let words = args!["--adapt", value, object];
        let mut command = Command::new(linker());
        command.args(&words).env("WASM_SECTION_LD_LINKER", &backend);
        let words = words.map(|word| word.display().to_string());
        assert_eq!(lines(&mut command)[1..], words);
    }
}

#[test]
fn a_module_for_standard_output_is_what_a_file_would_be() {
    let work = Work::new();
    let object = work.c("plugin", PLUGIN);
    // Where the names that are ours alone are in the module: the filter of messages would take
    // lines with them out.
    let options = args![
        "--no-gc-sections",
        "--no-merge-data-segments",
        "--emit-relocs"
    ];
    let words = numbers(options.into_iter().chain([object.into()]));
    let link = |output: &str| {
        let mut command = Command::new(linker());
        let arguments = words.iter().cloned().chain(args!["-o", output]);
        let linked = command
            .args(arguments)
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .current_dir(work.path())
            .output()
            .expect("our linker");
        assert!(linked.status.success());
        linked.stdout
    };
    let printed = link("-");
    // The name of the file is in the module: that one is called `-` too.
    assert!(link("./-").is_empty());
    assert!(printed == fs::read(work.file("-")).expect("a module"));
}

#[test]
fn help_and_version_are_ours_and_the_backends() {
    let work = Work::new();
    let object = work.c("plugin", PLUGIN);
    for backend in linkers() {
        let said = |program: &std::path::Path, option: &str| {
            let mut command = Command::new(program);
            command.arg(option).env("WASM_SECTION_LD_LINKER", &backend);
            lines(&mut command).join("\n")
        };
        let ours = concat!("wasm-section-ld ", env!("CARGO_PKG_VERSION"));
        let theirs = said(&backend, "--version");
        assert_eq!(said(linker(), "--version"), format!("{theirs}\n{ours}"));
        let theirs = said(&backend, "-v");
        assert_eq!(said(linker(), "-v"), format!("{ours}\n{theirs}"));
        let help = said(linker(), "--help");
        assert!(help.starts_with(ours), "{help}");
        assert!(help.contains("--gather=PATTERN"), "{help}");
        // The first line has the path that it was called by.
        let theirs = said(&backend, "--help");
        assert!(help.ends_with(&theirs), "{help}");
    }
    // This one shows its version and links.
    let linked = work.link(numbers(args!["-v", object]));
    assert!(linked.stdout.starts_with("wasm-section-ld "));
    assert_eq!(Instance::new(&linked.silent()).words("NUMBERS"), [7]);
}

#[test]
fn rustc_takes_it_for_wasm_ld() {
    let work = Work::new();
    let source = work.write(
        "lib.rs",
        r#"
        #![no_std]
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
        #[unsafe(export_name = "__link_section__NUMBERS$$entry")]
        pub static ENTRY: u32 = 7;
        unsafe extern "C" { static __start_NUMBERS: u32; }
        #[unsafe(no_mangle)]
        pub extern "C" fn first() -> u32 { unsafe { __start_NUMBERS } }
        "#,
    );
    let mut linker_option = OsString::from("-Clinker=");
    linker_option.push(linker());
    let output = work.file("out.wasm");
    let mut command = rustc();
    command
        .arg("--crate-type=cdylib")
        .args([linker_option, "-o".into(), output.clone().into()])
        .arg(source);
    lines(&mut command);
    let mut instance = Instance::new(&fs::read(output).expect("a module"));
    assert_eq!(instance.call("first", &[]), 7);
}
