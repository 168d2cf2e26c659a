//! A linker that parses every input object and encodes it anew without an edit, and then runs the
//! backend. It gathers nothing.
//!
//! The output must be that of the plain link. So all the code that reads and writes objects is tested
//! with inputs that have nothing to gather: lld's own tests (`ci/lld-tests`), and links at random
//! (`tests/differential/plain.rs`).

use std::collections::HashSet;
use std::ffi::OsString;
use std::process::ExitCode;
use wasm_section_ld::args::{CommandLine, Id};
use wasm_section_ld::backend::{
    Backend, Batches, ExitStatus, Invocation, LinkCommand, RewrittenObjects, Sharing,
};
use wasm_section_ld::driver::{self, Diagnostics};
use wasm_section_ld::error::Result;
use wasm_section_ld::input::{Index, Inputs, Module, Modules, Named, ObjectId};
use wasm_section_ld::parallel::Threads;
use wasm_section_ld::wasm::{Edits, Object, Sections};

fn main() -> ExitCode {
    driver::run(std::env::args_os(), link)
}

fn link(diagnostics: &Diagnostics, argv: Vec<OsString>) -> Result<ExitStatus> {
    let line = CommandLine::parse(argv.clone())?;
    let has_no_inputs = [Id::Help, Id::Version, Id::VersionAndLink];
    if has_no_inputs.into_iter().any(|id| line.has(id)) || line.missing_value().is_some() {
        return driver::link(diagnostics, argv);
    }
    diagnostics.set_colors(&line);
    let backend = Backend::find(&line, None)?;
    let files = Named::by(&line, &|| backend.shared_libraries()).open(&Threads::default())?;
    let inputs = Inputs::of(&files)?;
    let objects = objects(&inputs.modules)?;
    let mut command = LinkCommand::new(line.output())?;
    let ids = objects.iter().copied();
    let batches = Batches::of(&files, &inputs, ids, Sharing::Members, &HashSet::default());
    let mut rewritten =
        RewrittenObjects::place(&mut command, batches, false, Index::Full, &files, &inputs)?;
    for id in objects {
        let module = &inputs.modules[id];
        rewritten.add(module, reencode(module)?)?;
    }
    driver::complete(&mut command, rewritten, &line, &inputs, None)?;
    command.write_pipe_inputs(&files)?;
    let mut invocation = Invocation::new(&line, &backend);
    invocation.set_command(&mut command)?;
    let status = invocation.run(command.names(), false)?;
    command.map_reports(&line)?;
    Ok(status)
}

/// The objects among the modules; the others are linked modules and stubs.
fn objects(modules: &Modules<'_>) -> Result<Vec<ObjectId>> {
    let mut objects = Vec::new();
    for (id, module) in modules.with_ids() {
        let is_object = is_object(module).map_err(|error| error.in_file(&module.name))?;
        objects.extend(is_object.then_some(id));
    }
    Ok(objects)
}

fn is_object(module: &Module<'_>) -> Result<bool> {
    for section in Sections::of(&module.object_bytes())? {
        if section?.name == "linking" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn reencode(module: &Module<'_>) -> Result<Vec<u8>> {
    let edits = Edits {
        reencode: true,
        ..Edits::default()
    };
    let bytes = module.object_bytes();
    let encoded = Object::parse(&bytes).and_then(|object| edits.apply(&object));
    encoded.map_err(|error| error.in_file(&module.name))
}
