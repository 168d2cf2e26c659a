//! Detects the kind of an input file by its first bytes.

use goblin::Hint;

/// The kind of an input file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A wasm module: an object file, a shared library or a finished module.
    Module,
    /// A WebAssembly component.
    Component,
    /// LLVM bitcode, which the backend compiles.
    Bitcode,
    /// A stub library of `wasm-ld`: text that begins with `#STUB`.
    Stub,
    /// An archive.
    Archive,
    /// A file that the backend cannot link.
    Unknown,
}

impl FileKind {
    /// Detects the kind by the magic bytes.
    pub fn of(bytes: &[u8]) -> Self {
        const BITCODE: [&[u8]; 2] = [b"BC\xc0\xde", b"\xde\xc0\x17\x0b"];
        const ARCHIVE: [&[u8]; 2] = [b"!<arch>\n", b"!<thin>\n"];
        if bytes.starts_with(b"\0asm") {
            if wasmparser::Parser::is_component(bytes) {
                FileKind::Component
            } else {
                FileKind::Module
            }
        } else if BITCODE.iter().any(|magic| bytes.starts_with(magic)) {
            FileKind::Bitcode
        } else if ARCHIVE.iter().any(|magic| bytes.starts_with(magic)) {
            FileKind::Archive
        } else if bytes.starts_with(b"#STUB") {
            FileKind::Stub
        } else {
            FileKind::Unknown
        }
    }
}

/// Describes an object of another platform, such as `an ELF file for x86_64`; `None` if unknown.
pub fn describe(bytes: &[u8]) -> Option<String> {
    let hint = goblin::peek_bytes(bytes.get(..16)?.try_into().ok()?).ok()?;
    let (machine, format) = match hint {
        Hint::Elf(_) => (elf_machine(bytes), "an ELF file"),
        Hint::Mach(_) => (mach_machine(bytes), "a Mach-O file"),
        Hint::MachFat(_) => (None, "a universal (fat) Mach-O file"),
        Hint::COFF => (coff_machine(bytes), "a COFF object"),
        Hint::PE | Hint::TE => (None, "a PE (Windows) file"),
        Hint::Archive | Hint::Unknown(_) | _ => return None,
    };
    Some(match machine {
        Some(machine) => format!("{format} for {}", machine.to_ascii_lowercase()),
        None => format.to_owned(),
    })
}

fn elf_machine(bytes: &[u8]) -> Option<&'static str> {
    let header = goblin::elf::Elf::parse_header(bytes).ok()?;
    Some(goblin::elf::header::machine_to_str(header.e_machine))
}

fn mach_machine(bytes: &[u8]) -> Option<&'static str> {
    let header = goblin::mach::MachO::parse_lossy(bytes, 0).ok()?.header;
    goblin::mach::cputype::get_arch_name_from_types(header.cputype(), header.cpusubtype())
}

fn coff_machine(bytes: &[u8]) -> Option<&'static str> {
    let header = goblin::pe::header::CoffHeader::parse(bytes, &mut 0).ok()?;
    Some(goblin::pe::header::machine_to_str(header.machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_their_first_bytes() {
        assert_eq!(FileKind::of(b"\0asm\x01\0\0\0"), FileKind::Module);
        assert_eq!(FileKind::of(b"\0asm\x0d\0\x01\0"), FileKind::Component);
        assert_eq!(FileKind::of(b"!<thin>\n"), FileKind::Archive);
        assert_eq!(FileKind::of(b"BC\xc0\xde"), FileKind::Bitcode);
        assert_eq!(FileKind::of(b"#STUB\n"), FileKind::Stub);
        assert_eq!(FileKind::of(b""), FileKind::Unknown);
    }

    #[test]
    fn short_and_unknown_bytes_have_no_description() {
        assert_eq!(describe(b"\x7fELF"), None);
        assert_eq!(describe(&[7; 64]), None);
    }
}
