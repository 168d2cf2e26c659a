//! The recipes of `docs/javascript.md`: what JavaScript reads from memory is what the sources of
//! `examples/javascript` say, however the module is loaded.

use crate::manifest::manifest;
use crate::support::rust::cargo;
use crate::support::workspace::{copy, root, write};
use crate::support::{Rust, Work, linker, setting, tool};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The commands that the crates register. rustc decides the order of crates, so they are sorted.
const COMMANDS: [&str; 3] = ["double 1: 40", "ones 3: 2", "square: n² 2: 400"];

/// What cargo, npm and the recipes make in the example.
const MADE: [&str; 7] = [
    "target",
    "node_modules",
    "web",
    "module",
    "bundler",
    "webpack",
    "vite",
];

/// A fenced block of the document: its opening line without the fence, and its content.
struct Block {
    opening: String,
    content: String,
}

static BLOCKS: LazyLock<Vec<Block>> = LazyLock::new(|| {
    let document = fs::read_to_string(root().join("docs/javascript.md")).expect("the document");
    let fenced = document.split("```").skip(1).step_by(2);
    let block = |block: &str| {
        let (opening, content) = block.split_once('\n').expect("a line");
        let (opening, content) = (opening.to_owned(), content.to_owned());
        Block { opening, content }
    };
    fenced.map(block).collect()
});

/// The blocks with this opening line.
fn blocks(opening: &str) -> impl Iterator<Item = &'static str> {
    let blocks = BLOCKS.iter().filter(move |block| block.opening == opening);
    blocks.map(|block| block.content.as_str())
}

/// A copy of the example with the files of the recipes. It stays, so that cargo does not build everything again.
struct Example {
    directory: PathBuf,
}

static EXAMPLE: LazyLock<Example> = LazyLock::new(|| {
    let example = Example {
        directory: root().join("target/tests/javascript/javascript"),
    };
    example.clean();
    example.copy_sources();
    example.link_tools();
    for command in blocks("sh build") {
        example.run("node-24", command);
    }
    example
});

impl Example {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Removes what recipes made, but not what cargo compiled. Cargo does not notice that the linker has changed:
    /// without the modules it links again.
    fn clean(&self) {
        for name in MADE[2..].iter().chain(&["page/pkg"]) {
            let _ = fs::remove_dir_all(self.file(name));
        }
        let built = self.file("target/wasm32-unknown-unknown/release");
        for name in ["page.wasm", "plain.wasm"] {
            let _ = fs::remove_file(built.join(name));
            let _ = fs::remove_file(built.join("deps").join(name));
        }
    }

    fn copy_sources(&self) {
        let examples = root().join("examples");
        for entry in fs::read_dir(examples.join("javascript")).expect("the example") {
            let (path, name) = entry
                .map(|entry| (entry.path(), entry.file_name()))
                .expect("a file");
            if MADE.iter().any(|made| name == *made) {
                continue;
            }
            let to = self.directory.join(&name);
            match path.is_dir() {
                true => copy(&path, &to),
                false => write(&to, &fs::read(&path).expect("a file")),
            }
        }
        for name in ["link-sections.js", "package.json"] {
            let library = fs::read(examples.join("host-js").join(name)).expect("the library");
            write(&self.file("../host-js").join(name), &library);
        }
        for block in BLOCKS.iter() {
            if let Some((_, name)) = block.opening.split_once(" file=") {
                write(&self.file(name), block.content.as_bytes());
            }
        }
    }

    /// The programs that recipes run: one directory for each version of Node.
    fn link_tools(&self) {
        let packages = Path::new(setting("WSL_BUNDLERS")).join("node_modules");
        let _ = fs::remove_file(self.file("node_modules"));
        symlink(packages, self.file("node_modules")).expect("a link");
        for (directory, node) in [("node-20", "WSL_NODE"), ("node-24", "WSL_NODE_24")] {
            let directory = self.file("../tools").join(directory);
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir_all(&directory).expect("a directory");
            for (name, program) in [
                ("node", tool(node)),
                ("cargo", tool("WSL_CARGO")),
                ("wasm-section-ld", linker().to_owned()),
                ("wasm-bindgen", tool("WSL_WASM_BINDGEN")),
                ("wasm-opt", tool("WSL_WASM_OPT")),
                ("wasm-pack", tool("WSL_WASM_PACK")),
            ] {
                symlink(program, directory.join(name)).expect("a link");
            }
        }
    }

    /// Runs a command of the document with that version of Node, and returns what it prints.
    fn run(&self, node: &str, command: &str) -> String {
        let environment = cargo();
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", command])
            .current_dir(&self.directory)
            .env("NODE_NO_WARNINGS", "1");
        for (name, value) in environment.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let tools = self.file("../tools").join(node);
        let path = std::env::var("PATH").expect("PATH");
        shell.env("PATH", format!("{}:{path}", tools.display()));
        let output = shell.output().expect("a shell");
        let [printed, messages] = [&output.stdout, &output.stderr].map(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            text.into_owned()
        });
        assert!(output.status.success(), "{command}\n{printed}{messages}");
        printed
    }
}

fn sorted(printed: &str) -> Vec<&str> {
    let mut lines = Vec::from_iter(printed.lines());
    lines.sort_unstable();
    lines
}

/// The Rust code of the document is that of the example.
#[test]
fn the_code_of_the_example() {
    let sources = ["plain/build.rs", "page/build.rs", "page/src/lib.rs"];
    let sources = sources.map(|name| {
        let path = root().join("examples/javascript").join(name);
        fs::read_to_string(path).expect("a source")
    });
    for code in blocks("rust") {
        for line in code.lines() {
            let line = line.split(" // ").next().unwrap_or_default();
            let found = sources.iter().any(|source| source.contains(line));
            assert!(found, "{line}");
        }
    }
    assert_eq!(sources[0], sources[1]);
}

#[test]
fn imports_in_node() {
    for (node, recipes) in [("node-24", 5), ("node-20", 2)] {
        let commands = Vec::from_iter(blocks(&format!("sh {node}")));
        assert_eq!(commands.len(), recipes);
        for command in commands {
            let printed = EXAMPLE.run(node, command);
            assert_eq!(sorted(&printed), COMMANDS, "{node}: {command}");
        }
    }
}

/// In the same order too.
#[test]
fn the_program_reads_the_same_array() {
    let script = r#"
        import { bounds, describe, wasm_memory, wasm_table } from "./bundler/page.js";
        import { byBounds } from "./read.js";
        const lines = byBounds(...bounds(), wasm_memory(), wasm_table());
        console.log(JSON.stringify([lines, describe(20)]));
    "#;
    write(&EXAMPLE.file("same.js"), script.as_bytes());
    let printed = EXAMPLE.run("node-24", "node same.js");
    let read: [Vec<String>; 2] = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(read[0], read[1]);
    assert_eq!(sorted(&read[0].join("\n")), COMMANDS);
}

/// What each script of a page writes into its `<pre>`. webpack makes classic scripts, the others are modules.
#[test]
fn pages() {
    for command in blocks("sh") {
        EXAMPLE.run("node-20", command);
    }
    let ids = [
        "web",
        "web-exports",
        "packed",
        "webpack-source",
        "webpack-instance",
        "webpack-bundler",
        "vite-url",
        "vite-init",
        "vite-web",
    ];
    let own = ["web.js", "web-exports.js", "packed.js"].map(|name| EXAMPLE.file(name));
    let modules = own.into_iter().chain(emitted("vite/assets", "js"));
    let modules = modules.map(|file| ("type=\"module\"", file));
    let classic = emitted("webpack", "js").into_iter();
    let scripts = modules.chain(classic.map(|file| ("defer", file)));
    let mut page = String::from("<!doctype html>\n");
    for id in ids {
        page += &format!("<pre id=\"{id}\"></pre>\n");
    }
    for (kind, file) in scripts {
        let path = file.strip_prefix(&EXAMPLE.directory).expect("a path");
        let path = path.display();
        page += &format!("<script {kind} src=\"./javascript/{path}\"></script>\n");
    }
    write(&EXAMPLE.file("../index.html"), page.as_bytes());
    let show = Command::new(tool("WSL_NODE"))
        .arg(root().join("ci/show.mjs"))
        .arg(tool("WSL_CHROMIUM"))
        .arg(EXAMPLE.file(".."))
        .args(ids)
        .output()
        .expect("node");
    let messages = String::from_utf8_lossy(&show.stderr);
    assert!(show.status.success(), "{messages}");
    let shown = String::from_utf8_lossy(&show.stdout);
    let lines = Vec::from_iter(shown.lines());
    assert_eq!(lines.len(), ids.len() * COMMANDS.len(), "{shown}");
    for (id, lines) in ids.iter().zip(lines.chunks(COMMANDS.len())) {
        assert_eq!(sorted(&lines.join("\n")), COMMANDS, "{id}");
    }
    the_manifest_is_unchanged();
}

/// The manifest is as the linker wrote it, in what each tool makes.
fn the_manifest_is_unchanged() {
    let built = EXAMPLE.file("target/wasm32-unknown-unknown/release");
    let read = |file: &Path| manifest(&fs::read(file).expect("a module"));
    let page = read(&built.join("page.wasm"));
    let plain = read(&built.join("plain.wasm"));
    assert_ne!(page, plain);
    for directory in ["web", "module", "bundler", "page/pkg"] {
        for module in emitted(directory, "wasm") {
            assert_eq!(read(&module), page, "{}", module.display());
        }
    }
    for directory in ["webpack", "vite/assets"] {
        for module in emitted(directory, "wasm") {
            let found = read(&module);
            assert!(found == page || found == plain, "{}", module.display());
        }
    }
    let names = page.sections[0]
        .entries
        .iter()
        .map(|entry| entry.name.as_deref());
    let mut names = Vec::from_iter(names.flatten());
    names.sort_unstable();
    assert_eq!(
        names,
        ["arithmetic::DOUBLE", "arithmetic::SQUARE", "bits::ONES"]
    );
}

/// The function of an entry calls JavaScript. No code of the module reads the array: its exported bounds keep it.
#[test]
fn a_module_names_the_file_that_it_imports_from() {
    const PROGRAM: &str = r#"
        #[link(wasm_import_module = "./host.mjs")]
        unsafe extern "C" { safe fn tenfold(n: i32) -> i32; }
        extern "C" fn run(n: i32) -> i32 { tenfold(n) + 1 }
        mod __link_section__CALLS { #[used] static RUN: extern "C" fn(i32) -> i32 = super::run; }
    "#;
    let work = Work::new();
    let exports = ["=__start_CALLS", "=__stop_CALLS", "-table"];
    let flags = exports.map(|export| format!("-Clink-arg=--export{export}"));
    Rust::new(&work, &flags).program("calls", PROGRAM).silent();
    work.write("host.mjs", "export const tenfold = (n) => 10 * n;\n");
    let script = r#"
        import * as calls from "./calls.wasm";
        const [start, stop] = [calls.__start_CALLS.valueOf(), calls.__stop_CALLS.valueOf()];
        const indices = new Uint32Array(calls.memory.buffer, start, (stop - start) / 4);
        for (const index of indices) console.log(calls.__indirect_function_table.get(index)(5));
    "#;
    let printed = work.node(&["--experimental-wasm-modules"], script);
    assert_eq!(printed, "51\n");
    let printed = work.run(tool("WSL_NODE_24"), ["--no-warnings", "run.mjs"]);
    assert_eq!(printed, "51\n");
}

/// The files of that kind which a tool has put into a directory.
fn emitted(directory: &str, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(EXAMPLE.file(directory)).expect("a directory");
    let files = files.map(|entry| entry.expect("a file").path());
    let mut files = Vec::from_iter(
        files.filter(|file| file.extension().is_some_and(|found| found == extension)),
    );
    files.sort_unstable();
    assert!(!files.is_empty(), "{directory}: no .{extension}");
    files
}
