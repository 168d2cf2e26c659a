//! What a script does: order, gaps, symbols and data inside an array, and what stays as it was.

use crate::args;
use crate::support::instance::export_section;
use crate::support::{Instance, Linked, Work, linker, linkers, tool};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Links with a script that stands in a file.
fn link(work: &Work, script: &str, more: &[OsString]) -> Linked {
    let script = work.write("script.ld", script);
    let mut arguments = args!["--no-entry", "-T", script].to_vec();
    arguments.extend(more.iter().cloned());
    work.link(arguments)
}

fn instance(work: &Work, script: &str, more: &[OsString]) -> Instance {
    Instance::new(&link(work, script, more).silent())
}

/// An object with the numbers 1 and 2 in section `b` and 3 in `a`.
fn numbers(work: &Work) -> PathBuf {
    work.c(
        "numbers",
        r#"
        __attribute__((section("b"), used)) static const int one = 1;
        __attribute__((section("b"), used)) static const int two = 2;
        __attribute__((section("a"), used)) static const int three = 3;
        "#,
    )
}

#[test]
fn the_default_is_text_and_is_printed() {
    let work = Work::new();
    let print = |more: &[&str]| {
        let output = Command::new(linker())
            .arg("--section-print-script")
            .args(more)
            .current_dir(work.path())
            .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
            .output()
            .expect("a script");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let default = include_str!("../linker-scripts/default.ld");
    assert_eq!(print(&[]), default);
    work.write("mine.ld", "SECTIONS { X : { *(X) } }\n");
    let both = format!("SECTIONS {{ X : {{ *(X) }} }}\n{default}");
    assert_eq!(print(&["-T", "mine.ld"]), both);
}

#[test]
fn sections_symbols_and_data_are_where_the_script_says() {
    let work = Work::new();
    let object = numbers(&work);
    let script = "
        SECTIONS {
            OUT : ALIGN(32) {
                LONG(0x11)
                first = .;
                *(a)
                . = ALIGN(16);
                second = .;
                *(b)
                SHORT(0x2222) BYTE(0x33)
                . += 1;
                LONG(second)
                end = .;
            }
            size = SIZEOF(OUT);
            middle = ADDR(OUT) + 8;
        }
        alignment = ALIGNOF(OUT);
        ASSERT(size == 32 && alignment == 32, \"numbers are for the script\")
    ";
    for backend in linkers() {
        let script = work.write("script.ld", script);
        let mut arguments = args!["--no-entry", "-T", script, object].to_vec();
        for symbol in ["first", "second", "end", "middle"] {
            arguments.push(format!("--export={symbol}").into());
        }
        arguments.extend(export_section("OUT").map(Into::into));
        let instance = Instance::new(&work.link_with(&backend, &arguments).silent());
        let start = instance.address("__start_OUT");
        let second = instance.address("second");
        let expected = [0x11, 3, 0, 0, 1, 2, 0x0033_2222, second];
        assert_eq!(instance.words("OUT"), expected, "{}", backend.display());
        assert_eq!(start % 32, 0);
        let offset = |symbol: &str| instance.address(symbol) - start;
        assert_eq!(
            (offset("first"), offset("second"), offset("end")),
            (4, 16, 32)
        );
        assert_eq!(offset("middle"), 8);
    }
}

#[test]
fn a_number_is_no_address() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        extern char size[];
        __attribute__((section("a"), used)) static const int three = 3;
        __attribute__((export_name("use"))) int use(void) { return (int)size; }
        "#,
    );
    let script = "SECTIONS { OUT : { *(a) } size = SIZEOF(OUT); }";
    let linked = link(&work, script, &args![object]);
    let message = format!(
        "script.ld:1:27: symbol `size` is a number, but {} refers to it; wasm data symbols are \
         addresses\n>>> {script}\n>>> {}^\n>>> store the number with \
         LONG(expression), and read it from memory\n",
        object.display(),
        " ".repeat(26)
    );
    assert!(linked.error().ends_with(&message), "{}", linked.stderr);
}

#[test]
fn what_no_rule_takes_follows_the_default() {
    let work = Work::new();
    let marked = work.c(
        "marked",
        r#"
        int last __asm__("__link_section__NUMBERS$k$last") = 2;
        int first __asm__("__link_section__NUMBERS$$first") = 1;
        "#,
    );
    let mut more = args![marked, numbers(&work)].to_vec();
    more.extend(export_section("NUMBERS").map(Into::into));
    let instance = instance(&work, "SECTIONS { a : { *(a) } }", &more);
    assert_eq!(instance.words("NUMBERS"), [1, 2]);
}

#[test]
fn what_a_script_leaves_of_a_section_is_appended_to_it() {
    let work = Work::new();
    let marked = |name: &str, number: u32| {
        let source = format!("int {name} __asm__(\"__link_section__N$${name}\") = {number};");
        work.c(name, &source)
    };
    let mut more = args![marked("x", 1), marked("y", 2), marked("z", 3)].to_vec();
    more.extend(export_section("N").map(Into::into));
    let instance = instance(&work, "SECTIONS { N : { *y.o(N) LONG(9) } }", &more);
    assert_eq!(instance.words("N"), [2, 9, 1, 3]);
}

#[test]
fn symbols_keep_their_identity() {
    let work = Work::new();
    let object = work.c_with(
        "object",
        r#"
        struct node { struct node *next; int *into; int number; };
        extern struct node b;
        struct node a __attribute__((section("a"))) = { &b, &b.number, 1 };
        struct node b __attribute__((section("b"))) = { &a, &a.number, 2 };
        extern struct node c __attribute__((alias("b")));

        __attribute__((export_name("check"))) int check(void) {
            if (a.next != &b || b.next != &a || &c != &b) return 1;
            if (a.into != &b.number || *b.into != 1) return 2;
            c.number = 5;
            if (*a.into != 5) return 3;
            return (char *)&a - (char *)&b == sizeof(struct node) ? 0 : 4;
        }
        "#,
        &["-g"],
    );
    let mut more = args![object, "--export=b"].to_vec();
    more.extend(export_section("OUT").map(Into::into));
    let linked = link(&work, "SECTIONS { OUT : { *(b) *(a) } }", &more);
    let mut instance = Instance::new(&linked.silent());
    assert_eq!(instance.call("check", &[]), 0);
    // Debug information has the variable where it is.
    let dump = work.run(tool("WSL_DWARFDUMP"), [linked.output]);
    let address = format!("DW_OP_addr {:#x}", instance.address("b"));
    assert!(dump.contains(&address), "{address}");
}

#[test]
fn keep_is_a_root_and_nothing_else_is() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"__attribute__((section("a"), used)) static const char text[] = "in section a";"#,
    );
    let has_text = |script: &str| {
        let module = link(&work, script, &args![object]).silent();
        memchr::memmem::find(&module, b"in section a").is_some()
    };
    assert!(has_text("SECTIONS { OUT : { KEEP(*(a)) } }"));
    assert!(!has_text("SECTIONS { OUT : { *(a) } }"));
    // Whichever takes it, as with GNU ld.
    assert!(has_text(
        "SECTIONS { OUT : { *(a) } OTHER : { KEEP(*(a)) } }"
    ));
}

#[test]
fn discarded_entries_are_not_there() {
    let work = Work::new();
    let object = numbers(&work);
    let user = work.c(
        "user",
        r#"
        extern const int gone __asm__("__link_section__N$$gone");
        __attribute__((export_name("use"))) int use(void) { return gone; }
        "#,
    );
    let marked = work.c(
        "marked",
        r#"int gone __asm__("__link_section__N$$gone") = 1;"#,
    );
    let script = "SECTIONS { /DISCARD/ : { *(b) *(N) } OUT : { *(a) *(b) } }";
    let mut more = args![object, marked].to_vec();
    more.extend(export_section("OUT").map(Into::into));
    assert_eq!(instance(&work, script, &more).words("OUT"), [3]);
    // Who refers to one is told.
    more.push(user.into());
    let linked = link(&work, script, &more);
    assert_eq!(linked.status, Some(1));
    assert!(
        linked
            .stderr
            .contains("undefined symbol: __link_section__N$$gone"),
        "{}",
        linked.stderr
    );
}

#[test]
fn what_was_discarded_does_not_come_back_from_its_archive() {
    let work = Work::new();
    let marked = work.c(
        "marked",
        r#"
        int gone __asm__("__link_section__N$$gone") = 1;
        int other = 2;
        "#,
    );
    let user = work.c(
        "user",
        r#"
        extern const int gone __asm__("__link_section__N$$gone");
        __attribute__((export_name("use"))) int use(void) { return gone; }
        "#,
    );
    let archive = work.archive("libmarked.a", &[&marked]);
    let script = "SECTIONS { /DISCARD/ : { *(N) } }";
    let linked = link(&work, script, &args![user, archive]);
    let message = format!(
        "{}: undefined symbol: __link_section__N$$gone\n\
         >>> the script discards its definition in {}(marked.o)\n\
         >>> remove it from /DISCARD/, or remove the reference\n",
        user.display(),
        archive.display()
    );
    assert!(linked.error().ends_with(&message), "{}", linked.stderr);
}

#[test]
fn provided_symbols_yield_to_those_of_objects() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        const int mine = 7;
        extern const int given[];
        __attribute__((export_name("sum"))) int sum(void) { return mine + given[0]; }
        __attribute__((section("a"), used)) static const int three = 3;
        "#,
    );
    let script = "SECTIONS { OUT : { PROVIDE(given = .); PROVIDE_HIDDEN(mine = .); *(a) } }";
    let more = args![object, "--export-dynamic"];
    let mut linked = instance(&work, script, &more);
    assert_eq!(linked.call("sum", &[]), 10);
    let script = "SECTIONS { OUT : { plain = .; HIDDEN(hidden = .); *(a) } given = plain; }";
    let mut linked = instance(&work, script, &more);
    assert_eq!(linked.call("sum", &[]), 10);
    let exports = linked.exports();
    assert!(exports.contains(&"plain".to_owned()) && !exports.contains(&"hidden".to_owned()));
}

#[test]
fn defined_knows_the_script_and_the_inputs() {
    let work = Work::new();
    let object = work.c(
        "object",
        r#"
        int in_object;
        __attribute__((section("a"), used)) static const int three = 3;
        "#,
    );
    let script = "
        before = 1;
        SECTIONS { OUT : {
            *(a)
            LONG(DEFINED(before)) LONG(DEFINED(in_object)) LONG(DEFINED(nowhere))
            LONG(DEFINED(in_object) ? 5 : 6)
        } }
    ";
    let mut more = args![object].to_vec();
    more.extend(export_section("OUT").map(Into::into));
    assert_eq!(instance(&work, script, &more).words("OUT"), [3, 1, 1, 0, 5]);
}

#[test]
fn several_scripts_are_one_and_are_looked_for() {
    let work = Work::new();
    let object = numbers(&work);
    std::fs::create_dir(work.file("scripts")).expect("a directory");
    work.write("scripts/first.ld", "offset = 4; INCLUDE inner.ld");
    work.write("scripts/inner.ld", "SECTIONS { INCLUDE sections.ld }");
    work.write("scripts/sections.ld", "OUT : { INCLUDE body.ld }");
    work.write("scripts/body.ld", ". += offset; *(a)");
    work.write(
        "second.ld",
        "SECTIONS { REST : { *(b) } } ASSERT(SIZEOF(OUT) == 8, \"8\")",
    );
    for spelling in [
        args!["-Tfirst.ld", "-T", "second.ld"].to_vec(),
        args!["--script=first.ld", "--script", "second.ld"].to_vec(),
    ] {
        let mut arguments = args!["-Lscripts", object].to_vec();
        arguments.extend(spelling);
        arguments.extend(export_section("OUT").map(Into::into));
        arguments.extend(export_section("REST").map(Into::into));
        let instance = work.instance(arguments);
        assert_eq!(instance.words("OUT"), [0, 3]);
        assert_eq!(instance.words("REST"), [1, 2]);
    }
}

#[test]
fn a_literal_name_takes_custom_sections_and_a_wildcard_does_not() {
    let work = Work::new();
    let object = work.asm(
        "object",
        ".section .custom_section.outside,\"\",@\n.int32 7\n",
    );
    let mut more = args![object].to_vec();
    more.extend(export_section("OUT").map(Into::into));
    let taken = instance(&work, "SECTIONS { OUT : { *(outside) } }", &more);
    assert_eq!(taken.words("OUT"), [7]);
    let linked = link(&work, "SECTIONS { OUT : { *(out*) LONG(1) } }", &more);
    let module = linked.silent();
    assert_eq!(Instance::new(&module).words("OUT"), [1]);
    let custom = crate::support::module::custom_sections(&module);
    assert!(custom.iter().any(|section| section.0 == "outside"));
}
