//! Link-time optimization by the linker: entries in LLVM bitcode are gathered like all others, and
//! what is optimized is what the backend optimizes by itself.

use crate::args;
use crate::support::module::{contains, custom_sections, function_names};
use crate::support::refusal::says;
use crate::support::{Instance, Rust, Work, linkers, reading, tool};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

const MODES: [&str; 2] = ["-flto=full", "-flto=thin"];

/// Functions with an entry each of three ways to write one, the last of which nothing refers to but
/// the array. The first function is in another file.
const ENTRIES: &str = r#"
    int other(int);
    static int add(int n) { return other(n) + 1; }
    static int twice(int n) { return 2 * n; }
    int square(int n) { return n * n; }
    typedef int (*call)(int);
    static const call a __asm__("__link_section__CALLS$$a") __attribute__((used)) = add;
    __attribute__((section("CALLS"), used)) static const call b = twice;
    const call c __asm__("__link_section__CALLS$$c") = square;
"#;

const OTHER: &str = "int other(int n) { return n + 100; }";

const READER: &str = r#"
    typedef int (*call)(int);
    extern const call __start_CALLS[], __stop_CALLS[];
    __attribute__((export_name("sum"))) int sum(int n) {
        int sum = 0;
        for (const call *c = __start_CALLS; c < __stop_CALLS; c++) sum = 10 * sum + (*c)(n);
        return sum;
    }
"#;

/// What `sum(1)` is of functions that give these.
fn sum(given: &[i32]) -> i32 {
    given.iter().fold(0, |sum, given| 10 * sum + given)
}

fn check(work: &Work, inputs: impl IntoIterator<Item = OsString>, given: &[i32]) {
    let words: Vec<_> = inputs.into_iter().chain(args!["--no-entry"]).collect();
    let mut instance = Instance::new(&work.link(&words).silent());
    assert_eq!(instance.call("sum", &[1]), sum(given), "{words:?}");
}

#[test]
fn alone_and_mixed_with_objects() {
    let work = Work::new();
    for mode in MODES {
        let [one, two, three] =
            [("entries", ENTRIES), ("other", OTHER), ("reader", READER)].map(|(name, source)| {
                let bitcode = work.c_with(&format!("{name}{mode}"), source, &[mode]);
                [work.c(name, source), bitcode]
            });
        // Each as an object and as bitcode.
        for mix in 0..8 {
            let inputs = [&one[mix & 1], &two[mix >> 1 & 1], &three[mix >> 2 & 1]];
            check(&work, inputs.map(OsString::from), &[102, 2, 1]);
        }
    }
}

#[test]
fn in_archives_that_nothing_refers_to() {
    let work = Work::new();
    let reader = work.c("reader", READER);
    for mode in MODES {
        let entries = work.c_with("entries", ENTRIES, &[mode]);
        let other = work.c_with("other", OTHER, &[mode]);
        let members = [entries.as_path(), &other];
        let archive = work.archive("libentries.a", &members);
        let thin = work.archive_with("rcsT", "libthin.a", &members);
        let whole = args!["--whole-archive", archive, "--no-whole-archive"];
        let lib = args!["--start-lib", entries, other, "--end-lib"];
        let ways = [
            args![archive].to_vec(),
            args![thin].to_vec(),
            args!["-L.", "-lentries"].to_vec(),
            whole.to_vec(),
            lib.to_vec(),
        ];
        for way in ways {
            let first = way.iter().cloned().chain(args![reader]);
            check(&work, first, &[102, 2, 1]);
            let last = args![reader].into_iter().chain(way);
            check(&work, last, &[102, 2, 1]);
        }
    }
}

/// The members of an archive that have nothing to do with it stay what they are: linked if needed.
#[test]
fn other_members_are_linked_if_something_refers_to_them() {
    let work = Work::new();
    for mode in MODES {
        let compile = |name: &str, source: &str| work.c_with(name, source, &[mode]);
        let needless = compile(
            "needless",
            r#"
            __attribute__((export_name("needless"))) int needless(void) { return 1; }
            __attribute__((constructor)) static void start(void) { __builtin_trap(); }
            "#,
        );
        let (entries, other) = (compile("entries", ENTRIES), compile("other", OTHER));
        let archive = work.archive("liball.a", &[&needless, &other, &entries]);
        let words = args![compile("reader", READER), archive, "--no-entry"];
        let instance = Instance::new(&work.link(words).silent());
        assert_eq!(instance.exports(), ["memory", "sum"]);
    }
}

/// The optimizer sees the whole program, as without us: a function of another file is inlined, and
/// is gone.
#[test]
fn the_program_is_optimized_as_a_whole() {
    let work = Work::new();
    for mode in MODES {
        let entries = work.c_with("entries", ENTRIES, &[mode]);
        let other = work.c_with("other", OTHER, &[mode]);
        let reader = work.c_with("reader", READER, &[mode]);
        let module = work
            .link(args![entries, other, reader, "--no-entry"])
            .silent();
        assert!(
            !contains(&module, "other"),
            "{mode}: {:?}",
            function_names(&module)
        );
        let slow = args![entries, other, reader, "--no-entry", "--lto-O0"];
        assert!(contains(&work.link(slow).silent(), "other"), "{mode}");
    }
}

const LIBRARY: &str = r#"
    #![no_std]
    pub struct Call(pub fn(i32) -> i32);
    unsafe extern "C" {
        static __start_CALLS: [Call; 0];
        static __stop_CALLS: [Call; 0];
    }
    pub fn calls() -> &'static [Call] {
        let (start, stop) = (&raw const __start_CALLS, &raw const __stop_CALLS);
        unsafe { core::slice::from_raw_parts(start.cast(), (stop.addr() - start.addr()) / 4) }
    }
"#;

const PLUGIN: &str = r#"
    #![no_std]
    pub mod __link_section__CALLS {
        #[used] static ADD: library::Call = library::Call(|n| n + 6);
        #[used] static TWICE: library::Call = library::Call(|n| 2 * n);
    }
    #[used] #[unsafe(link_section = "WORDS")] static WORD: [u8; 4] = [7, 0, 0, 0];
"#;

const PROGRAM: &str = r#"
    #![no_std]
    extern crate plugin;
    #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
    unsafe extern "C" { static __start_WORDS: [u32; 0]; static __stop_WORDS: [u32; 0]; }
    #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> i32 {
        library::calls().iter().fold(0, |sum, call| 10 * sum + (call.0)(n))
    }
    #[unsafe(no_mangle)] pub extern "C" fn word() -> u32 {
        unsafe { (&raw const __start_WORDS).cast::<u32>().read_unaligned() }
    }
    #[unsafe(no_mangle)] pub extern "C" fn bytes() -> usize {
        (&raw const __stop_WORDS).addr() - (&raw const __start_WORDS).addr()
    }
"#;

#[test]
fn rust_with_the_linkers_plugin() {
    let work = Work::new();
    let more = work.c_with(
        "more",
        r#"
        static int minus(int n) { return -n; }
        int (*const m)(int) __asm__("__link_section__CALLS$$m") = minus;
        "#,
        &["-flto=thin"],
    );
    let flags = ["-Clinker-plugin-lto", "-Copt-level=2", "-Ccodegen-units=4"];
    let mut rust = Rust::new(&work, &flags);
    rust.rlib("library", LIBRARY);
    let plugin = rust.rlib("plugin", PLUGIN);
    let plugin = fs::read(plugin).expect("it");
    assert!(memchr::memmem::find(&plugin, b"BC\xc0\xde").is_some());
    let rust = rust.with(&[format!("-Clink-arg={}", more.display())]);
    let mut instance = rust.instance(PROGRAM);
    let result = instance.call("sum", &[1]);
    // The backend's order: C's object is between the crates, or behind them.
    assert!(
        [sum(&[7, 2, -1]), sum(&[-1, 7, 2])].contains(&result),
        "{result}"
    );
    assert_eq!(instance.call("word", &[]), 7);
    assert_eq!(instance.call("bytes", &[]), 4);
}

/// Sections that work without us are left to the backend, and so is the bitcode that refers to what
/// objects have in theirs.
#[test]
fn bitcode_without_marks_is_left_to_the_backend() {
    let work = Work::new();
    let named = r#"
        static int twice(int n) { return 2 * n; }
        __attribute__((section("CALLS"), used)) static int (*const b)(int) = twice;
    "#;
    for mode in MODES {
        let compile = |name: &str, source: &str| work.c_with(name, source, &[mode]);
        let words = args![
            compile("named", named),
            compile("reader", READER),
            "--no-entry"
        ];
        let backend = tool("WSL_WASM_LD");
        let theirs = work.plain_link(&backend, &words).silent();
        assert!(work.link(&words).silent() == theirs, "{mode}");
        let asked: Vec<_> = words.into_iter().chain(args!["--gather=CALLS"]).collect();
        let gathered = work.link(asked).silent();
        assert!(gathered != theirs, "{mode}");
        assert_eq!(Instance::new(&gathered).call("sum", &[1]), 2);
    }
}

#[test]
fn a_custom_section_of_an_object_is_gathered_for_bitcode() {
    let work = Work::new();
    let entries = work.asm(
        "entries",
        ".section .custom_section.WORDS,\"\",@\n.int32 3\n.int32 4\n",
    );
    let source = r#"
        extern int __start_WORDS[];
        __attribute__((export_name("second"))) int second(void) { return __start_WORDS[1]; }
    "#;
    for mode in MODES {
        let reader = work.c_with("reader", source, &[mode]);
        let module = work.link(args![entries, reader, "--no-entry"]).silent();
        assert!(
            !custom_sections(&module)
                .iter()
                .any(|(name, _)| name == "WORDS")
        );
        assert_eq!(Instance::new(&module).call("second", &[]), 4);
    }
}

#[test]
fn options_for_the_optimizer_are_passed_on() {
    let work = Work::new();
    let entries = work.c_with("entries", ENTRIES, &["-flto=full"]);
    let other = work.c_with("other", OTHER, &["-flto=thin"]);
    let reader = work.c_with("reader", READER, &["-flto=thin"]);
    let link = |option: &str| {
        check(&work, args![entries, other, reader, option], &[102, 2, 1]);
    };
    for option in ["--lto-O3", "--thinlto-jobs=1", "-mllvm=-inline-threshold=0"] {
        link(option);
    }
    // Twice: what is in the cache is not made again.
    for _ in 0..2 {
        link(&format!(
            "--thinlto-cache-dir={}",
            work.file("cache").display()
        ));
    }
    // Two objects of what was one: the order is theirs.
    let words = args![entries, other, reader, "--lto-partitions=2"];
    let instance = Instance::new(&work.link(reading("CALLS", words)).silent());
    assert_eq!(instance.words("CALLS").len(), 3);
    link("--save-temps");
    assert!(work.file("out.wasm.resolution.txt").exists());
    let wrong = work.link(args![
        entries,
        other,
        reader,
        "--no-entry",
        "-mllvm=-no-such-option"
    ]);
    says(&wrong.stderr, &["no-such-option"]);
    assert_eq!(wrong.status, Some(1));
}

#[test]
fn the_output_depends_on_no_temporary_name() {
    let work = Work::new();
    for mode in MODES {
        let compile = |name: &str, source: &str| work.c_with(name, source, &[mode]);
        let (entries, other) = (compile("entries", ENTRIES), compile("other", OTHER));
        let archive = work.archive("liball.a", &[&entries, &other]);
        let words = reading("CALLS", args![compile("reader", READER), archive]);
        let first = work.link(&words).silent();
        assert!(work.link(&words).silent() == first, "{mode}");
        let temporary = work.file("tmp").display().to_string();
        assert!(!contains(&first, &temporary));
    }
}

#[test]
fn what_is_undefined_is_the_backends_to_say_once() {
    let work = Work::new();
    for mode in MODES {
        let entries = work.c_with("entries", ENTRIES, &[mode]);
        let linked = work.link(args![entries, "--no-entry", "--export=__start_CALLS"]);
        let error = linked.error();
        assert_eq!(
            error.matches("undefined symbol: other").count(),
            1,
            "{error}"
        );
        assert!(!error.contains("wasm-section-ld-"), "{error}");
    }
}

#[test]
fn warnings_come_once() {
    let work = Work::new();
    let entries = work.c_with("entries", ENTRIES, &["-flto=full"]);
    let wrong = work.c("wrong", "void other(void) {}\n");
    let user = work.c("user", "int other(int); int g(void) { return other(1); }");
    let words = args![entries, wrong, user, "--no-entry", "--export=g"];
    let linked = work.link(&words);
    linked.module();
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &words);
    let count = |text: &str| text.matches("function signature mismatch: other").count();
    assert_eq!(
        count(&linked.stderr),
        count(&plain.stderr),
        "{}",
        linked.stderr
    );
    assert_eq!(count(&plain.stderr), 1);
}

/// LLVM reads bitcode of older versions of itself only.
#[test]
fn bitcode_that_is_too_new_is_the_backends_to_report() {
    let work = Work::new();
    let entries = work.c_with("entries", ENTRIES, &["-flto=full"]);
    let words = args![entries, "--no-entry", "--allow-undefined"];
    for backend in linkers().into_iter().take(2) {
        let theirs = work.plain_link(&backend, &words);
        let ours = work.link_with(&backend, &words);
        assert!(theirs.stderr.contains("LLVM"), "{}", theirs.stderr);
        assert_eq!(ours.error(), theirs.error());
    }
}

#[test]
fn a_backend_that_keeps_its_objects_is_an_error() {
    let work = Work::new();
    let old = linkers()
        .into_iter()
        .find(|path| path.ends_with("wasm-ld-14"));
    let old = old.expect("wasm-ld-14");
    let compile =
        |name: &str, source: &str| work.compile("WSL_CLANG_OLD", name, "c", source, &["-flto"]);
    let (entries, other) = (compile("entries", ENTRIES), compile("other", OTHER));
    let linked = work.link_with(&old, args![entries, other, "--no-entry"]);
    says(
        linked.error(),
        &[
            "entries.o: this LLVM bitcode has entries, but the linker cannot write the objects that it compiles\n",
            "has no --lto-obj-path, which wasm-ld has since LLVM 20",
            "build without -flto",
        ],
    );
    // Bitcode without entries is what it was.
    let entries = work.compile("WSL_CLANG_OLD", "plain", "c", ENTRIES, &[]);
    let reader = compile("reader", READER);
    let words = args![entries, other, reader, "--no-entry"];
    let module = work.link_with(&old, words).silent();
    assert_eq!(Instance::new(&module).call("sum", &[1]), sum(&[102, 2, 1]));
}

#[test]
fn bad_marks_in_bitcode_are_errors() {
    let work = Work::new();
    let source = r#"int x __asm__("__link_section__a-b$$x") = 1;"#;
    let archive = work.archive("libbad.a", &[&work.c_with("bad", source, &["-flto"])]);
    let linked = work.link(args!["--no-entry", archive]);
    says(linked.error(), &["libbad.a(bad.o): ", "`a-b` of the mark"]);
    let damaged: PathBuf = work.c_with("damaged", ENTRIES, &["-flto"]);
    let mut bytes = fs::read(&damaged).expect("it");
    let half = bytes.len() / 2;
    bytes[200..half].fill(0x55);
    fs::write(&damaged, bytes).expect("it");
    let words = args!["--no-entry", "damaged.o"];
    let theirs = work.plain_link(&tool("WSL_WASM_LD"), &words);
    assert_eq!(work.link(&words).error(), theirs.error());
}
