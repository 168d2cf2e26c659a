//! Objects such as a compiler makes of registrations, made by us as there are too many for one: each
//! entry is a name, its length and a function.

use crate::Result;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_section_ld::wasm::{
    Builder, Definition, SegmentIndex, Signature, SymbolIndex, SynthSymbol,
};
use wasmparser::{RelocationType, SymbolFlags, ValType};

/// How an entry says of which section it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By the name of its symbol: for us.
    Marks,
    /// By the name of its segment, which the backend gathers by itself.
    Segments,
}

/// The words of a link of so many objects with so many entries each.
pub fn objects(work: &Path, objects: usize, entries: usize, naming: Naming) -> Result<Vec<String>> {
    let kind = match naming {
        Naming::Marks => "marks",
        Naming::Segments => "segments",
    };
    let directory = work.join(format!("{objects}x{entries}-{kind}"));
    let mut files: Vec<PathBuf> = vec![directory.join("main.o")];
    files.extend((0..objects).map(|index| directory.join(format!("object-{index}.o"))));
    let done = directory.join("done");
    if !done.exists() {
        fs::create_dir_all(&directory)?;
        for (index, file) in files.iter().enumerate() {
            let bytes = match index {
                0 => reader(),
                _ => object(index, entries, naming),
            };
            fs::write(file, bytes)?;
        }
        fs::write(&done, b"")?;
    }
    // As build systems do where there are many.
    let response = directory.join("words");
    let mut words = String::new();
    for file in &files {
        writeln!(words, "\"{}\"", file.display())?;
    }
    fs::write(&response, words)?;
    let flags = [
        "--no-entry",
        "--allow-undefined",
        "--export=__start_PLUGINS",
        "--export=__stop_PLUGINS",
    ];
    let mut words: Vec<String> = flags.map(str::to_owned).to_vec();
    words.push(format!("@{}", response.display()));
    Ok(words)
}

/// Who refers to the array: without that the backend does not make its ends.
fn reader() -> Vec<u8> {
    let mut builder = Builder::new(false, false);
    let segment = builder.segment(".data.ends", 2, RETAIN, vec![0; 8]);
    for (offset, name) in [(0, "__start_PLUGINS"), (4, "__stop_PLUGINS")] {
        let symbol = builder.symbol(SynthSymbol::UndefinedData {
            flags: SymbolFlags::UNDEFINED,
            name: name.into(),
        });
        builder.relocate(segment, RelocationType::MemoryAddrI32, offset, symbol, 0);
    }
    builder.finish().bytes()
}

/// `WASM_SEG_FLAG_RETAIN` of Linking.md: what `used` means.
const RETAIN: u32 = 4;

/// An object with so many entries, told from others by `index`.
pub fn object(index: usize, entries: usize, naming: Naming) -> Vec<u8> {
    let mut builder = Builder::new(false, false);
    let signature = Signature::new([ValType::I32], [ValType::I32]);
    // A function for a hundred entries: that many are not in real objects either.
    let functions: Vec<SymbolIndex> = (0..entries.div_ceil(100))
        .map(|function| {
            let function = builder.import("env", &format!("run_{function}"), &signature);
            builder.symbol(SynthSymbol::UndefinedFunction {
                flags: SymbolFlags::UNDEFINED,
                name: None,
                function,
            })
        })
        .collect();
    for entry in 0..entries {
        let text = format!("plugin {index} {entry}");
        let name = local(
            &mut builder,
            format!(".L.str.{entry}"),
            ".rodata..L.str",
            0,
            text.as_bytes(),
        );
        let mut bytes = [0; 12];
        bytes[4] = text.len() as u8;
        let mark = format!("__link_section__PLUGINS$$object_{index}::entry_{entry}");
        let segment = match naming {
            Naming::Marks => format!(".rodata.{mark}"),
            Naming::Segments => "PLUGINS".to_owned(),
        };
        let segment = builder.segment(segment, 2, RETAIN, bytes.to_vec());
        builder.symbol(SynthSymbol::Data {
            flags: SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::NO_STRIP,
            name: mark.into(),
            definition: whole(segment, bytes.len()),
        });
        builder.relocate(segment, RelocationType::MemoryAddrI32, 0, name, 0);
        builder.relocate(
            segment,
            RelocationType::TableIndexI32,
            8,
            functions[entry / 100],
            0,
        );
    }
    builder.finish().bytes()
}

fn local(
    builder: &mut Builder,
    name: String,
    segment: &str,
    alignment: u32,
    bytes: &[u8],
) -> SymbolIndex {
    let segment = builder.segment(segment.to_owned(), alignment, 0, bytes.to_vec());
    builder.symbol(SynthSymbol::Data {
        flags: SymbolFlags::BINDING_LOCAL,
        name: name.into(),
        definition: whole(segment, bytes.len()),
    })
}

fn whole(segment: SegmentIndex, size: usize) -> Definition {
    Definition {
        segment,
        offset: 0,
        size: size as u32,
    }
}
