//! More objects than one thread surveys, and than one batch has.

use crate::support::assembler::halving;
use crate::support::instance::export_section;
use crate::support::{Instance, Work, linkers, reading};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// So many that several threads survey them.
const COUNT: usize = 2_100;

/// An entry with a pointer to its text, one to the next entry, which is in the next object, and one to a
/// function that knows the entry by its name.
const SOURCE: &str = r#"
struct entry { const char *text; const struct entry *next; int (*run)(void); int number; };
extern const struct entry next __asm__("__link_section__ENTRIES$$e_NEXT0");
extern const struct entry own __asm__("__link_section__ENTRIES$$e_OWN00");
static int run(void) { return (int)&own; }
const struct entry own = {"text OWN00", &next, run, 0x11223344};
"#;

/// In bytes, of a `struct entry`.
const ENTRY: u32 = 16;

/// `COUNT` objects of one compiler run: a number is put where the source has a word of its length.
fn objects(work: &Work) -> Vec<PathBuf> {
    let template = fs::read(work.c("template", SOURCE)).expect("an object");
    let object = |number: usize| {
        let mut object = template.clone();
        let next = (number + 1) % COUNT;
        replace(&mut object, b"OWN00", format!("{number:05}").as_bytes());
        replace(&mut object, b"NEXT0", format!("{next:05}").as_bytes());
        let value = (number as u32).to_le_bytes();
        replace(&mut object, &0x1122_3344_u32.to_le_bytes(), &value);
        work.write(&format!("many/{number}.o"), object)
    };
    fs::create_dir_all(work.file("many")).expect("a directory");
    (0..COUNT).map(object).collect()
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let mut found = 0;
    for start in 0..bytes.len() - old.len() {
        if bytes[start..].starts_with(old) {
            bytes[start..start + new.len()].copy_from_slice(new);
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn every_entry_is_there_and_points_to_what_it_should() {
    let work = Work::new();
    let words = reading("ENTRIES", objects(&work));
    for backend in linkers() {
        let linked = work.link_with(&backend, &words).silent();
        let mut instance = Instance::new(&linked);
        let start = instance.address("__start_ENTRIES");
        let words = instance.words("ENTRIES");
        assert_eq!(words.len(), COUNT * ENTRY as usize / 4);
        for (number, entry) in words.chunks_exact(4).enumerate() {
            let [text, next, run, value] = entry else {
                panic!("four words");
            };
            assert_eq!(instance.string(*text), format!("text {number:05}"));
            let after = (number + 1) % COUNT;
            assert_eq!(*next, start + after as u32 * ENTRY);
            assert_eq!(*value as usize, number);
            let own = start + number as u32 * ENTRY;
            assert_eq!(instance.call_pointer(*run, &[]) as u32, own);
        }
    }
}

#[test]
fn names_are_known_where_people_ask_for_them() {
    let work = Work::new();
    let words = reading("ENTRIES", objects(&work));
    let map = work.file("map");
    let words = words
        .into_iter()
        .chain([format!("-Map={}", map.display()).into()]);
    let said = work.log("debug", words);
    let map = fs::read_to_string(map).expect("a map");
    for number in [0, 7, COUNT - 1] {
        let line = format!(
            "e_{number:05}` in {}",
            work.file(&format!("many/{number}.o")).display()
        );
        assert!(said.contains(&line), "{line}");
        let name = format!(".rodata.__link_section__ENTRIES$$e_{number:05}");
        let input = format!("many/{number}.o:({name})");
        assert!(map.contains(&input), "{input}");
    }
}

#[test]
fn errors_name_the_one_that_they_are_of() {
    let work = Work::new();
    let objects = objects(&work);
    let twice = work.write("twice.o", fs::read(&objects[7]).expect("an object"));
    let linked = work.link(reading("ENTRIES", objects.iter().chain([&twice])));
    let message = linked.error();
    assert!(
        message.contains("duplicate symbol: __link_section__ENTRIES$$e_00007\n"),
        "{message}"
    );
    assert!(message.contains("many/7.o\n"), "{message}");
    assert!(message.contains("/twice.o"), "{message}");

    let mut bytes = fs::read(&objects[9]).expect("an object");
    replace(&mut bytes, b"ENTRIES$$e_00009", b"ENTR-ES$$e_00009");
    fs::write(&objects[9], bytes).expect("written");
    let linked = work.link(reading("ENTRIES", &objects));
    let message = linked.error();
    assert!(message.contains("many/9.o: "), "{message}");
}

/// Objects with what an entry may have.
fn all_kinds(work: &Work) -> Vec<PathBuf> {
    let texts = r#"
        static const char own[] = "own", large[5000] = {'l', 'a', 'r', 'g', 'e'};
        static int counter = 7, zero;
        static int add(int x) { return x + counter; }
        extern const int elsewhere __asm__("__link_section__NUMBERS$9$elsewhere");
        struct entry { const char *text; int *data; int (*call)(int); const int *other; };
        const struct entry a __asm__("__link_section__ENTRIES$2$a") = {own, &counter, add, &elsewhere};
        const struct entry b __asm__("__link_section__ENTRIES$1$b") = {large, &zero, add, &elsewhere};
        extern const struct entry c __attribute__((alias("__link_section__ENTRIES$1$b")));
        __attribute__((export_name("read"))) const char *read(int n) { return (n ? &c : &a)->text; }
    "#;
    let weak = r#"
        __attribute__((weak)) const int n __asm__("__link_section__NUMBERS$9$elsewhere") = 1;
        __attribute__((section("NAMED"), used)) int named[2] = {1, 2};
        extern const int __start_NAMED[], __stop_NAMED[];
        __attribute__((export_name("count"))) int count(void) { return __stop_NAMED - __start_NAMED; }
    "#;
    let strong = r#"const int n __asm__("__link_section__NUMBERS$9$elsewhere") = 2;"#;
    let group = |function: &str| {
        format!(
            r#"template <typename T> struct Registration {{
                __attribute__((used)) static inline int entry __asm__("__link_section__NUMBERS$5$T")
                    = sizeof(T);
            }};
            template struct Registration<double>;
            extern "C" int *{function}() {{ return &Registration<double>::entry; }}"#
        )
    };
    vec![
        work.c("texts", texts),
        work.c("weak", weak),
        work.asm("custom", &halving("CUSTOM", 32, "")),
        work.cxx("first", &group("first")),
        work.c("strong", strong),
        work.cxx("second", &group("second")),
    ]
}

#[test]
fn what_is_made_of_them_is_what_is_made_of_a_few() {
    let work = Work::new();
    let objects = all_kinds(&work);
    let empty = work.c("empty", "");
    let fillers = vec![&empty; COUNT];
    let sections = ["ENTRIES", "NUMBERS", "CUSTOM"]
        .map(export_section)
        .concat();
    for backend in linkers() {
        for flag in ["--export-table", "--section-manifest", "--no-gc-sections"] {
            let words = sections.iter().map(OsString::from).chain([flag.into()]);
            let words: Vec<OsString> = words.chain(objects.iter().map(Into::into)).collect();
            let few = work.link_with(&backend, &words).silent();
            let more = words.into_iter().chain(fillers.iter().map(Into::into));
            let many = work.link_with(&backend, more).silent();
            assert!(few == many, "{} {flag}", backend.display());
            let instance = Instance::new(&many);
            assert_eq!(instance.words("NUMBERS"), [8, 1, 2]);
        }
    }
}
