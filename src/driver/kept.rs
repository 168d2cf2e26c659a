//! Adds the result of `--section-keep` to the backend's command.

use crate::backend::{Backend, LinkCommand};
use crate::error::Result;
use crate::hoist;
use crate::input::Modules;
use crate::plan::Kept;
use crate::survey::Survey;

/// Places the stand-ins and the promoted objects, in link order.
///
/// # Errors
/// A malformed object, or a file that cannot be written.
pub fn place(command: &mut LinkCommand<'_>, kept: &Kept, modules: &Modules<'_>) -> Result<()> {
    let mut promoted = kept.promoted.iter().copied().peekable();
    for stand_in in &kept.stand_ins {
        while let Some(object) = promoted.next_if(|object| *object < stand_in.object) {
            command.place_promoted(&modules[object])?;
        }
        let bytes = hoist::stand_in(modules, stand_in)?;
        command.place_before(&modules[stand_in.object], &bytes)?;
    }
    promoted.try_for_each(|object| command.place_promoted(&modules[object]))
}

/// The warning if the backend cannot compile bitcode that is not linked.
pub fn not_in_bitcode(survey: &Survey<'_>, backend: &Backend) -> Option<String> {
    (!survey.keep.is_empty()).then(|| {
        format!(
            "--section-keep: bitcode that is not linked may have sections that are lost\n\
             >>> {} cannot compile it alone: it has no --lto-obj-path, which wasm-ld has since LLVM 20",
            backend.path.display()
        )
    })
}
