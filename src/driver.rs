//! The driver: from the arguments to the output, step by step. All that it decides of sections it asks of
//! [`gather`](crate::gather); all that it knows of the linker that follows is in [`backend`](crate::backend).

mod diagnostics;
mod help;
mod log;
mod map_lines;
mod refusal;
mod synthesized;

use crate::args::{CommandLine, Id};
use crate::backend::{self, Backend, Call, Compiled, EditedObjects, Ended, Job, WithEntries};
use crate::error::{Error, Result};
use crate::gather::{self, Options};
use crate::hoist::{self, Hoisted, Moves};
use crate::input::{Files, Inputs, Named, ObjectId};
use crate::plan::{self, Undeclared};
use crate::script::Script;
use crate::survey::Survey;
use crate::{interrupt, parallel};
use diagnostics::Diagnostics;
use log::{Clock, Log};
use refusal::{refuse_changed, refuse_missing_value, refuse_reserved, refused};
use std::ffi::OsString;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;

/// Asks for a manifest, as `--section-manifest` does.
const MANIFEST: &str = "WASM_SECTION_LD_MANIFEST";

/// Runs the linker with `argv`, the program's name first.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut argv = argv.into_iter();
    let diagnostics = Diagnostics::new(program_name(argv.next()));
    let ended = link(&diagnostics, argv.collect());
    interrupt::let_it_end();
    match ended {
        Ok(Ended::By(signal)) => interrupt::end_by(signal),
        Ok(Ended::Status(status)) => ExitCode::from(status),
        Ok(Ended::Signal(backend, signal)) => {
            diagnostics.error(&ended_by_signal(&backend, signal));
            // As a shell does.
            ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))
        }
        Err(error) => {
            error.all().for_each(|error| diagnostics.error(error));
            ExitCode::FAILURE
        }
    }
}

/// Links.
fn link(diagnostics: &Diagnostics, argv: Vec<OsString>) -> Result<Ended> {
    let log = Log::from_environment()?;
    let mut clock = log.clock();
    let line = parse_arguments(argv, diagnostics)?;
    let backend = Backend::find(&line)?;
    if let Some(ended) = answer(&line, &backend)? {
        return Ok(ended);
    }
    if hoist::reencode::is_asked() {
        return encoded_anew(&line, &backend, Call::new(&line, &backend));
    }
    let script = read_script(&line)?;
    if line.has(Id::PrintScript) {
        print(&script.in_force());
        return Ok(Ended::Status(0));
    }
    clock.end_of("arguments");
    log.begin(line.output());

    let named = Named::by(&line, &|| backend.shared_libraries());
    let files = match named.open() {
        Ok(files) => ManuallyDrop::new(files),
        Err(error) if named.are_files() && backend.takes_flavor() => {
            return refused(diagnostics, &line, &Call::new(&line, &backend), &error);
        }
        Err(error) => return Err(error),
    };
    let inputs = ManuallyDrop::new(files.inputs()?);
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
        call: Call::new(&line, &backend),
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
    let kept = plan::kept(&survey, &inputs, &line, &with_entries);
    let with_entries = WithEntries {
        positions: with_entries.iter().map(|one| one.position).collect(),
        is_certain: with_entries.iter().any(|one| one.is_certain),
        kept,
    };
    let compiled = backend::compile(&backend, &line, &inputs, &with_entries)?;
    let (compiled, messages) = match compiled {
        Compiled::Objects(objects, messages) => (objects, messages),
        Compiled::Failed(ended) => return Ok(ended),
        Compiled::NoEntries => return link.gather(&inputs, survey, &[]),
    };
    link.clock.end_of("bitcode");
    let inputs = ManuallyDrop::new(files.inputs()?.with_compiled(&compiled)?);
    let survey = link.survey(&inputs)?;
    link.gather(&inputs, survey, &messages)
}

/// Reads the arguments, and refuses those of ours that are not right.
fn parse_arguments(argv: Vec<OsString>, diagnostics: &Diagnostics) -> Result<CommandLine> {
    let line = CommandLine::parse(argv)?;
    diagnostics.heed(&line);
    line.values(Id::Threads).last().map(parallel::limit);
    refuse_reserved(&line)?;
    refuse_missing_value(&line)?;
    Ok(line)
}

/// Does what is asked for where there is nothing to gather whatever the inputs are.
fn answer(line: &CommandLine, backend: &Backend) -> Result<Option<Ended>> {
    let call = Call::new(line, backend);
    if line.has(Id::Help) {
        print(&help::help(backend));
        return link_as_called(line, call, None).map(Some);
    }
    if line.has(Id::Version) {
        // Meson takes a linker for lld by the first line.
        let ended = call.alone()?;
        print(&help::version());
        return Ok(Some(ended));
    }
    if line.has(Id::VersionAndLink) {
        print(&help::version());
    }
    // A partial link gathers nothing: the final one will. Nor does the linker of a wrapper that is the
    // backend of a gathered link.
    let gathers_nothing = line.missing_value().is_some()
        || line.has(Id::Relocatable)
        || line.has(Id::ThinLtoIndexOnly)
        || backend::is_inside_gathered_link(line);
    match gathers_nothing {
        true => link_as_called(line, call, None).map(Some),
        false => Ok(None),
    }
}

/// The scripts of `-T`, together.
fn read_script(line: &CommandLine) -> Result<Script> {
    let search: Vec<&Path> = line.values(Id::LibraryPath).map(Path::new).collect();
    Script::read(line.values(Id::Script).map(Path::new), &search)
}

/// Runs the backend with the caller's own arguments, but for those that are for us and inputs that only this
/// process could read.
fn link_as_called(line: &CommandLine, call: Call<'_>, files: Option<&Files>) -> Result<Ended> {
    let read_once = files.is_some_and(|files| files.read_once().next().is_some());
    let cannot_be_read = files.is_none() && line.is_read_once();
    if !line.has_own() && !read_once && !cannot_be_read {
        return call.as_called();
    }
    let mut job = Job::new()?;
    if let Some(files) = files {
        job.give_read_once(files)?;
    }
    let words = job.words(line)?;
    call.run(words, job.names(), false)
}

/// A link whose inputs are open.
struct Link<'a> {
    diagnostics: &'a Diagnostics,
    line: &'a CommandLine,
    backend: &'a Backend,
    call: Call<'a>,
    options: Options<'a>,
    files: &'a Files,
    log: Log,
    clock: Clock,
}

impl Link<'_> {
    /// Finds what there is to gather, and starts the backend once that is likely to be something.
    ///
    /// What is made here and below is not dropped: this process ends soon, and the system takes back all of
    /// it at once.
    fn survey<'i>(&mut self, inputs: &Inputs<'i>) -> Result<ManuallyDrop<Survey<'i>>> {
        let call = &mut self.call;
        // Bitcode may have to be compiled first, by another run.
        let marks_seen = || match inputs.bitcode.is_empty() {
            true => call.prepare_to_run(),
            false => Ok(()),
        };
        let survey = gather::survey(inputs, &self.options, marks_seen)?;
        self.clock.end_of("survey");
        Ok(ManuallyDrop::new(survey))
    }

    /// From the survey to the output. `messages` are what the backend has said when it compiled bitcode.
    fn gather(
        mut self,
        inputs: &Inputs<'_>,
        mut survey: ManuallyDrop<Survey<'_>>,
        messages: &[u8],
    ) -> Result<Ended> {
        let Self { line, backend, .. } = self;
        let plan = ManuallyDrop::new(gather::plan(&survey, inputs, &self.options)?);
        self.clock.end_of("plan");
        self.warn(survey.warnings.iter().chain(&plan.warnings))?;
        self.log.decided(backend, &survey, &plan, &inputs.modules)?;
        let undeclared = plan::undeclared(&survey, &plan, inputs);
        if plan.is_empty() {
            self.clock.report();
            return match undeclared.is_empty() {
                true => link_as_called(line, self.call, Some(self.files)),
                false => self.link_undeclared(&undeclared, Job::new()?, false),
            };
        }
        // If there are no marks, it was not worth it before.
        self.call.prepare_to_run()?;
        inputs.release();
        if !self.shows_arrays() && !self.options.manifest {
            survey.forget_names();
        }
        let moves = Moves::of(&survey, &plan);
        let hoisted: ManuallyDrop<Hoisted<'_>>;
        let mut job = Job::new()?;
        // A wrapper may look at its arguments: it is given no archive for what is none.
        let together = backend.takes_flavor();
        let mut objects =
            EditedObjects::new(&mut job, together, self.files, inputs, moves.edited())?;
        let take = |id: ObjectId, bytes| objects.take(&inputs.modules[id.0], bytes);
        let output = self.options.output();
        hoisted = hoist::hoist(&survey, &plan, &moves, &inputs.modules, output, take)
            .map(ManuallyDrop::new)?;
        self.clock.end_of("hoist");
        inputs.release();
        synthesized::complete(&mut job, objects, line, inputs, Some(&hoisted))?;
        self.clock.end_of("files for the linker");
        job.say_before(messages);
        if self.shows_arrays() {
            job.show_arrays(map_lines::arrays(&survey, &plan, &inputs.modules)?);
        }
        if !undeclared.is_empty() {
            return self.link_undeclared(&undeclared, job, true);
        }
        job.give_read_once(self.files)?;
        let words = job.words(line)?;
        let ended = self.call.run(words, job.names(), true)?;
        self.clock.end_of("the linker");
        refuse_changed(line, self.files)?;
        job.map_reports(line)?;
        self.clock.end_of("reports");
        self.clock.report();
        Ok(ended)
    }

    /// Links where the backend says whether live code refers to what nobody defines. If it does, the user is told
    /// why, also where undefined data would be null.
    fn link_undeclared(
        self,
        undeclared: &[Undeclared<'_>],
        mut job: Job<'_>,
        gathered: bool,
    ) -> Result<Ended> {
        let Self { line, backend, .. } = self;
        job.give_read_once(self.files)?;
        let would_be_null = line.has(Id::AllowUndefined)
            && !line.has(Id::UnresolvedSymbols)
            && !line.is_position_independent()
            && backend.takes_flavor();
        if would_be_null && undeclared.iter().any(Undeclared::is_referred) {
            let messages = backend::undefined_data(backend, line, &self.call, &mut job)?;
            let first = undeclared.iter().find(|one| one.is_in(&messages));
            if let Some(first) = first {
                return Err(first.error());
            }
        }
        let words = job.words(line)?;
        let (ended, messages) = self.call.run_and_hear(words, job.names(), gathered)?;
        if let Some(first) = undeclared.iter().find(|one| one.is_in(&messages)) {
            self.diagnostics.note(&first.hint());
        }
        if gathered {
            refuse_changed(line, self.files)?;
        }
        job.map_reports(line)?;
        Ok(ended)
    }

    /// Whether people see which arrays there are, in a link map.
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

/// Links objects that were parsed and encoded anew, and gathers nothing.
fn encoded_anew(line: &CommandLine, backend: &Backend, call: Call<'_>) -> Result<Ended> {
    let files = Named::by(line, &|| backend.shared_libraries()).open()?;
    let inputs = files.inputs()?;
    let edited = hoist::reencode::edited(&inputs.modules)?;
    let mut job = Job::new()?;
    let mut objects = EditedObjects::new(&mut job, false, &files, &inputs, edited.iter().copied())?;
    for id in edited {
        let module = &inputs.modules[id.0];
        objects.take(module, hoist::reencode::reencode(module)?)?;
    }
    synthesized::complete(&mut job, objects, line, &inputs, None)?;
    job.give_read_once(&files)?;
    let words = job.words(line)?;
    let ended = call.run(words, job.names(), false)?;
    refuse_changed(line, &files)?;
    job.map_reports(line)?;
    Ok(ended)
}

fn ended_by_signal(backend: &Path, signal: i32) -> Error {
    let backend = backend.display();
    Error::new(format!("the linker {backend} was ended by signal {signal}"))
        .note("there is no output; link again, or name another linker by --section-linker=PATH")
}

fn print(text: &str) {
    let mut stdout = std::io::stdout();
    // Ignore EPIPE.
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// Whether an environment variable says yes.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

/// What messages begin with: as lld, the name that the program was called by.
fn program_name(argv0: Option<OsString>) -> String {
    let stem = argv0
        .as_deref()
        .and_then(|path| Path::new(path).file_stem());
    stem.map_or_else(
        || "wasm-section-ld".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
