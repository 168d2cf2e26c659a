//! "Hostile input": time and memory grow as the input does. Objects, archives and scripts of the
//! shapes that make loops inside of loops, each in two sizes: what our linker does for the larger
//! one, counted in instructions, may not be much more than as many times as much as it is larger.

use crate::args;
use crate::fuzz_corpus::checks;
use crate::support::{Work, linker, tool};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use wasm_section_ld::wasm::{Builder, Signature, SymbolFlags, SynthSymbol};

/// The size of the smaller input, in entries, symbols or whatever it has many of, and how many times
/// larger the other one is.
const SMALL: usize = 125;
const TIMES: usize = 8;
/// What every link does is not counted.
const NOTHING: usize = 1;
/// What is linear takes eight times as much, and a little more where it sorts; what is quadratic takes
/// 64 times as much.
const MOST: u64 = 11;

/// The instructions that our linker takes for `words`, and its exit status. The backend does nothing.
fn instructions(work: &Work, words: &[OsString]) -> (u64, Option<i32>) {
    let backend = work.script("backend", "exit 0");
    let output = Command::new(tool("WSL_VALGRIND"))
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .args(["--cachegrind-out-file=/dev/null", "--log-file=instructions"])
        .arg(linker())
        .args(words)
        .args(["--no-entry", "-o", "out.wasm"])
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path())
        .output()
        .expect("valgrind");
    let log = fs::read_to_string(work.file("instructions")).expect("its log");
    let count = log.lines().find_map(|line| line.split_once("refs:"));
    let count = count.map(|(_, count)| count.replace([',', ' '], ""));
    let count = count.and_then(|count| count.parse().ok());
    let count = count.unwrap_or_else(|| panic!("{log}{output:?}"));
    (count, output.status.code())
}

/// Checks that the time for what `input` makes grows as its size does, and that every link ends with
/// `status`.
fn grows_linearly(status: i32, input: impl Fn(&Work, usize) -> Vec<OsString>) {
    let count = |size| {
        let work = Work::new();
        let words = input(&work, size);
        let (count, ended) = instructions(&work, &words);
        assert!(
            size == NOTHING || ended == Some(status),
            "{size}: {words:?}"
        );
        count
    };
    let nothing = count(NOTHING);
    let more = |size| count(size).saturating_sub(nothing);
    let (small, large) = (more(SMALL), more(TIMES * SMALL));
    // What is refused may be done before any link is.
    let small = small.max(nothing);
    assert!(
        large <= MOST * small,
        "{small} instructions, and {large} for {TIMES} times the input"
    );
}

/// The same for one object in assembler, and that its memory is bounded too.
fn object_grows_linearly(status: i32, source: impl Fn(usize) -> String) {
    grows_linearly(status, |work, size| {
        let object = work.asm("hostile", &source(size));
        checks::bounded(&fs::read(&object).expect("an object"), checks::gather);
        args![object, "--gather=NUMBERS"].to_vec()
    });
}

/// A line for each of `count` numbers.
fn each(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    })
}

fn mark(section: &str, number: usize) -> String {
    format!("__link_section__{section}$${number}")
}

/// A marked symbol, alone in its segment.
fn entry(section: &str, number: usize, data: &str) -> String {
    let symbol = mark(section, number);
    format!(
        ".section .data.e{number},\"\",@\n.p2align 2\n{symbol}:\n{data}\n.size {symbol}, .-{symbol}"
    )
}

#[test]
fn entries() {
    object_grows_linearly(0, |size| each(size, |n| entry("NUMBERS", n, ".int32 7")));
}

#[test]
fn sections() {
    object_grows_linearly(0, |size| {
        each(size, |n| entry(&format!("S{n}"), n, ".int32 7"))
    });
}

#[test]
fn keys() {
    object_grows_linearly(0, |size| {
        each(size, |n| {
            let symbol = format!("__link_section__NUMBERS${}$", n * 7919 % size);
            format!(
                ".section .data.e{n},\"\",@\n\"{symbol}{n}\":\n.int8 7\n.size \"{symbol}{n}\", 1"
            )
        })
    });
}

#[test]
fn symbols_for_one_place() {
    object_grows_linearly(0, |size| {
        let labels = each(size, |n| format!("{0}:\n.size {0}, 0", mark("NUMBERS", n)));
        format!(".section .data.one,\"\",@\n{labels}.int32 7\n")
    });
}

#[test]
fn pointers_to_local_symbols() {
    object_grows_linearly(0, |size| {
        let targets = each(size, |n| format!("t{n}:\n.int32 {n}\n.size t{n}, 4"));
        let pointers = each(size, |n| entry("POINTERS", n, &format!(".int32 t{n}")));
        format!(".section .data.targets,\"\",@\n{targets}{pointers}")
    });
}

#[test]
fn custom_sections() {
    object_grows_linearly(0, |size| {
        let section = |n| format!(".section .custom_section.S{n},\"\",@\n.int32 target");
        let readers = each(size, |n| format!(".int32 __start_S{n}"));
        let sections = each(size, section);
        format!(
            ".section .data.target,\"\",@\ntarget:\n{readers}.size target, {}\n{sections}",
            4 * size
        )
    });
}

/// Entries that all go to the end of their segment.
#[test]
fn sections_told_by_the_same_references() {
    object_grows_linearly(0, |size| {
        let labels = each(size, |n| {
            let symbol = format!("_ZN1a29__link_section_by_reference__5E{n:04}E");
            let rest = 4 * (size - n);
            format!("{symbol}:\n.size {symbol}, {rest}\n.int32 __link_section_of__X")
        });
        format!(".functype __link_section_of__X () -> ()\n.section .data.one,\"\",@\n{labels}")
    });
}

/// One long name that many entries have in common.
#[test]
fn a_long_name_of_a_section_told_by_reference() {
    object_grows_linearly(1, |size| {
        let function = format!("__link_section_of__{}", "X".repeat(20 * size));
        let entries = each(size, |n| {
            let symbol = format!("_ZN1a29__link_section_by_reference__5E{n:04}E");
            format!(".section .data.e{n},\"\",@\n{symbol}:\n.int32 {function}\n.size {symbol}, 4")
        });
        format!(".functype {function} () -> ()\n{entries}")
    });
}

#[test]
fn a_long_name_of_a_comdat_group() {
    object_grows_linearly(0, |size| {
        let group = "g".repeat(100 * size);
        each(size, |n| {
            let symbol = mark("NUMBERS", n);
            format!(
                ".section .data.e{n},\"G\",@,{group},comdat\n{symbol}:\n.int32 7\n.size {symbol}, 4"
            )
        })
    });
}

#[test]
fn symbols_for_one_import_with_a_long_name() {
    grows_linearly(1, |work, size| {
        let mut builder = Builder::new(false, false);
        let function = builder.import("env", &"f".repeat(20 * size), &Signature::new([], []));
        builder.segment("NUMBERS".to_owned(), 2, 0, vec![7; 4]);
        for _ in 0..size {
            builder.symbol(SynthSymbol::UndefinedFunction {
                flags: SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL,
                name: None,
                function,
            });
        }
        let object = builder.finish().bytes();
        checks::bounded(&object, checks::gather);
        args![work.write("hostile.o", object), "--gather=NUMBERS"].to_vec()
    });
}

#[test]
fn padding_in_every_section() {
    object_grows_linearly(0, |size| {
        each(size, |n| {
            let section = format!("S{}", n / 2);
            let data = format!(".int8 {}", n % 2);
            entry(&section, n, &data)
        })
    });
}

#[test]
fn padding_between_entries() {
    object_grows_linearly(0, |size| {
        each(size.max(20), |n| {
            let symbol = mark("NUMBERS", n);
            format!(".section .data.e{n},\"\",@\n.p2align 6\n{symbol}:\n.int8 7\n.size {symbol}, 1")
        })
    });
}

/// A member of an archive: an entry without a symbol.
fn member(work: &Work) -> PathBuf {
    work.asm(
        "member",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 7\n",
    )
}

#[test]
fn members_of_archives() {
    for operation in ["qcS", "qcST"] {
        grows_linearly(0, |work, size| {
            let member = member(work);
            let members = vec![member.as_path(); size];
            work.archive_with(operation, "hostile.a", &members);
            args!["hostile.a", "--gather=NUMBERS"].to_vec()
        });
    }
}

#[test]
fn words_of_a_response_file() {
    grows_linearly(0, |work, size| {
        work.write(
            "hostile.rsp",
            each(size, |n| format!("--export-if-defined=\"s{n}\"")),
        );
        args![member(work), "--gather=NUMBERS", "@hostile.rsp"].to_vec()
    });
}

/// Numbers that no input may refer to.
#[test]
fn numbers_of_a_script() {
    grows_linearly(0, |work, size| {
        work.write("hostile.ld", each(size, |n| format!("number{n} = {n};")));
        let undefined = each(size, |n| format!(".int32 other{n}"));
        let source = format!(
            "{}\n.section .data.x,\"\",@\nx:\n{undefined}.size x, {}\n",
            entry("NUMBERS", 0, ".int32 7"),
            4 * size
        );
        args![work.asm("hostile", &source), "-Thostile.ld"].to_vec()
    });
}

#[test]
fn entries_that_a_script_discards() {
    grows_linearly(0, |work, size| {
        work.write("hostile.ld", "SECTIONS { /DISCARD/ : { *(NUMBERS) } }");
        let symbol = |n| {
            let entry = entry("NUMBERS", n, ".int32 7");
            format!(".globl {}\n{entry}", mark("NUMBERS", n))
        };
        let member = work.asm("member", &each(size, symbol));
        work.archive("hostile.a", &[&member]);
        let other = work.asm("other", &each(size, |n| entry("OTHER", n, ".int32 7")));
        args![other, "hostile.a", "-Thostile.ld"].to_vec()
    });
}

/// A script that looks for each of its entries, which are many, in one way or another.
fn script_grows_linearly(description: impl Fn(usize) -> String, section: impl Fn(usize) -> String) {
    grows_linearly(0, |work, size| {
        let descriptions = each(size, |n| format!("KEEP({})", description(n)));
        work.write(
            "hostile.ld",
            format!("SECTIONS {{ OUT : {{ {descriptions} }} }}"),
        );
        let entry = |n| {
            let name = section(n);
            format!(".section {name},\"\",@\n.p2align 2\n.int32 {n}")
        };
        args![work.asm("hostile", &each(size, entry)), "-Thostile.ld"].to_vec()
    });
}

#[test]
fn descriptions_by_name() {
    script_grows_linearly(|n| format!("*(s.{n})"), |n| format!("s.{n}"));
}

#[test]
fn descriptions_by_what_names_begin_or_end_with() {
    script_grows_linearly(|n| format!("*(SORT(s{n}.*))"), |n| format!("s{n}.x"));
    script_grows_linearly(|n| format!("*(*.{n} *.x{n})"), |n| format!("s.{n}"));
}

#[test]
fn descriptions_of_what_is_taken() {
    script_grows_linearly(|_| "*(s.* t)".to_owned(), |n| format!("s.{n}"));
    script_grows_linearly(|_| "*(SORT(*))".to_owned(), |n| format!("s.{n}"));
}

/// Names and files of which each is that of many entries.
#[test]
fn descriptions_by_file() {
    for pattern in ["*m@.o", "*:m@.o", "EXCLUDE_FILE(a) *m@.o"] {
        grows_linearly(0, |work, size| {
            let description =
                |n: usize| format!("KEEP({}(s*))", pattern.replace('@', &n.to_string()));
            let descriptions = each(size, description);
            work.write(
                "hostile.ld",
                format!("SECTIONS {{ OUT : {{ {descriptions} }} }}"),
            );
            let member = work.asm("member", ".section s,\"\",@\n.int32 7\n");
            let names: Vec<_> = (0..size).map(|n| work.file(&format!("m{n}.o"))).collect();
            for name in &names {
                fs::copy(&member, name).expect("a copy");
            }
            let members: Vec<_> = names.iter().map(PathBuf::as_path).collect();
            work.archive("hostile.a", &members);
            args!["hostile.a", "-Thostile.ld"].to_vec()
        });
    }
}
