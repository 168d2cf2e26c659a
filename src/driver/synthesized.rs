//! Adds the result of hoisting to the backend's command: the synthesized objects, the inputs of their
//! symbols, and the exports to drop.

use crate::args::CommandLine;
use crate::backend::{
    BitcodeReplacements, EMPTY_ARCHIVE, Gate, GeneratedNames, LinkCommand, RewrittenObjects,
    SynthesizedSymbols,
};
use crate::error::Result;
use crate::gather::stubs::{Finished, replacements};
use crate::hoist::{Global, Hoisted, UNIQUE};
use crate::input::{Inputs, ObjectId};
use crate::plan::Plan;
use crate::survey::dropped_exports;
use crate::temporary::cannot_write;
use crate::wasm::TOMBSTONE;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// The files of the synthesized objects, the last inputs of the backend.
pub struct SynthesizedFiles {
    gate: Option<Gate>,
    requests: Option<PathBuf>,
    object: PathBuf,
}

impl SynthesizedFiles {
    /// Places them on the command line, behind a gate if the backend may run before they are written.
    ///
    /// # Errors
    /// A file in memory that cannot be created.
    pub fn place(
        command: &mut LinkCommand<'_>,
        line: &CommandLine,
        plan: &Plan,
        gated: bool,
    ) -> Result<Self> {
        command.end_lazy_files(line);
        command.drop_arguments(dropped_exports(line));
        let gate = match gated {
            true => {
                let (path, gate) = command.gate()?;
                command.append_argument(path);
                Some(gate)
            }
            false => None,
        };
        let may_have_requests = !plan.extracted_by_command_line.is_empty();
        let requests = match may_have_requests {
            true => Some(command.append()?),
            false => None,
        };
        Ok(Self {
            gate,
            requests,
            object: command.append()?,
        })
    }

    /// Writes them.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(self, hoisted: &Hoisted<'_>) -> Result<()> {
        let object = self.object;
        let written = || -> std::io::Result<()> {
            if let Some(path) = &self.requests {
                let mut file = File::create(path)?;
                match &hoisted.requests {
                    Some(requests) => requests.write(&mut file)?,
                    None => file.write_all(EMPTY_ARCHIVE)?,
                }
            }
            hoisted.object.write(&mut File::create(&object)?)
        };
        written().map_err(|error| cannot_write(&object, &error))?;
        self.gate.map_or(Ok(()), Gate::open)
    }
}

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
    match hoisted {
        Some(hoisted) => command.show_symbols(symbols(hoisted, inputs)),
        None if inputs.is_compiled() => command.end_lazy_files(line),
        None => {}
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
