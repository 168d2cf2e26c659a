//! "Drop-in": what scripts, build systems and people expect of a linker: its version, its colours, the order of
//! what it says, and that nobody's environment changes what it does.

use crate::args;
use crate::support::{Instance, Work, linker, linkers, reading, setting, tool};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ENTRY: &str = r#"int entry __asm__("__link_section__NUMBERS$$entry") = 7;"#;
const UNDEFINED: &str =
    r#"void missing(void); __attribute__((export_name("f"))) void f(void) { missing(); }"#;

fn command(work: &Work, backend: &Path) -> Command {
    let mut command = Command::new(linker());
    command
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Meson takes a linker for lld by the first line.
#[test]
fn the_first_line_of_the_version_is_the_backends() {
    let work = Work::new();
    let backends = linkers().into_iter().chain([tool("WSL_RUST_LLD")]);
    for backend in backends {
        for words in [&["--version"][..], &["-flavor", "wasm", "--version", "a.o"]] {
            let ours = command(&work, &backend).args(words).output();
            let ours = text(&ours.expect("our linker").stdout);
            let mut plain = Command::new(&backend);
            let plain = plain.args(["-flavor", "wasm", "--version"]).output();
            let plain = text(&plain.expect("lld").stdout);
            let rest = ours.strip_prefix(&plain).expect("first the backend's");
            assert!(plain.lines().next().expect("a line").contains("LLD"));
            assert_eq!(
                rest,
                concat!("wasm-section-ld ", env!("CARGO_PKG_VERSION"), "\n")
            );
        }
    }
}

/// Runs a command on a terminal of its own.
fn on_terminal(work: &Work, command: &Path, words: &[OsString], terminal: &str) -> String {
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy());
    let mut line = quoted(command.as_os_str());
    for word in words {
        line += " ";
        line += &quoted(word);
    }
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", work.file("tmp"))
        .env("TERM", terminal)
        .current_dir(work.path())
        .output();
    text(&output.expect("a terminal").stdout)
}

#[test]
fn colours_on_a_terminal_stay_when_something_is_gathered() {
    let work = Work::new();
    let objects = args![work.c("undefined", UNDEFINED), work.c("entry", ENTRY)];
    let words = |option: &str| {
        let option = Some(OsString::from(option)).filter(|option| !option.is_empty());
        let words = args!["--no-entry", "--export=__start_NUMBERS", "-o", "out.wasm"];
        let words = words.into_iter().chain(objects.clone());
        words.chain(option).collect::<Vec<_>>()
    };
    let red = "\u{1b}[0;31merror: \u{1b}[0mundefined.o: undefined symbol: missing";
    for (option, terminal, is_red) in [
        ("", "xterm-256color", true),
        ("--color-diagnostics=auto", "xterm-256color", true),
        ("--no-color-diagnostics", "xterm-256color", false),
        ("", "dumb", false),
        ("--color-diagnostics=always", "dumb", true),
    ] {
        let ours = on_terminal(&work, linker(), &words(option), terminal);
        let ours = ours.replace(&*work.file("").to_string_lossy(), "");
        assert_eq!(ours.contains(red), is_red, "{option}: {ours:?}");
        assert_eq!(ours.contains('\u{1b}'), is_red, "{option}: {ours:?}");
        assert!(ours.contains("undefined symbol: missing"), "{ours:?}");
        // Our own as well.
        let words = [words(option), args!["none.o"].to_vec()].concat();
        let own = on_terminal(&work, linker(), &words, terminal);
        let red = "wasm-section-ld: \u{1b}[0;31merror: \u{1b}[0mcannot open none.o";
        assert_eq!(own.contains(red), is_red, "{option}: {own:?}");
        let plain = "wasm-section-ld: error: cannot open none.o";
        assert_eq!(own.contains(plain), !is_red, "{option}: {own:?}");
    }
}

#[test]
fn the_option_counts_where_there_is_no_terminal() {
    let work = Work::new();
    for (option, color) in [
        ("--color-diagnostics", "\u{1b}[0;31m"),
        ("--color-diagnostics=auto", ""),
        ("--color-diagnostics=never", ""),
    ] {
        let linked = work.link(args!["none.o", option]);
        let reset = if color.is_empty() { "" } else { "\u{1b}[0m" };
        let expected = format!("wasm-section-ld: {color}error: {reset}cannot open none.o");
        assert!(linked.stderr.starts_with(&expected), "{:?}", linked.stderr);
    }
}

/// What is bitcode is compiled first, and what the backend says of it is said once, in colours too.
#[test]
fn a_warning_about_bitcode_is_shown_once() {
    let work = Work::new();
    let entry = work.c_with("entry", ENTRY, &["-flto"]);
    // Of two signatures of one function.
    let one = work.c("one", r#"int f(int x) { return x; }"#);
    let other =
        r#"long long f(void); __attribute__((export_name("g"))) long long g(void) { return f(); }"#;
    let other = work.c("other", other);
    let words = reading("NUMBERS", args![entry, one, other]);
    for option in ["--no-color-diagnostics", "--color-diagnostics"] {
        let linked = work.link(words.iter().cloned().chain(args![option]));
        linked.module();
        let warnings = linked
            .stderr
            .matches("function signature mismatch: f")
            .count();
        assert_eq!(warnings, 1, "{}", linked.stderr);
    }
}

#[test]
fn all_missing_inputs_are_reported_in_the_order_of_the_command_line() {
    let work = Work::new();
    let here = work.c("here", ENTRY);
    work.write("text.o", "no object");
    let words = args![
        "none.o",
        here,
        "-lnone",
        "text.o",
        "nowhere/other.a",
        "--no-entry"
    ];
    let ours = work.refused(&words);
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &words);
    let errors = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once("error: "));
        lines.map(|(_, error)| error.to_owned()).collect()
    };
    let ours = errors(&ours);
    assert_eq!(
        ours,
        [
            "cannot open none.o: No such file or directory",
            "unable to find library -lnone",
            "unknown file type: text.o",
            "cannot open nowhere/other.a: No such file or directory",
        ]
    );
    assert_eq!(ours, errors(&plain.stderr));
    // Meson tries options without regard to inputs.
    let linked = work.link(args!["none.o", "--as-needed"]);
    assert!(
        linked
            .error()
            .contains("error: unknown argument: --as-needed\n"),
        "{}",
        linked.stderr
    );
    assert!(
        linked
            .error()
            .contains("none.o: No such file or directory\n>>> build it first"),
        "{}",
        linked.stderr
    );
}

fn link_to_one_place(work: &Work, backend: &Path, words: &[OsString]) -> String {
    let mut shell = Command::new("/bin/sh");
    let ours = command(work, backend);
    shell.args(args!["-c", r#"exec "$0" "$@" 2>&1"#, linker()]);
    shell.args(words).current_dir(work.path());
    for (name, value) in ours.get_envs() {
        shell.env(name, value.expect("a value"));
    }
    text(&shell.output().expect("a shell").stdout)
}

/// Where the user sees output and messages at one place.
#[cfg(unix)]
#[test]
fn what_the_backend_says_comes_in_its_order() {
    let work = Work::new();
    let entry = work.c("entry", ENTRY);
    let plain = work.c("plain", "int f(void) { return 1; }");
    let script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done";
    let backend = work.script("backend", script);
    let lines = (1..10).map(|number| format!("out {number}\nerr {number}\n"));
    let expected: String = lines.collect();
    for object in [plain, entry] {
        for _ in 0..20 {
            let words = args![object, "--no-entry", "-o", "out.wasm"];
            assert_eq!(link_to_one_place(&work, &backend, &words), expected);
        }
    }
}

#[test]
fn the_same_link_says_the_same() {
    let work = Work::new();
    // Many sections with something to say of each, and many undefined symbols in what moves.
    let mut source = String::new();
    for number in 0..40 {
        source += &format!(
            "int f{number}(void); int (*p{number})(void) __asm__(\"__link_section__S{number}$$p\") = f{number};\n\
             char c{number} __asm__(\"__link_section__S{number}$$c\") = 1;\n\
             int i{number} __asm__(\"__link_section__S{number}$$i\") = 1;\n"
        );
    }
    let object = work.c("many", &source);
    let sections = (0..40).map(|number| format!("--export=__start_S{number}").into());
    let words: Vec<OsString> = args![
        object,
        "--no-entry",
        "--error-limit=0",
        "--export=f",
        "-o",
        "out.wasm"
    ]
    .into_iter()
    .chain(sections)
    .collect();
    let first = link_to_one_place(&work, &tool("WSL_WASM_LD"), &words);
    assert!(
        first.matches("undefined symbol: f").count() >= 40,
        "{first}"
    );
    assert!(first.matches("warning: ").count() >= 40, "{first}");
    for _ in 0..10 {
        let again = link_to_one_place(&work, &tool("WSL_WASM_LD"), &words);
        assert_eq!(again, first);
    }
}

fn gathers(output: &Output, module: &PathBuf) {
    assert!(output.status.success(), "{output:?}");
    let module = fs::read(module).expect("a module");
    assert_eq!(Instance::new(&module).words("NUMBERS"), [7]);
}

/// They say something to ourselves, and only in the link that has set them.
#[test]
fn variables_that_somebody_else_has_set_change_nothing() {
    let work = Work::new();
    let words = reading("NUMBERS", args![work.c("entry", ENTRY), "-o", "out.wasm"]);
    for name in ["WASM_SECTION_LD_GATHERED", "WASM_SECTION_LD_DEPTH"] {
        for value in ["", "1", "o", "9", "1 9x", "4000000 9", "wasm-section-ld-"] {
            let mut command = command(&work, &tool("WSL_WASM_LD"));
            let output = command.args(&words).env(name, value).output();
            gathers(&output.expect("our linker"), &work.file("out.wasm"));
        }
    }
}

/// A program that the backend runs may link too, and that is another link.
#[cfg(unix)]
#[test]
fn a_link_within_a_link_gathers() {
    let work = Work::new();
    let words = reading("NUMBERS", args![work.c("entry", ENTRY)]);
    let lld = tool("WSL_WASM_LD").display().to_string();
    let ours = linker().display();
    let quoted = words
        .iter()
        .map(|word| format!("'{}'", word.to_string_lossy()));
    let inner = quoted.collect::<Vec<_>>().join(" ");
    let script = format!(
        "WASM_SECTION_LD_LINKER={lld} {ours} {inner} -o inner.wasm || exit 9\nexec {lld} \"$@\""
    );
    let backend = work.script("backend", &script);
    let mut command = command(&work, &backend);
    let output = command.args(&words).args(["-o", "out.wasm"]).output();
    let output = output.expect("our linker");
    gathers(&output, &work.file("inner.wasm"));
    gathers(&output, &work.file("out.wasm"));
}

/// Under cargo, nobody sees what a linker says.
#[test]
fn the_log_can_go_to_a_file() {
    let work = Work::new();
    let words = reading("NUMBERS", args![work.c("entry", ENTRY), "-o", "out.wasm"]);
    let file = work.file("link.log");
    let log = |value: &str| {
        let mut command = command(&work, &tool("WSL_WASM_LD"));
        let output = command
            .args(&words)
            .env("WASM_SECTION_LD_LOG", value)
            .output();
        let output = output.expect("our linker");
        (output.status.code(), text(&output.stderr))
    };
    let at = file.display().to_string();
    for value in [
        at.clone(),
        format!("debug,{at}"),
        format!("{at},info,time"),
        "./link.log".to_owned(),
    ] {
        assert_eq!(log(&value), (Some(0), String::new()), "{value}");
    }
    let written = fs::read_to_string(&file).expect("a log");
    let count = |what: &str| written.matches(what).count();
    assert_eq!(count("link of out.wasm\n"), 4, "{written}");
    assert_eq!(count("NUMBERS: 1 entry of 4 bytes from"), 4, "{written}");
    assert_eq!(
        count("`__link_section__NUMBERS$$entry` in "),
        3,
        "{written}"
    );
    assert_eq!(count(" ms  hoist"), 1, "{written}");
    // On standard error, as before.
    let (status, said) = log("info");
    assert!(
        status == Some(0) && said.contains("NUMBERS: 1 entry"),
        "{said}"
    );
    let (status, said) = log("/nowhere/link.log");
    assert_eq!(status, Some(1));
    assert!(
        said.contains("WASM_SECTION_LD_LOG: cannot write to /nowhere/link.log: No such"),
        "{said}"
    );
}

#[test]
fn the_manifest_can_be_asked_for_by_the_environment() {
    let work = Work::new();
    let words = reading("NUMBERS", args![work.c("entry", ENTRY), "-o", "out.wasm"]);
    let module = |value: &str, more: &[OsString]| {
        let mut command = command(&work, &tool("WSL_WASM_LD"));
        command
            .args(&words)
            .args(more)
            .env("WASM_SECTION_LD_MANIFEST", value);
        let output = command.output().expect("our linker");
        gathers(&output, &work.file("out.wasm"));
        fs::read(work.file("out.wasm")).expect("a module")
    };
    let by_option = module("", &args!["--section-manifest"]);
    assert!(module("1", &[]) == by_option);
    let without = module("", &[]);
    assert!(module("0", &[]) == without && without.len() < by_option.len());
}

/// Who is sent the archive has only a plain linker.
#[test]
fn what_reproduce_has_packed_can_be_linked_by_the_plain_linker() {
    let work = Work::new();
    let member = work.c("member", &ENTRY.replace("entry", "member"));
    let archive = work.archive("lib.a", &[&member]);
    let custom = work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 5\n",
    );
    let words = reading("NUMBERS", args![work.c("entry", ENTRY), archive, custom]);
    for backend in linkers().into_iter().skip(1) {
        for (number, reproduce) in ["--reproduce=packed.tar", "--reproduce"].iter().enumerate() {
            let mut words: Vec<OsString> = words.clone();
            words.push(reproduce.into());
            if number == 1 {
                words.push("packed.tar".into());
            }
            let linked = work.link_with(&backend, words).silent();
            let directory = work.file("unpacked");
            fs::create_dir(&directory).expect("a directory");
            work.run(
                "tar",
                args!["-xf", "packed.tar", "-C", directory, "--strip-components=1"],
            );
            let output = Command::new(&backend)
                .args(["@response.txt", "-o", "out.wasm"])
                .current_dir(&directory)
                .output()
                .expect("a linker");
            assert!(output.status.success(), "{}: {output:?}", backend.display());
            let again = fs::read(directory.join("out.wasm")).expect("a module");
            assert!(again == linked, "{}", backend.display());
            fs::remove_dir_all(directory).expect("a directory");
        }
    }
}

#[test]
fn our_threads_are_as_many_as_the_user_wants() {
    const COUNT: usize = 2_100;
    let work = Work::new();
    let object = work.asm(
        "number",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 5\n",
    );
    let inputs = format!("{}\n", object.display()).repeat(COUNT);
    work.write("many.rsp", inputs);
    let started = |option: &str| {
        let output = Command::new(setting("WSL_STRACE"))
            .args(["-e", "trace=clone,clone3", "-o", "trace"])
            .arg(linker())
            .args(reading(
                "NUMBERS",
                args!["@many.rsp", option, "-o", "out.wasm"],
            ))
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .current_dir(work.path())
            .output();
        assert!(output.expect("strace").status.success());
        let trace = fs::read_to_string(work.file("trace")).expect("a trace");
        trace.matches("CLONE_THREAD").count()
    };
    assert_eq!(started("--threads=1"), 0);
    if std::thread::available_parallelism().expect("cores").get() > 1 {
        assert_eq!(started("--threads=2"), 2);
    }
}
