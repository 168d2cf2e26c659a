//! Links a job plainly and with this linker, and compares what there is to see.

use super::job::{Built, Job, Kind, Line, job, runner};
use super::loaded::Loaded;
use super::model::{LEFT, Model, SECTIONS, Target, defined};
use super::seen::{Seen, difference};
use crate::args;
use crate::support::{Linked, Work, linker};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestCaseError;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;

/// How many jobs came to what.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub fn get(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }
}

pub struct Bench {
    pub(super) work: Work,
    built: Built,
    pub counts: RefCell<Counts>,
}

pub(super) type Checked = Result<(), String>;

impl Bench {
    pub fn new() -> Self {
        Self {
            work: Work::new(),
            built: Built::default(),
            counts: RefCell::default(),
        }
    }

    pub(super) fn count(&self, what: &'static str) {
        self.counts.borrow_mut().add(what);
    }

    pub(super) fn ours(&self, job: &Job, words: &[OsString]) -> Linked {
        let _ = fs::remove_file(self.work.file("out.wasm"));
        let words = joined(&ONE_THREAD.map(OsString::from), words.iter().cloned());
        self.work.link_with(&job.backend, &words)
    }

    pub fn check(&self, job: &Job) -> Checked {
        let mut line = job.line(&self.work, &self.built);
        let words = line.words.clone();
        let mut exports: BTreeSet<String> = always(job).collect();
        export(&mut line, &words, &exports);
        for _ in 0..ROUNDS {
            let Some(settled) = self.settle(job, &line)? else {
                return Ok(());
            };
            // What is alive by entries alone may be so in other ways in both: then all is compared.
            let exports_all = job.exports_all || !settled.model.references.is_empty();
            let next = match exports_all {
                true => exportable(&line, &settled.is_linked),
                false => BTreeSet::new(),
            };
            // To export what is linked may link more.
            if next.is_subset(&exports) {
                return self.check_linked(job, &line, &settled, exports_all);
            }
            exports.extend(next);
            export(&mut line, &words, &exports);
        }
        self.count("what is exported depends on what is exported");
        Ok(())
    }

    /// Finds which entries there are in a link, and what they extract; nothing if the link fails as it should.
    fn settle(&self, job: &Job, line: &Line) -> Result<Option<Settled>, String> {
        let failed = |words: &[OsString], plain: &Linked| {
            self.check_failed(job, line, words, plain).map(|()| None)
        };
        let said = self.plain(job, &joined(&line.words, ["-t".into()]));
        let Some(is_plain) = linked(line, &said) else {
            return failed(&line.words, &said);
        };
        // Of groups with copies, the plain link shows by its exports which counts.
        let has_copies = Model::has_copies(&line.inputs);
        let seen = match has_copies {
            true => {
                let names = defined(&line.inputs, &is_plain);
                let words = joined(&line.words, names.iter().map(if_defined));
                let plain = self.plain(job, &words);
                match plain.status {
                    Some(0) => Seen::of(job, &plain.module()).0,
                    _ => return failed(&words, &plain),
                }
            }
            false => Seen::default(),
        };
        let mut model = Model::of(job, &line.inputs, &is_plain, &is_plain, &seen);
        // What entries extract may define names of entries: then others are entries.
        for _ in 0..ROUNDS {
            if model.references.is_empty() {
                let is_linked = is_plain;
                return Ok(Some(Settled { model, is_linked }));
            }
            let wanted = wanted(line, &model);
            let said = self.plain(job, &joined(&wanted, ["-t".into()]));
            let Some(is_linked) = linked(line, &said) else {
                return failed(&wanted, &said);
            };
            let next = Model::of(job, &line.inputs, &is_plain, &is_linked, &seen);
            let is_same = next.references == model.references;
            model = next;
            if is_same {
                return Ok(Some(Settled { model, is_linked }));
            }
        }
        self.count("which entries there are depends on what they extract");
        Ok(None)
    }

    pub(super) fn plain(&self, job: &Job, words: &[OsString]) -> Linked {
        let words = joined(&ONE_THREAD.map(OsString::from), words.iter().cloned());
        self.work.plain_link(&job.backend, &words)
    }

    fn check_linked(
        &self,
        job: &Job,
        line: &Line,
        Settled { model, is_linked }: &Settled,
        exports_all: bool,
    ) -> Checked {
        if !model.references.is_empty() {
            self.count("entries extract members");
        }
        let all = exportable(line, is_linked);
        let everything = joined(&wanted(line, model), all.iter().map(if_defined));
        let plain = self.plain(job, &everything);
        if plain.status != Some(0) {
            return self.check_failed(job, line, &everything, &plain);
        }
        let (seen, _) = Seen::of(job, &plain.module());
        let arrays = ["POINTERS", "REFERENCES", "TEXTS"]
            .map(|section| (section, model.targets(section, &seen)));
        if arrays
            .iter()
            .any(|(_, targets)| targets.contains(&Target::Unknown))
        {
            self.count("entries refer to nothing");
            return Ok(());
        }
        let roots = model.roots.iter().filter(|_| !exports_all);
        let roots = roots.map(|name| format!("--export={name}").into());
        let plain = joined(&wanted(line, model), roots);
        let ours = joined(&line.words, gathering(job).chain(reading(model)));
        let mut theirs = seen;
        if !exports_all {
            let plainly = self.plain(job, &plain);
            if plainly.status != Some(0) {
                return self.check_failed(job, line, &plain, &plainly);
            }
            theirs = Seen::of(job, &plainly.module()).0;
        }
        let linked = self.ours(job, &ours);
        let what = |what: &str| {
            explained(
                line,
                &plain,
                &format!("{what}\nours: {}\n{}", text(&ours), linked.stderr),
            )
        };
        if linked.stderr.contains("Stack dump") {
            self.count("the backend crashes, with this linker");
            return Ok(());
        }
        if linked.status != Some(0) {
            return match self.reads_undefined_marks(job, &plain, &linked) {
                true => {
                    self.count("undefined marks");
                    Ok(())
                }
                false => Err(what("only this linker fails")),
            };
        }
        let (mut own, mut loaded) = Seen::of(job, &linked.module());
        let is_root = |name: &str| !exports_all && model.roots.iter().any(|root| root == name);
        theirs.retain(is_root);
        own.retain(is_root);
        // In which order entries ask for members is not promised.
        let has_bitcode = line.inputs.iter().any(|input| input.is_bitcode);
        // An extracted member that no live code reaches is alive here by its entry.
        let may_be_dead = !exports_all && model.of_extracted;
        if model.references.len() > 1 || may_be_dead {
            own.results.remove("order");
            theirs.results.remove("order");
        }
        let left = std::mem::take(&mut own.left);
        let left_theirs = std::mem::take(&mut theirs.left);
        if own != theirs {
            return Err(what(&format!(
                "not the same: {}",
                difference(&own, &theirs)
            )));
        }
        if job.reads_left() {
            let mut expected = left_theirs;
            if model.gathers_left {
                expected = model.words(LEFT);
                expected.push(u32::MAX);
            }
            if left != expected {
                return Err(what(&format!(
                    "LEFT is {left:?}, not {expected:?} (gathered: {})",
                    model.gathers_left
                )));
            }
        }
        // The optimizer has its own order, and keeps no weak definition that loses.
        if has_bitcode {
            self.count("link with bitcode");
            return self
                .check_bitcode(job, model, &loaded)
                .map_err(|error| what(&error));
        }
        self.check_arrays(model, &arrays, &mut loaded)
            .and_then(|()| self.check_core(job, line, &ours, model))
            .map_err(|error| what(&error))?;
        self.count("link");
        Ok(())
    }

    /// The numbers of objects in their order, and those of bitcode that no other may define.
    fn check_bitcode(&self, job: &Job, model: &Model, loaded: &Loaded) -> Checked {
        if !model.has("NUMBERS") {
            return Ok(());
        }
        let bitcode: BTreeSet<u32> = job
            .units
            .iter()
            .zip(&job.is_bitcode)
            .filter_map(|(unit, is_bitcode)| is_bitcode.then_some(unit.number))
            .collect();
        let bytes = loaded.section("NUMBERS");
        let (numbers, _) = bytes.as_chunks::<4>();
        let numbers: Vec<_> = numbers
            .iter()
            .map(|word| u32::from_le_bytes(*word))
            .collect();
        let of_objects = |numbers: &[u32]| -> Vec<u32> {
            numbers
                .iter()
                .copied()
                .filter(|number| !bitcode.contains(&(number / 100)))
                .collect()
        };
        let expected = model.words("NUMBERS");
        let own = |number: &&u32| {
            let unit = job.units.iter().find(|unit| unit.number == **number / 100);
            unit.is_some_and(|unit| unit.is_alone((**number % 100) as usize))
        };
        let lost = expected
            .iter()
            .filter(own)
            .find(|number| !numbers.contains(number));
        match of_objects(&numbers) == of_objects(&expected) && lost.is_none() {
            true => Ok(()),
            false => Err(format!(
                "NUMBERS is {numbers:?}, not {expected:?} (lost: {lost:?})"
            )),
        }
    }

    fn check_arrays(
        &self,
        model: &Model,
        arrays: &[(&str, Vec<Target>)],
        loaded: &mut Loaded,
    ) -> Checked {
        if model.has("NUMBERS") {
            let bytes = loaded.section("NUMBERS");
            let (numbers, _) = bytes.as_chunks::<4>();
            let numbers: Vec<_> = numbers
                .iter()
                .map(|word| u32::from_le_bytes(*word))
                .collect();
            let expected = model.words("NUMBERS");
            if numbers != expected {
                return Err(format!("NUMBERS is {numbers:?}, not {expected:?}"));
            }
        }
        for (section, expected) in arrays.iter().filter(|(section, _)| model.has(section)) {
            let mut found = Vec::new();
            for pointer in loaded.pointers(section) {
                found.push(match *section {
                    _ if pointer == 0 => Target::Null,
                    "POINTERS" => Target::Number(loaded.call_pointer(pointer)),
                    "TEXTS" => Target::Text(loaded.string(pointer)),
                    _ => Target::Number(loaded.pointee(pointer).unwrap_or_default()),
                });
            }
            if found != *expected {
                return Err(format!("{section} is {found:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    /// What a job is like, by hand.
    pub fn script(&self, job: &Job) -> String {
        let line = job.line(&self.work, &self.built);
        line.script
    }

    /// Runs `count` jobs from a seed on. What fails, made small.
    pub fn run(&self, kind: Kind, first: u64, count: u64, most: usize) -> Vec<String> {
        let mut failures = Vec::new();
        for seed in first..first + count {
            let mut runner = runner(seed);
            let tree = job(kind).new_tree(&mut runner).expect("a job");
            let check = |job: Job| self.check(&job).map_err(TestCaseError::fail);
            // Of many, each is made small when it is looked for alone.
            let done = match most {
                1 => runner
                    .run_one(tree, check)
                    .map(|_| ())
                    .map_err(|error| self.explain(error)),
                _ => self.check(&tree.current()),
            };
            if let Err(error) = done {
                let failure = format!("{kind:?}, seed {seed}: {error}");
                if most > 1 {
                    println!("{failure}");
                }
                failures.push(failure);
            }
            if failures.len() == most {
                break;
            }
        }
        failures
    }

    fn explain(&self, error: proptest::test_runner::TestError<Job>) -> String {
        match error {
            proptest::test_runner::TestError::Fail(reason, job) => {
                let groups: Vec<_> = job
                    .groups
                    .iter()
                    .map(|group| {
                        let names = group.members.iter().map(|&at| job.units[at].marker());
                        (group.way, group.is_partial, names.collect::<Vec<_>>())
                    })
                    .collect();
                format!("{reason}\n{groups:?}\n{}", self.script(&job))
            }
            other => format!("{other:?}"),
        }
    }
}

/// Which entries there are in a link.
struct Settled {
    model: Model,
    /// Which inputs are linked with what entries refer to.
    is_linked: Vec<bool>,
}

/// Exports names by a command line with these words. The backend asks for exports in an order of its own, and for
/// `-u` in that of the line.
fn export(line: &mut Line, words: &[OsString], names: &BTreeSet<String>) {
    let asked = names.iter().flat_map(|name| {
        let asked = args!["-u", name];
        asked.into_iter().chain([if_defined(name)])
    });
    line.words = joined(words, asked);
}

/// What can be exported without a difference.
fn exportable(line: &Line, is_linked: &[bool]) -> BTreeSet<String> {
    let mut all = defined(&line.inputs, is_linked);
    all.retain(|name| !name.contains("__link_section__"));
    all
}

/// For so little, threads cost more than they save.
const ONE_THREAD: [&str; 1] = ["--threads=1"];

/// How often entries may change what entries there are.
const ROUNDS: usize = 4;

/// What asks for what entries refer to.
fn asked(model: &Model) -> impl Iterator<Item = OsString> {
    model.references.iter().flat_map(|name| args!["-u", name])
}

/// The words of the plain link in which that is asked for.
fn wanted(line: &Line, model: &Model) -> Vec<OsString> {
    joined(&line.words, asked(model))
}

/// What a link with these words is to have.
pub(super) fn joined(
    words: &[OsString],
    more: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    words.iter().cloned().chain(more).collect()
}

pub(super) fn if_defined(name: impl std::fmt::Display) -> OsString {
    format!("--export-if-defined={name}").into()
}

/// Which inputs a link has that says so; none if it fails.
fn linked(line: &Line, said: &Linked) -> Option<Vec<bool>> {
    let inputs = line
        .inputs
        .iter()
        .map(|input| input.is_linked(&said.stdout));
    (said.status == Some(0)).then(|| inputs.collect())
}

/// The functions of units that are always linked.
fn always(job: &Job) -> impl Iterator<Item = String> {
    let groups = job.groups.iter().filter(|group| group.way.is_always());
    groups.flat_map(|group| group.members.iter().map(|&at| job.units[at].sees()))
}

pub(super) fn gathering(job: &Job) -> impl Iterator<Item = OsString> {
    let left = job.gather_left.then(|| "--gather=LEFT".into());
    [OsString::from("--gather=NUMBERS")].into_iter().chain(left)
}

/// The bounds of what there is, for the host.
fn reading(model: &Model) -> impl Iterator<Item = OsString> {
    let there = SECTIONS
        .into_iter()
        .filter(|section| *section != LEFT && model.has(section));
    there.flat_map(bounds)
}

fn bounds(section: &str) -> [OsString; 2] {
    ["start", "stop"].map(|bound| format!("--export=__{bound}_{section}").into())
}

fn text(words: &[OsString]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}

pub(super) fn explained(line: &Line, plain: &[OsString], what: &str) -> String {
    let _ = line;
    format!("{what}\nplain: {}\n{}", text(plain), linker().display())
}
