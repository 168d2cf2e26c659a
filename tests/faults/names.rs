//! Names that are long, many or odd.

use super::{entry, entry_of, reading};
use crate::args;
use crate::support::{Instance, Work, linker, tool};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

#[test]
fn a_thousand_inputs_beyond_what_a_command_line_can_hold() {
    const COUNT: usize = 2_200;
    let work = Work::new();
    let source = ".section .custom_section.NUMBERS,\"\",@\n.int32 5\n";
    work.asm("number", source);
    // One file, each time by a name of a kilobyte: an object without a symbol can come again.
    let name = format!("{}number.o", "./".repeat(500));
    let response = format!("{name}\n").repeat(COUNT);
    assert!(response.len() > 2 << 20, "a command line could hold it");
    work.write("many.rsp", response);
    let words = reading(&[]).into_iter().chain(args!["@many.rsp"]);
    let numbers = Instance::new(&work.link(words).silent()).words("NUMBERS");
    assert!(numbers == [5; COUNT], "{} numbers", numbers.len());
}

/// Names that somebody forgets to quote.
const NAMES: [&[u8]; 11] = [
    b"a name with spaces",
    b"it's",
    b"a \"quoted\" one",
    b"back\\slash\\",
    b"two\nlines",
    b"no \xff\xfe UTF-8 \xc3",
    b"@at",
    b"$HOME `id` $(id)",
    b"*?[a-z]",
    b"=--gather=x",
    b"#comment;",
];

#[test]
fn paths_of_every_kind() {
    let work = Work::new();
    let (first, second) = (entry(&work), entry_of(&work, "second", 8));
    let archived = entry_of(&work, "archived", 4);
    work.archive("plain.a", &[&archived]);
    // Long, so that all of it goes into a response file.
    let filler = (0..4_000).map(|number| format!("--export-if-defined=f{number}").into());
    let filler: Vec<OsString> = filler.collect();
    for name in NAMES {
        let name = OsStr::from_bytes(name);
        let directory = work.path().join(name);
        fs::create_dir(&directory).expect("a directory");
        let file = |suffix: &str| {
            let mut file = name.to_owned();
            file.push(suffix);
            directory.join(file)
        };
        fs::copy(&first, file(".o")).expect("a copy");
        fs::copy(&second, directory.join("second.o")).expect("a copy");
        fs::copy(work.file("plain.a"), file(".a")).expect("a copy");
        fs::create_dir(directory.join("tmp")).expect("a directory");
        let inputs = [file(".o"), directory.join("second.o"), file(".a")];
        // By the whole path, and by one that begins with the name.
        let relative = inputs.clone().map(|input| {
            let input = input.strip_prefix(work.path()).map(Path::to_path_buf);
            input.expect("below")
        });
        for words in [reading(&inputs), reading(&relative)] {
            for more in [&[][..], &filler] {
                let mut command = Command::new(linker());
                command.env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
                command.args(&words).args(more).arg("-o").arg(file(".wasm"));
                command
                    .env("TMPDIR", directory.join("tmp"))
                    .current_dir(work.path());
                let output = command.output().expect("our linker");
                let message = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name:?}: {message}");
                assert_eq!(message, "", "{name:?}");
                let module = fs::read(file(".wasm")).expect("a module");
                assert_eq!(
                    Instance::new(&module).words("NUMBERS"),
                    [7, 7, 0, 7],
                    "{name:?}"
                );
                assert_eq!(fs::read_dir(directory.join("tmp")).expect("tmp").count(), 0);
            }
        }
    }
}

#[test]
fn an_at_sign_that_names_no_file_is_a_part_of_a_name() {
    let work = Work::new();
    fs::copy(entry(&work), work.file("@input.o")).expect("a copy");
    let plain = work.plain_link(&tool("WSL_WASM_LD"), ["--no-entry", "@input.o"]);
    plain.silent();
    let instance = work.gathered("NUMBERS", args!["@input.o"]);
    assert_eq!(instance.words("NUMBERS"), [7]);
    let status = Command::new(linker())
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .args(["--no-entry", "@input.o", "-o", "@output.wasm"])
        .current_dir(work.path())
        .status();
    assert!(status.expect("our linker").success());
    assert!(work.file("@output.wasm").exists());
}
