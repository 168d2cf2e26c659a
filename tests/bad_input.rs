//! "Bad input": files that cannot be read or are no objects, archives, response files, options.
//!
//! Each is refused with a message that names the file, says what is wrong and what to do.

use crate::args;
use crate::support::refusal::says;
use crate::support::{Work, linker, tool};
use std::ffi::OsString;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An object with an entry, so that there is something to gather.
fn entry(work: &Work) -> PathBuf {
    work.c(
        "entry",
        r#"int a __asm__("__link_section__NUMBERS$$a") = 1;"#,
    )
}

/// The message for `input`, alone and beside an object with entries: it is the same.
fn refused(work: &Work, input: impl Into<OsString>) -> String {
    let input = input.into();
    let alone = work.refused(&args!["--no-entry", input]);
    let beside = work.refused(&args!["--no-entry", entry(work), input]);
    assert_eq!(alone, beside);
    alone
}

#[test]
fn a_file_that_is_missing() {
    let work = Work::new();
    let message = refused(&work, "lost.o");
    says(
        &message,
        &["cannot open lost.o: No such file or directory", ">>> "],
    );
}

#[test]
fn a_file_that_is_empty() {
    let work = Work::new();
    let message = refused(&work, work.write("empty.o", ""));
    says(&message, &["empty.o", "the file is empty: build it again"]);
}

#[test]
fn an_empty_library_that_was_searched_for() {
    let work = Work::new();
    work.write("libempty.a", "");
    let message = work.refused(&["--no-entry", "-L.", "-lempty"]);
    says(&message, &["./libempty.a", "the file is empty"]);
}

#[test]
fn a_directory() {
    let work = Work::new();
    fs::create_dir(work.file("sources")).expect("a directory");
    let message = refused(&work, "sources");
    says(&message, &["cannot open sources: ", "directory", ">>> "]);
}

#[test]
fn a_file_that_is_no_object() {
    let work = Work::new();
    let message = refused(&work, work.write("notes.txt", "all is well"));
    says(
        &message,
        &[
            "unknown file type",
            "notes.txt",
            "expected a WebAssembly object",
        ],
    );
}

/// Root reads everything, so as root the linker runs as nobody, from where nobody may read.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    let work = Work::new();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    let secret = path.join("secret.o");
    fs::copy(entry(&work), &secret).expect("a copy");
    mode(&secret, 0o000);
    let program = path.join("wasm-section-ld");
    work.executable(linker(), &program);
    fs::create_dir(path.join("tmp")).expect("a directory");
    mode(&path.join("tmp"), 0o777);
    mode(path, 0o777);
    let mut command = Command::new(&program);
    if fs::metadata(path).expect("metadata").uid() == 0 {
        const NOBODY: u32 = 65534;
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command
        .args(["--no-entry", "secret.o", "-o", "out.wasm"])
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("TMPDIR", path.join("tmp"))
        .current_dir(path)
        .output()
        .expect("a linker that runs");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    says(
        &message,
        &["cannot open secret.o: Permission denied", ">>> "],
    );
    assert!(!path.join("out.wasm").exists());
    let left = fs::read_dir(path.join("tmp")).expect("tmp").count();
    assert_eq!(left, 0);
}

/// What clang makes for other platforms, and what it is called.
const FOREIGN: [(&str, &str, &str); 6] = [
    ("x86_64-linux-gnu", "ELF", "x86_64"),
    ("aarch64-linux-gnu", "ELF", "aarch64"),
    ("x86_64-apple-darwin", "Mach-O", "x86_64"),
    ("arm64-apple-darwin", "Mach-O", "arm64"),
    ("x86_64-pc-windows-msvc", "COFF", "x86_64"),
    ("i686-pc-windows-msvc", "COFF", "x86"),
];

fn foreign(work: &Work, target: &str) -> PathBuf {
    let target_flag = format!("--target={target}");
    work.c_with(target, "int answer = 42;", &[&target_flag])
}

#[test]
fn an_object_of_another_platform() {
    let work = Work::new();
    for (target, format, machine) in FOREIGN {
        let message = refused(&work, foreign(&work, target));
        says(
            &message,
            &[
                &format!("{target}.o"),
                format,
                machine,
                "not a WebAssembly object: build it for the wasm target",
            ],
        );
    }
}

#[test]
fn an_archive_of_another_platform() {
    let work = Work::new();
    let wasm = work.c("wasm", "int f(void) { return 1; }");
    let user = work.c(
        "user",
        r#"int foreign(void); __attribute__((export_name("f"))) int f(void) { return foreign(); }"#,
    );
    for (target, format, machine) in FOREIGN {
        let object = foreign(&work, target);
        let archive = work.archive(&format!("lib{target}.a"), &[&object]);
        let named = [
            &format!("lib{target}.a({target}.o): "),
            format,
            machine,
            "build the library for the wasm target",
        ];
        // Alone, or where something of it is needed, there is nothing to link.
        says(&work.refused(&args!["--no-entry", archive]), &named);
        says(&work.refused(&args!["--no-entry", user, archive]), &named);
        // Otherwise the backend goes on without it, and so do we.
        let plain = work.plain_link(&tool("WSL_WASM_LD"), args!["--no-entry", wasm, archive]);
        assert_eq!(plain.status, Some(0), "{}", plain.stderr);
        let linked = work.link(args!["--no-entry", wasm, archive]);
        assert_eq!(linked.module(), plain.module());
        says(&linked.stderr, &named);
        std::fs::remove_file(linked.output).expect("an output file");
    }
}

#[test]
fn a_shared_library_or_program_of_another_platform() {
    let work = Work::new();
    says(&refused(&work, linker()), &["wasm-section-ld", "ELF"]);
}

#[test]
fn a_component() {
    let work = Work::new();
    let component = work.write("app.wasm", b"\0asm\x0d\0\x01\0");
    let message = refused(&work, component);
    says(
        &message,
        &[
            "app.wasm: this is a component",
            "link the objects it was made of",
        ],
    );
}

#[test]
fn a_finished_module() {
    let work = Work::new();
    let object = work.c("object", "int f(void) { return 1; }");
    let module = work
        .link(&args!["--no-entry", "--export=f", object])
        .silent();
    let finished = work.write("app.wasm", module);
    fs::remove_file(work.file("out.wasm")).expect("an output file");
    let message = refused(&work, finished);
    says(
        &message,
        &[
            "app.wasm: not a relocatable wasm file",
            "this module was linked from",
        ],
    );
}

#[test]
fn wasm64_mixed_with_wasm32() {
    let work = Work::new();
    let mark =
        |name: &str| format!(r#"int {name} __asm__("__link_section__NUMBERS$${name}") = 1;"#);
    let narrow = work.c("narrow", &mark("a"));
    let wide = work.c_with("wide", &mark("b"), &["--target=wasm64-unknown-unknown"]);
    let message = work.refused(&args!["--no-entry", narrow, wide]);
    says(
        &message,
        &[
            "wide.o: wasm64",
            "narrow.o is wasm32",
            "build all inputs for one target",
        ],
    );
    let library = work.archive("libnarrow.a", &[&narrow]);
    let message = work.refused(&args!["--no-entry", "-mwasm64", wide, library]);
    says(
        &message,
        &["libnarrow.a(narrow.o): wasm32", "wide.o is wasm64"],
    );
}

#[test]
fn wasm64_mixed_with_wasm32_where_one_has_no_entries() {
    let work = Work::new();
    let wide = work.c_with(
        "wide",
        "int plain = 2;",
        &["--target=wasm64-unknown-unknown"],
    );
    let message = work.refused(&args!["--no-entry", entry(&work), wide]);
    says(&message, &["wide.o", "wasm64"]);
}

#[test]
fn a_response_file_that_is_missing() {
    let work = Work::new();
    let message = refused(&work, "@lost.rsp");
    says(
        &message,
        &[
            "cannot open @lost.rsp: No such file or directory",
            ">>> an argument that begins with `@` names a file of further arguments",
        ],
    );
}

#[test]
fn a_response_file_that_includes_itself() {
    let work = Work::new();
    work.write("loop.rsp", "--no-entry @loop.rsp");
    let message = refused(&work, "@loop.rsp");
    says(
        &message,
        &[
            "loop.rsp: this response file includes itself",
            "remove the inner `@`",
        ],
    );
}

#[cfg(unix)]
#[test]
fn a_response_file_that_includes_itself_through_another() {
    let work = Work::new();
    work.write("outer.rsp", "--no-entry @inner.rsp");
    work.write("inner.rsp", "'@./alias.rsp'");
    symlink(work.file("outer.rsp"), work.file("alias.rsp")).expect("a link");
    let message = refused(&work, "@outer.rsp");
    says(&message, &["alias.rsp: this response file includes itself"]);
}

#[test]
fn a_response_file_twice_does_not_include_itself() {
    let work = Work::new();
    work.write("flags.rsp", "--no-entry");
    work.write("outer.rsp", "@flags.rsp @flags.rsp");
    let linked = work.link(&args!["@outer.rsp", "@flags.rsp", entry(&work)]);
    linked.silent();
}

#[test]
fn an_archive_that_was_cut_off() {
    let work = Work::new();
    let archive = work.archive("libcut.a", &[&entry(&work)]);
    let whole = fs::read(&archive).expect("an archive");
    // In the header of the first member, and in the bytes of the last.
    for length in [30, whole.len() - 20] {
        let cut = work.write("libcut.a", &whole[..length]);
        let message = refused(&work, cut);
        says(
            &message,
            &["libcut.a: malformed archive: ", "recreate the archive"],
        );
    }
}

#[test]
fn an_archive_whose_headers_are_damaged() {
    let work = Work::new();
    let archive = work.archive("libbad.a", &[&entry(&work)]);
    let mut bytes = fs::read(&archive).expect("an archive");
    // The size field of the first header, after magic, name, date, owner, group and mode.
    const SIZE: usize = 8 + 16 + 12 + 6 + 6 + 8;
    bytes[SIZE] = b'x';
    let message = refused(&work, work.write("libbad.a", bytes));
    says(&message, &["libbad.a: malformed archive: "]);
}

#[test]
fn a_thin_archive_whose_member_is_gone() {
    let work = Work::new();
    let gone = work.c("gone", "int gone = 1;");
    work.run(
        tool("WSL_AR"),
        args!["--thin", "rcs", "libthin.a", "gone.o"],
    );
    fs::remove_file(gone).expect("a member");
    let message = refused(&work, "libthin.a");
    says(
        &message,
        &[
            "libthin.a: cannot open gone.o: No such file",
            "thin archive",
        ],
    );
}

#[test]
fn an_option_of_ours_that_is_none() {
    let work = Work::new();
    let message = work.refused(&args!["--no-entry", "--section-order", entry(&work)]);
    says(
        &message,
        &["--section-order", "no such option", "see --help"],
    );
}

#[test]
fn a_script_that_is_not_there() {
    let work = Work::new();
    let spellings: [&[&str]; 4] = [
        &["-T", "order.ld"],
        &["-Torder.ld"],
        &["--script=order.ld"],
        &["--script", "order.ld"],
    ];
    for spelling in spellings {
        let mut arguments = args!["--no-entry", entry(&work)].to_vec();
        arguments.extend(spelling.iter().map(Into::into));
        let message = work.refused(&arguments);
        says(
            &message,
            &["cannot open linker script order.ld: No such file", "-L"],
        );
    }
}

#[test]
fn our_options_without_their_value() {
    let work = Work::new();
    for option in ["--gather", "--section-keep", "--section-linker"] {
        // Last, after the output that the harness names: in a response file it stands alone.
        let mut command = Command::new(linker());
        command.env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"));
        let output = command
            .args(args![entry(&work), "-o", work.file("out.wasm"), option])
            .output()
            .expect("a linker that runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        says(&message, &[&format!("{option}: "), "value"]);
        assert!(!work.file("out.wasm").exists());
    }
}

/// Neither who parses nor who evaluates may use up the stack.
#[test]
fn a_script_whose_expression_is_too_deep_or_too_long() {
    let work = Work::new();
    let many = |text: &str| text.repeat(300_000);
    for (expression, what) in [
        (format!("{}1{}", many("("), many(")")), "too deep"),
        (format!("{}1", many("-")), "too deep"),
        (format!("{}1{}", many("1 ? "), many(" : 1")), "too deep"),
        (format!("{}1", many("1 + ")), "too long"),
        (format!("{}1", many("1 + -1 * ")), "too long"),
    ] {
        let script = work.write("long.ld", format!("a = {expression};"));
        let message = work.refused(&args!["--no-entry", "-T", script, entry(&work)]);
        says(&message, &["long.ld:1:", what]);
    }
    // What is just not too long is evaluated.
    let sum = format!("a = {}1; ASSERT(a == 500, \"500\")", "1 + ".repeat(499));
    let script = work.write("long.ld", sum);
    let flags = args!["--no-entry", "-T", script, entry(&work)];
    work.link(flags).module();
}
