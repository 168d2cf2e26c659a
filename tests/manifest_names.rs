//! What the manifest says for people: titles of sections, names of entries, and what their values hold.

use crate::args;
use crate::manifest::manifest;
use crate::support::{Instance, Rust, Work, linkers, reading};
use std::ffi::OsString;
use wasm_section_manifest::{Entry, Manifest, PointerKind};

/// The manifest of what C sources are linked to, whose section `PLUGINS` the host reads.
fn linked(work: &Work, sources: &[&str]) -> Manifest {
    let own: [&str; 0] = [];
    linked_with(work, sources, reading("PLUGINS", own))
}

fn linked_with(work: &Work, sources: &[&str], mut arguments: Vec<OsString>) -> Manifest {
    let objects = sources.iter().enumerate();
    let objects = objects.map(|(number, source)| work.c(&format!("object{number}"), source));
    arguments.extend(objects.map(OsString::from));
    arguments.push("--section-manifest".into());
    manifest(&work.link(arguments).silent())
}

fn entries(manifest: &Manifest) -> &[Entry] {
    let mut sections = manifest.sections.iter();
    let found = sections.find(|section| section.name == "PLUGINS");
    &found.expect("the section").entries
}

fn names(manifest: &Manifest) -> Vec<&str> {
    let names = entries(manifest).iter();
    names
        .map(|entry| entry.name.as_deref().unwrap_or_default())
        .collect()
}

/// An entry of whatever value, which is all mark: KEY and UNIQUE as given.
fn entry(variable: &str, mark: &str, value: &str) -> String {
    format!(
        r#"extern int {variable} __asm__("__link_section__PLUGINS${mark}"); int {variable} = {value};"#
    )
}

#[test]
fn names_are_what_makes_marks_unique_without_hashes() {
    let work = Work::new();
    let source = [
        entry("a", "$one.0123456789abcdef", "1"),
        entry("b", "10$crate::two", "2"),
        entry("c", "20$three.x", "3"),
        r#"__attribute__((section("PLUGINS"), used)) int four = 4;"#.to_owned(),
    ];
    let manifest = linked(&work, &[&source.concat()]);
    let mut names = names(&manifest);
    names.sort_unstable();
    assert_eq!(names, ["crate::two", "four", "one", "three.x"]);
}

/// Whatever their order and their hashes.
#[test]
fn entries_of_one_name_are_numbered_by_what_they_hold() {
    let sources = [
        entry("a", "$same.aaaaaaaaaaaaaaaa", "3"),
        entry("b", "$same.bbbbbbbbbbbbbbbb", "1"),
        entry("c", "$other.cccccccccccccccc", "5"),
        entry("d", "$same.dddddddddddddddd", "2"),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let work = Work::new();
        let sources = order.map(|number: usize| sources[number].as_str());
        let manifest = linked(&work, &sources);
        let expected = order.map(|number| ["same #2", "same", "other", "same #1"][number]);
        assert_eq!(names(&manifest), expected);
        let plain = entries(&manifest).iter().map(Entry::plain_name);
        assert!(
            plain
                .flatten()
                .all(|name| ["same", "other"].contains(&name))
        );
    }
}

#[test]
fn a_declaration_gives_a_section_its_title() {
    let title = |mark: &str| {
        let work = Work::new();
        let declaration = format!(
            r#"
            struct empty {{}};
            extern struct empty none __asm__("__link_section__PLUGINS$${mark}");
            __attribute__((used)) struct empty none = {{}};
            "#
        );
        let manifest = linked(&work, &[&declaration, &entry("a", "$one", "1")]);
        assert_eq!(names(&manifest), ["one"]);
        manifest.sections[0].title.clone()
    };
    assert_eq!(title("plugins<a::b>").as_deref(), Some("plugins<a::b>"));
    assert_eq!(title("declaration"), None);
}

/// Those of two versions of a crate.
#[test]
fn sections_of_one_title_are_told_apart_by_their_entries() {
    let source = |section: &str, name: &str| {
        format!(
            r#"
            struct empty {{}};
            extern struct empty none_{section} __asm__("__link_section__{section}$$all<a::ALL>");
            __attribute__((used)) struct empty none_{section} = {{}};
            extern int {name} __asm__("__link_section__{section}$${name}");
            int {name} = 1;
            extern const int __start_{section}[];
            __attribute__((export_name("{section}"))) const int *start_{section}(void) {{ return __start_{section}; }}
            "#
        )
    };
    for sections in [["FIRST", "SECOND"], ["SECOND", "FIRST"]] {
        let work = Work::new();
        let [before, after] = sections;
        let sources = [source(before, "x"), source(after, "y")];
        let sources = sources.each_ref().map(String::as_str);
        let manifest = linked_with(&work, &sources, vec!["--no-entry".into()]);
        let title = |name: &str| {
            let mut sections = manifest.sections.iter();
            let section = sections.find(|section| section.name == name);
            section
                .expect("a section")
                .title
                .clone()
                .unwrap_or_default()
        };
        assert_eq!(title(before), "all<a::ALL>");
        assert_eq!(title(after), "all<a::ALL> #1");
    }
}

const VALUES: &str = r#"
    struct Inner { int number; const char *text; int (*run)(int); };
    struct Entry { const struct Inner *inner; const char *text; };
    static int run(int x) { return x + 1; }
    static const char text[] = "outer";
    static const struct Inner inner[2] = { { 1, "first", run }, { 2, "second", 0 } };
    extern const struct Entry entry __asm__("__link_section__PLUGINS$$entry");
    const struct Entry entry = { inner + 1, text + 2 };
"#;

/// What they say is what is in memory.
#[test]
fn values_are_what_pointers_lead_to() {
    let work = Work::new();
    let object = work.c("values", VALUES);
    let mut arguments = reading("PLUGINS", args![object]);
    arguments.push("--section-manifest".into());
    for backend in linkers() {
        let module = work.link_with(&backend, &arguments).silent();
        let manifest = manifest(&module);
        let entry = &entries(&manifest)[0];
        let values = entry.values.iter();
        let said: Vec<_> = values.map(|value| (value.pointer, value.size)).collect();
        // `inner + 1`, `text + 2` with its NUL, and of the first `"second"`.
        assert_eq!(said, [(0, 12), (1, 4), (2, 7)]);
        let pointers = entry.values[0].pointers.iter();
        let pointers: Vec<_> = pointers
            .map(|one| (one.offset, one.size, one.kind))
            .collect();
        assert_eq!(pointers, [(4, 4, PointerKind::Data)]);
        let instance = Instance::new(&module);
        let words = instance.words("PLUGINS");
        assert_eq!(instance.string(words[1]), "ter");
        let second = instance.word(words[0] + 4);
        assert_eq!(instance.string(second), "second");
    }
}

#[test]
fn what_leads_to_itself_is_followed_once() {
    let work = Work::new();
    let source = r#"
        struct Node { const struct Node *next; int number; };
        static const struct Node second;
        static const struct Node first = { &second, 1 };
        static const struct Node second = { &first, 2 };
        extern const struct Node *const entry __asm__("__link_section__PLUGINS$$entry");
        const struct Node *const entry = &first;
    "#;
    let manifest = linked(&work, &[source]);
    let values = &entries(&manifest)[0].values;
    let said: Vec<_> = values
        .iter()
        .map(|value| (value.pointer, value.size))
        .collect();
    assert_eq!(said, [(0, 8), (1, 8)]);
}

/// Neither what is too much, nor what another object may define otherwise.
#[test]
fn what_is_not_followed() {
    let work = Work::new();
    let source = r#"
        static const int numbers[100] = {1};
        #define FOUR(n) numbers + n, numbers + n + 1, numbers + n + 2, numbers + n + 3
        #define MANY(n) FOUR(n), FOUR(n + 4), FOUR(n + 8), FOUR(n + 12), FOUR(n + 16)
        static const int *const many[100] = { MANY(0), MANY(20), MANY(40), MANY(60), MANY(79) };
        __attribute__((weak)) const int weak = 1;
        extern const int elsewhere;
        extern const void *const entry[3] __asm__("__link_section__PLUGINS$$entry");
        const void *const entry[3] = { &weak, &elsewhere, many };
    "#;
    let other = "const int weak = 2, elsewhere = 3;";
    let manifest = linked(&work, &[source, other]);
    let values = &entries(&manifest)[0].values;
    assert_eq!((values[0].pointer, values[0].size), (2, 400));
    assert_eq!(values.len(), 64);
    assert!(values[1..].iter().all(|value| value.pointer >= 3));
}

/// A registration that knows the type only by reference is called by where it stands, and its section by
/// the type. That is so for macros of anyone.
#[test]
fn types_give_titles_under_both_manglings() {
    let v0 = &["-Csymbol-mangling-version=v0"][..];
    // The legacy scheme has no values of constants.
    for (mangling, arguments) in [(&[][..], "_,"), (v0, "'<', ")] {
        let work = Work::new();
        let mut rust = Rust::new(&work, mangling);
        rust.rlib(
            "kit",
            "
            pub struct Node { pub origin: fn(), pub value: &'static u32 }
            pub trait Gather: Sized { const ORIGIN: fn(); }
            ",
        );
        let program = r#"
            pub mod shapes {
                pub struct Of<const C: char, T>(T);
                const _: () = {
                    impl kit::Gather for Of<'<', fn(u8) -> u16> {
                        const ORIGIN: fn() = {
                            fn __link_section_of__kit_0123456789abcdef() {}
                            fn __link_section__kit_0123456789abcdef() {
                                #[used]
                                static NONE: [kit::Node; 0] = [];
                            }
                            __link_section_of__kit_0123456789abcdef
                        };
                    }
                };
            }
            pub mod plugin {
                const _: () = {
                    fn __link_section_by_reference__() {
                        #[used]
                        static NODE: kit::Node = kit::Node {
                            origin: <crate::shapes::Of<'<', fn(u8) -> u16> as kit::Gather>::ORIGIN,
                            value: &7,
                        };
                    }
                };
            }
            unsafe extern "C" {
                #[link_name = "__start_kit_0123456789abcdef"]
                static START: kit::Node;
            }
            #[unsafe(no_mangle)]
            pub fn value() -> u32 { unsafe { *START.value } }
        "#;
        let rust = rust.with(&["-Clink-arg=--section-manifest", "-Adead-code"]);
        let module = rust.program("program", program).silent();
        assert_eq!(Instance::new(&module).call("value", &[]), 7);
        let manifest = manifest(&module);
        let section = &manifest.sections[0];
        let title = format!("kit<program::shapes::Of<{arguments}fn(u8) -> u16>>");
        assert_eq!(section.title, Some(title));
        assert_eq!(section.entries[0].name.as_deref(), Some("program::plugin"));
        assert_eq!(section.entries[0].values[0].size, 4);
    }
}

/// A value that stands in for its node has the node's name and crate, whatever the compiler calls it, and
/// in its row is what it leads to.
#[test]
fn values_are_called_by_their_nodes() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-Copt-level=3"]);
    rust.rlib(
        "plugin",
        r#"
        #![no_std]
        pub struct Node { pub of: fn(), pub value: &'static &'static str }
        #[inline(never)]
        pub fn __link_section_of_values__TEXTS() {}
        macro_rules! submit {
            ($module:ident $value:expr) => {
                mod $module {
                    const _: () = {
                        fn __link_section_by_reference__() {
                            #[used]
                            static NODE: crate::Node =
                                crate::Node { of: crate::__link_section_of_values__TEXTS, value: &$value };
                        }
                    };
                }
            };
        }
        submit!(one "same");
        submit!(two "same");
        submit!(three "other");
        "#,
    );
    let program = r#"
        extern crate plugin as _;
        unsafe extern "C" { static __start_TEXTS: &'static str; }
        #[unsafe(no_mangle)]
        pub fn value() -> usize { unsafe { __start_TEXTS.len() } }
    "#;
    let rust = rust.with(&["-Clink-arg=--section-manifest", "-Adead-code"]);
    let manifest = manifest(&rust.program("program", program).silent());
    let section = &manifest.sections[0];
    assert_eq!((section.stride, section.size), (Some(8), 24));
    let rows = section.entries.iter();
    let mut rows: Vec<_> = rows
        .map(|entry| {
            let sizes: Vec<_> = entry.values.iter().map(|value| value.size).collect();
            (entry.name.as_deref(), entry.krate.as_deref(), sizes)
        })
        .collect();
    rows.sort();
    let row = |name, size| (Some(name), Some("plugin"), vec![size]);
    let expected = [
        row("plugin::one", 4),
        row("plugin::three", 5),
        row("plugin::two", 4),
    ];
    assert_eq!(rows, expected);
}
