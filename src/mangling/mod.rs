//! Parses the path that a Rust symbol mangles.
//!
//! The output of a demangler is ambiguous: it prints a nested allocation of a static like the static
//! itself, a printed constant may contain brackets and colons, and it omits the module of an `impl`.
//! [`Path`] has the components with their namespaces; `demangle` is for display only.
//!
//! Both Rust schemes are supported: v0 (RFC 2603) and the legacy scheme, whose nested names C++ uses
//! too.

mod component;
mod legacy;
mod v0;

pub use component::{Component, Components, Namespace};

use component::Encoding;
use std::borrow::Cow;

/// The path that a symbol name mangles: `crate`, `module` and `NAME` for
/// `_RNvNtCs1_5crate6module4NAME`.
///
/// Generic arguments and the types in the header of an `impl` are not components. [`Path::shown`] has
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'s> {
    symbol: &'s str,
    /// From the outermost to the innermost.
    pub components: Components<'s>,
    /// Whether it is a Rust symbol. A legacy symbol is one if it ends with a hash.
    pub is_rust: bool,
}

impl<'s> Path<'s> {
    /// The path that `symbol` mangles; `None` if it does not mangle one, or if it is nested deeper than
    /// any compiler output. Takes linear time in the length of the symbol for any input.
    pub fn of(symbol: &'s str) -> Option<Self> {
        if let Some(components) = v0::components(symbol) {
            return Some(Self {
                symbol,
                components,
                is_rust: true,
            });
        }
        let (components, is_rust) = legacy::components(symbol)?;
        Some(Self {
            symbol,
            components,
            is_rust,
        })
    }

    /// The name of the crate.
    pub fn crate_name(&self) -> Option<Cow<'s, str>> {
        let first = self.components.first()?;
        (self.is_rust && first.namespace == Namespace::Crate).then(|| first.name())
    }

    /// If the path begins with an `impl`: the components of each module that the `impl` may be in. The
    /// legacy scheme omits the module of an `impl` in the module of its type or of its trait.
    pub fn impl_modules(&self) -> Vec<Vec<String>> {
        match self.components.first() {
            Some(first) if first.encoding == Encoding::Legacy => {
                legacy::impl_modules(&first.name())
            }
            _ => Vec::new(),
        }
    }

    /// A component for display, with its generic arguments and without hashes and disambiguators. For an
    /// `impl`, this is its header, such as `<a::Type as b::Trait>`.
    pub fn shown(&self, position: usize) -> Cow<'s, str> {
        let Some(component) = self.components.get(position) else {
            return "".into();
        };
        match component.namespace {
            Namespace::Closure => return "{closure}".into(),
            Namespace::Constant => return "{const}".into(),
            Namespace::Nested => return "{nested}".into(),
            _ => {}
        }
        let text = |position: usize| {
            let component = self.components.get(position)?;
            v0::cut(self.symbol, component.cut?)
        };
        let before = || text(position.checked_sub(1)?);
        match (component.namespace, text(position), before()) {
            (Namespace::Impl, Some(header), _) => header.into(),
            (Namespace::Impl, None, _) if component.raw.is_empty() => "<impl>".into(),
            (_, Some(text), Some(before)) => match text.strip_prefix(&before) {
                Some(text) => text.trim_start_matches("::").to_owned().into(),
                None => component.name(),
            },
            _ => component.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each component with its namespace: the v0 letter, or a word if there is none.
    fn read(symbol: &str) -> String {
        let Some(path) = Path::of(symbol) else {
            return "(none)".to_owned();
        };
        let components = path.components.iter().map(|component| {
            let letter = match component.namespace {
                Namespace::Crate => "crate",
                Namespace::Type => "t",
                Namespace::Value => "v",
                Namespace::Closure => "C",
                Namespace::Constant => "K",
                Namespace::Nested => "n",
                Namespace::Impl => "impl",
                Namespace::Item => "item",
                Namespace::Other => "other",
            };
            format!("{letter}:{}", component.name())
        });
        components.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn v0_symbols_of_rustc() {
        for (symbol, expected) in [
            ("_RNvNtCs66qv5BOQzbG_1l1m1A", "crate:l t:m v:A"),
            ("_RNnNvNtCs66qv5BOQzbG_1l1m1As_0", "crate:l t:m v:A n:"),
            (
                "_RNvNCNvNtCs66qv5BOQzbG_1l1m1f01A",
                "crate:l t:m v:f C: v:A",
            ),
            (
                "_RNvNKNvNtCs66qv5BOQzbG_1l1m1f01A",
                "crate:l t:m v:f K: v:A",
            ),
            // impl super::Foo
            (
                "_RNvNvMNtCs66qv5BOQzbG_1l1mNtB6_3Foo1g1A",
                "crate:l t:m impl: v:g v:A",
            ),
            // impl<T> G<'<', T>
            (
                "_RNvNCNvMs3_NtCs66qv5BOQzbG_1l1mINtBb_1GKc3c_pE1t01A",
                "crate:l t:m impl: v:t C: v:A",
            ),
            // impl Drop for super::Foo
            (
                "_RNvNvXs0_NtCs66qv5BOQzbG_1l1mNtB9_3FooNtNtNtCsgXGp5Oqx2Ny_4core3ops4drop4Drop4drop1A",
                "crate:l t:m impl: v:drop v:A",
            ),
            // impl Tr for [T; N], fn(u32) -> u32 and dyn Fn(u32) -> u32
            (
                "_RNvNvXs5_NtCs66qv5BOQzbG_1l1mAppNtB9_2Tr1t1A",
                "crate:l t:m impl: v:t v:A",
            ),
            (
                "_RNvNvXs6_NtCs66qv5BOQzbG_1l1mFmEmNtB9_2Tr1t1A",
                "crate:l t:m impl: v:t v:A",
            ),
            (
                "_RNvNvXs7_NtCs66qv5BOQzbG_1l1mDINtNtNtCsgXGp5Oqx2Ny_4core3ops8function2FnTmEEp6OutputmEL_NtB9_2Tr1t1A",
                "crate:l t:m impl: v:t v:A",
            ),
            (
                "_RNvNtCs66qv5BOQzbG_1l1mu11ncode_cta3g",
                "crate:l t:m v:ünïcode",
            ),
            // A generic function, and the crate that instantiates it.
            (
                "_RINvNtCs66qv5BOQzbG_1l1m1fNtB2_3FooECs1_1x",
                "crate:l t:m v:f",
            ),
            ("_RNvC1a1b.llvm.123", "crate:a v:b"),
            // The closure of a trait method
            ("_RNvYNCNvC1l1f0NtC1l2Tr1t", "impl: v:t"),
        ] {
            assert_eq!(read(symbol), expected, "{symbol}");
            assert!(rustc_demangle::try_demangle(symbol).is_ok(), "{symbol}");
        }
    }

    #[test]
    fn legacy_symbols_of_rustc() {
        for (path, expected) in [
            ("1l1m1A", "crate:l item:m item:A"),
            (
                "1l1m1A27_$u7b$$u7b$nested$u7d$$u7d$",
                "crate:l item:m item:A n:",
            ),
            (
                "1l1m1f28_$u7b$$u7b$closure$u7d$$u7d$1A",
                "crate:l item:m item:f C: item:A",
            ),
            (
                "1l1m1f29_$u7b$$u7b$constant$u7d$$u7d$1A",
                "crate:l item:m item:f K: item:A",
            ),
            (
                "1l1m24_$LT$impl$u20$l..Foo$GT$1g1A",
                "crate:l item:m impl:<impl l::Foo> item:g item:A",
            ),
            (
                "51_$LT$u32$u20$as$u20$l..__link_section__X..OwnTr$GT$2t21A",
                "impl:<u32 as l::__link_section__X::OwnTr> item:t2 item:A",
            ),
            ("1l1m16_$ufc$n$uef$code", "crate:l item:m item:ünïcode"),
        ] {
            let symbol = format!("_ZN{path}17h0123456789abcdefE");
            assert_eq!(read(&symbol), expected, "{symbol}");
        }
        // C++
        assert_eq!(read("_ZN1a1bE"), "crate:a item:b");
        assert!(!Path::of("_ZN1a1bE").expect("a path").is_rust);
        assert_eq!(read("_ZN1aL1bE"), "(none)");
    }

    #[test]
    fn crates_and_disambiguators() {
        let path = Path::of("_RNvNtCs2_5crates_1m1A").expect("a path");
        assert_eq!(path.crate_name().as_deref(), Some("crate"));
        let all = path.components.iter();
        let all: Vec<_> = all.map(|component| component.disambiguator).collect();
        assert_eq!(all, [4, 1, 0]);
        assert_eq!(Path::of("_ZN1a1bE").expect("a path").crate_name(), None);
    }

    #[test]
    fn components_for_display() {
        let shown = |symbol: &str| {
            let path = Path::of(symbol).expect("a path");
            let all = (0..path.components.len()).map(|position| path.shown(position).into_owned());
            all.collect::<Vec<_>>()
        };
        assert_eq!(
            shown("_RNvNCNvMs3_NtCs66qv5BOQzbG_1l1mINtBb_1GKc3c_pE1t01A"),
            ["l", "m", "<l::G<'<', _>>", "t", "{closure}", "A"]
        );
        assert_eq!(
            shown("_RINvMNtC1a1bINtNtC1a1c1DmE1fNtC1a1ThE"),
            ["a", "b", "<a::c::D<u32>>", "f::<a::T, u8>"]
        );
        assert_eq!(shown("_RNvINtC1a1DmE1f"), ["a", "D::<u32>", "f"]);
        assert_eq!(
            shown("_ZN1l1m24_$LT$impl$u20$l..Foo$GT$1g1A17h0123456789abcdefE"),
            ["l", "m", "<impl l::Foo>", "g", "A"]
        );
    }

    #[test]
    fn modules_of_a_legacy_impl_without_a_module() {
        let modules = |header: &str| {
            let symbol = format!("_ZN{}{header}1f17h0123456789abcdefE", header.len());
            let modules = Path::of(&symbol).expect("a path").impl_modules();
            let modules = modules.iter().map(|module| module.join("::"));
            modules.collect::<Vec<_>>()
        };
        assert_eq!(modules("_$LT$u32$u20$as$u20$l..m..Tr$GT$"), ["l::m"]);
        assert_eq!(
            modules("_$LT$l..m..Own$LT$a..B$GT$$u20$as$u20$core..ops..drop..Drop$GT$"),
            ["l::m", "core::ops::drop"]
        );
        assert_eq!(
            modules("_$LT$$RF$$u5b$l..m..Own$u5d$$u20$as$u20$a..Tr$LT$b..x..Y$GT$$GT$"),
            ["l::m", "a"]
        );
        assert_eq!(
            modules("_$LT$$LT$a..B$u20$as$u20$c..D$GT$..E$u20$as$u20$l..m..Tr$GT$"),
            ["l::m"]
        );
    }

    #[test]
    fn malformed_symbols_have_no_path() {
        for symbol in [
            "",
            "_R",
            "_RN",
            "_RNvC1a",
            "_RNvC1a9b",
            "_RC99999999999999999999a",
            "_RB_",
            "_RNvB_1a",
            "_RNvC1a1b?",
            "_RMC1aB9_",
            "_ZN",
            "_ZNE",
            "_ZN1",
            "_ZN1a",
            "_ZN9aE",
            "_ZN1aEx",
            "_ZN1äE",
        ] {
            assert_eq!(read(symbol), "(none)", "{symbol}");
        }
        let deep = |open: &str, inner: &str, close: &str| {
            format!("_R{}{inner}{}", open.repeat(100_000), close.repeat(100_000))
        };
        assert_eq!(read(&deep("Nv", "C1a", "1b")), "(none)");
        assert_eq!(
            read(&format!("_RM{}", deep("S", "m", "")).replace("M_R", "MC1a")),
            "(none)"
        );
    }

    /// Expanding the back references would take exponential time: each type contains the previous one
    /// twice.
    #[test]
    fn nested_back_references_take_linear_time() {
        let mut symbol = "_RINvC1a1bT".to_owned();
        for _ in 0..100_000 {
            symbol += "TB4_B5_E";
        }
        symbol += "EE";
        assert_eq!(read(&symbol), "crate:a v:b");
    }

    proptest! {
        #[test]
        fn no_symbol_panics(tail in "[NCMXYIBTSRvtns0-9a-c_EKpLGD]{0,60}") {
            let symbol = format!("_R{tail}");
            if let Some(path) = Path::of(&symbol) {
                for position in 0..=path.components.len() {
                    let _ = path.shown(position);
                }
            }
            let _ = Path::of(&format!("_ZN{tail}")).map(|path| path.impl_modules());
        }

        #[test]
        fn mangled_names_are_read_back(names in proptest::collection::vec("[a-zA-Z_][a-zA-Z0-9_]{0,20}", 1..9)) {
            let mut v0 = "C".to_owned();
            let mut legacy = "_ZN".to_owned();
            for (position, name) in names.iter().enumerate() {
                if position > 0 {
                    v0.insert_str(0, "Nt");
                }
                let underscore = if name.starts_with('_') { "_" } else { "" };
                v0 += &format!("{}{underscore}{name}", name.len());
                legacy += &format!("{}{name}", name.len());
            }
            for symbol in [format!("_R{v0}"), format!("{legacy}17h0123456789abcdefE")] {
                let path = Path::of(&symbol).expect("a path");
                let read: Vec<_> = path.components.iter().map(Component::name).collect();
                prop_assert_eq!(&read, &names);
                for (position, name) in names.iter().enumerate() {
                    prop_assert_eq!(&path.shown(position), name);
                }
            }
        }
    }
}
