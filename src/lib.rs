//! `wasm-section-ld`: a drop-in for `wasm-ld` that gives WebAssembly link sections.
//!
//! Many crates or C files each put entries into a named section; the entries become one array in
//! linear memory, with every pointer resolved, and `__start_NAME` and `__stop_NAME` at its ends.
//!
//! Data flows one way, and each phase borrows what the earlier ones made:
//!
//! ```text
//! args ─▶ input ─▶ survey ─▶ plan ─▶ hoist ─▶ backend
//! ```
//!
//! Where the survey finds nothing to gather, the backend is run as it was called.
//!
//! This is a program: its modules are public for its own tools and fuzz targets, and promise nothing
//! to others.

pub mod args;
pub mod backend;
pub mod bitcode;
pub mod demangle;
pub mod diagnostics;
pub mod error;
mod hash;
mod help;
pub mod hoist;
pub mod input;
pub mod interrupt;
pub mod log;
pub mod mangling;
pub mod manifest;
mod parallel;
pub mod plan;
mod refusal;
pub mod script;
pub mod survey;
mod temporary;
pub mod wasm;

use args::{CommandLine, Id};
use backend::{Arrays, Backend, Call, Compiled, Ended, Job};
use diagnostics::Diagnostics;
use error::{Error, Result};
use hoist::{Base, Hoisted, Moves, Output};
use input::{Files, Inputs, Named, ObjectId};
use log::{Clock, Log};
use plan::{Plan, Resolved, Resolver, Undeclared};
use refusal::{refuse_changed, refuse_missing_value, refuse_reserved, refused};
use script::Script;
use std::ffi::OsString;
use std::io::Write;
use std::iter;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;
use survey::Survey;

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

fn ended_by_signal(backend: &Path, signal: i32) -> Error {
    Error::new(format!(
        "the linker {} was ended by signal {signal}",
        backend.display()
    ))
    .note("there is no output; link again, or name another linker by --section-linker=PATH")
}

/// Links: the pipeline.
///
/// # Errors
/// Anything that is wrong with the inputs or the arguments, but for what the backend reports.
pub fn link(diagnostics: &Diagnostics, argv: Vec<OsString>) -> Result<Ended> {
    let log = Log::from_environment()?;
    let mut clock = log.clock();
    let line = CommandLine::parse(argv)?;
    diagnostics.heed(&line);
    line.values(Id::Threads).last().map(parallel::limit);
    refuse_reserved(&line)?;
    refuse_missing_value(&line)?;
    let backend = Backend::find(&line)?;
    let mut call = Call::new(&line, &backend);
    if line.has(Id::Version) && !line.has(Id::Help) {
        // Meson takes a linker for lld by the first line.
        let ended = call.alone()?;
        print(&help::version());
        return Ok(ended);
    }
    introduce(&line, &backend);
    if line.has(Id::Help) || line.missing_value().is_some() {
        return as_called(&line, call, || ());
    }
    if hoist::reencode::is_asked() {
        return encoded_anew(&line, &backend, call);
    }
    if line.has(Id::Relocatable)
        || line.has(Id::ThinLtoIndexOnly)
        || backend::is_inside_gathered_link(&line)
    {
        // A partial link gathers nothing: the final one will. Nor does the linker of a wrapper that
        // we ran: we have.
        return as_called(&line, call, || ());
    }
    let script = script(&line)?;
    if line.has(Id::PrintScript) {
        print(&script.in_force());
        return Ok(Ended::Status(0));
    }
    clock.end_of("arguments");
    log.begin(line.output());
    let named = Named::by(&line, &|| backend.shared_libraries());
    call.prepare(&named)?;
    // See `until_the_end`.
    let files = match named.open() {
        Ok(files) => ManuallyDrop::new(files),
        Err(error) if named.are_files() && backend.takes_flavor() => {
            return refused(diagnostics, &line, &call, &error);
        }
        Err(error) => return Err(error),
    };
    let inputs: &Inputs<'_> = until_the_end(files.inputs()?);
    clock.end_of("inputs");
    warn(diagnostics, &line, inputs.warnings.iter())?;
    let mut link = Link {
        diagnostics,
        line: &line,
        backend: &backend,
        call,
        script: &script,
        files: &files,
        log,
        clock,
    };
    let survey = until_the_end(link.survey(inputs)?);
    let resolver = Resolver::new(survey, inputs, &line);
    let resolved = link.resolve(survey, inputs, &resolver);
    let with_entries = survey.bitcode_with_entries(resolved.gathers(survey));
    if with_entries.is_empty() {
        let plan = link.plan(inputs, survey, &resolver, resolved)?;
        return match link.gather(inputs, survey, plan, &[])? {
            Gathered::Linked(ended) => Ok(ended),
            Gathered::Nothing(call) if files.read_once().next().is_some() => {
                with_read_once(&line, call, &files)
            }
            // Here the inputs are most of what the system has to take back, and there is time for it.
            Gathered::Nothing(call) => {
                as_called(&line, call, || drop(ManuallyDrop::into_inner(files)))
            }
        };
    }
    link.call = Call::new(&line, &backend); // It is run for this first.
    let (compiled, messages) = match backend::compile(&backend, &line, inputs, &with_entries)? {
        Compiled::Objects(objects, messages) => (objects, messages),
        Compiled::Failed(ended) => return Ok(ended),
        Compiled::NoEntries => {
            let plan = link.plan(inputs, survey, &resolver, resolved)?;
            return match link.gather(inputs, survey, plan, &[])? {
                Gathered::Linked(ended) => Ok(ended),
                Gathered::Nothing(call) => with_read_once(&line, call, &files),
            };
        }
    };
    link.clock.end_of("bitcode");
    let inputs = files.inputs()?.with_compiled(&compiled);
    let survey = until_the_end(link.survey(&inputs)?);
    let resolver = Resolver::new(survey, &inputs, &line);
    let resolved = link.resolve(survey, &inputs, &resolver);
    let plan = link.plan(&inputs, survey, &resolver, resolved)?;
    match link.gather(&inputs, survey, plan, &messages)? {
        Gathered::Linked(ended) => Ok(ended),
        Gathered::Nothing(call) => with_read_once(&line, call, &files),
    }
}

/// Lets the system take back what there may be much of, when this process has ended: that is done at
/// once, and for each thing here it takes as long as the link of a small program.
fn until_the_end<'a, T: 'a>(value: T) -> &'a mut T {
    Box::leak(Box::new(value))
}

/// A link, and what it is made with whatever is found in its inputs.
struct Link<'a, 'f> {
    diagnostics: &'a Diagnostics,
    line: &'a CommandLine,
    backend: &'a Backend,
    call: Call<'a>,
    script: &'a Script,
    files: &'f Files,
    log: Log,
    clock: Clock,
}

/// What has become of a link.
enum Gathered<'a> {
    /// The backend has linked it, with what was gathered.
    Linked(Ended),
    /// There is nothing to gather: the backend is to be run as this program was called.
    Nothing(Call<'a>),
}

impl<'l> Link<'l, '_> {
    fn survey<'i>(&mut self, inputs: &Inputs<'i>) -> Result<Survey<'i>> {
        let call = &mut self.call;
        // Bitcode may have to be compiled first, by another run.
        let marks_seen = || match inputs.bitcode.is_empty() {
            true => call.prepare_to_run(),
            false => Ok(()),
        };
        let survey = survey::survey(self.line, self.script, inputs, marks_seen)?;
        self.clock.end_of("survey");
        Ok(survey)
    }

    fn resolve(
        &self,
        survey: &Survey<'_>,
        inputs: &Inputs<'_>,
        resolver: &Resolver<'_>,
    ) -> Resolved {
        let retains = || self.backend.retains();
        plan::resolve(resolver, survey, &inputs.modules, iter::empty(), retains)
    }

    /// Plans the arrays. What entries refer to may extract archive members that define the names of entries:
    /// then it is resolved again with these, until that changes nothing.
    fn plan(
        &mut self,
        inputs: &Inputs<'_>,
        survey: &Survey<'_>,
        resolver: &Resolver<'_>,
        mut resolved: Resolved,
    ) -> Result<Plan> {
        survey.check_undefined(&inputs.modules)?;
        let plan_of = |resolved: &Resolved| plan::plan(survey, inputs, self.script, resolved);
        let depends = resolver.depends_on_references();
        let mut before = Vec::new();
        let plan = loop {
            let plan = plan_of(&resolved)?;
            if !depends || plan.is_empty() {
                break plan;
            }
            let references = hoist::references(survey, &plan, &inputs.modules, output(self.line))?;
            let references = references.iter().map(String::as_str);
            let retains = || self.backend.retains();
            let next = plan::resolve(resolver, survey, &inputs.modules, references, retains);
            if next == resolved {
                break plan;
            }
            before.push(std::mem::replace(&mut resolved, next));
            // An entry that is there only if it is not: the backend reports its second definition.
            if before.contains(&resolved) {
                break plan_of(&before[0])?;
            }
        };
        self.clock.end_of("plan");
        Ok(plan)
    }

    /// From the plan to the output. `messages` are what the backend has said when it compiled
    /// bitcode.
    fn gather(
        mut self,
        inputs: &Inputs<'_>,
        survey: &mut Survey<'_>,
        plan: Plan,
        messages: &[u8],
    ) -> Result<Gathered<'l>> {
        let Self { line, backend, .. } = self;
        let modules = &inputs.modules;
        let plan: &Plan = until_the_end(plan);
        let warnings = survey.warnings.iter().chain(&plan.warnings);
        warn(self.diagnostics, line, warnings)?;
        self.log.decided(backend, survey, plan, modules)?;
        let undeclared = plan::undeclared(survey, plan, inputs);
        if plan.is_empty() {
            self.clock.report();
            if undeclared.is_empty() {
                return Ok(Gathered::Nothing(self.call));
            }
            let ended = self.link_undeclared(&undeclared, Job::new()?, false)?;
            return Ok(Gathered::Linked(ended));
        }
        // If there are no marks, it was not worth it before.
        self.call.prepare_to_run()?;
        inputs.release();
        let shows_arrays = line.has(Id::Map) || line.has(Id::PrintMap);
        let output = output(line);
        if !shows_arrays && !output.manifest {
            survey.forget_names();
        }
        let moves = Moves::of(survey, plan);
        let mut job = Job::new()?;
        // A wrapper may look at its words: it is given no archive for what is none.
        let together = backend.takes_flavor();
        let mut objects = job.make_room(together, self.files, inputs, moves.edited())?;
        let take = |id: ObjectId, bytes| objects.take(&modules[id.0], bytes);
        let hoisted = hoist::hoist(survey, plan, &moves, modules, output, take)?;
        let hoisted: &Hoisted<'_> = until_the_end(hoisted);
        self.clock.end_of("hoist");
        inputs.release();
        job.complete(&objects, line, self.files, inputs, Some(hoisted))?;
        self.clock.end_of("files for the linker");
        job.say_before(messages);
        if shows_arrays {
            job.show_arrays(Arrays::of(survey, plan, modules)?);
        }
        if !undeclared.is_empty() {
            let ended = self.link_undeclared(&undeclared, job, true)?;
            return Ok(Gathered::Linked(ended));
        }
        job.give_read_once(self.files)?;
        let words = job.words(line)?;
        let ended = self.call.run(words, job.names(), true)?;
        self.clock.end_of("the linker");
        refuse_changed(line, self.files)?;
        job.map_reports(line)?;
        self.clock.end_of("reports");
        self.clock.report();
        Ok(Gathered::Linked(ended))
    }

    /// Links where it is for the backend to say whether the ends of some sections are defined. If they are
    /// not, the user is told why, also where undefined data would be null.
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
}

/// Links objects that were parsed and encoded anew, and gathers nothing.
fn encoded_anew(line: &CommandLine, backend: &Backend, call: Call<'_>) -> Result<Ended> {
    let files = Named::by(line, &|| backend.shared_libraries()).open()?;
    let inputs = files.inputs()?;
    let edited = hoist::reencode::edited(&inputs.modules)?;
    let mut job = Job::new()?;
    let mut objects = job.make_room(false, &files, &inputs, edited.iter().copied())?;
    for id in edited {
        let module = &inputs.modules[id.0];
        objects.take(module, hoist::reencode::reencode(module)?)?;
    }
    job.complete(&objects, line, &files, &inputs, None)?;
    job.give_read_once(&files)?;
    let words = job.words(line)?;
    let ended = call.run(words, job.names(), false)?;
    refuse_changed(line, &files)?;
    job.map_reports(line)?;
    Ok(ended)
}

/// Runs the backend with the caller's own arguments, without those that are for us, and with
/// `meanwhile` done while it works, if it is not run in place of this process.
fn as_called(line: &CommandLine, call: Call<'_>, meanwhile: impl FnOnce()) -> Result<Ended> {
    if !line.has_own() && !line.is_read_once() {
        return call.as_called(meanwhile);
    }
    let mut job = Job::new()?;
    let words = job.words(line)?;
    call.run(words, job.names(), false)
}

/// The same where there is, or may be, an input that only we can read.
fn with_read_once(line: &CommandLine, call: Call<'_>, files: &Files) -> Result<Ended> {
    if files.read_once().next().is_none() {
        return as_called(line, call, || ());
    }
    let mut job = Job::new()?;
    job.give_read_once(files)?;
    let words = job.words(line)?;
    call.run(words, job.names(), false)
}

/// Says what this program is, if it is asked, before the backend says it of itself.
fn introduce(line: &CommandLine, backend: &Backend) {
    let text = if line.has(Id::Help) {
        help::help(backend)
    } else if line.has(Id::VersionAndLink) {
        help::version()
    } else {
        return;
    };
    print(&text);
}

fn print(text: &str) {
    let mut stdout = std::io::stdout();
    // Who closed it does not want to know.
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// The scripts of `-T`, together.
fn script(line: &CommandLine) -> Result<Script> {
    let search: Vec<&Path> = line.values(Id::LibraryPath).map(Path::new).collect();
    Script::read(line.values(Id::Script).map(Path::new), &search)
}

/// Asks for a manifest, as `--section-manifest` does.
const MANIFEST: &str = "WASM_SECTION_LD_MANIFEST";

/// Whether a variable says yes.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

/// What the command line and the environment ask for.
fn output(line: &CommandLine) -> Output {
    let base = if line.is_position_independent() {
        Base::MemoryBase
    } else {
        Base::Zero
    };
    Output {
        base,
        symbols: [Id::Map, Id::PrintMap, Id::TraceSymbol]
            .into_iter()
            .any(|id| line.has(id)),
        manifest: line.has(Id::Manifest) || is_set(MANIFEST),
    }
}

fn warn<'a>(
    diagnostics: &Diagnostics,
    line: &CommandLine,
    warnings: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let fatal = line.flag(Id::FatalWarnings, Id::NoFatalWarnings);
    for warning in warnings {
        if fatal {
            return Err(Error::new(warning));
        }
        diagnostics.warning(warning);
    }
    Ok(())
}

/// What messages begin with: as lld, the name that the program was called by.
fn program_name(argv0: Option<OsString>) -> String {
    argv0
        .as_deref()
        .and_then(|path| Path::new(path).file_stem())
        .map_or_else(
            || "wasm-section-ld".into(),
            |stem| stem.to_string_lossy().into_owned(),
        )
}
