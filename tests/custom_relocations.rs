//! Each kind of relocation that a custom section may have: what it means in memory, or that it
//! means nothing there.

use crate::args;
use crate::support::{Work, reading, tool};
use std::path::PathBuf;
use wasmparser::RelocationType;

/// An object whose custom section `ENTRIES` is a word 7 and then what `relocated` says.
fn object(work: &Work, relocated: &str) -> PathBuf {
    work.asm("object", &source(relocated))
}

fn source(relocated: &str) -> String {
    format!(
        r#"
        .globaltype __stack_pointer, i32
        .section .custom_section.ENTRIES,"",@
        .int32 7
        {relocated}
        .section .custom_section.OTHER,"",@
        .int32 0
.Lother:
        .int32 0
        .section .data.value,"",@
        .globl value
value:
        .int32 5
        .int32 6
        .size value, 8
        .section .text.twice,"",@
        .globl twice
twice:
        .functype twice (i32) -> (i32)
        local.get 0
        i32.const 2
        i32.mul
        end_function
        "#
    )
}

/// Changes the type of the object's one relocation of `ENTRIES`, for what the assembler does not
/// emit.
fn retype(object: PathBuf, from: RelocationType, to: RelocationType) -> PathBuf {
    let mut bytes = std::fs::read(&object).expect("an object");
    let name = b"\x0dreloc.ENTRIES";
    let start = memchr::memmem::find(&bytes, name).expect("relocations");
    // The section's index, the count, the type, the offset, the symbol and perhaps an addend.
    let entry = start + name.len() + 2;
    assert_eq!(bytes[entry - 1..entry + 1], [1, from as u8]);
    bytes[entry] = to as u8;
    let has_addend = |ty: RelocationType| ty.addend_kind() != wasmparser::RelocAddendKind::None;
    if has_addend(from) && !has_addend(to) {
        assert_eq!(bytes.remove(entry + 3), 0);
        // The size, in five bytes, is before the name.
        bytes[start - 5] -= 1;
    }
    std::fs::write(&object, bytes).expect("an object");
    object
}

#[test]
fn addresses_of_data_with_addends() {
    let work = Work::new();
    let object = object(&work, ".int32 value\n.int32 value+4\n.int32 value-1000");
    for instance in work.gathered_by_each("ENTRIES", args![object, "--export=value"]) {
        let value = instance.address("value");
        assert_eq!(
            instance.words("ENTRIES"),
            [7, value, value + 4, value - 1000]
        );
        assert_eq!(instance.word(value + 4), 6);
    }
}

#[test]
fn a_function_offset_becomes_a_table_index() {
    let work = Work::new();
    let object = object(&work, ".int32 twice");
    for mut instance in work.gathered_by_each("ENTRIES", [object]) {
        let pointer = instance.words("ENTRIES")[1];
        assert_eq!(instance.call_pointer(pointer, &[21]), 42);
    }
}

#[test]
fn a_table_index_is_one() {
    let work = Work::new();
    let object = retype(
        object(&work, ".int32 twice"),
        RelocationType::FunctionOffsetI32,
        RelocationType::TableIndexI32,
    );
    for mut instance in work.gathered_by_each("ENTRIES", [object]) {
        let pointer = instance.words("ENTRIES")[1];
        assert_eq!(instance.call_pointer(pointer, &[21]), 42);
    }
}

#[test]
fn a_relative_address_counts_from_its_own_place() {
    let work = Work::new();
    let object = object(&work, ".int32 value-.");
    for instance in work.gathered_by_each("ENTRIES", args![object, "--export=value"]) {
        let here = instance.address("__start_ENTRIES") + 4;
        let distance = instance.words("ENTRIES")[1];
        assert_eq!(here.wrapping_add(distance), instance.address("value"));
    }
}

#[test]
fn relocations_without_a_meaning_in_memory_are_errors() {
    let cases = [
        (".int32 .Lother", "an offset into a custom section"),
        (".int32 __stack_pointer", "the index of a wasm global"),
        (".int32 twice@FUNCINDEX", "the index of a function"),
        (".int32 twice+1", "a place inside a function's code"),
        (
            ".int32 twice@TBREL\n.int8 0",
            "what relocation TableIndexRelSleb gives",
        ),
    ];
    for (relocated, what) in cases {
        let work = Work::new();
        let object = object(&work, relocated);
        let bytes = std::fs::read(&object).expect("an object");
        let content = memchr::memmem::find(&bytes, b"\x07ENTRIES").expect("the section");
        let linked = work.link(reading("ENTRIES", [&object]));
        let expected = format!(
            "error: {}: an entry of section `ENTRIES` holds {what}, which has no meaning in \
             linear memory (at byte {:#x})",
            object.display(),
            content + 8 + 4
        );
        assert!(linked.error().contains(&expected), "{}", linked.stderr);
    }
}

#[test]
fn a_relocation_that_does_not_fit_its_symbol_is_an_error() {
    let work = Work::new();
    let object = retype(
        object(&work, ".int32 value"),
        RelocationType::MemoryAddrI32,
        RelocationType::MemoryAddrI64,
    );
    // A 64-bit address of which only the first half is in the section.
    let linked = work.link(reading("ENTRIES", [object]));
    assert!(
        linked
            .error()
            .contains("relocation offset is outside its section"),
        "{}",
        linked.stderr
    );
}

/// The same for 64 bits.
fn object64(work: &Work, relocated: &str) -> PathBuf {
    let source = work.write("object.s", source(relocated));
    let object = work.file("object.o");
    let target = "--target=wasm64-unknown-unknown";
    work.run(tool("WSL_CLANG"), args![target, "-c", source, "-o", object]);
    object
}

fn long_words(section: &[u8]) -> Vec<u64> {
    let (words, rest) = section.as_chunks::<8>();
    assert!(rest.is_empty());
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

#[test]
fn addresses_and_functions_of_sixty_four_bits() {
    let work = Work::new();
    let object = object64(
        &work,
        ".int32 0\n.int64 value\n.int64 value+4\n.int64 twice",
    );
    let marked = work.c_with(
        "marked",
        r#"
        extern int value[];
        int twice(int);
        struct { long long number; int *data; int *more; int (*function)(int); }
            marked __asm__("__link_section__ENTRIES$$marked") = { 8, value, value + 1, twice };
        "#,
        &["--target=wasm64-unknown-unknown"],
    );
    let arguments = args![object, marked, "-mwasm64", "--export=value"];
    let mut instance = work.gathered("ENTRIES", arguments);
    let value = u64::from(instance.address("value"));
    let words = long_words(instance.section("ENTRIES"));
    let function = words[3];
    assert_eq!(
        words,
        [7, value, value + 4, function, 8, value, value + 4, function]
    );
    assert_eq!(instance.call_pointer(function as u32, &[21]), 42);
}

#[test]
fn a_table_index_of_sixty_four_bits_is_one() {
    let work = Work::new();
    let object = retype(
        object64(&work, ".int32 0\n.int64 twice"),
        RelocationType::FunctionOffsetI64,
        RelocationType::TableIndexI64,
    );
    let mut instance = work.gathered("ENTRIES", args![object, "-mwasm64"]);
    let function = long_words(instance.section("ENTRIES"))[1];
    assert_eq!(instance.call_pointer(function as u32, &[21]), 42);
}

#[test]
fn entries_of_both_address_sizes_are_an_error_that_names_both_files() {
    let work = Work::new();
    let narrow = work.asm("narrow", &source(".int32 value"));
    let wide = object64(&work, ".int32 0\n.int64 value");
    let linked = work.link(reading("ENTRIES", [&narrow, &wide]));
    let expected = format!(
        "error: {}: wasm64 object file can't be linked with wasm32 object files\n>>> {} is wasm32\n",
        wide.display(),
        narrow.display()
    );
    assert!(linked.error().contains(&expected), "{}", linked.stderr);
}
