//! Hermetic builds, as in the sandboxes of Bazel and Buck2: an empty environment without HOME and PATH, a working
//! directory that cannot be written, inputs that are symbolic links, and a TMPDIR that does not exist. The result is
//! that of the same link anywhere else, byte for byte.

use crate::args;
use crate::support::rust::{TARGET, rustc};
use crate::support::tool::wasm_sections;
use crate::support::{Instance, Work, linker, tool};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const NOWHERE: &str = "/nowhere/tmp";

/// An entry that needs a function of an archive, and one in the archive that nothing refers to.
const MAIN: &str = r#"
extern const int __start_NUMBERS[], __stop_NUMBERS[];
int one __asm__("__link_section__NUMBERS$1$one") = 1;
__attribute__((export_name("sum"))) int sum(void) {
    int sum = 0;
    for (const int *number = __start_NUMBERS; number < __stop_NUMBERS; number++) sum += *number;
    return sum;
}
"#;
const MEMBER: &str = r#"int twenty __asm__("__link_section__NUMBERS$2$twenty") = 20;"#;
const PLAIN: &str = r#"__attribute__((export_name("seven"))) int seven(void) { return 7; }"#;
const SCRIPT: &str = "SECTIONS { NUMBERS : { KEEP(*(SORT(NUMBERS.*))) } }";

struct Sandbox {
    /// The directory of all: one that anyone may enter.
    whole: tempfile::TempDir,
}

impl Sandbox {
    /// `plain` has the files, `store` links to them, and `work` links to `store`.
    fn new(work: &Work) -> Self {
        let whole = tempfile::tempdir().expect("a directory");
        let path = whole.path();
        mode(path, 0o755);
        for directory in ["plain/in", "plain/out", "store", "work/in", "work/out"] {
            fs::create_dir_all(path.join(directory)).expect("a directory");
        }
        mode(&path.join("work/out"), 0o777);
        let member = work.c("member", MEMBER);
        let files = [
            ("main.o", work.c("main", MAIN)),
            ("bitcode.o", work.c_with("bitcode", MAIN, &["-flto"])),
            ("plain.o", work.c("plain", PLAIN)),
            ("libmember.a", work.archive("libmember.a", &[&member])),
            ("arrays.ld", work.write("arrays.ld", SCRIPT)),
            (
                "arguments.rsp",
                work.write("arguments.rsp", "in/main.o -Lin -lmember"),
            ),
            ("wasm-ld", tool("WSL_WASM_LD")),
            ("wasm-section-ld", linker().to_owned()),
        ];
        for (name, file) in files {
            let plain = path.join("plain/in").join(name);
            match name {
                "wasm-ld" => symlink(&file, plain).expect("a link"),
                // Linked or copied, never open for writing here while another test starts a process.
                "wasm-section-ld" => work.executable(&file, &plain),
                _ => drop(fs::copy(&file, plain).expect("a copy")),
            }
            let target = Path::new("../plain/in").join(name);
            symlink(target, path.join("store").join(name)).expect("a link");
            let target = Path::new("../../store").join(name);
            symlink(target, path.join("work/in").join(name)).expect("a link");
        }
        mode(&path.join("work/in"), 0o555);
        mode(&path.join("work"), 0o555);
        Self { whole }
    }

    fn command(&self, directory: &str, arguments: &[OsString]) -> Command {
        let directory = self.whole.path().join(directory);
        let mut command = Command::new(directory.join("in/wasm-section-ld"));
        command.args(arguments).current_dir(directory);
        command
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.whole.path().join(file)).unwrap_or_else(|_| panic!("no {file}"))
    }

    /// Links in the sandbox, as a user whom permissions bind.
    fn link(&self, arguments: &[OsString]) -> Output {
        let mut command = self.command("work", arguments);
        command.env_clear().env("TMPDIR", NOWHERE);
        if fs::metadata(self.whole.path()).expect("metadata").uid() == 0 {
            const NOBODY: u32 = 65534;
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().expect("our linker")
    }

    /// Links in the sandbox and outside, and compares.
    fn same(&self, arguments: &[OsString]) -> Vec<u8> {
        let ours = self.link(arguments);
        assert!(ours.status.success(), "{arguments:?}: {ours:?}");
        let outside = self.command("plain", arguments).output();
        let outside = outside.expect("our linker");
        assert!(outside.status.success(), "{arguments:?}: {outside:?}");
        assert_eq!(ours.stderr, outside.stderr);
        let module = self.read("work/out/a.wasm");
        assert_eq!(module, self.read("plain/out/a.wasm"), "{arguments:?}");
        let left = fs::read_dir(self.whole.path().join("work/out")).expect("a directory");
        for file in left.map(|file| file.expect("a file").path()) {
            let name = file.file_name().expect("a name").to_string_lossy();
            assert!(!name.starts_with("wasm-section-ld-"), "{name}");
            fs::remove_file(file).expect("a file");
        }
        module
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

fn arguments(inputs: &[OsString]) -> Vec<OsString> {
    let all = args![
        "--section-linker=in/wasm-ld",
        "--no-entry",
        "-o",
        "out/a.wasm"
    ];
    all.into_iter().chain(inputs.iter().cloned()).collect()
}

#[test]
fn links_in_a_sandbox() {
    let sandbox = Sandbox::new(&Work::new());
    for inputs in [
        &args!["in/main.o", "in/libmember.a"][..],
        &args!["in/main.o", "-Lin", "-lmember", "--section-manifest"],
        &args!["@in/arguments.rsp", "-T", "in/arrays.ld"],
        &args!["in/main.o", "in/libmember.a", "-Map", "out/a.map"],
        &args!["in/bitcode.o", "in/libmember.a"],
    ] {
        let module = sandbox.same(&arguments(inputs));
        assert_eq!(Instance::new(&module).call("sum", &[]), 21, "{inputs:?}");
    }
    // With nothing to gather.
    let module = sandbox.same(&arguments(&args!["in/plain.o", "in/libmember.a"]));
    assert_eq!(Instance::new(&module).call("seven", &[]), 7);
}

#[test]
fn the_sandbox_is_one() {
    let sandbox = Sandbox::new(&Work::new());
    let mut to_working_directory = arguments(&args!["in/main.o"]);
    to_working_directory.extend(args!["-o", "a.wasm"]);
    let refused = sandbox.link(&to_working_directory);
    assert!(
        !refused.status.success(),
        "the working directory is writable"
    );
}

#[test]
fn a_backend_that_nothing_names_is_an_error_that_says_where_it_was_looked_for() {
    let sandbox = Sandbox::new(&Work::new());
    let refused = sandbox.link(&args!["in/main.o", "-o", "out/a.wasm"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(message.contains("--section-linker"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
}

/// rustc finds the linker by a relative path, and sets PATH for it.
#[test]
fn rustc_in_a_sandbox() {
    let work = Work::new();
    let sandbox = Sandbox::new(&work);
    let source = r#"
        #![no_std]
        #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
        #[allow(non_snake_case)]
        mod __link_section__NUMBERS { #[used] static ONE: u32 = 1; #[used] static TWO: u32 = 20; }
        unsafe extern "C" { static __start_NUMBERS: [u32; 0]; static __stop_NUMBERS: [u32; 0]; }
        #[unsafe(no_mangle)]
        pub extern "C" fn count() -> usize {
            ((&raw const __stop_NUMBERS).addr() - (&raw const __start_NUMBERS).addr()) / 4
        }
    "#;
    fs::write(sandbox.whole.path().join("plain/in/count.rs"), source).expect("a file");
    let mut command = rustc();
    command
        .env_clear()
        .env("TMPDIR", NOWHERE)
        .args(["--crate-type=cdylib", "-Clinker=in/wasm-section-ld", "-o"])
        .args(["out/count.wasm", "../plain/in/count.rs"])
        .current_dir(sandbox.whole.path().join("work"));
    let output = command.output().expect("rustc");
    assert!(output.status.success(), "{TARGET}: {output:?}");
    let module = sandbox.read("work/out/count.wasm");
    assert_eq!(Instance::new(&module).call("count", &[]), 2);
}

/// The tool for people needs no environment either.
#[test]
fn the_tool_in_a_sandbox() {
    let work = Work::new();
    let sandbox = Sandbox::new(&work);
    sandbox.same(&arguments(&args![
        "in/main.o",
        "in/libmember.a",
        "--section-manifest"
    ]));
    let linked = sandbox.link(&arguments(&args!["in/main.o", "--section-manifest"]));
    assert!(linked.status.success());
    let output = wasm_sections(&work)
        .env_clear()
        .env("TMPDIR", NOWHERE)
        .args(["inspect", "out/a.wasm"])
        .current_dir(sandbox.whole.path().join("work"))
        .output()
        .expect("the tool");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("NUMBERS: 1 entry"), "{said}");
}
