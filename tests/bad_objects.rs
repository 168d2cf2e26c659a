//! "Bad input": objects that were cut off or damaged. Objects that have entries, so that they are
//! parsed; as files, and as members of an archive.

use crate::args;
use crate::support::damage::{Damage, RelocationField, SymbolField, skip_numbers};
use crate::support::refusal::{offset_in, says};
use crate::support::{Linked, Work};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// More than there is of anything in the objects here.
const TOO_MUCH: u8 = 0x7f;

/// An entry with a pointer to data and one to a function, a segment that is an entry, an imported
/// function.
fn plugin(work: &Work) -> Damage {
    let object = work.c(
        "plugin",
        r#"
        extern int imported(int) __attribute__((import_module("env"), import_name("imported")));
        static int helper(int x) { return imported(x) + 1; }
        struct plugin { int (*run)(int); const char *name; };
        const struct plugin a __asm__("__link_section__PLUGINS$$a") = {helper, "a"};
        __attribute__((section("NUMBERS"), used)) static const void *const n[] = {&a};
        "#,
    );
    read(&object)
}

/// A custom section with relocations.
fn custom(work: &Work) -> Damage {
    let object = work.asm(
        "custom",
        r#"
        .section .data.target,"",@
        target:
        .int32 7
        .size target, 4
        .section .custom_section.NUMBERS,"",@
        .int32 target
        .int32 target+4
        "#,
    );
    read(&object)
}

/// A COMDAT group.
fn comdat(work: &Work) -> Damage {
    let source = r#"
        template <class T> struct of { static int a __asm__("__link_section__NUMBERS$$a"); };
        template <class T> int of<T>::a = 7;
        int *use() { return &of<int>::a; }
        "#;
    read(&work.compile("WSL_CLANGXX", "comdat", "cc", source, &[]))
}

fn read(object: &Path) -> Damage {
    let bytes = fs::read(object).expect("an object");
    Damage { bytes }
}

fn arguments(input: &Path) -> Vec<OsString> {
    let mut arguments = args![input].to_vec();
    for section in ["PLUGINS", "NUMBERS"] {
        arguments.push(format!("--undefined=__start_{section}").into());
    }
    arguments.push("--gather=NUMBERS".into());
    arguments.push("--no-entry".into());
    arguments
}

/// `llvm-ar` would read the object, and some damage is too much for it.
fn archive_of(work: &Work, object: &Path) -> PathBuf {
    let bytes = fs::read(object).expect("an object");
    let mut archive = b"!<arch>\n".to_vec();
    let size = bytes.len();
    let (name, date, owner, group, mode) = ("damaged.o/", 0, 0, 0, "644");
    let header = format!("{name:<16}{date:<12}{owner:<6}{group:<6}{mode:<8}{size:<10}`\n");
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(&bytes);
    if size % 2 == 1 {
        archive.push(b'\n');
    }
    work.write("libdamaged.a", archive)
}

/// The message for a damaged object, which must name it, as a file and as a member.
fn refused(work: &Work, bytes: &[u8]) -> String {
    let object = work.write("damaged.o", bytes);
    let message = work.refused(&arguments(&object));
    says(&message, &["damaged.o: "]);
    let in_archive = work.refused(&arguments(&archive_of(work, &object)));
    says(&in_archive, &["libdamaged.a(damaged.o): "]);
    assert_eq!(
        in_archive.split_once("damaged.o): ").expect("a name").1,
        message.split_once("damaged.o: ").expect("a name").1
    );
    message
}

/// The message for an object with one byte changed, which must point near that byte.
fn refused_with(work: &Work, object: &Damage, at: usize, value: u8, parts: &[&str]) {
    let message = refused(work, &object.with(at, value));
    says(&message, parts);
    says(&message, &["\n>>> "]);
    let pointed = offset_in(&message);
    assert!(
        pointed <= at && at - pointed < 48,
        "byte {at:#x} was changed: {message}"
    );
}

#[test]
fn undamaged_objects_are_linked() {
    let work = Work::new();
    for object in [plugin(&work), custom(&work), comdat(&work)] {
        let input = work.write("damaged.o", object.bytes);
        work.link(arguments(&input)).silent();
        work.link(arguments(&archive_of(&work, &input))).silent();
    }
}

#[test]
fn a_linking_section_of_a_version_that_is_not_known() {
    let work = Work::new();
    let object = plugin(&work);
    for version in [1, 3] {
        let at = object.custom("linking").start;
        let what = format!("unexpected metadata version: {version} (Expected: 2)");
        refused_with(
            &work,
            &object,
            at,
            version,
            &[&what, "compiler that is older or newer"],
        );
    }
}

#[test]
fn a_wasm_version_that_is_not_known() {
    let work = Work::new();
    let message = refused(&work, &plugin(&work).with(4, 2));
    says(&message, &["version", "(at byte 0x4)", "\n>>> "]);
}

#[test]
fn symbols_whose_indices_are_out_of_range() {
    let work = Work::new();
    let object = plugin(&work);
    let mark = "__link_section__PLUGINS$$a";
    let beyond = "extends past the end of its segment";
    for (symbol, field, what) in [
        (
            mark,
            SymbolField::Index,
            "segment index 127 of symbol `__link_section__PLUGINS$$a`",
        ),
        (mark, SymbolField::Offset, beyond),
        (mark, SymbolField::Size, beyond),
        (
            "n",
            SymbolField::Index,
            "segment index 127 of symbol `n` is out of range",
        ),
        (
            "helper",
            SymbolField::Index,
            "function index 127 of symbol `helper` is out of range",
        ),
    ] {
        refused_with(
            &work,
            &object,
            object.symbol(symbol, field),
            TOO_MUCH,
            &[what],
        );
    }
    let kind = object.symbol("n", SymbolField::Kind);
    refused_with(&work, &object, kind, TOO_MUCH, &[]);
}

#[test]
fn relocations_whose_indices_are_out_of_range() {
    let work = Work::new();
    let symbols = "of a relocation is out of range";
    for (object, section) in [
        (plugin(&work), "reloc.DATA"),
        (custom(&work), "reloc.NUMBERS"),
    ] {
        let field = |index, field| object.relocation(section, index, field);
        let check = |at, value, part| refused_with(&work, &object, at, value, &[part]);
        check(
            object.custom(section).start,
            TOO_MUCH,
            "section index 127 of `reloc.",
        );
        check(field(0, RelocationField::Symbol), TOO_MUCH, symbols);
        check(field(1, RelocationField::Symbol), TOO_MUCH, symbols);
        check(field(0, RelocationField::Type), TOO_MUCH, "");
        check(
            field(1, RelocationField::Offset),
            TOO_MUCH,
            "outside its section",
        );
    }
    let object = plugin(&work);
    let field = |index| object.relocation("reloc.DATA", index, RelocationField::Offset);
    let first = object.bytes[field(0)];
    refused_with(&work, &object, field(2), first, &["not sorted by offset"]);
}

#[test]
fn relocations_that_do_not_fit_their_symbol_or_their_entry() {
    let work = Work::new();
    let object = plugin(&work);
    let field = |index, field| object.relocation("reloc.DATA", index, field);
    let check = |at, value, part| refused_with(&work, &object, at, value, &[part]);
    let (function, data) = (
        object.bytes[field(0, RelocationField::Symbol)],
        object.bytes[field(1, RelocationField::Symbol)],
    );
    let kind = "does not match the kind of symbol";
    check(field(0, RelocationField::Symbol), data, kind);
    check(field(1, RelocationField::Symbol), function, kind);
    // Its four bytes would end behind the entry, in the next one.
    let offset = field(1, RelocationField::Offset);
    let value = object.bytes[offset] + 2;
    check(offset, value, "not within one data segment");
    // R_WASM_FUNCTION_INDEX_LEB, R_WASM_TYPE_INDEX_LEB and R_WASM_TABLE_NUMBER_LEB are for code.
    // The index of a type is not one of a symbol.
    for code_only in [0, 6, 20] {
        let bytes = object.with(field(0, RelocationField::Type), code_only);
        let mut damaged = Damage { bytes };
        if code_only == 6 {
            damaged.bytes = damaged.with(field(0, RelocationField::Symbol), TOO_MUCH);
        }
        let message = refused(&work, &damaged.bytes);
        says(
            &message,
            &["section `PLUGINS` holds", "no meaning in linear memory"],
        );
        const DATA: u8 = 11;
        assert!(object.section(DATA).contains(&offset_in(&message)));
    }
}

/// Two entries in one segment, and a relocation that is half in one and half in the other.
#[test]
fn a_relocation_across_two_entries() {
    let work = Work::new();
    let object = read(&work.asm(
        "pair",
        r#"
        .section .data.pair,"",@
        .globl "__link_section__NUMBERS$$a"
        .globl "__link_section__NUMBERS$$b"
        "__link_section__NUMBERS$$a":
        .int32 0
        .int32 "__link_section__NUMBERS$$b"
        "__link_section__NUMBERS$$b":
        .int32 1
        .size "__link_section__NUMBERS$$a", 8
        .size "__link_section__NUMBERS$$b", 4
        "#,
    ));
    let at = object.relocation("reloc.DATA", 0, RelocationField::Offset);
    let message = refused(&work, &object.with(at, object.bytes[at] + 2));
    says(
        &message,
        &["beyond the end of its entry of section `NUMBERS`", "\n>>> "],
    );
}

#[test]
fn functions_whose_types_are_out_of_range() {
    let work = Work::new();
    let object = plugin(&work);
    const FUNCTIONS: u8 = 3;
    let at = object.section(FUNCTIONS).start + 1;
    refused_with(
        &work,
        &object,
        at,
        TOO_MUCH,
        &["type index 127 of a function is out of range"],
    );
    let name = memchr::memmem::find(&object.bytes, b"imported").expect("an import");
    // Behind the field are the kind and the type.
    let at = name + "imported".len() + 1;
    refused_with(
        &work,
        &object,
        at,
        TOO_MUCH,
        &["type index 127 of a function is out of range"],
    );
}

#[test]
fn segment_info_that_is_out_of_range() {
    let work = Work::new();
    let object = plugin(&work);
    const SEGMENT_INFO: u8 = 5;
    let mut info = object.subsection(SEGMENT_INFO);
    let count = info.original_position() as usize;
    // More than there are: the subsection ends before them.
    let message = refused(&work, &object.with(count, TOO_MUCH));
    says(
        &message,
        &["unexpected end of section", "(at byte 0x", "\n>>> "],
    );
    skip_numbers(&mut info, 1);
    info.read_string().expect("a name");
    let alignment = info.original_position() as usize;
    refused_with(
        &work,
        &object,
        alignment,
        TOO_MUCH,
        &["alignment 2^127 of segment `"],
    );
}

#[test]
fn a_comdat_whose_segment_is_out_of_range() {
    let work = Work::new();
    let object = comdat(&work);
    const COMDAT_INFO: u8 = 7;
    let mut groups = object.subsection(COMDAT_INFO);
    skip_numbers(&mut groups, 1);
    groups.read_string().expect("a name");
    // Flags, the number of members, and of the first its kind.
    let at = skip_numbers(&mut groups, 3);
    let what = "segment index 127 of COMDAT `__link_section__NUMBERS$$a` is out of range";
    refused_with(&work, &object, at, TOO_MUCH, &[what]);
}

#[test]
fn sections_that_are_there_twice() {
    let work = Work::new();
    let object = plugin(&work);
    const TYPES: u8 = 1;
    const DATA: u8 = 11;
    for content in [
        object.section(TYPES),
        object.section(DATA),
        object.custom("linking"),
        object.custom("reloc.DATA"),
    ] {
        let mut bytes = object.bytes.clone();
        bytes.extend_from_slice(&object.bytes[object.whole_section(content)]);
        let message = refused(&work, &bytes);
        says(&message, &["duplicate", "\n>>> "]);
        assert!(offset_in(&message) > object.bytes.len());
    }
}

/// A cut between two sections leaves a module that is whole, though not the one that it was. Every
/// other cut is refused.
#[test]
fn an_object_that_was_cut_off_anywhere() {
    let work = Work::new();
    for object in [plugin(&work), custom(&work)] {
        let ends = object.section_ends();
        for length in 0..object.bytes.len() {
            let input = work.write("damaged.o", &object.bytes[..length]);
            let linked = work.link(arguments(&input));
            check_cut(&work, &linked, ends.contains(&length), "damaged.o");
        }
        for length in (8..object.bytes.len()).step_by(11) {
            let input = work.write("damaged.o", &object.bytes[..length]);
            let linked = work.link(arguments(&archive_of(&work, &input)));
            let name = "libdamaged.a(damaged.o): ";
            check_cut(&work, &linked, ends.contains(&length), name);
        }
    }
}

fn check_cut(work: &Work, linked: &Linked, may_link: bool, name: &str) {
    work.check_orderly(linked);
    if linked.status == Some(0) && may_link {
        fs::remove_file(&linked.output).expect("an output file");
    } else {
        let message = linked.error();
        says(message, &[name, "\n>>> "]);
    }
}

/// Numbers that look random and are always the same (xorshift64, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Whatever the bytes are, there is no panic, and no temporary file is left. An object can still
/// be good, and what it says is not ours to judge; it can also be too much for the backend.
#[test]
fn random_damage_is_no_panic() {
    let work = Work::new();
    let objects = [plugin(&work), custom(&work), comdat(&work)];
    let mut numbers = Numbers(0x5eed);
    for case in 0..450 {
        let object = &objects[case % objects.len()];
        let mut bytes = object.bytes.clone();
        for _ in 0..=numbers.below(3) {
            // Half of it where the indices are.
            let first = [8, object.custom("linking").start][numbers.below(2)];
            let at = first + numbers.below(bytes.len() - first);
            bytes[at] = match numbers.below(3) {
                0 => bytes[at] ^ (1 << numbers.below(8)),
                1 => TOO_MUCH,
                _ => numbers.below(256) as u8,
            };
        }
        let input = work.write("damaged.o", &bytes);
        let linked = work.link(arguments(&input));
        work.check_orderly(&linked);
        match linked.status {
            Some(0) => fs::remove_file(&linked.output).expect("an output file"),
            Some(1) if linked.error().starts_with("wasm-section-ld: ") => {
                says(&linked.stderr, &["damaged.o: ", "\n>>> "]);
            }
            // The backend's own words.
            Some(1) => {}
            _ => says(&linked.stderr, &["was terminated by signal"]),
        }
    }
}
