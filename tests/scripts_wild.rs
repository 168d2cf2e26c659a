//! Scripts as they are in the wild: written by preprocessors and by editors of all kinds, with headers for
//! loaders, and for newer linkers. Where GNU ld 2.40 takes one, what it makes of it is what we make.

use crate::args;
use crate::support::gnu_ld::Both;
use crate::support::instance::export_section;
use crate::support::{Instance, Work};

/// An object with some sections, of which `zeros` has only those.
fn sources() -> Both {
    let source = r#"
        #define IN(name) __attribute__((section(name), used))
        IN("a") static const int one = 1;
        IN("b") static const int two = 2;
        IN("zeros") static int nulls[3];
        IN("ones") static int some[2] = {0, 1};
        IN("pointers") static const int *to_two = &two;
    "#;
    Both::of_sources(&[("o.o", source.to_owned())], &[])
}

/// The bytes of `OUT`, which must be the same.
fn same(both: &Both, script: &[u8]) -> Vec<u8> {
    let shown = String::from_utf8_lossy(script).into_owned();
    let gnu = both.gnu(script, &["o.o"], "OUT");
    let ours = both.ours(script, &["o.o"], "OUT");
    let gnu = gnu.unwrap_or_else(|message| panic!("{shown}\nGNU ld: {message}"));
    assert_eq!(ours.as_ref(), Ok(&gnu), "{shown}");
    gnu
}

#[test]
fn what_is_no_part_of_the_language() {
    let both = sources();
    let right = [2, 0, 0, 0, 1, 0, 0, 0];
    for script in [
        // A preprocessor's line markers, also with its flags, and comments of one line.
        &b"# 1 \"x.ld.S\"\n# 1 \"<built-in>\"\n# 31 \"<command-line>\" 1 3\nSECTIONS { OUT : { \
            *(b) *(a) } }\n"[..],
        b"SECTIONS {\n# 2 \"x.ld.S\" 2\n OUT : { *(b)\n# 1 \"inner.h\"\n *(a) } # } \"\n }\n#",
        b"SECTIONS { OUT : { *(b# it's\n) x = 1 # + 2;\n; *(a) } }",
        // Windows editors: a byte-order mark, and two characters at the end of a line.
        b"\xef\xbb\xbfSECTIONS { OUT : { *(b) *(a) } }",
        b"SECTIONS\r\n{\r\n# 3 \"x\"\r\n\tOUT :\r\n\t{ *(b)\r\n\t*(a) }\r\n}\r\n",
        // Comments in Latin-1, in Shift JIS and in nothing.
        b"/* gr\xfc\xdfe \xa9 */ SECTIONS { OUT : { *(b) /* \x83\x5c */ *(a) } } # \xff\xfe\n",
        b"/* \xe2\x82 */ SECTIONS { OUT : { *(b) *(a) } ASSERT(1, \"zu gro\xdf\") }",
    ] {
        assert_eq!(same(&both, script), right);
    }
}

#[test]
fn headers_that_change_nothing() {
    let both = sources();
    let right = [2, 0, 0, 0, 1, 0, 0, 0];
    for header in [
        "OUT ALIGN(8) :",
        "OUT . :",
        "OUT ALIGN(., 16) : ALIGN(32)",
        "OUT () :",
        "OUT . () : AT(ADDR(OUT)) ALIGN(8) SUBALIGN(4)",
        "OUT : AT(ADDR(OUT) - 0x80000000)",
        "OFFSET = 4096; OUT : AT(ADDR(OUT) - OFFSET)",
        ". = ALIGN(16); OUT :",
        "PROVIDE(x = 4); ASSERT(x == 4, \"x\") HIDDEN(y = .); OUT :",
    ] {
        for end in ["}", "} :NONE", "} :NONE :NONE = 0x90,"] {
            let script = format!("SECTIONS {{ {header} {{ *(b) *(a) {end} }}");
            assert_eq!(same(&both, script.as_bytes()), right, "{script}");
            // GNU ld would have to know the program header.
            let named = script.replace("NONE", "text");
            assert_eq!(
                both.ours(&named, &["o.o"], "OUT").as_deref(),
                Ok(&right[..])
            );
        }
    }
}

#[test]
fn what_is_not_loaded_is_zeros() {
    let both = sources();
    for script in [
        "SECTIONS { OUT (NOLOAD) : { *(zeros) . += 4; } }",
        "SECTIONS { OUT . (NOLOAD) : ALIGN(16) { *(zeros) . = ALIGN(16); } }",
    ] {
        assert_eq!(same(&both, script.as_bytes()), [0; 16]);
    }
    for contents in ["*(zeros) *(ones)", "*(pointers)", "BYTE(0)"] {
        let script = format!("SECTIONS {{ OUT (NOLOAD) : {{ {contents} }} }}");
        let message = both.ours(&script, &["o.o"], "OUT").expect_err("contents");
        assert!(
            message.contains("a (NOLOAD) section must have no contents"),
            "{message}"
        );
    }
}

#[test]
fn texts() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"__attribute__((section("a"), used)) static const char a = 'a';"#,
    );
    // Of escapes, `n`, `r`, `t` and octal numbers of one byte mean something.
    let script = r#"SECTIONS { OUT : {
        ASCIZ "two words" *(a) ASCIZ "";
        ASCIZ "\n\t\r\\\101\0602\4777\q\
" ASCII (4) "abc" ASCII (2 + 3) "d" ASCII (3) "abcdef";
        BYTE(1)
    } }"#;
    let script = work.write("script.ld", script);
    let mut arguments = args!["--no-entry", "-T", script, object].to_vec();
    arguments.extend(export_section("OUT").map(Into::into));
    let linked = work.link(arguments);
    let instance = Instance::new(&linked.module());
    let expected = b"two words\0a\0\n\t\r\\A02'77q\n\0abc\0d\0\0\0\0ab\0\x01";
    assert_eq!(instance.section("OUT"), expected);
    assert!(
        linked
            .stderr
            .contains("script.ld:4:44: the text is truncated to this size"),
        "{}",
        linked.stderr
    );
}

#[test]
fn sections_of_several_inserts_are_apart() {
    let both = sources();
    let script = "
        SECTIONS { . = ALIGN(16); start = .; A : { *(a) } end = .; } INSERT AFTER .data;
        between = 4;
        SECTIONS { OUT : { LONG(end - start) LONG(SIZEOF(A)) LONG(between) *(b) } } INSERT BEFORE .text
        SECTIONS { C : { BYTE(1) } }
    ";
    let bytes = same(&both, script.as_bytes());
    assert_eq!(bytes[..12], [4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0]);
}
