//! What each linker can do behind us: the table in docs/ways-of-linking.md says it, and every cell of
//! it is tried here.

use crate::args;
use crate::support::assembler::halving;
use crate::support::instance::export_section;
use crate::support::module::contains;
use crate::support::rust::rustc;
use crate::support::workspace::root;
use crate::support::{Instance, Linked, Work, tool};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The linkers, as the table names them.
fn backends() -> Vec<(&'static str, PathBuf)> {
    let lld = |version: &str| {
        let linkers = crate::support::linkers();
        let is_it = |path: &PathBuf| path.ends_with(format!("wasm-ld-{version}"));
        linkers.into_iter().find(is_it).expect("a wasm-ld")
    };
    vec![
        ("wasm-ld 14", lld("14")),
        ("wasm-ld 16", lld("16")),
        ("wasm-ld 19", lld("19")),
        ("wasm-ld 22", lld("22")),
        ("rust-lld 22", tool("WSL_RUST_LLD")),
        ("wild 0.10", tool("WSL_WILD")),
    ]
}

/// Tries something with a linker, and says whether it works.
type Trial = fn(&Work, &Path) -> bool;

/// What is tried, as the table names it.
const WAYS: [(&str, Trial); 6] = [
    ("C, assembler", objects),
    ("Rust", rust),
    ("entries in archives", archives),
    ("unread arrays go", unread),
    ("`-shared`", shared),
    ("bitcode", bitcode),
];

const ENTRIES: &str = r#"
    typedef int (*call)(int);
    static int add(int n) { return n + 1; }
    static int twice(int n) { return 2 * n; }
    static const call a __asm__("__link_section__CALLS$$a") __attribute__((used)) = add;
    __attribute__((section("CALLS"), used)) static const call b = twice;
"#;

/// What the functions of CALLS give for 9, as digits of a number.
const READER: &str = r#"
    typedef int (*call)(int);
    extern const call __start_CALLS[], __stop_CALLS[];
    __attribute__((export_name("digits"))) int digits(void) {
        int digits = 0;
        for (const call *c = __start_CALLS; c < __stop_CALLS; c++) digits = 100 * digits + (*c)(9);
        return digits;
    }
"#;

fn gives(linked: &Linked, expected: i32) -> bool {
    linked.status == Some(0) && Instance::new(&linked.module()).call("digits", &[]) == expected
}

fn objects(work: &Work, backend: &Path) -> bool {
    // The commands of other tests have a name each; only the function is an entry here.
    let halving = halving("CALLS", 32, "").replace("        .int32 text\n", "");
    let custom = work.asm("custom", &halving);
    let (entries, reader) = (work.c("entries", ENTRIES), work.c("reader", READER));
    let words = args![entries, reader, custom, "--no-entry"];
    gives(&work.link_with(backend, words), 10_18_04)
}

fn archives(work: &Work, backend: &Path) -> bool {
    let archive = work.archive("libentries.a", &[&work.c("entries", ENTRIES)]);
    let words = args![work.c("reader", READER), archive, "--no-entry"];
    gives(&work.link_with(backend, words), 10_18)
}

fn unread(work: &Work, backend: &Path) -> bool {
    let texts = work.c(
        "texts",
        r#"
        static const char text[] = "nobody reads this";
        static const char *const t __asm__("__link_section__TEXTS$$t")
            __attribute__((used)) = text;
        __attribute__((export_name("digits"))) int digits(void) { return 7; }
        "#,
    );
    let linked = work.link_with(backend, args![texts, "--no-entry"]);
    gives(&linked, 7) && !contains(&linked.module(), "nobody reads this")
}

fn shared(work: &Work, backend: &Path) -> bool {
    let entries = work.c_with("entries", ENTRIES, &["-fPIC"]);
    let mut words = args!["-shared", "--experimental-pic", entries].to_vec();
    words.extend(
        export_section("CALLS")
            .into_iter()
            .skip(1)
            .map(OsString::from),
    );
    let linked = work.link_with(backend, words);
    // How it is loaded, tests/position_independent.rs is about.
    linked.status == Some(0) && contains(&linked.module(), "dylink.0")
}

fn bitcode(work: &Work, backend: &Path) -> bool {
    // As old as the oldest.
    let entries = work.compile("WSL_CLANG_OLD", "entries", "c", ENTRIES, &["-flto"]);
    let words = args![work.c("reader", READER), entries, "--no-entry"];
    gives(&work.link_with(backend, words), 10_18)
}

/// Of a static library, as rustc's options for the linker are not the same in each version.
fn rust(work: &Work, backend: &Path) -> bool {
    let source = r#"
        use std::collections::BTreeMap;
        pub mod __link_section__CALLS {
            #[used] static A: fn(i32) -> String = |n| format!("{}", n + 1);
            #[used] static B: fn(i32) -> String = |n| [n.to_string(), n.to_string()].concat();
        }
        unsafe extern "C" {
            static __start_CALLS: [fn(i32) -> String; 0];
            static __stop_CALLS: [fn(i32) -> String; 0];
        }
        #[unsafe(no_mangle)] pub extern "C" fn digits() -> i32 {
            let (start, stop) = (&raw const __start_CALLS, &raw const __stop_CALLS);
            let count = (stop.addr() - start.addr()) / 4;
            let calls = unsafe { std::slice::from_raw_parts(start.cast::<fn(i32) -> String>(), count) };
            let given: BTreeMap<_, _> = calls.iter().map(|call| call(9)).enumerate().collect();
            given.values().map(String::as_str).collect::<String>().parse().unwrap()
        }
    "#;
    let output = rustc()
        .args([
            "--crate-type=staticlib",
            "-Copt-level=1",
            "-o",
            "libprogram.a",
        ])
        .arg(work.write("program.rs", source))
        .current_dir(work.path())
        .output()
        .expect("a rustc that runs");
    assert!(output.status.success(), "{output:?}");
    let words = args!["--no-entry", "--export=digits", "libprogram.a"];
    gives(&work.link_with(backend, words), 10_99)
}

/// The table in the documentation: for each linker what is said of each way.
fn table() -> BTreeMap<String, BTreeMap<String, String>> {
    let text = fs::read_to_string(root().join("docs/ways-of-linking.md")).expect("the document");
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| linker |"));
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let head = cells(lines.next().expect("a table"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let row = cells(row);
        let said = head.iter().cloned().zip(row.iter().cloned()).skip(1);
        (row[0].clone(), said.collect())
    })
    .collect()
}

#[test]
fn each_can_do_what_the_table_says() {
    let mut found = BTreeMap::new();
    for (name, backend) in backends() {
        let ways = WAYS.iter().map(|(way, works)| {
            let work = Work::new();
            let said = if works(&work, &backend) { "yes" } else { "no" };
            (way.to_string(), said.to_owned())
        });
        found.insert(name.to_owned(), ways.collect::<BTreeMap<_, _>>());
    }
    assert_eq!(found, table());
}
