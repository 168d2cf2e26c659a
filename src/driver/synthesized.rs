//! Adds the result of hoisting to the backend's command: the synthesized objects, the inputs of their
//! symbols, and the exports to drop.

use crate::args::CommandLine;
use crate::backend::{
    BitcodeReplacements, GeneratedNames, LinkCommand, RewrittenObjects, SynthesizedSymbols,
};
use crate::error::Result;
use crate::gather::stubs::{Finished, replacements};
use crate::hoist::{Global, Hoisted, UNIQUE};
use crate::input::{Inputs, ObjectId};
use crate::survey::dropped_exports;
use crate::wasm::TOMBSTONE;

/// Completes the command after all rewritten `objects` have been added.
///
/// # Errors
/// A file that cannot be written.
pub fn complete<'a>(
    command: &mut LinkCommand<'a>,
    objects: RewrittenObjects<'a>,
    line: &CommandLine,
    inputs: &'a Inputs<'a>,
    hoisted: Option<&'a Hoisted<'a>>,
) -> Result<()> {
    if hoisted.is_some() || inputs.is_compiled() {
        command.end_lazy_files(line);
    }
    if let Some(hoisted) = hoisted {
        for object in hoisted.requests.iter().chain([&hoisted.object]) {
            command.append(|file| object.write(file))?;
        }
        command.show_symbols(symbols(hoisted, inputs));
        command.drop_arguments(dropped_exports(line));
    }
    if inputs.is_compiled() {
        command.drop_lto_object_path(line);
    }
    let finished = Finished::new(inputs, hoisted);
    let bitcode = BitcodeReplacements {
        objects: replacements(inputs),
        finish: &|module, bytes| finished.object(module, bytes),
    };
    objects.finish(command, &bitcode)
}

/// The inputs of the symbols of the synthesized object.
fn symbols<'a>(hoisted: &'a Hoisted<'a>, inputs: &'a Inputs<'a>) -> SynthesizedSymbols<'a> {
    let (globals, modules) = (&hoisted.globals, &inputs.modules);
    let origin = |(name, global): (&'a String, &'a Global)| {
        let origin = global.origin.map(ObjectId::position);
        (name.clone(), origin)
    };
    SynthesizedSymbols {
        origins: Box::new(move || globals.iter().map(origin).collect()),
        input_name: Box::new(|input| {
            modules
                .get(input)
                .map_or_else(String::new, |module| module.name.to_string())
        }),
        inputs: modules.len(),
        added: GeneratedNames {
            tombstone: TOMBSTONE,
            unique: UNIQUE,
        },
    }
}
