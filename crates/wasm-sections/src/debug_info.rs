//! The debug information of a module (DWARF in custom sections): which functions were compiled into another one.

use addr2line::gimli::{Dwarf, EndianSlice, Error, LittleEndian};
use std::collections::BTreeMap;

/// The custom sections, by name.
pub type Sections<'a> = BTreeMap<&'a str, &'a [u8]>;

/// The debug information.
pub struct DebugInfo<'a>(addr2line::Context<EndianSlice<'a, LittleEndian>>);

/// A function at an address, and the line that is executed in it.
pub struct Frame {
    /// Its symbol, or else its name without a path.
    pub name: String,
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl<'a> DebugInfo<'a> {
    /// Reads it. None if there is none, or if it is damaged.
    pub fn read(sections: &Sections<'a>) -> Option<Self> {
        sections.get(".debug_info")?;
        let dwarf = Dwarf::load(|id| {
            let bytes = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, Error>(EndianSlice::new(bytes, LittleEndian))
        });
        addr2line::Context::from_dwarf(dwarf.ok()?).ok().map(Self)
    }

    /// The functions at an address, the outermost first: each but the first was compiled into the one before it. The
    /// address counts from the start of the code section.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let mut found = Vec::new();
        let Ok(mut frames) = self.0.find_frames(address).skip_all_loads() else {
            return found;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.raw_name().ok());
            let location = frame.location.as_ref();
            found.push(Frame {
                name: name.map(Into::into).unwrap_or_default(),
                file: location.and_then(|at| at.file).map(str::to_owned),
                line: location.and_then(|at| at.line),
            });
        }
        found.reverse();
        found
    }
}
