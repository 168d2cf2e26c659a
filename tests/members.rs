//! An object that is there more than once, in archives or as a file too, has its entries in the array once,
//! as the plain link never links both. What is linked twice is there twice.

use crate::args;
use crate::support::{Instance, Work, linkers, reading};
use std::ffi::OsString;
use std::fs;

/// Links with each backend, and compares the section and what `sum` gives.
fn check(work: &Work, inputs: &[OsString], entries: &[u32], sum: i32) {
    for backend in linkers() {
        let words = reading("X", inputs);
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(
            instance.words("X"),
            entries,
            "{inputs:?} {}",
            backend.display()
        );
        assert_eq!(
            instance.call("sum", &[]),
            sum,
            "{inputs:?} {}",
            backend.display()
        );
    }
}

const LOCAL: &str = r#"
    static const int e __asm__("__link_section__X$$e") __attribute__((used)) = 5;
    __attribute__((weak)) int shared(void) { return e; }
"#;

#[test]
fn a_file_and_its_copy_in_an_archive() {
    let work = Work::new();
    let program = "int shared(void); __attribute__((export_name(\"sum\"))) int sum(void) \
                   { return shared(); }";
    let program = work.c("program", program);
    let plugin = work.c("plugin", LOCAL);
    let (x, y) = (
        work.archive("libx.a", &[&plugin]),
        work.archive("liby.a", &[&plugin]),
    );
    for inputs in [
        args![&program, &plugin, &x].to_vec(),
        args![&program, &x, &y].to_vec(),
        args![&x, &program, &y].to_vec(),
        args![&program, &x, "--whole-archive", &y].to_vec(),
    ] {
        check(&work, &inputs, &[5], 5);
    }
    let twice = args![&program, "--whole-archive", &x, &y];
    check(&work, &twice, &[5, 5], 5);
    // LLVM 14 has no such option.
    let lazy = args![&program, "--start-lib", &plugin, "--end-lib", &x];
    let words = reading("X", lazy);
    assert_eq!(work.instance(words).words("X"), [5]);
}

/// As in two Rust static libraries with a crate in common.
#[test]
fn a_member_of_two_archives_with_a_global_entry() {
    let work = Work::new();
    let common = r#"const int e __asm__("__link_section__X$$e") = 1;
        int common(void) { return e; }"#;
    let common = work.c("common", common);
    let user = |name: &str| {
        let source = format!("int common(void); int use_{name}(void) {{ return common(); }}");
        work.c(name, &source)
    };
    let a = work.archive("liba.a", &[&common, &user("a")]);
    let b = work.archive("libb.a", &[&common, &user("b")]);
    let program = "int use_a(void), use_b(void); \
        __attribute__((export_name(\"sum\"))) int sum(void) { return use_a() + use_b(); }";
    let program = work.c("program", program);
    check(&work, &args![&program, &a, &b], &[1], 2);
    check(&work, &args![&b, &program, &a], &[1], 2);
}

/// Of an array that nobody asks for, the entries that are left to the backend keep their order.
#[test]
fn the_order_of_a_section_that_is_left_to_the_backend() {
    let work = Work::new();
    let walk = |section: &str, name: &str| {
        format!(
            "extern const int __start_{section}[], __stop_{section}[];\n\
             __attribute__((export_name(\"{name}\"))) int {name}(void) {{ int sum = 0; \
             for (const int *e = __start_{section}; e < __stop_{section}; e++) \
             sum = sum * 10 + *e; return sum; }}\n"
        )
    };
    let program = walk("Y", "sum")
        + "int needed(void); \
        __attribute__((export_name(\"needs\"))) int needs(void) { return needed(); }";
    let program = work.c("program", &program);
    let left = |value: u32| {
        format!("__attribute__((section(\"Y\"), used)) const int y{value} = {value};\n")
    };
    let entry = |value: u32| {
        format!("const int e{value} __asm__(\"__link_section__X$${value}\") = {value};\n")
    };
    let first = work.c("first", &entry(1));
    let second = work.c("second", &(left(1) + "int needed(void) { return 7; }"));
    let third = work.c(
        "third",
        &(left(2) + &entry(2) + "int more(void) { return 8; }"),
    );
    let a = work.archive("liba.a", &[&first, &second]);
    let b = work.archive("libb.a", &[&third]);
    // Nothing refers to the third: its entry of the section that is gathered is there, that of the other is
    // the backend's business.
    check(&work, &args![&program, &a, &b], &[1, 2], 1);
    check(&work, &args![&program, &a, &third], &[1, 2], 12);
    // Data that only entries refer to stays in the section that it is in.
    let pointed = "__attribute__((section(\"Y\"))) static const int own = 2; \
        static const int *const e __asm__(\"__link_section__P$$p\") __attribute__((used)) = &own; \
        const int **unused; int points(void) { return e == 0; }";
    let pointed = work.c("pointed", pointed);
    let reads = "extern const int *const __start_P[]; \
        __attribute__((export_name(\"pointed\"))) int pointed(void) { return *__start_P[0]; }";
    let reads = work.c("reads", reads);
    let other = work.c("other", &left(3));
    let inputs = args![&program, &reads, &other, &pointed, &second];
    for backend in linkers() {
        let words = inputs.clone().into_iter().chain(args!["--no-entry"]);
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.call("sum", &[]), 321, "{}", backend.display());
        assert_eq!(instance.call("pointed", &[]), 2);
    }
}

/// One object declares a function with another signature than the one that defines it.
#[test]
fn a_function_that_an_object_declares_wrongly() {
    let work = Work::new();
    let program = "typedef int (*call)(int); extern const call __start_CALLS[], __stop_CALLS[]; \
        int last(int x) { return __stop_CALLS[-1](x); }";
    let program = work.c("program", program);
    let wrong = "int f(); typedef int (*call)(int); \
        const call one __asm__(\"__link_section__CALLS$$one\") = (call)f; int calls(void) { return f(); }";
    let wrong = work.c_with("wrong", wrong, &["-w"]);
    let right = "int f(int); typedef int (*call)(int); \
        const call two __asm__(\"__link_section__CALLS$$two\") = f;";
    let right = work.c("right", right);
    let defines = work.c("defines", "int f(int x) { return x + 10; }");
    let archive = work.archive("libf.a", &[&defines]);
    for backend in linkers() {
        for order in [
            args![&program, &wrong, &right, &defines],
            args![&program, &wrong, &defines, &right],
            args![&program, &wrong, &right, &archive],
            args![&archive, &program, &wrong, &right],
        ] {
            let words = order
                .clone()
                .into_iter()
                .chain(args!["--no-entry", "--export=last"]);
            // The backend warns of the wrong one, as without us.
            let linked = work.link_with(&backend, words);
            let mut instance = Instance::new(&linked.module());
            assert_eq!(
                instance.call("last", &[1]),
                11,
                "{order:?} {}",
                backend.display()
            );
        }
    }
}

/// A type may be aligned to more than a page of memory.
#[test]
fn entries_that_are_aligned_beyond_a_page() {
    let work = Work::new();
    let source = |value: u32| {
        format!(
            "struct Page {{ int value; }} __attribute__((aligned(131072)));\n\
             const struct Page p{value} __asm__(\"__link_section__PAGES$${value}\") = {{ {value} }};"
        )
    };
    let (one, two) = (work.c("one", &source(1)), work.c("two", &source(2)));
    let program = "struct Page { int value; } __attribute__((aligned(131072))); \
        extern const struct Page __start_PAGES[], __stop_PAGES[]; \
        int pages(void) { return (__stop_PAGES - __start_PAGES) * 100 + __start_PAGES[0].value * 10 \
        + __start_PAGES[1].value + ((unsigned long)__start_PAGES % 131072); }";
    let program = work.c("program", program);
    for backend in linkers() {
        let words = args![&program, &one, &two, "--no-entry", "--export=pages"];
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.call("pages", &[]), 212, "{}", backend.display());
    }
}

/// U-Boot's linker lists and the like have their ends in objects without bytes.
#[test]
fn entries_without_bytes_keep_their_place() {
    let work = Work::new();
    let start = work.c(
        "start",
        "__attribute__((section(\"LIST\"), used)) int list_start[0] = {};",
    );
    let end = work.c(
        "end",
        "__attribute__((section(\"LIST\"), used)) int list_end[0] = {};",
    );
    let middle = "__attribute__((section(\"LIST\"), used)) int a = 1; \
        __attribute__((section(\"LIST\"), used)) int b = 2;";
    let middle = work.c("middle", middle);
    let program = "extern int list_start[], list_end[]; int sum(void) { int sum = 0; \
        for (int *e = list_start; e < list_end; e++) sum = sum * 10 + *e; return sum; }";
    let program = work.c("program", program);
    work.write("list.ld", "SECTIONS { LIST : { *(LIST) } }");
    for backend in linkers() {
        for ask in [
            args![].to_vec(),
            args!["--gather=LIST"].to_vec(),
            args!["-Tlist.ld"].to_vec(),
        ] {
            let inputs = args![
                &program,
                &start,
                &middle,
                &end,
                "--no-entry",
                "--export=sum"
            ];
            let words = inputs.into_iter().chain(ask.clone());
            let mut instance = Instance::new(&work.link_with(&backend, words).silent());
            assert_eq!(
                instance.call("sum", &[]),
                12,
                "{ask:?} {}",
                backend.display()
            );
        }
    }
    // Keys order them as any other.
    let keyed = r#"
        const int a __asm__("__link_section__N$b$a") = 1;
        const int b __asm__("__link_section__N$a$b") = 2;
        const int z[0] __asm__("__link_section__N$z$end") = {};
        const int y[0] __asm__("__link_section__N$0$begin") = {};
        const int m[0] __asm__("__link_section__N$aa$mid") = {};
        extern const int __start_N[];
        int begin(void) { return (const char *)y - (const char *)__start_N; }
        int mid(void) { return (const char *)m - (const char *)__start_N; }
        int end(void) { return (const char *)z - (const char *)__start_N; }
    "#;
    let keyed = work.c("keyed", keyed);
    work.write("sorted.ld", "SECTIONS { N : { *(SORT(N.*)) } }");
    for backend in linkers() {
        let words = args![
            &keyed,
            "--no-entry",
            "-Tsorted.ld",
            "--export=begin",
            "--export=mid",
            "--export=end"
        ];
        let mut instance = Instance::new(&work.link_with(&backend, words).silent());
        let places = ["begin", "mid", "end"].map(|name| instance.call(name, &[]));
        assert_eq!(places, [0, 4, 8], "{}", backend.display());
    }
}

/// `-l` finds what the backend finds, also where there is a shared library beside the archive.
#[test]
fn an_archive_beside_a_shared_library() {
    let work = Work::new();
    let program = "__attribute__((export_name(\"sum\"))) int sum(void) { return 0; }";
    let program = work.c("program", program);
    let one = work.c("one", "const int e1 __asm__(\"__link_section__X$$1\") = 1;");
    let two = work.c("two", "const int e2 __asm__(\"__link_section__X$$2\") = 2;");
    work.archive("libfoo.a", &[&two]);
    let shared = work.c_with("shared", "int shared(void) { return 1; }", &["-fPIC"]);
    let newest = crate::support::tool("WSL_WASM_LD");
    work.run(
        &newest,
        args!["-shared", "--experimental-pic", shared, "-o", "libfoo.so"],
    );
    for backend in linkers() {
        // What the plain link takes: the program asks nothing of it.
        let version = work.run(&backend, args!["--version"]);
        let has_option = !version.contains("LLD 14.");
        let dynamic = has_option.then(|| "-Bdynamic".into());
        let takes_shared = has_option && !version.contains("LLD 16.");
        let inputs = args![&program, &one, "-L.", "-lfoo"].into_iter();
        let inputs: Vec<OsString> = dynamic.into_iter().chain(inputs).collect();
        let entries: &[u32] = if takes_shared { &[1] } else { &[1, 2] };
        let words = reading("X", &inputs);
        let instance = Instance::new(&work.link_with(&backend, words).silent());
        assert_eq!(instance.words("X"), entries, "{version}");
    }
}

/// As linkers and archivers write it where the offsets of members take more than 32 bits.
#[test]
fn an_archive_whose_index_has_64_bits() {
    let work = Work::new();
    let plugin = work.c("plugin", LOCAL);
    let program = "int shared(void); __attribute__((export_name(\"sum\"))) int sum(void) \
                   { return shared(); }";
    let program = work.c("program", program);
    let object = fs::read(plugin).expect("an object");
    let header = |name: &str, size: usize| {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644)
    };
    let names = b"shared\0\0";
    let mut archive = b"!<arch>\n".to_vec();
    archive.extend(header("/SYM64/", 16 + names.len()).bytes());
    archive.extend(1_u64.to_be_bytes());
    archive.extend((archive.len() as u64 + 8 + names.len() as u64).to_be_bytes());
    archive.extend(names);
    archive.extend(header("plugin.o/", object.len()).bytes());
    archive.extend(object);
    let archive = work.write("lib64.a", archive);
    for inputs in [
        args![&program, &archive].to_vec(),
        args![&program, "--whole-archive", &archive].to_vec(),
    ] {
        check(&work, &inputs, &[5], 5);
    }
    for backend in linkers() {
        let words = args!["--no-entry", &program, &archive];
        let module = work.plain_link(&backend, words).silent();
        assert_eq!(Instance::new(&module).call("sum", &[]), 5);
    }
}
