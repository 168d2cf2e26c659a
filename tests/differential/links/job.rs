//! A link: which units come into it how.

use super::fallback::fallback;
use super::machine::Machine;
use super::unit::{Unit, unit};
use crate::args;
use crate::differential::flags::{self, Flag, HARMLESS};
use crate::differential::ways::{WAYS, Way};
use crate::support::{Work, linkers};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// What is put to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Wasm32,
    Wasm64,
    Pic,
    Pic64,
    /// Some groups have been linked by `-r` before.
    Partial,
    /// Some units are bitcode.
    Bitcode,
}

impl Kind {
    fn machines(self) -> &'static [Machine] {
        match self {
            Kind::Wasm64 => &[Machine::Wasm64],
            Kind::Pic => &[Machine::Shared, Machine::Pie],
            Kind::Pic64 => &[Machine::Shared64],
            Kind::Wasm32 | Kind::Partial | Kind::Bitcode => &[Machine::Wasm32],
        }
    }

    /// How many of the oldest backends cannot do that.
    fn too_old(self) -> usize {
        match self {
            Kind::Wasm32 | Kind::Partial => 0,
            Kind::Wasm64 | Kind::Pic | Kind::Pic64 => 2,
            Kind::Bitcode => 3,
        }
    }
}

/// A group of units that come in together.
#[derive(Debug, Clone)]
pub struct Group {
    pub way: Way,
    /// Places in the job's units.
    pub members: Vec<usize>,
    /// Whether they have been linked by `-r` before.
    pub is_partial: bool,
    /// Whether these are the units that define what others may not.
    pub is_fallback: bool,
}

/// The number of the archive of what others may not define.
const FALLBACK: usize = 99;

#[derive(Debug, Clone)]
pub struct Job {
    pub machine: Machine,
    pub units: Vec<Unit>,
    /// For each unit.
    pub is_bitcode: Vec<bool>,
    pub groups: Vec<Group>,
    pub flags: Vec<Flag>,
    /// Whether LEFT is asked for.
    pub gather_left: bool,
    /// Whether everything that shows something is exported, and so alive.
    pub exports_all: bool,
    pub backend: PathBuf,
}

const POOL: u32 = 300;

pub static UNITS: LazyLock<Vec<Unit>> = LazyLock::new(|| {
    let new = |number| {
        let mut runner = runner(u64::from(number));
        unit(number)
            .new_tree(&mut runner)
            .expect("a unit")
            .current()
    };
    (1..=POOL).map(new).collect()
});

/// A source of jobs that is told by a number.
pub fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 150,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Units of the pool, rid of some features where that makes an example smaller.
fn units() -> impl Strategy<Value = Vec<Unit>> {
    let kept = prop::collection::vec(prop::bool::weighted(0.998), 6);
    let unit = (0..POOL as usize, kept).prop_map(|(at, kept)| {
        let mut unit = UNITS[at].clone();
        let mut kept = kept.into_iter();
        unit.features.retain(|_| kept.next().unwrap_or(true));
        unit
    });
    prop::collection::vec(unit, 1..7).prop_map(|units| {
        let mut seen = BTreeSet::new();
        let fresh = units.into_iter().filter(|unit| seen.insert(unit.number));
        fresh.collect()
    })
}

type Groups = Vec<(Way, Vec<Index>, bool, bool)>;

/// Members of groups: each unit once, but in a group that takes what was taken.
fn grouped(count: usize, kind: Kind, ways: Groups) -> Vec<Group> {
    let mut taken = BTreeSet::new();
    let mut groups = Vec::new();
    for (way, members, is_partial, again) in ways {
        let again = again && kind != Kind::Partial;
        let members: Vec<_> = members.iter().map(|index| index.index(count)).collect();
        let mut own = BTreeSet::new();
        let members: Vec<_> = members
            .into_iter()
            .filter(|&at| own.insert(at) && (taken.insert(at) || again))
            .collect();
        if !members.is_empty() {
            groups.push(Group {
                way,
                members,
                is_partial: is_partial && kind == Kind::Partial,
                is_fallback: false,
            });
        }
    }
    let rest: Vec<_> = (0..count).filter(|at| !taken.contains(at)).collect();
    if !rest.is_empty() {
        groups.push(Group {
            way: Way::Files,
            members: rest,
            is_partial: false,
            is_fallback: false,
        });
    }
    groups
}

pub fn job(kind: Kind) -> impl Strategy<Value = Job> {
    let group = (
        select(&WAYS[..]),
        prop::collection::vec(any::<Index>(), 1..4),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    let last = prop_oneof![1 => Just(None), 8 => Just(Some(true)), 2 => Just(Some(false))];
    (
        (
            select(kind.machines()),
            units(),
            prop::collection::vec(prop::bool::weighted(0.4), 6),
        ),
        prop::collection::vec(group, 1..5),
        last,
        prop::collection::vec(flags::any_of(HARMLESS.to_vec()), 0..3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.6),
        any::<Index>(),
    )
        .prop_map(
            move |(
                (machine, mut units, bits),
                ways,
                last,
                mut flags,
                gather_left,
                exports_all,
                backend,
            )| {
                // `wasm-ld` 19 and 22 let pointers to merged strings of such modules go astray.
                flags
                    .retain(|flag| !machine.is_pic() || flag.words != ["--no-merge-data-segments"]);
                if kind == Kind::Partial {
                    // They would come beside segments of their name.
                    let own = std::mem::take(&mut units).into_iter();
                    units = own.map(Unit::without_custom_sections).collect();
                }
                let backends = linkers();
                let backend = backend.get(&backends[kind.too_old()..]).clone();
                let mut groups = grouped(units.len(), kind, ways);
                // The older two do not know `--start-lib`, nor `--library`.
                let is_old = linkers()[..2].contains(&backend);
                for group in groups
                    .iter_mut()
                    .filter(|group| is_old && matches!(group.way, Way::Lib | Way::Library))
                {
                    group.way = Way::Archive;
                }
                let bits = units
                    .iter()
                    .zip(bits)
                    .map(|(unit, bit)| bit && kind == Kind::Bitcode && unit.may_be_bitcode());
                let mut is_bitcode: Vec<_> = bits.collect();
                is_bitcode.resize(units.len(), false);
                let last = last.or((machine.is_pic() || kind == Kind::Bitcode).then_some(true));
                if let Some(last) = last {
                    let members = fallback();
                    let count = units.len();
                    let group = Group {
                        way: Way::Archive,
                        members: (count..count + members.len()).collect(),
                        is_partial: false,
                        is_fallback: true,
                    };
                    units.extend(members);
                    is_bitcode.resize(units.len(), false);
                    groups.insert(if last { groups.len() } else { 0 }, group);
                }
                Job {
                    machine,
                    units,
                    is_bitcode,
                    groups,
                    flags,
                    gather_left,
                    exports_all,
                    backend,
                }
            },
        )
}

/// Objects that have been compiled, by what they are made of.
#[derive(Default)]
pub struct Built {
    objects: RefCell<BTreeMap<(Unit, Machine, bool), PathBuf>>,
    number: RefCell<usize>,
}

impl Built {
    pub fn object(&self, work: &Work, unit: &Unit, machine: Machine, bitcode: bool) -> PathBuf {
        let key = (unit.clone(), machine, bitcode);
        if let Some(known) = self.objects.borrow().get(&key) {
            return known.clone();
        }
        let built = unit.build(work, machine, bitcode);
        // A unit without one of its features has the same name.
        let mut number = self.number.borrow_mut();
        *number += 1;
        let kept = work.file(&format!("{}-{number}.o", unit.marker()));
        std::fs::rename(built, &kept).expect("a file");
        self.objects.borrow_mut().insert(key, kept.clone());
        kept
    }
}

/// A file on the command line, or a member of an archive there.
#[derive(Debug, Clone)]
pub struct Input {
    /// What it is like, if it were no bitcode.
    pub object: PathBuf,
    /// The units that it is made of.
    pub units: Vec<Unit>,
    /// How the backend calls it at the end of its name, where it says what it links.
    name: String,
    /// The number of its group.
    group: usize,
    way: Way,
    pub is_always: bool,
    pub is_bitcode: bool,
}

impl Input {
    fn new(
        (object, file): (PathBuf, &Path),
        units: Vec<Unit>,
        (number, group): (usize, &Group),
        is_bitcode: bool,
    ) -> Self {
        let base = file.file_name().unwrap_or_default().to_string_lossy();
        Self {
            object,
            units,
            name: match group.way {
                Way::Archive | Way::Library => {
                    format!("libgroup{number}.a({base})")
                }
                _ => base.into_owned(),
            },
            group: number,
            way: group.way,
            is_always: group.way.is_always(),
            is_bitcode,
        }
    }

    pub fn is_of_same_group(&self, other: &Self) -> bool {
        self.group == other.group
    }

    /// Whether it is a file on the command line, or in a response file.
    pub fn is_file(&self) -> bool {
        matches!(
            self.way,
            Way::Files | Way::Lib | Way::ResponseFile | Way::WindowsResponseFile
        )
    }

    /// Whether a link that says by `-t` what it links has it.
    pub fn is_linked(&self, said: &str) -> bool {
        let names = |line: &str| {
            line.trim_end_matches(')')
                .ends_with(self.name.trim_end_matches(')'))
        };
        self.is_always || said.lines().any(names)
    }
}

/// A command line, but for what is exported.
pub struct Line {
    pub words: Vec<OsString>,
    pub inputs: Vec<Input>,
    /// How somebody makes it by hand.
    pub script: String,
}

const HOST: &str = r#"
    static int order_so_far;
    void logged(int n) { order_so_far = order_so_far * 31 + n; }
    int order(void) { return order_so_far; }
"#;

/// Reads the words of LEFT, which there may be none of.
const READER: &str = r#"
    extern const int __start_LEFT[] __attribute__((weak)), __stop_LEFT[] __attribute__((weak));
    int left(int i) { return i < __stop_LEFT - __start_LEFT ? __start_LEFT[i] : -1; }
"#;

impl Job {
    pub fn reads_left(&self) -> bool {
        !self.machine.is_pic()
    }

    pub fn host(&self, work: &Work) -> PathBuf {
        let name = format!("host-{:?}", self.machine);
        let object = work.file(&format!("{name}.o"));
        if !object.exists() {
            let source = HOST.to_owned() + if self.reads_left() { READER } else { "" };
            work.compile(
                "WSL_CLANG",
                &name,
                "c",
                &source,
                &self.machine.compiler_flags(),
            );
        }
        object
    }

    pub fn line(&self, work: &Work, built: &Built) -> Line {
        let mut script = String::new();
        let mut parts = vec![args!["--no-entry", self.host(work)].to_vec()];
        let mut inputs = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            let number = match group.is_fallback {
                true => FALLBACK + self.machine as usize,
                false => number,
            };
            let units = group
                .members
                .iter()
                .map(|&at| (&self.units[at], self.is_bitcode[at]));
            let files: Vec<_> = units
                .clone()
                .map(|(unit, bitcode)| built.object(work, unit, self.machine, bitcode))
                .collect();
            for ((unit, bitcode), file) in units.clone().zip(&files) {
                script += &unit.script(self.machine, bitcode);
                script += &format!("# linked as {}\n", file.display());
            }
            // Files that define a name twice are linked one by one: that fails in both links.
            if group.is_partial
                && let Some(partial) = self.partial(work, number, &files)
            {
                script += &format!("# {} is what -r makes of these\n", partial.display());
                let units = units.map(|(unit, _)| unit.clone()).collect();
                let both = (partial.clone(), partial.as_path());
                inputs.push(Input::new(both, units, (number, group), false));
                parts.push(group.way.words(work, number, &[partial]));
                continue;
            }
            let known = work.file(&format!("libgroup{number}.a"));
            parts.push(match group.is_fallback && known.exists() {
                // It is always the same.
                true => vec![known.into()],
                false => group.way.words(work, number, &files),
            });
            for ((unit, bitcode), file) in units.zip(files) {
                let object = match bitcode {
                    true => {
                        // Bitcode is the newest compiler's.
                        let mut unit = unit.clone();
                        unit.is_old = false;
                        built.object(work, &unit, self.machine, false)
                    }
                    false => file.clone(),
                };
                let units = vec![unit.clone()];
                inputs.push(Input::new((object, &file), units, (number, group), bitcode));
            }
        }
        parts.push(self.machine.words());
        let mut words = flags::between(parts, &self.flags);
        if !self.machine.is_pic() {
            words.push("--export=__wasm_call_ctors".into());
        }
        words.push("--export=order".into());
        if self.reads_left() {
            words.push("--export=left".into());
        }
        Line {
            words,
            inputs,
            script,
        }
    }

    fn partial(&self, work: &Work, number: usize, files: &[PathBuf]) -> Option<PathBuf> {
        let output = work.file(&format!("partial{number}.o"));
        let linked = Command::new(&self.backend)
            .args(["-r", "-o"])
            .arg(&output)
            .args(files)
            .output()
            .expect("a linker that runs");
        let message = String::from_utf8_lossy(&linked.stderr);
        let is_duplicate = message.contains("duplicate symbol");
        assert!(linked.status.success() || is_duplicate, "{message}");
        linked.status.success().then_some(output)
    }

    /// Whether the backend keeps what is marked as retained.
    pub fn retains(&self) -> bool {
        !linkers()[..2].contains(&self.backend)
    }
}

/// Whether two files have the same bytes.
pub fn same(one: &Path, other: &Path) -> bool {
    let read = |path| std::fs::read(path).expect("an object");
    one == other || read(one) == read(other)
}
