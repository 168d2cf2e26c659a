//! Translation units of few features, so that each says which definition, member and order it saw.

use super::machine::Machine;
use crate::support::{Work, tool};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How many names there are of each kind that more than one unit may define.
pub const NAMES: u8 = 2;

/// What a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Defines `fn{}`, or `data{}`, weakly or not.
    Function {
        name: u8,
        weak: bool,
    },
    Data {
        name: u8,
        weak: bool,
    },
    /// Refers to them, weakly or not.
    Call {
        name: u8,
        weak: bool,
    },
    Read {
        name: u8,
        weak: bool,
    },
    /// An inline function with a static variable.
    Inline(u8),
    /// A constructor of this priority.
    Constructor(u16),
    /// A function that is exported by an attribute.
    Root,
    /// An entry of NUMBERS with its key.
    Mark {
        key: &'static str,
        local: bool,
    },
    /// One without bytes.
    ZeroMark,
    /// One whose name others define too, in each binding.
    Shared(Binding, u8),
    /// Refers to one.
    ReadShared(Binding, u8),
    /// In a data segment, or a custom section, named NUMBERS.
    Segment {
        zero: bool,
    },
    Custom {
        zero: bool,
    },
    /// In a data segment named NUMBERS, under a name that others define weakly too.
    WeakSegment(u8),
    /// An entry of POINTERS for `fn{}`, or of REFERENCES for `data{}`.
    PointToFunction {
        name: u8,
        weak: bool,
    },
    PointToData {
        name: u8,
        weak: bool,
    },
    /// An entry of POINTERS for the unit's own global function, or one that no other unit sees.
    PointToOwn,
    PointToLocal,
    /// An entry of TEXTS.
    Text,
    /// In a data segment named LEFT.
    Left(Left),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binding {
    Weak,
    Strong,
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    Local,
    UsedGlobal,
    Global,
    Weak(u8),
    Inline(u8),
    Zero,
}

use Feature as F;

/// A translation unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    pub number: u32,
    pub features: Vec<Feature>,
    /// Whether its own names are weak, so that it may be linked twice.
    pub is_weak: bool,
    /// Whether a compiler before LLVM 19 makes it, which marks nothing as retained.
    pub is_old: bool,
}

fn feature() -> impl Strategy<Value = Feature> {
    let name = || 0..NAMES;
    let binding = || select(&[Binding::Weak, Binding::Strong, Binding::Group][..]);
    let mostly = || prop::bool::weighted(0.7);
    let rarely = || prop::bool::weighted(0.25);
    let left = prop_oneof![
        3 => Just(Left::Local),
        2 => Just(Left::UsedGlobal),
        2 => Just(Left::Global),
        2 => name().prop_map(Left::Weak),
        1 => name().prop_map(Left::Inline),
        1 => Just(Left::Zero),
    ];
    prop_oneof![
        3 => (name(), mostly()).prop_map(|(name, weak)| F::Function { name, weak }),
        3 => (name(), mostly()).prop_map(|(name, weak)| F::Data { name, weak }),
        3 => (name(), rarely()).prop_map(|(name, weak)| F::Call { name, weak }),
        3 => (name(), rarely()).prop_map(|(name, weak)| F::Read { name, weak }),
        1 => name().prop_map(F::Inline),
        2 => select(&[0, 200, 65_535][..]).prop_map(F::Constructor),
        1 => Just(F::Root),
        3 => (select(&["", "", "a", "b"][..]), any::<bool>()).prop_map(|(key, local)| F::Mark { key, local }),
        2 => Just(F::ZeroMark),
        5 => (binding(), name()).prop_map(|(binding, name)| F::Shared(binding, name)),
        3 => (binding(), name()).prop_map(|(binding, name)| F::ReadShared(binding, name)),
        2 => rarely().prop_map(|zero| F::Segment { zero }),
        2 => rarely().prop_map(|zero| F::Custom { zero }),
        2 => name().prop_map(F::WeakSegment),
        2 => (name(), rarely()).prop_map(|(name, weak)| F::PointToFunction { name, weak }),
        2 => (name(), rarely()).prop_map(|(name, weak)| F::PointToData { name, weak }),
        1 => Just(F::PointToOwn),
        1 => Just(F::PointToLocal),
        1 => Just(F::Text),
        4 => left.prop_map(F::Left),
    ]
}

/// Unit `number` with any features.
pub fn unit(number: u32) -> impl Strategy<Value = Unit> {
    let features = prop::collection::vec(feature(), 1..6);
    let rarely = || prop::bool::weighted(0.2);
    (features, rarely(), rarely()).prop_map(move |(mut features, is_weak, is_old)| {
        // A custom section beside a segment of its name may be a copy of that: `tests/entries.rs`.
        let is_segment =
            |feature: &Feature| matches!(feature, F::Segment { .. } | F::WeakSegment(_));
        if features.iter().any(is_segment) {
            features.retain(|feature| !matches!(feature, F::Custom { .. }));
        }
        Unit {
            number,
            features,
            is_weak,
            is_old,
        }
    })
}

impl Binding {
    /// The name of an entry of NUMBERS that more than one unit may define.
    pub fn shared(self, name: u8) -> String {
        let binding = match self {
            Binding::Weak => "weak",
            Binding::Strong => "strong",
            Binding::Group => "group",
        };
        format!("__link_section__NUMBERS$${binding}{name}")
    }
}

/// What the function that is an entry's alone gives, in the unit of that number.
pub const LOCAL: u32 = 5_000;

impl Unit {
    /// The function that says what the unit sees, and the one that says whether it is linked.
    pub fn sees(&self) -> String {
        format!("f{}", self.number)
    }

    pub fn marker(&self) -> String {
        format!("m{}", self.number)
    }

    /// The name that it defines, and how it refers to it where it does not.
    fn names(&self, target: Machine) -> BTreeMap<String, bool> {
        let mut names = BTreeMap::new();
        for &feature in &self.features {
            let (name, weak) = match feature {
                F::Call { name, weak } | F::PointToFunction { name, weak } => {
                    (format!("int fn{name}()"), weak)
                }
                F::Read { name, weak } | F::PointToData { name, weak } => {
                    (format!("int data{name}"), weak)
                }
                F::ReadShared(binding, name) => {
                    let symbol = binding.shared(name);
                    (
                        format!("int {binding:?}{name} __asm__(\"{symbol}\")"),
                        false,
                    )
                }
                _ => continue,
            };
            // What may be missing in a module that is loaded is the host's to give.
            *names.entry(name).or_insert(true) &= weak && !target.is_pic();
        }
        names
    }

    /// Whether no other unit can define the entry at a place of its features.
    pub fn is_alone(&self, place: usize) -> bool {
        let feature = self.features.get(place);
        matches!(feature, Some(F::Mark { .. } | F::Segment { .. }))
    }

    /// Without custom sections.
    pub fn without_custom_sections(mut self) -> Self {
        self.features
            .retain(|feature| !matches!(feature, F::Custom { .. }));
        self
    }

    /// Whether it may be bitcode: what that defines weakly counts as if it came first, and a custom section
    /// there is text of assembler, which this linker does not look into.
    pub fn may_be_bitcode(&self) -> bool {
        let is_weak = |feature: &Feature| {
            use Binding::Strong;
            matches!(
                feature,
                F::Custom { .. }
                    | F::Function { .. }
                    | F::Data { .. }
                    | F::Inline(_)
                    | F::WeakSegment(_)
                    | F::Shared(..)
                    | F::Left(_)
            ) && !matches!(feature, F::Shared(Strong, _))
        };
        !self.is_weak && !self.features.iter().any(is_weak)
    }

    fn source(&self, target: Machine) -> String {
        let n = self.number;
        let weak = if self.is_weak {
            "__attribute__((weak)) "
        } else {
            ""
        };
        let mut features = self.features.clone();
        let mut seen = Vec::new();
        features.retain(|feature| {
            let key = key(*feature);
            let fresh = key.is_none() || !seen.contains(&key);
            seen.push(key);
            fresh
        });
        let mut source = "extern \"C\" { void logged(int);\n".to_owned();
        let names = self.names(target);
        let is_own = |name: &str| features.iter().any(|f| key(*f).as_deref() == Some(name));
        for (name, weak) in &names {
            let attribute = if *weak && !is_own(name) {
                " __attribute__((weak))"
            } else {
                ""
            };
            if !name.contains("Group") || !is_own(name) {
                source += &format!("extern {name}{attribute};\n");
            }
        }
        let mut body = String::new();
        let used = "__attribute__((used))";
        for (position, &feature) in features.iter().enumerate() {
            let value = n * 100 + position as u32;
            let mark = |section: &str, key: &str| {
                format!("__asm__(\"__link_section__{section}${key}${n}.{position}\")")
            };
            let binding = |weak| match weak {
                true => "__attribute__((weak))",
                false => "",
            };
            let pointer = |section: &str, ty: &str, target: &str| {
                let mark = mark(section, "");
                format!("static {ty} const p{position} {mark} {used} = {target};")
            };
            let mut see = |value: &str| body += &format!("h = h * 7 + {value};\n");
            let line = match feature {
                F::Function { name, weak } => {
                    let binding = binding(weak);
                    format!(
                        "{binding} __attribute__((noinline)) int fn{name}() {{ return own + {value}; }}"
                    )
                }
                F::Data { name, weak } => format!("{} int data{name} = {value};", binding(weak)),
                F::Call { name, .. } => {
                    let is_weak = names.get(&format!("int fn{name}()")) == Some(&true);
                    match is_weak && !is_own(&format!("int fn{name}()")) {
                        true => see(&format!("(fn{name} ? fn{name}() : 0)")),
                        false => see(&format!("fn{name}()")),
                    }
                    String::new()
                }
                F::Read { name, .. } => {
                    let is_weak = names.get(&format!("int data{name}")) == Some(&true);
                    match is_weak && !is_own(&format!("int data{name}")) {
                        true => see(&format!("(&data{name} ? data{name} : 0)")),
                        false => see(&format!("data{name}")),
                    }
                    String::new()
                }
                F::Inline(name) => {
                    see(&format!("inline{name}()"));
                    format!(
                        "inline __attribute__((noinline)) int inline{name}() {{ static volatile int calls = {value}; return calls; }}"
                    )
                }
                F::Constructor(priority) => {
                    let priority = match priority {
                        65_535 => "constructor".to_owned(),
                        0 => "constructor(101)".to_owned(),
                        number => format!("constructor({number})"),
                    };
                    format!(
                        "__attribute__(({priority})) static void c{position}() {{ logged({n}); }}"
                    )
                }
                F::Root if self.is_weak => String::new(),
                F::Root => format!(
                    "__attribute__((export_name(\"root{n}\"))) int root{n}() {{ return {n}; }}"
                ),
                F::Mark { key, local } => {
                    let binding = if local { "static" } else { "" };
                    let used = if local { used } else { "" };
                    // A weak unit's names are all its own.
                    let weak = if local { "" } else { weak };
                    format!(
                        "{weak}{binding} int e{position} {} {used} = {value};",
                        mark("NUMBERS", key)
                    )
                }
                F::ZeroMark => format!(
                    "static char e{position}[0] {} __attribute__((used, aligned(4)));",
                    mark("NUMBERS", "")
                ),
                F::Shared(kind, name) => {
                    let symbol = kind.shared(name);
                    let binding = match kind {
                        Binding::Weak => "__attribute__((weak))",
                        Binding::Strong => "",
                        Binding::Group => "__attribute__((used)) inline",
                    };
                    format!("{binding} int {kind:?}{name} __asm__(\"{symbol}\") = {value};")
                }
                F::ReadShared(kind, name) => {
                    see(&format!("*(volatile int *)&{kind:?}{name}"));
                    String::new()
                }
                F::Segment { zero: false } => format!(
                    "__attribute__((section(\"NUMBERS\"), used)) static int e{position} = {value};"
                ),
                F::Segment { zero: true } => format!(
                    "__attribute__((section(\"NUMBERS\"), used, aligned(4))) static char e{position}[0] = {{}};"
                ),
                F::WeakSegment(name) => format!(
                    "__attribute__((section(\"NUMBERS\"), weak)) int segment{name} = {value};"
                ),
                F::Custom { zero } => {
                    let word = if zero {
                        String::new()
                    } else {
                        format!(".int32 {value}\\n")
                    };
                    format!("__asm__(\".section .custom_section.NUMBERS,\\\"\\\",@\\n{word}\");")
                }
                F::PointToFunction { name, .. } => {
                    pointer("POINTERS", "auto", &format!("&fn{name}"))
                }
                F::PointToData { name, .. } => {
                    pointer("REFERENCES", "auto", &format!("&data{name}"))
                }
                F::PointToOwn => format!(
                    "int {}(); {}",
                    self.sees(),
                    pointer("POINTERS", "auto", &format!("&{}", self.sees()))
                ),
                F::PointToLocal => format!(
                    "static int local{n}() {{ return {}; }} {}",
                    LOCAL + n,
                    pointer("POINTERS", "auto", &format!("&local{n}"))
                ),
                F::Text => pointer("TEXTS", "const char *", &format!("\"text {}\"", n % 3)),
                F::Left(left) => {
                    let section = "section(\"LEFT\")";
                    match left {
                        Left::Local => format!(
                            "__attribute__(({section}, used)) static int l{position} = {value};"
                        ),
                        Left::UsedGlobal => format!(
                            "{weak}__attribute__(({section}, used)) int l{n}_{position} = {value};"
                        ),
                        Left::Global => {
                            see(&format!("*(volatile int *)&l{n}_{position}"));
                            format!(
                                "{weak}__attribute__(({section})) int l{n}_{position} = {value};"
                            )
                        }
                        Left::Weak(name) => {
                            see(&format!("*(volatile int *)&left{name}"));
                            format!("__attribute__(({section}, weak)) int left{name} = {value};")
                        }
                        Left::Inline(name) => format!(
                            "inline __attribute__(({section}, used)) int grouped{name} = {value};"
                        ),
                        Left::Zero => format!(
                            "__attribute__(({section}, used, aligned(4))) static char l{position}[0] = {{}};"
                        ),
                    }
                }
            };
            if !line.is_empty() {
                source += &line;
                source.push('\n');
            }
        }
        source = source.replacen('\n', &format!("\nstatic volatile int own = 0;\n{weak}__attribute__((noinline)) int {}() {{ return own + {n}; }}\n", self.marker()), 1);
        source += &format!(
            "{weak}int {}() {{ int h = own + {n};\n{body}return h; }}\n}}\n",
            self.sees()
        );
        source
    }

    /// Compiles it, to an object or to bitcode.
    pub fn build(&self, work: &Work, target: Machine, bitcode: bool) -> PathBuf {
        let name = self.file_name(target, bitcode);
        let from = work.write(&format!("{name}.cc"), self.source(target));
        let object = work.file(&format!("{name}.o"));
        let (compiler, flags) = self.command(target, bitcode);
        let mut arguments: Vec<_> = flags.into_iter().map(Into::into).collect();
        arguments.extend(["-c".into(), from.into_os_string(), "-o".into()]);
        arguments.push(object.clone().into_os_string());
        work.run(compiler, arguments);
        object
    }

    fn file_name(&self, target: Machine, bitcode: bool) -> String {
        let kind = if bitcode { "bit" } else { "object" };
        format!("unit{}-{target:?}-{kind}", self.number)
    }

    fn command(&self, target: Machine, bitcode: bool) -> (PathBuf, Vec<&'static str>) {
        let is_old = self.is_old && target == Machine::Wasm32 && !bitcode;
        let compiler = tool(if is_old { "WSL_CLANG_OLD" } else { "WSL_CLANG" });
        let mut flags = vec!["-x", "c++", "-std=c++17", "-O1"];
        flags.extend(target.compiler_flags());
        flags.extend(bitcode.then_some("-flto"));
        (compiler, flags)
    }

    /// How somebody makes it by hand.
    pub fn script(&self, target: Machine, bitcode: bool) -> String {
        let name = self.file_name(target, bitcode);
        let (compiler, flags) = self.command(target, bitcode);
        format!(
            "cat > {name}.cc <<'END'\n{}END\n{} {} -c {name}.cc -o {name}.o\n",
            self.source(target),
            compiler.display(),
            flags.join(" ")
        )
    }
}

/// What a unit can have once.
fn key(feature: Feature) -> Option<String> {
    Some(match feature {
        F::Function { name, .. } => format!("int fn{name}()"),
        F::Data { name, .. } => format!("int data{name}"),
        F::Shared(kind, name) => format!("int {kind:?}{name} __asm__(\"{}\")", kind.shared(name)),
        F::WeakSegment(name) => format!("segment{name}"),
        F::Inline(name) => format!("inline{name}"),
        F::PointToLocal => "local".to_owned(),
        F::Root => "root".to_owned(),
        F::Left(Left::Weak(name)) => format!("left{name}"),
        F::Left(Left::Inline(name)) => format!("grouped{name}"),
        _ => return None,
    })
}
