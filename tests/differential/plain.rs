//! Links in which nothing is marked: the backend's own, byte for byte, also when every input is
//! encoded anew on its way.

use super::flags::{self, COMMON, Flag, HARMLESS, RARE};
use super::pool::{self, POOL};
use super::runner;
use super::target::{TARGETS, Target};
use super::ways::{WAYS, Way};
use crate::args;
use crate::support::{Work, linker, linkers, reencoder};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Groups of objects, and flags between them.
#[derive(Debug, Clone)]
struct Plain {
    target: Target,
    spelling: usize,
    groups: Vec<(Way, Vec<Index>)>,
    flags: Vec<Flag>,
    backend: Index,
}

fn plain() -> impl Strategy<Value = Plain> {
    let group = (
        select(&WAYS[..]),
        prop::collection::vec(any::<Index>(), 1..4),
    );
    // What makes the link fail is rarer than what does not.
    let common = flags::any_of([HARMLESS, COMMON].concat());
    let rare = prop::option::weighted(0.25, flags::any_of(RARE.to_vec()));
    let target = prop_oneof![
        3 => Just(Target::Wasm32),
        1 => Just(Target::Wasm64),
        1 => Just(Target::Shared),
        1 => Just(Target::Pie),
    ];
    (
        target,
        any::<usize>(),
        prop::collection::vec(group, 1..5),
        (prop::collection::vec(common, 0..6), rare),
        any::<Index>(),
    )
        .prop_map(|(target, spelling, groups, (mut flags, rare), backend)| {
            flags.extend(rare);
            Plain {
                target,
                spelling,
                groups,
                flags,
                backend,
            }
        })
}

impl Plain {
    /// Which objects of the pool are given how. Each is linked once: that it is there twice is for
    /// the last of the groups to try.
    fn groups(&self) -> Vec<(Way, Vec<usize>)> {
        let mut taken = BTreeSet::new();
        let groups = self
            .groups
            .iter()
            .enumerate()
            .map(|(number, (way, group))| {
                let objects = group.iter().map(|index| index.index(POOL.len()));
                let fresh = objects.filter(|&object| number == 3 || taken.insert(object));
                (*way, fresh.collect::<Vec<_>>())
            });
        groups.filter(|(_, objects)| !objects.is_empty()).collect()
    }

    fn words(&self, work: &Work, pool: &[PathBuf]) -> Vec<OsString> {
        let mut parts = vec![args!["--no-entry"].to_vec()];
        for (number, (way, objects)) in self.groups().into_iter().enumerate() {
            let objects: Vec<_> = objects.iter().map(|&at| pool[at].clone()).collect();
            parts.push(way.words(work, number, &objects));
        }
        parts.push(self.target.words(self.spelling));
        flags::between(parts, &self.flags)
    }
}

#[test]
fn with_nothing_marked_the_link_is_the_backends_own() {
    let work = Work::new();
    let pools = pool::objects(&work);
    let (linked, failed) = (Cell::new(0), Cell::new(0));
    let checked = runner().run(&plain(), |job| {
        let backend = &job.backend.get(&linkers()).clone();
        let words = job.words(&work, &pools[&job.target]);
        let link = |command: &mut Command| {
            let _ = fs::remove_file(work.file("out.wasm"));
            let linked = work.link_by(command, &words);
            let module = fs::read(&linked.output).ok();
            (linked.status, linked.stdout, linked.stderr, module)
        };
        let theirs = link(&mut Command::new(backend));
        let ours = link(Command::new(linker()).env("WASM_SECTION_LD_LINKER", backend));
        let what = format!("{} {words:?}", backend.display());
        let mut anew = Command::new(reencoder());
        anew.env("WASM_SECTION_LD_LINKER", backend);
        let anew = link(&mut anew);
        if theirs.0.is_none() {
            // The backend crashed, and says at which addresses: 19 does by `--wrap` with
            // `--export-all`.
            let crashed = ours.0.is_none() && anew.0.is_some_and(|status| status > 128);
            prop_assert!(crashed, "{what}\n{ours:?}\n{anew:?}");
            return Ok(());
        }
        prop_assert!(same(&ours, &theirs), "{what}\n{ours:?}\n{theirs:?}");
        prop_assert!(
            same_link(&anew, &theirs) || theirs.2.contains("unknown argument"),
            "anew: {what}\n{anew:?}\n{theirs:?}"
        );
        let count = if theirs.0 == Some(0) {
            &linked
        } else {
            &failed
        };
        count.set(count.get() + 1);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read_dir(work.file("tmp")).expect("tmp").count(), 0);
    // Of both there must be some, or this tests nothing.
    assert!(
        linked.get() > 2 && failed.get() > 0,
        "{linked:?} {failed:?}"
    );
}

type Done = (Option<i32>, String, String, Option<Vec<u8>>);

/// The same or, where we find first what is wrong with an input, an error that is among the
/// backend's, in our name: what else it says then, and what we say of it more, does not count.
fn same(ours: &Done, theirs: &Done) -> bool {
    let mut own = ours.2.lines();
    let error = own.find_map(|line| line.strip_prefix("wasm-section-ld: error: "));
    let refused = error.is_some_and(|error| theirs.2.lines().any(|line| line.ends_with(error)));
    ours == theirs || ours.0 == Some(1) && refused && same_link(ours, theirs)
}

/// The same but for messages, which may speak of sizes and offsets in the inputs.
fn same_link(ours: &Done, theirs: &Done) -> bool {
    (ours.0, &ours.3) == (theirs.0, &theirs.3)
}

/// What the generator can make, it makes: within a few hundred jobs there is every target, every way
/// in, every object in each, and every spelling of every flag.
#[test]
fn every_ingredient_is_in_some_job() {
    let mut runner = TestRunner::deterministic();
    let (mut objects, mut spellings) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4000 {
        let job = plain().new_tree(&mut runner).expect("a job").current();
        for (way, group) in job.groups() {
            objects.extend(group.into_iter().map(|object| (job.target, way, object)));
        }
        spellings.extend(job.flags.iter().map(|flag| flag.words));
    }
    assert_eq!(objects.len(), TARGETS.len() * WAYS.len() * POOL.len());
    let flags = [HARMLESS, COMMON, RARE].concat();
    let all: BTreeSet<_> = flags
        .iter()
        .flat_map(|spellings| spellings.iter().copied())
        .collect();
    assert_eq!(spellings, all);
}
