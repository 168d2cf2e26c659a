//! The relocations of moved entries: re-based, and those of custom sections made into what means
//! the same in memory.

use super::sections::check_kind;
use super::source::Source;
use super::{Base, Global, Hoist, Target, global_name};
use crate::error::{Error, Result};
use crate::input::Module;
use crate::survey::{Entry, Origin};
use crate::wasm::{
    FunctionIndex, Object, Relocation, RelocationType, SegmentIndex, SymbolFlags, SymbolIndex,
    SymbolKind, SynthSymbol,
};
use std::borrow::Cow;

impl<'a> Hoist<'_, 'a> {
    /// Gives the synthesized object an entry's relocations, for the entry at `offset` of `segment`.
    pub(super) fn relocate(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        entry: &Entry,
        offset: u32,
        segment: SegmentIndex,
    ) -> Result<()> {
        let section = self.survey.section(entry);
        let (base, relocations) = match entry.origin {
            Origin::Custom(from) => {
                let section_of = &object.sections[from.position()];
                let start = section_of.content_start() as u64;
                let converted = object.relocations(from)?.into_iter().map(|relocation| {
                    in_memory(relocation, section_of.name)
                        .map_err(|error| error.at(start + u64::from(relocation.offset)))
                });
                (0, Cow::Owned(converted.collect::<Result<Vec<_>>>()?))
            }
            Origin::Segment(from) | Origin::Symbol(from, _) => {
                let base = object.segment(from).offset + entry.start();
                let end = base as usize + entry.size as usize;
                let relocations = object.relocations_within(from, entry.range())?;
                for relocation in relocations {
                    let start = relocation.offset as usize;
                    check_in_entry(relocation, end - start, section)
                        .map_err(|error| error.at(object.data_start() + start as u64))?;
                }
                (base, Cow::Borrowed(relocations))
            }
        };
        for relocation in relocations.iter() {
            self.check_base(object, entry, relocation)?;
            let offset = offset + (relocation.offset - base);
            self.give(object, source, relocation, (segment, offset))?;
        }
        Ok(())
    }

    /// A distance is the same wherever a module is loaded, but none of the backends writes one into the
    /// data of a position-independent module: 14 to 19 add the base to it, and 22 refuses it without a
    /// word of where it is.
    fn check_base(
        &self,
        object: &Object<'_>,
        entry: &Entry,
        relocation: &Relocation,
    ) -> Result<()> {
        let is_distance = relocation.ty == RelocationType::MemoryAddrLocrelI32;
        if self.output.base == Base::Zero || !is_distance {
            return Ok(());
        }
        let start = match entry.origin {
            Origin::Custom(section) => object.sections[section.position()].content_start() as u64,
            Origin::Segment(_) | Origin::Symbol(..) => object.data_start(),
        };
        Err(Error::new(format!(
            "an entry of section `{}` holds its distance to `{}`, which wasm-ld cannot write into a \
             position-independent module",
            self.survey.section(entry),
            object.symbol(relocation.symbol()).name
        ))
        .at(start + u64::from(relocation.offset))
        .note("let it hold the address itself: whoever loads the module puts it right"))
    }

    /// Gives the synthesized object a relocation of an input, for what is at that offset of that segment.
    pub(super) fn give(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        relocation: &Relocation,
        (segment, offset): (SegmentIndex, u32),
    ) -> Result<()> {
        let target = self.target(object, source, relocation.symbol())?;
        let (ty, addend) = (relocation.ty, relocation.addend.wrapping_add(target.addend));
        self.builder
            .relocate(segment, ty, offset, target.symbol, addend);
        Ok(())
    }

    /// What the synthesized object calls what a symbol of an input names.
    fn target(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        index: SymbolIndex,
    ) -> Result<Target> {
        if let Some(known) = source.standing_for(index) {
            return Ok(known.into());
        }
        let symbol = object.symbol(index);
        if let Some((segment, range)) = symbol.definition()
            && source.leaving.goes_along(segment)
        {
            return self.target_along(object, source, index, (segment, range));
        }
        self.target_elsewhere(object, source, index)
            .map(Target::from)
    }

    /// What stays in its object, or is not there but elsewhere.
    fn target_elsewhere(
        &mut self,
        object: &Object<'_>,
        source: &mut Source<'a>,
        index: SymbolIndex,
    ) -> Result<SymbolIndex> {
        let symbol = object.symbol(index);
        let name = global_name(object, source.id, index);
        let synthesized = self.reference(object, source, index, &name)?;
        if symbol.is_local() {
            source.aliases.push((index, name.into_owned()));
        }
        source.stands_for(index, synthesized);
        Ok(synthesized)
    }

    /// The symbol by which the synthesized object refers to `name`. A strong reference makes a weak one
    /// strong.
    fn reference(
        &mut self,
        object: &Object<'_>,
        source: &Source<'a>,
        index: SymbolIndex,
        name: &str,
    ) -> Result<SymbolIndex> {
        let symbol = object.symbol(index);
        let is_data = symbol.is_data();
        let is_weak = symbol.is_undefined() && symbol.is_weak();
        let binding = match is_weak {
            true => SymbolFlags::BINDING_WEAK,
            false => SymbolFlags::empty(),
        };
        let known = self.globals.get(name).copied();
        if let Some(known) = known {
            check_kind(&known, is_data, symbol.name)?;
            if !is_weak && !known.is_defined {
                self.builder.strengthen(known.symbol);
            }
        }
        let SymbolKind::Function(function) = symbol.kind else {
            if let Some(known) = known {
                return Ok(known.symbol);
            }
            let flags = binding | SymbolFlags::UNDEFINED;
            let name = source.kept_name(name);
            let symbol = self
                .builder
                .symbol(SynthSymbol::UndefinedData { flags, name });
            return Ok(self.refer(symbol, source, index, object));
        };
        let is_import = symbol.is_undefined();
        if let Some(known) = known {
            let signature = object.signature(function);
            if self.builder.signature(known.symbol) != Some(signature) {
                self.mismatched.insert(name.to_owned(), known.symbol);
            }
            return Ok(known.symbol);
        }
        let flags = binding | SymbolFlags::UNDEFINED;
        let kept = source.kept_name(name);
        let reference = self.undefined_function(object, function, is_import, &kept, flags);
        let reference = self.builder.symbol(reference);
        Ok(self.refer(reference, source, index, object))
    }

    /// Gives references to functions the signature that the definition has, where objects declare a
    /// function with several: one reference stands for all, and the backend makes a function that traps of
    /// a reference with another signature than the definition's.
    pub(super) fn agree_on_signatures(&mut self, modules: &[Module<'_>]) {
        if self.mismatched.is_empty() {
            return;
        }
        for module in modules {
            let bytes = module.load().unwrap_or_default();
            let Ok(object) = Object::parse(&bytes) else {
                continue;
            };
            for symbol in &object.symbols {
                if let SymbolKind::Function(function) = symbol.kind
                    && !symbol.is_undefined()
                    && !symbol.is_local()
                    && let Some(reference) = self.mismatched.remove(symbol.name)
                {
                    let signature = object.signature(function);
                    self.builder.set_signature(reference, signature);
                }
            }
        }
    }

    /// Remembers the first reference to a name.
    fn refer(
        &mut self,
        symbol: SymbolIndex,
        source: &Source<'a>,
        index: SymbolIndex,
        object: &Object<'_>,
    ) -> SymbolIndex {
        let global = Global {
            symbol,
            is_data: object.symbol(index).is_data(),
            is_defined: false,
            origin: Some(source.id),
        };
        let name = global_name(object, source.id, index);
        self.globals.insert(name.into_owned(), global);
        symbol
    }

    /// A function elsewhere: imported as the object imports it, or by its name from the others.
    fn undefined_function(
        &mut self,
        object: &Object<'_>,
        function: FunctionIndex,
        is_import: bool,
        name: &Cow<'a, str>,
        flags: SymbolFlags,
    ) -> SynthSymbol<'a> {
        let signature = object.signature(function).clone();
        let (module, field) = match object.import(function) {
            Some(import) if is_import => import,
            _ => ("env", name.as_ref()),
        };
        let function = self.builder.import(module, field, &signature);
        let explicit = field != name.as_ref();
        SynthSymbol::UndefinedFunction {
            flags: if explicit {
                flags | SymbolFlags::EXPLICIT_NAME
            } else {
                flags
            },
            name: explicit.then(|| name.clone()),
            function,
        }
    }
}

/// The relocation that means in memory what `relocation` means in a custom section.
///
/// A function there is an offset into the code section, which is no pointer: in memory a function
/// is its index in the table.
fn in_memory(relocation: Relocation, section: &str) -> Result<Relocation> {
    use RelocationType::*;
    let ty = match relocation.ty {
        FunctionOffsetI32 => TableIndexI32,
        FunctionOffsetI64 => TableIndexI64,
        MemoryAddrI32 | MemoryAddrI64 | MemoryAddrLocrelI32 | TableIndexI32 | TableIndexI64 => {
            relocation.ty
        }
        SectionOffsetI32 => return Err(meaningless(section, "an offset into a custom section")),
        GlobalIndexI32 => return Err(meaningless(section, "the index of a wasm global")),
        FunctionIndexI32 => return Err(meaningless(section, "the index of a function")),
        other => {
            let what = format!("what relocation {other:?} gives");
            return Err(meaningless(section, &what));
        }
    };
    if ty != relocation.ty && relocation.addend != 0 {
        return Err(meaningless(section, "a place inside a function's code"));
    }
    Ok(Relocation {
        ty,
        addend: if ty == relocation.ty {
            relocation.addend
        } else {
            0
        },
        ..relocation
    })
}

/// Of a data segment's relocations only those of pointers can be, `room` bytes before the end of
/// their entry.
fn check_in_entry(relocation: &Relocation, room: usize, section: &str) -> Result<()> {
    use RelocationType::*;
    let size = match relocation.ty {
        MemoryAddrI32 | MemoryAddrLocrelI32 | TableIndexI32 => 4,
        MemoryAddrI64 | TableIndexI64 => 8,
        other => {
            let what = format!("what relocation {other:?} gives");
            return Err(meaningless(section, &what));
        }
    };
    if size > room {
        return Err(Error::damaged(format!(
            "a relocation goes beyond the end of its entry of section `{section}`"
        )));
    }
    Ok(())
}

fn meaningless(section: &str, what: &str) -> Error {
    Error::new(format!(
        "an entry of section `{section}` holds {what}, which has no meaning in linear memory"
    ))
    .note("an entry may hold addresses of data and of functions")
}
