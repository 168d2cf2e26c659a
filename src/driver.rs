//! The driver: from the arguments to the output, step by step. [`gather`] decides what
//! happens to sections. [`backend`] runs the linker.

mod diagnostics;
mod help;
mod kept;
mod log;
mod map_lines;
mod refusal;
mod synthesized;

use crate::args::{CommandLine, Id};
use crate::backend::{
    self, Backend, Batches, BitcodeWithEntries, Compiled, ExitStatus, Invocation, LinkCommand,
    RewrittenObjects, Sharing,
};
use crate::error::{Error, Result};
use crate::gather::{self, Options};
use crate::heap;
use crate::hoist::{self, Hoisted, Sink};
use crate::input::{Files, Inputs, Modules, Named, ObjectId};
use crate::interrupt;
use crate::parallel::Threads;
use crate::plan::{self, Plan, Rewrites, Undeclared};
use crate::script::Script;
use crate::survey::Survey;
pub use diagnostics::Diagnostics;
use log::{Clock, Log};
use refusal::{reject_missing_value, reject_reserved, report_errors, verify_inputs_unchanged};
use std::ffi::OsString;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;
use synthesized::SynthesizedFiles;
pub use synthesized::complete;

/// The environment variable for `--section-manifest`.
const MANIFEST: &str = "WASM_SECTION_LD_MANIFEST";

/// Runs the linker with `argv`, the program's name first.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    run(argv, link)
}

/// Runs `link` with the arguments, and reports its result as messages and the exit status of the program.
pub fn run(
    argv: impl IntoIterator<Item = OsString>,
    link: impl FnOnce(&Diagnostics, Vec<OsString>) -> Result<ExitStatus>,
) -> ExitCode {
    let mut argv = argv.into_iter();
    let diagnostics = Diagnostics::new(argv.next());
    let argv = argv.collect();
    #[cfg(windows)]
    let argv = crate::args::expand_wildcards(argv);
    let status = link(&diagnostics, argv);
    interrupt::wait_if_exiting();
    match status {
        Ok(ExitStatus::Interrupted(signal)) => interrupt::exit_by_signal(signal),
        Ok(ExitStatus::Code(status)) => ExitCode::from(status),
        Ok(ExitStatus::Signal(backend, signal)) => {
            diagnostics.error(&ended_by_signal(&backend, signal));
            interrupt::exit_as_after(signal)
        }
        Err(error) => {
            error.all().for_each(|error| diagnostics.error(error));
            ExitCode::FAILURE
        }
    }
}

/// Links. The results of the phases are not dropped: the process ends soon, and the system frees all memory at once.
///
/// # Errors
/// Errors in the inputs or the arguments that the backend does not report.
pub fn link(diagnostics: &Diagnostics, argv: Vec<OsString>) -> Result<ExitStatus> {
    let log = Log::from_environment()?;
    let mut clock = log.clock();
    heap::reserve_for(&argv);
    let line = ManuallyDrop::new(parse_arguments(argv, diagnostics)?);
    let backend = Backend::find(&line, diagnostics.called())?;
    if let Some(status) = answer(&line, &backend)? {
        return Ok(status);
    }
    let script = read_script(&line)?;
    if line.has(Id::PrintScript) {
        print(&script.in_force());
        return Ok(ExitStatus::Code(0));
    }
    // It loads while the inputs are read.
    let mut invocation = Invocation::new(&line, &backend);
    invocation.start_early()?;
    clock.end_of("arguments");
    log.begin(line.output());

    let named = ManuallyDrop::new(Named::by(&line, &|| backend.shared_libraries()));
    let files = match named.open(&threads(&line)) {
        Ok(files) => ManuallyDrop::new(files),
        Err(error) if named.are_files() && backend.takes_flavor() => {
            return report_errors(
                diagnostics,
                &line,
                &Invocation::new(&line, &backend),
                &error,
            );
        }
        Err(error) => return Err(error),
    };
    let inputs = ManuallyDrop::new(gather::promoted(Inputs::of(&files)?, &line)?);
    clock.end_of("inputs");

    let retains = || backend.retains();
    let options = Options {
        line: &line,
        script: &script,
        manifest: line.has(Id::Manifest) || is_set(MANIFEST),
        retains: &retains,
    };
    let mut link = Link {
        diagnostics,
        line: &line,
        backend: &backend,
        invocation,
        options,
        files: &files,
        log,
        clock,
    };
    link.warn(inputs.warnings.iter())?;
    let survey = link.survey(&inputs)?;
    let with_entries = gather::bitcode_with_entries(&survey, &inputs, &link.options);
    if with_entries.is_empty() {
        return link.gather(&inputs, survey, &[]);
    }
    let preserved = plan::preserved_symbols(&survey, &inputs, &line, &with_entries);
    let with_entries = BitcodeWithEntries {
        positions: with_entries.iter().map(|one| one.position).collect(),
        is_certain: with_entries.iter().any(|one| one.is_certain),
        preserved,
    };
    let compiled = backend::compile_bitcode(&backend, &line, &inputs, &with_entries)?;
    let (compiled, messages) = match compiled {
        Compiled::Objects(objects, messages) => (objects, messages),
        Compiled::Failed(status) => return Ok(status),
        Compiled::NoEntries => {
            link.warn(kept::not_in_bitcode(&survey, &backend).iter())?;
            return link.gather(&inputs, survey, &[]);
        }
    };
    link.clock.end_of("bitcode");
    let inputs = Inputs::of(&files)?.with_compiled(&compiled)?;
    let inputs = ManuallyDrop::new(gather::promoted(inputs, &line)?);
    let survey = link.survey(&inputs)?;
    link.gather(&inputs, survey, &messages)
}

/// Parses the arguments, and rejects invalid ones of ours.
fn parse_arguments(argv: Vec<OsString>, diagnostics: &Diagnostics) -> Result<CommandLine> {
    let line = CommandLine::parse(argv)?;
    diagnostics.set_colors(&line);
    reject_reserved(&line)?;
    reject_missing_value(&line)?;
    Ok(line)
}

/// Handles `--help`, `--version` and command lines that gather nothing whatever the inputs are.
fn answer(line: &CommandLine, backend: &Backend) -> Result<Option<ExitStatus>> {
    let invocation = Invocation::new(line, backend);
    if line.has(Id::Help) {
        print(&help::help(backend));
        return link_unchanged(line, invocation, None).map(Some);
    }
    if line.has(Id::Version) {
        // Meson recognises lld by the first line.
        let status = invocation.run_inherited()?;
        print(&help::version());
        return Ok(Some(status));
    }
    if line.has(Id::VersionAndLink) {
        print(&help::version());
    }
    // The final link of a partial one gathers. The linker of a wrapper need not: the outer link has
    // gathered.
    let gathers_nothing = line.missing_value().is_some()
        || line.has(Id::Relocatable)
        || line.has(Id::ThinLtoIndexOnly)
        || backend::is_inside_gathered_link(line);
    match gathers_nothing {
        true => link_unchanged(line, invocation, None).map(Some),
        false => Ok(None),
    }
}

/// The threads that `--threads=N` allows. The backend reports a value that is not a number.
fn threads(line: &CommandLine) -> Threads {
    let limit = line.values(Id::Threads).last();
    let limit = limit.and_then(|limit| limit.to_str()?.parse().ok());
    limit.map_or_else(Threads::default, Threads::at_most)
}

/// Reads the scripts of `-T`.
fn read_script(line: &CommandLine) -> Result<Script> {
    let search: Vec<&Path> = line.values(Id::LibraryPath).map(Path::new).collect();
    Script::read(line.values(Id::Script).map(Path::new), &search)
}

/// Runs the backend with the caller's arguments but for our options. Inputs that were pipes are passed
/// as files.
fn link_unchanged(
    line: &CommandLine,
    mut invocation: Invocation<'_>,
    files: Option<&Files>,
) -> Result<ExitStatus> {
    let has_pipes = files.is_some_and(|files| files.read_once().next().is_some());
    let is_carried = invocation.backend().must_carry(line);
    if !line.has_own() && !line.is_read_once() && !has_pipes && !is_carried {
        return invocation.run_unchanged();
    }
    let mut command = LinkCommand::for_backend(line, invocation.backend())?;
    if let Some(files) = files {
        command.write_pipe_inputs(files)?;
    }
    invocation.set_command(&mut command)?;
    invocation.run(command.names(), false)
}

/// A link whose inputs are open.
struct Link<'a> {
    diagnostics: &'a Diagnostics,
    line: &'a CommandLine,
    backend: &'a Backend,
    invocation: Invocation<'a>,
    options: Options<'a>,
    files: &'a Files,
    log: Log,
    clock: Clock,
}

impl Link<'_> {
    /// Surveys the inputs.
    fn survey<'i>(&mut self, inputs: &Inputs<'i>) -> Result<ManuallyDrop<Survey<'i>>> {
        let survey = gather::survey(inputs, &self.options)?;
        self.clock.end_of("survey");
        Ok(ManuallyDrop::new(survey))
    }

    /// From the survey to the output. `messages` are those of the LTO step.
    fn gather(
        mut self,
        inputs: &Inputs<'_>,
        mut survey: ManuallyDrop<Survey<'_>>,
        messages: &[u8],
    ) -> Result<ExitStatus> {
        let Self { line, backend, .. } = self;
        let plan = ManuallyDrop::new(gather::plan(&survey, inputs, &self.options)?);
        self.clock.end_of("plan");
        self.warn(survey.warnings.iter().chain(&plan.warnings))?;
        self.log
            .log_plan(backend, &survey, &plan, &inputs.modules)?;
        let undeclared = plan::undeclared(&survey, &plan, inputs);
        if plan.is_empty() {
            self.clock.report();
            return match undeclared.is_empty() {
                true => link_unchanged(line, self.invocation, Some(self.files)),
                false => self.link_undeclared(
                    &undeclared,
                    LinkCommand::for_backend(line, backend)?,
                    false,
                ),
            };
        }
        inputs.release();
        if !self.shows_arrays() && !self.options.manifest {
            survey.forget_names();
        }
        let rewrites = Rewrites::of(&survey, &plan);
        // Declared before the command, which borrows it.
        #[allow(clippy::needless_late_init)]
        let hoisted: ManuallyDrop<Hoisted<'_>>;
        let files = self.files;
        let rewritten = rewrites.objects().iter().map(|one| one.object);
        let may_be_in_memory = self.may_be_in_memory(&plan, &undeclared);
        let may_be_gated = may_be_in_memory && self.may_be_gated(inputs);
        let sharing = match may_be_gated {
            true => Sharing::Few,
            false if backend.takes_objects_together() => Sharing::Adjacent,
            // A wrapper may look at its arguments, so it gets no archive in place of an object.
            false => Sharing::Members,
        };
        let before = plan.kept.places(&inputs.modules);
        let batches = Batches::of(files, inputs, rewritten, sharing, &before);
        let in_memory = may_be_in_memory
            .then(|| batches.in_memory(files, inputs))
            .flatten();
        let gated = may_be_gated && in_memory.is_some();
        let mut command = match in_memory {
            Some(command) => command,
            None => LinkCommand::new(line.output())?,
        };
        command.carry(line, backend)?;
        kept::place(&mut command, &plan.kept, &inputs.modules)?;
        let mut objects = RewrittenObjects::place(
            &mut command,
            batches,
            gated,
            backend.lazy_index(),
            files,
            inputs,
        )?;
        let synthesized = match plan.gathers() {
            true => Some(SynthesizedFiles::place(&mut command, line, &plan, gated)?),
            false => None,
        };
        if gated {
            // The backend reads what there is while the rest is made.
            self.set_command(&mut command)?;
        }
        let modules = &inputs.modules;
        let mut sink = Rewritten {
            objects: &mut objects,
            modules,
        };
        let output = self.options.output();
        hoisted = hoist::hoist(&survey, &plan, &rewrites, modules, output, &mut sink)
            .map(ManuallyDrop::new)?;
        self.clock.end_of("hoist");
        inputs.release();
        match synthesized {
            Some(files) => files.write(&hoisted)?,
            None if inputs.is_compiled() => command.end_lazy_files(line),
            None => {}
        }
        complete(&mut command, objects, line, inputs, Some(&hoisted))?;
        self.clock.end_of("files for the linker");
        command.show_lto_messages(messages);
        if self.shows_arrays() {
            command.show_in_map(map_lines::arrays(&survey, &plan, &inputs.modules)?);
        }
        if !undeclared.is_empty() {
            return self.link_undeclared(&undeclared, command, true);
        }
        if !gated {
            self.set_command(&mut command)?;
        }
        let status = self.invocation.run(command.names(), true)?;
        self.clock.end_of("the linker");
        verify_inputs_unchanged(line, self.files)?;
        command.map_reports(line)?;
        self.clock.end_of("reports");
        self.clock.report();
        Ok(status)
    }

    /// Links, and explains an undefined symbol that is a bound of a section without entries. That includes
    /// undefined data, which `--allow-undefined` would make null.
    fn link_undeclared(
        mut self,
        undeclared: &[Undeclared<'_>],
        mut command: LinkCommand<'_>,
        gathered: bool,
    ) -> Result<ExitStatus> {
        let Self { line, backend, .. } = self;
        command.write_pipe_inputs(self.files)?;
        let would_be_null = line.has(Id::AllowUndefined)
            && !line.has(Id::UnresolvedSymbols)
            && !line.is_position_independent()
            && backend.takes_flavor();
        if would_be_null && undeclared.iter().any(Undeclared::is_referred) {
            let messages = backend::undefined_data(backend, line, &self.invocation, &mut command)?;
            let first = undeclared.iter().find(|one| one.is_in(&messages));
            if let Some(first) = first {
                return Err(first.error());
            }
        }
        self.set_command(&mut command)?;
        let (status, messages) = self.invocation.run_and_capture(command.names(), gathered)?;
        if let Some(first) = undeclared.iter().find(|one| one.is_in(&messages)) {
            self.diagnostics.note(&first.hint());
        }
        if gathered {
            verify_inputs_unchanged(line, self.files)?;
        }
        command.map_reports(line)?;
        Ok(status)
    }

    /// Sets the backend's command.
    fn set_command(&mut self, command: &mut LinkCommand<'_>) -> Result<()> {
        command.write_pipe_inputs(self.files)?;
        self.invocation.set_command(command)
    }

    /// Whether the files for the backend may be in memory.
    fn may_be_in_memory(&self, plan: &Plan, undeclared: &[Undeclared<'_>]) -> bool {
        // Kept sections are in files of their own, which are not counted among those in memory.
        // Options that make the backend copy or show all its inputs would show no usable names.
        let shows_inputs = [Id::Reproduce, Id::Verbose];
        // If sections are undeclared, the backend may link twice, once to a file beside the others.
        plan.gathers()
            && plan.kept.is_empty()
            && undeclared.is_empty()
            && self.backend.opens_any_path()
            && !shows_inputs.into_iter().any(|id| self.line.has(id))
    }

    /// Whether the backend may get its arguments before its inputs are written. Those made of bitcode are written last.
    fn may_be_gated(&self, inputs: &Inputs<'_>) -> bool {
        self.invocation.has_started()
            && self.backend.opens_inputs_in_order()
            && inputs.bitcode.is_empty()
            && !inputs.is_compiled()
    }

    /// Whether a link map shows the arrays.
    fn shows_arrays(&self) -> bool {
        self.line.has(Id::Map) || self.line.has(Id::PrintMap)
    }

    fn warn<'w>(&self, warnings: impl Iterator<Item = &'w String>) -> Result<()> {
        let fatal = self.line.flag(Id::FatalWarnings, Id::NoFatalWarnings);
        for warning in warnings {
            if fatal {
                return Err(Error::new(warning));
            }
            self.diagnostics.warning(warning);
        }
        Ok(())
    }
}

/// Hands the rewritten objects to the backend.
struct Rewritten<'o, 'a> {
    objects: &'o mut RewrittenObjects<'a>,
    modules: &'a Modules<'a>,
}

impl Sink for Rewritten<'_, '_> {
    fn rewritten(&mut self, object: ObjectId, bytes: Vec<u8>) -> Result<()> {
        self.objects.add(&self.modules[object], bytes)
    }
}

fn ended_by_signal(backend: &Path, signal: i32) -> Error {
    let backend = backend.display();
    Error::new(match cfg!(windows) {
        true => format!("the linker {backend} was terminated by exception {signal:#x}"),
        false => format!("the linker {backend} was terminated by signal {signal}"),
    })
    .note("no output was written; link again, or use another linker with --section-linker=PATH")
}

fn print(text: &str) {
    let mut stdout = std::io::stdout();
    // Ignore EPIPE.
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// Whether an environment variable is set to other than `0`.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}
