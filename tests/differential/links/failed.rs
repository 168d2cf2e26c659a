//! Links that fail.

use super::job::{Job, Line};
use super::model::{LEFT, SECTIONS};
use super::run::{Bench, Checked, explained, gathering, if_defined, joined};
use crate::support::Linked;
use std::collections::BTreeSet;
use std::ffi::OsString;

impl Bench {
    /// Where the plain link fails, so does ours, for the same reasons.
    pub(super) fn check_failed(
        &self,
        job: &Job,
        line: &Line,
        words: &[OsString],
        plain: &Linked,
    ) -> Checked {
        // `wasm-ld` crashes by `--emit-relocs` with some data that nothing refers to.
        if plain.status.is_none_or(|status| status > 128) || plain.stderr.contains("Stack dump") {
            self.count("the backend crashes");
            return Ok(());
        }
        // What nobody reads is collected, with what it lacks.
        let read = SECTIONS.into_iter().filter(|section| *section != LEFT);
        let read = read.flat_map(|section| {
            ["start", "stop"].map(|bound| if_defined(format!("__{bound}_{section}")))
        });
        let ours = self.ours(job, &joined(words, gathering(job).chain(read)));
        let reasons: BTreeSet<_> = reasons(&plain.stderr).collect();
        self.count("fail");
        let is_said = reasons.iter().all(|reason| ours.stderr.contains(reason));
        match ours.status == Some(1) && is_said {
            true => Ok(()),
            false => {
                let both = format!(
                    "plain: {}\nours: {:?} {}",
                    plain.stderr, ours.status, ours.stderr
                );
                Err(explained(line, words, &both))
            }
        }
    }

    /// Whether a link failed because live code refers to marks that nothing defines. That is an error of ours with
    /// `--allow-undefined` too (docs/sections.md). The backend reports the same if it allows undefined functions only.
    pub(super) fn reads_undefined_marks(
        &self,
        job: &Job,
        plain: &[OsString],
        ours: &Linked,
    ) -> bool {
        let is_allowed =
            |word: &OsString| word == "--allow-undefined" || word == "-allow-undefined";
        if !plain.iter().any(is_allowed) {
            return false;
        }
        let strict = plain.iter().map(|word| match is_allowed(word) {
            true => "--import-undefined".into(),
            false => word.clone(),
        });
        let strict = self.plain(job, &strict.collect::<Vec<_>>());
        let undefined: BTreeSet<_> = reasons(&strict.stderr).collect();
        let mut found = reasons(&ours.stderr).peekable();
        found.peek().is_some()
            && found.all(|reason| {
                reason.starts_with("undefined symbol: __link_section__")
                    && undefined.contains(reason)
            })
    }
}

/// What a linker says that is wrong.
fn reasons(stderr: &str) -> impl Iterator<Item = &str> {
    let lines = stderr.lines();
    let texts = ["duplicate symbol: ", "undefined symbol: "];
    lines.filter_map(move |line| {
        texts
            .iter()
            .find_map(|text| line.find(text).map(|at| &line[at..]))
    })
}
