//! clang as the driver of the link: it runs us where it would run `wasm-ld`, and passes on what is
//! meant for us.

use crate::args;
use crate::support::{Instance, Work, linker, setting, tool};
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

/// What several files include: entries in inline variables and in variables of templates, each of
/// which is in every file that uses it, and in the program once.
const HEADER: &str = r#"
    struct entry { const char *name; int (*run)(int); };
    template <int N> struct scale {
        static int run(int n) { return N * n; }
        static const entry self;
    };
    template <int N> __attribute__((section("ENTRIES"), used))
    const entry scale<N>::self = {"scale", run};
    inline int negate(int n) { return -n; }
    __attribute__((section("ENTRIES"), used)) inline const entry negation = {"negate", negate};
    inline const entry marked __asm__("__link_section__ENTRIES$10$marked")
        __attribute__((used)) = {"marked", negate};
    inline int seen = 0;
"#;

const ONE: &str = r#"
    #include "header.h"
    template struct scale<2>;
    template struct scale<3>;
"#;

const TWO: &str = r#"
    #include "header.h"
    template struct scale<3>;
    template struct scale<5>;
    extern "C" const entry __start_ENTRIES[], __stop_ENTRIES[];
    extern "C" __attribute__((export_name("count"))) int count() {
        return __stop_ENTRIES - __start_ENTRIES;
    }
    extern "C" __attribute__((export_name("run"))) int run(int i, int n) {
        return __start_ENTRIES[i].run(n);
    }
"#;

/// Every clang there is.
fn clangs() -> Vec<PathBuf> {
    let names = ["WSL_CLANG", "WSL_CLANG_19", "WSL_CLANG_OLD"];
    let clangs: Vec<PathBuf> = names.iter().map(|name| setting(name).into()).collect();
    assert!(clangs.iter().all(|path| path.is_file()), "{clangs:?}");
    clangs
}

/// Compiles and links in one go, for one of `ways` to say which linker.
fn drive(work: &Work, clang: &PathBuf, arguments: &[OsString]) -> Output {
    Command::new(clang)
        .args(["--target=wasm32-unknown-unknown", "-O1", "-nostdlib"])
        .args(["-Wl,--no-entry", "-o", "out.wasm"])
        .args(arguments)
        .current_dir(work.path())
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .output()
        .expect("clang")
}

/// What the entries give for 10, of a link that has nothing to say.
fn entries(work: &Work, clang: &PathBuf, arguments: &[OsString]) -> Vec<i32> {
    let output = drive(work, clang, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    let mut instance = Instance::new(&std::fs::read(work.file("out.wasm")).expect("a module"));
    let count = instance.call("count", &[]);
    (0..count).map(|i| instance.call("run", &[i, 10])).collect()
}

fn sources(work: &Work) -> [OsString; 3] {
    work.write("header.h", HEADER);
    let (one, two) = (work.write("one.cc", ONE), work.write("two.cc", TWO));
    args!["-std=c++17", one, two]
}

fn use_us() -> OsString {
    format!("-fuse-ld={}", linker().display()).into()
}

#[test]
fn inline_variables_and_templates_are_there_once() {
    let work = Work::new();
    for clang in clangs() {
        let words: Vec<_> = sources(&work).into_iter().chain([use_us()]).collect();
        let mut found = entries(&work, &clang, &words);
        // What has a key comes last.
        assert_eq!(found.pop(), Some(-10));
        found.sort_unstable();
        assert_eq!(found, [-10, 20, 30, 50], "{}", clang.display());
    }
}

#[test]
fn the_same_by_link_time_optimization() {
    let work = Work::new();
    for mode in ["-flto=full", "-flto=thin"] {
        let words = sources(&work).into_iter().chain(args![use_us(), mode]);
        let mut found = entries(&work, &tool("WSL_CLANG"), &words.collect::<Vec<_>>());
        assert_eq!(found.pop(), Some(-10));
        found.sort_unstable();
        assert_eq!(found, [-10, 20, 30, 50], "{mode}");
    }
}

#[test]
fn a_script_through_the_driver() {
    let work = Work::new();
    work.write(
        "reverse.ld",
        "SECTIONS { ENTRIES : {
            __start_ENTRIES = .;
            *two*.o(ENTRIES) *(ENTRIES.10) EXCLUDE_FILE(*two*.o) *(ENTRIES)
            __stop_ENTRIES = .;
        } }",
    );
    for clang in clangs() {
        let script = args![use_us(), "-Wl,-T,reverse.ld"];
        let words: Vec<_> = sources(&work).into_iter().chain(script).collect();
        let found = entries(&work, &clang, &words);
        // `scale<3>` and `negation` are those of the first file.
        let at = |entry| found.iter().position(|found| *found == entry);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[..2], [50, -10], "{found:?}");
        assert!(at(20) >= Some(2) && at(30) >= Some(2), "{found:?}");
    }
}

#[test]
fn as_wasm_ld_in_a_directory_of_the_drivers() {
    let work = Work::new();
    std::fs::create_dir(work.file("bin")).expect("a directory");
    // Debian's clang looks for the linker of its own version.
    for name in ["wasm-ld", "wasm-ld-14", "wasm-ld-19", "wasm-ld-22"] {
        symlink(linker(), work.file("bin").join(name)).expect("a symlink");
    }
    for clang in clangs() {
        let words: Vec<_> = sources(&work).into_iter().chain(args!["-Bbin"]).collect();
        assert_eq!(entries(&work, &clang, &words).len(), 5);
    }
}

/// For WebAssembly, clang knows only `-fuse-ld`: it says so, and runs `wasm-ld`, which says the rest.
#[test]
fn another_option_of_clangs_is_not_for_wasm() {
    let work = Work::new();
    for clang in clangs() {
        let path = format!("--ld-path={}", linker().display());
        let words: Vec<_> = sources(&work).into_iter().chain(args![path]).collect();
        let output = drive(&work, &clang, &words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.contains("argument unused during compilation: '--ld-path="),
            "{stderr}"
        );
    }
}
