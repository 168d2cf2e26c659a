//! Opens a file: a core module, or a component with the core modules in it.

use std::ops::Range;
use std::path::Path;
use wasm_section_ld::error::{Error, Result, os_message};
use wasmparser::{Encoding, Parser, Payload};

/// An open file.
pub struct File {
    bytes: Vec<u8>,
    /// The label and the range of each core module.
    modules: Vec<(String, Range<usize>)>,
}

/// A core module of a file.
#[derive(Clone, Copy)]
pub struct CoreModule<'a> {
    /// Which module of the file it is: `module 0` in a component, empty if it is the file itself.
    pub label: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The offset of its first byte in the file.
    pub offset: u64,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or is neither a WebAssembly module nor a component.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| {
            Error::new(format!("cannot read the file: {}", os_message(&error)))
                .in_file(path.display())
        })?;
        let modules = modules(&bytes).map_err(|error| error.in_file(path.display()))?;
        Ok(Self { bytes, modules })
    }

    /// The core modules, in the order of the file.
    pub fn modules(&self) -> impl Iterator<Item = CoreModule<'_>> {
        self.modules.iter().filter_map(|(label, range)| {
            Some(CoreModule {
                label,
                bytes: self.bytes.get(range.clone())?,
                offset: range.start as u64,
            })
        })
    }
}

fn modules(bytes: &[u8]) -> Result<Vec<(String, Range<usize>)>> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::new(
            "this is not a WebAssembly module: it does not begin with `\\0asm`",
        )
        .note("pass the output of the linker; assemble a text file (.wat) first"));
    }
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            // In a component, the version of the component comes first.
            Payload::Version {
                encoding: Encoding::Module,
                range,
                ..
            } if range.start == 0 => {
                return Ok(vec![(String::new(), 0..bytes.len())]);
            }
            Payload::ModuleSection {
                unchecked_range: range,
                ..
            } => {
                let label = format!("module {}", found.len());
                found.push((label, range.start as usize..range.end as usize));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// An error of the parser.
pub fn damaged(error: wasmparser::Error) -> Error {
    Error::new(error.message())
        .at(error.offset())
        .note("the module is damaged: link it again")
}
