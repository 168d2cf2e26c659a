//! Every type of static that Rust has, as an entry.

use crate::rust::{REGISTRY, entries, numbers, owned};
use crate::support::{Instance, Rust, Work};

/// A registry of what can change, and the crate that registers two.
const COUNTERS: &str = r#"
    #![no_std]
    use core::cell::Cell;
    use core::sync::atomic::AtomicU32;
    pub struct Counter { pub hits: AtomicU32, pub last: Cell<u32> }
    // SAFETY: there is one thread.
    unsafe impl Sync for Counter {}
    impl Counter {
        pub const fn new(hits: u32) -> Self {
            Self { hits: AtomicU32::new(hits), last: Cell::new(0) }
        }
    }
    pub fn counters() -> &'static [Counter] {
        registry::section!(__start_COUNTERS..__stop_COUNTERS: Counter)
    }
    pub use __link_section__COUNTERS::*;
    mod __link_section__COUNTERS {
        #[used]
        pub static ZERO: super::Counter = super::Counter::new(0);
        #[used]
        pub static SEVEN: super::Counter = super::Counter::new(7);
    }
    #[inline(never)]
    pub fn seven_here() -> *const Counter { &raw const SEVEN }
"#;

/// With bitcode, for when `flags` ask for LTO.
fn ready_for_lto<'w>(work: &'w Work, flags: &[&str]) -> Rust<'w> {
    Rust::new(work, &["-Cembed-bitcode=yes"]).with(flags)
}

/// What is written through the slice is seen through the static, and the other way round.
#[test]
fn entries_can_change() {
    for flags in [&["-Copt-level=0"][..], &["-O"], &["-O", "-Clto=fat"]] {
        let work = Work::new();
        let mut rust = ready_for_lto(&work, flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib("counters", COUNTERS);
        let mut instance = rust.instance(
            r#"
            #![no_std]
            use core::sync::atomic::Ordering::Relaxed;
            use counters::{SEVEN, ZERO, counters};
            #[unsafe(no_mangle)]
            extern "C" fn hit_by_static() { SEVEN.hits.fetch_add(1, Relaxed); ZERO.last.set(55); }
            #[unsafe(no_mangle)]
            extern "C" fn hit_by_slice(n: u32) {
                for counter in counters() {
                    counter.hits.fetch_add(n, Relaxed);
                    counter.last.set(counter.last.get() + n);
                }
            }
            #[unsafe(no_mangle)]
            extern "C" fn by_slice() -> u32 {
                counters().iter().map(|c| c.hits.load(Relaxed) * 1000 + c.last.get()).sum()
            }
            #[unsafe(no_mangle)]
            extern "C" fn zero() -> u32 { ZERO.hits.load(Relaxed) * 1000 + ZERO.last.get() }
            #[unsafe(no_mangle)]
            extern "C" fn seven() -> u32 { SEVEN.hits.load(Relaxed) * 1000 + SEVEN.last.get() }
            "#,
        );
        assert_eq!(instance.call("by_slice", &[]), 7000, "{flags:?}");
        instance.call("hit_by_static", &[]);
        assert_eq!(instance.call("by_slice", &[]), 8055, "{flags:?}");
        instance.call("hit_by_slice", &[2]);
        assert_eq!(instance.call("zero", &[]), 2057, "{flags:?}");
        assert_eq!(instance.call("seven", &[]), 10002, "{flags:?}");
    }
}

/// A static that is named by its path has the address that it has in the array, in its own crate
/// and in others.
#[test]
fn an_entry_is_the_static_itself() {
    for flags in [&["-Copt-level=0"][..], &["-O"], &["-O", "-Clto=thin"]] {
        let work = Work::new();
        let mut rust = ready_for_lto(&work, flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib("counters", COUNTERS);
        let mut instance = rust.instance(
            r#"
            #![no_std]
            mod __link_section__COUNTERS {
                #[used]
                pub static PRIVATE: counters::Counter = counters::Counter::new(9);
            }
            #[unsafe(no_mangle)]
            extern "C" fn private() -> *const counters::Counter {
                &raw const __link_section__COUNTERS::PRIVATE
            }
            #[unsafe(no_mangle)]
            extern "C" fn here() -> *const counters::Counter { &raw const counters::SEVEN }
            #[unsafe(no_mangle)]
            extern "C" fn zero() -> *const counters::Counter { &raw const counters::ZERO }
            #[unsafe(no_mangle)]
            extern "C" fn there() -> *const counters::Counter { counters::seven_here() }
            #[unsafe(no_mangle)]
            extern "C" fn in_array(index: usize) -> *const counters::Counter {
                &raw const counters::counters()[index]
            }
            #[unsafe(no_mangle)]
            extern "C" fn count() -> usize { counters::counters().len() }
            "#,
        );
        assert_eq!(instance.call("count", &[]), 3, "{flags:?}");
        let mut in_array = [0, 1, 2].map(|index| instance.call("in_array", &[index]));
        let mut by_path = ["zero", "here", "private"].map(|name| instance.call(name, &[]));
        assert_eq!(instance.call("there", &[]), by_path[1], "{flags:?}");
        in_array.sort();
        by_path.sort();
        assert_eq!(by_path, in_array, "{flags:?}");
    }
}

/// `.bss`: an array of zeros is not in the module's bytes, and can be written.
#[test]
fn entries_of_zeros_only() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    let linked = rust.program(
        "program",
        r#"
        #![no_std]
        use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
        mod __link_section__ZEROS {
            use core::sync::atomic::AtomicU32;
            #[used]
            static ONE: AtomicU32 = AtomicU32::new(0);
            #[used]
            static MANY: [AtomicU32; 20_000] = [const { AtomicU32::new(0) }; 20_000];
        }
        fn zeros() -> &'static [AtomicU32] {
            registry::section!(__start_ZEROS..__stop_ZEROS: AtomicU32)
        }
        #[unsafe(no_mangle)]
        extern "C" fn zeros_sum() -> u32 { zeros().iter().map(|n| n.load(Relaxed)).sum() }
        #[unsafe(no_mangle)]
        extern "C" fn count_up() -> usize {
            zeros().iter().for_each(|n| { n.fetch_add(1, Relaxed); });
            zeros().len()
        }
        "#,
    );
    let module = linked.silent();
    assert!(module.len() < 10_000, "{} bytes", module.len());
    let mut instance = Instance::new(&module);
    assert_eq!(instance.call("zeros_sum", &[]), 0);
    assert_eq!(instance.call("count_up", &[]), 20_001);
    assert_eq!(instance.call("zeros_sum", &[]), 20_001);
}

/// Entries without a size declare the section: it is there, and empty.
#[test]
fn zero_sized_entries_make_an_empty_section() {
    for opt_level in ["-Copt-level=0", "-Copt-level=3"] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &[opt_level]);
        rust.rlib("registry", REGISTRY);
        let mut instance = rust.instance(
            r#"
            #![no_std]
            mod __link_section__PLUGINS {
                #[used]
                static DECLARED: [registry::Plugin; 0] = [];
            }
            #[used]
            #[unsafe(export_name = "__link_section__NUMBERS$$declared")]
            static UNIT: () = ();
            registry::export_plugins!();
            registry::export_numbers!();
            "#,
        );
        assert_eq!(entries(&mut instance, "plugins"), owned(&[]));
        assert_eq!(numbers(&mut instance), [0_i32; 0]);
    }
}

/// ... and beside entries that have a size they do not count.
#[test]
fn zero_sized_entries_take_no_room_among_others() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    let mut instance = rust.instance(
        r#"
        #![no_std]
        mod __link_section__NUMBERS {
            #[used]
            static A: u32 = 1;
            #[used]
            static DECLARED: [u32; 0] = [];
            #[used]
            static B: u32 = 2;
        }
        registry::export_numbers!();
        "#,
    );
    assert_eq!(numbers(&mut instance), [1, 2]);
}

#[test]
fn over_aligned_entries_are_aligned_and_an_array() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    rust.rlib(
        "lines",
        r#"
        #![no_std]
        #[repr(align(64))]
        pub struct Line(pub u8);
        mod __link_section__LINES {
            #[used]
            static A: super::Line = super::Line(1);
            #[used]
            static B: [super::Line; 2] = [super::Line(2), super::Line(3)];
        }
        "#,
    );
    let mut instance = rust.instance(
        r#"
        #![no_std]
        mod __link_section__LINES {
            #[used]
            static A: lines::Line = lines::Line(4);
        }
        // An array before it in memory, of an odd size.
        mod __link_section__BYTES {
            #[used]
            static A: u8 = 5;
        }
        #[unsafe(no_mangle)]
        extern "C" fn byte() -> u8 { registry::section!(__start_BYTES..__stop_BYTES: u8)[0] }
        fn lines() -> &'static [lines::Line] {
            registry::section!(__start_LINES..__stop_LINES: lines::Line)
        }
        #[unsafe(no_mangle)]
        extern "C" fn numbers() -> usize { lines().len() }
        #[unsafe(no_mangle)]
        extern "C" fn number(index: usize) -> u32 { lines()[index].0.into() }
        #[unsafe(no_mangle)]
        extern "C" fn address() -> usize { lines().as_ptr().addr() }
        "#,
    );
    assert_eq!(numbers(&mut instance), [1, 2, 3, 4]);
    assert_eq!(instance.call("address", &[]) % 64, 0);
    assert_eq!(instance.call("byte", &[]), 5);
}

/// The function that an entry points to may be the host's, and be used nowhere else.
#[test]
fn entries_point_to_imported_functions() {
    for flags in [&["-Copt-level=0"][..], &["-O"], &["-O", "-Clto=fat"]] {
        let work = Work::new();
        let mut rust = ready_for_lto(&work, flags);
        rust.rlib("registry", REGISTRY);
        rust.rlib(
            "imports",
            r#"
            #![no_std]
            #[link(wasm_import_module = "host")]
            unsafe extern "C" {
                safe fn twice(n: i32) -> i32;
                #[link_name = "three times"]
                safe fn thrice(n: i32) -> i32;
            }
            pub struct Import { pub run: extern "C" fn(i32) -> i32 }
            mod __link_section__IMPORTS {
                #[used]
                static TWICE: super::Import = super::Import { run: super::twice };
                #[used]
                static THRICE: super::Import = super::Import { run: super::thrice };
            }
            "#,
        );
        let module = rust
            .program(
                "program",
                r#"
                #![no_std]
                fn imports() -> &'static [imports::Import] {
                    registry::section!(__start_IMPORTS..__stop_IMPORTS: imports::Import)
                }
                #[unsafe(no_mangle)]
                extern "C" fn numbers() -> usize { imports().len() }
                #[unsafe(no_mangle)]
                extern "C" fn number(index: usize) -> i32 { (imports()[index].run)(7) }
                "#,
            )
            .silent();
        let mut instance = Instance::with_host(&module, |name, arguments| match name {
            "twice" => 2 * arguments[0],
            "three times" => 3 * arguments[0],
            other => panic!("{other} is called"),
        });
        assert_eq!(numbers(&mut instance), [14, 21], "{flags:?}");
    }
}

/// Entries may point to each other, to themselves and to statics of other crates.
#[test]
fn entries_point_to_entries() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-O"]);
    rust.rlib("registry", REGISTRY);
    rust.rlib(
        "nodes",
        r#"
        #![no_std]
        pub struct Node { pub value: i32, pub next: Option<&'static Node> }
        pub mod __link_section__NODES {
            use super::Node;
            #[used]
            pub static LAST: Node = Node { value: 1, next: None };
            #[used]
            static FIRST: Node = Node { value: 2, next: Some(&LAST) };
            #[used]
            static RING: Node = Node { value: 3, next: Some(&RING) };
        }
        "#,
    );
    let mut instance = rust.instance(
        r#"
        #![no_std]
        use nodes::{Node, __link_section__NODES::LAST};
        #[used]
        #[unsafe(export_name = "__link_section__NODES$$program")]
        static HERE: Node = Node { value: 4, next: Some(&LAST) };
        fn nodes() -> &'static [Node] { registry::section!(__start_NODES..__stop_NODES: Node) }
        #[unsafe(no_mangle)]
        extern "C" fn numbers() -> usize { nodes().len() }
        #[unsafe(no_mangle)]
        extern "C" fn number(index: usize) -> i32 {
            let node = &nodes()[index];
            // In the array, wherever that is.
            let next = node.next.filter(|next| nodes().iter().any(|node| core::ptr::eq(node, *next)));
            node.value * 10 + next.map_or(0, |next| next.value)
        }
        "#,
    );
    assert_eq!(numbers(&mut instance), [10, 21, 33, 41]);
}

/// Two crates that differ by their names alone.
#[test]
fn crates_may_register_the_same() {
    for opt_level in ["-Copt-level=0", "-Copt-level=3"] {
        let work = Work::new();
        let mut rust = Rust::new(&work, &[opt_level]);
        rust.rlib("registry", REGISTRY);
        for name in ["one", "two"] {
            rust.rlib(
                name,
                r#"
                #![no_std]
                mod __link_section__PLUGINS {
                    #[used]
                    static A: registry::Plugin = registry::Plugin { name: "same", run: |n| n + 1 };
                }
                "#,
            );
        }
        let mut instance = rust.instance(
            r#"
            #![no_std]
            extern crate one as _;
            extern crate two as _;
            registry::export_plugins!();
            "#,
        );
        let same = [("same", 11), ("same", 11)];
        assert_eq!(entries(&mut instance, "plugins"), owned(&same));
    }
}
