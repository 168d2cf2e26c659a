//! "What is an entry", marks that tell the section by reference: for macros that do not know the
//! type of a value, such as `inventory::submit!`.

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
            "is marked as an entry whose section is told by reference",
            "but it points to 0 functions that tell one",
            "a component `__link_section_of__NAME`",
        ],
    );
}

#[test]
fn an_entry_that_tells_two_sections() {
    let message = refused("[fn(); 2] = [super::__link_section_of__A, super::__link_section_of__B]");
    says(&message, &["but it points to 2 functions that tell one"]);
}
