//! What is seen of a module that runs: the arrays, and what functions give.

use super::target::Target;
use crate::support::{Instance, Work};
use std::collections::BTreeSet;
use std::fs;
use wasmparser::{Parser, Payload};

/// The arrays of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrays {
    pub numbers: Vec<u32>,
    /// What the functions give that it points to.
    pub pointers: Vec<u32>,
    pub texts: Vec<String>,
}

/// What is seen of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What functions give, called in this order.
    pub results: Vec<u32>,
    pub arrays: Arrays,
}

/// Calls `functions`, and reads the arrays of the sections that are exported.
pub fn observe(work: &Work, target: Target, module: &[u8], functions: &[String]) -> Observed {
    match target.is_pic() {
        true => loaded(work, module, functions),
        false => instantiated(target, module, functions),
    }
}

fn instantiated(target: Target, module: &[u8], functions: &[String]) -> Observed {
    let mut instance = Instance::new(module);
    let exports = instance.exports();
    let is_there = |section: &str| exports.contains(&format!("__start_{section}"));
    let words = |instance: &Instance, section| match is_there(section) {
        true => instance.words(section),
        false => Vec::new(),
    };
    let size = if target.is_wasm64() { 2 } else { 1 };
    let low = |words: Vec<u32>| words.into_iter().step_by(size);
    let numbers = words(&instance, "NUMBERS");
    let texts = low(words(&instance, "TEXTS")).map(|text| instance.string(text));
    let texts = texts.collect();
    let called = functions.iter().map(|name| instance.call(name, &[]) as u32);
    let results = called.collect();
    let pointers = low(words(&instance, "POINTERS"));
    let pointers = pointers.map(|pointer| instance.call_pointer(pointer, &[]) as u32);
    let pointers = pointers.collect();
    Observed {
        results,
        arrays: Arrays {
            numbers,
            pointers,
            texts,
        },
    }
}

const LOAD: &str = r#"
    import { Program } from "support/dylink.mjs";
    import { readFileSync } from "node:fs";
    const program = new Program({ host: { give: () => 0 } });
    const [{ exports, memoryBase }] = program.load([readFileSync("loaded.wasm")]);
    const words = (section) => {
      const [start, stop] = ["__start_", "__stop_"].map((name) => exports[name + section]);
      if (start === undefined) return [];
      const words = [];
      for (let at = start.value; at < stop.value; at += 4) words.push(program.word(memoryBase + at));
      return words;
    };
    console.log(words("NUMBERS").join(","));
    console.log(words("TEXTS").map((text) => program.string(text)).join(","));
    console.log(FUNCTIONS.map((name) => exports[name]()).join(","));
    console.log(words("POINTERS").map((pointer) => program.call(pointer)).join(","));
"#;

/// By a loader, at an odd place.
fn loaded(work: &Work, module: &[u8], functions: &[String]) -> Observed {
    fs::write(work.file("loaded.wasm"), module).expect("a module");
    let printed = work.node(&[], &LOAD.replace("FUNCTIONS", &format!("{functions:?}")));
    let mut lines = printed.lines();
    let mut line = || {
        let line = lines.next().expect("a line").to_owned();
        let items = line.split(',').filter(|item| !item.is_empty());
        items.map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |item: &String| item.parse().expect("a number");
    let (numbers, texts, results, pointers) = (line(), line(), line(), line());
    Observed {
        results: results.iter().map(number).collect(),
        arrays: Arrays {
            numbers: numbers.iter().map(number).collect(),
            pointers: pointers.iter().map(number).collect(),
            texts,
        },
    }
}

/// What a module imports and exports, but for what the arrays need and the marks.
pub fn externals(module: &[u8]) -> BTreeSet<String> {
    let mut externals = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.expect("a module") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("an import");
                    externals.insert(format!("import {}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("an export");
                    externals.insert(format!("export {:?} {}", export.kind, export.name));
                }
            }
            _ => {}
        }
    }
    // Pointers in arrays of a position-independent module need both.
    const OF_POINTERS: [&str; 2] = [
        "import env.__indirect_function_table",
        "export Func __wasm_apply_data_relocs",
    ];
    externals.retain(|name| {
        let of_arrays = name.contains(" __st") || OF_POINTERS.contains(&name.as_str());
        !of_arrays && !name.contains("__link_section__")
    });
    externals
}
