//! Which rewritten objects share a file: one file per object dominates the time of a large link.

use super::command::LinkCommand;
use crate::args::ArgumentIndex;
use crate::hash::HashSet;
use crate::input::{Files, Inputs, Module, ObjectId};

/// The rewritten objects of a link, by the files that they go to.
pub struct Batches<'a> {
    pub(super) batches: Vec<Vec<&'a Module<'a>>>,
    /// Objects of other files: compiled bitcode, and members of archives with bitcode.
    pub(super) unbatched: Vec<&'a Module<'a>>,
}

/// How many objects share a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Members of the same archive do, other objects do not.
    Members,
    /// Adjacent objects do. They stay in memory until the file is written.
    Adjacent,
    /// The same, but a file should be written soon.
    Few,
}

impl<'a> Batches<'a> {
    /// The batches of the objects `edited`, which are in link order. Other files are placed just `before` some
    /// arguments: an object there begins a batch.
    pub fn of(
        files: &Files,
        inputs: &'a Inputs<'a>,
        edited: impl Iterator<Item = ObjectId>,
        sharing: Sharing,
        before: &HashSet<ArgumentIndex>,
    ) -> Self {
        let edited = edited.map(|id| &inputs.modules[id]);
        let bitcode = inputs.replaced_bitcode().filter(|m| m.is_member());
        let with_bitcode: HashSet<_> = bitcode.map(|module| module.place.argument).collect();
        let is_unbatched = |module: &&'a Module<'a>| {
            module.is_compiled()
                || module.is_member() && with_bitcode.contains(&module.place.argument)
        };
        let (unbatched, placed): (Vec<_>, Vec<_>) = edited.partition(is_unbatched);
        let mut batches: Vec<Vec<&Module<'_>>> = Vec::new();
        let mut size = 0;
        for module in placed {
            let is_full = |batch: &[&Module<'_>]| match sharing {
                _ if module.is_member() => false,
                _ if before.contains(&module.place.argument) => true,
                Sharing::Members => true,
                Sharing::Adjacent => batch.len() >= MAX_BATCH,
                Sharing::Few => batch.len() >= MAX_BATCH || size >= GATE_INTERVAL,
            };
            let last = batches.last_mut().filter(|batch| {
                let previous = batch.last();
                previous.is_some_and(|last| shares_batch(module, last, files)) && !is_full(batch)
            });
            match last {
                Some(batch) => {
                    batch.push(module);
                    size += module.size();
                }
                None => {
                    batches.push(vec![module]);
                    size = module.size();
                }
            }
        }
        Self { batches, unbatched }
    }

    /// A command whose temporary files are in memory. `None` if they are too large or too many.
    pub fn in_memory(&self, files: &Files, inputs: &Inputs<'_>) -> Option<LinkCommand<'a>> {
        // Two synthesized objects have one gate. Besides, there may be an object of wild's options and a response file.
        const OTHERS: usize = 5;
        let compiled = inputs.modules.iter();
        let compiled = compiled.filter(|module| module.is_compiled());
        let compiled: Vec<usize> = compiled.map(Module::size).collect();
        // Each batch may have a gate. A file of bitcode is replaced by an object; an archive with bitcode, by an archive.
        let count = 2 * self.batches.len() + inputs.bitcode.len() + compiled.len() + OTHERS;
        let with_bitcode: HashSet<_> = inputs.bitcode.iter().map(|it| it.place.argument).collect();
        let replaced: usize = with_bitcode.into_iter().map(|it| files.size(it)).sum();
        let size = self.size(files) + replaced + compiled.iter().sum::<usize>();
        (size <= MAX_IN_MEMORY)
            .then(|| LinkCommand::in_memory(count))
            .flatten()
    }

    /// The size in bytes of the files that the batches replace.
    fn size(&self, files: &Files) -> usize {
        let batches = self.batches.iter();
        batches
            .map(|batch| match batch.first() {
                Some(first) if first.is_member() => files.size(first.place.argument),
                _ => batch.iter().map(|module| module.size()).sum(),
            })
            .sum()
    }
}

/// The maximum number of objects in a batch. They stay in memory until the batch is written.
const MAX_BATCH: usize = 256;

/// The system cannot reclaim files in memory while the link runs. Larger ones go to a directory.
const MAX_IN_MEMORY: usize = 1 << 28;

/// How many bytes of objects a gate is for. A gate costs a few system calls in both processes.
pub(super) const GATE_INTERVAL: usize = 1 << 18;

/// Whether an object goes into the batch of the previous one.
fn shares_batch(module: &Module<'_>, previous: &Module<'_>, files: &Files) -> bool {
    let (first, last) = (previous.place.argument, module.place.argument);
    match (previous.is_member(), module.is_member()) {
        (true, true) => first == last,
        (false, false) if previous.is_promoted() || module.is_promoted() => false,
        (false, false) => {
            let is_lazy = previous.place.in_lib || module.place.in_lib;
            !is_lazy && files.none_between(first, last)
        }
        _ => false,
    }
}
