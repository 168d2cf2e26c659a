//! The same link by the core, in this process and with its inputs in memory.

use super::job::{Input, Job, Line};
use super::model::Model;
use super::run::{Bench, Checked};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Cursor;
use wasm_section_ld::args::CommandLine;
use wasm_section_ld::gather::{Options, gather};
use wasm_section_ld::input::{Index, Inputs, write_archive_to};
use wasm_section_ld::script::Script;
use wasm_section_ld::wasm::{Object, Symbol};

/// A file of the link.
enum File {
    Object(Vec<u8>),
    Archive { bytes: Vec<u8>, is_whole: bool },
}

impl Bench {
    /// The array of numbers in the synthesized object is what the model says.
    pub(super) fn check_core(
        &self,
        job: &Job,
        line: &Line,
        words: &[OsString],
        model: &Model,
    ) -> Checked {
        if line.inputs.iter().any(|input| input.is_bitcode) {
            return Ok(());
        }
        let host = std::fs::read(job.host(&self.work)).expect("the host");
        let mut files = vec![File::Object(host)];
        files.extend(
            line.inputs
                .chunk_by(Input::is_of_same_group)
                .flat_map(files_of),
        );
        let mut inputs = Inputs::default();
        for (number, file) in files.iter().enumerate() {
            match file {
                File::Object(bytes) => _ = inputs.add_object(format!("{number}.o"), bytes),
                File::Archive { bytes, is_whole } => inputs
                    .add_archive(format!("{number}.a"), bytes, *is_whole)
                    .expect("an archive"),
            }
        }
        // The inputs are in memory: no response file is to be read.
        let words = words
            .iter()
            .filter(|word| !word.as_encoded_bytes().starts_with(b"@"));
        let command_line = CommandLine::parse(words.cloned().collect()).expect("a command line");
        let options = Options {
            line: &command_line,
            script: &Script::default(),
            manifest: false,
            retains: &|| job.retains(),
        };
        let mut rewritten = Vec::new();
        let gathered =
            gather(&inputs, &options, &mut rewritten).map_err(|error| error.to_string())?;
        let found = match gathered.hoisted {
            None => Vec::new(),
            Some(hoisted) => numbers(hoisted.object.bytes()),
        };
        let expected = model.words("NUMBERS");
        match found == expected {
            true => Ok(()),
            false => Err(format!("the core gathers {found:?}, not {expected:?}")),
        }
    }
}

fn files_of(group: &[Input]) -> Vec<File> {
    let read = |input: &Input| std::fs::read(&input.object).expect("an object");
    let is_whole = group[0].is_always;
    if group[0].is_file() && is_whole {
        return group
            .iter()
            .map(|input| File::Object(read(input)))
            .collect();
    }
    let mut archive = Cursor::new(Vec::new());
    let members = group.iter().enumerate();
    let members = members.map(|(at, input)| (format!("{at}.o"), Cow::Owned(read(input))));
    write_archive_to(&mut archive, members, Index::Full).expect("memory takes all");
    let bytes = archive.into_inner();
    vec![File::Archive { bytes, is_whole }]
}

/// The words of the array NUMBERS: those between its bounds.
fn numbers(object: Vec<u8>) -> Vec<u32> {
    let bytes = object.into();
    let object = Object::parse(&bytes).expect("an object");
    let bound = |name: &str| {
        let mut symbols = object.symbols.iter();
        let symbol = symbols.find(|symbol| symbol.name == name);
        symbol.and_then(Symbol::definition)
    };
    let (Some((segment, start)), Some((_, stop))) =
        (bound("__start_NUMBERS"), bound("__stop_NUMBERS"))
    else {
        return Vec::new();
    };
    let array = &object.segment(segment).data[start.start as usize..stop.start as usize];
    let (words, rest) = array.as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
