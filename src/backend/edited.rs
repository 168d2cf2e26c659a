//! The edited objects: room is made for them before there are any, each is written when it has been made, and
//! then the synthesized one.

use super::find::Backend;
use super::job::{Job, no_room};
use super::pack::{self, Pack, Placed, Run, Writer};
use crate::args::CommandLine;
use crate::error::Result;
use crate::hoist::{Edited, Hoisted};
use crate::input::{Files, Inputs, Module, Provenance};
use crate::temporary::Kind;
use std::fs::File;
use std::path::PathBuf;

/// The edited objects of a link, as they are made.
pub struct EditedObjects<'a> {
    /// Where the synthesized object will be. If there is none, edited objects are linked only if those that they
    /// stand for would be.
    synthesized: Option<PathBuf>,
    /// Whether several are put into one file.
    together: bool,
    /// Those that are given in the places of the originals.
    alone: Vec<Placed<'a>>,
    writer: Writer,
    /// Those that are given as something else, and what has been made of them so far.
    others: Vec<&'a Module<'a>>,
    made: Vec<(&'a Module<'a>, Vec<u8>)>,
}

impl<'a> EditedObjects<'a> {
    /// Takes one. They come in link order.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn take(&mut self, module: &'a Module<'a>, bytes: Vec<u8>) -> Result<()> {
        let next = self.others.get(self.made.len());
        match next.is_some_and(|next| std::ptr::eq(*next, module)) {
            true => self.made.push((module, bytes)),
            false => self.writer.write(&bytes)?,
        }
        Ok(())
    }
}

impl<'a> Job<'a> {
    /// Makes room for the objects that are `edited`, in link order. If they `stay`, they are linked only if
    /// those that they stand for would be, and nothing is synthesized.
    pub fn make_room(
        &mut self,
        backend: &Backend,
        files: &Files,
        inputs: &'a Inputs<'a>,
        edited: impl Iterator<Item = Edited>,
        stay: bool,
    ) -> EditedObjects<'a> {
        let synthesized = (!stay).then(|| self.path(Kind::Object, None));
        let placed = edited.map(|edited| Placed {
            module: &inputs.modules[edited.id.0],
            order_counts: edited.order_counts,
        });
        let is_other = |placed: &Placed<'a>| {
            let module = placed.module;
            let stays_in_archive = module.is_member() && (module.place.whole_archive || stay);
            module.provenance == Provenance::Compiled || stays_in_archive
        };
        let (others, alone): (Vec<_>, Vec<_>) = placed.partition(is_other);
        // Nothing is put together for a wrapper, which may look at its words, nor where members are
        // linked only if something refers to them.
        let together = backend.takes_flavor() && !stay;
        let runs = match together {
            true => pack::runs(&alone, files),
            false => alone.iter().map(std::slice::from_ref).collect(),
        };
        let packs: Vec<Pack> = runs.iter().filter_map(|run| self.place_run(run)).collect();
        EditedObjects {
            synthesized,
            together,
            writer: Writer::new(packs),
            others: others.iter().map(|placed| placed.module).collect(),
            made: Vec::new(),
            alone,
        }
    }

    /// Completes the link when all edited objects are there, with what was synthesized.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn complete(
        &mut self,
        objects: &EditedObjects<'_>,
        line: &CommandLine,
        files: &Files,
        inputs: &'a Inputs<'a>,
        hoisted: Option<&'a Hoisted<'a>>,
    ) -> Result<()> {
        let modules = &inputs.modules;
        if let (Some(path), Some(hoisted)) = (&objects.synthesized, hoisted) {
            let file = File::create(path);
            let written = file.and_then(|mut file| hoisted.object.write(&mut file));
            written.map_err(|error| no_room(&error))?;
            self.edits.first.push(path.into());
            self.names
                .set_symbols(&hoisted.globals, |id| modules[id.0].name.to_string());
        }
        if objects.together {
            let given = objects.alone.iter().map(|placed| placed.module);
            self.leave_out_archives(files, given)?;
        }
        let stay = objects.synthesized.is_none();
        self.place_others(files, inputs, &objects.made, stay)?;
        if !stay {
            self.drop_exports(line);
            self.leave_lib(modules);
        }
        Ok(())
    }

    /// Puts edited objects where the originals are. What is to be written for them.
    fn place_run(&mut self, run: Run<'_>) -> Option<Pack> {
        let first = run.first()?.module;
        if let [_] = run {
            let path = self.path(Kind::Object, Some(first.name.to_string()));
            self.place(first, vec![path.clone().into()]);
            return Some(Pack::Object(path));
        }
        let archive = self.directory.name(Kind::Pack);
        let mut members = Vec::with_capacity(run.len());
        for Placed { module, .. } in run {
            let member = self.directory.name(Kind::Object);
            let name = format!("{archive}({member})");
            self.names.add_input(&name, module.name.to_string());
            members.push(member);
        }
        let archive = self.directory.path().join(archive);
        let mut words = vec![archive.clone().into()];
        if !first.place.whole_archive {
            words.insert(0, "--whole-archive".into());
            words.push("--no-whole-archive".into());
        }
        for Placed { module, .. } in run.iter().skip(1) {
            if !module.is_member() {
                self.place(module, Vec::new());
            }
        }
        self.place(first, words);
        Some(Pack::Archive(archive, members))
    }
}
