//! `--section-keep=PATTERN`: custom sections for whoever reads the module from outside. They are in the output
//! even if nothing refers to their archive member.

use super::selection::is_reserved;
use crate::args::{CommandLine, Id};
use crate::error::Result;
use crate::input::{Inputs, Module, ObjectMap};
use crate::names;
use crate::script::Glob;
use crate::wasm::{CUSTOM, Headers, Object, RelocationType, SectionIndex, SymbolKind};
use memchr::memmem;

/// The custom sections to keep.
#[derive(Debug, Default)]
pub struct Keep(Vec<Glob>);

/// The kept custom sections of an object.
#[derive(Debug)]
pub struct KeptSections {
    /// In file order.
    pub sections: Vec<KeptSection>,
    /// Whether the object has a symbol table. Without one, nothing can extract it.
    pub has_symbols: bool,
}

/// A kept custom section.
#[derive(Debug)]
pub struct KeptSection {
    /// The section.
    pub index: SectionIndex,
    /// Its name.
    pub name: String,
    /// Its COMDAT group.
    pub comdat: Option<String>,
    /// Whether it is tied to its object: it has relocations, or another section refers to an offset in it.
    pub is_tied: bool,
}

impl Keep {
    /// The custom sections that the command line selects.
    pub fn from_options(line: &CommandLine) -> Self {
        let patterns = line.values(Id::Keep);
        let patterns = patterns.map(|pattern| names::text(pattern.as_encoded_bytes()));
        Self(patterns.map(|pattern| Glob::new(&pattern)).collect())
    }

    /// Whether none is selected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether custom sections of this name are kept.
    pub fn selects(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(name)) && !is_of_linker(name)
    }

    /// The names given without wildcards that are never kept.
    pub fn reserved_names(&self) -> impl Iterator<Item = &str> {
        let literals = self.0.iter().filter_map(Glob::literal);
        literals.filter(|name| is_of_linker(name))
    }

    /// Whether the code of bitcode may contain a kept section. This searches for what the names have in common. A
    /// false positive only compiles the bitcode early.
    pub fn may_be_in(&self, code: &[u8]) -> bool {
        let contains = |text: &str| memmem::find(code, &names::bytes(text)).is_some();
        self.0.iter().any(|glob| match glob {
            Glob::Any => true,
            Glob::Literal(name) => !is_of_linker(name) && contains(name),
            Glob::Wildcard(wildcard) => contains(&wildcard.prefix) && contains(&wildcard.suffix),
        })
    }

    /// The objects that have kept sections. Reads nothing if no section is selected.
    ///
    /// # Errors
    /// A malformed object.
    pub fn sections(&self, inputs: &Inputs<'_>) -> Result<ObjectMap<KeptSections>> {
        let mut kept = ObjectMap::default();
        if self.is_empty() {
            return Ok(kept);
        }
        let modules = &inputs.modules;
        let cores = inputs.threads.for_objects(modules.len());
        let found = cores.map(modules.with_ids(), |(id, module)| (id, self.of(module)));
        for (id, found) in found {
            let module = &modules[id];
            match found {
                Err(_) if module.place.ambiguous => {}
                found => {
                    if let Some(found) = found.map_err(|error| error.in_file(&module.name))? {
                        kept.insert(id, found);
                    }
                }
            }
        }
        Ok(kept)
    }

    /// The kept sections of an object; `None` if it has none.
    fn of(&self, module: &Module<'_>) -> Result<Option<KeptSections>> {
        let bytes = module.object_bytes();
        let (mut is_object, mut has_kept) = (false, false);
        for header in Headers::of(&bytes)? {
            let header = header?;
            if header.id == CUSTOM {
                let name = header.name()?;
                is_object |= name == b"linking";
                has_kept |= self.selects(&names::text(name));
            }
        }
        if !is_object || !has_kept {
            return Ok(None);
        }
        let object = Object::parse(&bytes)?;
        let sections = object.custom_sections();
        let sections = sections.filter(|(_, section)| self.selects(&section.name));
        let sections = sections.map(|(index, section)| {
            let comdat = object.section_comdat(index);
            let comdat = comdat.and_then(|group| object.comdats.get(group as usize));
            Ok(KeptSection {
                index,
                name: section.name.as_ref().to_owned(),
                comdat: comdat.map(|&group| group.to_owned()),
                is_tied: is_tied(&object, index)?,
            })
        });
        Ok(Some(KeptSections {
            sections: sections.collect::<Result<_>>()?,
            has_symbols: !object.symbols.is_empty(),
        }))
    }
}

/// Whether a custom section is tied to its object.
fn is_tied(object: &Object<'_>, index: SectionIndex) -> Result<bool> {
    if object.relocation_section(index).is_some() {
        return Ok(true);
    }
    let names_it = |symbol: u32| {
        let symbol = object.symbols.get(symbol as usize);
        symbol.is_some_and(|symbol| matches!(symbol.kind, SymbolKind::Section(of) if of == index))
    };
    if !(0..object.symbols.len() as u32).any(names_it) {
        return Ok(false);
    }
    for (other, _) in object.custom_sections() {
        let relocations = object.relocations(other)?;
        let mut by_offset = relocations
            .iter()
            .filter(|relocation| relocation.ty == RelocationType::SectionOffsetI32);
        if by_offset.any(|relocation| names_it(relocation.index)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a custom section belongs to the linker or the compiler: the linker makes it or merges it, or it
/// describes the code of its object.
fn is_of_linker(name: &str) -> bool {
    const COMPILERS: [&str; 5] = [".llvmbc", ".llvmcmd", ".rmeta", ".rustc", "dylink.0"];
    const PREFIXES: [&str; 2] = [".debug_", "reloc."];
    is_reserved(name.as_bytes())
        || COMPILERS.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The warning for a name that is never kept.
pub fn not_kept(name: &str) -> String {
    format!(
        "--section-keep={name}: a section of that name is not kept\n\
         >>> the linker makes it, or it describes the code of its object"
    )
}
