//! Bitcode that has entries keeps its place among the inputs: what it defines and asks for counts at the moment at
//! which it counts in the plain link, and what the backend makes of it comes after all files.

use crate::args;
use crate::support::module::function_names;
use crate::support::{Instance, Work, reading, tool};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// As an object, and as bitcode of both kinds.
const KINDS: [&[&str]; 3] = [&[], &["-flto=full"], &["-flto=thin"]];

/// Says in which order constructors ran, and what `which` and `other` are.
const MAIN: &str = r#"
    int order_so_far;
    void ran(int number) { order_so_far = 10 * order_so_far + number; }
    void __wasm_call_ctors(void);
    __attribute__((weak)) int which(void);
    __attribute__((weak)) extern int other;
    __attribute__((export_name("order"))) int order(void) { __wasm_call_ctors(); return order_so_far; }
    __attribute__((export_name("won"))) int won(void) { return which ? which() : -1; }
    __attribute__((export_name("data"))) int data(void) { return &other ? other : -1; }
"#;

/// An entry and a constructor of that number, and more.
fn unit(number: u32, more: &str) -> String {
    format!(
        "static int e asm(\"__link_section__X$${number}\") __attribute__((used)) = {number};\n\
         void ran(int); __attribute__((constructor)) static void start(void) {{ ran({number}); }}\n\
         {more}\n"
    )
}

struct Place {
    work: Work,
}

impl Place {
    fn new() -> Self {
        Self { work: Work::new() }
    }

    /// Compiles a source as each kind.
    fn kinds(&self, name: &str, source: &str) -> [PathBuf; 3] {
        let mut number = 0;
        KINDS.map(|flags| {
            number += 1;
            self.work.c_with(&format!("{name}{number}"), source, flags)
        })
    }

    /// Links both ways. All but the array must be what it is in the plain link, and the array must have
    /// these entries, in any order.
    fn check(&self, words: &[OsString], entries: &[u32]) -> i32 {
        let words: Vec<_> = words.iter().cloned().chain(args!["--no-entry"]).collect();
        let plain = self.work.plain_link(&tool("WSL_WASM_LD"), &words).silent();
        let names = sorted_names(&plain);
        let mut plain = Instance::new(&plain);
        let ours = self.work.link(reading("X", &words)).silent();
        assert_eq!(sorted_names(&ours), names, "{words:?}");
        let mut ours = Instance::new(&ours);
        let order = plain.call("order", &[]);
        assert_eq!(ours.call("order", &[]), order, "order {words:?}");
        for name in ["won", "data"] {
            let result = plain.call(name, &[]);
            assert_eq!(ours.call(name, &[]), result, "{name} {words:?}");
        }
        let mut found = ours.words("X");
        found.sort_unstable();
        assert_eq!(found, entries, "{words:?}");
        order
    }
}

fn sorted_names(module: &[u8]) -> Vec<String> {
    let mut names: Vec<_> = function_names(module).into_iter().collect();
    names.sort();
    names
}

#[test]
fn constructors_of_objects_run_before_those_of_bitcode() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let [one, two, three] = [1, 2, 3].map(|n| place.kinds(&format!("u{n}_"), &unit(n, "")));
    let mut orders = BTreeSet::new();
    for mix in 0..9 {
        let inputs = [&one[mix % 3], &two[mix / 3], &three[(mix + mix / 3) % 3]];
        let words = args![inputs[0], inputs[1], main, inputs[2]];
        orders.insert(place.check(&words, &[1, 2, 3]));
    }
    assert!(orders.len() > 3, "{orders:?}");
}

/// Whoever defines it first, weakly or not, in an object or in bitcode.
#[test]
fn the_definition_that_wins_is_that_of_the_plain_link() {
    let place = Place::new();
    let mains = place.kinds("main", MAIN);
    let [weak, strong] = ["__attribute__((weak))", ""].map(|binding| {
        [1, 2].map(|number| {
            let more = format!(
                "{binding} int which(void) {{ return {number}; }} {binding} int other = {number};"
            );
            let name = format!("u{number}{}", usize::from(binding.is_empty()));
            place.kinds(&name, &unit(number, &more))
        })
    });
    for mix in 0..9 {
        let (first, second) = (mix % 3, mix / 3);
        let main = &mains[(first + second) % 3];
        for (one, two) in [(&weak, &weak), (&weak, &strong), (&strong, &weak)] {
            place.check(&args![main, one[0][first], two[1][second]], &[1, 2]);
            place.check(&args![one[0][first], two[1][second], main], &[1, 2]);
        }
    }
}

/// A member is extracted at the moment at which it is asked for, by whomever.
#[test]
fn archives_before_and_after() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let asks = place.kinds(
        "asks",
        &unit(1, "int which(void); int asks(void) { return which(); }"),
    );
    let defines = place.kinds("defines", &unit(2, "int which(void) { return 2; }"));
    let offers = place.kinds("offers", &unit(3, "int which(void) { return 3; }"));
    let needless = place.kinds("needless", &unit(4, "int needless(void) { return 4; }"));
    for mix in 0..9 {
        let (kind, kind_of_members) = (mix % 3, mix / 3);
        let members = [needless[kind].as_path(), &offers[kind_of_members]];
        let archive = place.work.archive(&format!("lib{mix}.a"), &members);
        let weakly = place
            .work
            .archive(&format!("libweak{mix}.a"), &[&defines[kind]]);
        for words in [
            args![main, archive].to_vec(),
            args![archive, main, asks[kind]].to_vec(),
            args![main, asks[kind], archive].to_vec(),
            args![main, archive, asks[kind]].to_vec(),
            args![main, asks[kind], weakly, archive].to_vec(),
            args![main, weakly, archive, asks[kind]].to_vec(),
            args![
                main,
                "--start-lib",
                offers[kind],
                defines[kind_of_members],
                "--end-lib",
                asks[kind]
            ]
            .to_vec(),
            args![
                main,
                asks[kind],
                "--start-lib",
                defines[kind],
                needless[kind]
            ]
            .to_vec(),
        ] {
            let entries = entries_of(&words);
            place.check(&words, &entries);
        }
        // What is defined already extracts nothing.
        let words = args![main, defines[kind], archive, asks[kind_of_members]];
        let order = place.check(&words, &[1, 2, 3, 4]);
        assert!(!order.to_string().contains(['3', '4']), "{order}");
        let whole = args![main, asks[kind], "--whole-archive", archive];
        place.check(&whole, &[1, 3, 4]);
    }
}

/// The numbers of what words name: entries need no reference.
fn entries_of(words: &[OsString]) -> Vec<u32> {
    let mut entries = Vec::new();
    for word in words {
        let name = word.to_string_lossy();
        let name = name.rsplit('/').next().unwrap_or_default();
        let own: &[u32] = match name {
            _ if name.starts_with("libweak") => &[2],
            _ if name.starts_with("lib") => &[3, 4],
            _ if name.starts_with("asks") => &[1],
            _ if name.starts_with("defines") => &[2],
            _ if name.starts_with("offers") => &[3],
            _ if name.starts_with("needless") => &[4],
            _ => &[],
        };
        entries.extend(own);
    }
    entries.sort_unstable();
    entries
}

/// What nothing refers to has its entries in the array, and does nothing else.
#[test]
fn members_that_nothing_refers_to_run_no_constructor() {
    let place = Place::new();
    let mains = place.kinds("main", MAIN);
    let members = place.kinds("member", &unit(5, "int member(void) { return 5; }"));
    for (main, member) in mains
        .iter()
        .flat_map(|main| members.iter().map(move |m| (main, m)))
    {
        let archive = place.work.archive("libmember.a", &[member]);
        for words in [
            args![main, archive].to_vec(),
            args![archive, main].to_vec(),
            args!["--start-lib", member, "--end-lib", main].to_vec(),
            args![main, "--start-lib", member].to_vec(),
        ] {
            assert_eq!(place.check(&words, &[5]), 0);
            std::fs::remove_file(place.work.file("out.wasm")).expect("it");
        }
        std::fs::remove_file(archive).expect("it");
    }
}

/// Entries of members that are not linked lead into bitcode that is, which the optimizer must know of.
#[test]
fn what_only_entries_refer_to_is_kept() {
    let place = Place::new();
    let main = place.kinds(
        "main",
        r#"
        typedef int (*call)(int);
        extern const call __start_X[], __stop_X[];
        __attribute__((export_name("sum"))) int sum(int n) {
            int sum = 0;
            for (const call *c = __start_X; c < __stop_X; c++) sum += (*c)(n);
            return sum;
        }
        __attribute__((noinline)) int helper(int n) { return 10 * n; }
        __attribute__((export_name("uses"))) int uses(int n) { return helper(n); }
        "#,
    );
    let entry = "typedef int (*call)(int); int %(int); static int step(int n) { return %(n) + 1; }\
        static const call e asm(\"__link_section__X$$e\") __attribute__((used)) = step;";
    let direct = place.kinds("direct", &entry.replace('%', "helper"));
    let through = place.kinds("through", &entry.replace('%', "more"));
    let more = place.kinds(
        "more",
        "int helper(int); int more(int n) { return helper(n) + 100; }",
    );
    for mix in 0..9 {
        let (main, other, last) = (&main[mix % 3], mix / 3, (mix + mix / 3) % 3);
        let archive = place
            .work
            .archive(&format!("libdirect{mix}.a"), &[&direct[other]]);
        let words = args![main, archive, "--no-entry"];
        assert_eq!(place.work.instance(words).call("sum", &[2]), 21);
        let members = [through[other].as_path(), &more[last]];
        let archive = place.work.archive(&format!("libthrough{mix}.a"), &members);
        let words = args![archive, main, "--no-entry"];
        assert_eq!(place.work.instance(words).call("sum", &[2]), 121);
    }
}

/// Which member the backend has extracted is told from others whatever it is called and however it is named.
#[test]
fn members_by_all_their_names() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let asks = place.kinds(
        "asks",
        &unit(1, "int which(void); int f(void) { return which(); }"),
    );
    for (mode, flags) in KINDS.iter().enumerate().skip(1) {
        let directory = |name: &str| {
            let directory = place.work.file(&format!("{name}{mode}"));
            std::fs::create_dir(&directory).expect("a directory");
            directory
        };
        let member = |name: &str, number: u32, more: &str| {
            let object = place.work.c_with("compiled", &unit(number, more), flags);
            let path = directory(name).join("m.o");
            std::fs::rename(object, &path).expect("it");
            path
        };
        let first = member("first", 2, "int needless(void) { return 2; }");
        let second = member("second", 3, "int which(void) { return 3; }");
        let members = [first.as_path(), &second];
        let name = format!("same{mode}");
        let archive = place
            .work
            .archive_with("qcs", &format!("lib{name}.a"), &members);
        let thin = place
            .work
            .archive_with("rcsT", &format!("thin{mode}.a"), &[&second]);
        let library = format!("-l{name}");
        for words in [
            args![main, asks[mode], archive].to_vec(),
            args![main, archive, asks[0]].to_vec(),
            args!["-L.", main, library, asks[mode]].to_vec(),
        ] {
            assert_eq!(place.check(&words, &[1, 2, 3]).to_string().len(), 2);
        }
        place.check(&args![main, asks[mode], thin], &[1, 3]);
        place.check(&args![main, thin, asks[0]], &[1, 3]);
    }
}

/// What bitcode refers to may be imported under another name.
#[test]
fn imports_of_a_host() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let host = r#"__attribute__((import_module("host"), import_name("there"))) int here(void);"#;
    let one = place.kinds(
        "one",
        &unit(1, &format!("{host} int which(void) {{ return here(); }}")),
    );
    let two = place.kinds(
        "two",
        &unit(2, &format!("{host} int f(void) {{ return here(); }}")),
    );
    let offers = place.kinds("offers", &unit(3, "int here(void) { return 3; }"));
    for mix in 0..9 {
        let (one, two) = (&one[mix % 3], &two[mix / 3]);
        place.check(&args![main, one, two, "--export=f"], &[1, 2]);
        let archive = place
            .work
            .archive(&format!("lib{mix}.a"), &[&offers[mix % 3]]);
        place.check(&args![main, one, archive, two], &[1, 2, 3]);
        place.check(&args![main, archive, one, two], &[1, 2, 3]);
    }
}

/// The first copy of a group counts, and others are no part of the link, whichever are bitcode.
#[test]
fn groups_of_objects_and_of_bitcode() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let copies = [1, 2].map(|number| {
        let source = format!(
            "extern \"C\" {{ {} }}\n\
             inline int counted() {{ static int n; return ++n; }}\n\
             __attribute__((used)) inline int shared asm(\"__link_section__X$$shared\") = 7;\n\
             extern \"C\" int f{number}() {{ return counted() + shared; }}\n\
             extern \"C\" __attribute__((weak)) int which() {{ return 10 * counted() + {number}; }}",
            unit(number, "")
        );
        let mut kind = 0;
        KINDS.map(|flags| {
            kind += 1;
            let name = format!("copy{number}{kind}");
            let flags: Vec<&str> = ["-std=c++17"].iter().chain(flags).copied().collect();
            place.work.compile("WSL_CLANGXX", &name, "cc", &source, &flags)
        })
    });
    for mix in 0..9 {
        let (first, second) = (&copies[0][mix % 3], &copies[1][mix / 3]);
        place.check(&args![main, first, second], &[1, 2, 7]);
    }
}

/// Nothing is left of what stands for bitcode, also where nothing is collected.
#[test]
fn options_that_keep_more() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let one = place.kinds(
        "one",
        &unit(1, "int which(void); int f(void) { return which(); }"),
    );
    let two = place.kinds("two", &unit(2, "int which(void) { return 2; }"));
    for mix in [1, 2, 3, 5, 8] {
        let inputs = args![main, one[mix % 3], two[mix / 3]];
        for options in [
            args!["--export-all"].to_vec(),
            args!["--export-dynamic"].to_vec(),
            args!["--undefined=f", "--export-if-defined=which"].to_vec(),
            args!["--wrap=which", "--export=which"].to_vec(),
            args!["--allow-undefined", "--export=f"].to_vec(),
            args!["--lto-O0"].to_vec(),
            args!["--no-gc-sections"].to_vec(),
        ] {
            let mut words: Vec<_> = inputs.iter().cloned().chain(options).collect();
            if words.iter().any(|word| word == "--wrap=which") {
                let source = "int __wrap_which(void) { return 9; }";
                words.push(place.work.c("wrap", source).into());
            }
            place.check(&words, &[1, 2]);
        }
    }
}

/// A reference to data extracts a member as well as one to a function, by whichever name.
#[test]
fn members_that_references_to_data_extract() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let reader = place.work.c(
        "reader",
        "extern int other2; extern int marked asm(\"__link_section__X$$2\");\n\
         __attribute__((export_name(\"read\"))) int read(void) { return other2 + marked; }",
    );
    let source = "int marked asm(\"__link_section__X$$2\") = 2; int other2 = 3; int other = 4;\n\
        void ran(int); __attribute__((constructor)) static void start(void) { ran(2); }\n";
    for (number, member) in place.kinds("member", source).iter().enumerate() {
        let archive = format!("lib{number}.a");
        let archive = place.work.archive_with("rcs", &archive, &[member]);
        let whole = args!["--whole-archive", &reader, "--no-whole-archive"];
        for words in [
            args![main, reader, archive].to_vec(),
            args![main, archive, reader].to_vec(),
            [args![main, archive].to_vec(), whole.to_vec()].concat(),
        ] {
            assert_eq!(place.check(&words, &[2]), 2);
        }
    }
}

/// The command line extracts members after all files, in its order, bitcode and objects alike.
#[test]
fn the_command_line_extracts_bitcode_and_objects_in_its_order() {
    let place = Place::new();
    let main = place.work.c("main", MAIN);
    let entry = "extern int f2(void);\n\
                 int (*const p)(void) asm(\"__link_section__X$$p\") __attribute__((used)) = f2;\n\
                 int f1(void) { return 1; }";
    let extracting = place.kinds("extracting", entry);
    let plain = |number: u32| {
        let source = format!(
            "void ran(int); __attribute__((constructor)) static void start(void) {{ ran({number}); }}\n\
             int f{number}(void) {{ return {number}; }}"
        );
        place.work.c(&format!("plain{number}"), &source)
    };
    let (two, three) = (plain(2), plain(3));
    for (kind, extracting) in extracting.iter().enumerate() {
        let members = [extracting.as_path(), &two, &three];
        let library = place.work.archive(&format!("lib{kind}.a"), &members);
        for asked in [["f1", "f3"], ["f3", "f1"]] {
            let words = args![main, library, "-u", asked[0], "-u", asked[1]];
            // `-u` alone keeps nothing alive.
            let alive = args![
                "--export-if-defined=f1",
                "--export-if-defined=f3",
                "--no-entry"
            ];
            let words: Vec<_> = words.into_iter().chain(alive).collect();
            let plain = place.work.plain_link(&tool("WSL_WASM_LD"), &words).silent();
            let order = Instance::new(&plain).call("order", &[]);
            assert_eq!(order, if asked[0] == "f1" { 23 } else { 32 });
            let ours = place.work.link(reading("X", &words)).silent();
            assert_eq!(Instance::new(&ours).call("order", &[]), order, "{words:?}");
        }
    }
}
