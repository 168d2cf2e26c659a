//! Closures. A pointer to one refers to a shim, `FnOnce::call_once`, whose name does not say in legacy mangling which
//! closure it calls. So the name, the code of the shim and the debug information are read, in this order.

use super::module::Module;
use super::pointers::demangled;
use serde::Serialize;

/// The shim by which a function pointer refers to a closure, as legacy mangling has its name.
const SHIM_OF_POINTER: &str = "core::ops::function::FnOnce::call_once";
/// All such names: the methods of the traits of callables.
const SHIMS: [&str; 3] = [
    SHIM_OF_POINTER,
    "core::ops::function::FnMut::call_mut",
    "core::ops::function::Fn::call",
];
/// What mangling appends to the name of a shim for a table of methods: legacy and v0.
const OF_VTABLE: [&str; 2] = ["{{vtable.shim}}", "::{shim:vtable#0}"];
/// How many shims call each other.
const MAX_SHIMS: usize = 4;
/// The part of a path that marks a value for the linker. What follows is the macro's.
const BY_REFERENCE: &str = "__link_section_by_reference__";

/// What a pointer to a closure or to a shim leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Callable {
    /// The path of the function, constant or static that contains the closure; of inventory's values, the module.
    #[serde(rename = "in")]
    pub within: Option<String>,
    /// Its index among the closures there, if the mangling has it.
    pub number: Option<u32>,
    /// Its file, if there is debug information.
    pub file: Option<String>,
    /// Its first line.
    pub line: Option<u32>,
    /// The function that the shim calls, which is not a closure.
    #[serde(skip)]
    pub function: Option<String>,
    /// Whether it may be a function: a table of methods has a shim for functions too.
    #[serde(skip)]
    pub may_be_function: bool,
    /// The entry that refers to it, by which it is shown if nothing else is known.
    #[serde(skip)]
    pub entry: String,
}

/// What a symbol stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Closure {
        within: String,
        number: Option<u32>,
    },
    /// A shim of a closure or a function that its name does not have.
    Shim,
    /// A shim of this function.
    ShimOf(String),
    Other,
}

impl Callable {
    /// What a pointer to that symbol and function leads to. None if that is neither a closure nor a shim.
    pub fn of(
        symbol: &str,
        function: Option<u32>,
        entry: &str,
        module: &Module<'_>,
    ) -> Option<Self> {
        let mut found = match Name::of(symbol) {
            Name::Closure { within, number } => Self::closure(within, number),
            Name::ShimOf(function) => Self {
                function: Some(function),
                ..Self::default()
            },
            Name::Shim => Self {
                may_be_function: symbol != SHIM_OF_POINTER,
                ..Self::default()
            },
            Name::Other => return None,
        };
        entry.clone_into(&mut found.entry);
        let mut last = function;
        for _ in 0..MAX_SHIMS {
            let callee = last.and_then(|function| module.forwards_to(function));
            let Some(callee) = callee else { break };
            // Any other function is one that the closure calls, which was compiled into the shim.
            match Name::of(&demangled(&module.function(callee))) {
                Name::Closure { within, number } => found.learn(within, number),
                Name::Shim => {}
                Name::ShimOf(_) | Name::Other => break,
            }
            last = Some(callee);
        }
        if let Some(function) = last.filter(|_| found.function.is_none()) {
            found.read_debug_info(function, module);
        }
        Some(found)
    }

    fn closure(within: String, number: Option<u32>) -> Self {
        Self {
            within: Some(within),
            number,
            ..Self::default()
        }
    }

    /// Whether it is known what is called.
    pub fn is_known(&self) -> bool {
        self.within.is_some() || self.function.is_some()
    }

    /// Finds the closure that was compiled into a shim, or that a function is, and its first line.
    fn read_debug_info(&mut self, function: u32, module: &Module<'_>) {
        let symbol = Name::of(&demangled(&module.function(function)));
        for address in module.addresses_of(function) {
            for frame in module.frames(address) {
                let name = match frame.name.as_str() {
                    // There is only a line, so it is in the function itself.
                    "" => symbol.clone(),
                    name => Name::in_debug_info(name),
                };
                match name {
                    Name::Closure { within, number } => {
                        self.learn(within, number);
                        let is_first = self.line.is_none_or(|line| frame.line < Some(line));
                        if frame.file.is_some() && frame.line.is_some() && is_first {
                            self.file = frame.file;
                            self.line = frame.line;
                        }
                        break;
                    }
                    Name::ShimOf(closure) => {
                        if let Name::Closure { within, number } = Name::of(&closure) {
                            self.learn(within, number);
                        }
                    }
                    Name::Shim => {}
                    Name::Other => break,
                }
            }
        }
    }

    /// Where a closure stands, if that is not known yet.
    fn learn(&mut self, within: String, number: Option<u32>) {
        if !self.is_known() && !within.is_empty() {
            self.within = Some(within);
            self.number = number;
        }
    }

    /// As it is shown, without file and line.
    pub fn what(&self) -> String {
        if let Some(function) = &self.function {
            return format!("fn {function}");
        }
        let number = match self.number {
            None | Some(0) => String::new(),
            Some(number) => format!(" #{number}"),
        };
        match &self.within {
            Some(path) => format!("closure{number} in {path}"),
            None if self.may_be_function => format!("function or closure of {}", self.entry),
            None => format!("closure of {}", self.entry),
        }
    }

    /// As it is shown, with file and line.
    pub fn title(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{} ({}:{line})", self.what(), relative(file)),
            _ => self.what(),
        }
    }

    /// Whether both may be the same, as far as it is known.
    pub fn may_be(&self, other: &Self) -> bool {
        fn alike<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        if !self.is_known() || !other.is_known() {
            return true;
        }
        self.function == other.function
            && alike(&self.within, &other.within)
            && alike(&self.number, &other.number)
    }
}

impl Name {
    /// What a name in debug information stands for. With `-C debuginfo=line-tables-only`, rustc writes no symbols but
    /// names without a path: `{closure#0}`, and `call_once<app::A::{closure_env#0}, (i32)>` for its shim.
    fn in_debug_info(name: &str) -> Self {
        if let Some((shim, arguments)) = name.split_once('<')
            && SHIMS
                .iter()
                .any(|known| known.rsplit("::").next() == Some(shim))
        {
            return match arguments.split_once("::{closure_env#") {
                Some((within, _)) if within.contains(['<', ',', ' ']) => Self::Shim,
                Some((within, rest)) => {
                    let number = rest.split('}').next().unwrap_or_default();
                    Self::ShimOf(format!("{within}::{{closure#{number}}}"))
                }
                None => Self::Shim,
            };
        }
        if name.starts_with("{closure#") {
            return Self::Closure {
                within: String::new(),
                number: None,
            };
        }
        let path = demangled(name);
        match called_by(without_vtable(&path)) {
            Some(callable) => Self::ShimOf(callable.to_owned()),
            None => Self::of(&path),
        }
    }

    fn of(path: &str) -> Self {
        let path = without_vtable(path);
        if SHIMS.contains(&path) {
            return Self::Shim;
        }
        if let Some(callable) = called_by(path) {
            return match Self::of(callable) {
                Self::Other => Self::ShimOf(callable.to_owned()),
                known => known,
            };
        }
        let Some((mut within, number)) = closure(path) else {
            return Self::Other;
        };
        // A closure in a closure stands in the same function.
        while let Some((outer, _)) = closure(within) {
            within = outer;
        }
        Self::Closure {
            within: without_marks(within),
            number,
        }
    }
}

/// The name of a shim without what says that it is for a table of methods.
fn without_vtable(path: &str) -> &str {
    let of_vtable = OF_VTABLE.iter().find_map(|end| path.strip_suffix(end));
    of_vtable.unwrap_or(path)
}

/// The path and the number of a closure: `a::b::{closure#0}`, or `a::b::{{closure}}`.
fn closure(path: &str) -> Option<(&str, Option<u32>)> {
    let (before, last) = path.rsplit_once("::")?;
    if last == "{{closure}}" {
        return Some((before, None));
    }
    let number = last.strip_prefix("{closure#")?.strip_suffix('}')?;
    Some((before, number.parse().ok()))
}

/// The callable of a shim by its v0 name: `<CALLABLE as core::ops::function::FnOnce<…>>::call_once`.
fn called_by(path: &str) -> Option<&str> {
    let methods = ["::call_once", "::call_mut", "::call"];
    let qualified = methods.iter().find_map(|end| path.strip_suffix(end))?;
    let inside = qualified.strip_prefix('<')?.strip_suffix('>')?;
    let at = end_of_type(inside)?;
    let (callable, of_trait) = inside.split_at_checked(at)?;
    of_trait
        .starts_with(" as core::ops::function::Fn")
        .then_some(callable)
}

/// Where a type ends that ` as ` follows, outside of its brackets.
fn end_of_type(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' if before == '-' => {}
            '>' | ')' | ']' => depth = depth.checked_sub(1)?,
            ' ' if depth == 0 && text.get(at..)?.starts_with(" as ") => return Some(at),
            _ => {}
        }
        before = character;
    }
    None
}

/// A path without the components that mark an entry.
fn without_marks(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split("::") {
        if part == BY_REFERENCE {
            break;
        }
        if !super::report::is_mark(part) {
            parts.push(part);
        }
    }
    while parts.len() > 1 && parts.last() == Some(&"_") {
        parts.pop();
    }
    parts.join("::")
}

/// A path relative to the current directory, if it is in there.
fn relative(file: &str) -> String {
    let current = std::env::current_dir().ok();
    let inner = current.and_then(|current| {
        let inner = std::path::Path::new(file).strip_prefix(current).ok()?;
        Some(inner.display().to_string())
    });
    inner.unwrap_or_else(|| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure_in(within: &str, number: Option<u32>) -> Name {
        Name::Closure {
            within: within.to_owned(),
            number,
        }
    }

    #[test]
    fn names_of_closures() {
        let names = [
            ("app::A::{{closure}}", "app::A", None),
            ("app::A::{closure#1}", "app::A", Some(1)),
            ("app::f::{closure#0}::{closure#2}", "app::f", Some(2)),
            (
                "<app::A::{closure#0} as core::ops::function::FnOnce<(i32,)>>::call_once",
                "app::A",
                Some(0),
            ),
            (
                "<app::A::{closure#3} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}",
                "app::A",
                Some(3),
            ),
            (
                "<<app::S as app::T<fn() -> u8>>::m::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
                "<app::S as app::T<fn() -> u8>>::m",
                Some(0),
            ),
            (
                "app::deep::_::__link_section_by_reference__::NODE::{{closure}}",
                "app::deep",
                None,
            ),
            (
                "app::__link_section__PLUGINS::A::{{closure}}",
                "app::A",
                None,
            ),
        ];
        for (name, within, number) in names {
            assert_eq!(Name::of(name), closure_in(within, number), "{name}");
        }
    }

    #[test]
    fn names_of_shims() {
        for name in [
            "core::ops::function::FnOnce::call_once",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "core::ops::function::Fn::call",
        ] {
            assert_eq!(Name::of(name), Name::Shim, "{name}");
        }
        assert_eq!(
            Name::of("<app::twice as core::ops::function::FnOnce<(i32,)>>::call_once"),
            Name::ShimOf("app::twice".to_owned())
        );
        for name in [
            "app::closure",
            "app::FnOnce::call_once",
            "<app::A as app::Caller>::call",
            "<",
            "<>::call",
            "{{closure}}",
            "",
        ] {
            assert_eq!(Name::of(name), Name::Other, "{name}");
        }
    }

    #[test]
    fn names_in_debug_information() {
        let known = |name| Name::in_debug_info(name);
        assert_eq!(
            known("_ZN3app1A28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE"),
            closure_in("app::A", None)
        );
        assert_eq!(known("{closure#0}<i32>"), closure_in("", None));
        assert_eq!(
            known("call_once<app::A::{closure_env#1}, (i32)>"),
            Name::ShimOf("app::A::{closure#1}".to_owned())
        );
        assert_eq!(known("call_once<fn(i32) -> i32, (i32)>"), Name::Shim);
        assert_eq!(known("map<app::A::{closure_env#1}>"), Name::Other);
    }

    #[test]
    fn which_may_be_the_same() {
        let at = |within: &str, number| Callable::closure(within.to_owned(), number);
        assert!(at("a", None).may_be(&at("a", Some(1))));
        assert!(at("a", Some(0)).may_be(&Callable::default()));
        assert!(!at("a", Some(0)).may_be(&at("a", Some(1))));
        assert!(!at("a", None).may_be(&at("b", None)));
    }
}
