//! The README says what is true: its commands run, its output is the demo's, its options are those
//! of `--help`.

use crate::support::workspace::{Workspace, root, write};
use crate::support::{Instance, Rust, Work, linker, tool};
use std::path::Path;
use std::process::Command;
use wasm_section_ld::script::{Script, Source};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("a file of the repository")
}

/// The fenced blocks of the README whose opening line is ```` ```INFO ````.
fn blocks(file: &str, info: &str) -> Vec<String> {
    let readme = read(file);
    let opening = format!("```{info}\n");
    let blocks = readme.split(&opening).skip(1);
    let end = |block: &str| block.find("```").expect("a closing fence");
    blocks.map(|block| block[..end(block)].to_owned()).collect()
}

fn block(info: &str) -> String {
    let mut blocks = blocks("README.md", info);
    assert_eq!(blocks.len(), 1, "blocks `{info}`");
    blocks.remove(0)
}

#[test]
fn the_output_of_the_demo() {
    // `ci/demo` compares the same file with what the demo prints.
    assert_eq!(block("text demo"), read("examples/plugins/expected.txt"));
}

#[cfg(unix)]
#[test]
fn the_example_in_c() {
    let work = Work::new();
    work.write("commands.c", block("c file=commands.c"));
    work.write("main.c", block("c file=main.c"));
    let tools = work.file("tools");
    std::fs::create_dir(&tools).expect("a directory");
    for (name, tool) in [
        ("clang", tool("WSL_CLANG")),
        ("llvm-ar", tool("WSL_AR")),
        ("wasm-ld", tool("WSL_WASM_LD")),
        ("wasm-section-ld", linker().to_owned()),
    ] {
        std::os::unix::fs::symlink(tool, tools.join(name)).expect("a link");
    }
    let path = std::env::var("PATH").expect("PATH");
    let status = Command::new("sh")
        .args(["-ec", &block("sh run")])
        .env("PATH", format!("{}:{path}", tools.display()))
        .current_dir(work.path())
        .status()
        .expect("a shell");
    assert!(status.success());
    let module = std::fs::read(work.file("commands.wasm")).expect("the module");
    assert_eq!(Instance::new(&module).call("sum", &[5]), 2 * 5 + 5 * 5);
}

#[test]
fn the_script_of_the_readme_of_scripts() {
    let scripts = blocks("linker-scripts/README.md", "ld");
    assert_eq!(scripts.len(), 1);
    for script in scripts {
        Script::parse(Source::new("README.md", script), &[]).expect("a script");
    }
}

#[test]
fn the_example_in_rust() {
    const RUN: &str = r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn run(n: i32) -> i32 {
            plugins().iter().map(|plugin| plugin.name.len() as i32 * (plugin.run)(n)).sum()
        }
    "#;
    let work = Work::new();
    let strict = ["-Wnonstandard-style", "-Wimproper-ctypes", "-Dwarnings"];
    let examples = blocks("README.md", "rust");
    assert_eq!(examples.len(), 2, "an entry, and a reader");
    let program = examples.concat() + RUN;
    let mut instance = Rust::new(&work, &strict).instance(&program);
    assert_eq!(instance.call("run", &[5]), "double".len() as i32 * 10);
    // A linker that would leave the two symbols null gives no module.
    let other = format!("-Clinker={}", tool("WSL_WASM_LD").display());
    let allowed = "-Clink-arg=--allow-undefined".to_owned();
    let refused = Rust::new(&work, &[other, allowed]).program("other", &program);
    assert_ne!(refused.status, Some(0));
    let message = "unable to find library -llinker_must_be_wasm_section_ld";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
}

#[test]
fn the_example_with_linkme() {
    const RUN: &str = r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn run(n: i32) -> i32 {
            PLUGINS.iter().map(|plugin| plugin(n)).sum()
        }
    "#;
    let directory = root().join("target/tests/readme/program");
    let manifest = format!(
        "[workspace]\n[package]\nname = \"program\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nlinkme = {{ package = \"wasm-section-linkme\", path = '{}' }}\n",
        root().join("crates/wasm-section-linkme").display()
    );
    write(&directory.join("Cargo.toml"), manifest.as_bytes());
    // Cargo removes what this program does not depend on, and keeps the versions.
    let lock = read("tests/fixtures/crates/Cargo.lock");
    write(&directory.join("Cargo.lock"), lock.as_bytes());
    let source = block("rust linkme") + RUN;
    write(&directory.join("src/lib.rs"), source.as_bytes());
    let target = "wasm32-unknown-unknown";
    let workspace = Workspace::new(directory, "readme");
    let module = workspace.built(target, "debug", "program.wasm");
    // Cargo does not notice that the linker has changed: without the module it links again.
    for file in [&module, &module.with_file_name("deps/program.wasm")] {
        let _ = std::fs::remove_file(file);
    }
    workspace.run(["build", "--quiet", "--target", target]);
    let module = std::fs::read(module).expect("the module");
    assert_eq!(Instance::new(&module).call("run", &[21]), 42);
}

/// What `--help` says.
pub fn help() -> String {
    let help = Command::new(linker())
        .arg("--help")
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .output()
        .expect("help");
    String::from_utf8(help.stdout).expect("UTF-8")
}

#[test]
fn the_options() {
    let help = help();
    let readme = read("README.md");
    for option in [
        "-T FILE, --script=FILE",
        "--section-print-script",
        "--section-manifest",
        "--gather=PATTERN",
        "--section-linker=PATH",
        "WASM_SECTION_LD_LINKER",
        "WASM_SECTION_LD_LOG",
    ] {
        assert!(help.contains(&format!("  {option} ")), "{option} in --help");
        assert!(
            readme.contains(&format!("| `{}` |", option.replace(", ", "`, `"))),
            "{option} in the README"
        );
    }
}

#[test]
fn the_commands_of_the_tool() {
    let work = Work::new();
    let help = work.sections(["--help"]).text;
    let readme = read("README.md");
    let described = readme.split("| `wasm-sections ").skip(1);
    let described: Vec<_> = described
        .filter_map(|rest| rest.split([' ', '`']).next())
        .collect();
    let commands = help.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (!line.starts_with("   ") && !name.starts_with('-')).then_some(name)
    });
    let commands: Vec<_> = commands
        .filter(|name| name.starts_with(char::is_alphabetic))
        .collect();
    assert_eq!(commands, [&described[..], &["help"]].concat());
    // Each says how it is used.
    for command in described {
        let said = work.sections([command, "--help"]);
        let example = format!("Examples:\n  wasm-sections {command}");
        assert!(
            said.status == 0 && said.text.contains(&example),
            "{}",
            said.text
        );
    }
}
