//! Links in which entries are marked: the arrays are what the model says, and all else is as it was
//! without our linker.

use super::flags::{self, HARMLESS};
use super::marked::{Entry, Job, job};
use super::observed::{Arrays, externals, observe};
use super::pool::{self, POOL};
use super::runner;
use super::target::{TARGETS, Target};
use super::ways::WAYS;
use crate::args;
use crate::support::instance::export_section;
use crate::support::{Work, linkers, tool};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A command line, and the functions that it exports.
struct Line {
    words: Vec<OsString>,
    functions: Vec<String>,
    /// The functions of marked objects among them, first, by the objects.
    own: Vec<usize>,
}

impl Job {
    fn line(&self, work: &Work, pool: &[PathBuf]) -> Line {
        let objects = self.build(work);
        let mut parts = vec![args!["--no-entry"].to_vec()];
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let groups = self.groups();
        let count = groups.len();
        for (number, (way, group)) in groups.into_iter().enumerate() {
            let files: Vec<_> = group.iter().map(|&at| objects[at].clone()).collect();
            parts.push(way.words(work, number, &files));
            let group = group.into_iter().filter(|_| way.is_always());
            for object in group.filter(|&at| self.objects[at].has_code()) {
                own.push(object);
                if self.objects[object].init {
                    others.push(format!("init{object}"));
                }
            }
        }
        for (number, (way, group)) in self.bystanders().into_iter().enumerate() {
            let files: Vec<_> = group.iter().map(|&at| pool[at].clone()).collect();
            parts.push(way.words(work, count + number, &files));
            let results = group.into_iter().filter(|_| way.is_always());
            others.extend(
                results
                    .flat_map(|at| POOL[at].results)
                    .map(|name| (*name).to_owned()),
            );
        }
        parts.push(self.target.words(self.spelling));
        let mut functions: Vec<String> = own.iter().map(|object| format!("f{object}")).collect();
        functions.extend(others);
        parts.extend(
            functions
                .iter()
                .map(|name| args![format!("--export={name}")].to_vec()),
        );
        Line {
            words: flags::between(parts, &self.flags),
            functions,
            own,
        }
    }

    fn arrays(&self) -> Arrays {
        Arrays {
            numbers: self.numbers(),
            pointers: self.pointers(),
            texts: self.texts(),
        }
    }
}

/// Says that the host reads the sections that there are.
fn reading(arrays: &Arrays) -> Vec<OsString> {
    let there = [
        ("NUMBERS", arrays.numbers.is_empty()),
        ("POINTERS", arrays.pointers.is_empty()),
        ("TEXTS", arrays.texts.is_empty()),
    ];
    let sections = there.into_iter().filter(|(_, is_empty)| !is_empty);
    let flags = sections.flat_map(|(section, _)| export_section(section));
    flags
        .chain(["--gather=NUMBERS".to_owned()])
        .map(Into::into)
        .collect()
}

/// wabt does not know tables with 64-bit indices: of wasm64, whoever runs it does that.
fn validate(work: &Work, target: Target, module: &Path) {
    if !target.is_wasm64() {
        let words = args!["--enable-all", module];
        work.run(tool("WSL_WASM_VALIDATE"), words);
    }
}

#[test]
fn marked_entries_are_the_arrays_that_the_model_says_and_all_else_is_as_it_was() {
    let work = Work::new();
    let pools = pool::objects(&work);
    // The older two do not know `--start-lib`.
    let backends: Vec<_> = linkers().into_iter().skip(2).collect();
    let entries = Cell::new(0);
    let checked = runner().run(&job(), |job| {
        let backend = job.backend.get(&backends);
        let line = job.line(&work, &pools[&job.target]);
        let arrays = job.arrays();
        let plain = work.plain_link(backend, &line.words);
        let ours: Vec<_> = line.words.iter().cloned().chain(reading(&arrays)).collect();
        let linked = work.link_with(backend, &ours);
        let what = format!("{} {ours:?}\n{}", backend.display(), linked.stderr);
        prop_assert_eq!(plain.status, Some(0), "{}\n{}", what, plain.stderr);
        prop_assert_eq!(linked.status, Some(0), "{}", what);
        validate(&work, job.target, &linked.output);
        let seen = |module: &[u8]| observe(&work, job.target, module, &line.functions);
        let before = seen(&plain.module());
        let mut now = seen(&linked.module());
        if job.has_lazy_copies() {
            now.arrays.numbers.clone_from(&arrays.numbers);
        }
        prop_assert_eq!(&now.arrays, &arrays, "{}", what);
        prop_assert_eq!(&now.results, &before.results, "{}", what);
        for (object, result) in line.own.iter().zip(&now.results) {
            prop_assert_eq!(*result, job.result(*object), "{}", what);
        }
        prop_assert_eq!(
            externals(&linked.module()),
            externals(&plain.module()),
            "{}",
            what
        );
        entries.set(entries.get() + arrays.numbers.len());
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert!(entries.get() > 20, "{entries:?}");
}

/// What the generator can make, it makes: within a few thousand jobs there is every kind of entry in
/// every language, every way in, for every target, and every object of the pool beside them.
#[test]
fn every_ingredient_is_in_some_job() {
    let mut runner = TestRunner::deterministic();
    let (mut entries, mut bystanders) = (BTreeSet::new(), BTreeSet::new());
    let (mut more, mut spellings) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..6000 {
        let job = job().new_tree(&mut runner).expect("a job").current();
        for (way, group) in job.groups() {
            for object in group {
                let marked = &job.objects[object];
                let kinds = marked.entries.iter().map(|&entry| kind(entry));
                entries.extend(kinds.map(|kind| (job.target, way, marked.language, kind)));
                let (language, called) = (marked.language, job.callee(object).is_some());
                more.insert((
                    job.target,
                    language,
                    marked.pointer,
                    marked.text,
                    marked.init,
                    called,
                ));
            }
        }
        for (way, group) in job.bystanders() {
            bystanders.extend(group.into_iter().map(|object| (job.target, way, object)));
        }
        spellings.extend(job.flags.iter().map(|flag| flag.words));
    }
    let places = TARGETS.len() * WAYS.len();
    // Assembler has all six kinds of entries, C all but COMDAT groups, and by hand there are three.
    assert_eq!(entries.len(), places * (6 + 5 + 3));
    let of_code = |is_c: bool| TARGETS.len() * (if is_c { 16 } else { 8 });
    let by_hand = TARGETS.len() * 2;
    assert_eq!(more.len(), of_code(true) + of_code(false) + by_hand);
    let harmless = |target| POOL.iter().filter(move |source| source.is_harmless(target));
    let harmless: usize = TARGETS.iter().map(|&target| harmless(target).count()).sum();
    assert_eq!(bystanders.len(), WAYS.len() * harmless);
    assert_eq!(
        spellings.len(),
        HARMLESS
            .iter()
            .map(|spellings| spellings.len())
            .sum::<usize>()
    );
}

/// An entry without what differs from one of its kind to another.
fn kind(entry: Entry) -> Entry {
    match entry {
        Entry::Mark(..) => Entry::Mark("", false),
        Entry::Weak(_) => Entry::Weak(0),
        Entry::Comdat(_) => Entry::Comdat(0),
        Entry::Alias | Entry::Segment | Entry::Custom => entry,
    }
}
