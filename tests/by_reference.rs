//! "What is an entry", marks that tell the section by reference: for macros that do not know the
//! type of a value, such as `inventory::submit!`.

use crate::support::module::contains;
use crate::support::refusal::says;
use crate::support::rust::UNSTABLE;
use crate::support::{Rust, Work};

/// A registry by type: each type has a function that names its section.
const REGISTRY: &str = r#"
    pub trait Collected: Sized + 'static {
        const SECTION: fn() -> &'static [Node];
    }

    #[repr(C)]
    pub struct Node(pub fn() -> &'static [Node], pub *const ());
    unsafe impl Sync for Node {}

    pub const fn node<T: Collected>(value: &'static T) -> Node {
        Node(T::SECTION, value as *const T as *const ())
    }

    #[macro_export]
    macro_rules! collect {
        ($ty:ty, $of:ident, $start:ident, $stop:ident) => {
            unsafe extern "C" {
                static $start: [$crate::Node; 0];
                static $stop: [$crate::Node; 0];
            }
            fn $of() -> &'static [$crate::Node] {
                let (start, stop) = (&raw const $start, &raw const $stop);
                let count = (stop.addr() - start.addr()) / size_of::<$crate::Node>();
                unsafe { core::slice::from_raw_parts(start.cast(), count) }
            }
            impl $crate::Collected for $ty {
                const SECTION: fn() -> &'static [$crate::Node] = $of;
            }
        };
    }

    pub fn sum<T: Collected + Copy + Into<u32>>() -> u32 {
        T::SECTION().iter().map(|node| unsafe { *node.1.cast::<T>() }.into()).sum()
    }

    #[macro_export]
    macro_rules! submit {
        ($value:expr) => {
            const _: () = {
                fn __link_section_by_reference__() {
                    #[used]
                    static NODE: $crate::Node = $crate::node(&$value);
                }
            };
        };
    }

    #[derive(Clone, Copy)] pub struct A(pub u32);
    #[derive(Clone, Copy)] pub struct B(pub u32);
    impl From<A> for u32 { fn from(a: A) -> u32 { a.0 } }
    impl From<B> for u32 { fn from(b: B) -> u32 { b.0 } }
    collect!(A, __link_section_of__A, __start_A, __stop_A);
    collect!(B, __link_section_of__B, __start_B, __stop_B);
"#;

#[test]
fn each_entry_is_in_the_section_of_its_type() {
    let flags: [&[&str]; 5] = [
        &[],
        &["-Copt-level=3"],
        &["-Copt-level=3", "-Clto=fat"],
        &["-Copt-level=s", "-Clto=thin"],
        &["-Csymbol-mangling-version=legacy", UNSTABLE],
    ];
    for flags in flags {
        let work = Work::new();
        let mut rust = Rust::new(&work, flags).with(&["-Adead-code"]);
        rust.rlib("registry", REGISTRY);
        rust.rlib(
            "entries",
            "use registry::*; submit!(A(1)); submit!(B(10)); submit!(A(2)); submit!(B(20));",
        );
        let mut instance = rust.instance(
            r#"
            extern crate entries;
            use registry::*;
            submit!(A(4));
            #[unsafe(no_mangle)] extern "C" fn a() -> u32 { sum::<A>() }
            #[unsafe(no_mangle)] extern "C" fn b() -> u32 { sum::<B>() }
            "#,
        );
        assert_eq!(instance.call("a", &[]), 7, "{flags:?}");
        assert_eq!(instance.call("b", &[]), 30, "{flags:?}");
    }
}

/// The values of a type in a row. One without size has no bytes to be there, so its nodes are.
const VALUES: &str = r#"
    pub trait Collected: Sized + 'static {
        const SECTION: fn() -> &'static [Self];
    }

    #[repr(C)]
    pub struct Node<T: 'static> { pub of: fn() -> &'static [T], pub value: &'static T }

    #[macro_export]
    macro_rules! collect {
        ($ty:ty, $of:ident, $mark:ident, $start:ident, $stop:ident) => {
            unsafe extern "C" {
                static $start: [$ty; 0];
                static $stop: [$ty; 0];
            }
            fn $of() -> &'static [$ty] {
                let (start, stop) = (&raw const $start, &raw const $stop);
                let bytes = stop.addr() - start.addr();
                let count = bytes / if size_of::<$ty>() == 0 { 8 } else { size_of::<$ty>() };
                unsafe { core::slice::from_raw_parts(start.cast(), count) }
            }
            fn $mark() {
                #[used]
                static NONE: [u8; 0] = [];
            }
            impl $crate::Collected for $ty {
                const SECTION: fn() -> &'static [$ty] = $of;
            }
        };
    }

    #[macro_export]
    macro_rules! submit {
        ($ty:ty, $value:expr) => {
            const _: () = {
                fn __link_section_by_reference__() {
                    #[used]
                    static NODE: $crate::Node<$ty> = {
                        // What depends on a variable is no constant that the compiler may share.
                        let unit = ();
                        $crate::Node {
                            of: <$ty as $crate::Collected>::SECTION,
                            value: &{ let () = unit; $value },
                        }
                    };
                }
            };
        };
    }

    #[derive(Clone, Copy)]
    pub struct Text(pub &'static str, pub fn() -> u32);
    #[derive(Clone, Copy)]
    #[repr(align(32))]
    pub struct Aligned(pub u8);
    #[derive(Clone, Copy)]
    pub struct Odd(pub [u8; 3]);
    #[derive(Clone, Copy)]
    pub struct Unit;
    collect!(Text, __link_section_of_values__T, __link_section__T, __start_T, __stop_T);
    collect!(Aligned, __link_section_of_values__A, __link_section__A, __start_A, __stop_A);
    collect!(Odd, __link_section_of_values__O, __link_section__O, __start_O, __stop_O);
    collect!(Unit, __link_section_of_values__U, __link_section__U, __start_U, __stop_U);
"#;

const SUBMITTED: &str = r#"
    use values::*;
    fn one() -> u32 { 1 }
    fn two() -> u32 { 2 }
    submit!(Text, Text("a", one));
    submit!(Text, Text("a", one));
    submit!(Text, Text("bc", two));
    submit!(Aligned, Aligned(1));
    submit!(Aligned, Aligned(1));
    submit!(Odd, Odd([1, 2, 3]));
    submit!(Odd, Odd([0; 3]));
    submit!(Odd, Odd([0; 3]));
    submit!(Unit, Unit);
    submit!(Unit, Unit);
"#;

/// Every value once for each submission, whatever the compiler knows to be equal.
#[test]
fn values_are_in_a_row() {
    let flags: [&[&str]; 6] = [
        &[],
        &["-Copt-level=3"],
        &["-Copt-level=3", "-Clto=fat"],
        &["-Copt-level=s", "-Clto=thin"],
        &["-Copt-level=3", "-Csymbol-mangling-version=v0"],
        &["-Csymbol-mangling-version=legacy", UNSTABLE],
    ];
    let program = r#"
        extern crate submitted;
        use values::*;
        submit!(Text, Text("def", three));
        fn three() -> u32 { 3 }
        fn all<T: Collected>() -> &'static [T] { T::SECTION() }
        #[unsafe(no_mangle)] extern "C" fn texts() -> u32 {
            all::<Text>().iter().map(|t| t.0.len() as u32 * 10 + t.1()).sum()
        }
        #[unsafe(no_mangle)] extern "C" fn aligned() -> u32 {
            assert!(all::<Aligned>().iter().all(|a| (a as *const Aligned).addr() % 32 == 0));
            all::<Aligned>().iter().map(|a| u32::from(a.0)).sum()
        }
        #[unsafe(no_mangle)] extern "C" fn odd() -> u32 {
            all::<Odd>().iter().flat_map(|o| o.0).map(u32::from).sum::<u32>() * 10
                + all::<Odd>().len() as u32
        }
        #[unsafe(no_mangle)] extern "C" fn units() -> u32 { all::<Unit>().len() as u32 }
        #[unsafe(no_mangle)] extern "C" fn bytes() -> u32 {
            size_of_val(all::<Text>()) as u32
        }
    "#;
    for flags in flags {
        let work = Work::new();
        let mut rust = Rust::new(&work, flags).with(&["-Adead-code"]);
        rust.rlib("values", VALUES);
        rust.rlib("submitted", SUBMITTED);
        let mut instance = rust.instance(program);
        let called = ["texts", "aligned", "odd", "units", "bytes"].map(|f| instance.call(f, &[]));
        assert_eq!(called, [77, 2, 63, 2, 4 * 12], "{flags:?}");
    }
}

/// A node is nowhere in the module, and what no code reads is not there at all.
#[test]
fn nodes_of_values_leave_nothing() {
    let work = Work::new();
    let mut rust = Rust::new(&work, &["-Copt-level=3", "-Cstrip=symbols"]).with(&["-Adead-code"]);
    rust.rlib("values", VALUES);
    rust.rlib(
        "submitted",
        &SUBMITTED.replace("\"a\"", "\"a text of a value\""),
    );
    let size = |reader: &str| {
        let program = format!("extern crate submitted;\n{reader}");
        let module = rust.program("program", &program).silent();
        (module.len(), contains(&module, "a text of a value"))
    };
    let (without, is_there) = size("#[unsafe(no_mangle)] extern \"C\" fn f() -> u32 { 0 }");
    assert!(!is_there);
    let (with, is_there) = size(
        "#[unsafe(no_mangle)] extern \"C\" fn f() -> u32 {
            <values::Odd as values::Collected>::SECTION().len() as u32 }",
    );
    assert!(!is_there);
    // Three values of three bytes, and the function that counts them.
    assert!(with - without < 64, "{without} {with}");
}

/// Of what may change, there can be no second one.
#[test]
fn a_value_of_two_entries() {
    let work = Work::new();
    let source = r#"
        pub fn __link_section_of_values__A() {}
        use core::sync::atomic::AtomicU32;
        static VALUE: AtomicU32 = AtomicU32::new(1);
        mod __link_section_by_reference__ {
            use core::sync::atomic::AtomicU32;
            #[used] static FIRST: (fn(), &AtomicU32) = (super::__link_section_of_values__A, &super::VALUE);
            #[used] static SECOND: (fn(), &AtomicU32) = (super::__link_section_of_values__A, &super::VALUE);
        }
    "#;
    let linked = Rust::new::<&str>(&work, &[]).program("program", source);
    assert_ne!(linked.status, Some(0), "{}", linked.stderr);
    says(&linked.stderr, &["` is the value of two entries"]);
}

/// A compiler may make one constant of equal ones, also where their types differ.
#[test]
fn a_constant_of_two_sections_is_in_both() {
    let work = Work::new();
    let program = r#"
        pub fn __link_section_of_values__A() {}
        pub fn __link_section_of_values__B() { core::hint::black_box(1); }
        mod __link_section_by_reference__ {
            use super::{__link_section_of_values__A as a, __link_section_of_values__B as b};
            #[used] static FIRST: (fn(), &[u8; 3]) = (a, &[1, 2, 3]);
            #[used] static SECOND: (fn(), &[u8; 3]) = (b, &[1, 2, 3]);
            #[used] static THIRD: (fn(), &[u8; 3]) = (b, &[1, 2, 3]);
        }
        unsafe extern "C" {
            static __start_A: u8; static __stop_A: u8; static __start_B: u8; static __stop_B: u8;
        }
        fn sum(start: *const u8, stop: *const u8) -> u32 {
            let length = stop.addr() - start.addr();
            let bytes = unsafe { core::slice::from_raw_parts(start, length) };
            bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>() * 10 + length as u32
        }
        #[unsafe(no_mangle)] fn a() -> u32 { sum(&raw const __start_A, &raw const __stop_A) }
        #[unsafe(no_mangle)] fn b() -> u32 { sum(&raw const __start_B, &raw const __stop_B) }
    "#;
    for level in ["-Copt-level=0", "-Copt-level=3"] {
        let mut instance = Rust::new(&work, &[level]).instance(program);
        assert_eq!(instance.call("a", &[]), 63, "{level}");
        assert_eq!(instance.call("b", &[]), 126, "{level}");
    }
}

/// What people see in a debugger says nothing of it, and code that would see something else is refused.
#[test]
fn who_refers_to_a_node() {
    let program = |body: &str| {
        format!(
            r#"
            pub fn __link_section_of_values__A() {{}}
            mod __link_section_by_reference__ {{
                #[used] pub static NODE: (fn(), &u32) = (super::__link_section_of_values__A, &7);
            }}
            use __link_section_by_reference__::NODE;
            unsafe extern "C" {{ static __start_A: u32; }}
            #[unsafe(no_mangle)] fn value() -> u32 {{ {body} }}
            "#
        )
    };
    let work = Work::new();
    let rust = Rust::new(&work, &["-Cdebuginfo=2"]).with(&["-Aunused-imports"]);
    let mut instance = rust.instance(&program("unsafe { __start_A }"));
    assert_eq!(instance.call("value", &[]), 7);
    let reader = program("core::hint::black_box(&NODE).1 + unsafe { __start_A }");
    let linked = rust.program("program", &reader);
    assert_ne!(linked.status, Some(0), "{}", linked.stderr);
    let message = "` is referred to, but it is in no array: what it points to is";
    says(&linked.stderr, &[message]);
}

#[test]
fn a_value_that_cannot_be_found() {
    for value in ["&super::VALUES[1]", "unsafe { &super::ELSEWHERE }"] {
        let work = Work::new();
        let source = format!(
            r#"
            pub fn __link_section_of_values__A() {{}}
            static VALUES: [u32; 2] = [1, 2];
            unsafe extern "C" {{ static ELSEWHERE: u32; }}
            mod __link_section_by_reference__ {{
                #[used] static NODE: (fn(), &u32) = (super::__link_section_of_values__A, {value});
            }}
            "#
        );
        let linked = Rust::new(&work, &["-Adead-code"]).program("program", &source);
        assert_ne!(linked.status, Some(0), "{}", linked.stderr);
        says(
            &linked.stderr,
            &[
                "NODE",
                "must point to exactly one value that the same object defines",
            ],
        );
    }
}

fn refused(entry: &str) -> String {
    let work = Work::new();
    let source = format!(
        r#"
        pub fn __link_section_of__A() {{}}
        pub fn __link_section_of__B() {{ core::hint::black_box(1); }}
        mod __link_section_by_reference__ {{ #[used] static NODE: {entry}; }}
        "#
    );
    let linked = Rust::new::<&str>(&work, &[]).program("program", &source);
    assert_ne!(linked.status, Some(0), "{}", linked.stderr);
    linked.stderr
}

#[test]
fn an_entry_that_tells_no_section() {
    let message = refused("u32 = 1");
    says(
        &message,
        &[
            "must point to exactly one `__link_section_of__NAME` function; found 0",
            "a component `__link_section_of__NAME`",
        ],
    );
}

#[test]
fn an_entry_that_tells_two_sections() {
    let message = refused("[fn(); 2] = [super::__link_section_of__A, super::__link_section_of__B]");
    says(&message, &["found 2"]);
}
