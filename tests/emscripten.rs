//! Emscripten: we are its `wasm-ld`, or it is our backend; programs, and libraries that a program loads.

use crate::args;
use crate::support::commands::{LIST, LISTED, MAIN, RUST, RUST_LISTED, RUST_MAIN, entries};
use crate::support::workspace::{Workspace, root};
use crate::support::{Work, linker, setting, tool};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory as Emscripten expects that of LLVM (`LLVM_ROOT`), with our linker in it.
fn llvm(work: &Work) -> PathBuf {
    let directory = work.file("llvm");
    if directory.exists() {
        return directory;
    }
    fs::create_dir(&directory).expect("a directory");
    let tools = tool("WSL_CLANG_OLD");
    let tools = tools.parent().expect("its directory");
    let names = [
        "clang",
        "clang++",
        "llvm-ar",
        "llvm-nm",
        "llvm-objcopy",
        "llvm-ranlib",
    ];
    for name in names.into_iter().chain(["wasm-ld"]) {
        // Debian's Emscripten looks for the tools of this version.
        let own = format!("{name}-14");
        let target = match name {
            "wasm-ld" => linker().to_owned(),
            _ => tools.join(&own),
        };
        for alias in [name, &own] {
            symlink(&target, directory.join(alias)).expect("a symlink");
        }
    }
    directory
}

/// What Emscripten needs in its environment: where its LLVM is, and its JavaScript packages, which only
/// Debian's own Node finds. A newer lld is on PATH, as when rustc runs emcc.
fn with_emscripten<'c>(command: &'c mut Command, work: &Work) -> &'c mut Command {
    let config = setting("WSL_EM_CONFIG");
    if !config.is_empty() {
        command.env("EM_CONFIG", config);
    }
    let newer = tool("WSL_RUST_LLD");
    let newer = newer.parent().expect("its directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(newer).chain(std::env::split_paths(&path));
    command
        .env("EM_LLVM_ROOT", llvm(work))
        .env("NODE_PATH", "/usr/share/nodejs")
        .env("PATH", std::env::join_paths(path).expect("no separators"))
        .env_remove("WASM_SECTION_LD_LINKER")
        .current_dir(work.path())
}

fn succeeds(output: Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
}

impl Work {
    fn emcc(&self, arguments: &[OsString]) {
        let mut command = Command::new(tool("WSL_EMCC"));
        let output = with_emscripten(command.args(arguments), self).output();
        succeeds(output.expect("emcc"));
    }

    /// Runs emcc without us.
    fn plain_emcc(&self, arguments: &[OsString]) {
        let mut command = Command::new(tool("WSL_EMCC"));
        let tools = tool("WSL_CLANG_OLD");
        with_emscripten(command.args(arguments), self)
            .env("EM_LLVM_ROOT", tools.parent().expect("its directory"));
        succeeds(command.output().expect("emcc"));
    }

    fn module(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).expect("a module")
    }

    /// What a program prints in Node, whose `fetch` Emscripten takes for a browser's.
    fn script_prints(&self, program: &str) -> String {
        self.run(tool("WSL_NODE"), args!["--no-experimental-fetch", program])
    }

    fn source(&self, name: &str, text: &str) -> OsString {
        self.write(&format!("{name}.c"), text).into()
    }
}

#[test]
fn programs_by_its_linker() {
    let work = Work::new();
    let sources = [
        work.source("entries", &entries("twice", "square")),
        work.source("list", LIST),
        work.source("main", MAIN),
    ];
    for level in ["-O0", "-O1", "-O2", "-Oz"] {
        let mut words = args![level, "-o", "out.js"].to_vec();
        words.extend(sources.iter().cloned());
        work.emcc(&words);
        assert_eq!(work.script_prints("out.js"), LISTED, "{level}");
        // What nobody exported is not exported.
        let script = fs::read_to_string(work.file("out.js")).expect("it");
        assert!(!script.contains("__link_section__") && !script.contains("..section."));
    }
}

#[test]
fn as_our_backend() {
    let work = Work::new();
    for (name, text) in [
        ("entries", &*entries("twice", "square")),
        ("list", LIST),
        ("main", MAIN),
    ] {
        let source = work.source(name, text);
        work.emcc(&args!["-O1", "-c", source, "-o", format!("{name}.o")]);
    }
    let mut command = Command::new(linker());
    let words = args!["entries.o", "list.o", "main.o", "-O1", "-o", "out.js"];
    with_emscripten(command.args(words), &work);
    // Its own linker is then the backend's.
    let emcc = tool("WSL_EMCC");
    let output = command
        .env("WASM_SECTION_LD_LINKER", emcc)
        .env("EM_LLVM_ROOT", "/usr/bin");
    succeeds(output.output().expect("our linker"));
    assert_eq!(work.script_prints("out.js"), LISTED);
}

/// Each has its own array, as with ELF's shared objects.
#[test]
fn a_program_and_a_library_that_it_loads() {
    let work = Work::new();
    let main = r#"
        #include <dlfcn.h>
        #include <stdio.h>
        int list(int);
        int main(void) {
            int own = list(5);
            void *library = dlopen("side.wasm", RTLD_NOW);
            int (*theirs)(int) = library ? (int (*)(int))dlsym(library, "list_side") : 0;
            printf("%d %d\n", own, theirs ? theirs(5) : -1);
        }
    "#;
    let side = [
        work.source(
            "side",
            &entries("cube", "half")
                .replace("n * n", "n / 2")
                .replace("2 * n", "n * n * n"),
        ),
        work.source("side_list", &LIST.replace("int list(", "int list_side(")),
    ];
    let program = [
        work.source("entries", &entries("twice", "square")),
        work.source("list", LIST),
        work.source("main", main),
    ];
    let mut words = args!["-O1", "-sSIDE_MODULE=1", "-o", "side.wasm"].to_vec();
    words.extend(side);
    work.emcc(&words);
    for kind in ["-sMAIN_MODULE=1", "-sMAIN_MODULE=2"] {
        let mut words = args!["-O1", kind, "-o", "out.js", "side.wasm"].to_vec();
        words.extend(program.iter().cloned());
        work.emcc(&words);
        let expected = "twice 10\nsquare 25\ncube 125\nhalf 2\n2 2\n";
        assert_eq!(work.script_prints("out.js"), expected, "{kind}");
    }
}

#[test]
fn rust_by_its_linker() {
    let work = Work::new();
    let source = format!("{RUST}{RUST_MAIN}");
    let entries = work.source("entries", &entries("twice", "square"));
    work.emcc(&args!["-O1", "-c", entries, "-o", "entries.o"]);
    let mut command = Command::new(tool("WSL_RUSTC"));
    let sysroot = setting("WSL_SYSROOT_EMSCRIPTEN");
    if !sysroot.is_empty() {
        command.arg(format!("--sysroot={sysroot}"));
    }
    command
        .args([
            "--target=wasm32-unknown-emscripten",
            "--edition=2024",
            "-Cpanic=abort",
        ])
        .args([
            "-Copt-level=1",
            "-Anonstandard-style",
            "-Aimproper-ctypes",
            "-Clink-arg=entries.o",
            // emcc brings what is needed.
            "-Clink-self-contained=no",
        ])
        .arg(format!("-Clinker={}", tool("WSL_EMCC").display()))
        .args([
            Path::new("-o"),
            Path::new("out.js"),
            &work.write("program.rs", source),
        ])
        .env_remove("RUSTC_BOOTSTRAP");
    succeeds(
        with_emscripten(&mut command, &work)
            .output()
            .expect("a rustc that runs"),
    );
    assert_eq!(work.script_prints("out.js"), RUST_LISTED);
}

/// emcc asks for the bounds of its own section `em_asm`, if they are defined. That is no reference: nothing of its
/// libraries is linked for it, with or without an array of the program.
#[test]
fn what_emcc_asks_for_itself_links_nothing() {
    let work = Work::new();
    let hello = work.source(
        "hello",
        "#include <stdio.h>\nint main(void) { puts(\"hello\"); }",
    );
    let words = args!["-O1", "-sMAIN_MODULE=2", hello, "-o", "out.js"];
    work.plain_emcc(&words);
    let plain = work.module("out.wasm");
    work.emcc(&words);
    assert!(work.module("out.wasm") == plain);
    assert_eq!(work.script_prints("out.js"), "hello\n");
    // The same functions as with an array by hand.
    let walk = |entry: &str, array: &str| {
        format!(
            r#"
            #include <emscripten.h>
            #include <stdio.h>
            typedef int (*command)(int);
            static int thrice(int n) {{
                return EM_ASM_INT({{ console.log("of " + $0); return 3 * $0; }}, n);
            }}
            {entry}
            int main(void) {{
                for (const command *c = {array}; c < {array} + 1; c++) printf("%d\n", (*c)(5));
            }}
            "#
        )
    };
    let entry = r#"
        const command only __asm__("__link_section__ONLY$$only") __attribute__((used)) = thrice;
        extern const command __start_ONLY[];
    "#;
    let gathered = work.source("gathered", &walk(entry, "__start_ONLY"));
    let by_hand = "const command only[] __attribute__((used)) = { thrice };";
    let by_hand = work.source("by_hand", &walk(by_hand, "only"));
    work.plain_emcc(&args![
        "-O1",
        "-sMAIN_MODULE=2",
        by_hand,
        "-o",
        "by_hand.js"
    ]);
    work.emcc(&args!["-O1", "-sMAIN_MODULE=2", gathered, "-o", "out.js"]);
    let functions = |name: &str| {
        let module = work.module(name);
        let payloads = wasmparser::Parser::new(0).parse_all(&module);
        let payloads = payloads.map(|payload| payload.expect("a module"));
        let is_body = |one: &_| matches!(one, wasmparser::Payload::CodeSectionEntry(_));
        payloads.filter(is_body).count()
    };
    assert_eq!(functions("out.wasm"), functions("by_hand.wasm"));
    assert_eq!(work.script_prints("out.js"), "of 5\n15\n");
}

/// Entries that wait, that are written in JavaScript, and that contain JavaScript.
#[test]
fn entries_that_javascript_answers() {
    let work = Work::new();
    let entries = r#"
        #include <emscripten.h>
        struct command { const char *name; int (*run)(int); };
        #define COMMAND(name) \
            __attribute__((used)) static const struct command name##_command \
                __asm__("__link_section__COMMANDS$$" #name) = { #name, name };
        EM_JS(int, js_half, (int n), { return n >> 1; });
        static int later(int n) { emscripten_sleep(10); return n + 1; }
        static int half(int n) { return js_half(n); }
        static int thrice(int n) { return EM_ASM_INT({ return $0 * 3; }, n); }
        COMMAND(later) COMMAND(half) COMMAND(thrice)
    "#;
    let entries = work.source("entries", entries);
    work.emcc(&args!["-O1", "-fPIC", "-c", entries, "-o", "entries.o"]);
    // In an archive member that nothing refers to.
    work.archive("libentries.a", &[&work.file("entries.o")]);
    let main = work.source("main", &MAIN.replace("!= 2", "!= 3"));
    let list = work.source("list", LIST);
    for kind in ["-sMAIN_MODULE=0", "-sMAIN_MODULE=2"] {
        let words = args!["-O1", "-sASYNCIFY", kind, main, list, "libentries.a"];
        let words: Vec<_> = words.into_iter().chain(args!["-o", "out.js"]).collect();
        work.emcc(&words);
        let expected = "later 6\nhalf 2\nthrice 15\n";
        assert_eq!(work.script_prints("out.js"), expected, "{kind}");
    }
}

#[test]
fn threads_share_an_array() {
    let work = Work::new();
    let main = r#"
        #include <pthread.h>
        #include <stdio.h>
        struct command { const char *name; int (*run)(int); };
        extern const struct command __start_COMMANDS[], __stop_COMMANDS[];
        _Atomic int *counter(void) {
            static _Atomic int hits __asm__("__link_section__HITS$$hits") __attribute__((used));
            extern _Atomic int __start_HITS[];
            return __start_HITS;
        }
        static void *sum(void *of) {
            for (const struct command *c = __start_COMMANDS; c < __stop_COMMANDS; c++) {
                *(int *)of += c->run(5);
                ++*counter();
            }
            return 0;
        }
        int main(void) {
            pthread_t threads[3];
            int sums[3] = {};
            for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, sum, &sums[i]);
            for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
            printf("%d %d %d, %d hits\n", sums[0], sums[1], sums[2], *counter());
        }
    "#;
    let main = work.source("main", main);
    let entries = work.source("entries", &entries("twice", "square"));
    let pool = ["-sPTHREAD_POOL_SIZE=3", "-sEXIT_RUNTIME"];
    let words = args!["-O1", "-pthread", main, entries, "-o", "out.js"];
    let words: Vec<_> = words.into_iter().chain(pool.map(Into::into)).collect();
    work.emcc(&words);
    assert_eq!(work.script_prints("out.js"), "35 35 35, 6 hits\n");
}

/// Our `linkme` and `inventory`, linked by cargo, rustc and emcc.
#[test]
fn registries_of_crates() {
    const TARGET: &str = "wasm32-unknown-emscripten";
    let work = Work::new();
    let crates = Workspace::new(root().join("tests/fixtures/crates"), "crates-emscripten");
    let program = crates.built(TARGET, "debug", "listing.js");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&program, &program.with_file_name("deps/listing.js")] {
        let _ = fs::remove_file(file);
    }
    let mut flags = vec![
        "-Clink-self-contained=no".to_owned(),
        "-Cpanic=abort".to_owned(),
    ];
    let sysroot = setting("WSL_SYSROOT_EMSCRIPTEN");
    flags.extend((!sysroot.is_empty()).then(|| format!("--sysroot={sysroot}")));
    let words = ["build", "--locked", "-p", "listing", "--target", TARGET];
    let mut command = crates.cargo(words);
    let directory = command.get_current_dir().expect("a directory").to_owned();
    let output = with_emscripten(&mut command, &work)
        .current_dir(directory)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_EMSCRIPTEN_LINKER",
            tool("WSL_EMCC"),
        )
        .output()
        .expect("a cargo that runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let printed = work.script_prints(program.to_str().expect("text"));
    assert_eq!(printed, "one, ten: 16\n[3, 4]\n0\n");
}
