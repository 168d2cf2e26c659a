//! Objects, command lines and scripts for unit tests, which need no toolchain.

use super::{Plan, Resolved, Resolver, plan, resolve};
use crate::args::CommandLine;
use crate::error::Result;
use crate::input::{Bytes, Inputs, Module, Name, Place, Provenance};
use crate::script::{Script, Source};
use crate::survey::{self, Survey};
use crate::wasm::{Builder, Definition, SymbolFlags, SynthSymbol};
use std::iter;
use std::path::Path;

/// A data segment with one symbol that names all of it.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    pub segment: &'a str,
    pub segment_flags: u32,
    pub symbol: &'a str,
    pub flags: SymbolFlags,
    pub size: u32,
    /// As a power of two.
    pub alignment: u32,
}

impl<'a> Data<'a> {
    /// Four bytes, aligned to four, with a strong symbol.
    pub fn new(segment: &'a str, symbol: &'a str) -> Self {
        Self {
            segment,
            segment_flags: 0,
            symbol,
            flags: SymbolFlags::empty(),
            size: 4,
            alignment: 2,
        }
    }

    pub fn flags(self, flags: SymbolFlags) -> Self {
        Self { flags, ..self }
    }

    pub fn weak(self) -> Self {
        self.flags(SymbolFlags::BINDING_WEAK)
    }

    pub fn size(self, size: u32, alignment: u32) -> Self {
        Self {
            size,
            alignment,
            ..self
        }
    }
}

/// An object that defines `data` and has strong references to `references`.
pub fn object(data: &[Data<'_>], references: &[&str]) -> Vec<u8> {
    let undefined: Vec<_> = references
        .iter()
        .map(|name| (*name, SymbolFlags::UNDEFINED))
        .collect();
    object_with(data, &undefined)
}

/// An object that defines `data` and has undefined symbols.
pub fn object_with(data: &[Data<'_>], undefined: &[(&str, SymbolFlags)]) -> Vec<u8> {
    let mut builder = Builder::new(false, false);
    for &(name, flags) in undefined {
        let name = name.to_owned().into();
        builder.symbol(SynthSymbol::UndefinedData { flags, name });
    }
    for one in data {
        let bytes = vec![1; one.size as usize];
        let name = one.segment.to_owned();
        let segment = builder.segment(name, one.alignment, one.segment_flags, bytes);
        builder.symbol(SynthSymbol::Data {
            flags: one.flags,
            name: one.symbol.to_owned().into(),
            definition: Definition {
                segment,
                offset: 0,
                size: one.size,
            },
        });
    }
    builder.finish().bytes()
}

/// The inputs of a link: files such as `a.o`, and archive members such as `lib.a(a.o)`.
pub struct TestLink<'a> {
    pub line: CommandLine,
    pub inputs: Inputs<'a>,
    pub script: Script,
}

impl<'a> TestLink<'a> {
    pub fn new(options: &[&str], objects: &'a [(&str, Vec<u8>)]) -> Self {
        let words = iter::once("test.o").chain(options.iter().copied());
        let line = CommandLine::parse(words.map(Into::into).collect()).expect("a command line");
        let (argument, _) = line.arguments().next().expect("an argument");
        let module = |(name, bytes): &'a (&str, Vec<u8>)| {
            let member = name.strip_suffix(')').and_then(|name| name.split_once('('));
            let (file, member, provenance) = match member {
                Some((file, member)) => (file, Some(member.to_owned()), Provenance::Member),
                None => (*name, None, Provenance::File),
            };
            Module {
                name: Name::new(Path::new(file).into(), member),
                bytes: Bytes::Here(bytes),
                place: Place::at(argument),
                provenance,
            }
        };
        Self {
            inputs: Inputs {
                modules: objects.iter().map(module).collect(),
                ..Inputs::default()
            },
            line,
            script: Script::default(),
        }
    }

    pub fn script(self, text: &str) -> Self {
        let script = Script::parse(Source::new("test.ld", text), &[]).expect("a script");
        Self { script, ..self }
    }

    pub fn survey(&self) -> Survey<'a> {
        survey::survey(&self.line, &self.script, &self.inputs).expect("a survey")
    }

    pub fn resolve(&self, survey: &Survey<'_>, retains: bool) -> Resolved {
        let resolver = Resolver::new(survey, &self.inputs, &self.line);
        resolve(&resolver, survey, &self.inputs.modules, &[], || retains)
    }

    pub fn plan(&self) -> Result<Plan> {
        let survey = self.survey();
        let resolved = self.resolve(&survey, true);
        plan(&survey, &self.inputs, &self.script, &resolved)
    }
}
