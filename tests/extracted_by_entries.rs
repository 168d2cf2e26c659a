//! Members that entries extract come after all that the plain link extracts, and decide as any member does
//! which entries there are and which definitions win.

use crate::args;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const HOST: &str = r#"
    static int order;
    void ran(int number) { order = 10 * order + number; }
    void __wasm_call_ctors(void);
    __attribute__((export_name("order"))) int get(void) {
        __wasm_call_ctors();
        return order;
    }
"#;

/// A constructor that says that it ran.
fn constructor(number: u32) -> String {
    format!(
        "void ran(int); __attribute__((constructor)) static void start(void) {{ ran({number}); }}\n"
    )
}

/// An entry of FUNCTIONS that refers to `function`.
fn entry_for(function: &str) -> String {
    format!(
        "int {function}(void);\n\
         static int (*const entry)(void) __asm__(\"__link_section__FUNCTIONS$$entry\")\n\
         __attribute__((used)) = {function};\n"
    )
}

fn bounds(section: &str) -> [OsString; 2] {
    ["start", "stop"].map(|bound| format!("--export-if-defined=__{bound}_{section}").into())
}

#[test]
fn what_the_command_line_asks_for_comes_first() {
    let work = Work::new();
    let host = work.c("host", &(HOST.to_owned() + &entry_for("called")));
    let of = |name: &str, number| {
        let source = format!(
            "{}int {name}(void) {{ return {number}; }}",
            constructor(number)
        );
        work.c(name, &source)
    };
    // The host refers to no member but by its entry, so that of `called` is for the entry alone.
    let lazy = work.c("lazy", &entry_for("called"));
    let data = work.c("data", &format!("{}int data = 4;", constructor(4)));
    let called = of("called", 1);
    let (asked, exported) = (of("asked", 2), of("exported", 3));
    let members = work.archive("libmembers.a", &[&called, &asked, &exported, &data]);
    let lazy = work.archive("liblazy.a", &[&lazy]);
    let plain_host = work.c("plain", HOST);
    let export = |name: &str| format!("--export-if-defined={name}");
    let asks = [
        (args!["-u", "asked", export("asked")].to_vec(), 21),
        (args!["--export=exported"].to_vec(), 31),
        (args![export("exported")].to_vec(), 31),
        (args!["-u", "data", export("data")].to_vec(), 41),
        (
            args!["-u", "data", "-u", "asked", export("asked"), export("data")].to_vec(),
            421,
        ),
        (args!["--entry=asked"].to_vec(), 21),
    ];
    for backend in linkers() {
        for (ask, expected) in &asks {
            let mut words = args![plain_host, lazy, members].to_vec();
            words.extend(ask.iter().cloned());
            if !ask.iter().any(|word| word == "--entry=asked") {
                words.push("--no-entry".into());
            }
            // The plain link with what the entry refers to, last.
            let plain =
                Instance::new(&work.plain_link(&backend, &words).module()).call("order", &[]);
            words.extend(bounds("FUNCTIONS"));
            let mut ours = Instance::new(&work.link_with(&backend, &words).silent());
            assert_eq!(ours.call("order", &[]), *expected, "{ask:?}");
            assert_eq!(plain, expected / 10, "{ask:?}");
        }
    }
    // An entry of an object has extracted its member before.
    let words = args![host, members, "--no-entry", "--export=asked"];
    let words = words.into_iter().chain(bounds("FUNCTIONS"));
    let words: Vec<_> = words.collect();
    let mut ours = Instance::new(&work.link(&words).silent());
    assert_eq!(ours.call("order", &[]), 12);
}

/// What the command line asks for is known from the indexes of archives, or from the members if an index does not tell:
/// there is none, the members are other files, or two members define the name.
#[test]
fn each_kind_of_archive_offers_what_the_command_line_asks_for() {
    let work = Work::new();
    let of = |file: &str, name: &str, number, more: &str| {
        let function = format!("int {name}(void) {{ return {number}; }}");
        work.c(file, &format!("{}{function}{more}", constructor(number)))
    };
    let lazy = work.archive("liblazy.a", &[&work.c("lazy", &entry_for("called"))]);
    let plain_host = work.c("plain", HOST);
    // It extracts the member of `asked` by that of `user`, before the command line asks for it.
    let user = "\nint user(void); int use(void) { return user(); }";
    let using_host = work.c("using", &(HOST.to_owned() + user));
    let members = [
        of("called", "called", 1, ""),
        of("asked", "asked", 2, ""),
        of(
            "user",
            "user",
            4,
            "\nint asked(void); int also(void) { return asked(); }",
        ),
        of("again", "asked", 3, ""),
    ];
    let mut without_index = 0;
    for operation in ["rcs", "rcsT", "rcS"] {
        for (count, is_contested) in [(3, false), (4, true)] {
            let name = format!("lib{operation}{count}.a");
            let parts: Vec<&Path> = members[..count].iter().map(PathBuf::as_path).collect();
            let archive = work.archive_with(operation, &name, &parts);
            for backend in linkers() {
                for (host, asked) in [(&plain_host, 2), (&using_host, 24)] {
                    let case = (operation, is_contested, asked, &backend);
                    let mut words =
                        args![host, lazy, archive, "--no-entry", "--export=asked"].to_vec();
                    if asked == 24 {
                        words.push("--export=use".into());
                    }
                    let plain = work.plain_link(&backend, &words);
                    if operation == "rcS" && plain.status != Some(0) {
                        // Older backends want an index.
                        continue;
                    }
                    without_index += usize::from(operation == "rcS");
                    let mut plain = Instance::new(&plain.silent());
                    assert_eq!(plain.call("order", &[]), asked, "{case:?}");
                    words.extend(bounds("FUNCTIONS"));
                    let mut ours = Instance::new(&work.link_with(&backend, &words).silent());
                    assert_eq!(ours.call("order", &[]), 10 * asked + 1, "{case:?}");
                    let mut exports = plain.exports();
                    exports.extend(["__start_FUNCTIONS", "__stop_FUNCTIONS"].map(str::to_owned));
                    exports.sort();
                    let mut found = ours.exports();
                    found.sort();
                    assert_eq!(found, exports, "{case:?}");
                }
            }
        }
    }
    assert_ne!(without_index, 0);
}

/// Two members define one entry, neither is linked, and another entry extracts the second.
#[test]
fn an_extracted_member_has_the_entry_of_its_name() {
    let work = Work::new();
    let host = work.c("host", &(HOST.to_owned() + &entry_for("of_second")));
    let lazy = work.archive("liblazy.a", &[&work.c("lazy", &entry_for("of_second"))]);
    let plain = work.c("plain", HOST);
    let entry = |binding: &str, number: u32| {
        format!("{binding} int shared __asm__(\"__link_section__NUMBERS$$shared\") = {number};\n")
    };
    let member = |name: &str, binding, number| {
        let source = format!(
            "{}{}int of_{name}(void) {{ return {number}; }}",
            constructor(number),
            entry(binding, number)
        );
        work.c(&format!("{name}{number}"), &source)
    };
    for (of_first, of_second) in [
        ("", ""),
        ("", "__attribute__((weak))"),
        ("__attribute__((weak))", ""),
        ("__attribute__((weak))", "__attribute__((weak))"),
    ] {
        let first = work.archive("libfirst.a", &[&member("first", of_first, 1)]);
        let second = work.archive("libsecond.a", &[&member("second", of_second, 2)]);
        let link = |inputs: &[&Path]| -> (Vec<u32>, i32) {
            let words = inputs.iter().map(OsString::from);
            let read = bounds("NUMBERS").into_iter().chain(bounds("FUNCTIONS"));
            let words = words.chain(read).chain(args!["--no-entry"]);
            let words: Vec<_> = words.collect();
            let mut ours = Instance::new(&work.link(&words).silent());
            (ours.words("NUMBERS"), ours.call("order", &[]))
        };
        // The entry in the object extracts the second, that in the archive does as late as can be.
        assert_eq!(link(&[&host, &first, &second]), (vec![2], 2));
        assert_eq!(link(&[&plain, &lazy, &first, &second]), (vec![2], 2));
        assert_eq!(link(&[&plain, &first, &second]), (vec![1], 0));
    }
}

/// The entry is there only as long as what it extracts is not: both definitions are linked.
#[test]
fn an_entry_that_extracts_its_own_second_definition() {
    let work = Work::new();
    let host = work.c("host", HOST);
    let shared = r#"__asm__("__link_section__FUNCTIONS$$shared")"#;
    let first = format!("int second(void); int (*shared)(void) {shared} = second;");
    let second = format!("int second(void) {{ return 2; }} int (*shared)(void) {shared} = 0;");
    let first = work.archive("libfirst.a", &[&work.c("first", &first)]);
    let second = work.archive("libsecond.a", &[&work.c("second", &second)]);
    let words = args![host, first, second, "--no-entry"];
    let words: Vec<_> = words.into_iter().chain(bounds("FUNCTIONS")).collect();
    let linked = work.link(&words);
    let error = linked.error();
    assert!(
        error.contains("duplicate symbol: __link_section__FUNCTIONS$$shared"),
        "{error}"
    );
    assert!(error.contains("libfirst.a(first.o)"), "{error}");
    assert!(error.contains("libsecond.a(second.o)"), "{error}");
}

/// A member that was extracted for what no live code calls: its constructor runs only if its entry makes it
/// alive.
#[test]
fn a_dead_member_with_an_entry_stays_dead() {
    let work = Work::new();
    let host = HOST.to_owned() + "int f(void); int dead(void) { return f(); }";
    let host = work.c("host", &host);
    let mark = r#"__asm__("__link_section__NUMBERS$$entry")"#;
    for (entry, expected) in [
        (format!("int entry {mark} = 7;"), 0),
        (format!("__attribute__((used)) int entry {mark} = 7;"), 1),
    ] {
        let member = format!("{}{entry}\nint f(void) {{ return 1; }}", constructor(1));
        let member = work.archive("libmember.a", &[&work.c("member", &member)]);
        for backend in linkers() {
            let mut words = args![host, member, "--no-entry"].to_vec();
            let plain =
                Instance::new(&work.plain_link(&backend, &words).module()).call("order", &[]);
            assert_eq!(plain, expected);
            words.extend(bounds("NUMBERS"));
            let mut ours = Instance::new(&work.link_with(&backend, &words).silent());
            assert_eq!(ours.call("order", &[]), expected);
            assert_eq!(ours.words("NUMBERS"), [7]);
        }
    }
}

/// An entry that points to local data which code uses too: the data stays in its member, so the member is linked.
#[test]
fn an_entry_that_points_into_its_member_extracts_it() {
    let work = Work::new();
    let shared = |number: u32| {
        format!("int shared __asm__(\"__link_section__NUMBERS$$shared\") = {number};\n")
    };
    let first = work.c("first", &shared(1));
    let points = |function: &str| {
        format!(
            "{}static int local[2];\n\
             static int *const entry __asm__(\"__link_section__POINTERS$$entry\")\n\
             __attribute__((used)) = &local[1];\n\
             int {function}(void) {{ return local[0]++; }}\n",
            shared(2)
        )
    };
    let host = work.c("host", HOST);
    let members = [
        work.archive("libfirst.a", &[&first]),
        work.archive("libsecond.a", &[&work.c("second", &points("second"))]),
    ];
    for backend in linkers() {
        let words = args![host, members[0], members[1], "--no-entry"].to_vec();
        // The plain link with a reference to that member, last.
        let plain = words.iter().cloned().chain(args!["-u", "second", "-t"]);
        let traced = work.plain_link(&backend, plain).stdout;
        assert!(
            traced.contains("libsecond.a") && !traced.contains("libfirst.a"),
            "{traced}"
        );
        let words = words
            .into_iter()
            .chain(bounds("NUMBERS"))
            .chain(bounds("POINTERS"));
        let module = work.link_with(&backend, words).silent();
        assert_eq!(Instance::new(&module).words("NUMBERS"), [2]);
    }
}
