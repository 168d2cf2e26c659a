//! What comes after the linker: tools that change the module, and bundlers. The arrays survive each, and
//! the program reads them as ever: nobody has to hand it its own module.

use crate::args;
use crate::support::workspace::{Workspace, root};
use crate::support::{Instance, Rust, Work, setting, tool};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const C: &str = r#"
    static int twice(int n) { return 2 * n; }
    static int square(int n) { return n * n; }
    typedef int (*call)(int);
    static const call a __asm__("__link_section__CALLS$$a") __attribute__((used)) = twice;
    __attribute__((section("CALLS"), used)) static const call b = square;
"#;

const RUST: &str = r#"
    pub mod __link_section__CALLS {
        #[used] static NEGATE: extern "C" fn(i32) -> i32 = super::negate;
    }
    extern "C" fn negate(n: i32) -> i32 { -n }
    type Call = extern "C" fn(i32) -> i32;
    unsafe extern "C" { static __start_CALLS: [Call; 0]; static __stop_CALLS: [Call; 0]; }
    #[unsafe(no_mangle)] pub extern "C" fn sum(n: i32) -> i32 {
        let (start, stop) = (&raw const __start_CALLS, &raw const __stop_CALLS);
        let count = (stop.addr() - start.addr()) / 4;
        let calls = unsafe { core::slice::from_raw_parts(start.cast::<Call>(), count) };
        let given: Vec<String> = calls.iter().map(|call| call(n).to_string()).collect();
        given.iter().map(|text| text.parse::<i32>().unwrap()).sum()
    }
"#;

/// What `sum(5)` is: `-5 + 10 + 25`.
const SUM: i32 = 30;

/// A program of both languages.
fn program(work: &Work) -> PathBuf {
    let flags = [format!("-Clink-arg={}", work.c("c", C).display())];
    let linked = Rust::new(work, &flags).program("program", RUST);
    linked.silent();
    linked.output
}

/// The sum, of a module that a tool has changed.
fn check(before: &Path, after: &Path) {
    let (before, after) = [before, after]
        .map(|path| fs::read(path).expect("a module"))
        .into();
    assert_ne!(before, after);
    assert_eq!(Instance::new(&before).call("sum", &[5]), SUM);
    assert_eq!(Instance::new(&after).call("sum", &[5]), SUM);
}

#[test]
fn wasm_opt() {
    let work = Work::new();
    let program = program(&work);
    for level in ["-O3", "-Oz", "-O4"] {
        let after = work.file("after.wasm");
        let words = args![level, "--all-features", program, "-o", after];
        work.run(tool("WSL_WASM_OPT"), words);
        check(&program, &after);
    }
}

#[test]
fn wasm_strip() {
    let work = Work::new();
    let program = program(&work);
    let after = work.file("after.wasm");
    work.run(tool("WSL_WASM_STRIP"), args![program, "-o", after]);
    check(&program, &after);
}

#[test]
fn component_new() {
    let work = Work::new();
    let program = program(&work);
    let world = work.write(
        "world.wit",
        "package test:sums;\nworld sums { export sum: func(n: s32) -> s32; }\n",
    );
    let tools = tool("WSL_WASM_TOOLS");
    let (embedded, component) = (work.file("embedded.wasm"), work.file("component.wasm"));
    work.run(
        &tools,
        args!["component", "embed", world, program, "-o", embedded],
    );
    work.run(&tools, args!["component", "new", embedded, "-o", component]);
    let script = "\
from wasmtime import Engine, Store
from wasmtime.component import Component, Linker
engine = Engine()
store = Store(engine)
instance = Linker(engine).instantiate(store, Component.from_file(engine, 'component.wasm'))
print(instance.get_func(store, 'sum')(store, 5))
";
    assert_eq!(work.wasmtime(script), format!("{SUM}\n"));
}

/// `examples/shapes`, whose types are registered by `typetag`.
static SHAPES: LazyLock<PathBuf> = LazyLock::new(|| {
    let shapes = Workspace::new(root().join("examples/shapes"), "after-linking");
    let target = "wasm32-unknown-unknown";
    shapes.run([
        "build",
        "--locked",
        "--release",
        "-p",
        "page",
        "--target",
        target,
    ]);
    shapes.built(target, "release", "page.wasm")
});

/// What the example says of a circle.
const CIRCLE: &str = "circle of area 3.14";

/// Lets `wasm-bindgen` change the module, and `wasm-opt` after it, for a host of that kind.
fn bindgen(work: &Work, host: &str) {
    let words = args![*SHAPES, "--target", host, "--out-dir", "pkg"];
    work.run(tool("WSL_WASM_BINDGEN"), words);
    let module = work.file("pkg/page_bg.wasm");
    let features = [
        "bulk-memory",
        "multivalue",
        "nontrapping-float-to-int",
        "reference-types",
        "sign-ext",
    ];
    let features = features.map(|feature| OsString::from(format!("--enable-{feature}")));
    let words = args!["-Oz", module, "-o", module];
    let words = words.into_iter().chain(features);
    work.run(tool("WSL_WASM_OPT"), words);
}

#[test]
fn wasm_bindgen_and_then_wasm_opt() {
    let work = Work::new();
    bindgen(&work, "nodejs");
    let script = r#"
        import page from "./pkg/page.js";
        console.log(page.describe('[{"type":"Circle","radius":1}]'));
    "#;
    assert_eq!(work.node(&[], script), format!("{CIRCLE}\n"));
}

/// Builds a page with the command of a bundler, and gives what Chromium shows.
fn bundled(bundler: &str, arguments: &[&str], output: &str) -> String {
    let work = Work::new();
    bindgen(&work, "web");
    work.write(
        "main.js",
        r#"
        import start, { describe } from "./pkg/page.js";
        start().then(() => {
          const shapes = describe('[{"type":"Circle","radius":1}]');
          document.getElementById("shapes").textContent = shapes;
        });
        "#,
    );
    let page = |script: &str| format!("<!doctype html>\n<pre id=\"shapes\"></pre>\n{script}\n");
    let page = |script: &str| page(&format!("<script {script}></script>"));
    work.write("index.html", page(r#"type="module" src="./main.js""#));
    let packages = PathBuf::from(setting("WSL_BUNDLERS"));
    let done = Command::new(tool("WSL_NODE"))
        .arg(packages.join("node_modules").join(bundler))
        .args(arguments)
        .current_dir(work.path())
        .output()
        .expect("node");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let directory = work.file(output);
    if !directory.join("index.html").exists() {
        let index = page(r#"defer src="./main.js""#);
        fs::write(directory.join("index.html"), index).expect("a page");
    }
    let show = root().join("ci/show.mjs");
    let words = args![show, tool("WSL_CHROMIUM"), directory, "shapes"];
    work.run(tool("WSL_NODE"), words)
}

#[test]
fn vite() {
    let arguments = [
        "build",
        "--base",
        "./",
        "--outDir",
        "vite",
        "--logLevel",
        "warn",
    ];
    let shown = bundled("vite/bin/vite.js", &arguments, "vite");
    assert_eq!(shown, format!("{CIRCLE}\n"));
}

#[test]
fn webpack() {
    let arguments = [
        "--mode",
        "production",
        "--entry",
        "./main.js",
        "--output-path",
        "webpack",
    ];
    let shown = bundled("webpack/bin/webpack.js", &arguments, "webpack");
    assert_eq!(shown, format!("{CIRCLE}\n"));
}
