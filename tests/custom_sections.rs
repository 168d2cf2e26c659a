//! Custom sections as entries: bytes alone or with pointers, consumed when gathered and untouched
//! when not, and what else in the object must stay right.

use crate::args;
use crate::support::{Instance, Work, linkers, reading, tool};
use std::ffi::OsString;

/// The contents of the custom sections of that name.
fn custom_sections(module: &[u8], name: &str) -> Vec<Vec<u8>> {
    wasmparser::Parser::new(0)
        .parse_all(module)
        .filter_map(|payload| match payload.expect("a valid module") {
            wasmparser::Payload::CustomSection(section) if section.name() == name => {
                Some(section.data().to_vec())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn bytes_alone_are_an_array_and_leave_the_output_as_a_section() {
    let work = Work::new();
    let text = |text: &str| format!(".section .custom_section.TEXT,\"\",@\n.ascii \"{text}\"\n");
    let first = work.asm("first", &text("hello, "));
    let second = work.asm("second", &text("world"));
    for backend in linkers() {
        let linked = work.link_with(&backend, reading("TEXT", [&first, &second]));
        let module = linked.silent();
        assert_eq!(Instance::new(&module).section("TEXT"), b"hello, world");
        assert!(custom_sections(&module, "TEXT").is_empty());
    }
}

#[test]
fn a_section_that_nobody_wants_stays_a_custom_section() {
    let work = Work::new();
    let object = work.asm(
        "object",
        r#"
        .section .custom_section.WANTED,"",@
        .int32 1
        .section .custom_section.UNWANTED,"",@
        .int32 2
        .int32 value
        .section .data.value,"",@
        .globl value
value:
        .int32 3
        .size value, 4
        "#,
    );
    for backend in linkers() {
        let arguments = reading("WANTED", args![object, "--export=value"]);
        let module = work.link_with(&backend, arguments).silent();
        let instance = Instance::new(&module);
        assert_eq!(instance.words("WANTED"), [1]);
        let [content] = &custom_sections(&module, "UNWANTED")[..] else {
            panic!("one section");
        };
        let (words, _) = content.as_chunks::<4>();
        let address = instance.address("value");
        assert_eq!(words, [2_u32.to_le_bytes(), address.to_le_bytes()]);
        assert_eq!(instance.word(address), 3);
    }
}

#[test]
fn nothing_wanted_changes_nothing() {
    let work = Work::new();
    let object = work.asm(
        "object",
        ".section .custom_section.TEXT,\"\",@\n.ascii \"hello\"\n",
    );
    for backend in linkers() {
        let arguments = args![object, "--no-entry"];
        let plain = work.plain_link(&backend, &arguments).silent();
        assert_eq!(work.link_with(&backend, &arguments).silent(), plain);
        assert_eq!(custom_sections(&plain, "TEXT"), [b"hello"]);
    }
}

#[test]
fn a_section_of_pointers_alone_is_an_array_of_pointers() {
    let work = Work::new();
    let object = work.asm(
        "object",
        r#"
        .functype twice (i32) -> (i32)
        .section .custom_section.POINTERS,"",@
        .int32 text
        .int32 text+6
        .int32 twice
        .section .rodata.text,"",@
text:
        .asciz "first"
        .asciz "second"
        .size text, 13
        .section .text.twice,"",@
        .globl twice
twice:
        .functype twice (i32) -> (i32)
        local.get 0
        i32.const 2
        i32.mul
        end_function
        "#,
    );
    for mut instance in work.gathered_by_each("POINTERS", [object]) {
        let [first, second, twice] = instance.words("POINTERS")[..] else {
            panic!("three pointers");
        };
        assert_eq!(instance.string(first), "first");
        assert_eq!(instance.string(second), "second");
        assert_eq!(instance.call_pointer(twice, &[21]), 42);
    }
}

#[test]
fn several_sections_of_one_object_are_entries() {
    let work = Work::new();
    let name = |number| {
        let section = wasm_encoder::CustomSection {
            name: "NUMBERS".into(),
            data: u32::to_le_bytes(number).to_vec().into(),
        };
        let mut bytes = Vec::new();
        wasm_encoder::Section::append_to(&section, &mut bytes);
        bytes
    };
    let object = work.asm(
        "object",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 1\n",
    );
    let mut bytes = std::fs::read(&object).expect("an object");
    // Sections without relocations may stand at the end.
    bytes.extend(name(2));
    bytes.extend(name(3));
    let object = work.write("several.o", bytes);
    for instance in work.gathered_by_each("NUMBERS", [object]) {
        assert_eq!(instance.words("NUMBERS"), [1, 2, 3]);
    }
}

/// LLVM IR of what rustc 1.100 and later makes of a static with `#[link_section]`: a segment, and
/// the same bytes in a custom section.
fn doubled(value: u8) -> String {
    format!(
        r#"
        @entry = internal constant [4 x i8] c"\{value:02x}\00\00\00", section "NUMBERS", align 4
        @llvm.used = appending global [1 x ptr] [ptr @entry], section "llvm.metadata"
        !wasm.custom_sections = !{{!0}}
        !0 = !{{!"NUMBERS", !"\{value:02x}\00\00\00"}}
        "#
    )
}

#[test]
fn what_is_a_segment_and_a_custom_section_counts_once_and_is_seen_from_outside() {
    let work = Work::new();
    let first = work.ir("first", &doubled(1));
    let second = work.ir("second", &doubled(2));
    let outside = [1, 0, 0, 0, 2, 0, 0, 0];
    let marked = work.c(
        "marked",
        r#"int marked __asm__("__link_section__NUMBERS$$marked") = 3;"#,
    );
    let custom = work.asm(
        "custom",
        ".section .custom_section.NUMBERS,\"\",@\n.int32 4\n",
    );
    for backend in linkers() {
        let check = |more: &[OsString], words: &[u32]| {
            let arguments = args![first, second].into_iter().chain(more.iter().cloned());
            let linked = work.link_with(&backend, reading("NUMBERS", arguments));
            let module = linked.silent();
            assert_eq!(Instance::new(&module).words("NUMBERS"), words);
            assert_eq!(custom_sections(&module, "NUMBERS"), [outside]);
        };
        check(&args!["--gather=NUMBERS"], &[1, 2]);
        check(&args![marked], &[1, 2, 3]);
        check(&args![marked, custom], &[1, 2, 3, 4]);
    }
}

#[test]
fn a_doubled_section_alone_is_left_to_the_backend() {
    let work = Work::new();
    let object = work.ir("object", &doubled(1));
    // Older ones do not know the flag that keeps the segment.
    let backend = tool("WSL_WASM_LD");
    let arguments = reading("NUMBERS", [object]);
    let plain = work.plain_link(&backend, &arguments).silent();
    let module = work.link(&arguments).silent();
    assert_eq!(module, plain);
    assert_eq!(Instance::new(&module).words("NUMBERS"), [1]);
}

#[test]
fn debug_information_finds_what_has_moved() {
    let work = Work::new();
    // A gathered section before and after those of DWARF, so that they have other indices.
    let source = r#"
        __asm__(".section .custom_section.ENTRIES,\"\",@\n.int32 7\n");
        int before = 1;
        int moved __asm__("__link_section__ENTRIES$$moved") = 2;
        static int local __asm__("__link_section__ENTRIES$$local") __attribute__((used)) = 3;
        int after = 4;
        int function(void) { return before + moved + local + after; }
    "#;
    let object = work.c_with("object", source, &["-g", "-O0"]);
    for backend in linkers() {
        let arguments = args![
            object,
            "--export=before",
            "--export=after",
            "--export=function"
        ];
        let linked = work.link_with(&backend, reading("ENTRIES", arguments));
        let instance = Instance::new(&linked.silent());
        let start = instance.address("__start_ENTRIES");
        let words = instance.words("ENTRIES");
        assert_eq!(words.len(), 3);
        let dump = work.run(tool("WSL_DWARFDUMP"), args![linked.output]);
        let place = |name: &str| dwarf_address(&dump, name);
        assert_eq!(place("before"), instance.address("before"));
        assert_eq!(place("after"), instance.address("after"));
        assert_eq!(instance.word(place("moved")), 2);
        assert_eq!(instance.word(place("local")), 3);
        assert!((start..start + 12).contains(&place("moved")));
        assert!((start..start + 12).contains(&place("local")));
    }
}

/// The address that DWARF gives the variable.
fn dwarf_address(dump: &str, variable: &str) -> u32 {
    let name = format!("DW_AT_name\t(\"{variable}\")");
    let (_, rest) = dump.split_once(&name).expect("the variable");
    let (_, rest) = rest.split_once("(DW_OP_addr ").expect("its place");
    let (address, _) = rest
        .split_once(')')
        .expect("an expression of one operation");
    u32::from_str_radix(address.trim_start_matches("0x"), 16).expect("an address")
}

#[test]
fn sections_that_stay_keep_their_relocations_when_others_go() {
    let work = Work::new();
    let object = work.asm(
        "object",
        r#"
        .section .custom_section.STAYS_BEFORE,"",@
        .int32 value
        .section .custom_section.GOES,"",@
        .int32 value
        .section .custom_section.STAYS_AFTER,"",@
.Linside:
        .int32 value+1
        .section .custom_section.REFERS,"",@
        .int32 9
        .int32 .Linside+4
        .section .data.value,"",@
        .globl value
value:
        .int32 3
        .size value, 4
        "#,
    );
    for backend in linkers() {
        let arguments = reading("GOES", args![object, "--export=value"]);
        let module = work.link_with(&backend, arguments).silent();
        let address = Instance::new(&module).address("value");
        let section = |name| custom_sections(&module, name).concat();
        assert_eq!(Instance::new(&module).words("GOES"), [address]);
        assert_eq!(section("STAYS_BEFORE"), address.to_le_bytes());
        assert_eq!(section("STAYS_AFTER"), (address + 1).to_le_bytes());
        assert_eq!(section("REFERS"), [9, 0, 0, 0, 4, 0, 0, 0]);
    }
}

#[test]
fn an_offset_into_a_gathered_section_is_an_error() {
    for referring in [".custom_section.REFERS", ".debug_info"] {
        let work = Work::new();
        let object = work.asm(
            "object",
            &format!(
                r#"
                .section .custom_section.GOES,"",@
                .int32 1
.Linside:
                .int32 2
                .section {referring},"",@
                .int32 0
                .int32 .Linside
                "#
            ),
        );
        let linked = work.link(reading("GOES", [&object]));
        let name = referring.trim_start_matches(".custom_section.");
        let message = linked.error();
        assert!(
            message.contains(&format!(
                "error: {}: `{name}` refers to a gathered section by section offset",
                object.display()
            )),
            "{message}"
        );
        assert!(message.contains("(at byte 0x"), "{message}");
        // Nobody minds as long as nobody wants it.
        work.link(args![object, "--no-entry"]).silent();
    }
}

#[test]
fn sections_of_tools_are_never_entries() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        extern char __start_producers[], __stop_producers[];
        __attribute__((export_name("size"))) int size(void) {
            return __stop_producers - __start_producers;
        }
        "#,
    );
    let linked = work.link(args![object, "--no-entry"]);
    assert!(
        linked
            .error()
            .contains("undefined symbol: __start_producers"),
        "{}",
        linked.stderr
    );
}
