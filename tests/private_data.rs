//! Private data of entries moves with them and is pooled: every pointer to it, and in it, must be what the source
//! says.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Instance, Work, linkers, reading};
use std::ffi::OsString;
use std::path::PathBuf;
use wasm_section_ld::wasm::Object;

/// Entries of `section` that point to data of every kind: into the middle of a text, to a text that
/// another entry points to, to what is aligned, to what points on, to zeros, and to more than is copied.
fn source(section: &str, number: u32) -> String {
    format!(
        r#"
        struct Node {{ const char *text; const struct Node *next; }};
        static const char text[] __attribute__((aligned(1))) = "text {number}";
        static const char odd[] __attribute__((aligned(1))) = "o";
        static const int wide __attribute__((aligned(16))) = 100 + {number};
        static const int page __attribute__((aligned(4096))) = 200 + {number};
        static const char last[] = "last {number}";
        static const struct Node second = {{ last, 0 }};
        static struct Node first = {{ text, &second }};
        static int zeros[4];
        static const int large[2000] = {{ [1999] = 300 + {number} }};
        struct Entry {{
            const char *text, *part, *odd; const int *wide, *page; struct Node *first; int *zeros;
            const int *end;
        }};
        static struct Entry a __asm__("__link_section__{section}$$a{number}") __attribute__((used));
        static struct Entry a =
            {{ text, text + 5, odd, &wide, &page, &first, zeros + 3, large + 1999 }};
        static struct Entry b __asm__("__link_section__{section}$$b{number}") __attribute__((used));
        static struct Entry b =
            {{ text, text, odd, &wide, &page, &first, zeros, large + 1999 }};
        "#
    )
}

/// Checks an entry. Where its text and its zeros are.
fn check(instance: &Instance, entry: &[u32], number: u32, part: usize) -> (u32, u32) {
    let &[text, begin, odd, wide, page, first, zeros, end] = entry else {
        panic!("{entry:?}");
    };
    let expected = format!("text {number}");
    assert_eq!(instance.string(text), expected);
    assert_eq!(instance.string(begin), expected[part..]);
    assert_eq!(instance.string(odd), "o");
    assert_eq!((wide % 16, instance.word(wide)), (0, 100 + number));
    assert_eq!((page % 4096, instance.word(page)), (0, 200 + number));
    assert_eq!(instance.word(first), text);
    let second = instance.word(first + 4);
    assert_eq!(
        instance.string(instance.word(second)),
        format!("last {number}")
    );
    assert_eq!(instance.word(second + 4), 0);
    assert_eq!(instance.word(zeros), 0);
    assert_eq!(instance.word(end), 300 + number);
    (text, zeros)
}

fn check_all(instance: &Instance, section: &str, numbers: impl Iterator<Item = u32>) {
    let words = instance.words(section);
    let entries: Vec<_> = words.chunks(8).collect();
    let numbers: Vec<u32> = numbers.collect();
    assert_eq!(entries.len(), 2 * numbers.len());
    let mut texts = Vec::new();
    for (pair, number) in entries.chunks(2).zip(numbers) {
        let (text, zeros) = check(instance, pair[0], number, 5);
        // Both point to one.
        assert_eq!(check(instance, pair[1], number, 0), (text, zeros - 12));
        texts.push(text);
    }
    texts.sort();
    texts.dedup();
    assert_eq!(2 * texts.len(), entries.len(), "one text for two objects");
}

fn objects(work: &Work) -> Vec<PathBuf> {
    (0..5)
        .map(|number| work.c(&format!("o{number}"), &source("ENTRIES", number)))
        .collect()
}

#[test]
fn all_that_entries_point_to_is_what_the_source_says() {
    let work = Work::new();
    for backend in linkers() {
        // Each changes what becomes of segments in the output.
        for flag in [
            "--merge-data-segments",
            "--no-merge-data-segments",
            "--no-gc-sections",
        ] {
            let words = reading("ENTRIES", objects(&work)).into_iter();
            let linked = work.link_with(&backend, words.chain([flag.into()]));
            check_all(&Instance::new(&linked.silent()), "ENTRIES", 0..5);
        }
    }
}

/// Assembler code may have more than one symbol in a segment.
#[test]
fn symbols_of_one_segment_move_together() {
    let work = Work::new();
    let object = |name: &str| {
        let source = format!(
            r#"
            .section .rodata.texts,"",@
one:
            .asciz "one {name}"
            .size one, 6
two:
            .asciz "two {name}"
            .size two, 6
            .hidden __link_section__TEXTS$${name}
            .section .data.{name},"",@
            .globl __link_section__TEXTS$${name}
__link_section__TEXTS$${name}:
            .int32 two
            .int32 one
            .size __link_section__TEXTS$${name}, 8
            "#
        );
        work.asm(name, &source)
    };
    let instance = work.gathered("TEXTS", ["a", "b"].map(object));
    let texts = instance.words("TEXTS").into_iter();
    let texts: Vec<_> = texts.map(|text| instance.string(text)).collect();
    assert_eq!(texts, ["two a", "one a", "two b", "one b"]);
}

#[test]
fn what_entries_of_two_sections_share_is_there_once() {
    let work = Work::new();
    let both = r#"
        static const char shared[] = "shared";
        static const char own[] = "own";
        static const char *x[2] __asm__("__link_section__X$$x") __attribute__((used));
        static const char *x[2] = { shared, own };
        static const char *y[1] __asm__("__link_section__Y$$y") __attribute__((used));
        static const char *y[1] = { shared };
    "#;
    let objects = [work.c("both", both), work.c("o7", &source("X", 7))];
    for backend in linkers() {
        let flags = ["X", "Y"].into_iter().flat_map(export_section);
        let words = flags
            .map(OsString::from)
            .chain(objects.iter().map(Into::into));
        let instance = Instance::new(&work.link_with(&backend, words).silent());
        let (x, y) = (instance.words("X"), instance.words("Y"));
        assert_eq!(x[0], y[0]);
        assert_eq!(
            [x[0], x[1]].map(|text| instance.string(text)),
            ["shared", "own"]
        );
        check(&instance, &x[2..10], 7, 5);
    }
}

/// The backend reads a segment and a symbol for as long as it links a hundred bytes.
#[cfg(unix)]
#[test]
fn it_is_one_segment_for_each_kind() {
    let work = Work::new();
    // The synthesized object is the last input.
    let backend = work.script("wasm-ld", "for word; do :; done; cp \"$word\" kept.o");
    work.write("out.wasm", "");
    let mut command = std::process::Command::new(crate::support::linker());
    command
        .args(reading("ENTRIES", objects(&work)))
        .args(args!["-o", "out.wasm"])
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("TMPDIR", work.file("tmp"))
        .current_dir(work.path());
    std::fs::create_dir_all(work.file("tmp")).expect("a directory");
    assert!(command.status().expect("our linker").success());
    let bytes = std::fs::read(work.file("kept.o"))
        .expect("the synthesized object")
        .into();
    let object = Object::parse(&bytes).expect("an object");
    let mut names: Vec<_> = object.segments.iter().map(|segment| segment.name).collect();
    names.sort();
    names.dedup();
    // The array, what is put together, and in each of the five objects what is aligned much and what is large.
    assert_eq!(object.segments.len(), 4 + 2 * 5, "{names:?}");
    let put_together = [".bss.ENTRIES", ".data.ENTRIES", ".rodata.ENTRIES"];
    assert!(
        put_together.iter().all(|name| names.contains(name)),
        "{names:?}"
    );
}
