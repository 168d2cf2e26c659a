//! Programs in Rust: what is in a module and what is not, and how it is built.

use crate::rust::{ALPHA, BETA, PROGRAM, REGISTRY, entries, numbers, owned};
use crate::support::rust::{TARGET, UNSTABLE, cargo};
use crate::support::{Instance, Rust, Work, linker, tool};
use std::path::{Path, PathBuf};

/// A crate that registers three plugins and nothing else.
const GAMMA: &str = r#"
    #![no_std]
    use registry::Plugin;
    #[used]
    #[unsafe(export_name = "__link_section__PLUGINS$$gamma")]
    static NAMED: Plugin = Plugin { name: "gamma::named", run: |n| n + 1 };
    mod __link_section__PLUGINS {
        use registry::Plugin;
        #[used]
        static ONE: Plugin = Plugin { name: "gamma::one", run: |n| n + 2 };
        #[used]
        static TWO: Plugin = Plugin { name: "gamma::two", run: |n| n + 3 };
    }
"#;

/// A program that reads no registry and has function pointers of its own.
fn unread(crates: &str) -> String {
    let text = r#"
        #![no_std]
        use registry as _;
        static STEPS: [fn(i32) -> i32; 2] = [|n| n + 42, |n| n * 2];
        #[unsafe(no_mangle)]
        extern "C" fn answer(n: i32) -> i32 { STEPS[n as usize](n) }
    "#;
    text.to_owned() + crates
}

/// Not one byte: neither arrays nor entries, nor what they point to, nor exports.
#[test]
fn a_registry_that_nobody_reads_is_not_there() {
    for flags in [
        &["-Copt-level=0", "-Cdebuginfo=0"][..],
        &["-Copt-level=3"],
        &["-Copt-level=3", "-Clto=thin"],
        &["-Copt-level=3", "-Clto=fat"],
    ] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &["-Cembed-bitcode=yes"]).with(flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib("alpha", ALPHA);
        rust.rlib("gamma", GAMMA);
        let build = |crates| rust.program("program", &unread(crates)).silent();
        let with = build("extern crate alpha as _; extern crate gamma as _;");
        let without = build("");
        assert_eq!(Instance::new(&with).call("answer", &[1]), 2, "{flags:?}");
        assert_eq!(with.len(), without.len(), "{flags:?}");
        assert!(with == without, "{flags:?}: the bytes differ");
    }
}

/// A program that has no function pointers gets a table without elements: LLVM marks the table as
/// not to be stripped in each object that takes a function's address, and `wasm-ld` obeys whatever
/// becomes of the address.
#[test]
fn an_unread_registry_leaves_an_empty_table_at_most() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    rust.rlib("gamma", GAMMA);
    let build = |crates| {
        let program = r#"
            #![no_std]
            #[unsafe(no_mangle)]
            extern "C" fn answer(n: i32) -> i32 { n ^ 42 }
            use registry as _;
        "#;
        rust.program("program", &(program.to_owned() + crates))
            .silent()
    };
    let table_section = [4, 5, 1, 0x70, 1, 1, 1];
    let with = build("extern crate gamma as _;");
    let without = build("");
    assert!(with.len() <= without.len() + table_section.len());
}

/// A mark speaks for its section: the custom sections of that name go with it.
#[test]
fn custom_sections_of_a_registry_that_nobody_reads_go_too() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    rust.rlib("beta", BETA);
    let module = rust
        .program("program", &unread("extern crate beta as _;"))
        .silent();
    let name = b"NUMBERS";
    assert!(!module.windows(name.len()).any(|bytes| bytes == name));
}

#[test]
fn a_program_exports_what_its_author_exported() {
    for flags in [&["-Copt-level=0"][..], &["-O", "-Clto=fat"]] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &["-Cembed-bitcode=yes"]).with(flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib("alpha", ALPHA);
        rust.rlib("gamma", GAMMA);
        let instance = rust.instance(
            r#"
            #![no_std]
            extern crate alpha as _;
            extern crate gamma as _;
            registry::export_plugins!();
            "#,
        );
        assert_eq!(
            instance.exports(),
            [
                "__data_end",
                "__heap_base",
                "memory",
                "plugins",
                "plugins_name",
                "plugins_name_length",
                "plugins_run"
            ],
            "{flags:?}"
        );
    }
}

/// In a module that is a mark, the statics are the entries. What else is there serves them:
/// functions, closures, and statics inside of those or of an entry's value, with whatever
/// thread-locals and lazy values expand to.
#[test]
fn a_mark_module_may_have_helpers() {
    for flags in [
        &["-Copt-level=0"][..],
        &[
            "-Copt-level=0",
            "-Csymbol-mangling-version=legacy",
            UNSTABLE,
        ],
        &["-Copt-level=3"],
    ] {
        let work = Work::new();
        let mut rust = Rust::new(&work, flags);
        rust.rlib("registry", REGISTRY_WITH_STD);
        rust.rlib("helped", HELPED);
        let mut instance = rust.instance(
            r#"
            extern crate helped as _;
            registry::export_plugins!();
            "#,
        );
        let ten = [("closure", 110), ("function", 13), ("nested", 56)];
        assert_eq!(entries(&mut instance, "plugins"), owned(&ten), "{flags:?}");
        let then = [("closure", 120), ("function", 14), ("nested", 57)];
        assert_eq!(entries(&mut instance, "plugins"), owned(&then), "{flags:?}");
    }
}

/// Like [`REGISTRY`], for crates that use `std`.
const REGISTRY_WITH_STD: &str = r#"
    pub struct Plugin { pub name: &'static str, pub run: fn(i32) -> i32 }
    pub fn plugins() -> &'static [Plugin] {
        unsafe extern "C" {
            static __start_PLUGINS: [Plugin; 0];
            static __stop_PLUGINS: [Plugin; 0];
        }
        // SAFETY: the linker makes one array of the entries, which all have this type.
        unsafe {
            let start = (&raw const __start_PLUGINS).cast::<Plugin>();
            let stop = (&raw const __stop_PLUGINS).cast::<Plugin>();
            std::slice::from_raw_parts(start, stop.offset_from(start) as usize)
        }
    }
    #[macro_export]
    macro_rules! export_plugins {
        () => {
            #[unsafe(no_mangle)]
            extern "C" fn plugins() -> usize { registry::plugins().len() }
            #[unsafe(no_mangle)]
            extern "C" fn plugins_name(index: usize) -> *const u8 {
                registry::plugins()[index].name.as_ptr()
            }
            #[unsafe(no_mangle)]
            extern "C" fn plugins_name_length(index: usize) -> usize {
                registry::plugins()[index].name.len()
            }
            #[unsafe(no_mangle)]
            extern "C" fn plugins_run(index: usize, n: i32) -> i32 {
                let plugin = registry::plugins().get(index);
                let plugin = plugin.unwrap_or_else(|| panic!("there is no plugin {index}"));
                (plugin.run)(n)
            }
        };
    }
"#;

const HELPED: &str = r#"
    mod __link_section__PLUGINS {
        use registry::Plugin;
        use std::cell::Cell;
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

        thread_local! {
            static CALLS: Cell<i32> = Cell::new("abc".parse().unwrap_or(50));
        }
        struct Count;
        impl Count {
            #[inline(never)]
            fn up(&self) -> i32 {
                static COUNT: AtomicI32 = AtomicI32::new(3);
                COUNT.fetch_add(1, Relaxed)
            }
        }

        #[used]
        static FUNCTION: Plugin = Plugin { name: "function", run: |n| n + Count.up() };
        #[used]
        static CLOSURE: Plugin = Plugin {
            name: "closure",
            run: |n| {
                static SUM: AtomicI32 = AtomicI32::new(100);
                SUM.fetch_add(n, Relaxed);
                SUM.load(Relaxed)
            },
        };
        #[used]
        static NESTED: Plugin = Plugin {
            name: {
                static INNER: Plugin = Plugin { name: "nested", run: |n| n };
                INNER.name
            },
            run: |_| CALLS.with(|calls| {
                static LAZY: LazyLock<String> = LazyLock::new(|| format!("{}", 6));
                calls.set(calls.get() + 1);
                calls.get() - 1 + LAZY.parse::<i32>().unwrap_or(0)
            }),
        };
    }
"#;

/// Types with parameters, functions with parameters, read by a function with parameters.
#[test]
fn generic_code_registers_and_reads() {
    for flags in [&["-Copt-level=0"][..], &["-O", "-Clto=fat"]] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &["-Cembed-bitcode=yes"]).with(flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib(
            "handlers",
            r#"
            #![no_std]
            pub struct Handler<T: 'static> { pub input: T, pub run: fn(T) -> i32 }
            pub trait Registered: Sized + 'static { fn all() -> &'static [Self]; }
            impl Registered for Handler<u8> {
                fn all() -> &'static [Self] { registry::section!(__start_BYTES..__stop_BYTES: Handler<u8>) }
            }
            impl Registered for Handler<u64> {
                fn all() -> &'static [Self] { registry::section!(__start_LONGS..__stop_LONGS: Handler<u64>) }
            }
            pub fn double<T: Copy + core::ops::Add<Output = T> + TryInto<i32>>(n: T) -> i32 {
                (n + n).try_into().unwrap_or(-1)
            }
            pub fn sum<T: Copy>() -> i32 where Handler<T>: Registered {
                Handler::<T>::all().iter().map(|handler| (handler.run)(handler.input)).sum()
            }
            mod __link_section__BYTES {
                use super::{Handler, double};
                #[used]
                static A: Handler<u8> = Handler { input: 5, run: double };
                #[used]
                static B: Handler<u8> = Handler { input: 20, run: double::<u8> };
            }
            "#,
        );
        let mut instance = rust.instance(
            r#"
            #![no_std]
            use handlers::{Handler, double, sum};
            mod __link_section__LONGS {
                #[used]
                static A: super::Handler<u64> = super::Handler { input: 1000, run: super::double };
            }
            #[unsafe(no_mangle)]
            extern "C" fn bytes() -> i32 { sum::<u8>() }
            #[unsafe(no_mangle)]
            extern "C" fn longs() -> i32 { sum::<u64>() }
            "#,
        );
        assert_eq!(instance.call("bytes", &[]), 50, "{flags:?}");
        assert_eq!(instance.call("longs", &[]), 2000, "{flags:?}");
    }
}

/// rustc reuses what did not change.
#[test]
fn incremental_builds_follow_edits() {
    let work = Work::new();
    let incremental = format!("-Cincremental={}", work.file("incremental").display());
    let mut rust = Rust::new(&work, &[incremental]);
    rust.rlib("registry", REGISTRY);
    rust.rlib("alpha", ALPHA);
    rust.rlib("beta", BETA);
    let before = entries(&mut rust.instance(PROGRAM), "plugins");
    assert_eq!(before.len(), 17);

    let edited = ALPHA
        .replace("\"alpha::module\"", "\"alpha::renamed\"")
        .replace(
            "register! { one 11, two 12,",
            "register! { first 11, second 30, third 40,",
        );
    rust.rlib("alpha", &edited);
    let mut instance = rust.instance(PROGRAM);
    let mut after = before;
    after.retain(|(name, _)| !["alpha::module", "alpha::one", "alpha::two"].contains(&&**name));
    after.extend(owned(&[
        ("alpha::renamed", 12),
        ("alpha::first", 21),
        ("alpha::second", 40),
        ("alpha::third", 50),
    ]));
    after.sort();
    assert_eq!(entries(&mut instance, "plugins"), after);
    assert_eq!(numbers(&mut instance).len(), 8);
}

/// 1,000 entries: only the code that reads them is another.
#[test]
fn an_array_costs_what_a_hand_written_one_costs() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O", "-Cstrip=symbols"]);
    rust.rlib("registry", REGISTRY);
    let plugin = |n| format!("registry::Plugin {{ name: \"plugin {n}\", run: |n| n * {n} }}");
    let gathered: String = (1000..2000)
        .map(|n| {
            let plugin = plugin(n);
            format!("mod m{n} {{ mod __link_section__PLUGINS {{ #[used] static P: registry::Plugin = {plugin}; }} }}\n")
        })
        .collect();
    let gathered = format!("registry::export_plugins!();\n{gathered}");
    let written: Vec<String> = (1000..2000).map(plugin).collect();
    let written = format!(
        "registry::export_plugins!(&PLUGINS);
        static PLUGINS: [registry::Plugin; 1000] = [{}];",
        written.join(",\n")
    );
    let [gathered, written] = [gathered, written].map(|source| {
        rust.program("program", &format!("#![no_std]\n{source}"))
            .silent()
    });
    let (size, least) = (gathered.len(), written.len());
    assert!(
        size < least + 100,
        "{size} bytes, {least} of a written array"
    );
    let [gathered, written] =
        [gathered, written].map(|module| entries(&mut Instance::new(&module), "plugins"));
    assert_eq!(gathered.len(), 1000);
    assert_eq!(gathered, written);
}

/// The example as a user builds it: by cargo, which is told of the linker in `.cargo/config.toml`.
#[test]
fn the_example_builds_by_cargo_in_every_profile() {
    let work = Work::new();
    let expected = sorted(include_str!("../examples/plugins/expected.txt"));
    for profile in [
        &["dev"][..],
        &["release"],
        &["release", "profile.release.lto=\"fat\""],
    ] {
        let module = build_example(&work, profile[0], &profile[1..]);
        let printed = work.run(tool("WSL_NODE"), [&example().join("run.mjs"), &module]);
        assert_eq!(sorted(&printed), expected, "{profile:?}");
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort();
    lines
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/plugins")
}

/// Builds the example in that profile, changed by those settings.
fn build_example(work: &Work, profile: &str, settings: &[&str]) -> PathBuf {
    let mut path = vec![linker().parent().expect("a directory").to_owned()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut cargo = cargo();
    for setting in settings {
        cargo.args(["--config", setting]);
    }
    let status = cargo
        .args(["build", "--quiet", "--locked", "--profile", profile])
        .current_dir(example())
        .env("PATH", std::env::join_paths(path).expect("a PATH"))
        .env("CARGO_TARGET_DIR", work.path())
        .env("CC_wasm32_unknown_unknown", tool("WSL_CLANG"))
        .env("AR_wasm32_unknown_unknown", tool("WSL_AR"))
        .status()
        .expect("a cargo that runs");
    assert!(status.success(), "{profile} {settings:?}");
    let directory = if profile == "dev" { "debug" } else { profile };
    work.file(TARGET).join(directory).join("app.wasm")
}
