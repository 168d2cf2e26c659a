//! The marked objects written down, in assembler, in C and by hand.

use super::marked::{Entry, Job, Language, Marked};
use super::model::{number, own, text};
use super::target::Target;
use crate::support::Work;
use std::path::PathBuf;
use wasm_section_ld::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};

impl Job {
    /// The objects, built.
    pub fn build(&self, work: &Work) -> Vec<PathBuf> {
        let flags = self.target.compiler_flags();
        let objects = self.objects.iter().enumerate().map(|(object, marked)| {
            let name = format!("object{object}");
            let callee = self.callee(object);
            match marked.language {
                Language::Assembler => {
                    let source = assembler(self.target, object, marked, callee);
                    work.compile("WSL_CLANG", &name, "s", &source, &flags)
                }
                Language::C => {
                    let more = ["-fdata-sections", "-fvisibility=hidden"];
                    let flags: Vec<_> = flags.iter().copied().chain(more).collect();
                    let source = c(object, marked, callee);
                    work.compile("WSL_CLANG", &name, "c", &source, &flags)
                }
                Language::Encoded => {
                    let bytes = encoded(self.target, object, marked);
                    work.write(&format!("{name}.o"), bytes)
                }
            }
        });
        objects.collect()
    }
}

/// The name of an entry's symbol.
fn symbol(object: usize, position: usize, entry: Entry) -> String {
    let (key, unique) = match entry {
        Entry::Mark(key, _) => (key, format!("{object}.{position}")),
        // Weak names that several objects define are in `links`.
        Entry::Weak(name) => ("", format!("weak{name}.{object}.{position}")),
        Entry::Comdat(name) => ("", format!("comdat{name}")),
        Entry::Alias | Entry::Segment | Entry::Custom => ("", format!("{object}.{position}")),
    };
    format!("__link_section__NUMBERS${key}${unique}")
}

fn alias(object: usize, position: usize) -> String {
    format!("alias{object}_{position}")
}

/// The positions of the entries that the object's function reads.
fn read(marked: &Marked) -> impl Iterator<Item = usize> {
    let entries = marked.entries.iter().enumerate();
    let read = entries.filter(|(_, entry)| **entry == Entry::Alias);
    read.map(|(position, _)| position)
}

fn assembler(target: Target, object: usize, marked: &Marked, callee: Option<usize>) -> String {
    let mut code = load(target, &format!("own{object}"));
    for position in read(marked) {
        code += &format!("{}i32.add\n", load(target, &alias(object, position)));
    }
    let mut source = ".globaltype __memory_base, i32, immutable\n".to_owned();
    if let Some(callee) = callee {
        source += &format!(".functype f{callee} () -> (i32)\n");
        code += &format!("call f{callee}\ni32.add\n");
    }
    source += &format!(
        ".functype f{object} () -> (i32)\n.section .text.f{object},\"\",@\n.globl f{object}\n\
         .hidden f{object}\nf{object}:\n.functype f{object} () -> (i32)\n{code}end_function\n"
    );
    let own = format!(".int32 {}", own(object));
    source += &data(&format!("own{object}"), "", "", &own);
    for (position, &entry) in marked.entries.iter().enumerate() {
        let number = format!(".int32 {}", number(object, position));
        let symbol = symbol(object, position, entry);
        source += &match entry {
            Entry::Mark(_, true) => data(&symbol, "", "", &number),
            Entry::Mark(_, false) => data(&symbol, "", ".globl", &number),
            Entry::Alias => {
                let alias = alias(object, position);
                let both = format!("{number}\n.hidden {alias}\n.globl {alias}\n.size {alias}, 4");
                data(&symbol, "", ".globl", &both).replace(
                    &format!("\"{symbol}\":"),
                    &format!("\"{symbol}\":\n{alias}:"),
                )
            }
            Entry::Weak(_) => data(&symbol, "", ".weak", &number),
            Entry::Comdat(name) => data(&symbol, &format!("group{name}"), ".weak", &number),
            Entry::Segment => format!(".section NUMBERS,\"\",@\n.p2align 2\n{number}\n"),
            Entry::Custom => format!(".section .custom_section.NUMBERS,\"\",@\n{number}\n"),
        };
    }
    if marked.pointer {
        let symbol = format!("__link_section__POINTERS$${object}");
        source += &data(&symbol, "", "", &pointer(target, &format!("f{object}")));
    }
    if marked.text {
        let symbol = format!("__link_section__TEXTS$${object}");
        source += &format!(
            ".section .rodata.text,\"S\",@\ntext:\n.asciz \"{0}\"\n.size text, {1}\n",
            text(object),
            text(object).len() + 1
        );
        source += &data(&symbol, "", "", &pointer(target, "text"));
    }
    source
}

/// Code for the word at a symbol of this module.
fn load(target: Target, symbol: &str) -> String {
    match target {
        Target::Wasm32 => format!("i32.const 0\ni32.load {symbol}\n"),
        Target::Wasm64 => format!("i64.const 0\ni32.load {symbol}\n"),
        Target::Shared | Target::Pie => {
            format!("global.get __memory_base\ni32.const {symbol}@MBREL\ni32.add\ni32.load 0\n")
        }
    }
}

fn pointer(target: Target, symbol: &str) -> String {
    let directive = match target.is_wasm64() {
        true => ".int64",
        false => ".int32",
    };
    format!("{directive} {symbol}")
}

/// A symbol alone in its segment.
fn data(symbol: &str, group: &str, binding: &str, bytes: &str) -> String {
    let flags = match group {
        "" => "\"\",@".to_owned(),
        group => format!("\"G\",@,{group},comdat"),
    };
    let binding = match binding {
        "" => String::new(),
        binding => format!("{binding} \"{symbol}\"\n"),
    };
    let align = if bytes.starts_with(".int64") { 3 } else { 2 };
    format!(
        ".section \".data.{symbol}\",{flags}\n.p2align {align}\n{binding}\"{symbol}\":\n{bytes}\n\
         .size \"{symbol}\", .-\"{symbol}\"\n"
    )
}

fn c(object: usize, marked: &Marked, callee: Option<usize>) -> String {
    let mut source = format!("static volatile int own = {};\n", own(object));
    let mut result = "own".to_owned();
    for (position, &entry) in marked.entries.iter().enumerate() {
        let number = number(object, position);
        let symbol = symbol(object, position, entry);
        let variable = format!("entry{position} __asm__(\"{symbol}\")");
        source += &match entry {
            Entry::Mark(_, true) => {
                format!("static int {variable} __attribute__((used)) = {number};\n")
            }
            Entry::Mark(_, false) => format!("int {variable} = {number};\n"),
            Entry::Alias => {
                let alias = alias(object, position);
                result += &format!(" + *(volatile int *)&{alias}");
                format!(
                    "int {variable} = {number};\nextern int {alias} __attribute__((alias(\"{symbol}\")));\n"
                )
            }
            Entry::Weak(_) | Entry::Comdat(_) => {
                format!("__attribute__((weak)) int {variable} = {number};\n")
            }
            Entry::Segment => format!(
                "__attribute__((section(\"NUMBERS\"), used)) static int entry{position} = {number};\n"
            ),
            Entry::Custom => format!(
                "__asm__(\".section .custom_section.NUMBERS,\\\"\\\",@\\n.int32 {number}\\n\");\n"
            ),
        };
    }
    if let Some(callee) = callee {
        source += &format!("extern int f{callee}(void);\n");
        result += &format!(" + f{callee}()");
    }
    source += &format!("int f{object}(void) {{ return {result}; }}\n");
    if marked.pointer {
        source += &format!(
            "static int (*const pointer)(void) __asm__(\"__link_section__POINTERS$${object}\") \
             __attribute__((used)) = f{object};\n"
        );
    }
    if marked.text {
        source += &format!(
            "static const char *const text __asm__(\"__link_section__TEXTS$${object}\") \
             __attribute__((used)) = \"{}\";\n",
            text(object)
        );
    }
    if marked.init {
        source += &format!(
            "static int started;\n__attribute__((constructor)) static void start(void) {{ started += {}; }}\n\
             int init{object}(void) {{ return started; }}\n",
            object + 1
        );
    }
    source
}

fn encoded(target: Target, object: usize, marked: &Marked) -> Vec<u8> {
    let mut builder = Builder::new(target.is_wasm64(), target.is_wasm64());
    let mut segment = None;
    let numbers = |position| number(object, position).to_le_bytes();
    let mut in_segment: Vec<u8> = Vec::new();
    for (position, _) in marked
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| **entry == Entry::Segment)
    {
        in_segment.extend(numbers(position));
    }
    for (position, &entry) in marked.entries.iter().enumerate() {
        let flags = match entry {
            Entry::Mark(_, true) => SymbolFlags::BINDING_LOCAL | SymbolFlags::NO_STRIP,
            Entry::Weak(_) => SymbolFlags::BINDING_WEAK,
            Entry::Segment => {
                segment.get_or_insert_with(|| {
                    builder.segment("NUMBERS".to_owned(), 2, 0, in_segment.clone())
                });
                continue;
            }
            _ => SymbolFlags::empty(),
        };
        let name = format!(".data.entry{position}");
        let segment = builder.segment(name, 2, 0, numbers(position).to_vec());
        builder.symbol(SynthSymbol::Data {
            flags,
            name: symbol(object, position, entry).into(),
            definition: Definition {
                segment,
                offset: 0,
                size: 4,
            },
        });
    }
    builder.finish().bytes()
}
