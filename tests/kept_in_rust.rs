//! `--section-keep` for what Rust makes of `#[link_section]`: statics in crates that nobody calls, read from JavaScript.
//! `manifest::it_survives_wasm_bindgen` reads them after `wasm-bindgen`.

use crate::args;
use crate::support::module::{contains, custom_sections};
use crate::support::{Linked, Rust, Work, linkers, tool};
use std::path::Path;

/// A crate that describes itself to the host, and has code.
fn plugin(name: &str) -> String {
    let text = format!("{name};");
    let length = text.len();
    format!(
        r#"
        #![no_std]
        #[used]
        #[unsafe(link_section = "host_info")]
        static INFO: [u8; {length}] = *b"{text}";
        pub mod inner {{
            #[used]
            #[unsafe(link_section = "host_info")]
            static INFO: [u8; 6] = *b"inner;";
        }}
        #[inline(never)]
        pub fn code_of_{name}(n: i32) -> i32 {{ n + {length} }}
        "#
    )
}

const PROGRAM: &str = r#"
    use plugin_a as _;
    use plugin_b as _;
    #[unsafe(no_mangle)]
    pub extern "C" fn answer() -> i32 { 42 }
"#;

const READ: &str = r#"
    import { readFileSync } from "node:fs";
    const module = new WebAssembly.Module(readFileSync("MODULE"));
    const sections = WebAssembly.Module.customSections(module, "host_info");
    console.log(sections.map((bytes) => new TextDecoder().decode(bytes)).join("|"));
"#;

/// The sections that JavaScript finds.
pub fn read(work: &Work, module: &str) -> String {
    let printed = work.node(&[], &READ.replace("MODULE", module));
    printed.trim_end().to_owned()
}

fn link(rust: &Rust<'_>, backend: &Path, more: &[&str]) -> Linked {
    let linker = format!("-Clink-arg=--section-linker={}", backend.display());
    rust.with(&[linker.as_str()])
        .with(more)
        .program("program", PROGRAM)
}

/// The order is that of rustc's command line: a crate comes before those that it depends on.
#[test]
fn statics_of_crates_that_nobody_calls() {
    for level in ["-Copt-level=0", "-Copt-level=3"] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &[level]);
        for name in ["plugin_a", "plugin_b"] {
            rust.rlib(name, &plugin(name));
        }
        let by_newest = link(&rust, &tool("WSL_WASM_LD"), &[]).silent();
        assert!(!contains(&by_newest, "plugin_a;") && !contains(&by_newest, "inner;"));
        for backend in linkers() {
            let keep = ["-Clink-arg=--section-keep=host_info"];
            let module = link(&rust, &backend, &keep).silent();
            let texts = read(&work, "program.wasm");
            let mut parts: Vec<&str> = texts.split_terminator(';').collect();
            parts.sort_unstable();
            assert_eq!(parts, ["inner", "inner", "plugin_a", "plugin_b"], "{level}");
            assert!(!texts.contains('|'), "one section: {texts}");
            assert!(!contains(&module, "code_of_plugin"), "{level}");
            if backend == tool("WSL_WASM_LD") {
                let section = texts.len() + "host_info".len() + 3;
                assert_eq!(module.len() - by_newest.len(), section);
            }
        }
    }
}

/// The arguments of rustc that link two such crates into any program, and what the host reads then.
pub fn linked_into_a_program(work: &Work) -> ([String; 3], &'static str) {
    let [c, d] = ["plugin_c", "plugin_d"].map(|name| {
        let mut rust = Rust::new(work, &["-Copt-level=3", "-Ccodegen-units=1"]);
        format!("-Clink-arg={}", rust.rlib(name, &plugin(name)).display())
    });
    let keep = "-Clink-arg=--section-keep=host_info".to_owned();
    ([c, d, keep], "plugin_c;inner;plugin_d;inner;")
}

/// rustc from 1.100 on also makes a data segment of each static. It is dead, as its member is.
#[test]
fn statics_that_are_in_memory_too() {
    let work = Work::new();
    let member = |name: &str, keep: &str| {
        let ir = format!(
            "@{name} = constant [2 x i8] c\"{name};\", section \"host_info\", align 1
             @{keep} = appending global [1 x ptr] [ptr @{name}], section \"llvm.metadata\"
             !wasm.custom_sections = !{{!0}}
             !0 = !{{!\"host_info\", !\"{name};\"}}\n"
        );
        work.ir(name, &ir)
    };
    let members = [member("a", "llvm.used"), member("b", "llvm.compiler.used")];
    let members: Vec<&Path> = members.iter().map(AsRef::as_ref).collect();
    let rlib = work.archive("libparts.rlib", &members);
    let main = work.c(
        "main",
        "__attribute__((export_name(\"f\"))) void f(void) {}",
    );
    for backend in linkers() {
        let words = args![main, rlib, "--no-entry", "--section-keep=host_info"];
        let module = work.link_with(&backend, words).silent();
        let sections = custom_sections(&module);
        let info = sections.iter().filter(|(name, _)| name == "host_info");
        assert_eq!(
            info.map(|(_, text)| &text[..]).collect::<Vec<_>>(),
            [b"a;b;"]
        );
        let payloads = wasmparser::Parser::new(0).parse_all(&module);
        let mut payloads = payloads.map(|payload| payload.expect("a module"));
        assert!(!payloads.any(|one| matches!(one, wasmparser::Payload::DataSection(_))));
    }
}
