//! Objects with every kind of symbol, none of them marked.

use super::target::{TARGETS, Target};
use crate::support::Work;
use std::collections::BTreeMap;
use std::path::PathBuf;
use wasm_encoder::{
    ConstExpr, DataSection, DataSymbolDefinition, EntityType, ImportSection, LinkingSection,
    MemoryType, Module, SymbolTable,
};

/// An object of the pool.
#[derive(Debug)]
pub struct Source {
    pub name: &'static str,
    pub language: Language,
    text: &'static str,
    flags: &'static [&'static str],
    /// The functions, without parameters, whose results say whether it works. None of an object
    /// that no link is sure to succeed with.
    pub results: &'static [&'static str],
    /// What is to be found in it.
    pub has: &'static [Has],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    C,
    Cxx,
    Assembler,
    /// By hand.
    Encoded,
}

/// What makes an object different from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Has {
    Weak,
    Alias,
    Init,
    MergeableStrings,
    DebugInformation,
    ThreadLocal,
    Bss,
    Comdat,
    Import,
    Retained,
    Tables,
    Tags,
    Globals,
    CustomSections,
    Undefined,
}

const fn c(
    name: &'static str,
    results: &'static [&'static str],
    has: &'static [Has],
    text: &'static str,
) -> Source {
    Source {
        name,
        language: Language::C,
        text,
        flags: &[],
        results,
        has,
    }
}

const fn with(source: Source, flags: &'static [&'static str]) -> Source {
    Source { flags, ..source }
}

const fn in_language(source: Source, language: Language) -> Source {
    Source { language, ..source }
}

pub const POOL: &[Source] = &[
    c(
        "weak",
        &["one"],
        &[Has::Weak],
        "__attribute__((weak)) int pick(void) { return 1; } int one(void) { return pick(); }",
    ),
    c(
        "strong",
        &["two"],
        &[Has::Weak],
        "int pick(void) { return 2; } extern int maybe(void) __attribute__((weak)); int two(void) { return maybe ? maybe() : 0; }",
    ),
    c(
        "alias",
        &["alias", "three"],
        &[Has::Alias],
        "int real(void) { return 3; } int alias(void) __attribute__((alias(\"real\"))); static int hidden = 4; extern int same __attribute__((alias(\"hidden\"))); int three(void) { return same + hidden; }",
    ),
    c(
        "init",
        &["is_ready"],
        &[Has::Init],
        "int ready; __attribute__((constructor(200))) static void early(void) { ready += 1; } __attribute__((constructor)) static void late(void) { ready *= 3; } int is_ready(void) { return ready; }",
    ),
    with(
        c(
            "strings",
            &["merged"],
            &[Has::MergeableStrings, Has::DebugInformation],
            "const char *first(void) { return \"a shared text\"; } const char *second(void) { return \"shared text\"; } int merged(void) { return first() + 2 == second(); }",
        ),
        &["-g", "-fno-inline"],
    ),
    with(
        c(
            "more_strings",
            &["letter"],
            &[Has::MergeableStrings],
            "const char *third(void) { return \"shared text\"; } int letter(void) { return third()[3]; }",
        ),
        &["-Os", "-fno-inline"],
    ),
    with(
        c(
            "tls",
            &["local_value"],
            &[Has::ThreadLocal],
            "_Thread_local int local = 5; _Thread_local int zero; int *where(void) { return &local + zero; } int local_value(void) { return local + zero++; }",
        ),
        &["-matomics", "-mbulk-memory"],
    ),
    with(
        c(
            "bss",
            &["sum_of_one"],
            &[Has::Bss],
            "int many[100]; static int few[3]; int sum(int i) { few[i] += many[i]; return few[0]; } int sum_of_one(void) { many[1] += 3; return sum(1) + few[1]; }",
        ),
        &["-fdata-sections"],
    ),
    c(
        "imported",
        &["take"],
        &[Has::Import],
        "__attribute__((import_module(\"host\"), import_name(\"give\"))) int give(int); int take(void) { return give(9); }",
    ),
    in_language(
        c(
            "comdat",
            &["cxx_a"],
            &[Has::Comdat],
            "inline int counter() { static int n = 10; return n++; } template <class T> T some = T(11); extern \"C\" int cxx_a() { return counter() + some<int>; }",
        ),
        Language::Cxx,
    ),
    with(
        in_language(
            c(
                "comdat_again",
                &["cxx_b"],
                &[Has::Comdat, Has::DebugInformation],
                "inline int counter() { static int n = 10; return n++; } template <class T> T some = T(11); struct S { virtual ~S() {} virtual int v() { return some<short>; } }; extern \"C\" int cxx_b() { S s; return counter() + s.v(); } void operator delete(void *, unsigned long) noexcept {}",
            ),
            Language::Cxx,
        ),
        &["-g"],
    ),
    in_language(
        c(
            "assembly",
            &["uses_all"],
            &[Has::Globals, Has::Tables, Has::CustomSections],
            ASSEMBLY,
        ),
        Language::Assembler,
    ),
    in_language(
        c("tagged", &["throws"], &[Has::Tags], TAGGED),
        Language::Assembler,
    ),
    in_language(c("encoded", &[], &[Has::Weak], ""), Language::Encoded),
    c(
        "retained",
        &[],
        &[Has::Retained],
        "__attribute__((section(\"own\"), used)) static int kept = 7; __attribute__((export_name(\"out\"))) int out(void) { return 8; }",
    ),
    c(
        "extern",
        &[],
        &[Has::Undefined],
        "extern int ready; int shared = 6; int *address(void) { return &shared; } int read(void) { return ready; }",
    ),
    c(
        "unknown",
        &[],
        &[Has::Undefined],
        "int nowhere(void); int calls(void) { return nowhere(); }",
    ),
    c(
        "different",
        &[],
        &[Has::Undefined],
        "void pick(int); void misuse(void) { pick(1); }",
    ),
];

/// Globals, a table, and custom sections with relocations and without.
const ASSEMBLY: &str = r#"
    .globaltype mutable_global, i32
    .globl mutable_global
mutable_global:
    .tabletype own_table, funcref
    .globl own_table
own_table:
    .functype uses_all () -> (i32)
    .section .text.uses_all,"",@
    .globl uses_all
    .hidden uses_all
uses_all:
    .functype uses_all () -> (i32)
    global.get mutable_global
    i32.const 1
    i32.add
    global.set mutable_global
    global.get mutable_global
    end_function
    .section .custom_section.described,"",@
    .int32 uses_all
    .section .custom_section.bytes,"",@
    .ascii "only bytes"
"#;

const TAGGED: &str = r#"
    .tagtype thrown i32
    .globl thrown
thrown:
    .functype throws () -> (i32)
    .section .text.throws,"",@
    .globl throws
    .hidden throws
throws:
    .functype throws () -> (i32)
    i32.const 6
    end_function
"#;

impl Source {
    /// Whether links with it succeed, and make modules that work. With thread-local data in a
    /// position-independent module without shared memory, `wasm-ld` 19 and 22 let pointers to merged
    /// strings go astray.
    pub fn is_harmless(&self, target: Target) -> bool {
        let is_complete = !self.results.is_empty() || self.language == Language::Encoded;
        let has = |what| self.has.contains(&what);
        // The host of modules that are bound to their place knows no exceptions.
        is_complete
            && !(has(Has::ThreadLocal) && target.is_pic() || has(Has::Tags) && !target.is_pic())
    }

    fn object(&self, work: &Work, target: Target) -> PathBuf {
        let name = format!("{}-{target:?}", self.name);
        let (compiler, suffix) = match self.language {
            Language::C => ("WSL_CLANG", "c"),
            Language::Cxx => ("WSL_CLANGXX", "cc"),
            Language::Assembler => ("WSL_CLANG", "s"),
            Language::Encoded => {
                return work.write(&format!("{name}.o"), encoded(target.is_wasm64()));
            }
        };
        let mut flags = target.compiler_flags();
        flags.extend(self.flags);
        work.compile(compiler, &name, suffix, self.text, &flags)
    }
}

/// All of the pool, for each target.
pub fn objects(work: &Work) -> BTreeMap<Target, Vec<PathBuf>> {
    let objects = |target| POOL.iter().map(move |source| source.object(work, target));
    let targets = TARGETS.into_iter();
    targets
        .map(|target| (target, objects(target).collect()))
        .collect()
}

/// An object by hand: numbers as short as they can be, and no names but those that must be.
fn encoded(memory64: bool) -> Vec<u8> {
    let mut module = Module::new();
    let mut imports = ImportSection::new();
    let memory = MemoryType {
        minimum: 1,
        maximum: None,
        memory64,
        shared: false,
        page_size_log2: None,
    };
    imports.import("env", "__linear_memory", EntityType::Memory(memory));
    module.section(&imports);
    let mut data = DataSection::new();
    let zero = match memory64 {
        true => ConstExpr::i64_const(0),
        false => ConstExpr::i32_const(0),
    };
    data.active(0, &zero, *b"by hand\0");
    module.section(&data);
    let mut symbols = SymbolTable::new();
    let place = |offset, size| DataSymbolDefinition {
        index: 0,
        offset,
        size,
    };
    symbols.data(0, "by_hand", Some(place(0, 8)));
    symbols.data(
        SymbolTable::WASM_SYM_BINDING_WEAK,
        "hand",
        Some(place(3, 4)),
    );
    symbols.data(
        SymbolTable::WASM_SYM_UNDEFINED | SymbolTable::WASM_SYM_BINDING_WEAK,
        "no_hand",
        None,
    );
    symbols.data(SymbolTable::WASM_SYM_BINDING_LOCAL, "", Some(place(8, 0)));
    let mut linking = LinkingSection::new();
    linking.symbol_table(&symbols);
    module.section(&linking);
    module.finish()
}
