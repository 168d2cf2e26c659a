//! Where a static may be that a marked module makes an entry, by what it is in, whether it is `#[used]`,
//! and whether its value has an allocation of its own: the same entries under both manglings, by stable
//! and by nightly compilers.

use crate::support::module::contains_bytes;
use crate::support::refusal::says;
use crate::support::rust::UNSTABLE;
use crate::support::{Instance, Rust, Work};

/// When a static is an entry.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// It is in the module itself.
    Always,
    /// It is further down.
    Used,
    /// It is elsewhere, and something there speaks of the module.
    Never,
}
use When::{Always, Never, Used};

/// What is in a module `__link_section__TABLE`, with `$S` for the static `S`; what refers to that static
/// from the module around it; and what else is there, or is in a module beside it.
///
/// In the module around it are `Foo`, `G<CHARACTER, T>`, and the traits `Tr` and `Local`.
const PLACES: &[(&str, When, &str, &str)] = &[
    ("module", Always, "$S", "r(&m::S)"),
    (
        "module of a macro",
        Always,
        "macro_rules! make { ($i:item) => { $i } } make! { $S }",
        "r(&m::S)",
    ),
    (
        "key",
        Always,
        "pub mod __link_order__b { use super::*; $S }",
        "r(&m::__link_order__b::S)",
    ),
    (
        "nested module",
        Used,
        "pub mod inner { use super::*; $S }",
        "r(&m::inner::S)",
    ),
    ("fn", Used, "pub fn f() { $S r(&S) }", "m::f()"),
    (
        "generic fn",
        Used,
        "pub fn f<T>() { $S r(&S) }",
        "m::f::<Foo>()",
    ),
    (
        "fn of a macro",
        Used,
        "macro_rules! make { ($n:ident) => { pub fn $n() { $S r(&S) } } } make!(f);",
        "m::f()",
    ),
    (
        "closure",
        Used,
        "pub fn f() { let c = || { $S r(&S) }; c() }",
        "m::f()",
    ),
    (
        "closure of a constant",
        Used,
        "pub const C: fn() = || { $S r(&S) };",
        "m::C()",
    ),
    ("constant", Used, "pub const C: &E = { $S &S };", "r(m::C)"),
    (
        "constant without a name",
        Used,
        "pub trait Gives { fn gives(&self); }
         const _: () = { $S impl Gives for super::Foo { fn gives(&self) { r(&S) } } };",
        "m::Gives::gives(&Foo)",
    ),
    (
        "const block",
        Used,
        "pub fn f() { r(const { $S &S }) }",
        "m::f()",
    ),
    (
        "length of an array",
        Used,
        "pub fn f() { r(&[0; { $S r_at_compile_time(&S) }]) }",
        "",
    ),
    (
        "inherent impl of another's type",
        Used,
        "impl super::Foo { pub fn f() { $S r(&S) } }",
        "Foo::f()",
    ),
    (
        "inherent impl",
        Used,
        "pub struct Own; impl Own { pub fn f() { $S r(&S) } }",
        "m::Own::f()",
    ),
    (
        "constant of an inherent impl",
        Used,
        "impl super::Foo { pub const C: &E = { $S &S }; }",
        "r(Foo::C)",
    ),
    (
        "impl of another's trait for another's type",
        Used,
        "impl super::Tr for super::Foo { fn t() { $S r(&S) } }",
        "<Foo as Tr>::t()",
    ),
    (
        "impl of another crate's trait for another's type",
        Used,
        "impl Drop for super::Foo { fn drop(&mut self) { $S r(&S) } }",
        "drop(Foo)",
    ),
    (
        "impl of another's trait for the module's type",
        Used,
        "pub struct Own; impl super::Tr for Own { fn t() { $S r(&S) } }",
        "<m::Own as Tr>::t()",
    ),
    (
        "impl of another crate's trait for the module's type",
        Used,
        "pub struct Own; impl Drop for Own { fn drop(&mut self) { $S r(&S) } }",
        "drop(m::Own)",
    ),
    (
        "impl of the module's trait for a type of the language",
        Used,
        "pub trait OwnTr { fn t(); } impl OwnTr for [u8] { fn t() { $S r(&S) } }",
        "<[u8] as m::OwnTr>::t()",
    ),
    (
        "impl of the module's trait for another's type",
        Used,
        "pub trait OwnTr { fn t(); } impl OwnTr for super::Foo { fn t() { $S r(&S) } }",
        "<Foo as m::OwnTr>::t()",
    ),
    (
        "trait",
        Used,
        "pub trait OwnTr { fn t() { $S r(&S) } } impl OwnTr for super::Foo {}",
        "<Foo as m::OwnTr>::t()",
    ),
    (
        "generic impl",
        Used,
        "impl<T> super::G<'<', T> { pub fn f() { $S r(&S) } }",
        "G::<'<', u8>::f()",
    ),
    (
        "generic impl, closure",
        Used,
        "impl<T> super::G<'>', T> { pub fn f() { let c = || { $S r(&S) }; c() } }",
        "G::<'>', u8>::f()",
    ),
    (
        "generic impl of a trait",
        Used,
        "impl<T> super::Tr for super::G<':', T> { fn t() { $S r(&S) } }",
        "<G<':', u8> as Tr>::t()",
    ),
    (
        "impl of a trait for a function's type",
        Used,
        "impl super::Local<fn() -> u8> for super::Foo { fn l() { $S r(&S) } }",
        "<Foo as Local<fn() -> u8>>::l()",
    ),
    (
        "impl of a trait for a trait object",
        Used,
        "impl super::Tr for dyn super::Local<fn() -> u8> where super::Foo: Sized { fn t() { $S r(&S) } }",
        "",
    ),
    // Beside the module.
    (
        "generic argument",
        Never,
        "pub struct Own; } pub mod beside { use super::*;
         impl Tr for G<'<', m::Own> { fn t() { $S r(&S) } }",
        "<G<'<', m::Own> as Tr>::t()",
    ),
    (
        "inherent impl elsewhere",
        Never,
        "pub struct Own; } pub mod beside { use super::*; impl m::Own { pub fn f() { $S r(&S) } }",
        "m::Own::f()",
    ),
];

/// All places, each with a static that is `#[used]` or not, and with or without an allocation in its value.
struct Table {
    source: String,
    /// The numbers of all statics.
    all: Vec<u32>,
    /// Those of the entries.
    entries: Vec<u32>,
    /// How many are to be kept and are no entries.
    unmarked: usize,
}

/// Told from all else in memory.
const FIRST: u32 = 0x5EED_1000;

fn table() -> Table {
    let (mut modules, mut touch) = (String::new(), String::new());
    let (mut all, mut entries, mut unmarked) = (Vec::new(), Vec::new(), 0);
    for (position, &(name, when, inside, reference)) in PLACES.iter().enumerate() {
        for (used, nested) in [(true, true), (true, false), (false, true), (false, false)] {
            // What nobody can refer to is there only if it is to be kept.
            if reference.is_empty() && !used {
                continue;
            }
            let number = FIRST + all.len() as u32;
            all.push(number);
            if when == Always || (when == Used && used) {
                entries.push(number);
            }
            unmarked += usize::from(when == Never && used);
            let attribute = if used { "#[used]" } else { "" };
            let value = match nested {
                true => format!("&{{ let mut a = [1_u32, 0]; a[1] = {number}; a }}"),
                false => "&[]".to_owned(),
            };
            let item = format!("{attribute} pub static S: E = E({number}, {value});");
            let inside = inside.replace("$S", &item);
            let module = format!("p{position}_{}", all.len());
            modules += &format!(
                "// {name}
                 pub mod {module} {{
                     pub use crate::*;
                     pub use __link_section__TABLE as m;
                     pub struct Foo;
                     pub struct G<const C: char, T>(T);
                     pub trait Tr {{ fn t(); }}
                     pub trait Local<T> {{ fn l() where Self: Sized; }}
                     pub mod __link_section__TABLE {{ use crate::*; {inside} }}
                     pub fn touch() {{ {reference} }}
                 }}\n"
            );
            touch += &format!("{module}::touch();");
        }
    }
    let source = format!(
        "#![no_std]
         #![allow(unused)]
         pub struct E(pub u32, pub &'static [u32]);
         pub fn r<T: ?Sized>(to: &T) {{ core::hint::black_box(to); }}
         pub const fn r_at_compile_time(of: &E) -> usize {{ 1 }}
         {modules}
         unsafe extern \"C\" {{
             #[link_name = \"__start_TABLE\"] safe static START: [E; 0];
             #[link_name = \"__stop_TABLE\"] safe static STOP: [E; 0];
         }}
         #[unsafe(no_mangle)]
         extern \"C\" fn touch() {{ {touch} }}
         #[unsafe(no_mangle)]
         extern \"C\" fn count() -> usize {{
             ((&raw const STOP).addr() - (&raw const START).addr()) / size_of::<E>()
         }}
         #[unsafe(no_mangle)]
         extern \"C\" fn number(at: usize) -> u32 {{
             // SAFETY: the array has that many.
             let E(number, nested) = unsafe {{ &*(&raw const START).cast::<E>().add(at) }};
             match nested {{ [] => *number, [1, same] if same == number => *number, _ => 0 }}
         }}
         #[panic_handler]
         fn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}"
    );
    Table {
        source,
        all,
        entries,
        unmarked,
    }
}

/// The compilers and manglings: what rustc is and will be by default, and what it can be told.
fn columns(work: &Work) -> Vec<(&'static str, Rust<'_>)> {
    let stable = Rust::new::<&str>(work, &[]);
    let nightly = stable.nightly();
    let legacy = ["-Csymbol-mangling-version=legacy", UNSTABLE];
    vec![
        ("stable, legacy", stable.with(&legacy)),
        ("stable, v0", stable.with(&["-Csymbol-mangling-version=v0"])),
        ("nightly", nightly.clone()),
        ("nightly, legacy", nightly.with(&legacy)),
    ]
}

#[test]
fn the_same_entries_in_every_column() {
    let work = Work::new();
    let table = table();
    for (column, rust) in columns(&work) {
        let linked = rust.program("table", &table.source);
        let module = linked.module();
        let mut instance = Instance::new(&module);
        let count = instance.call("count", &[]);
        let mut numbers: Vec<u32> = (0..count)
            .map(|at| instance.call("number", &[at]).cast_unsigned())
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, table.entries, "{column}");
        for number in &table.all {
            let bytes = number.to_le_bytes();
            assert!(
                contains_bytes(&module, &bytes),
                "{column}: {number:x} is not linked"
            );
        }
        let said = linked.stderr.matches("but is not an entry").count();
        assert_eq!(said, table.unmarked, "{column}: {}", linked.stderr);
    }
}

/// The mangling that nightly has by default is not the one that stable has had.
#[test]
fn nightly_stands_for_the_mangling_to_come() {
    let work = Work::new();
    let rust = Rust::new::<&str>(&work, &[]).nightly();
    let object = rust.object("a", "#![no_std] #[used] pub static A: u8 = 1;");
    assert!(contains_bytes(
        &std::fs::read(object).expect("an object"),
        b"_RNvC"
    ));
}

/// Legacy names have `<type as trait>` and no module for an `impl` in the module of its type or its
/// trait: a marked one of the two is taken for the one.
#[test]
fn legacy_names_do_not_tell_where_an_impl_is_of_a_marked_modules_type_for_its_own_modules_trait() {
    let work = Work::new();
    let source = "
        #![no_std] #![allow(unused)]
        pub mod __link_section__TABLE { pub struct Own; #[used] static A: u32 = 1; }
        pub trait Tr { fn t(); }
        impl Tr for __link_section__TABLE::Own { fn t() { #[used] static B: u32 = 2; } }
        unsafe extern \"C\" {
            #[link_name = \"__start_TABLE\"] safe static START: [u32; 0];
            #[link_name = \"__stop_TABLE\"] safe static STOP: [u32; 0];
        }
        #[unsafe(no_mangle)]
        extern \"C\" fn bytes() -> usize { (&raw const STOP).addr() - (&raw const START).addr() }
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }";
    let bytes = |rust: &Rust<'_>| {
        let linked = rust.program("program", source);
        (
            Instance::new(&linked.module()).call("bytes", &[]),
            linked.stderr,
        )
    };
    let columns = columns(&work);
    assert_eq!(bytes(&columns[0].1), (8, String::new()));
    for (_, v0) in &columns[1..3] {
        let (bytes, said) = bytes(v0);
        assert_eq!(bytes, 4);
        says(
            &said,
            &["but is not an entry: it is not defined in the marked module"],
        );
    }
}
