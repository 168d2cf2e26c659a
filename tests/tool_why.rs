//! `wasm-sections why`: the origin of an entry, what decides its position, what it refers to; and if it is none,
//! what is known of it.

use crate::args;
use crate::support::{Rust, Work};
use serde_json::json;
use std::path::{Path, PathBuf};

const SOURCE: &str = r#"
    static int run(int x) { return x; }
    int (*late)(int) __asm__("__link_section__HOOKS$20$late") = run;
    int (*early)(int) __asm__("__link_section__HOOKS$10$early") = run;
    int dead __asm__("__link_section__DEAD$$dead") = 1;
    __attribute__((export_name("other"))) int other_function(void) { return 1; }
"#;

fn module(work: &Work) -> PathBuf {
    let object = work.c("object", SOURCE);
    let library = work.archive("libhooks.a", &[&object]);
    work.with_manifest("hooks.wasm", "HOOKS", &[library])
}

fn why(work: &Work, module: &Path, symbol: &str) -> (i32, String) {
    let said = work.sections(args!["why", module, symbol]);
    assert_eq!(said.errors, "");
    (said.status, said.text)
}

#[track_caller]
fn says((status, text): (i32, String), expected_status: i32, parts: &[&str]) {
    assert_eq!(status, expected_status, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn an_entry() {
    let work = Work::new();
    let module = module(&work);
    for symbol in ["late", "__link_section__HOOKS$20$late", "20$lat"] {
        let parts = [
            "late is at index 1 of HOOKS (2 entries)\n",
            "from      libhooks.a(object.o)\n",
            "order     by its key `20`",
            "refers to fn run at +0\n",
        ];
        says(why(&work, &module, symbol), 0, &parts);
    }
    let said = work.sections(args!["why", module, "late", "--json"]);
    let found = said.json()["entries"][0].clone();
    assert_eq!(
        (&found["section"], &found["entry"]["index"]),
        (&json!("HOOKS"), &json!(1))
    );
}

#[test]
fn what_an_entry_points_to() {
    let work = Work::new();
    let module = module(&work);
    let parts = [
        "`run` is not an entry, but early refers to it",
        "late refers to it",
    ];
    says(why(&work, &module, "run"), 0, &parts);
}

#[test]
fn an_entry_of_an_array_that_nobody_reads() {
    let work = Work::new();
    let module = module(&work);
    let parts = [
        "DEAD (1 entry), which was garbage-collected",
        "refers to __start_DEAD or __stop_DEAD",
    ];
    says(why(&work, &module, "dead"), 1, &parts);
}

#[test]
fn what_is_in_no_array() {
    let work = Work::new();
    let module = module(&work);
    let parts = [
        "`other_function` is in no array",
        "other_function is a function of the module, but no entry refers to it",
    ];
    says(why(&work, &module, "other_function"), 1, &parts);
    let parts = [
        "`hooks::LATE` is in no array",
        "did you mean late?",
        "WASM_SECTION_LD_LOG=debug",
    ];
    says(why(&work, &module, "hooks::LATE"), 1, &parts);
}

#[test]
fn a_rust_path_without_its_mark() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib(
        "plugin",
        "mod __link_section__HOOKS { #[used] static HOOK: u32 = 1; } pub fn link() {}",
    );
    let arguments = [
        "-Clink-arg=--section-manifest",
        "-Clink-arg=--export=__start_HOOKS",
    ];
    let program = "#[unsafe(no_mangle)] pub fn f() { plugin::link() }";
    rust.with(&arguments).program("program", program).silent();
    let module = work.file("program.wasm");
    let parts = [
        "plugin::HOOK is at index 0 of HOOKS (1 entry)",
        "from      crate plugin, libplugin.rlib(",
    ];
    says(why(&work, &module, "plugin::HOOK"), 0, &parts);
}
